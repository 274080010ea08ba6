"""Bytes to frames and back. Knows no SMB."""
