"""The named streams of a file in memory: each is a file without attributes of its own, in a dict of the node."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from smbserver.backend.memory_nodes import Directory, File, refuse
from smbserver.backend.memory_volume import MemoryVolume
from smbserver.backend.stream_handle import StreamHandle
from smbserver.nt.metadata import StreamFacts
from smbserver.nt.names import fold

if TYPE_CHECKING:
    from smbserver.backend.memory_handle import MemoryHandle

MAX_STREAMS: Final = 2000  # of one file; about what a disk's attributes could name


class _MemoryContent:
    """See `stream_handle.Content`. `base` is the node of the file, whose times follow."""

    __slots__ = ("_base", "_handle", "_volume")

    def __init__(self, volume: MemoryVolume, base: File | Directory, handle: MemoryHandle) -> None:
        self._volume = volume
        self._base = base
        self._handle = handle

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        return self._handle.read(length, offset)

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        return self._handle.read_blocking(length, offset)

    def write(self, data: memoryview | bytes, offset: int) -> None:
        self._handle.write(data, offset)
        self._touch()

    def truncate(self, size: int) -> None:
        self._handle.truncate(size)
        self._touch()

    def _touch(self) -> None:
        self._base.written = self._base.changed = self._volume.now()

    def allocate(self, size: int) -> None:
        self._handle.allocate(size)

    def sync(self) -> None:
        self._handle.sync()

    def sizes(self) -> tuple[int, int]:
        meta = self._handle.metadata()
        return meta.end_of_file, meta.allocation_size

    def renamed(self, name: str) -> None:
        """The node is the stream, whatever its name."""

    def close(self) -> None:
        self._handle.close()


class MemoryStreams:
    """See `backend.apple_streams.StoredStreams`."""

    __slots__ = ("_base", "_node", "_volume")

    def __init__(self, volume: MemoryVolume, base: MemoryHandle, node: File | Directory) -> None:
        self._volume = volume
        self._base = base
        self._node = node

    def file(self) -> MemoryHandle:
        """A further handle of the node."""
        return self._base.beside(self._node, False)

    def all(self) -> list[StreamFacts]:
        """In the order they were made."""
        found = []
        if not self._base.is_directory:
            meta = self._base.metadata()
            found.append(StreamFacts("", meta.end_of_file, meta.allocation_size))
        for name, stream in list(self._node.streams.values()):
            handle = self._base.beside(stream, False)
            meta = handle.metadata()
            handle.close()
            found.append(StreamFacts(name, meta.end_of_file, meta.allocation_size))
        return found

    def names(self) -> list[str]:
        """In the same order."""
        return [entry.name for entry in self._node.streams.values()]

    def find(self, name: str) -> str | None:
        """One look into a dict."""
        entry = self._node.streams.get(fold(name))
        return None if entry is None else entry.name

    def open(self, name: str, write: bool) -> StreamHandle:
        """A handle of the file and one of the stream."""
        entry = self._node.streams.get(fold(name)) or refuse(errno.ENOENT)
        content = _MemoryContent(self._volume, self._node, self._base.beside(entry.node, write))
        return StreamHandle(self._base.beside(self._node, False), content, entry.name)

    def create(self, name: str) -> StreamHandle:
        """A new stream."""
        if fold(name) in self._node.streams:
            refuse(errno.EEXIST)
        if len(self._node.streams) >= MAX_STREAMS:
            refuse(errno.ENOSPC)
        self._volume.add_stream(self._node, name)
        self._changed()
        return self.open(name, True)

    def replace(self, name: str) -> StreamHandle:
        """Whatever is in memory can be opened."""
        handle = self.open(name, True)
        handle.truncate(0)
        return handle

    def remove(self, name: str) -> None:
        """Handles keep the data."""
        if fold(name) not in self._node.streams:
            refuse(errno.ENOENT)
        self._volume.remove_stream(self._node, fold(name))
        self._changed()

    def rename(self, name: str, to: str) -> None:
        """Another key for the same node."""
        streams = self._node.streams
        if fold(name) not in streams:
            refuse(errno.ENOENT)
        if fold(to) in streams:
            refuse(errno.EEXIST)
        streams[fold(to)] = streams.pop(fold(name))._replace(name=to)
        self._changed()

    def _changed(self) -> None:
        self._node.changed = self._volume.now()
