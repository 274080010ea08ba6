"""The data of one open stream: in Samba's attribute while they fit, then in a file of the store, and never back.

Who has a stream open finds out that another has moved it: its attribute is gone, and a pointer is there.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from smbserver.backend.posix.stream_attributes import (
    MAX_DATA,
    Target,
    data_attribute,
    load,
    pointer,
    pointer_attribute,
    raw_name,
    remove,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from smbserver.backend.posix.handle import PosixHandle
    from smbserver.backend.posix.stream_store import StreamStore

UNIT: Final = 4096  # bytes that the room of small streams is told in: AllocationSize counts clusters


class PosixContent:
    """See `stream_handle.Content`. `target` is the file, which the owner of this object keeps open.

    `as_handle` makes a handle of a descriptor in the store.
    """

    __slots__ = ("_as_handle", "_file", "_raw", "_store", "_target", "_writes")

    def __init__(
        self, target: Target, store: StreamStore, raw: bytes, writes: bool, as_handle: Callable[[int], PosixHandle]
    ) -> None:
        self._target = target
        self._store = store
        self._raw = raw
        self._writes = writes
        self._as_handle = as_handle
        self._file: PosixHandle | None = None

    def load(self) -> bytes | None:
        """The data in the attribute; None when they are in `file`. OSError ENOENT without either, EIO as `streams`."""
        if self._target == -1:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # getxattr(-1) is EFAULT in Python
        if self._file is not None:
            return None
        with self._store.lock:  # a thread may be moving them just now
            if self._file is not None:
                return None
            data = load(self._target, self._raw)
            name = pointer(self._target, self._raw) if not data else None
            if name is not None:  # an attribute without data is the rest of a move, see _promote
                self._attach(name)
                return None
        if data is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return data

    def _attach(self, name: str) -> None:
        """Go on with a file of the store; one that belongs to another file is copied before it can be written."""
        fd = self._store.open(name, self._writes)
        if self._writes:
            owner = os.stat(self._target)
            if not self._store.belongs_to(fd, owner.st_ino):
                try:
                    copied, fresh = self._store.copy(fd, owner)
                finally:
                    os.close(fd)
                fd = fresh
                self._point_to(copied, fd)
        self._file = self._as_handle(fd)

    def _point_to(self, name: str, fd: int) -> None:
        try:
            os.setxattr(self._target, pointer_attribute(self._raw), name.encode())
        except BaseException:
            os.close(fd)
            self._store.remove(name)
            raise

    def _promote(self, data: bytes) -> PosixHandle:
        """Move the data to the store. Whatever fails, they are where they were."""
        name, fd = self._store.create(os.stat(self._target))
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(fd, data[written:], written)
            if data:
                os.fsync(fd)  # they may have been on the disk already, and must not be there less from now on
        except BaseException:
            os.close(fd)
            self._store.remove(name)
            raise
        try:
            os.setxattr(self._target, pointer_attribute(self._raw), name.encode())
        except OSError:
            # Not enough room beside the data: first they make place.
            try:
                save(self._target, self._raw, b"")
                os.setxattr(self._target, pointer_attribute(self._raw), name.encode())
            except BaseException:
                save(self._target, self._raw, data)
                os.close(fd)
                self._store.remove(name)
                raise
        remove(self._target, data_attribute(self._raw))
        self._file = self._as_handle(fd)
        return self._file

    def _touch(self) -> None:
        """[MS-FSA] 2.1.4.17: the file was modified."""
        os.utime(self._target)

    def _check(self) -> None:
        if not self._writes:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def _opened(self) -> PosixHandle:
        if self._file is None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._file

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """An attribute is read at once; a file as files are."""
        data = self.load()
        return self._opened().read(length, offset) if data is None else data[offset : offset + length]

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """As `read`."""
        data = self.load()
        return self._opened().read_blocking(length, offset) if data is None else data[offset : offset + length]

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """Into the attribute as long as there is room, then into a file. No bytes change nothing, wherever."""
        self._check()
        if not len(data):
            return
        with self._store.lock:
            held = self.load()
            if held is not None:
                end = offset + len(data)
                if max(end, len(held)) <= MAX_DATA:
                    changed = b"".join((held[:offset].ljust(offset, b"\0"), data, held[end:]))
                    if save(self._target, self._raw, changed):
                        self._touch()
                        return
                self._promote(held)
        self._opened().write(data, offset)
        self._touch()

    def truncate(self, size: int) -> None:
        """Cut or extend."""
        self._check()
        with self._store.lock:
            held = self.load()
            if held is not None:
                if size <= MAX_DATA and save(self._target, self._raw, held[:size].ljust(size, b"\0")):
                    self._touch()
                    return
                self._promote(held)
        self._opened().truncate(size)
        self._touch()

    def allocate(self, size: int) -> None:
        """Only a file can reserve; so much room is what a file will be needed for."""
        self._check()
        with self._store.lock:
            held = self.load()
            if held is not None:
                if size <= MAX_DATA:
                    return
                self._promote(held)
        self._opened().allocate(size)

    def sync(self) -> None:
        """An attribute is part of the file that it is on, which is synced after this."""
        if self._file is not None:
            self._file.sync()

    def sizes(self) -> tuple[int, int]:
        """Of what is there now."""
        data = self.load()
        if data is None:
            meta = self._opened().metadata()
            return meta.end_of_file, meta.allocation_size
        return len(data), len(data) + -len(data) % UNIT

    def renamed(self, name: str) -> None:
        """A file that is open stays the stream's."""
        self._raw = raw_name(name)

    def close(self) -> None:
        """Give back the file."""
        file, self._file = self._file, None
        self._target = -1
        if file is not None:
            file.close()
