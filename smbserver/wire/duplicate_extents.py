"""FSCTL_DUPLICATE_EXTENTS_TO_FILE and _EX: blocks of one file shared with another ([MS-FSCC] 2.3.7.2, 2.3.9.2)."""

from struct import Struct
from typing import Final, NamedTuple

SOURCE_ATOMIC: Final = 0x00000001

_PLAIN: Final = Struct("<QQqqq")
_EX: Final = Struct("<QQQqqqI4x")  # in front the StructureSize
EX_STRUCTURE_SIZE: Final = 0x30


class DuplicateExtents(NamedTuple):
    """Which part of which open goes where. Offsets and lengths are signed. The plain form has no flags."""

    persistent_id: int
    volatile_id: int
    source_offset: int
    target_offset: int
    length: int
    flags: int


def decode(data: memoryview) -> DuplicateExtents | None:
    """Read SMB2_DUPLICATE_EXTENTS_DATA; None when it is too short, which has a status of its own."""
    if len(data) < _PLAIN.size:
        return None
    return DuplicateExtents._make((*_PLAIN.unpack_from(data), 0))


def decode_ex(data: memoryview) -> tuple[int, DuplicateExtents] | None:
    """Read SMB2_DUPLICATE_EXTENTS_DATA_EX: its StructureSize, and the rest; None when it is too short.

    It has 0x38 bytes, and says 0x30: that of the local form, whose file is a handle of 8 bytes. Less than 0x38 is
    enough for [MS-FSA] 2.1.5.10.5; what is missing is zero.
    """
    if len(data) < EX_STRUCTURE_SIZE:
        return None
    size, *fields = _EX.unpack_from(bytes(data[: _EX.size]).ljust(_EX.size, b"\0"))
    return size, DuplicateExtents._make(fields)


def encode(request: DuplicateExtents) -> bytes:
    """The plain form."""
    return _PLAIN.pack(*request[:5])


def encode_ex(request: DuplicateExtents, structure_size: int = EX_STRUCTURE_SIZE) -> bytes:
    """The extended form."""
    return _EX.pack(structure_size, *request)
