"""The one way to take a field of variable place out of a message: checked, never shortened."""

from smbserver.errors import WireError


def field(message: memoryview, offset: int, length: int, fixed_end: int) -> memoryview:
    """`length` bytes at `offset` from the start of the SMB2 header. Raises WireError unless all of them are there.

    `fixed_end` is where the fixed part of the structure ends; a field may not reach back into it. A field of length 0
    may have any offset: clients leave it 0 or point anywhere.
    """
    if length == 0:
        return message[:0]
    if offset < fixed_end or offset + length > len(message):
        raise WireError(f"field of {length} bytes at {offset} in a message of {len(message)}")
    return message[offset : offset + length]


def text(raw: memoryview) -> str:
    """UTF-16LE text, lone surrogates kept. Raises WireError on an odd length."""
    if len(raw) & 1:
        raise WireError("UTF-16 text of odd length")
    return str(raw, "utf-16-le", "surrogatepass")
