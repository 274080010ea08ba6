"""An open file or directory of a tree in memory."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

from smbserver.backend.apple_streams import AppleStreams
from smbserver.backend.base import LockMirror, Ranges, Streams, Version
from smbserver.backend.memory_nodes import Directory, File, Node, check_descriptor, ea_units, metadata_of, refuse
from smbserver.backend.memory_streams import MemoryStreams
from smbserver.backend.memory_volume import MemoryVolume
from smbserver.backend.plain_ranges import PlainRanges
from smbserver.nt import attributes as attrs
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea, changed, list_size
from smbserver.nt.metadata import Metadata, Ownership

# Nobody's, and everybody may do everything; who may connect is the share's business.
OWNERSHIP = Ownership(65534, 65534, 0o777)


class MemoryHandle:
    """See `backend.base.Handle`. Every change of `data` is a single slice operation, for the sake of threads.

    `plain_streams`: those of Apple's clients have no rules of their own.
    """

    __slots__ = (
        "_holds_change",
        "_holds_write",
        "_node",
        "_plain_streams",
        "_volume",
        "_writes",
        "identity",
        "is_directory",
    )

    def __init__(self, volume: MemoryVolume, node: File | Directory, writes: bool, plain_streams: bool) -> None:
        self._volume = volume
        self._node: File | Directory | None = node
        self._writes = writes
        self._holds_write = self._holds_change = False
        self._plain_streams = plain_streams
        self.identity = volume.identity(node)
        self.is_directory = isinstance(node, Directory)
        node.opens += 1

    def _open(self) -> File | Directory:
        return self._node or refuse(errno.EBADF)

    def _file(self, writes: bool) -> File:
        node = self._open()
        if isinstance(node, Directory):
            refuse(errno.EISDIR)
        if writes and not self._writes:
            refuse(errno.EBADF)
        return node

    def _directory(self) -> Directory:
        node = self._open()
        return node if isinstance(node, Directory) else refuse(errno.ENOTDIR)

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """A copy; memory never has to be waited for."""
        return self._file(False).data[offset : offset + length]

    def cached(self, length: int, offset: int) -> None:
        """Memory has no descriptor."""

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """As `read`."""
        return self._file(False).data[offset : offset + length]

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """Put the data in; a gap before them becomes zeros. No bytes change nothing, wherever."""
        node = self._file(True)
        if not len(data):
            return
        end = offset + len(data)
        with self._volume.lock:
            self._volume.make_room(node, max(end, len(node.data), node.reserved))
            gap = offset - len(node.data)
            if gap > 0:
                node.data[len(node.data) :] = b"".join((bytes(gap), data))
            else:
                node.data[offset:end] = data
        self._modified(node)

    def _modified(self, node: Node) -> None:
        """[MS-FSA] 2.1.4.17."""
        now = self._volume.now()
        if not self._holds_write:
            node.written = now
        if not self._holds_change:
            node.changed = now

    def truncate(self, size: int) -> None:
        """Cut, which also gives up what was reserved, or extend."""
        node = self._file(True)
        with self._volume.lock:
            if size <= len(node.data):
                self._volume.make_room(node, size)
                node.reserved = 0
                del node.data[size:]
            else:
                self._volume.make_room(node, max(size, node.reserved))
                node.data.extend(bytes(size - len(node.data)))
        self._modified(node)

    def allocate(self, size: int) -> None:
        """Count the room as taken."""
        node = self._file(True)
        with self._volume.lock:
            if size > max(len(node.data), node.reserved):
                self._volume.make_room(node, size)
                node.reserved = size

    def sync(self) -> None:
        """There is nothing more stable than this."""
        self._open()

    def metadata(self) -> Metadata:
        """What the node says."""
        return metadata_of(self._open())

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """Set times; a node has a place for each."""
        node = self._open()
        if change_time is not None:
            node.changed = change_time
        elif not self._holds_change:
            node.changed = self._volume.now()
        if creation_time is not None:
            node.created = creation_time
        if access_time is not None:
            node.accessed = access_time
        if write_time is not None:
            node.written = write_time

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """The access time is held in any case: nothing here moves it."""
        self._open()
        self._holds_write, self._holds_change = write, change

    def set_attributes(self, attributes: int) -> None:
        """Keep what a client may choose."""
        node = self._open()
        node.attributes = attributes & attrs.SETTABLE
        if not self._holds_change:
            node.changed = self._volume.now()

    def get_eas(self) -> list[Ea]:
        """The list of the node."""
        return list(self._open().eas)

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """The new list, made whole before it is taken; it is counted as room once the file has any."""
        node = self._open()
        eas = sorted(changed(node.eas, changes), key=lambda ea: ea.name.upper())
        self._volume.take(ea_units(eas) - ea_units(node.eas))
        node.eas = tuple(eas)
        node.changed = self._volume.now()

    def ea_size(self) -> int:
        """Of the list."""
        return list_size(self._open().eas)

    def mark_changed(self) -> None:
        """In the node."""
        self._open().attributes |= attrs.ARCHIVE

    def descriptor(self) -> Descriptor | None:
        """The node's."""
        return self._open().descriptor

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """Keep it, bounded as on a disk."""
        node = self._open()
        check_descriptor(descriptor)
        node.descriptor = descriptor
        node.changed = self._volume.now()

    def ownership(self) -> Ownership:
        """Everybody may do everything."""
        self._open()
        return OWNERSHIP

    def set_mode(self, mode: int) -> None:
        """There are no mode bits here."""
        refuse(errno.EOPNOTSUPP)

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """Every entry that was there at the start and still is."""
        node = self._directory()
        yield ".", metadata_of(node)
        yield "..", metadata_of(node.parent or node)
        for key in list(node.entries):
            entry = node.entries.get(key)
            if entry is not None:
                meta = metadata_of(entry.node)
                meta.ea_size = list_size(entry.node.eas)
                yield entry.name, meta

    def is_empty(self) -> bool:
        """Whether there is no entry."""
        return not self._directory().entries

    def lock_mirror(self) -> LockMirror | None:
        """No local program can open it."""
        return None

    def version(self, again: bool) -> Version | None:
        """No local program can open it."""
        return None

    def ranges(self) -> Ranges:
        """Memory has no holes, and every byte of a file is its own."""
        return PlainRanges(self)

    def streams(self) -> Streams:
        """What the node has."""
        stored = MemoryStreams(self._volume, self, self._open())
        return stored if self._plain_streams else AppleStreams(stored)

    def beside(self, node: File | Directory, writes: bool) -> MemoryHandle:
        """A further handle, of this node or of a stream of it."""
        return MemoryHandle(self._volume, node, writes, self._plain_streams)

    def close(self) -> None:
        """Give the handle back, and the room when nobody else keeps the file."""
        node, self._node = self._node, None
        if node is not None:
            node.opens -= 1
            self._volume.release_if_gone(node)
