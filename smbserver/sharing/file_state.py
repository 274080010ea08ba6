"""One FileState per open stream: who has it open, how, and whether it is going ([MS-FSA] 2.1.1.3, 2.1.5.1.2).

The state of the unnamed stream also stands for the file: it is there while any stream of it is open.
"""

import enum
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, changes, status
from smbserver.nt.names import Path, fold
from smbserver.sharing.byte_locks import ByteLocks, LockRegister, Range, check_range
from smbserver.sharing.caching import ALL, HANDLE, READ, WRITE, Cache, CacheKey, Outbox, open_mask
from smbserver.sharing.deferred_write import DeferredWrite
from smbserver.sharing.directory_leases import DirectoryLeases
from smbserver.sharing.durable import CreateGuids, DetachedOpens, Durability
from smbserver.sharing.host_locks import LockMirror
from smbserver.sharing.lock_sequences import LockSequences
from smbserver.sharing.notify import Watch, WatchTable
from smbserver.waiter import Waiter

Identity = tuple[int, int]
"""(device, inode) or whatever a backend guarantees unique among living files."""

# What an open may hold without taking anything from the oplocks, from the leases of others ([MS-FSA] 2.1.4.12, OPEN).
_PASSES_OPLOCKS: Final = access.FILE_READ_ATTRIBUTES | access.FILE_WRITE_ATTRIBUTES | access.SYNCHRONIZE
_PASSES_LEASES: Final = _PASSES_OPLOCKS | access.READ_CONTROL

_READS: Final = access.FILE_READ_DATA | access.FILE_EXECUTE
_WRITES: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA
_SHARED: Final = _READS | _WRITES | access.DELETE  # an open without any of these takes no part in sharing


class Holder:
    """One open's part in a FileState. `volume` tells shares over different roots apart; `path` follows renames, as
    does `stream`, the name of a named one.

    `cache` is the open's oplock or its part in a lease; `key` is who it is to the caches of others: two opens with
    one key take nothing from each other. `parent_key` is the lease of the file's directory that need not hear of what
    this open does. `unlinked`: the name it came by has gone, and may be another file's by now. `watch` waits for
    changes of a directory. `owner` made the holder; sharing never looks into it. `number` is the open's persistent
    id, `durability` None unless its client may ask for it again.
    """

    __slots__ = (
        "cache",
        "durability",
        "granted",
        "has_written",
        "key",
        "lock_sequences",
        "number",
        "owner",
        "parent_key",
        "path",
        "share_access",
        "stream",
        "unlinked",
        "volume",
        "watch",
    )

    def __init__(self, granted: int, share_access: int, path: Path, volume: object, stream: str = "") -> None:
        self.granted = granted
        self.share_access = share_access
        self.path = path
        self.stream = stream
        self.volume = volume
        self.cache: Cache | None = None
        self.key: CacheKey | None = None
        self.parent_key: CacheKey | None = None
        self.has_written = False  # who caches the directory hears of it when the open ends
        self.lock_sequences: LockSequences | None = None  # made by the first LOCK that wants it
        self.watch: Watch | None = None
        self.owner: object = None
        self.number = 0
        self.unlinked = False
        self.durability: Durability | None = None


class Gone(enum.IntEnum):
    """What a last open leaves to be removed."""

    NOTHING = 0
    FILE = 1
    STREAM = 2


class FileState:
    """What all opens of one stream have in common. `locks` is None while nobody has locked a range; `changes` are the
    filter bits of what nobody was told of yet.

    `base` is the file's state, None if this is it; then `streams` are the states of named streams, by folded name.
    """

    __slots__ = (
        "_lock_register",
        "_outbox",
        "_watches",
        "base",
        "caches",
        "changes",
        "deferred",
        "delete_as",
        "delete_path",
        "delete_volume",
        "holders",
        "identity",
        "lacks_archive",
        "locks",
        "stream",
        "streams",
    )

    def __init__(
        self,
        identity: Identity,
        outbox: Outbox,
        lock_register: LockRegister,
        watches: WatchTable,
        stream: str = "",
        base: "FileState | None" = None,
    ) -> None:
        self.identity = identity
        self.stream = stream  # folded
        self.base = base
        self.streams: dict[str, FileState] = {}
        self.locks: ByteLocks | None = None
        self._lock_register = lock_register
        self.caches: list[Cache] = []
        self._outbox = outbox
        self._watches = watches
        self.changes = 0
        self.lacks_archive = False  # the next change of data sets the attribute; known of what clients have open
        self.deferred: DeferredWrite | None = None  # only with the policy of that name
        self.holders: list[Holder] = []
        self.delete_path: Path | None = None
        self.delete_volume: object = None
        self.delete_as: AbstractContextManager[object] | None = None  # who wanted it, and had the right

    @property
    def delete_pending(self) -> bool:
        """True when the stream, or the file if it is the unnamed one, goes with its last close."""
        return self.delete_path is not None

    @property
    def file(self) -> "FileState":
        """The state that stands for the file."""
        return self if self.base is None else self.base

    def check_open(self, granted: int, share_access: int) -> None:
        """Refuse an open that conflicts: DELETE_PENDING, SHARING_VIOLATION ([MS-FSA] 2.1.5.1.2.2).

        An open without rights to data or DELETE, whatever its share mode, neither conflicts nor is conflicted with.
        """
        if self.delete_path is not None or (self.base is not None and self.base.delete_path is not None):
            raise StatusError(status.DELETE_PENDING)
        if not granted & _SHARED:
            return
        for holder in self.holders:
            if holder.granted & _SHARED and _conflict(holder.granted, holder.share_access, granted, share_access):
                raise StatusError(status.SHARING_VIOLATION)

    def settle_open(
        self, key: CacheKey | None, granted: int, share_access: int, overwrites: bool, deletes: bool = False
    ) -> Waiter[None] | None:
        """What stands before another open: None when nothing does, else what to wait for before trying again.

        Raises StatusError DELETE_PENDING, SHARING_VIOLATION. The order is the one of transcript 0007, D2.
        """
        try:
            self.check_open(granted, share_access)
            collides = False
        except StatusError as refusal:
            if refusal.status != status.SHARING_VIOLATION or not self._others_hold(key, HANDLE):
                raise
            collides = True
        waited_for = HANDLE if collides else WRITE | HANDLE if deletes else WRITE
        wait: Waiter[None] | None = None
        for cache in self.caches:
            passes = _PASSES_LEASES if cache.is_lease else _PASSES_OPLOCKS
            mask = open_mask(not granted & ~passes, overwrites, collides, deletes)
            if cache.key == key or not mask:
                continue
            must_wait = cache.state & waited_for != 0
            cache.lower(cache.state & ~mask)
            if must_wait and cache.breaking and wait is None:
                wait = cache.wait()
        if wait is None and collides:
            raise StatusError(status.SHARING_VIOLATION)
        if wait is None and self.streams and granted & access.DELETE:
            return self._settle_streams(key)
        return wait

    def _settle_streams(self, key: CacheKey | None) -> Waiter[None] | None:
        """To delete a file is to delete its streams: whoever has one open must share that, as smb2.streams.delete
        shows of Windows. Raises StatusError SHARING_VIOLATION.
        """
        for state in self.streams.values():
            if any(
                holder.granted & _SHARED and not holder.share_access & access.FILE_SHARE_DELETE
                for holder in state.holders
            ):
                wait = state.break_handles(key)
                if wait is None:
                    raise StatusError(status.SHARING_VIOLATION)
                return wait
        return None

    def break_stream_handles(self, key: CacheKey | None) -> Waiter[None] | None:
        """As `break_handles`, of all named streams of the file."""
        wait: Waiter[None] | None = None
        for state in self.file.streams.values():
            wait = state.break_handles(key) or wait
        return wait

    def _others_hold(self, key: CacheKey | None, bits: int) -> bool:
        return any(cache.key != key and cache.state & bits for cache in self.caches)

    def contend(self, key: CacheKey | None, bits: int) -> None:
        """Take bits from the caches of others without waiting: their copy of the data is stale ([MS-SMB2] 3.3.1.4).

        A level II oplock ends by its own client's changes too ([MS-FSA] 2.1.4.12, BreakToNone).
        """
        for cache in self.caches:
            if cache.key != key or (cache.state == READ and not cache.is_lease):
                cache.lower(cache.state & ~bits)

    def break_handles(self, key: CacheKey | None) -> Waiter[None] | None:
        """Before a rename or a delete: others must close what they only keep open. What to wait for, if anything."""
        wait: Waiter[None] | None = None
        for cache in self.caches:
            if cache.key != key and cache.state & HANDLE:
                cache.lower(cache.state & ~HANDLE)
                if cache.breaking and wait is None:
                    wait = cache.wait()
        return wait

    def find_cache(self, key: CacheKey) -> Cache | None:
        """The cache with this key."""
        return next((cache for cache in self.caches if cache.key == key), None)

    def grant(self, holder: Holder, key: CacheKey, wanted: int, is_directory: bool, version: int, epoch: int) -> Cache:
        """Give an open, already entered, as much of `wanted` as others leave possible.

        An existing lease with this key is joined; it is widened when just what is wanted can be had, and never
        narrowed ([MS-SMB2] 3.3.5.9.8, 3.3.1.4).
        """
        if is_directory:
            wanted &= READ | HANDLE
        possible = self._possible_for(holder, key, wanted)
        cache = self.find_cache(key)
        if cache is None:
            cache = Cache(key, self._outbox, is_directory, version, epoch)
            cache.state = possible
            if version == 2:
                cache.epoch = epoch + 1 & 0xFFFF
            self.caches.append(cache)
        elif not cache.breaking and possible == wanted and possible & cache.state == cache.state != possible:
            cache.state = possible
            if cache.version == 2:
                cache.epoch = cache.epoch + 1 & 0xFFFF
        cache.join(holder)
        holder.cache = cache
        return cache

    def _possible_for(self, holder: Holder, key: CacheKey, wanted: int) -> int:
        """The most that this key can have beside all other opens; one of the states that exist."""
        is_lease = bool(key.lease_key)
        passes = _PASSES_LEASES if is_lease else _PASSES_OPLOCKS
        for other in self.holders:
            if other is holder or other.key == key:
                continue
            if other.granted & ~passes or (other.cache is not None and other.cache.state):
                wanted &= ~WRITE
        for cache in self.caches:
            if cache.key == key:
                continue
            if cache.state & WRITE or (not is_lease and cache.is_lease and cache.state & HANDLE):
                wanted = 0
            elif is_lease and not cache.is_lease and cache.state:
                wanted &= ~HANDLE
        if not is_lease and wanted & (WRITE | HANDLE) == HANDLE:
            wanted &= ~HANDLE  # a batch oplock that cannot have WRITE is a level II
        return wanted if wanted & READ else 0

    def lock(
        self,
        holder: Holder,
        wanted: Sequence[Range],
        waits: bool,
        mirror: Callable[[], LockMirror | None] | None = None,
    ) -> Waiter[None] | None:
        """Lock ranges for an open: all of them now, or (`waits`, then there is one) when it is free.

        None when it is done, else what to wait for. Raises StatusError INVALID_LOCK_RANGE, LOCK_NOT_GRANTED,
        INSUFFICIENT_RESOURCES. Others lose what they cache; for level II the locking open is among the others
        ([MS-FSA] 2.1.4.12, LOCK_CONTROL). `mirror` makes the way to tell local programs, for the first lock.
        """
        for each in wanted:
            check_range(each.offset, each.length)
        self.contend(holder.key, ALL)
        if self.locks is None:
            self.locks = ByteLocks(self._lock_register, None if mirror is None else mirror())
        if waits:
            [single] = wanted
            return self.locks.wait_for(holder, single)
        self.locks.take(holder, wanted)
        return None

    def unlock(self, holder: Holder, offset: int, length: int) -> None:
        """Give back a range. Raises StatusError INVALID_LOCK_RANGE, RANGE_NOT_LOCKED."""
        check_range(offset, length)
        if self.locks is None:
            raise StatusError(status.RANGE_NOT_LOCKED)
        self.locks.unlock(holder, offset, length)
        if not len(self.locks):
            self.locks.end()
            self.locks = None

    def set_delete(self, path: Path, volume: object, wanted_by: AbstractContextManager[object] | None = None) -> None:
        """The name `path` is removed when the last open is gone; who watches this directory hears that it goes.

        `wanted_by` is entered for it: the last to close may be another local user than who asked for it.
        """
        self.delete_path = path
        self.delete_volume = volume
        self.delete_as = wanted_by
        for holder in list(self.holders):
            self.end_watch(holder, status.DELETE_PENDING)

    def end_watch(self, holder: Holder, code: int) -> None:
        """The open's requests for changes are answered with the status `code`."""
        watch, holder.watch = holder.watch, None
        if watch is not None:
            watch.end(code)

    def changed(self, holder: Holder, matches: int) -> None:
        """Data or attributes were changed through this open. It is told when an open of the file ends.

        What was done to the data of a named stream is the stream's, all else the file's ([MS-FSA] 2.1.5.4, 2.1.5.15.2).
        """
        if self.base is None:
            self.changes |= matches
        elif matches & changes.FILTER_SIZE:
            self.changes |= changes.FILTER_STREAM_SIZE | changes.FILTER_STREAM_WRITE
            self.base.changes |= matches & ~changes.FILTER_WRITTEN
        else:
            self.base.changes |= matches
        holder.has_written = True
        if self._watches.ledger is not None:
            self._watches.ledger.own_content(holder.volume, holder.path)

    @property
    def is_shared(self) -> bool:
        """Whether more than one open has the file, if this is its state."""
        return self.base is None and len(self.holders) + len(self.streams) > 1

    def name_gone(self, path: Path, volume: object) -> None:
        """The name was taken away while the file is open: who came by it goes on without one (POSIX semantics)."""
        for state in (self, *self.streams.values()):
            for holder in state.holders:
                if holder.volume is volume and holder.path == path:
                    holder.unlinked = True
        if self.delete_path == path and self.delete_volume is volume:
            self.clear_delete()

    def clear_delete(self) -> None:
        """Nobody wants it gone any more."""
        self.delete_path = None
        self.delete_volume = None
        self.delete_as = None


def _conflict(held: int, held_share: int, wanted: int, wanted_share: int) -> bool:
    return bool(
        (held & _READS and not wanted_share & access.FILE_SHARE_READ)
        or (held & _WRITES and not wanted_share & access.FILE_SHARE_WRITE)
        or (held & access.DELETE and not wanted_share & access.FILE_SHARE_DELETE)
        or (wanted & _READS and not held_share & access.FILE_SHARE_READ)
        or (wanted & _WRITES and not held_share & access.FILE_SHARE_WRITE)
        or (wanted & access.DELETE and not held_share & access.FILE_SHARE_DELETE)
    )


def _is_below(holder: Holder, volume: object, directory: Path) -> bool:
    depth = len(directory)
    return (
        not holder.unlinked
        and holder.volume is volume
        and len(holder.path) > depth
        and holder.path[:depth] == directory
    )


class FileTable:
    """All FileStates of a server; a state exists while somebody holds the file."""

    def __init__(self) -> None:
        self._states: dict[Identity, FileState] = {}
        self._lease_files: dict[CacheKey, FileState] = {}
        self._last_oplock = 0
        self.outbox: Outbox = []
        self.detached: DetachedOpens[Holder] = DetachedOpens()
        self.creates: CreateGuids[Holder] = CreateGuids()
        self.locks = LockRegister()
        self.watches = WatchTable()
        self.directory_leases = DirectoryLeases(self.watches)

    def oplock_key(self) -> CacheKey:
        """A key that nobody else has: for an oplock, and for an open without a lease."""
        self._last_oplock += 1
        return CacheKey(b"", b"", self._last_oplock)

    def lease(self, key: CacheKey) -> Cache | None:
        """The lease with this key, on whatever file."""
        state = self._lease_files.get(key)
        return None if state is None else state.find_cache(key)

    def is_of(self, cache: Cache, identity: Identity | None, stream: str = "") -> bool:
        """Whether a lease belongs to this stream of this file."""
        state = self._lease_files.get(cache.key)
        return state is not None and state.identity == identity and state.stream == fold(stream)

    def grant(
        self,
        state: FileState,
        holder: Holder,
        key: CacheKey,
        wanted: int,
        is_directory: bool = False,
        version: int = 0,
        epoch: int = 0,
    ) -> Cache:
        """See FileState.grant; a lease is from then on found by its key."""
        cache = state.grant(holder, key, wanted, is_directory, version, epoch)
        if cache.is_lease:
            self._lease_files[key] = state
        if is_directory:
            self.directory_leases.add(holder)
        return cache

    def release_cache(self, state: FileState, holder: Holder) -> None:
        """The open lets its oplock or its part in a lease go; who waited for it goes on."""
        cache, holder.cache = holder.cache, None
        if cache is None:
            return
        if cache.is_directory:
            self.directory_leases.remove(holder)
        if cache.leave(holder):
            state.caches.remove(cache)
            self._lease_files.pop(cache.key, None)

    def used(self, holder: Holder) -> None:
        """The open has been worked with: its CREATE cannot be replayed any more."""
        if holder.durability is not None:
            self.creates.remove(holder.durability.key, holder)

    def __len__(self) -> int:
        """How many files are open."""
        return len(self._states)

    def find(self, identity: Identity) -> FileState | None:
        """The state of a file somebody has open, perhaps only a named stream of it."""
        return self._states.get(identity)

    def prepare(self, identity: Identity, stream: str) -> FileState | None:
        """What an open of this stream must settle with: its state, or one that nobody has entered; None when nothing of
        the file is open.
        """
        file = self._states.get(identity)
        if file is None or not stream:
            return file
        key = fold(stream)
        return file.streams.get(key) or FileState(identity, self.outbox, self.locks, self.watches, key, file)

    def enter(self, identity: Identity, holder: Holder) -> FileState:
        """Add an open that `check_open` has let through."""
        state = self._states.get(identity)
        if state is None:
            state = self._states[identity] = FileState(identity, self.outbox, self.locks, self.watches)
        if holder.stream:
            key, file = fold(holder.stream), state
            named = file.streams.get(key)
            if named is None:
                named = FileState(identity, self.outbox, self.locks, self.watches, key, file)
                file.streams[key] = named
            state = named
        state.holders.append(holder)
        return state

    def moved(self, state: FileState, identity: Identity) -> None:
        """The file is another one on disk now, with the same opens: a link has taken its place."""
        assert identity not in self._states, "what was made just now is not open yet"
        del self._states[state.identity]
        state.identity = identity
        self._states[identity] = state

    def leave(self, state: FileState, holder: Holder) -> Gone:
        """Remove an open. What is to be removed now, because it was the last one."""
        if state.locks is not None:
            state.locks.release(holder)
        if holder.durability is not None:
            self.creates.remove(holder.durability.key, holder)
            self.detached.remove(holder.number)
        self.release_cache(state, holder)
        state.end_watch(holder, status.NOTIFY_CLEANUP)
        state.holders.remove(holder)
        if state.holders:
            return Gone.NOTHING
        if state.locks is not None:
            state.locks.end()
            state.locks = None
        file = state.base or state
        if state is not file:
            del file.streams[state.stream]
        if not file.holders and not file.streams:
            del self._states[file.identity]
            if file.delete_pending:
                return Gone.FILE
        return Gone.STREAM if state is not file and state.delete_pending else Gone.NOTHING

    def stream_renamed(self, state: FileState, name: str) -> None:
        """A named stream is called `name` from now on; "" makes it the unnamed one, which nobody has open."""
        file = state.file
        del file.streams[state.stream]
        state.stream = fold(name)
        for holder in state.holders:
            holder.stream = name
        if name:
            file.streams[state.stream] = state
            return
        self._states[state.identity] = state
        state.base, state.streams = None, file.streams
        state.delete_path, state.delete_volume, state.delete_as = file.delete_path, file.delete_volume, file.delete_as
        state.changes = file.changes
        for other in state.streams.values():
            other.base = state

    def _all(self) -> Iterator[FileState]:
        for state in self._states.values():
            yield state
            yield from state.streams.values()

    def renamed(self, volume: object, old: Path, new: Path) -> None:
        """A name of this volume has moved: opens through it and below it, watches and what was to be deleted follow."""
        self.watches.renamed(volume, old, new)
        depth = len(old)
        for state in self._all():
            for holder in state.holders:
                if holder.volume is volume and holder.path[:depth] == old and not holder.unlinked:
                    is_leased = holder.cache is not None and holder.cache.is_directory
                    if is_leased:
                        self.directory_leases.remove(holder)
                    holder.path = (*new, *holder.path[depth:])
                    if is_leased:
                        self.directory_leases.add(holder)
            path = state.delete_path
            if path is not None and state.delete_volume is volume and path[:depth] == old:
                state.delete_path = (*new, *path[depth:])

    def break_handles_below(self, volume: object, directory: Path, key: CacheKey | None) -> Waiter[None] | None:
        """As FileState.break_handles for everything inside a directory ([MS-FSA] 2.1.4.2)."""
        wait: Waiter[None] | None = None
        for state in self._all():
            if state.caches and any(_is_below(holder, volume, directory) for holder in state.holders):
                wait = state.break_handles(key) or wait
        return wait

    def has_open_below(self, volume: object, directory: Path) -> bool:
        """Whether anything inside a directory is open: such a directory cannot be renamed ([MS-FSA] 2.1.5.14.11)."""
        return any(_is_below(holder, volume, directory) for state in self._all() for holder in state.holders)
