"""An open file or directory of the POSIX backend: everything works on its descriptor."""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

from smbserver.backend.base import LockMirror
from smbserver.backend.posix import dos_attributes
from smbserver.backend.posix.disk_names import to_wire
from smbserver.backend.posix.facts import metadata_of
from smbserver.backend.posix.lock_mirror import PosixLockMirror
from smbserver.backend.posix.page_cache import is_cached
from smbserver.backend.posix.resolve import Resolver
from smbserver.nt import attributes
from smbserver.nt.filetime import to_unix_ns
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path
from smbserver.nt.security import descriptor_from_mode

_NOWAIT: Final[int] = getattr(os, "RWF_NOWAIT", 0)
_FALLOC_FL_KEEP_SIZE: Final = 0x01
_OWN_BUFFER_FROM: Final = 32 * 1024  # from here on a buffer that can be sealed in place is worth its clearing
_ANY_WRITE: Final = 0o222
_fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
# What a file system without room for attributes would lose; ARCHIVE alone is not worth an error.
_WORTH_STORING: Final = attributes.READONLY | attributes.HIDDEN | attributes.SYSTEM


class PosixHandle:
    """See `backend.base.Handle`. `path_only`: an O_PATH descriptor, for a file we may look at but not read."""

    __slots__ = (
        "_fd",
        "_hidden_by_name",
        "_nowait",
        "_path",
        "_resolver",
        "_root_device",
        "_target",
        "identity",
        "is_directory",
    )

    def __init__(
        self,
        fd: int,
        state: os.stat_result,
        is_directory: bool,
        path: Path,
        resolver: Resolver,
        root_device: int,
        path_only: bool,
    ) -> None:
        self._fd = fd
        self.identity = (state.st_dev, state.st_ino)
        self.is_directory = is_directory
        self._path = path
        self._resolver = resolver
        self._root_device = root_device
        self._hidden_by_name = bool(path) and path[-1].startswith(".")
        self._nowait = _NOWAIT != 0
        # Calls that an O_PATH descriptor refuses work through its entry in /proc.
        self._target: int | str = f"/proc/self/fd/{fd}" if path_only else fd

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """Cached bytes, or None when a disk would have to be waited for."""
        if not self._nowait:
            return self.read_blocking(length, offset)
        buffer = bytearray(length)
        try:
            count = os.preadv(self._fd, [buffer], offset, _NOWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            self._nowait = False  # a file system that cannot say; those known are memory or remote
            return self.read_blocking(length, offset)
        if count < length:
            if offset + count < os.fstat(self._fd).st_size:
                return None  # the rest is not in the cache
            del buffer[count:]
        return buffer

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """By what the page cache holds now; the kernel may still throw a page out before it is sent."""
        length = min(length, os.fstat(self._fd).st_size - offset)
        if length <= 0 or not is_cached(self._fd, offset, length):
            return None
        return self._fd, length

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """Bytes, however long the disk takes."""
        if length < _OWN_BUFFER_FROM:
            return os.pread(self._fd, length, offset)
        buffer = bytearray(length)
        count = os.preadv(self._fd, [buffer], offset)
        if count < length:
            del buffer[count:]
        return buffer

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """All of the data; a short write goes on until the error that caused it shows itself."""
        count = os.pwrite(self._fd, data, offset)
        while count < len(data):
            if count == 0:  # no file system does that; if one does, it must not hold the loop for ever
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            data = memoryview(data)[count:]
            offset += count
            count = os.pwrite(self._fd, data, offset)

    def truncate(self, size: int) -> None:
        """Set the end of the file."""
        os.ftruncate(self._fd, size)

    def allocate(self, size: int) -> None:
        """Reserve blocks where the file system can; where it cannot, writing will find out."""
        if _fallocate is None or size == 0:
            return
        while _fallocate(self._fd, _FALLOC_FL_KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(size)) != 0:
            code = ctypes.get_errno()
            if code in (errno.EOPNOTSUPP, errno.ENOSYS):
                return
            if code != errno.EINTR:
                raise OSError(code, os.strerror(code))

    def sync(self) -> None:
        """fsync."""
        if self._fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # fsync(-1) is a ValueError in Python
        os.fsync(self._fd)

    def metadata(self) -> Metadata:
        """fstat and the stored attributes."""
        return metadata_of(
            os.fstat(self._fd), dos_attributes.load(self._target), self._root_device, self._hidden_by_name
        )

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """Set times. POSIX keeps the change time itself, so a given one is not stored.

        Clients send all times in one request: a file system without room for the creation time still keeps the others.
        """
        if access_time is not None or write_time is not None:
            state = os.fstat(self._fd)
            accessed = state.st_atime_ns if access_time is None else to_unix_ns(access_time)
            written = state.st_mtime_ns if write_time is None else to_unix_ns(write_time)
            os.utime(self._target, ns=(accessed, written))
        if creation_time is not None:
            meta = self.metadata()
            try:
                dos_attributes.store(self._target, meta.attributes & attributes.SETTABLE, creation_time)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise

    def set_attributes(self, wanted: int) -> None:
        """Store attributes beside the creation time. To take READONLY away makes the file writable for its owner."""
        meta = self.metadata()
        if meta.attributes & attributes.READONLY & ~wanted:
            mode = os.fstat(self._fd).st_mode
            if not mode & _ANY_WRITE:  # the mode says READONLY too, and would go on saying it
                os.chmod(self._target, stat.S_IMODE(mode) | stat.S_IWUSR)
        try:
            dos_attributes.store(self._target, wanted & attributes.SETTABLE, meta.creation_time)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP or wanted & _WORTH_STORING:
                raise

    def security_descriptor(self, parts: int) -> bytes:
        """What the owner and the mode say."""
        state = os.fstat(self._fd)
        return descriptor_from_mode(state.st_uid, state.st_gid, state.st_mode, parts)

    def scan(self) -> Iterator[tuple[str, Metadata]]:
        """Stream the directory; what cannot be shown (devices, links to outside, unmappable names) is left out."""
        own = self.metadata()
        yield ".", own
        yield "..", self._parent_metadata() if self._path else own
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            prefix = f"/proc/self/fd/{fd}/"
            with os.scandir(fd) as entries:
                for entry in entries:
                    wire = to_wire(entry.name)
                    if wire is None:
                        continue
                    try:
                        meta = self._entry_metadata(entry, wire, prefix)
                    except FileNotFoundError:
                        continue  # removed while we list
                    if meta is not None:
                        yield wire, meta
        finally:
            os.close(fd)

    def _entry_metadata(self, entry: "os.DirEntry[str]", wire: str, prefix: str) -> Metadata | None:
        hidden = wire.startswith(".")
        if entry.is_symlink():
            target = self._resolver.follow((*self._path, wire))
            if target is None:
                return None
            try:
                state = os.fstat(target)
                if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
                    return None
                dos = dos_attributes.load(f"/proc/self/fd/{target}")
                return metadata_of(state, dos, self._root_device, hidden)
            finally:
                os.close(target)
        if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False):
            return None
        state = entry.stat(follow_symlinks=False)
        dos = dos_attributes.load(prefix + entry.name, follow=False)
        return metadata_of(state, dos, self._root_device, hidden)

    def _parent_metadata(self) -> Metadata:
        state = os.stat("..", dir_fd=self._fd)
        return metadata_of(state, dos_attributes.NONE, self._root_device, False)

    def is_empty(self) -> bool:
        """True when the directory has no entry at all, shown or not."""
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            with os.scandir(fd) as entries:
                return next(entries, None) is None
        finally:
            os.close(fd)

    def lock_mirror(self) -> LockMirror | None:
        """By way of the descriptor: the name may belong to another file by now."""
        return PosixLockMirror(self._fd)

    def close(self) -> None:
        """Close the descriptor."""
        fd, self._fd = self._fd, -1
        self._target = -1  # the number, and its name in /proc, soon belong to another file
        if fd >= 0:
            os.close(fd)
