"""SRV_SNAPSHOT_ARRAY, the output of FSCTL_SRV_ENUMERATE_SNAPSHOTS ([MS-SMB2] 2.2.32.2)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import field, text

ARRAY: Final = Struct("<III")
MINIMUM: Final = 16  # the least room there must be (3.3.5.15.1)
# Windows puts one empty string where nothing is listed (notes 68 and 383); with it a reply has the least room's size.
_NOTHING: Final = bytes(MINIMUM - ARRAY.size)
_EMPTY_SIZE: Final = 2


class SnapshotArray(NamedTuple):
    """How many there are, and the @GMT names of those that had room in the reply; `size` in bytes of all of them."""

    number: int
    returned: int
    size: int
    names: tuple[str, ...]


def encode(names: Sequence[str], room: int) -> bytes:
    """The array, or without its names when they need more than `room` bytes: the client asks again with `size`."""
    if not names:
        return ARRAY.pack(0, 0, _EMPTY_SIZE) + _NOTHING
    listed = ("\0".join(names) + "\0\0").encode("utf-16-le")
    if ARRAY.size + len(listed) > room:
        return ARRAY.pack(len(names), 0, len(listed)) + _NOTHING
    return ARRAY.pack(len(names), len(names), len(listed)) + listed


def decode(data: memoryview) -> SnapshotArray:
    """Read an array. Raises WireError."""
    if len(data) < ARRAY.size:
        raise WireError("short SRV_SNAPSHOT_ARRAY")
    number, returned, size = ARRAY.unpack_from(data)
    if not returned:  # `size` is then what would have been needed
        return SnapshotArray(number, returned, size, ())
    names = text(field(data, ARRAY.size, size, ARRAY.size)).split("\0")
    if len(names) < returned + 2 or any(names[returned:]):
        raise WireError("SRV_SNAPSHOT_ARRAY without its names")
    return SnapshotArray(number, returned, size, tuple(names[:returned]))
