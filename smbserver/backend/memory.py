"""A tree of files kept in memory, of bounded size: for tests, and for shares that may be thrown away.

The contract of `backend.base` and nothing beyond it: no symbolic links, no mode bits, and names are kept exactly as the
client wrote them (the posix backend maps some characters; there is no disk here to map them for).
"""

import errno
from collections.abc import Callable
from typing import Final

from smbserver.backend.base import Identity, Located
from smbserver.backend.memory_handle import OWNERSHIP, MemoryHandle
from smbserver.backend.memory_measure import measured
from smbserver.backend.memory_nodes import Directory, Entry, File, check_descriptor, metadata_of, refuse
from smbserver.backend.memory_volume import MemoryVolume
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.metadata import NO_FEATURES, Ownership, VolumeFeatures, VolumeSpace
from smbserver.nt.names import Path, check_component, fold_case, is_short
from smbserver.nt.short_names import short_name

DEFAULT_SIZE: Final = 256 * 1024 * 1024  # bytes; a test's files fit, and a forgotten share does not end the machine
_MAX_GONE: Final = 16  # names of one directory that a short name brings back
_TUNNEL: Final = 15 * 10_000_000  # for so long, in FILETIMEs ([MS-FSA] 2.1.1.2)


class MemoryLocated:
    """See `backend.base.Located`. `wanted` is how the client spelled the last name; `parent` is None for the root."""

    __slots__ = ("identity", "metadata", "node", "parent", "path", "wanted")

    def __init__(self, parent: Directory | None, path: Path, wanted: str, node: File | Directory | None) -> None:
        self.parent = parent
        self.path = path
        self.wanted = wanted
        self.node = node
        self.identity: Identity | None = None
        self.metadata = None if node is None else metadata_of(node)

    def descriptor(self) -> Descriptor | None:
        """The node's."""
        return None if self.node is None else self.node.descriptor

    def directory_descriptor(self) -> Descriptor | None:
        """The directory's."""
        return None if self.parent is None else self.parent.descriptor

    def ownership(self) -> Ownership:
        """Everybody may do everything."""
        return OWNERSHIP

    def refused_to(self, uid: int) -> int:
        """Everybody may do everything."""
        return 0

    def check_remove(self) -> None:
        """Nothing here needs a permission."""

    def close(self) -> None:
        """Nothing is held."""


class MemoryBackend:
    """See `backend.base.Backend`. `now` gives the present as FILETIME; `size` is the bound in bytes.

    `plain_streams`: those of Apple's clients have no rules of their own.
    """

    links = None
    read_only = False
    posix_semantics = False  # no modes, and one name for all its spellings

    def __init__(self, now: Callable[[], int], size: int = DEFAULT_SIZE, plain_streams: bool = False) -> None:
        self.plain_streams = plain_streams
        self._now = now
        self._volume = MemoryVolume(now, size)
        self._root = Directory(self._volume.next_number(), 0, self._volume.created, self._volume.created)
        self._root.links = 1

    @property
    def features(self) -> VolumeFeatures:
        """None of them."""
        return NO_FEATURES

    @property
    def has_streams(self) -> bool:
        """Always."""
        return True

    @property
    def serial_number(self) -> int:
        """Made of what tells this object from others."""
        return self._volume.serial

    @property
    def supports_eas(self) -> bool:
        """Always."""
        return True

    @property
    def creation_time(self) -> int:
        """When the backend was made."""
        return self._volume.created

    @property
    def keeps_descriptors(self) -> bool:
        """They live as long as the files."""
        return True

    def _walk(self, path: Path) -> tuple[Directory, Path]:
        directory = self._root
        stored: list[str] = []
        for name in path:
            check_component(name)
            entry = directory.find(name, True)
            if entry is None or not isinstance(entry.node, Directory):
                raise StatusError(status.OBJECT_PATH_NOT_FOUND)
            stored.append(entry.name)
            directory = entry.node
        return directory, tuple(stored)

    def hides(self, name: str) -> bool:
        """No name means more than itself here."""
        return False

    def look_ahead(self, path: Path) -> int:
        """There is nothing to wait for."""
        return 0

    def look_at_entries(self, path: Path, start: int, count: int) -> int:
        """There is nothing to wait for."""
        return 0

    def locate(self, path: Path, composed: bool = True, exact: bool = False) -> MemoryLocated:
        """One look into a dict per component; nobody asks for exact names here."""
        if not path:
            located = MemoryLocated(None, (), "", self._root)
        else:
            check_component(path[-1])
            parent, above = self._walk(path[:-1])
            entry = parent.find(path[-1], composed)
            name, node = entry or (path[-1], None)
            located = MemoryLocated(parent, (*above, name), path[-1], node)
        if located.node is not None:
            located.identity = self._volume.identity(located.node)
        return located

    def open(self, located: Located, read: bool, write: bool) -> MemoryHandle:
        """Open what is still there."""
        assert isinstance(located, MemoryLocated)
        node: File | Directory = self._root
        if located.parent is not None:
            entry = located.parent.entries.get(fold_case(located.path[-1]))
            if entry is None:
                refuse(errno.ENOENT)
            node = entry.node
        if node is not located.node:
            refuse(errno.ESTALE)
        return MemoryHandle(self._volume, node, write, self.plain_streams)

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> MemoryHandle:
        """Make a file; it has no mode."""
        now = self._now()
        node = File(self._volume.next_number(), attributes, creation_time or now, now)
        return self._create(located, node, descriptor)

    def create_directory(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> MemoryHandle:
        """Make a directory; it has no mode."""
        now = self._now()
        node = Directory(self._volume.next_number(), attributes, creation_time or now, now)
        return self._create(located, node, descriptor)

    def _create(self, located: Located, node: File | Directory, descriptor: Descriptor | None) -> MemoryHandle:
        assert isinstance(located, MemoryLocated)
        if descriptor is not None:
            check_descriptor(descriptor)
            node.descriptor = descriptor
        parent = located.parent
        if parent is None or located.node is not None or not parent.is_free(located.wanted):
            refuse(errno.EEXIST)
        long, then = parent.gone.get(fold_case(located.wanted), ("", 0))
        if long and isinstance(node, File) and 0 <= node.created - then <= _TUNNEL and parent.is_free(long):
            located.wanted = long
            located.path = (*located.path[:-1], long)
        self._add(parent, located.wanted, node)
        return MemoryHandle(self._volume, node, True, self.plain_streams)

    def _add(self, parent: Directory, name: str, node: File | Directory) -> None:
        if not parent.links:
            refuse(errno.ENOENT)  # removed since the lookup: nobody could ever reach the entry
        self._volume.take(1)
        parent.entries[fold_case(name)] = Entry(name, node)
        node.links += 1
        if isinstance(node, Directory):
            node.parent = parent
        node.changed = parent.written = parent.changed = self._now()

    def _drop(self, parent: Directory, key: str) -> None:
        name, node = parent.entries.pop(key)
        self._volume.take(-1)
        if not is_short(name):
            parent.gone[short_name(name)] = (name, self._now())
            if len(parent.gone) > _MAX_GONE:
                del parent.gone[next(iter(parent.gone))]
        node.links -= 1
        node.changed = parent.written = parent.changed = self._now()
        self._volume.release_if_gone(node)

    def _find(self, path: Path, identity: Identity) -> tuple[Directory, str, File | Directory]:
        """The directory, folded name and node of an entry that is still the expected file."""
        if not path:
            refuse(errno.EBUSY)
        check_component(path[-1])
        parent, _ = self._walk(path[:-1])
        key = fold_case(path[-1])
        entry = parent.entries.get(key)
        if entry is None:
            refuse(errno.ENOENT)
        if self._volume.identity(entry.node) != identity:
            refuse(errno.ESTALE)
        return parent, key, entry.node

    def look_again(self) -> None:
        """Nobody puts another tree in this one's place."""

    def check_remove(self, path: Path, identity: Identity) -> None:
        """Nothing here needs a permission."""

    def remove(self, path: Path, identity: Identity) -> None:
        """Remove a name; the file goes with its last name and handle."""
        parent, key, node = self._find(path, identity)
        if isinstance(node, Directory) and node.entries:
            refuse(errno.ENOTEMPTY)
        self._drop(parent, key)

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """Rename; refusals first, then the deed, so that there is nothing to undo."""
        assert isinstance(target, MemoryLocated)
        source, key, node = self._find(path, identity)
        directory, name = self._place(target)
        standing_key = fold_case(target.path[-1])  # its own name, where `name` is a short one
        standing = directory.entries.get(standing_key)
        if standing is not None and standing.node is not node:
            self._check_replace(standing.node, replace)
        above: Directory | None = directory
        while above is not None:
            if above is node:
                refuse(errno.EINVAL)
            above = above.parent
        if standing is not None and standing.node is not node and isinstance(node, Directory):
            refuse(errno.ENOTDIR)
        node.links += 1  # the file is not gone while it is between two names
        self._drop(source, key)
        if standing_key in directory.entries:
            self._drop(directory, standing_key)
        self._add(directory, name, node)
        node.links -= 1
        return (*target.path[:-1], name)

    def _place(self, target: MemoryLocated) -> tuple[Directory, str]:
        if target.parent is None:
            refuse(errno.EBUSY)
        if not target.parent.links:
            refuse(errno.ENOENT)
        return target.parent, target.wanted

    @staticmethod
    def _check_replace(standing: File | Directory, replace: bool) -> None:
        if not replace:
            refuse(errno.EEXIST)
        if isinstance(standing, Directory):
            refuse(errno.EISDIR)

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """Add a name to a file."""
        assert isinstance(target, MemoryLocated)
        _, _, node = self._find(path, identity)
        if isinstance(node, Directory):
            refuse(errno.EPERM)
        directory, name = self._place(target)
        standing_key = fold_case(target.path[-1])  # its own name, where `name` is a short one
        standing = directory.entries.get(standing_key)
        if standing is not None:
            self._check_replace(standing.node, replace)
            if standing.node is node:
                return
            self._drop(directory, standing_key)  # gives back the unit that _add takes
        self._add(directory, name, node)

    def space(self) -> VolumeSpace:
        """The room in the units that writes are counted in."""
        return self._volume.space()

    def measure(self) -> int:
        """Bytes that all files have, as `posix.measure` counts them."""
        return measured(self._root)

    def close(self) -> None:
        """Nothing is held: the tree goes with the object."""
