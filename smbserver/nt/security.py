"""The security descriptor that stands in where none is stored: what a POSIX owner, group and mode say."""

from smbserver.nt import access
from smbserver.nt.descriptor import ACCESS_ALLOWED, SE_DACL_PRESENT, Ace, Descriptor
from smbserver.nt.sid import EVERYONE


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


def descriptor_from_mode(owner: bytes, group: bytes, mode: int) -> Descriptor:
    """A descriptor that says what the mode bits say of these two SIDs and of everybody else. It has no SACL."""
    entries = (
        (owner, mode >> 6 & 7, True),
        (group, mode >> 3 & 7, False),
        (EVERYONE, mode & 7, False),
    )
    dacl = tuple(Ace(ACCESS_ALLOWED, 0, rights_of_mode(bits, is_owner), who) for who, bits, is_owner in entries)
    return Descriptor(SE_DACL_PRESENT, owner, group, dacl)
