"""READ ([MS-SMB2] 3.3.5.12)."""

from collections.abc import Callable
from typing import Final, cast

from smbserver.connection.pending import Pending
from smbserver.connection.work import TAG_ROOM, FileTail, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.objects.open import Open
from smbserver.objects.pipe import Message, PipeHandle
from smbserver.objects.share import MAX_AHEAD
from smbserver.waiter import Waiter
from smbserver.wire import header
from smbserver.wire import read as wire

_LAST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF  # file offsets are signed in every file system
_SMB_3_0_2: Final = 0x0302
TAIL_FROM: Final = 128 * 1024  # below, the copy is cheaper than the calls that avoid it (transcript 0022)
WHOLE_FROM: Final = 384 * 1024  # below, what is to be signed or sealed is joined for less than two views cost

ReadBetween = Callable[[int, int, int, int], bytearray | None]  # see PosixHandle.read_between
_Ahead = tuple[bytearray | None, bytes | bytearray]  # all of it with room around, or what there is


def read(
    request: wire.ReadRequest, work: Work
) -> Reply | Pending[bytes | bytearray] | Pending[_Ahead] | Pending[None] | Pending[Message]:
    """Bytes from the cache at once; from a disk by way of a thread; from a pipe when there are some."""
    opened = work.need_open()
    length, offset = request.length, request.offset
    dialect = work.connection.dialect
    if not opened.granted & (access.FILE_READ_DATA | access.FILE_EXECUTE):
        raise StatusError(status.ACCESS_DENIED)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if dialect is None or length > dialect.max_size or request.channel:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(length)
    if opened.pipe is not None:
        return _read_pipe(request, opened.pipe, dialect.revision)
    if offset + length > _LAST_OFFSET:
        raise StatusError(status.INVALID_PARAMETER)
    if opened.state.locks is not None:
        opened.state.locks.check(opened.holder, offset, length, writes=False)
    if length >= TAIL_FROM:
        large = _read_large(request, work, opened)
        if large is not None:
            return large
    data = opened.handle.read(length, offset)
    if data is None:
        return _read_in_thread(request, work, opened)
    return _reply(opened, data, offset, length, request.minimum_count)


def _read_large(request: wire.ReadRequest, work: Work, opened: Open) -> Reply | Pending[_Ahead] | Pending[None] | None:
    """What needs no copy: sent from the file, or read in one piece with the header that is signed or sealed with it."""
    length, offset = request.length, request.offset
    if work.connection.answers_plainly(work):
        found = opened.handle.cached(length, offset) if work.connection.sends_tails else None
        if found is not None and found[1] >= max(request.minimum_count, TAIL_FROM):
            return _reply_from_file(opened, *found, offset)
        return None
    read_between: ReadBetween | None = getattr(opened.handle, "read_between", None)
    if read_between is None or not WHOLE_FROM <= length >= request.minimum_count or work.connection.distort is not None:
        return None
    has_room = opened.tree.share.behind < MAX_AHEAD
    if has_room and work.others_wait():
        return _read_ahead(request, work, opened, read_between)
    buffer = read_between(wire.DATA_OFFSET, length, offset, TAG_ROOM)
    if buffer is None:
        return None
    whole = _whole(opened, buffer, request)
    return _behind(opened.ahead, whole, length, opened) if has_room and opened.ahead is not None else whole


def _whole(opened: Open, buffer: bytearray, request: wire.ReadRequest) -> Reply:
    """The reply in one piece, when everything was there."""
    length = request.length
    opened.position = request.offset + length
    whole = memoryview(buffer)
    whole[header.SIZE : wire.DATA_OFFSET] = wire.encode_response(length)
    return Reply([whole[header.SIZE : wire.DATA_OFFSET + length]], whole=whole)


def _read_ahead(request: wire.ReadRequest, work: Work, opened: Open, read_between: ReadBetween) -> Pending[_Ahead]:
    """By a thread, one READ of an open at a time, while the loop signs and sends what was read before."""
    length, offset, handle = request.length, request.offset, opened.handle

    def read_it() -> _Ahead:
        buffer = read_between(wire.DATA_OFFSET, length, offset, TAG_ROOM)
        return buffer, b"" if buffer is not None else handle.read_blocking(length, offset)

    def reply(found: _Ahead) -> Reply:
        buffer, data = found
        if buffer is not None:
            return _whole(opened, buffer, request)
        return _reply(opened, data, offset, length, request.minimum_count)

    pending = work.offload(read_it, reply, opened)
    _note_ahead(opened, length, cast("Waiter[object]", pending.waiter))
    return pending


def _note_ahead(opened: Open, length: int, waiter: Waiter[object]) -> None:
    """Not within `_read_ahead`: compiled, functions there have one environment, and `pending` and `reply` a cycle."""
    share = opened.tree.share

    def done(_: object) -> None:
        share.behind -= length
        if opened.ahead is waiter:
            opened.ahead = None

    share.behind += length
    opened.ahead = waiter
    waiter.when_done(done)


def _behind(ahead: Waiter[object], reply: Reply, length: int, opened: Open) -> Pending[None]:
    """The last of a burst, which the loop has read meanwhile, answered when those that a thread has are.

    smbclient writes in order, and asks for nothing more while it has to keep the second of two. When `Share.behind` is
    at its limit answers come out of turn: the queue of the transport bounds those.
    """
    share = opened.tree.share
    waiter: Waiter[None] = Waiter()

    def done(_: object) -> None:
        share.behind -= length
        waiter.resolve(None)

    share.behind += length
    ahead.when_done(done)  # who waits for its answer was there before
    return Pending(waiter, lambda _: reply, can_cancel=False)


def _read_in_thread(request: wire.ReadRequest, work: Work, opened: Open) -> Pending[bytes | bytearray]:
    handle, offset, length, minimum = opened.handle, request.offset, request.length, request.minimum_count
    return work.offload(
        lambda: handle.read_blocking(length, offset), lambda found: _reply(opened, found, offset, length, minimum)
    )


def _reply(opened: Open, data: bytes | bytearray, offset: int, length: int, minimum: int) -> Reply:
    if len(data) < minimum or (not data and length):
        raise StatusError(status.END_OF_FILE)
    opened.position = offset + len(data)
    return Reply([wire.encode_response(len(data)), data])


def _reply_from_file(opened: Open, descriptor: int, length: int, offset: int) -> Reply:
    """The data stay in the page cache; the open stays until they are sent."""
    opened.hold()
    opened.position = offset + length
    tail = FileTail(descriptor, offset, length, opened.handle.read_blocking, opened.release)
    return Reply([wire.encode_response(length)], tail=tail)


def _read_pipe(request: wire.ReadRequest, pipe: PipeHandle, revision: int) -> Pending[Message]:
    """The next message, when there is one; the offset has no meaning."""
    if revision >= _SMB_3_0_2 and request.flags & wire.FLAG_READ_UNBUFFERED:
        raise StatusError(status.INVALID_PARAMETER)
    waiter = pipe.read_message(request.length, request.minimum_count)
    return Pending(waiter, _pipe_reply, can_cancel=True)


def _pipe_reply(message: Message) -> Reply:
    code = status.BUFFER_OVERFLOW if message.is_partial else status.SUCCESS
    return Reply([wire.encode_response(len(message.data)), message.data], code)
