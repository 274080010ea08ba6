"""The bodies of four bytes: LOGOFF, TREE_DISCONNECT, ECHO, CANCEL, and the FLUSH reply ([MS-SMB2] 2.2.7 and others)."""

from typing import Final

BODY: Final = b"\x04\0\0\0"


def decode(message: memoryview) -> None:
    """Nothing to read: dispatch has checked the structure size."""
