"""Asks the kernel beforehand what the user of this thread may do: take a name out of a directory, read, write."""

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

from smbserver.backend.posix.fs_user import current_uid
from smbserver.backend.posix.inode import whose
from smbserver.nt import access

_ROOT: Final = 0
_READING: Final = access.FILE_READ_DATA | access.FILE_EXECUTE
_WRITING: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA


def check_remove(parent: int, owner: Callable[[], int]) -> None:
    """Raise PermissionError, or OSError EROFS, when it would be refused. `owner` tells the uid of what would go."""
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=parent, effective_ids=True):
        code = errno.EROFS if os.fstatvfs(parent).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(code, os.strerror(code))
    who = current_uid()
    if who == _ROOT:
        return  # no sticky bit binds it
    state = os.fstat(parent)
    if state.st_mode & stat.S_ISVTX and who != state.st_uid and owner() != who:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def refused_rights(target: int | str, follow: bool, found: bytes, uid: int) -> int:
    """The rights to data or entries that the local user `uid` does not have, whose thread this is.

    Of the owner the mode says it; for the others, who may be in a group or in a POSIX ACL, the kernel is asked.
    """
    if uid == _ROOT:
        return 0
    owner, _, mode, _, _ = whose(found)
    if uid == owner:
        may_read, may_write = bool(mode & stat.S_IRUSR), bool(mode & stat.S_IWUSR)
    else:
        path = f"/proc/self/fd/{target}" if isinstance(target, int) else target
        may_read = os.access(path, os.R_OK, effective_ids=True, follow_symlinks=follow)
        may_write = os.access(path, os.W_OK, effective_ids=True, follow_symlinks=follow)
    refused = 0 if may_read else _READING
    if not may_write:
        refused |= _WRITING
        if stat.S_ISDIR(mode):
            refused |= access.FILE_DELETE_CHILD
    return refused
