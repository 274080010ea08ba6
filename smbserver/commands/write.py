"""WRITE ([MS-SMB2] 3.3.5.13)."""

from typing import Final

from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_WRITTEN
from smbserver.objects.open import Open
from smbserver.objects.server_state import ServerState
from smbserver.objects.share import MAX_AHEAD, MAX_BEHIND
from smbserver.sharing.caching import ALL
from smbserver.sharing.held_back import HeldBack
from smbserver.wire import write as wire

_LAST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF
# MaxFileSize of [MS-FSA] 2.1.1.1, as NTFS has it. Beyond it nothing is written, as Windows and Samba do.
_LAST_BYTE: Final = 0xFFFFFFF0000
_SMB_3_0: Final = 0x0300
# A write into the page cache that took this long has waited for a disk, as the kernel makes who writes more than that
# can take. For a while the writes of the share then wait in threads.
_SLOW: Final = 0.02  # seconds
_SLOW_FOR: Final = 1.0
# Bytes: from here on a write takes so long that a thread makes it while the next request is received, if its client has
# sent that already (transcript 0038). A hand-over costs a fortieth of it.
_THREAD_FROM: Final = 512 * 1024


def write(request: wire.WriteRequest, work: Work) -> Reply | Pending[None] | Pending[float]:
    """Into the page cache at once; with write-through the answer waits for the disk. A pipe takes it as it comes."""
    opened = work.need_open()
    length = len(request.data)
    dialect = work.connection.dialect
    if not opened.granted & (access.FILE_WRITE_DATA | access.FILE_APPEND_DATA):
        raise StatusError(status.ACCESS_DENIED)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if dialect is None or length > dialect.max_size or request.channel:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(length)
    if opened.pipe is not None:
        if dialect.revision >= _SMB_3_0 and request.flags & (wire.FLAG_WRITE_THROUGH | wire.FLAG_WRITE_UNBUFFERED):
            raise StatusError(status.INVALID_PARAMETER)
        opened.pipe.write(request.data, 0)
        return Reply([wire.encode_response(length)])
    offset = request.offset
    if offset + length > _LAST_BYTE and (length or offset > _LAST_OFFSET):
        # Among it the "end of the file" of [MS-FSA] 2.1.5.4: Windows takes that from local programs only.
        raise StatusError(status.INVALID_PARAMETER)
    if not opened.granted & access.FILE_WRITE_DATA and offset < opened.handle.metadata().end_of_file:
        raise StatusError(status.ACCESS_DENIED)  # the right to append is no right to overwrite
    if length:
        if opened.state.locks is not None:
            opened.state.locks.check(opened.holder, offset, length, writes=True)
        if opened.state.caches:
            opened.state.contend(opened.holder.key, ALL)
        server = work.connection.server
        if server.policy.deferred_write_time:
            opened.defer_write_time(server.runtime.now)
        share, clock = opened.tree.share, server.runtime.seconds
        begun = clock()
        if (
            _is_for_thread(opened, work, length, begun < share.slow_until)
            and opened.granted & access.FILE_WRITE_DATA  # to append one must know where the file ends
            and not opened.holder.stream
        ):
            return _write_in_thread(request, work, opened)
        try:
            opened.handle.write(request.data, offset)
        finally:  # on a full disk a part of it may stand there
            opened.changed(FILTER_WRITTEN)
            ended = clock()
            if ended - begun > _SLOW:
                share.slow_until = ended + _SLOW_FOR
    if request.flags & wire.FLAG_WRITE_THROUGH or opened.mode & attributes.FILE_WRITE_THROUGH:
        return _sync_in_thread(work, opened, length)
    return Reply([wire.encode_response(length)])


def _sync_in_thread(work: Work, opened: Open, length: int) -> Pending[None]:
    return work.offload(opened.handle.sync, lambda _: Reply([wire.encode_response(length)]))


def _is_for_thread(opened: Open, work: Work, length: int, is_slow: bool) -> bool:
    """Because the disk may have to be waited for, or because it gains time and there is not too much there already.

    It gains time when it is the kernel that works, and the loop will need the interpreter little. Beside signing and
    decrypting it does not: up to version 49 `cryptography` keeps the interpreter for itself, and the thread waits for
    it after each write; from 50 on, a thread cost 1.1 of the CPU for 1.06 of the rate.
    """
    if is_slow:
        return opened.tree.share.behind < MAX_BEHIND
    if opened.behind_writes is not None:
        return opened.tree.share.behind < MAX_AHEAD
    return (
        length >= _THREAD_FROM
        and opened.tree.share.behind < MAX_AHEAD
        and getattr(opened.handle, "is_on_descriptor", False) is True
        and work.connection.answers_plainly(work)
        and work.others_wait()
    )


def _write_in_thread(request: wire.WriteRequest, work: Work, opened: Open) -> Pending[float]:
    """The same while the loop goes on, one write of a file at a time. What must be known beforehand was checked."""
    handle, share, clock = opened.handle, opened.tree.share, work.connection.server.runtime.seconds
    data, offset = request.data, request.offset
    syncs = request.flags & wire.FLAG_WRITE_THROUGH or opened.mode & attributes.FILE_WRITE_THROUGH
    writes = opened.behind_writes = opened.behind_writes or HeldBack()

    def run() -> float:
        begun = clock()
        handle.write(data, offset)
        took = clock() - begun
        if syncs:
            handle.sync()
        return took

    def reply(took: float) -> Reply:
        if took > _SLOW:
            share.slow_until = clock() + _SLOW_FOR
        return Reply([wire.encode_response(len(data))])

    def done(_: object) -> None:
        share.behind -= len(data)
        writes.running -= 1
        if writes.waiting and not writes.running:
            _let_in(opened, writes, work.connection.server)
        elif not writes.running:
            opened.behind_writes = None
        opened.changed_late(FILTER_WRITTEN)

    opened.changed(FILTER_WRITTEN)  # should the open be closed meanwhile, it is told then
    writes.running += 1
    share.behind += len(data)
    pending = work.offload(run, reply, opened.state)
    pending.waiter.when_done(done)
    return pending


def _let_in(opened: Open, writes: HeldBack, server: ServerState) -> None:
    """Who was held back goes on when the last WRITE has been answered. His connection may be gone by then."""

    def let_in(_: object) -> None:
        if not writes.running:
            opened.behind_writes = None
            server.files.outbox += writes.waiting
            server.settle()

    server.runtime.turn().when_done(let_in)
