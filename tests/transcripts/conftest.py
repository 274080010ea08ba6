"""Makes the parts of transcripts/rerun.py importable, and lends every test the recorded transcript."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "transcripts"))


@pytest.fixture(scope="session")
def recorded() -> bytes:
    """A small, whole, well-formed transcript with three checkpoints."""
    return (Path(__file__).parent / "recorded.md").read_bytes()
