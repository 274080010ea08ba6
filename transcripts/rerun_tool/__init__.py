"""The parts of `transcripts/rerun.py`: reading, extracting, generating and scoring transcripts."""
