"""File information classes for QUERY_INFO and SET_INFO ([MS-FSCC] 2.4)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.attributes import COMPRESSED, SPARSE_FILE
from smbserver.nt.metadata import Metadata
from smbserver.wire.bounds import chained, counted_text, raw_text, text
from smbserver.wire.sparse import COMPRESSION_FORMAT_LZNT1, COMPRESSION_FORMAT_NONE

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
ALTERNATE_NAME: Final = 21
STREAM: Final = 22
COMPRESSION: Final = 28
NETWORK_OPEN: Final = 34
ATTRIBUTE_TAG: Final = 35
VALID_DATA_LENGTH: Final = 39
SHORT_NAME: Final = 40
NORMALIZED_NAME: Final = 48
ID: Final = 59
DISPOSITION_EX: Final = 64
RENAME_EX: Final = 65

# Documented in [MS-FSCC] 2.4 and not to be had through the protocol ([MS-SMB2] 2.2.37, 2.2.39), as opposed to what
# nobody knows; note 415 of 3.3.5.20.1 takes some out. Local there: mailslots, object ids, hard links, reparse points.
QUERY_UNSUPPORTED: Final = frozenset({26, 29, 32, 33, 44, 45, 46, 54, 60, DISPOSITION_EX, RENAME_EX, 78, 79, 80, 81})
SET_UNSUPPORTED: Final = frozenset({29, 32, SHORT_NAME})

_BASIC: Final = Struct("<QQQQII")
_STANDARD: Final = Struct("<QQIBBH")
_U64: Final = Struct("<Q")
_U32: Final = Struct("<I")
_NETWORK_OPEN: Final = Struct("<QQQQQQII")
_ATTRIBUTE_TAG: Final = Struct("<II")
_STREAM: Final = Struct("<IIQQ")
_ID: Final = Struct("<QQQ")
_COMPRESSION: Final = Struct("<QHBBB3x")
_NTFS_SHIFTS: Final = (16, 12, 12)  # compression units of 16 clusters, chunks, clusters ([MS-FSCC] notes 110 to 112)
_RENAME: Final = Struct("<B7xQI")
# Flags of FileDispositionInformationEx (2.4.12) and FileRenameInformationEx (2.4.43).
DISPOSITION_DELETE: Final = 0x01
DISPOSITION_POSIX_SEMANTICS: Final = 0x02
DISPOSITION_FORCE_IMAGE_SECTION_CHECK: Final = 0x04
DISPOSITION_ON_CLOSE: Final = 0x08
DISPOSITION_IGNORE_READONLY: Final = 0x10
RENAME_REPLACE_IF_EXISTS: Final = 0x001
RENAME_POSIX_SEMANTICS: Final = 0x002
RENAME_SUPPRESS_PIN_STATE_INHERITANCE: Final = 0x004
RENAME_SUPPRESS_STORAGE_RESERVE_INHERITANCE: Final = 0x008
RENAME_IGNORE_READONLY: Final = 0x040

# FileAllInformation without the characters of its name: basic, standard, internal, EA, access, position, mode,
# alignment (0), the length of the name.
_ALL: Final = Struct("<QQQQI4xQQIBB2xQIIQI4xI")
_ALL_FIXED: Final = _ALL.size

# The shortest buffer that may be asked of each class; a shorter one is INFO_LENGTH_MISMATCH ([MS-SMB2] 3.3.5.20.1).
# [MS-FSA] 2.1.5.12 counts the first character of a name and the padding behind it.
FIXED_SIZE: Final = {
    BASIC: 40,
    STANDARD: 24,
    INTERNAL: 8,
    EA: 4,
    ACCESS: 4,
    NAME: 8,
    POSITION: 8,
    MODE: 4,
    ALIGNMENT: 4,
    ALL: 104,
    ALTERNATE_NAME: 8,
    STREAM: 32,
    COMPRESSION: 16,
    NETWORK_OPEN: 56,
    ATTRIBUTE_TAG: 8,
    NORMALIZED_NAME: 8,
    ID: 24,
}
# The least a client may send to set a class; less is INFO_LENGTH_MISMATCH ([MS-FSA] 2.1.5.15).
SET_SIZE: Final = {
    BASIC: 40,
    RENAME: 24,  # the fixed part and the padding that makes it 24 (2.4.42.2)
    LINK: 24,
    DISPOSITION_EX: 4,
    RENAME_EX: 24,
    DISPOSITION: 1,
    POSITION: 8,
    MODE: 4,
    ALLOCATION: 8,
    END_OF_FILE: 8,
    VALID_DATA_LENGTH: 8,
}


class OpenView:
    """What an information class can tell of an open beside the file's metadata. Nobody changes one.

    `name` is the path below the share; `short_name` the last component's 8.3 name, empty when it has none;
    `ea_size` and `volume_serial` are only known for the classes that tell them.
    """

    __slots__ = (
        "delete_pending",
        "ea_size",
        "granted_access",
        "mode",
        "name",
        "position",
        "short_name",
        "volume_serial",
    )

    def __init__(
        self,
        name: str,
        granted_access: int,
        mode: int,
        position: int,
        delete_pending: bool,
        short_name: str = "",
        ea_size: int = 0,
        volume_serial: int = 0,
    ) -> None:
        self.name = name
        self.granted_access = granted_access
        self.mode = mode
        self.position = position
        self.delete_pending = delete_pending
        self.short_name = short_name
        self.ea_size = ea_size
        self.volume_serial = volume_serial


def basic(meta: Metadata) -> bytes:
    """FileBasicInformation (2.4.7)."""
    return _BASIC.pack(
        meta.creation_time, meta.last_access_time, meta.last_write_time, meta.change_time, meta.attributes, 0
    )


def standard(meta: Metadata, view: OpenView) -> bytes:
    """FileStandardInformation (2.4.47). A file that is going has one link less."""
    links = meta.number_of_links - view.delete_pending
    return _STANDARD.pack(
        meta.allocation_size, meta.end_of_file, max(links, 0), view.delete_pending, meta.is_directory, 0
    )


def name_information(name: str) -> bytes:
    """FileNameInformation and FileNormalizedNameInformation (2.4.32, 2.4.35)."""
    raw = raw_text(name)
    return _U32.pack(len(raw)) + raw


def network_open(meta: Metadata) -> bytes:
    """FileNetworkOpenInformation (2.4.34)."""
    return _NETWORK_OPEN.pack(
        meta.creation_time,
        meta.last_access_time,
        meta.last_write_time,
        meta.change_time,
        meta.allocation_size,
        meta.end_of_file,
        meta.attributes,
        0,
    )


def all_information(meta: Metadata, view: OpenView) -> bytes:
    """FileAllInformation (2.4.2): nine classes in a row; the name comes last and may be cut."""
    raw = raw_text("\\" + view.name)
    links = meta.number_of_links - view.delete_pending
    fixed = _ALL.pack(
        meta.creation_time,
        meta.last_access_time,
        meta.last_write_time,
        meta.change_time,
        meta.attributes,
        meta.allocation_size,
        meta.end_of_file,
        links if links > 0 else 0,
        view.delete_pending,
        meta.is_directory,
        meta.file_id,
        view.ea_size,
        view.granted_access,
        view.position,
        view.mode,
        len(raw),
    )
    return fixed + raw


def file_id(volume_serial: int, number: int) -> bytes:
    """FileIdInformation (2.4.26): the volume, and the file's id with 128 bits."""
    return _ID.pack(volume_serial, number, 0)


def stream_information(meta: Metadata) -> bytes:
    """FileStreamInformation (2.4.49): the unnamed data stream of a file; nothing for a directory."""
    if meta.is_directory:
        return b""
    return encode_streams((Stream("::$DATA", meta.end_of_file, meta.allocation_size),))


class Stream(NamedTuple):
    """One stream of a file, named ":name:$DATA"; sizes in bytes."""

    name: str
    size: int
    allocation_size: int


def encode_streams(streams: Sequence[Stream], room: int | None = None) -> bytes:
    """FileStreamInformation (2.4.49): every entry but the last is padded to 8 and leads to the next.

    With `room`, a number of bytes, only the first entries that fit whole.
    """
    chosen: list[bytes] = []
    end = 0
    for stream in streams:
        raw = raw_text(stream.name)
        entry = _STREAM.pack(0, len(raw), stream.size, stream.allocation_size) + raw
        end += -end % 8 + len(entry)
        if room is not None and end > room:
            break
        chosen.append(entry)
    encoded = []
    for index, entry in enumerate(chosen, 1):
        padded = len(entry) + -len(entry) % 8 if index < len(chosen) else 0
        encoded.append((_U32.pack(padded) + entry[_U32.size :]).ljust(padded, b"\0"))
    return b"".join(encoded)


def decode_streams(data: memoryview) -> tuple[Stream, ...]:
    """Read FileStreamInformation. Raises WireError; no data is an empty list."""
    streams = []
    for raw in chained(data, _STREAM.size, 8):
        _, length, size, allocation = _STREAM.unpack_from(raw)
        streams.append(Stream(counted_text(raw, _STREAM.size, length), size, allocation))
    return tuple(streams)


def encode(info_class: int, meta: Metadata, view: OpenView) -> bytes | None:
    """The bytes of an information class, or None when this server does not have it."""
    if info_class == ALL:
        return all_information(meta, view)
    if info_class == BASIC:
        return basic(meta)
    if info_class == STANDARD:
        return standard(meta, view)
    if info_class == INTERNAL:
        return _U64.pack(meta.file_id)
    if info_class == EA:
        return _U32.pack(view.ea_size)
    if info_class == ALIGNMENT:  # any will do
        return _U32.pack(0)
    if info_class == ACCESS:
        return _U32.pack(view.granted_access)
    if info_class == NAME:
        return name_information("\\" + view.name)
    if info_class == ALTERNATE_NAME:
        return name_information(view.short_name) if view.short_name else None
    if info_class == NORMALIZED_NAME:
        return name_information(view.name)
    if info_class == POSITION:
        return _U64.pack(view.position)
    if info_class == MODE:
        return _U32.pack(view.mode)
    if info_class == ID:
        return file_id(view.volume_serial, meta.file_id)
    if info_class == STREAM:
        return stream_information(meta)
    if info_class == COMPRESSION:
        return _compression(meta)
    if info_class == NETWORK_OPEN:
        return network_open(meta)
    if info_class == ATTRIBUTE_TAG:
        return _ATTRIBUTE_TAG.pack(meta.attributes, meta.reparse_tag)
    return None


class BasicChange(NamedTuple):
    """FileBasicInformation to set. A time of 0 leaves it, -1 and -2 steer automatic updates ([MS-FSCC] 2.4.7)."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    attributes: int


_BASIC_SET: Final = Struct("<qqqqII")


def decode_basic(data: memoryview) -> BasicChange:
    """Read FileBasicInformation. Raises WireError, also on a time below -2."""
    if len(data) < _BASIC_SET.size:
        raise WireError("short FileBasicInformation")
    change = BasicChange._make(_BASIC_SET.unpack_from(data)[:5])
    if min(change[:4]) < -2:
        raise WireError("negative time")
    return change


def encode_basic(change: BasicChange) -> bytes:
    """FileBasicInformation as a client sets it."""
    return _BASIC_SET.pack(*change, 0)


class RenameTarget(NamedTuple):
    """FileRenameInformation and FileLinkInformation for SMB2: the new path from the share's root.

    `flags` are those of FileRenameInformationEx, REPLACE_IF_EXISTS among them.
    """

    replace_if_exists: bool
    root_directory: int
    name: str
    flags: int = 0


def decode_rename(data: memoryview) -> RenameTarget:
    """Read FileRenameInformation or FileLinkInformation (2.4.42.2, 2.4.28.2). Raises WireError."""
    if len(data) < _RENAME.size:
        raise WireError("short rename information")
    replace, root, length = _RENAME.unpack_from(data)
    raw = data[_RENAME.size : _RENAME.size + length]
    if length == 0 or len(raw) != length:
        raise WireError("rename information without its name")
    return RenameTarget(replace != 0, root, text(raw))


def encode_rename(target: RenameTarget) -> bytes:
    """FileRenameInformation or FileLinkInformation as a client sets it: 24 bytes at least (2.4.42.2)."""
    raw = raw_text(target.name)
    head = _RENAME.pack(target.replace_if_exists, target.root_directory, len(raw))
    return (head + raw).ljust(24, b"\0")


def decode_rename_ex(data: memoryview) -> RenameTarget:
    """Read FileRenameInformationEx (2.4.43). Raises WireError."""
    target = decode_rename(data)
    flags = int(_U32.unpack_from(data)[0])
    return target._replace(replace_if_exists=flags & RENAME_REPLACE_IF_EXISTS != 0, flags=flags)


def encode_rename_ex(target: RenameTarget) -> bytes:
    """FileRenameInformationEx as a client sets it."""
    return _U32.pack(target.flags) + encode_rename(target)[4:]


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


# What a client reads. Each raises WireError when the fixed part or a name is cut short.


class Standard(NamedTuple):
    """FileStandardInformation; sizes in bytes."""

    allocation_size: int
    end_of_file: int
    number_of_links: int
    delete_pending: bool
    directory: bool


class NetworkOpen(NamedTuple):
    """FileNetworkOpenInformation: FILETIMEs and bytes."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    file_attributes: int


class All(NamedTuple):
    """FileAllInformation."""

    basic: BasicChange
    standard: Standard
    index_number: int
    ea_size: int
    access_flags: int
    position: int
    mode: int
    alignment: int
    name: str


class Compression(NamedTuple):
    """FileCompressionInformation; size in bytes, shifts are powers of two."""

    compressed_size: int
    format: int
    unit_shift: int
    chunk_shift: int
    cluster_shift: int


class AttributeTag(NamedTuple):
    """FileAttributeTagInformation; a tag only with FILE_ATTRIBUTE_REPARSE_POINT."""

    file_attributes: int
    reparse_tag: int


def _fixed(data: memoryview, layout: Struct) -> None:
    if len(data) < layout.size:
        raise WireError("file information cut short")


def decode_standard(data: memoryview) -> Standard:
    """Read FileStandardInformation."""
    _fixed(data, _STANDARD)
    allocation, end, links, pending, directory, _ = _STANDARD.unpack_from(data)
    return Standard(allocation, end, links, pending != 0, directory != 0)


def decode_name(data: memoryview) -> str:
    """Read FileNameInformation and FileNormalizedNameInformation."""
    _fixed(data, _U32)
    return counted_text(data, _U32.size, _U32.unpack_from(data)[0])


def decode_network_open(data: memoryview) -> NetworkOpen:
    """Read FileNetworkOpenInformation."""
    _fixed(data, _NETWORK_OPEN)
    return NetworkOpen._make(_NETWORK_OPEN.unpack_from(data)[:7])


def decode_all(data: memoryview) -> All:
    """Read FileAllInformation."""
    if len(data) < _ALL_FIXED:
        raise WireError("file information cut short")
    return All(
        decode_basic(data),
        decode_standard(data[40:]),
        decode_u64(data[64:]),
        decode_u32(data[72:]),
        decode_u32(data[76:]),
        decode_u64(data[80:]),
        decode_u32(data[88:]),
        decode_u32(data[92:]),
        decode_name(data[96:]),
    )


def _compression(meta: Metadata) -> bytes:
    """FileCompressionInformation (2.4.9): what is allocated, and as NTFS the units of its only format.

    Of a file that is neither compressed nor sparse its size, which is what GetCompressedFileSize promises programs.
    """
    size = meta.end_of_file
    if meta.attributes & (COMPRESSED | SPARSE_FILE) and not meta.is_directory:
        size = meta.allocation_size
    if not meta.attributes & COMPRESSED:
        return _COMPRESSION.pack(size, COMPRESSION_FORMAT_NONE, 0, 0, 0)
    return _COMPRESSION.pack(size, COMPRESSION_FORMAT_LZNT1, *_NTFS_SHIFTS)


def decode_compression(data: memoryview) -> Compression:
    """Read FileCompressionInformation."""
    _fixed(data, _COMPRESSION)
    return Compression._make(_COMPRESSION.unpack_from(data))


def decode_attribute_tag(data: memoryview) -> AttributeTag:
    """Read FileAttributeTagInformation."""
    _fixed(data, _ATTRIBUTE_TAG)
    return AttributeTag._make(_ATTRIBUTE_TAG.unpack_from(data))
