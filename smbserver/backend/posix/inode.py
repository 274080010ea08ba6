"""What the kernel says of a file, as it says it: the bytes of `struct statx`, of which everybody unpacks what he needs.

Two looks that gave the same bytes are the same file in the same state. A record of their own would cost more than the
system call; so would os.stat. Where there is no statx, os.stat is asked and packed into the same form.
"""

import ctypes
import errno
import os
import sys
from struct import Struct
from typing import Final

Identity = tuple[int, int]

# Mask, number of links, uid, gid, mode, inode, size, blocks, then seconds and nanoseconds of access, birth, change and
# modification, then the device's two numbers. What is between them nobody here wants.
LAYOUT: Final = Struct("=I12xIIIH2xQQQ8xqI4xqI4xqI4xqI12xII112x")
FACTS: Final = Struct("=I12xI8xH2xQQQ8xqI4xqI4xqI4xqI12xII112x")  # the same without uid and gid
_SIZE: Final = 256
_WHICH: Final = Struct("=32xQ96xII")  # inode, device
_WHOSE: Final = Struct("=16xIIIH106xII")  # number of links, uid, gid, mode, device
_VERSION: Final = Struct("=16xI20xQ64xqI")  # number of links, size, modification
HAS_BIRTH: Final = 0x800
_ALL: Final = 0x7FF | HAS_BIRTH
_AT_EMPTY_PATH: Final = 0x1000
_AT_STATX_DONT_SYNC: Final = 0x4000  # what the kernel knows: no server of a network file system is asked
# As newfstatat: a look at a name mounts nothing.
_OF_ENTRY: Final = 0x100 | 0x800  # AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR)
_SECOND: Final = 1_000_000_000
_ENCODING: Final = sys.getfilesystemencoding()
_ERRORS: Final = sys.getfilesystemencodeerrors()
_KIND_AT: Final = 29 if sys.byteorder == "little" else 28  # the byte of the mode that has the kind of file
FILE: Final = 0x80  # what `kind` gives: the upper bits of S_IFREG and its like
DIRECTORY: Final = 0x40
LINK: Final = 0xA0

# A name may have to be fetched from a slow disk, so this gives up the interpreter's lock.
_statx_name = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
# What a descriptor is of is in memory.
_statx_open = getattr(ctypes.PyDLL(None, use_errno=True), "statx", None)
# One for each call: between the call and the look at its answer another thread may have its turn, lock or not.
_Buffer: Final = ctypes.c_char * _SIZE


def _is_known() -> bool:
    """Whether the kernel has the call and lets us use it, asked with a descriptor that cannot be."""
    if _statx_open is None or not sys.platform.startswith("linux"):
        return False
    _statx_open(-1, b"", _AT_EMPTY_PATH, _ALL, _Buffer())
    return ctypes.get_errno() == errno.EBADF


if not _is_known():
    _statx_name = _statx_open = None


def entry_name(name: str) -> bytes:
    """A name on disk for `look`. As os.fsencode, which asks more questions for each."""
    return name.encode(_ENCODING, _ERRORS)


def look(directory: int, name: bytes) -> bytes | None:
    """What is said of an entry of a directory, symbolic links not followed; None when there is none.

    OSError, EINVAL for a name with a NUL, of which the kernel would only see the beginning.
    """
    if 0 in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    if _statx_name is None:
        try:
            return packed(os.stat(os.fsdecode(name), dir_fd=directory, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None
    buffer = _Buffer()
    if _statx_name(directory, name, _OF_ENTRY, _ALL, buffer) == 0:
        return buffer.raw
    code = ctypes.get_errno()
    if code in _NOT_THERE:
        return None
    raise OSError(code, os.strerror(code))


def look_at(fd: int, asks: bool = True) -> bytes:
    """What is said of an open file. OSError, EBADF for a descriptor that is none.

    Without `asks` it is what this host knows of a file elsewhere, which may be old, and nothing is waited for.
    """
    if _statx_open is None:
        return packed(os.fstat(fd))
    buffer = _Buffer()
    if _statx_open(fd, b"", _AT_EMPTY_PATH if asks else _AT_EMPTY_PATH | _AT_STATX_DONT_SYNC, _ALL, buffer) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return buffer.raw


def kind(found: bytes) -> int:
    """FILE, DIRECTORY, LINK or something else."""
    return found[_KIND_AT] & 0xF0


def identity(found: bytes) -> Identity:
    """Device and inode, as os.stat gives them."""
    number, major, minor = _WHICH.unpack_from(found)
    return device(major, minor), number


def whose(found: bytes) -> tuple[int, int, int, int, int]:
    """Uid, gid, mode, number of links and device."""
    links, uid, gid, mode, major, minor = _WHOSE.unpack_from(found)
    return uid, gid, mode, links, device(major, minor)


def version(found: bytes) -> tuple[int, int, int, bool]:
    """Size, seconds and nanoseconds of the modification, and whether the file has a name."""
    links, size, seconds, nanoseconds = _VERSION.unpack_from(found)
    return size, seconds, nanoseconds, links > 0


def device(major: int, minor: int) -> int:
    """Both numbers of a device in one, as in st_dev."""
    if major <= 0xFFF and minor <= 0xFF:
        return major << 8 | minor
    return (major & 0xFFF) << 8 | minor & 0xFF | (minor & 0xFFFFFF00) << 12 | (major & 0xFFFFF000) << 32


def packed(state: os.stat_result) -> bytes:
    """A stat in the form of statx, without a time of birth."""
    dev = state.st_dev
    return LAYOUT.pack(
        _ALL & ~HAS_BIRTH,
        state.st_nlink & 0xFFFFFFFF,
        state.st_uid,
        state.st_gid,
        state.st_mode,
        state.st_ino,
        state.st_size,
        state.st_blocks,
        *divmod(state.st_atime_ns, _SECOND),
        *(0, 0),
        *divmod(state.st_ctime_ns, _SECOND),
        *divmod(state.st_mtime_ns, _SECOND),
        dev >> 32 & 0xFFFFF000 | dev >> 8 & 0xFFF,
        dev >> 12 & 0xFFFFFF00 | dev & 0xFF,
    )
