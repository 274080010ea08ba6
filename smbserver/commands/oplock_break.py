"""OPLOCK_BREAK ([MS-SMB2] 3.3.5.22): a client says what it keeps of its oplock or lease."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.sharing.caching import ALL, HANDLE, READ, WRITE, Cache, CacheKey
from smbserver.sharing.holder import Holder
from smbserver.wire import oplock_break as wire

_STATE_OF_LEVEL = {wire.LEVEL_NONE: 0, wire.LEVEL_II: READ, wire.LEVEL_EXCLUSIVE: READ | WRITE}


def oplock_break(request: wire.Acknowledgement, work: Work) -> Reply:
    """Settle the break; whoever waited for it goes on."""
    if isinstance(request, wire.OplockBreak):
        return _oplock(request, work)
    return _lease(request, work)


def _oplock(request: wire.OplockBreak, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.22.1."""
    opened = work.need_session().opens.get(request.volatile_id)
    if opened is None or opened.volatile_id != request.persistent_id:
        raise StatusError(status.FILE_CLOSED)
    work.connection.server.files.used(opened.holder)
    cache = opened.holder.cache
    if cache is None or not (cache.is_lease or cache.state):
        # Nothing is held, so nothing can be answered: Windows says it so where 3.3.5.22.1 has one status for both.
        raise StatusError(status.INVALID_OPLOCK_PROTOCOL)
    if cache.is_lease or not cache.breaking:
        raise StatusError(status.INVALID_DEVICE_STATE)
    state = _STATE_OF_LEVEL.get(request.oplock_level)
    if state is None or (state & WRITE and cache.state != ALL):
        # An answer that does not fit gives the oplock up.
        _settle(cache, 0)
        is_lease_level = request.oplock_level == wire.LEVEL_LEASE
        raise StatusError(status.INVALID_PARAMETER if is_lease_level else status.INVALID_OPLOCK_PROTOCOL)
    # EXCLUSIVE is no level that can be kept in a break; Windows takes it for NONE.
    _settle(cache, state & READ if not state & WRITE else 0)
    level = wire.LEVEL_II if cache.state else wire.LEVEL_NONE
    return Reply([wire.OplockBreak(level, request.persistent_id, request.volatile_id).encode()])


def _settle(cache: Cache, state: int) -> None:
    breaking_to = cache.breaking_to or 0
    if state & ~breaking_to:
        raise StatusError(status.REQUEST_NOT_ACCEPTED)
    cache.acknowledge(state)


def _lease(request: wire.LeaseBreakAcknowledgement, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.22.2: only a lease of this very client is found."""
    server = work.connection.server
    cache = server.files.lease(CacheKey(work.connection.client_guid, request.lease_key))
    if cache is None:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    for holder in cache.holders:
        if isinstance(holder, Holder):
            server.files.used(holder)
    cache.acknowledge(request.lease_state)
    if not cache.state & HANDLE:
        server.durables.purge(cache)  # what other connections of the client left behind cannot be taken back any more
    return Reply([wire.LeaseBreakAcknowledgement(request.lease_key, request.lease_state).encode()])
