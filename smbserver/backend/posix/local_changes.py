"""What local programs change in watched directories, by inotify; what the server changes itself is struck out.

Events stand in the kernel's queue when the system call that made them returns. So after a change of its own the server
says what must come (`own`, `own_content`), the queue is read to its end, and what matches is dropped; what has not come
by then never will, and is forgotten. Transcript 0009, D2.

Watched are the directories that somebody watches, and below a watched tree as many as TREE_DIRECTORIES; the walk goes
on between other work. Without inotify, or at its limits, the log says so once and local changes are not seen.
"""

import errno
import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, runtime_checkable

from smbserver.backend.posix.disk_names import LINK_PREFIX, to_wire
from smbserver.backend.posix.inotify import (
    IN_ATTRIB,
    IN_CREATE,
    IN_DELETE,
    IN_IGNORED,
    IN_ISDIR,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_Q_OVERFLOW,
    Event,
    Inotify,
)
from smbserver.errors import StatusError
from smbserver.nt import changes as nt
from smbserver.nt.changes import Change
from smbserver.nt.names import Path

log = logging.getLogger(__name__)

TREE_DIRECTORIES: Final = 4096  # below one watched tree; each costs about 1 KiB of the kernel's memory
REST: Final = 0.05  # seconds between two reads: a busy local writer wakes the loop no more often
BATCH: Final = 16384  # events at a time: the queue's usual length; a local writer may be faster than we read
SCAN_STEP: Final = 32  # directories walked at a time
SCAN_PAUSE: Final = 0.005  # seconds between two steps of a walk


@runtime_checkable
class OnDisk(Protocol):
    """A volume whose directories the kernel can watch: `PosixBackend`, by itself or inside of another store."""

    def directory(self, path: Path) -> int:
        """A descriptor of a directory, good to look at. StatusError, OSError as `locate`."""


Key = tuple[OnDisk, Path]
Later = Callable[[float, Callable[[], None]], Callable[[], None]]
_THERE_EVENTS: Final = IN_CREATE | IN_MOVED_TO
_NAME_EVENTS: Final = _THERE_EVENTS | IN_DELETE | IN_MOVED_FROM
_GONE: Final = (nt.ACTION_REMOVED, nt.ACTION_RENAMED_OLD_NAME)
_OF_STREAMS: Final = (nt.ACTION_ADDED_STREAM, nt.ACTION_REMOVED_STREAM, nt.ACTION_MODIFIED_STREAM)
_COME: Final = (nt.ACTION_ADDED, nt.ACTION_RENAMED_NEW_NAME)


class Sink(Protocol):
    """Who is told (sharing.notify.WatchTable)."""

    def report_local(self, volume: object, changes: Sequence[Change]) -> None:
        """A local program has changed something."""

    def overflow(self) -> None:
        """Changes were lost."""

    def listening(self, ledger: "LocalChanges | None") -> None:
        """From now on the server's own changes are to be told to `ledger`."""


class LocalChanges:
    """See sharing.notify.LocalSource and Ledger. Nothing is open while nobody watches."""

    def __init__(
        self,
        sink: Sink,
        later: Later,
        add_reader: Callable[[int, Callable[[], None]], object],
        remove_reader: Callable[[int], object],
        rights: AbstractContextManager[object] | None = None,
    ) -> None:
        """`rights` is entered to look into directories on the server's own behalf."""
        self._rights: AbstractContextManager[object] = rights or nullcontext()
        self._sink = sink
        self._later = later
        self._add_reader = add_reader
        self._remove_reader = remove_reader
        self._inotify: Inotify | None = None
        self._stop_rest: Callable[[], None] | None = None
        self._stop_scan: Callable[[], None] | None = None
        self._plain: Counter[Key] = Counter()
        self._trees: Counter[Key] = Counter()
        self._wds: dict[Key, int] = {}
        self._keys: dict[int, list[Key]] = {}  # several when a directory is seen by several shares or names
        self._to_scan: deque[tuple[Key, bool]] = deque()  # (directory, whether its content is news)
        self._names: Counter[tuple[object, Path, bool]] = Counter()  # own changes to come: (volume, path, is there now)
        self._contents: set[tuple[object, Path]] = set()
        self._own: set[tuple[int, Key]] = set()  # events, while they are translated
        self._pumping = False
        self._said: set[str] = set()

    def __len__(self) -> int:
        """How many directories inotify watches."""
        return len(self._keys)

    # Who watches what

    def begin(self, volume: object, path: Path, tree: bool) -> None:
        """Listen to a directory, or to it and everything below."""
        if not isinstance(volume, OnDisk) or not self._open():
            return
        key = (volume, path)
        (self._trees if tree else self._plain)[key] += 1
        if self._watch(key) and tree:
            self._scan_later(key, fresh=False)

    def end(self, volume: object, path: Path, tree: bool) -> None:
        """One watch less."""
        if not isinstance(volume, OnDisk):
            return
        key = (volume, path)
        counts = self._trees if tree else self._plain
        if not counts[key]:
            counts.pop(key, None)
            return  # there was no inotify when it began
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
        self._drop_unneeded(self._below(key) if tree else (key,))
        if not self._plain and not self._trees:
            self.close()

    def close(self) -> None:
        """Listen to nothing any more."""
        if self._inotify is None:
            return
        self._sink.listening(None)
        if self._stop_rest is not None:
            self._stop_rest()
            self._stop_rest = None
        else:
            self._remove_reader(self._inotify.fd)
        if self._stop_scan is not None:
            self._stop_scan()
            self._stop_scan = None
        self._inotify.close()
        self._inotify = None
        for state in (self._plain, self._trees, self._wds, self._keys, self._to_scan, self._names, self._contents):
            state.clear()

    def _open(self) -> bool:
        if self._inotify is None:
            try:
                self._inotify = Inotify()
            except OSError as error:
                if self._first_time("instances"):
                    # Most likely fs.inotify.max_user_instances, whose error is EMFILE.
                    log.warning("changes by local programs are not seen: inotify: %s", error.strerror)
                return False
            self._add_reader(self._inotify.fd, self._readable)
            self._sink.listening(self)
        return True

    def _first_time(self, limit: str) -> bool:
        """Whether a limit is met for the first time: the log says it once."""
        known = limit in self._said
        self._said.add(limit)
        return not known

    def _watch(self, key: Key) -> bool:
        """Have inotify watch a directory. False when that cannot be."""
        if key in self._wds:
            return True
        if self._inotify is None:
            return False
        with self._rights:
            return self._add_watch(self._inotify, key)

    def _add_watch(self, inotify: Inotify, key: Key) -> bool:
        volume, path = key
        try:
            directory = volume.directory(path)
            try:
                wd = inotify.add(directory)
            finally:
                os.close(directory)
        except StatusError:
            return False  # gone
        except OSError as error:
            if error.errno != errno.ENOSPC:
                log.info("no inotify watch: %s", error.strerror)
            elif self._first_time("watches"):
                log.warning("changes by local programs are not seen everywhere: fs.inotify.max_user_watches")
            return False
        self._wds[key] = wd
        self._keys.setdefault(wd, []).append(key)
        return True

    def _needed(self, key: Key) -> bool:
        if key in self._plain:
            return True
        volume, path = key
        return any((volume, path[:depth]) in self._trees for depth in range(len(path) + 1))

    def _below(self, key: Key) -> list[Key]:
        volume, path = key
        depth = len(path)
        return [other for other in self._wds if other[0] is volume and other[1][:depth] == path]

    def _drop_unneeded(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key in self._wds and not self._needed(key):
                self._drop(key)

    def _drop(self, key: Key) -> None:
        wd = self._wds.pop(key)
        beside = self._keys[wd]
        beside.remove(key)
        if not beside:
            del self._keys[wd]
            if self._inotify is not None:
                self._inotify.remove(wd)

    # The walk below a watched tree

    def _scan_later(self, key: Key, fresh: bool) -> None:
        self._to_scan.append((key, fresh))
        if self._stop_scan is None:
            self._stop_scan = self._later(SCAN_PAUSE, self._scan_step)

    def _scan_step(self) -> None:
        self._stop_scan = None
        for _ in range(SCAN_STEP):
            if not self._to_scan:
                return
            key, fresh = self._to_scan.popleft()
            if key in self._wds and self._needed(key):
                with self._rights:
                    self._scan(key, fresh)
        if self._to_scan:
            self._stop_scan = self._later(SCAN_PAUSE, self._scan_step)

    def _scan(self, key: Key, fresh: bool) -> None:
        volume, path = key
        found: list[Change] = []
        below: list[Key] = []
        try:
            directory = volume.directory(path)
            try:
                fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
            finally:
                os.close(directory)
            try:
                with os.scandir(fd) as entries:
                    for entry in entries:
                        name = to_wire(entry.name)
                        if name is None:
                            continue
                        is_directory = entry.is_dir(follow_symlinks=False)
                        if fresh:
                            found.append(Change(nt.ACTION_ADDED, nt.name_filter(is_directory), (*path, name)))
                        if is_directory:
                            below.append((volume, (*path, name)))
            finally:
                os.close(fd)
        except (OSError, StatusError):
            return  # gone, or not ours to read
        for child in below:
            self._enter_child(child, fresh)
        if found:
            # What came between the watch and this look stands in the queue as well.
            for change in found:
                self._names[volume, change.path, True] += 1
            self._rest()
            self._sink.report_local(volume, found)

    def _enter_child(self, key: Key, fresh: bool) -> None:
        """Go on with a directory below a watched tree, unless there are too many."""
        if key in self._wds:
            return
        if len(self._wds) - len(self._plain) >= TREE_DIRECTORIES * len(self._trees):
            if self._first_time("tree"):
                log.warning("changes by local programs are seen in %d directories of a tree", TREE_DIRECTORIES)
        elif self._watch(key):
            self._scan_later(key, fresh)

    # The ledger

    def own(self, volume: object, changes: Sequence[Change]) -> None:
        """The server has just made these changes."""
        for change in changes:
            if change.action in _OF_STREAMS:
                self._own_stream(volume, change.path)
                continue
            if not change.path or (volume, change.path[:-1]) not in self._wds:
                continue
            if change.action in _GONE:
                self._names[volume, change.path, False] += 1
            elif change.action in _COME:
                self._names[volume, change.path, True] += 1
                self._contents.add((volume, change.path))  # its stored attributes
            else:
                self._contents.add((volume, change.path))
                if change.matches == nt.FILTER_REPLACED:  # by a rename onto it
                    self._names[volume, change.path, True] += 1
        self.settle()

    def _own_stream(self, volume: object, path: Path) -> None:
        """What happens to a stream is seen as a change of its file's attributes."""
        file = (*path[:-1], path[-1].partition(":")[0])
        if file[-1] and (volume, file[:-1]) in self._wds:
            self._contents.add((volume, file))

    def own_content(self, volume: object, path: Path) -> None:
        """The server has just written to a file; before that is reported, `settle` is called."""
        if path and (volume, path[:-1]) in self._wds:
            self._contents.add((volume, path))
            self._rest()  # one read for many writes

    def settle(self) -> None:
        """Read the queue to its end; what was expected and has not come never will."""
        if self._inotify is None or self._pumping:
            return
        self._pumping = True
        try:
            # Twice: whoever is told may go on with a change of the server's own, which is expected by then.
            for _ in range(2):
                events = self._read()
                if not events:
                    break
                self._own = self._strike_out(events)
                self._translate(events)
        finally:
            self._pumping = False
            self._own.clear()
            self._names.clear()
            self._contents.clear()

    def _read(self) -> list[Event]:
        events: list[Event] = []
        while self._inotify is not None and len(events) < BATCH:
            read = self._inotify.read()
            if not read:
                break
            events += read
        return events

    def _readable(self) -> None:
        self.settle()
        self._rest()

    def _rest(self) -> None:
        """Do not listen for a moment: what comes meanwhile is read together."""
        if self._inotify is not None and self._stop_rest is None:
            self._remove_reader(self._inotify.fd)
            self._stop_rest = self._later(REST, self._wake)

    def _wake(self) -> None:
        self._stop_rest = None
        if self._inotify is None:
            return
        self._add_reader(self._inotify.fd, self._readable)
        self.settle()

    # Events to changes

    def _translate(self, events: list[Event]) -> None:
        targets = {event.cookie: event for event in events if event.mask & IN_MOVED_TO}
        paired: set[int] = set()
        for event in events:
            if self._inotify is None:
                return  # who was told of the last change has gone, and nobody watches any more
            if event.mask & IN_Q_OVERFLOW:
                log.warning("changes by local programs were lost: fs.inotify.max_queued_events")
                self._sink.overflow()
                for root in list(self._trees):
                    for key in self._below(root):
                        self._scan_later(key, fresh=False)
            elif event.mask & IN_IGNORED:
                for key in self._keys.pop(event.wd, ()):
                    del self._wds[key]
            elif event.mask & IN_MOVED_FROM and event.cookie in targets:
                paired.add(event.cookie)
                self._moved(event, targets[event.cookie])
            elif not (event.mask & IN_MOVED_TO and event.cookie in paired):
                for key in list(self._keys.get(event.wd, ())):
                    self._single(key, event)

    def _single(self, key: Key, event: Event) -> None:
        volume = key[0]
        path = self._path(key, event)
        if path is None:
            return
        is_directory = event.mask & IN_ISDIR != 0
        if event.mask & (IN_MODIFY | IN_ATTRIB):
            if (volume, path) not in self._contents:
                matches = nt.FILTER_WRITTEN if event.mask & IN_MODIFY else nt.FILTER_REPLACED & ~nt.FILTER_SIZE
                self._sink.report_local(volume, (Change(nt.ACTION_MODIFIED, matches, path),))
            return
        if not event.mask & _NAME_EVENTS:
            return
        is_there = event.mask & _THERE_EVENTS != 0
        own = (id(event), key) in self._own
        if not own:
            action = nt.ACTION_ADDED if is_there else nt.ACTION_REMOVED
            self._sink.report_local(volume, (Change(action, nt.name_filter(is_directory), path),))
        if is_directory and is_there:
            if self._needed((volume, path)):
                self._enter_child((volume, path), fresh=not own)
        elif is_directory and event.mask & IN_MOVED_FROM:
            for below in self._below((volume, path)):
                self._drop(below)

    def _moved(self, source: Event, target: Event) -> None:
        """A rename of which both ends are watched, perhaps under several names."""
        is_directory = source.mask & IN_ISDIR != 0
        arrivals = list(self._keys.get(target.wd, ()))
        for key in list(self._keys.get(source.wd, ())):
            arrival = next((other for other in arrivals if other[0] is key[0]), None)
            old = self._path(key, source)
            new = None if arrival is None else self._path(arrival, target)
            if arrival is None or old is None or new is None:
                self._single(key, source)
                continue
            arrivals.remove(arrival)
            volume = key[0]
            if self._own.isdisjoint(
                ((id(source), key), (id(target), arrival))
            ):  # one is enough: a name may be corrected by a second rename
                self._sink.report_local(volume, nt.renamed(old, new, is_directory))
            if is_directory:
                self._rename_watches(volume, old, new)
        for arrival in arrivals:
            self._single(arrival, target)

    def _rename_watches(self, volume: OnDisk, old: Path, new: Path) -> None:
        for key in self._below((volume, old)):
            moved = (volume, new + key[1][len(old) :])
            wd = self._wds.pop(key)
            self._keys[wd].remove(key)
            self._wds[moved] = wd
            self._keys[wd].append(moved)
            self._drop_unneeded((moved,))
        if self._needed((volume, new)):
            self._enter_child((volume, new), fresh=False)

    def _path(self, key: Key, event: Event) -> Path | None:
        """Where it happened; None for the directory itself, and for names that no client sees."""
        if not event.name or event.name.startswith(LINK_PREFIX):
            return None
        name = to_wire(event.name)
        return None if name is None else (*key[1], name)

    def _strike_out(self, events: list[Event]) -> set[tuple[int, Key]]:
        """Which events, seen from which watch, the server has made itself: the last ones that fit, for it was just now.

        Events are told apart by `id`: the list keeps them alive.
        """
        own: set[tuple[int, Key]] = set()
        if not self._names:
            return own
        for event in reversed(events):
            if event.mask & _NAME_EVENTS:
                for key in self._keys.get(event.wd, ()):
                    path = self._path(key, event)
                    expected = (key[0], path or (), event.mask & _THERE_EVENTS != 0)
                    if self._names.get(expected):
                        self._names[expected] -= 1
                        own.add((id(event), key))
        return own
