"""All FileStates of a server, by the identity of their file; what names and leases lead to which of them."""

from collections.abc import Iterator

from smbserver.nt import status
from smbserver.nt.names import Path, fold
from smbserver.sharing.byte_locks import LockRegister
from smbserver.sharing.caching import Cache, CacheKey, Outbox
from smbserver.sharing.detached import CreateGuids, DetachedOpens
from smbserver.sharing.directory_leases import DirectoryLeases
from smbserver.sharing.file_state import FileState, Identity
from smbserver.sharing.holder import Holder, is_below
from smbserver.sharing.notify import WatchTable
from smbserver.sharing.resizing import Resizes
from smbserver.waiter import Waiter


class FileTable:
    """All FileStates of a server; a state exists while somebody holds the file."""

    def __init__(self) -> None:
        self._states: dict[Identity, FileState] = {}
        self._lease_files: dict[CacheKey, FileState] = {}
        self._last_oplock = 0
        self.outbox: Outbox = []
        self.resizes = Resizes()
        self.detached = DetachedOpens()
        self.creates = CreateGuids()
        self.locks = LockRegister()
        # What clients cache and local programs may change, by what is known of its content (`objects.local_writes`).
        self.copied: dict[FileState, object] = {}
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
            if not state.caches:
                self.copied.pop(state, None)

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

    def leave(self, state: FileState, holder: Holder) -> FileState | None:
        """Remove an open. The file or stream that is to be removed now, because it was the last one."""
        if state.locks is not None:
            state.locks.release(holder)
        if holder.durability is not None:
            self.creates.remove(holder.durability.key, holder)
            self.detached.remove(holder.number)
        if holder.cache is not None:
            self.release_cache(state, holder)
        if holder.watch is not None:
            state.end_watch(holder, status.NOTIFY_CLEANUP)
        state.holders.remove(holder)
        if state.holders:
            return None
        if state.locks is not None:
            state.locks.end()
            state.locks = None
        file = state.base or state
        if state is not file:
            del file.streams[state.stream]
        if not file.holders and not file.streams:
            del self._states[file.identity]
            if file.delete_path is not None:
                return file
        return state if state is not file and state.delete_pending else None

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
                    state.altered = True
                    if is_leased:
                        self.directory_leases.add(holder)
            path = state.delete_path
            if path is not None and state.delete_volume is volume and path[:depth] == old:
                state.delete_path = (*new, *path[depth:])

    def break_handles_below(self, volume: object, directory: Path, key: CacheKey | None) -> Waiter[None] | None:
        """As FileState.break_handles for everything inside a directory ([MS-FSA] 2.1.4.2)."""
        wait: Waiter[None] | None = None
        for state in self._all():
            if state.caches and any(is_below(holder, volume, directory) for holder in state.holders):
                wait = state.break_handles(key) or wait
        return wait

    def has_open_below(self, volume: object, directory: Path) -> bool:
        """Whether anything inside a directory is open: such a directory cannot be renamed ([MS-FSA] 2.1.5.14.11)."""
        return any(is_below(holder, volume, directory) for state in self._all() for holder in state.holders)
