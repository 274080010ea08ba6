"""Asks the kernel beforehand whether the user of this thread may take a name out of a directory."""

import errno
import os
import stat
from collections.abc import Callable

from smbserver.backend.posix.fs_user import current_uid


def check_remove(parent: int, owner: Callable[[], int]) -> None:
    """Raise PermissionError, or OSError EROFS, when it would be refused. `owner` tells the uid of what would go."""
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=parent, effective_ids=True):
        code = errno.EROFS if os.fstatvfs(parent).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(code, os.strerror(code))
    state = os.fstat(parent)
    if state.st_mode & stat.S_ISVTX and current_uid() not in (0, state.st_uid) and owner() != current_uid():
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
