"""Locks of the host on one file: Linux's open file description locks, which conflict with those of every program."""

import errno
import fcntl
import os
from struct import Struct
from typing import Final

from smbserver.backend.base import LOCK_EXCLUSIVE, LOCK_FREE

_F_OFD_SETLK: Final = 37  # the same number on every architecture of Linux
_FLOCK: Final = Struct("@hhqqi")  # struct flock: type, whence, start, length, pid
_LAST: Final = (1 << 63) - 1  # the host's offsets are signed
_HELD: Final = (errno.EAGAIN, errno.EACCES)


class PosixLockMirror:
    """See `backend.base.LockMirror`."""

    __slots__ = ("_fd", "_writable")

    def __init__(self, descriptor: int) -> None:
        """A description of its own of the same file: locks are one owner's per description. Raises OSError."""
        name = f"/proc/self/fd/{descriptor}"
        self._writable = True
        try:
            self._fd = os.open(name, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            self._writable = False
            self._fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)

    def set(self, first: int, last: int, kind: int) -> bool:
        """Lock or unlock; what is beyond the host's offsets is not told."""
        if first > _LAST:
            return True
        length = 0 if last >= _LAST else last - first + 1  # 0: to the end of all files
        # The host gives an exclusive lock only to who can write.
        lock = fcntl.F_WRLCK if kind == LOCK_EXCLUSIVE and self._writable else fcntl.F_RDLCK
        if kind == LOCK_FREE:
            lock = fcntl.F_UNLCK
        try:
            fcntl.fcntl(self._fd, _F_OFD_SETLK, _FLOCK.pack(lock, os.SEEK_SET, first, length, 0))
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True

    def close(self) -> None:
        """The kernel gives back what the description holds."""
        os.close(self._fd)
