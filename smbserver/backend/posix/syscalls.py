"""Linux calls that Python does not offer: openat2 and renameat2; what is said when one is missing."""

import ctypes
import errno
import os
import sys
from struct import Struct
from typing import Final

_SYS_OPENAT2: Final = 437  # the same number on every architecture: it is younger than the common table
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RENAME_NOREPLACE: Final = 0x1
MAX_TRIES: Final = (
    64  # a walk disturbed more often than this is disturbed on purpose, and the server has others to serve
)

_OPEN_HOW: Final = Struct("=QQQ")  # struct open_how: flags, mode, resolve


_libc = ctypes.CDLL(None, use_errno=True)
_is_linux = sys.platform.startswith("linux")
_syscall = _libc.syscall if _is_linux else None
_renameat2 = getattr(_libc, "renameat2", None)


def openat2(directory: int, path: bytes, flags: int, resolve: int) -> int:
    """Open `path` below the descriptor `directory` under `resolve` rules. OSError ENOSYS where it is unknown.

    OSError EINVAL for a path with a NUL, of which the kernel would only see the beginning.
    """
    if b"\0" in path:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    if _syscall is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _OPEN_HOW.pack(flags | os.O_CLOEXEC, 0, resolve)
    code = 0
    for _ in range(MAX_TRIES):
        fd = _syscall(_SYS_OPENAT2, directory, path, how, _OPEN_HOW.size)
        if fd >= 0:
            return int(fd)
        code = ctypes.get_errno()
        # EAGAIN: something was renamed while the kernel walked; it asks us to try again.
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(code, os.strerror(code))


def rename_no_replace(source_dir: int, source: bytes, target_dir: int, target: bytes) -> None:
    """Rename unless the target exists (OSError EEXIST). OSError ENOSYS or EINVAL where it cannot be had atomically."""
    if b"\0" in source or b"\0" in target:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _renameat2(source_dir, source, target_dir, target, RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
