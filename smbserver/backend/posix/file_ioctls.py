"""Calls on one open file that Python does not offer: fallocate, shared blocks, the flag of compression."""

import ctypes
import errno
import fcntl
import os
from struct import Struct
from typing import Final

FALLOC_FL_KEEP_SIZE: Final = 0x01
FALLOC_FL_PUNCH_HOLE: Final = 0x02
FALLOC_FL_ZERO_RANGE: Final = 0x10

_FICLONERANGE: Final = 0x4020940D
_FS_IOC_GETFLAGS: Final = 0x80086601
_FS_IOC_SETFLAGS: Final = 0x40086602
_FS_COMPR_FL: Final = 0x00000004
_FS_NOCOMP_FL: Final = 0x00000400
_BTRFS_MAGIC: Final = 0x9123683E
_CLONE_RANGE: Final = Struct("=qQQQ")  # struct file_clone_range
_FLAGS: Final = Struct("=I4x")  # the kernel reads and writes an int, though the number of the call says long
_STATFS_SIZE: Final = 256  # more than any struct statfs

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate", None)
_fstatfs = getattr(_libc, "fstatfs", None)


def fallocate(fd: int, mode: int, offset: int, length: int) -> None:
    """See fallocate(2); `length` is not 0. OSError EOPNOTSUPP where it cannot be done."""
    if _fallocate is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    while _fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        code = ctypes.get_errno()
        if code == errno.ENOSYS:
            code = errno.EOPNOTSUPP
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))


def clone_range(source: int, offset: int, target: int, target_offset: int, length: int) -> None:
    """FICLONERANGE. OSError: EOPNOTSUPP, EXDEV, EINVAL for what is not aligned or overlaps."""
    try:
        fcntl.ioctl(target, _FICLONERANGE, _CLONE_RANGE.pack(source, offset, length, target_offset))
    except OSError as error:
        if error.errno == errno.ENOTTY:  # a file system that knows no such call
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from error
        raise


def compresses(fd: int) -> bool:
    """Whether the file system compresses a file whose flag is set. Others only take the flag, as ext4."""
    if _fstatfs is None:
        return False
    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    if _fstatfs(fd, buffer) != 0:
        return False
    return int.from_bytes(buffer.raw[: ctypes.sizeof(ctypes.c_long)], "little") == _BTRFS_MAGIC


def compression_flag(fd: int) -> bool:
    """Whether the flag is set."""
    return bool(_flags(fd) & _FS_COMPR_FL)


def set_compression_flag(fd: int, is_set: bool) -> None:
    """Set or clear the flag. OSError EOPNOTSUPP and others."""
    flags = _flags(fd) & ~(_FS_COMPR_FL | _FS_NOCOMP_FL)
    fcntl.ioctl(fd, _FS_IOC_SETFLAGS, _FLAGS.pack(flags | (_FS_COMPR_FL if is_set else 0)))


def _flags(fd: int) -> int:
    flags: int = _FLAGS.unpack(fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(_FLAGS.size)))[0]
    return flags
