"""File information classes for QUERY_INFO and SET_INFO ([MS-FSCC] 2.4)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata
from smbserver.wire.bounds import text

BASIC: Final = 4
STANDARD: Final = 5
INTERNAL: Final = 6
EA: Final = 7
ACCESS: Final = 8
NAME: Final = 9
RENAME: Final = 10
LINK: Final = 11
DISPOSITION: Final = 13
POSITION: Final = 14
MODE: Final = 16
ALIGNMENT: Final = 17
ALL: Final = 18
ALLOCATION: Final = 19
END_OF_FILE: Final = 20
STREAM: Final = 22
COMPRESSION: Final = 28
NETWORK_OPEN: Final = 34
ATTRIBUTE_TAG: Final = 35
NORMALIZED_NAME: Final = 48

_BASIC = Struct("<QQQQII")
_STANDARD = Struct("<QQIBBH")
_U64 = Struct("<Q")
_U32 = Struct("<I")
_NETWORK_OPEN = Struct("<QQQQQQII")
_ATTRIBUTE_TAG = Struct("<II")
_STREAM = Struct("<IIQQ")
_COMPRESSION = Struct("<QHBBB3x")
_RENAME = Struct("<B7xQI")

# The shortest buffer that may be asked of each class; a shorter one is INFO_LENGTH_MISMATCH ([MS-SMB2] 3.3.5.20.1).
FIXED_SIZE: Final = {
    BASIC: 40,
    STANDARD: 24,
    INTERNAL: 8,
    EA: 4,
    ACCESS: 4,
    NAME: 4,
    POSITION: 8,
    MODE: 4,
    ALIGNMENT: 4,
    ALL: 100,
    STREAM: 24,
    COMPRESSION: 16,
    NETWORK_OPEN: 56,
    ATTRIBUTE_TAG: 8,
    NORMALIZED_NAME: 4,
}


class OpenView(NamedTuple):
    """What an information class can tell of an open beside the file's metadata. `name` is the path below the share."""

    name: str
    granted_access: int
    mode: int
    position: int
    delete_pending: bool


def basic(meta: Metadata) -> bytes:
    """FileBasicInformation (2.4.7)."""
    return _BASIC.pack(*meta[0:4], meta.attributes, 0)


def standard(meta: Metadata, view: OpenView) -> bytes:
    """FileStandardInformation (2.4.47). A file that is going has one link less."""
    links = meta.number_of_links - view.delete_pending
    return _STANDARD.pack(
        meta.allocation_size, meta.end_of_file, max(links, 0), view.delete_pending, meta.is_directory, 0
    )


def name_information(name: str) -> bytes:
    """FileNameInformation and FileNormalizedNameInformation (2.4.32, 2.4.35)."""
    raw = name.encode("utf-16-le", "surrogatepass")
    return _U32.pack(len(raw)) + raw


def network_open(meta: Metadata) -> bytes:
    """FileNetworkOpenInformation (2.4.34)."""
    return _NETWORK_OPEN.pack(*meta[0:6], meta.attributes, 0)


def all_information(meta: Metadata, view: OpenView) -> bytes:
    """FileAllInformation (2.4.2): eight classes in a row; the name comes last and may be cut."""
    return b"".join(
        (
            basic(meta),
            standard(meta, view),
            _U64.pack(meta.file_id),
            _U32.pack(0),
            _U32.pack(view.granted_access),
            _U64.pack(view.position),
            _U32.pack(view.mode),
            _U32.pack(0),
            name_information("\\" + view.name),
        )
    )


def stream_information(meta: Metadata) -> bytes:
    """FileStreamInformation (2.4.49): the unnamed data stream of a file; nothing for a directory."""
    if meta.is_directory:
        return b""
    raw = "::$DATA".encode("utf-16-le")
    return _STREAM.pack(0, len(raw), meta.end_of_file, meta.allocation_size) + raw


def encode(info_class: int, meta: Metadata, view: OpenView) -> bytes | None:
    """The bytes of an information class, or None when this server does not have it."""
    if info_class == BASIC:
        return basic(meta)
    if info_class == STANDARD:
        return standard(meta, view)
    if info_class == INTERNAL:
        return _U64.pack(meta.file_id)
    if info_class in (EA, ALIGNMENT):  # no EAs are stored; any alignment will do
        return _U32.pack(0)
    if info_class == ACCESS:
        return _U32.pack(view.granted_access)
    if info_class == NAME:
        return name_information("\\" + view.name)
    if info_class == NORMALIZED_NAME:
        return name_information(view.name)
    if info_class == POSITION:
        return _U64.pack(view.position)
    if info_class == MODE:
        return _U32.pack(view.mode)
    if info_class == ALL:
        return all_information(meta, view)
    if info_class == STREAM:
        return stream_information(meta)
    if info_class == COMPRESSION:
        return _COMPRESSION.pack(meta.end_of_file, 0, 0, 0, 0)
    if info_class == NETWORK_OPEN:
        return network_open(meta)
    if info_class == ATTRIBUTE_TAG:
        return _ATTRIBUTE_TAG.pack(meta.attributes, 0)
    return None


class BasicChange(NamedTuple):
    """FileBasicInformation to set. A time of 0 leaves it, -1 and -2 steer automatic updates ([MS-FSCC] 2.4.7)."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    attributes: int


_BASIC_SET = Struct("<qqqqII")


def decode_basic(data: memoryview) -> BasicChange:
    """Read FileBasicInformation. Raises WireError, also on a time below -2."""
    if len(data) < _BASIC_SET.size:
        raise WireError("short FileBasicInformation")
    change = BasicChange._make(_BASIC_SET.unpack_from(data)[:5])
    if min(change[:4]) < -2:
        raise WireError("negative time")
    return change


class RenameTarget(NamedTuple):
    """FileRenameInformation and FileLinkInformation for SMB2: the new path from the share's root."""

    replace_if_exists: bool
    root_directory: int
    name: str


def decode_rename(data: memoryview) -> RenameTarget:
    """Read FileRenameInformation or FileLinkInformation (2.4.42.2, 2.4.28.2). Raises WireError."""
    if len(data) < _RENAME.size:
        raise WireError("short rename information")
    replace, root, length = _RENAME.unpack_from(data)
    raw = data[_RENAME.size : _RENAME.size + length]
    if length == 0 or len(raw) != length:
        raise WireError("rename information without its name")
    return RenameTarget(replace != 0, root, text(raw))


def decode_u8(data: memoryview) -> int:
    """FileDispositionInformation: one byte. Raises WireError."""
    if len(data) < 1:
        raise WireError("empty information")
    return data[0]


def decode_u32(data: memoryview) -> int:
    """FileModeInformation: four bytes. Raises WireError."""
    if len(data) < 4:
        raise WireError("short information")
    return int(_U32.unpack_from(data)[0])


def decode_u64(data: memoryview) -> int:
    """FileAllocation-, FileEndOfFile-, FilePositionInformation: eight bytes. Raises WireError."""
    if len(data) < 8:
        raise WireError("short information")
    return int(_U64.unpack_from(data)[0])
