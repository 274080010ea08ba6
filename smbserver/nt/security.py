"""SIDs and the security descriptor synthesized from a POSIX mode ([MS-DTYP] 2.4)."""

from struct import Struct
from typing import Final

from smbserver.nt import access

OWNER_SECURITY_INFORMATION: Final = 0x1
GROUP_SECURITY_INFORMATION: Final = 0x2
DACL_SECURITY_INFORMATION: Final = 0x4
SACL_SECURITY_INFORMATION: Final = 0x8

_DESCRIPTOR = Struct("<BBHIIII")  # [MS-DTYP] 2.4.6
_ACL = Struct("<BBHHH")  # [MS-DTYP] 2.4.5
_ACE = Struct("<BBHI")  # [MS-DTYP] 2.4.4.2, followed by the SID

_SE_DACL_PRESENT: Final = 0x0004
_SE_SELF_RELATIVE: Final = 0x8000


def sid(authority: int, *sub_authorities: int) -> bytes:
    """A binary SID ([MS-DTYP] 2.4.2.2)."""
    head = bytes((1, len(sub_authorities))) + authority.to_bytes(6, "big")
    return head + b"".join(part.to_bytes(4, "little") for part in sub_authorities)


EVERYONE: Final = sid(1, 0)


def unix_user(uid: int) -> bytes:
    """S-1-22-1-uid: the name Samba and Windows tools know for a local uid without an account."""
    return sid(22, 1, uid)


def unix_group(gid: int) -> bytes:
    """S-1-22-2-gid."""
    return sid(22, 2, gid)


def rights_of_mode(bits: int, is_owner: bool) -> int:
    """File rights for three mode bits (rwx); the owner may also change the descriptor and the attributes."""
    rights = access.SYNCHRONIZE | access.READ_CONTROL | access.FILE_READ_ATTRIBUTES
    if bits & 4:
        rights |= access.FILE_GENERIC_READ
    if bits & 2:
        rights |= access.FILE_GENERIC_WRITE | access.DELETE | access.FILE_DELETE_CHILD
    if bits & 1:
        rights |= access.FILE_GENERIC_EXECUTE
    if is_owner:
        rights |= access.FILE_WRITE_ATTRIBUTES | access.WRITE_DAC | access.WRITE_OWNER | access.DELETE
    return rights


def descriptor_from_mode(uid: int, gid: int, mode: int, parts: int) -> bytes:
    """A self-relative security descriptor that says what the mode bits say.

    `parts` are the *_SECURITY_INFORMATION bits asked for; what was not asked for is left out. A SACL is never present.
    """
    owner = unix_user(uid) if parts & OWNER_SECURITY_INFORMATION else b""
    group = unix_group(gid) if parts & GROUP_SECURITY_INFORMATION else b""
    dacl = b""
    control = _SE_SELF_RELATIVE
    if parts & DACL_SECURITY_INFORMATION:
        control |= _SE_DACL_PRESENT
        aces = b"".join(
            _ACE.pack(0, 0, _ACE.size + len(who), rights_of_mode(bits, is_owner)) + who
            for who, bits, is_owner in (
                (unix_user(uid), mode >> 6 & 7, True),
                (unix_group(gid), mode >> 3 & 7, False),
                (EVERYONE, mode & 7, False),
            )
        )
        dacl = _ACL.pack(2, 0, _ACL.size + len(aces), 3, 0) + aces
    offset = _DESCRIPTOR.size
    offsets = []
    for part in (owner, group, dacl):
        offsets.append(offset if part else 0)
        offset += len(part)
    return _DESCRIPTOR.pack(1, 0, control, offsets[0], offsets[1], 0, offsets[2]) + owner + group + dacl
