"""Samba's smbtorture against a server of ours, test by test, and what is known to fail."""
