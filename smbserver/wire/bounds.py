"""The one way to take a field of variable place out of a message: checked, never shortened. And text, both ways."""

from builtins import memoryview  # a compiled module looks for its constants' types among its names
from codecs import utf_16_le_decode, utf_16_le_encode
from collections.abc import Iterator
from struct import Struct
from typing import Final

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

_NOTHING: Final = memoryview(b"")


def field(message: memoryview, offset: int, length: int, fixed_end: int) -> memoryview:
    """`length` bytes at `offset` from the start of the SMB2 header. Raises WireError unless all of them are there.

    `fixed_end` is where the fixed part of the structure ends; a field may not reach back into it. A field of length 0
    may have any offset: clients leave it 0 or point anywhere.
    """
    if length == 0:
        return _NOTHING
    if offset < fixed_end or offset + length > len(message):
        raise WireError(f"field of {length} bytes at {offset} in a message of {len(message)}")
    return message[offset : offset + length]


def part(whole: bytes, start: int, end: int, offset: int, length: int, fixed_end: int) -> bytes:
    """As `field`, of the structure between `start` and `end` of bytes that were copied."""
    if length == 0:
        return b""
    if offset < fixed_end or start + offset + length > end:
        raise WireError(f"field of {length} bytes at {offset} in a structure of {end - start}")
    return whole[start + offset : start + offset + length]


def text(raw: memoryview) -> str:
    """UTF-16LE text, lone surrogates kept. Raises WireError on an odd length."""
    if len(raw) & 1:
        raise WireError("UTF-16 text of odd length")
    # The codec itself: to look it up by its name costs more than most names here have to be decoded.
    return utf_16_le_decode(raw, "surrogatepass", True)[0]


def raw_text(text: str) -> bytes:
    """The same the other way, as the codec "utf-16-le" has it with "surrogatepass"."""
    return utf_16_le_encode(text, "surrogatepass")[0]


def check_body(message: memoryview, layout: Struct, structure_size: int) -> None:
    """Raise WireError unless the fixed part is whole and says `structure_size`.

    Readers of replies call it; for a request dispatch has compared the size before its reader runs.
    """
    if len(message) < HEADER_SIZE + layout.size:
        raise WireError(f"body of {len(message) - HEADER_SIZE} bytes, at least {layout.size} needed")
    if int.from_bytes(message[HEADER_SIZE : HEADER_SIZE + 2], "little") != structure_size:
        raise WireError(f"StructureSize is not {structure_size}")


def chained(data: memoryview, fixed: int, alignment: int) -> Iterator[memoryview]:
    """The entries of a list linked by NextEntryOffset, their first field; each view ends where the next entry begins.

    Raises WireError on an entry shorter than its `fixed` part and on a link that is unaligned, points into its own
    entry, or leaves the data. No data is an empty list. Every step moves forward, so a list ends.
    """
    while len(data):
        if len(data) < fixed:
            raise WireError("list entry cut short")
        following = int.from_bytes(data[:4], "little")
        if not following:
            yield data
            return
        if following % alignment or following < fixed or following >= len(data):
            raise WireError("list does not move forward to its next entry")
        yield data[:following]
        data = data[following:]


def counted_text(entry: memoryview, offset: int, length: int) -> str:
    """UTF-16LE text of `length` bytes at `offset` of a structure. Raises WireError unless all of it is there."""
    raw = entry[offset : offset + length]
    if len(raw) != length:
        raise WireError("text leaves its structure")
    return text(raw)
