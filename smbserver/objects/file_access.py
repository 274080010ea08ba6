"""What somebody may do with a file, and what its security descriptor is: the stored one, or what stands in for it.

A file without a stored descriptor is the kernel's to judge, as the local user that the requests are done by: here it
is given every right, and the system call says no. So a share whose clients never set a descriptor pays for one look
whether there is one, and nothing else.
"""

from typing import Final

from smbserver.backend.base import Handle, Located
from smbserver.nt import access
from smbserver.nt.access_check import allowed_rights
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.metadata import Ownership
from smbserver.nt.security import descriptor_from_mode
from smbserver.nt.sid import unix_group, unix_user
from smbserver.nt.token import Token

# What the directory of a file can give on it ([MS-FSA] 2.1.5.1.2.1).
_THROUGH_DIRECTORY: Final = access.DELETE | access.FILE_READ_ATTRIBUTES
# Who may read all of these may see the name in a listing that hides the rest.
_VISIBLE: Final = access.FILE_GENERIC_READ & ~access.SYNCHRONIZE


def file_rights(located: Located, token: Token) -> int:
    """Every right that `token` has on the file, those through its directory among them."""
    stored = located.descriptor()
    return access.FILE_ALL_ACCESS if stored is None else stored_rights(stored, located, token)


def stored_rights(stored: Descriptor, located: Located, token: Token) -> int:
    """The same where the file's descriptor is known."""
    rights = allowed_rights(completed(stored, located.ownership(), token), token)
    if _THROUGH_DIRECTORY & ~rights and located.path:
        above = directory_rights(located, token)
        if above & access.FILE_DELETE_CHILD:
            rights |= access.DELETE
        if above & access.FILE_LIST_DIRECTORY:
            rights |= access.FILE_READ_ATTRIBUTES
    return rights


def directory_rights(located: Located, token: Token) -> int:
    """The rights on the directory that the name is, or would be, in."""
    stored = located.directory_descriptor()
    return access.FILE_ALL_ACCESS if stored is None else allowed_rights(stored, token)


def is_visible(located: Located, token: Token) -> bool:
    """Whether a listing that hides what one may not read shows the file."""
    stored = located.descriptor()
    if stored is None:
        return True
    return not _VISIBLE & ~allowed_rights(completed(stored, located.ownership(), token), token)


def descriptor_of(handle: Handle, token: Token) -> Descriptor:
    """What a client is shown: the stored descriptor, else one made of owner, group and mode."""
    stored = handle.descriptor()
    if stored is not None and stored.owner is not None and stored.group is not None:
        return stored
    owned = handle.ownership()
    if stored is not None:
        return completed(stored, owned, token)
    return descriptor_from_mode(_owner(owned, token), unix_group(owned.gid), owned.mode)


def completed(stored: Descriptor, owned: Ownership, token: Token) -> Descriptor:
    """With the owner and group that the disk says, where the stored descriptor names none."""
    owner = _owner(owned, token) if stored.owner is None else stored.owner
    return stored._replace(owner=owner, group=stored.group or unix_group(owned.gid))


def _owner(owned: Ownership, token: Token) -> bytes:
    """The local user that one's requests are done by is oneself: to the kernel that is so."""
    return token.user if owned.uid == token.uid else unix_user(owned.uid)
