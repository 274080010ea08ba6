"""Linux calls that Python does not offer: openat2, renameat2, statx, getxattrat; what is said when one is missing."""

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


_SYS_GETXATTRAT: Final = 464
_SYS_LISTXATTRAT: Final = 465
_XATTR_ARGS = Struct("=QII")  # struct xattr_args: value, size, flags
_NAMES_SIZE: Final = 512  # what most files have; for more the usual call is asked
_VALUE_SIZE: Final = 256
_OPEN_HOW = Struct("=QQQ")  # struct open_how: flags, mode, resolve
_AT_EMPTY_PATH: Final = 0x1000
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_STATX_BTIME: Final = 0x800
_STATX_SIZE: Final = 256  # struct statx, of which is read: stx_mask, and stx_btime (seconds, nanoseconds) at 80
_STATX_BORN = Struct("=I76xqI")


_libc = ctypes.CDLL(None, use_errno=True)
_is_linux = sys.platform.startswith("linux")
_syscall = _libc.syscall if _is_linux else None
_renameat2 = getattr(_libc, "renameat2", None)
# Without giving up the interpreter's lock: the answer comes into a buffer that all calls share, and it is faster.
_statx = getattr(ctypes.PyDLL(None), "statx", None)
_statx_answer: Final = ctypes.create_string_buffer(_STATX_SIZE)


def _knows(number: int) -> bool:
    """Whether the kernel has a call, asked with a descriptor that cannot be."""
    if _syscall is None:
        return False
    _syscall(number, -1, b".", 0, None, 0)
    return ctypes.get_errno() == errno.EBADF


_held_syscall = ctypes.PyDLL(None).syscall if _knows(_SYS_LISTXATTRAT) else None  # as _statx
_names: Final = ctypes.create_string_buffer(_NAMES_SIZE)
_value: Final = ctypes.create_string_buffer(_VALUE_SIZE)
_value_args: Final = ctypes.create_string_buffer(_XATTR_ARGS.pack(ctypes.addressof(_value), _VALUE_SIZE, 0))


def attribute_names(directory: int, name: bytes) -> list[bytes] | None:
    """The attributes of an entry of a directory; None where they have to be asked for in another way (Linux < 6.13)."""
    if _held_syscall is None:
        return None
    size = _held_syscall(_SYS_LISTXATTRAT, directory, name, _AT_SYMLINK_NOFOLLOW, _names, _NAMES_SIZE)
    return _names.raw[:size].split(b"\0")[:-1] if size >= 0 else None


def attribute_value(directory: int, name: bytes, attribute: bytes) -> bytes | None:
    """The value of one of them, of at most 256 bytes; None likewise."""
    if _held_syscall is None:
        return None
    size = _held_syscall(
        _SYS_GETXATTRAT, directory, name, _AT_SYMLINK_NOFOLLOW, attribute, _value_args, _XATTR_ARGS.size
    )
    return _value.raw[:size] if size >= 0 else None


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


def birth_time(directory: int, name: bytes = b"") -> int | None:
    """When a file was made, in Unix nanoseconds: of the descriptor, or of an entry of it. None where nobody knows."""
    if _statx is None or not _is_linux:
        return None
    flags = _AT_SYMLINK_NOFOLLOW if name else _AT_EMPTY_PATH
    if _statx(directory, name, flags, _STATX_BTIME, _statx_answer) != 0:
        return None
    mask, seconds, nanoseconds = _STATX_BORN.unpack_from(_statx_answer)
    if not mask & _STATX_BTIME:
        return None
    return int(seconds * 1_000_000_000 + nanoseconds)
