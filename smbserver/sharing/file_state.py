"""One FileState per open stream: who has it open, how, and whether it is going ([MS-FSA] 2.1.1.3, 2.1.5.1.2).

The state of the unnamed stream also stands for the file: it is there while any stream of it is open.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, changes, status
from smbserver.nt.names import Path
from smbserver.sharing.byte_locks import ByteLocks, LockRegister, Range, check_range
from smbserver.sharing.caching import ALL, HANDLE, READ, WRITE, Cache, CacheKey, Outbox, open_mask
from smbserver.sharing.deferred_write import DeferredWrite
from smbserver.sharing.holder import SHARED, Holder, conflict
from smbserver.sharing.host_locks import LockMirror
from smbserver.sharing.notify import WatchTable
from smbserver.waiter import Waiter

Identity = tuple[int, int]
"""(device, inode) or whatever a backend guarantees unique among living files."""

# What an open may hold without taking anything from the oplocks, from the leases of others ([MS-FSA] 2.1.4.12, OPEN).
_PASSES_OPLOCKS: Final = access.FILE_READ_ATTRIBUTES | access.FILE_WRITE_ATTRIBUTES | access.SYNCHRONIZE
_PASSES_LEASES: Final = _PASSES_OPLOCKS | access.READ_CONTROL


class FileState:
    """What all opens of one stream have in common. `locks` is None while nobody has locked a range; `changes` are the
    filter bits of what nobody was told of yet.

    `base` is the file's state, None if this is it; then `streams` are the states of named streams, by folded name.
    """

    __slots__ = (
        "_lock_register",
        "_outbox",
        "_watches",
        "altered",
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
        self.altered = False  # by a client, since somebody looked whether local programs do
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
        if not granted & SHARED:
            return
        for holder in self.holders:
            if holder.granted & SHARED and conflict(holder.granted, holder.share_access, granted, share_access):
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
                holder.granted & SHARED and not holder.share_access & access.FILE_SHARE_DELETE
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
        for cache in self.caches:
            if cache.key == key:
                return cache
        return None

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
        self.altered = True
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
