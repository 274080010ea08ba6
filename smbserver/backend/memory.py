"""A tree of files kept in memory, of bounded size: for tests, and for shares that may be thrown away.

The contract of `backend.base` and nothing beyond it: no symbolic links, no mode bits, and names are kept exactly as the
client wrote them (the posix backend maps some characters; there is no disk here to map them for).
"""

import errno
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, NoReturn

from smbserver.backend.apple_streams import AppleStreams
from smbserver.backend.base import Identity, Located, LockMirror, Ranges, Streams
from smbserver.backend.memory_measure import measured
from smbserver.backend.memory_streams import MemoryStreams
from smbserver.backend.plain_ranges import PlainRanges
from smbserver.errors import StatusError, WireError
from smbserver.nt import attributes as attrs
from smbserver.nt import status
from smbserver.nt.descriptor import Descriptor, build
from smbserver.nt.extended_attributes import Ea, changed, list_size
from smbserver.nt.metadata import NO_FEATURES, Metadata, Ownership, VolumeFeatures, VolumeSpace
from smbserver.nt.names import Path, check_component, fold, fold_case, is_short
from smbserver.nt.short_names import looks_made, short_name

DEFAULT_SIZE: Final = 256 * 1024 * 1024  # bytes; a test's files fit, and a forgotten share does not end the machine
UNIT: Final = 4096  # bytes that room is counted in, and what an entry costs: a million empty files meet the bound too
MAX_DESCRIPTOR: Final = 65536  # bytes of a stored security descriptor, as in an extended attribute of a disk
_MAX_GONE: Final = 16  # names of one directory that a short name brings back
_TUNNEL: Final = 15 * 10_000_000  # for so long, in FILETIMEs ([MS-FSA] 2.1.1.2)
# Nobody's, and everybody may do everything; who may connect is the share's business.
_OWNERSHIP: Final = Ownership(65534, 65534, 0o777)


def _refuse(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))


class _Node:
    """What files and directories have in common. Lives while it has a name (`links`) or an open handle (`opens`)."""

    __slots__ = (
        "accessed",
        "attributes",
        "changed",
        "created",
        "descriptor",
        "eas",
        "links",
        "number",
        "opens",
        "streams",
        "written",
    )

    def __init__(self, number: int, attributes: int, created: int, now: int) -> None:
        self.number = number
        self.attributes = attributes & attrs.SETTABLE
        self.created = created
        self.accessed = self.written = self.changed = now
        self.links = 0
        self.opens = 0
        self.eas: tuple[Ea, ...] = ()  # ordered by name
        self.descriptor: Descriptor | None = None
        self.streams: dict[str, _Entry] = {}  # by folded name

    def reach(self) -> int:
        """Bytes that a file has or was promised."""
        return 0

    def head(self, length: int) -> bytes:
        """The first bytes of a file."""
        return b""

    def below(self) -> "list[_Entry]":
        """What is in a directory."""
        return []


class _File(_Node):
    __slots__ = ("data", "reserved")

    def __init__(self, number: int, attributes: int, created: int, now: int) -> None:
        super().__init__(number, attributes, created, now)
        self.data = bytearray()
        self.reserved = 0  # bytes promised by `allocate`

    def units(self) -> int:
        """The room that the data take."""
        return _units(self.reach())

    def reach(self) -> int:
        """Bytes that the file has or was promised."""
        return max(len(self.data), self.reserved)

    def head(self, length: int) -> bytes:
        """The first bytes."""
        return bytes(self.data[:length])


class _Directory(_Node):
    __slots__ = ("entries", "gone", "parent")

    def __init__(self, number: int, attributes: int, created: int, now: int) -> None:
        super().__init__(number, attributes, created, now)
        self.entries: dict[str, _Entry] = {}  # by folded name
        self.gone: dict[str, tuple[str, int]] = {}  # by short name: the name that has gone, and when
        self.parent: _Directory | None = None

    def below(self) -> "list[_Entry]":
        """The entries now."""
        return list(self.entries.values())

    def find(self, name: str, composed: bool) -> "_Entry | None":
        """The entry that this spelling means. What is not there under its own case is looked for one by one."""
        key = fold_case(name)
        found = self.entries.get(key)
        if found is None and composed and not name.isascii():
            full = fold(name)
            found = next((e for e in self.entries.values() if not e.name.isascii() and fold(e.name) == full), None)
        if found is None and looks_made(name):
            several = [e for e in self.entries.values() if short_name(e.name) == key]
            found = several[0] if len(several) == 1 else None  # of two it would be a guess
        return found

    def is_free(self, name: str) -> bool:
        """Whether a name can be made."""
        return self.find(name, False) is None


class _Entry(NamedTuple):
    name: str
    node: _File | _Directory


def _check_size(descriptor: Descriptor) -> None:
    try:
        if len(build(descriptor)) <= MAX_DESCRIPTOR:
            return
    except WireError:
        pass
    _refuse(errno.E2BIG)


def _units(size: int) -> int:
    return -(-size // UNIT)


def _ea_units(eas: Sequence[Ea]) -> int:
    return _units(list_size(eas))


def _metadata(node: _File | _Directory) -> Metadata:
    is_directory = isinstance(node, _Directory)
    flags = node.attributes | (attrs.DIRECTORY if is_directory else 0)
    return Metadata(
        node.created,
        node.accessed,
        node.written,
        node.changed,
        0 if isinstance(node, _Directory) else node.units() * UNIT,
        0 if isinstance(node, _Directory) else len(node.data),
        flags or attrs.NORMAL,
        1 if is_directory else node.links,
        node.number,
        is_directory,
    )


class MemoryLocated:
    """See `backend.base.Located`. `wanted` is how the client spelled the last name; `parent` is None for the root."""

    __slots__ = ("identity", "metadata", "node", "parent", "path", "wanted")

    def __init__(self, parent: _Directory | None, path: Path, wanted: str, node: _File | _Directory | None) -> None:
        self.parent = parent
        self.path = path
        self.wanted = wanted
        self.node = node
        self.identity: Identity | None = None
        self.metadata = None if node is None else _metadata(node)

    def descriptor(self) -> Descriptor | None:
        """The node's."""
        return None if self.node is None else self.node.descriptor

    def directory_descriptor(self) -> Descriptor | None:
        """The directory's."""
        return None if self.parent is None else self.parent.descriptor

    def ownership(self) -> Ownership:
        """Everybody may do everything."""
        return _OWNERSHIP

    def refused_to(self, uid: int) -> int:
        """Everybody may do everything."""
        return 0

    def close(self) -> None:
        """Nothing is held."""


class MemoryHandle:
    """See `backend.base.Handle`. Every change of `data` is a single slice operation, for the sake of threads."""

    __slots__ = ("_holds_change", "_holds_write", "_node", "_volume", "_writes", "identity", "is_directory")

    def __init__(self, volume: "MemoryBackend", node: _File | _Directory, identity: Identity, writes: bool) -> None:
        self._volume = volume
        self._node: _File | _Directory | None = node
        self._writes = writes
        self._holds_write = self._holds_change = False
        self.identity = identity
        self.is_directory = isinstance(node, _Directory)
        node.opens += 1

    def _open(self) -> _File | _Directory:
        return self._node or _refuse(errno.EBADF)

    def _file(self, writes: bool) -> _File:
        node = self._open()
        if isinstance(node, _Directory):
            _refuse(errno.EISDIR)
        if writes and not self._writes:
            _refuse(errno.EBADF)
        return node

    def _directory(self) -> _Directory:
        node = self._open()
        return node if isinstance(node, _Directory) else _refuse(errno.ENOTDIR)

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

    def _modified(self, node: _Node) -> None:
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
        return _metadata(self._open())

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
        self._volume.take(_ea_units(eas) - _ea_units(node.eas))
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
        _check_size(descriptor)
        node.descriptor = descriptor
        node.changed = self._volume.now()

    def ownership(self) -> Ownership:
        """Everybody may do everything."""
        self._open()
        return _OWNERSHIP

    def set_mode(self, mode: int) -> None:
        """There are no mode bits here."""
        _refuse(errno.EOPNOTSUPP)

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """Every entry that was there at the start and still is."""
        node = self._directory()
        yield ".", _metadata(node)
        yield "..", _metadata(node.parent or node)
        for key in list(node.entries):
            entry = node.entries.get(key)
            if entry is not None:
                yield entry.name, _metadata(entry.node)._replace(ea_size=list_size(entry.node.eas))

    def is_empty(self) -> bool:
        """Whether there is no entry."""
        return not self._directory().entries

    def lock_mirror(self) -> LockMirror | None:
        """No local program can open it."""
        return None

    def ranges(self) -> Ranges:
        """Memory has no holes, and every byte of a file is its own."""
        return PlainRanges(self)

    def streams(self) -> Streams:
        """What the node has."""
        stored = MemoryStreams(self._volume, self, self._open())
        return stored if self._volume.plain_streams else AppleStreams(stored)

    def close(self) -> None:
        """Give the handle back, and the room when nobody else keeps the file."""
        node, self._node = self._node, None
        if node is not None:
            node.opens -= 1
            self._volume.release_if_gone(node)


class MemoryBackend:
    """See `backend.base.Backend`. `now` gives the present as FILETIME; `size` is the bound in bytes.

    `plain_streams`: those of Apple's clients have no rules of their own.
    """

    links = None
    read_only = False
    posix_semantics = False  # no modes, and one name for all its spellings

    def __init__(self, now: Callable[[], int], size: int = DEFAULT_SIZE, plain_streams: bool = False) -> None:
        self.now = now
        self.plain_streams = plain_streams
        self.lock = threading.RLock()  # copies and zeros are written by threads
        self._units = size // UNIT
        self._used = 0
        self._last_number = 0
        self._created = now()
        # A disk's device number is not negative, and no two living objects have one id.
        self._device = -1 - id(self)
        self._serial = zlib.crc32(f"{self._device}:{self._created}".encode())
        self._root = _Directory(self._next_number(), 0, self._created, self._created)
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
        return self._serial

    @property
    def supports_eas(self) -> bool:
        """Always."""
        return True

    @property
    def creation_time(self) -> int:
        """When the backend was made."""
        return self._created

    @property
    def keeps_descriptors(self) -> bool:
        """They live as long as the files."""
        return True

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _identity(self, node: _Node) -> Identity:
        return (self._device, node.number)

    def take(self, units: int) -> None:
        """Count room as used, or given back when negative; OSError ENOSPC before anything is past the bound."""
        with self.lock:
            if units > 0 and self._used + units > self._units:
                _refuse(errno.ENOSPC)
            self._used += units

    def make_room(self, node: _File, size: int) -> None:
        """Take or give back the difference, for a file that is to need `size` bytes. Called before memory is."""
        self.take(_units(size) - node.units())

    def release_if_gone(self, node: _Node) -> None:
        """Give the data's room back when no name and no handle leads to them any more."""
        if node.links or node.opens:
            return
        self.take(-_ea_units(node.eas))
        node.eas = ()
        if isinstance(node, _File):
            self.take(-node.units())
            node.data = bytearray()
            node.reserved = 0
        for key in list(node.streams):
            self.remove_stream(node, key)

    def handle(self, node: "_File | _Directory", writes: bool) -> MemoryHandle:
        """A further handle of a node."""
        return MemoryHandle(self, node, self._identity(node), writes)

    def add_stream(self, node: "_Node", name: str) -> "_File":
        """An empty stream; it costs what an entry costs."""
        now = self.now()
        stream = _File(node.number, 0, now, now)
        self.take(1)
        node.streams[fold(name)] = _Entry(name, stream)
        stream.links = 1
        return stream

    def remove_stream(self, node: "_Node", key: str) -> None:
        """Its data live on while it is open."""
        stream = node.streams.pop(key).node
        self.take(-1)
        stream.links = 0
        self.release_if_gone(stream)

    def _walk(self, path: Path) -> tuple[_Directory, Path]:
        directory = self._root
        stored: list[str] = []
        for name in path:
            check_component(name)
            entry = directory.find(name, True)
            if entry is None or not isinstance(entry.node, _Directory):
                raise StatusError(status.OBJECT_PATH_NOT_FOUND)
            stored.append(entry.name)
            directory = entry.node
        return directory, tuple(stored)

    def hides(self, name: str) -> bool:
        """No name means more than itself here."""
        return False

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
            located.identity = self._identity(located.node)
        return located

    def open(self, located: Located, read: bool, write: bool) -> MemoryHandle:
        """Open what is still there."""
        assert isinstance(located, MemoryLocated)
        node: _File | _Directory = self._root
        if located.parent is not None:
            entry = located.parent.entries.get(fold_case(located.path[-1]))
            if entry is None:
                _refuse(errno.ENOENT)
            node = entry.node
        if node is not located.node:
            _refuse(errno.ESTALE)
        return MemoryHandle(self, node, self._identity(node), write)

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> MemoryHandle:
        """Make a file; it has no mode."""
        now = self.now()
        node = _File(self._next_number(), attributes, creation_time or now, now)
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
        now = self.now()
        node = _Directory(self._next_number(), attributes, creation_time or now, now)
        return self._create(located, node, descriptor)

    def _create(self, located: Located, node: _File | _Directory, descriptor: Descriptor | None) -> MemoryHandle:
        assert isinstance(located, MemoryLocated)
        if descriptor is not None:
            _check_size(descriptor)
            node.descriptor = descriptor
        parent = located.parent
        if parent is None or located.node is not None or not parent.is_free(located.wanted):
            _refuse(errno.EEXIST)
        long, then = parent.gone.get(fold_case(located.wanted), ("", 0))
        if long and isinstance(node, _File) and 0 <= node.created - then <= _TUNNEL and parent.is_free(long):
            located.wanted = long
            located.path = (*located.path[:-1], long)
        self._add(parent, located.wanted, node)
        return MemoryHandle(self, node, self._identity(node), True)

    def _add(self, parent: _Directory, name: str, node: _File | _Directory) -> None:
        if not parent.links:
            _refuse(errno.ENOENT)  # removed since the lookup: nobody could ever reach the entry
        self.take(1)
        parent.entries[fold_case(name)] = _Entry(name, node)
        node.links += 1
        if isinstance(node, _Directory):
            node.parent = parent
        node.changed = parent.written = parent.changed = self.now()

    def _drop(self, parent: _Directory, key: str) -> None:
        name, node = parent.entries.pop(key)
        self.take(-1)
        if not is_short(name):
            parent.gone[short_name(name)] = (name, self.now())
            if len(parent.gone) > _MAX_GONE:
                del parent.gone[next(iter(parent.gone))]
        node.links -= 1
        node.changed = parent.written = parent.changed = self.now()
        self.release_if_gone(node)

    def _find(self, path: Path, identity: Identity) -> tuple[_Directory, str, _File | _Directory]:
        """The directory, folded name and node of an entry that is still the expected file."""
        if not path:
            _refuse(errno.EBUSY)
        check_component(path[-1])
        parent, _ = self._walk(path[:-1])
        key = fold_case(path[-1])
        entry = parent.entries.get(key)
        if entry is None:
            _refuse(errno.ENOENT)
        if self._identity(entry.node) != identity:
            _refuse(errno.ESTALE)
        return parent, key, entry.node

    def look_again(self) -> None:
        """Nobody puts another tree in this one's place."""

    def check_remove(self, path: Path, identity: Identity) -> None:
        """Nothing here needs a permission."""

    def remove(self, path: Path, identity: Identity) -> None:
        """Remove a name; the file goes with its last name and handle."""
        parent, key, node = self._find(path, identity)
        if isinstance(node, _Directory) and node.entries:
            _refuse(errno.ENOTEMPTY)
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
        above: _Directory | None = directory
        while above is not None:
            if above is node:
                _refuse(errno.EINVAL)
            above = above.parent
        if standing is not None and standing.node is not node and isinstance(node, _Directory):
            _refuse(errno.ENOTDIR)
        node.links += 1  # the file is not gone while it is between two names
        self._drop(source, key)
        if standing_key in directory.entries:
            self._drop(directory, standing_key)
        self._add(directory, name, node)
        node.links -= 1
        return (*target.path[:-1], name)

    def _place(self, target: MemoryLocated) -> tuple[_Directory, str]:
        if target.parent is None:
            _refuse(errno.EBUSY)
        if not target.parent.links:
            _refuse(errno.ENOENT)
        return target.parent, target.wanted

    @staticmethod
    def _check_replace(standing: _File | _Directory, replace: bool) -> None:
        if not replace:
            _refuse(errno.EEXIST)
        if isinstance(standing, _Directory):
            _refuse(errno.EISDIR)

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """Add a name to a file."""
        assert isinstance(target, MemoryLocated)
        _, _, node = self._find(path, identity)
        if isinstance(node, _Directory):
            _refuse(errno.EPERM)
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
        free = self._units - self._used
        return VolumeSpace(UNIT, self._units, free, free)

    def measure(self) -> int:
        """Bytes that all files have, as `posix.measure` counts them."""
        return measured(self._root)

    def close(self) -> None:
        """Nothing is held: the tree goes with the object."""
