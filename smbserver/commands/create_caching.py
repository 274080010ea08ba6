"""The part of CREATE that is about caching: what is asked for, granted and told ([MS-SMB2] 3.3.5.9.8, 3.3.5.9.11)."""

from typing import Final

from smbserver.backend.base import Located
from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import attributes, status
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL, READ, WRITE, CacheKey
from smbserver.waiter import Waiter
from smbserver.wire import create as wire
from smbserver.wire import create_contexts as contexts
from smbserver.wire import oplock_break as levels

_STATE_OF_LEVEL: Final = {levels.LEVEL_II: READ, levels.LEVEL_EXCLUSIVE: READ | WRITE, levels.LEVEL_BATCH: ALL}
_LEVEL_OF_STATE: Final = {
    0: levels.LEVEL_NONE,
    READ: levels.LEVEL_II,
    READ | WRITE: levels.LEVEL_EXCLUSIVE,
    ALL: levels.LEVEL_BATCH,
}
_FIRST_WITH_LEASES: Final = 0x0210
_FIRST_WITH_V2: Final = 0x0300
_OF_DIRECTORIES: Final = 2  # a lease of the first version has no epoch and no parent: no use for a directory


class MustWait(Exception):
    """A break stands before the open: when the waiter resolves, everything is looked at again."""

    def __init__(self, waiter: Waiter[None]) -> None:
        self.waiter = waiter


class CachingRequest:
    """What an open wants to cache. `version` is 0 for an oplock; `parent_key` is empty when not given."""

    __slots__ = ("epoch", "key", "parent_key", "version", "wanted")

    def __init__(self, key: CacheKey, wanted: int, version: int = 0, epoch: int = 0, parent_key: bytes = b"") -> None:
        self.key = key
        self.wanted = wanted
        self.version = version
        self.epoch = epoch
        self.parent_key = parent_key


def caching_request(request: wire.CreateRequest, work: Work, located: Located, stream: str) -> CachingRequest | None:
    """Read the oplock level or the lease context; None when nothing is asked for, or nothing that can be had.

    Raises StatusError INVALID_PARAMETER when the lease key belongs to another file.
    """
    if not request.requested_oplock_level:
        return None
    files = work.connection.server.files
    is_directory = request.create_options & attributes.FILE_DIRECTORY_FILE != 0
    if located.metadata is not None:
        is_directory = located.metadata.is_directory and not stream
    if request.requested_oplock_level == levels.LEVEL_LEASE:
        lease = _lease(request, work)
        if lease is None:
            return None
        cache = files.lease(lease.key)
        if cache is not None and not files.is_of(cache, located.identity, stream):
            raise StatusError(status.INVALID_PARAMETER)
        return None if is_directory and lease.version != _OF_DIRECTORIES else lease
    wanted = _STATE_OF_LEVEL.get(request.requested_oplock_level, 0)
    if not wanted or is_directory:
        return None
    return CachingRequest(files.oplock_key(), wanted)


def _lease(request: wire.CreateRequest, work: Work) -> CachingRequest | None:
    dialect = work.connection.dialect
    data = request.contexts.get(wire.REQUEST_LEASE)
    if data is None or dialect is None or dialect.revision < _FIRST_WITH_LEASES:
        return None
    asked = contexts.decode_lease(data)
    if asked.version == 2 and dialect.revision < _FIRST_WITH_V2:
        return None
    parent = asked.parent_key if asked.flags & contexts.LEASE_FLAG_PARENT_LEASE_KEY_SET else b""
    key = CacheKey(work.connection.client_guid, asked.key)
    return CachingRequest(key, asked.state & ALL, asked.version, asked.epoch, parent)


def oplock_state(level: int) -> int:
    """What an oplock level allows to cache; nothing for a lease, whose state is elsewhere."""
    return _STATE_OF_LEVEL.get(level, 0)


def grant(caching: CachingRequest, work: Work, opened: Open) -> None:
    """Give the new open what can be given."""
    files = work.connection.server.files
    holder = opened.holder
    holder.key = caching.key
    if caching.parent_key:
        holder.parent_key = CacheKey(caching.key.client_guid, caching.parent_key)
    wanted = 0 if _is_locked(opened) else caching.wanted
    cache = files.grant(
        opened.state, holder, caching.key, wanted, opened.handle.is_directory, caching.version, caching.epoch
    )
    if caching.parent_key:
        cache.parent_key = caching.parent_key
    if cache.state:
        work.connection.server.local_writes.remember(opened)
    elif not cache.is_lease:
        files.release_cache(opened.state, holder)


def _is_locked(opened: Open) -> bool:
    """Whether ranges of existing data are locked: then nobody may newly cache what it reads ([MS-FSA] 2.1.5.18)."""
    locks = opened.state.locks
    return locks is not None and locks.begins_below(opened.handle.metadata().allocation_size)


def caching_response(opened: Open, at_most: int = ALL) -> tuple[int, list[tuple[bytes, bytes]]]:
    """The oplock level of the reply, and its lease context. A replay that asks for a lesser oplock is told no more."""
    cache = opened.holder.cache
    if cache is None:
        return levels.LEVEL_NONE, []
    if not cache.is_lease:
        return _LEVEL_OF_STATE[cache.state & at_most], []
    flags = contexts.LEASE_FLAG_BREAK_IN_PROGRESS if cache.breaking else 0
    parent = contexts.NO_PARENT
    if cache.version == 2 and cache.parent_key:
        flags |= contexts.LEASE_FLAG_PARENT_LEASE_KEY_SET
        parent = cache.parent_key
    lease = contexts.encode_lease(cache.version, cache.key.lease_key, cache.state, flags, parent, cache.epoch)
    return levels.LEVEL_LEASE, [(wire.REQUEST_LEASE, lease)]
