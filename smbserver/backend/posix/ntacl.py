"""The bytes of Samba's NTACL attribute: a security descriptor, and a hash of the POSIX permissions it was made beside.

An NDR blob (`librpc/idl/xattr.idl`): version, the version again (union switch), a pointer, then the version's fields.
Offsets inside the descriptor count from the start of the blob. Versions 1 and 2 have no hash. Version 3 has one over
the descriptor that Samba would make of the permissions, which depends on Samba's users and cannot be checked here; all
zeros, it comes from a share that ignores permissions. Version 4 has that, and one over the permissions themselves: it
is checked here and written here, so a local `chmod` is seen by both servers alike.
"""

import hashlib
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.descriptor import Descriptor, build, parse

_HEAD: Final = Struct("<HHI")
_POINTER: Final = Struct("<I")
_HASH_TYPE: Final = Struct("<H")
_FIRST_POINTER: Final = 0x00020000
_SECOND_POINTER: Final = 0x00020004
_SHA256: Final = 1
_HASH_SIZE: Final = 64  # room for one; SHA-256 leaves half of it empty
_HASH_V2_SIZE: Final = 16
_TIME_SIZE: Final = 8
_DESCRIPTION: Final = b"posix_acl\0"  # where the hash comes from, in Samba's word
_MAX_DESCRIPTION: Final = 256

# Tags of POSIX ACL entries in `system.posix_acl_*` and their numbers in Samba's `smb_acl.idl`.
_TAGS: Final = {0x01: 2, 0x02: 1, 0x04: 4, 0x08: 3, 0x10: 6, 0x20: 5}
_NAMED: Final = (0x02, 0x08)  # a user, a group: with an id
_ACL_VERSION: Final = 2
_ENTRY: Final = Struct("<HHI")
MAX_POSIX_ENTRIES: Final = 8192  # an extended attribute has room for no more


class StoredDescriptor(NamedTuple):
    """What a blob holds. `hash` is None when it claims nothing about permissions, b"" when it cannot be checked."""

    descriptor: Descriptor
    hash: bytes | None


class PosixEntry(NamedTuple):
    """One entry of a POSIX ACL as the kernel stores it; `number` is a uid or gid where the tag names one."""

    tag: int
    permissions: int
    number: int


def decode(blob: bytes) -> StoredDescriptor:
    """Read a blob. Raises WireError."""
    if len(blob) < _HEAD.size:
        raise WireError("an NTACL cut short")
    version, switch, pointer = _HEAD.unpack_from(blob)
    if version != switch or not pointer:
        raise WireError(f"an NTACL of version {version}, switch {switch}")
    if version == 1:
        return StoredDescriptor(parse(blob, _HEAD.size), None)
    at = _HEAD.size
    if at + _POINTER.size > len(blob) or not _POINTER.unpack_from(blob, at)[0]:
        raise WireError("an NTACL without a descriptor")
    at += _POINTER.size
    if version == 2:
        return StoredDescriptor(parse(blob, at + _HASH_V2_SIZE), None)
    if version not in (3, 4):
        raise WireError(f"an NTACL of version {version}")
    if at + _HASH_TYPE.size + _HASH_SIZE > len(blob):
        raise WireError("an NTACL cut short")
    (hash_type,) = _HASH_TYPE.unpack_from(blob, at)
    at += _HASH_TYPE.size
    first_hash = blob[at : at + _HASH_SIZE]
    at += _HASH_SIZE
    if version == 3:
        found = None if not any(first_hash) else b""
    else:
        end = blob.find(b"\0", at, at + _MAX_DESCRIPTION)
        if end < 0:
            raise WireError("an NTACL with a description without an end")
        at = _aligned(end + 1) + _TIME_SIZE
        found = blob[at : at + _HASH_SIZE]
        at += _HASH_SIZE
        if len(found) < _HASH_SIZE:
            raise WireError("an NTACL cut short")
    if hash_type != _SHA256 and found is not None:
        found = b""
    return StoredDescriptor(parse(blob, _aligned(at)), found)


def encode(descriptor: Descriptor, permissions_hash: bytes) -> bytes:
    """A blob of version 4. Raises WireError when the descriptor is too large for one."""
    head = (
        _HEAD.pack(4, 4, _FIRST_POINTER)
        + _POINTER.pack(_SECOND_POINTER)
        + _HASH_TYPE.pack(_SHA256)
        + bytes(_HASH_SIZE)
        + _DESCRIPTION
    )
    head += bytes(_aligned(len(head)) - len(head) + _TIME_SIZE) + permissions_hash
    return head + build(descriptor, start=len(head))


def permissions_hash(
    access: tuple[PosixEntry, ...], default: tuple[PosixEntry, ...] | None, uid: int, gid: int, mode: int
) -> bytes:
    """The hash of version 4, as many bytes as its field: SHA-256 over Samba's `smb_acl_wrapper` in NDR.

    `default` is None for files, and empty for a directory without a default ACL. `mode` is the whole st_mode.
    """
    out = _Ndr()
    out.number(_FIRST_POINTER, 4)
    out.number(0 if default is None else _SECOND_POINTER, 4)
    out.number(uid, 8)
    out.number(gid, 8)
    out.number(mode, 4)
    for acl in (access, default):
        if acl is not None:
            out.number(len(acl), 4)
            out.align(8)
            out.number(len(acl), 4)
            out.number(0, 4)
            for entry in acl:
                out.align(8)
                out.number(_TAGS[entry.tag], 2)
                out.number(_TAGS[entry.tag], 2)
                if entry.tag in _NAMED:
                    out.number(entry.number, 8)
                out.number(entry.permissions, 4)
    return hashlib.sha256(out.data).digest().ljust(_HASH_SIZE, b"\0")


def posix_entries(raw: bytes) -> tuple[PosixEntry, ...]:
    """The entries of a `system.posix_acl_*` attribute. Raises WireError."""
    if len(raw) < 4 or int.from_bytes(raw[:4], "little") != _ACL_VERSION or (len(raw) - 4) % _ENTRY.size:
        raise WireError("not a POSIX ACL")
    entries = tuple(PosixEntry(*fields) for fields in _ENTRY.iter_unpack(raw[4:]))
    if len(entries) > MAX_POSIX_ENTRIES or any(entry.tag not in _TAGS for entry in entries):
        raise WireError("not a POSIX ACL")
    return entries


def minimal_entries(mode: int) -> tuple[PosixEntry, ...]:
    """What the mode says when no ACL is stored: owner, group, others."""
    return (PosixEntry(0x01, mode >> 6 & 7, 0), PosixEntry(0x04, mode >> 3 & 7, 0), PosixEntry(0x20, mode & 7, 0))


def _aligned(at: int) -> int:
    return at + 3 & ~3


class _Ndr:
    """Numbers one after the other, each aligned to its own size."""

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def number(self, value: int, size: int) -> None:
        self.align(size)
        self.data += value.to_bytes(size, "little")
