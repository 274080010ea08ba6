"""Ranges of a file on a disk: copied in the kernel, zeroed without writing, shared where the file system can."""

import errno
import os
from typing import TYPE_CHECKING, Final

from smbserver.backend.base import Handle
from smbserver.backend.plain_ranges import PIECE, PlainRanges
from smbserver.backend.posix import file_ioctls
from smbserver.backend.posix.file_ioctls import FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE
from smbserver.nt import attributes

if TYPE_CHECKING:
    from smbserver.backend.posix.handle import PosixHandle

# "Not like this": between these two files, for overlapping parts, on this file system, on this kernel.
_COPY_BY_HAND: Final = frozenset({errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM})

_STEP: Final = 4096  # bytes


class PosixRanges:
    """See `backend.base.Ranges`."""

    __slots__ = ("_fd", "_handle")

    def __init__(self, handle: "PosixHandle", fd: int) -> None:
        self._handle = handle
        self._fd = fd

    def copy_to(self, target: Handle, offset: int, target_offset: int, length: int) -> int:
        """copy_file_range, which shares blocks on btrfs and xfs; pread and pwrite where the kernel refuses."""
        other = target.ranges()
        if not isinstance(other, PosixRanges):
            return PlainRanges(self._handle).copy_to(target, offset, target_offset, length)
        if target.identity == self._handle.identity and abs(target_offset - offset) < length:
            return PlainRanges(self._handle).copy_to(target, offset, target_offset, length)
        fd = other._fd
        return other._handle.holding(lambda: self._copy(fd, offset, target_offset, length))

    def _copy(self, target: int, offset: int, target_offset: int, length: int) -> int:
        try:
            count = os.copy_file_range(self._fd, target, length, offset, target_offset)
        except OSError as error:
            if error.errno not in _COPY_BY_HAND:
                raise
            count = 0
        if count:
            return count
        # Also after a 0: there are files whose size the kernel does not believe in.
        data = os.pread(self._fd, min(length, PIECE), offset)
        return os.pwrite(target, data, target_offset) if data else 0

    def clone_to(self, target: Handle, offset: int, target_offset: int, length: int) -> None:
        """FICLONERANGE."""
        other = target.ranges()
        if not isinstance(other, PosixRanges):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        fd = other._fd
        other._handle.holding(lambda: file_ioctls.clone_range(self._fd, offset, fd, target_offset, length))

    def zero(self, offset: int, length: int, deallocate: bool) -> int:
        """fallocate in one of its ways; written zeros where there is none."""
        try:
            zero = self._punch if deallocate else self._zero_allocated
            self._handle.holding(lambda: zero(offset, length))
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return PlainRanges(self._handle).zero(offset, length, deallocate)
        return length

    def _punch(self, offset: int, length: int) -> None:
        file_ioctls.fallocate(self._fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length)

    def _zero_allocated(self, offset: int, length: int) -> None:
        try:
            file_ioctls.fallocate(self._fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._punch(offset, length)  # tmpfs has this, and the room can be had back
            file_ioctls.fallocate(self._fd, FALLOC_FL_KEEP_SIZE, offset, length)

    def allocated(self, offset: int, length: int, most: int) -> list[tuple[int, int]]:
        """SEEK_DATA and SEEK_HOLE in turns. A file that is written meanwhile gives ranges of before or after."""
        found: list[tuple[int, int]] = []
        end = min(offset + length, os.fstat(self._fd).st_size)
        while offset < end and len(found) < most:
            try:
                start = os.lseek(self._fd, offset, os.SEEK_DATA)
                if start >= end:
                    break
                hole = min(os.lseek(self._fd, start, os.SEEK_HOLE), end)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                    break
                raise
            if hole <= start:  # punched between the two calls; to call it allocated loses nothing
                hole = min(start + _STEP, end)
            found.append((start, hole - start))
            offset = hole
        return found

    def fill(self) -> None:
        """fallocate, through a descriptor of its own when this one may not write: the right to attributes is enough."""
        size = os.fstat(self._fd).st_size
        if not size:
            return
        try:
            file_ioctls.fallocate(self._fd, FALLOC_FL_KEEP_SIZE, 0, size)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            fd = os.open(f"/proc/self/fd/{self._fd}", os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                file_ioctls.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size)
            finally:
                os.close(fd)

    def mark(self, attribute: int, is_set: bool) -> None:
        """In user.DOSATTRIB."""
        self._handle.mark(attribute, is_set)

    def is_compressed(self) -> bool:
        """What the file system says, which a local program may have changed."""
        try:
            return file_ioctls.compression_flag(self._fd)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            return self._handle.metadata().attributes & attributes.COMPRESSED != 0  # a descriptor only to look

    def compress(self, is_compressed: bool) -> None:
        """The file system's flag first; the attribute follows it."""
        file_ioctls.set_compression_flag(self._fd, is_compressed)
        self._handle.mark(attributes.COMPRESSED, is_compressed)
