"""Linux calls that Python does not offer: openat2, renameat2, listxattrat; what is said when one is missing."""

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
_AT_SYMLINK_NOFOLLOW: Final = 0x100


_libc = ctypes.CDLL(None, use_errno=True)
_is_linux = sys.platform.startswith("linux")
_syscall = _libc.syscall if _is_linux else None
_renameat2 = getattr(_libc, "renameat2", None)


def _knows(number: int) -> bool:
    """Whether the kernel has a call, asked with a descriptor that cannot be."""
    if _syscall is None:
        return False
    _syscall(number, -1, b".", 0, None, 0)
    return ctypes.get_errno() == errno.EBADF


# Without giving up the interpreter's lock: the answer comes into a buffer that all calls share, and it is faster.
_held_syscall = ctypes.PyDLL(None).syscall if _knows(_SYS_LISTXATTRAT) else None
_names: Final = ctypes.create_string_buffer(_NAMES_SIZE)
_value: Final = ctypes.create_string_buffer(_VALUE_SIZE)
# The seventh argument goes over the stack, where a plain int leaves the upper half of its place as it was.
_VALUE_ARGS_SIZE: Final = ctypes.c_size_t(_XATTR_ARGS.size)
_value_args: Final = ctypes.create_string_buffer(_XATTR_ARGS.pack(ctypes.addressof(_value), _VALUE_SIZE, 0))


def attribute_names(directory: int, name: bytes) -> bytes | None:
    """The names of an entry's attributes, with a NUL before and behind each; b"" when there are none.

    None for "not known", which is not "none": then each has to be asked for. Linux < 6.13, and any error.
    """
    if _held_syscall is None:
        return None
    size = _held_syscall(_SYS_LISTXATTRAT, directory, name, _AT_SYMLINK_NOFOLLOW, _names, _NAMES_SIZE)
    if size <= 0:
        return None if size else b""
    found: bytes = b"\0" + _names.raw[:size]
    return found


def attribute_value(directory: int, name: bytes, attribute: bytes) -> bytes | None:
    """The value of one of them, of at most 256 bytes; None where it has to be asked for in another way."""
    if _held_syscall is None:
        return None
    size = _held_syscall(
        _SYS_GETXATTRAT, directory, name, _AT_SYMLINK_NOFOLLOW, attribute, _value_args, _VALUE_ARGS_SIZE
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
