"""SMB2 ERROR response ([MS-SMB2] 2.2.2)."""

from struct import Struct

LAYOUT = Struct("<HBBI")


def encode(data: bytes = b"") -> bytes:
    """The body of an error response; one filler byte stands for absent data."""
    return LAYOUT.pack(9, 0, 0, len(data)) + (data or b"\0")
