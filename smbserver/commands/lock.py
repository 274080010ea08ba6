"""LOCK ([MS-SMB2] 3.3.5.14): byte ranges locked, unlocked, and waited for."""

import logging
from typing import Final

from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.sharing.byte_locks import Range
from smbserver.sharing.caching import ALL
from smbserver.sharing.lock_sequences import LockSequences
from smbserver.wire import lock as wire

log = logging.getLogger(__name__)

# The only combinations that are valid for a lock ([MS-SMB2] 2.2.26.1).
_KINDS: Final = {
    wire.SHARED_LOCK: False,
    wire.EXCLUSIVE_LOCK: True,
    wire.SHARED_LOCK | wire.FAIL_IMMEDIATELY: False,
    wire.EXCLUSIVE_LOCK | wire.FAIL_IMMEDIATELY: True,
}
_DATA: Final = access.FILE_READ_DATA | access.FILE_EXECUTE | access.FILE_WRITE_DATA | access.FILE_APPEND_DATA
_FIRST_WITH_SEQUENCES: Final = 0x0210
_FIRST_FOR_EVERY_OPEN: Final = 0x0300  # transcript 0008, D4


def lock(request: wire.LockRequest, work: Work) -> Reply | Pending[None]:
    """Unlock when the first element says so, else lock; a single range may wait for its turn."""
    opened = work.need_open()
    if opened.pipe is not None:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_PARAMETER)
    sequences = _sequences(work)
    if sequences is not None and sequences.is_replay(request.sequence_index, request.sequence_number):
        return Reply([wire.RESPONSE_BODY])
    if request.locks[0].flags & wire.UNLOCK:
        for element in request.locks:
            if element.flags != wire.UNLOCK:
                raise StatusError(status.INVALID_PARAMETER)
            opened.state.unlock(opened.holder, element.offset, element.length)
        return _done(request, sequences)
    if not opened.granted & _DATA:
        raise StatusError(status.ACCESS_DENIED)
    mirror = opened.handle.lock_mirror if work.connection.server.policy.host_locks else None
    try:
        waiter = opened.state.lock(opened.holder, _wanted(request), _may_wait(request), mirror)
    except StatusError as refusal:
        if refusal.status == status.INSUFFICIENT_RESOURCES:
            log.info("%s: too many locks, on %r for one", work.connection.name, "\\".join(opened.path))
        raise
    if waiter is None:
        return _done(request, sequences)

    def granted(_: None) -> Reply:
        opened.state.contend(opened.holder.key, ALL)  # whoever began to read while we waited
        return _done(request, sequences)

    return Pending(waiter, granted, can_cancel=True)


def _sequences(work: Work) -> LockSequences | None:
    """The open's record of what was answered; None when it has no replays: at 2.0.2, and at 2.1 if not durable."""
    dialect = work.connection.dialect
    if dialect is None or dialect.revision < _FIRST_WITH_SEQUENCES:
        return None
    holder = work.need_open().holder
    is_durable = holder.durability is not None and holder.durability.is_durable
    if dialect.revision < _FIRST_FOR_EVERY_OPEN and not is_durable:
        return None
    if holder.lock_sequences is None:
        holder.lock_sequences = LockSequences()
    return holder.lock_sequences


def _may_wait(request: wire.LockRequest) -> bool:
    return not request.locks[0].flags & wire.FAIL_IMMEDIATELY


def _wanted(request: wire.LockRequest) -> list[Range]:
    """The ranges. Several at once must all fail immediately; an UNLOCK among them spoils the request (3.3.5.14.2)."""
    wanted = []
    for element in request.locks:
        exclusive = _KINDS.get(element.flags)
        if exclusive is None or (len(request.locks) > 1 and not element.flags & wire.FAIL_IMMEDIATELY):
            raise StatusError(status.INVALID_PARAMETER)
        wanted.append(Range(element.offset, element.length, exclusive))
    return wanted


def _done(request: wire.LockRequest, sequences: LockSequences | None) -> Reply:
    if sequences is not None:
        sequences.note(request.sequence_index, request.sequence_number)
    return Reply([wire.RESPONSE_BODY])
