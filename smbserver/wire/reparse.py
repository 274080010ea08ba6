"""Reparse points ([MS-FSCC] 2.1.2) and the error data of an open that met a symbolic link ([MS-SMB2] 2.2.2.2.1)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.reparse_tags import IO_REPARSE_TAG_SYMLINK, is_microsoft
from smbserver.wire.bounds import counted_text, raw_text

SYMLINK_FLAG_RELATIVE: Final = 0x00000001
MAX_SIZE: Final = 16384  # of a whole buffer ([MS-FSA] 2.1.5.10.37)
HEAD: Final = Struct("<IHH")
_GUID_SIZE: Final = 16
_SYMLINK: Final = Struct("<HHHHI")
_ERROR: Final = Struct("<IIIHH")
_SYMLINK_ERROR_TAG: Final = 0x4C4D5953


class ReparsePoint(NamedTuple):
    """A tag and its data. `guid` belongs to tags that are not Microsoft's, and is empty for theirs."""

    tag: int
    data: bytes
    guid: bytes = b""


class SymbolicLink(NamedTuple):
    """The data of IO_REPARSE_TAG_SYMLINK (2.1.2.4)."""

    substitute_name: str
    print_name: str
    is_relative: bool


def decode(buffer: memoryview) -> ReparsePoint:
    """Read a REPARSE_DATA_BUFFER or REPARSE_GUID_DATA_BUFFER (2.1.2.2, 2.1.2.3). Raises WireError.

    The length must be told exactly; Reserved is ignored.
    """
    if not HEAD.size <= len(buffer) <= MAX_SIZE:
        raise WireError("reparse buffer of a size that there is not")
    tag, length, _ = HEAD.unpack_from(buffer)
    start = HEAD.size if is_microsoft(tag) else HEAD.size + _GUID_SIZE
    if len(buffer) != start + length:
        raise WireError("reparse buffer of another length than it says")
    return ReparsePoint(tag, bytes(buffer[start:]), bytes(buffer[HEAD.size : start]))


def encode(point: ReparsePoint) -> bytes:
    """The buffer of a reparse point."""
    return HEAD.pack(point.tag, len(point.data), 0) + point.guid + point.data


def decode_symbolic_link(data: bytes) -> SymbolicLink:
    """Read the data of a symbolic link. Raises WireError; the names may overlap and stand in any order."""
    if len(data) < _SYMLINK.size:
        raise WireError("short symbolic link")
    substitute, substitute_length, shown, shown_length, flags = _SYMLINK.unpack_from(data)
    path = memoryview(data)[_SYMLINK.size :]
    if flags & ~SYMLINK_FLAG_RELATIVE:
        raise WireError("unknown flags of a symbolic link")
    return SymbolicLink(
        counted_text(path, substitute, substitute_length), counted_text(path, shown, shown_length), flags != 0
    )


def encode_symbolic_link(link: SymbolicLink) -> bytes:
    """The data of a symbolic link, the substitute name first."""
    substitute = raw_text(link.substitute_name)
    shown = raw_text(link.print_name)
    flags = SYMLINK_FLAG_RELATIVE if link.is_relative else 0
    return _SYMLINK.pack(0, len(substitute), len(substitute), len(shown), flags) + substitute + shown


class StoppedOnSymlink(NamedTuple):
    """What a client needs to go on: the link, and how many bytes at the end of the path's name come behind it."""

    link: SymbolicLink
    unparsed_path_length: int


def encode_stopped(stopped: StoppedOnSymlink) -> bytes:
    """Symbolic Link Error Response."""
    data = encode_symbolic_link(stopped.link)
    length = _ERROR.size - 4 + len(data)
    return (
        _ERROR.pack(length, _SYMLINK_ERROR_TAG, IO_REPARSE_TAG_SYMLINK, len(data), stopped.unparsed_path_length) + data
    )


def decode_stopped(data: memoryview) -> StoppedOnSymlink:
    """Read a Symbolic Link Error Response. Raises WireError."""
    if len(data) < _ERROR.size:
        raise WireError("short symbolic link error")
    length, error_tag, tag, data_length, unparsed = _ERROR.unpack_from(data)
    if error_tag != _SYMLINK_ERROR_TAG or tag != IO_REPARSE_TAG_SYMLINK:
        raise WireError("not a symbolic link error")
    if length != len(data) - 4 or data_length != len(data) - _ERROR.size:
        raise WireError("symbolic link error of another length than it says")
    return StoppedOnSymlink(decode_symbolic_link(bytes(data[_ERROR.size :])), unparsed)
