"""Who watches which directory, and what gathers for them: [MS-FSA] 2.1.4.1, 2.1.5.11; transcript 0009.

A watch belongs to one open of a directory. Its first request fixes what it looks for; while no request waits, changes
gather, and what is too much becomes "look yourself" (NOTIFY_ENUM_DIR), which is always a true answer.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.changes import ACTION_MODIFIED, Change
from smbserver.nt.names import Path
from smbserver.waiter import Waiter

MAX_BUFFER: Final = 65536  # bytes that gather for one watch: what Windows accepts ([MS-SMB2] <411>)
MAX_BUFFERED: Final = 64 * 1024 * 1024  # bytes that gather for all watches: a client can open 65536 directories
_ENTRY_HEAD: Final = 12  # FILE_NOTIFY_INFORMATION without its name ([MS-FSCC] 2.7.1)


class Outcome(NamedTuple):
    """The answer to a request: a status and (action, name below the watched directory) for each change."""

    status: int
    entries: tuple[tuple[int, str], ...] = ()


class LocalSource(Protocol):
    """Whoever hears of what local programs do. It calls WatchTable.report_local and WatchTable.overflow."""

    def begin(self, volume: object, path: Path, tree: bool) -> None:
        """Somebody watches this directory from now on."""

    def end(self, volume: object, path: Path, tree: bool) -> None:
        """One who watched it does not any more."""


class Ledger(Protocol):
    """Where it is written down what the server did itself, so that it is not heard of a second time."""

    def own(self, volume: object, changes: Sequence[Change]) -> None:
        """These changes were just made."""

    def own_content(self, volume: object, path: Path) -> None:
        """Data or attributes of this file were just changed; `settle` will be called before that is reported."""

    def settle(self) -> None:
        """Take in everything that happened until now."""


Listener = Callable[[object, Sequence[Change], object], None]
"""Called with volume, changes, and the Holder of the open through which they came (None: a local program).

No changes at all mean that some were lost. Of data and attributes that are told at the close it does not hear.
"""


class Watch:
    """One open's interest in a directory.

    `may_see` tells of a directory below it whether its changes may be told; None: all of them.
    """

    __slots__ = (
        "_entries",
        "_limit",
        "_overflowed",
        "_size",
        "_table",
        "_waiting",
        "matches",
        "may_see",
        "path",
        "tree",
        "volume",
    )

    def __init__(self, table: "WatchTable", volume: object, path: Path, matches: int, tree: bool, limit: int) -> None:
        self.volume = volume
        self.path = path
        self.matches = matches
        self.tree = tree
        self.may_see: Callable[[Path], bool] | None = None
        self._table = table
        self._limit = limit
        self._entries: list[tuple[int, str]] = []
        self._size = 0
        self._overflowed = False
        self._waiting: list[tuple[int, Waiter[Outcome]]] = []  # short; a deque costs 600 bytes

    def wait(self, room: int) -> Waiter[Outcome]:
        """A request for at most `room` bytes; it is done at once when something has gathered."""
        waiter: Waiter[Outcome] = Waiter(self._forget_cancelled, StatusError(status.NOTIFY_CLEANUP))
        self._waiting.append((room, waiter))
        self.answer()
        return waiter

    def _forget_cancelled(self) -> None:
        self._waiting = [request for request in self._waiting if not request[1].done]

    def note(self, action: int, name: str) -> None:
        """Keep a change, or the fact that there was one too many. A second MODIFIED says nothing new."""
        if self._overflowed or (action == ACTION_MODIFIED and self._entries and self._entries[-1] == (action, name)):
            return
        size = _ENTRY_HEAD + (2 * len(name) if name.isascii() else len(name.encode("utf-16-le", "surrogatepass")))
        size += -size % 4
        if self._size + size > self._limit or self._table.buffered + size > MAX_BUFFERED:
            self.overflow()
            return
        self._entries.append((action, name))
        self._size += size
        self._table.buffered += size

    def overflow(self) -> None:
        """Nobody knows any more what has changed."""
        self._clear()
        self._overflowed = True

    def _clear(self) -> None:
        self._table.buffered -= self._size
        self._entries, self._size, self._overflowed = [], 0, False

    def answer(self) -> None:
        """Give what has gathered to the request that waits longest ([MS-FSA] 2.1.5.11.1)."""
        while self._waiting and (self._entries or self._overflowed):
            room, waiter = self._waiting.pop(0)
            if waiter.done:
                continue
            if self._overflowed or self._size > room:
                outcome = Outcome(status.NOTIFY_ENUM_DIR)
            else:
                outcome = Outcome(status.SUCCESS, tuple(self._entries))
            self._clear()
            waiter.resolve(outcome)

    def end(self, code: int) -> None:
        """Nothing is watched any more; every request that waits gets the status `code`."""
        self._table.forget(self)
        self._clear()
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            waiter.resolve(Outcome(code))


class WatchTable:
    """All watches of a server, by volume and directory. `buffered` counts the bytes that have gathered.

    `listeners` hear of every name that changes, watched or not. `local` is told what to listen for; `ledger` is set by
    it while it listens to anything. `after_local` is called when local programs have changed something: no request is
    being settled then.
    """

    def __init__(self) -> None:
        self._watches: dict[object, dict[Path, list[Watch]]] = {}
        self.buffered = 0
        self.listeners: list[Listener] = []
        self.local: LocalSource | None = None
        self.ledger: Ledger | None = None
        self.after_local: Callable[[], None] | None = None

    def __len__(self) -> int:
        """How many watches there are."""
        return sum(len(watches) for watched in self._watches.values() for watches in watched.values())

    def begin(self, volume: object, path: Path, matches: int, tree: bool, room: int) -> Watch:
        """Watch a directory; `room` is what its first request can take."""
        watch = Watch(self, volume, path, matches, tree, min(room, MAX_BUFFER))
        self._enter(watch)
        return watch

    def _enter(self, watch: Watch) -> None:
        self._watches.setdefault(watch.volume, {}).setdefault(watch.path, []).append(watch)
        if self.local is not None:
            self.local.begin(watch.volume, watch.path, watch.tree)

    def forget(self, watch: Watch) -> None:
        """The watch is at its end."""
        watched = self._watches.get(watch.volume, {})
        beside = watched.get(watch.path, [])
        if watch not in beside:
            return
        beside.remove(watch)
        if not beside:
            del watched[watch.path]
            if not watched:
                del self._watches[watch.volume]
        if self.local is not None:
            self.local.end(watch.volume, watch.path, watch.tree)

    def renamed(self, volume: object, old: Path, new: Path) -> None:
        """A directory has moved: the watches on it, and below it, go along."""
        depth = len(old)
        watched = self._watches.get(volume, {})
        moved = [watch for path in list(watched) if path[:depth] == old for watch in watched[path]]
        for watch in moved:
            self.forget(watch)
            watch.path = new + watch.path[depth:]
            self._enter(watch)

    def listening(self, ledger: Ledger | None) -> None:
        """Whom to tell of the server's own changes, as long as somebody listens to those of local programs."""
        self.ledger = ledger

    @property
    def is_heard(self) -> bool:
        """Whether anybody would hear of a change that this server makes; else it need not be told."""
        return bool(self._watches or self.listeners) or self.ledger is not None

    def report(self, volume: object, changes: Sequence[Change], by: object = None) -> None:
        """This server has changed something, through the open whose Holder is `by`."""
        if self.ledger is not None:
            self.ledger.own(volume, changes)
        self._tell_listeners(volume, changes, by)
        self._spread(volume, changes)

    def report_content(self, volume: object, change: Change) -> None:
        """As `report`, of what `Ledger.own_content` was told before."""
        if self.ledger is not None:
            self.ledger.settle()
        self._spread(volume, (change,))

    def report_local(self, volume: object, changes: Sequence[Change]) -> None:
        """A local program has changed something."""
        self._tell_listeners(volume, changes, None)
        self._spread(volume, changes)
        if self.after_local is not None:
            self.after_local()

    def overflow(self) -> None:
        """Local changes were lost: everybody has to look again."""
        self._tell_listeners(None, (), None)
        everyone = [watch for watched in self._watches.values() for watches in watched.values() for watch in watches]
        for watch in everyone:
            watch.overflow()
        for watch in everyone:
            watch.answer()
        if self.after_local is not None:
            self.after_local()

    def _tell_listeners(self, volume: object, changes: Sequence[Change], by: object) -> None:
        for listener in self.listeners:
            listener(volume, changes, by)

    def _spread(self, volume: object, changes: Sequence[Change]) -> None:
        watched = self._watches.get(volume)
        if watched is None:
            return
        touched: list[Watch] = []
        asked: dict[tuple[Watch, Path], bool] = {}
        for change in changes:
            parent = len(change.path) - 1
            for depth in range(parent, -1, -1):
                for watch in watched.get(change.path[:depth], ()):
                    if watch.matches & change.matches and (depth == parent or watch.tree):
                        if depth < parent and not _may_see(watch, change.path[:parent], asked):
                            continue
                        watch.note(change.action, "\\".join(change.path[depth:]))
                        touched.append(watch)
        for watch in touched:  # only now: both names of a rename travel together
            watch.answer()


def _may_see(watch: Watch, directory: Path, asked: dict[tuple[Watch, Path], bool]) -> bool:
    """Whether a change in this directory may be told; `asked` keeps the answers of one report."""
    if watch.may_see is None:
        return True
    if (watch, directory) not in asked:
        asked[watch, directory] = watch.may_see(directory)
    return asked[watch, directory]
