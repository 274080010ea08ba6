"""The POSIX extensions of SMB 3.1.1: contexts, and the records of class 100 (draft of the Samba team, smb3posix.idl).

The draft has no numbered sections that stay; where Linux's client and Samba read a field differently it is said here.
"""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata, Ownership, VolumeSpace
from smbserver.nt.sid import NOBODY, read_sid, unix_group, unix_user
from smbserver.wire.bounds import chained, counted_text

NEGOTIATE_CONTEXT: Final = 0x0100
CONTEXT: Final = bytes.fromhex("93AD25509CB411E7B42383DE968BCD7C")
"""The name of the create context, and the one kind of extensions that there is."""

INFORMATION: Final = 100
"""The class of a file, of a directory's entries, and of a volume."""

NO_MODE: Final = 0xFFFF  # Linux sends it with every open that is to make nothing; its modes have 16 bits
_NO_MODES: Final = (NO_MODE, 0xFFFFFFFF)  # Samba's
PERMISSIONS: Final = 0o7777

# Behind the bits of chmod: what a file is. Linux before 6.13 ignores them and goes by the attributes.
TYPE_FILE: Final = 0
TYPE_DIRECTORY: Final = 1
TYPE_SYMLINK: Final = 2
_TYPE_SHIFT: Final = 12

_MODE: Final = Struct("<I")
_CREATED: Final = Struct("<III")  # links, reparse tag, mode; then the owner's and the group's SID
_FILE: Final = Struct("<QQQQQQIQII")  # times, EndOfFile, AllocationSize, attributes, inode, device, reserved
_ENTRY_HEAD: Final = Struct("<II")
_LENGTH: Final = Struct("<I")
_VOLUME: Final = Struct("<IIQQQQQQ")
_SID_SIZE: Final = len(unix_user(0))

FILE_SIZE: Final = _FILE.size + _CREATED.size + 2 * _SID_SIZE
ENTRY_SIZE: Final = _ENTRY_HEAD.size + FILE_SIZE + _LENGTH.size
"""An entry without its name; one of an unknown owner is shorter."""

VOLUME_SIZE: Final = _VOLUME.size
_MASK_32: Final = 0xFFFFFFFF
_MASK_64: Final = 0xFFFFFFFFFFFFFFFF


def offers(data: bytes) -> bool:
    """Whether a negotiate context asks for the extensions known here. Raises WireError for what is no list of ids."""
    if len(data) % len(CONTEXT):
        raise WireError(f"POSIX extensions of {len(data)} bytes")
    return any(data[at : at + len(CONTEXT)] == CONTEXT for at in range(0, len(data), len(CONTEXT)))


def decode_mode(data: bytes) -> int | None:
    """The bits of chmod in a create context; None for "whatever is usual". Raises WireError."""
    if len(data) != _MODE.size:
        raise WireError(f"a mode of {len(data)} bytes")
    mode = int(_MODE.unpack(data)[0])
    return None if mode in _NO_MODES else mode & PERMISSIONS


def encode_mode(mode: int | None) -> bytes:
    """The data of the create context of a request."""
    return _MODE.pack(NO_MODE if mode is None else mode)


def created(meta: Metadata, owner: Ownership | None) -> bytes:
    """The data of the create context of a reply. Without an owner there are NULL SIDs."""
    kind = TYPE_SYMLINK if meta.reparse_tag else TYPE_DIRECTORY if meta.is_directory else TYPE_FILE
    if owner is None:
        return _CREATED.pack(meta.number_of_links, meta.reparse_tag, kind << _TYPE_SHIFT) + NOBODY + NOBODY
    mode = kind << _TYPE_SHIFT | owner.special | owner.mode
    links = min(owner.number_of_links, _MASK_32)
    return _CREATED.pack(links, meta.reparse_tag, mode) + unix_user(owner.uid) + unix_group(owner.gid)


def file_information(meta: Metadata, owner: Ownership | None) -> bytes:
    """FilePosixInformation."""
    device = 0 if owner is None else owner.device & _MASK_32
    sizes = (meta.end_of_file, meta.allocation_size, meta.attributes, meta.file_id, device, 0)
    return _FILE.pack(*meta.times, *sizes) + created(meta, owner)


def entry(following: int, meta: Metadata, name: bytes) -> bytes:
    """One entry of a directory; `name` is UTF-16LE."""
    return _ENTRY_HEAD.pack(following, 0) + file_information(meta, meta.owner) + _LENGTH.pack(len(name)) + name


def volume(space: VolumeSpace, identifier: int) -> bytes:
    """FileFsPosixInformation; blocks and files that nobody counts are all ones, which Linux knows."""
    return _VOLUME.pack(
        space.unit & _MASK_32,
        space.unit & _MASK_32,
        space.total_units,
        space.free_units,
        space.available_units,
        space.total_files & _MASK_64,
        space.free_files & _MASK_64,
        identifier,
    )


class Created(NamedTuple):
    """What a client reads of the context of a reply; SIDs are bytes."""

    number_of_links: int
    reparse_tag: int
    mode: int
    owner: bytes
    group: bytes


class FileInformation(NamedTuple):
    """What a client reads of class 100; FILETIMEs and bytes. `name` is empty where the record has none."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    end_of_file: int
    allocation_size: int
    attributes: int
    inode: int
    device: int
    created: Created
    name: str = ""


def decode_created(data: bytes) -> Created:
    """Read the data of the context. Raises WireError."""
    record, end = _created_at(data, 0)
    if end != len(data):
        raise WireError("something behind the SIDs")
    return record


def _created_at(data: bytes, offset: int) -> tuple[Created, int]:
    if offset + _CREATED.size > len(data):
        raise WireError("POSIX record cut short")
    links, tag, mode = _CREATED.unpack_from(data, offset)
    owner = read_sid(data, offset + _CREATED.size, len(data))
    group_at = offset + _CREATED.size + len(owner)
    group = read_sid(data, group_at, len(data))
    return Created(links, tag, mode, owner, group), group_at + len(group)


def decode_file_information(data: bytes) -> FileInformation:
    """Read FilePosixInformation. Raises WireError."""
    record, end = _file_at(data, 0)
    if end != len(data):
        raise WireError("something behind the SIDs")
    return record


def _file_at(data: bytes, offset: int) -> tuple[FileInformation, int]:
    if offset + _FILE.size > len(data):
        raise WireError("POSIX record cut short")
    record, end = _created_at(data, offset + _FILE.size)
    return FileInformation._make((*_FILE.unpack_from(data, offset)[:9], record, "")), end


def decode_entries(data: memoryview) -> tuple[FileInformation, ...]:
    """Read the entries of a directory. Raises WireError; no data is an empty list."""
    entries = []
    for raw in chained(data, _ENTRY_HEAD.size + _FILE.size + _CREATED.size, 8):
        record, end = _file_at(bytes(raw), _ENTRY_HEAD.size)
        if end + _LENGTH.size > len(raw):
            raise WireError("POSIX entry without a name")
        name = counted_text(raw, end + _LENGTH.size, _LENGTH.unpack_from(raw, end)[0])
        entries.append(record._replace(name=name))
    return tuple(entries)


class Volume(NamedTuple):
    """What a client reads of FileFsPosixInformation: bytes of a block, blocks, files."""

    optimal_transfer_size: int
    block_size: int
    total_blocks: int
    free_blocks: int
    available_blocks: int
    total_files: int
    free_files: int
    identifier: int


def decode_volume(data: bytes) -> Volume:
    """Read FileFsPosixInformation. Raises WireError."""
    if len(data) != _VOLUME.size:
        raise WireError(f"FileFsPosixInformation of {len(data)} bytes")
    return Volume._make(_VOLUME.unpack(data))
