"""READ ([MS-SMB2] 3.3.5.12)."""

from typing import Final

from smbserver.connection.pending import Pending
from smbserver.connection.work import FileTail, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.objects.open import Open
from smbserver.objects.pipe import Message, PipeHandle
from smbserver.wire import read as wire

_LAST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF  # file offsets are signed in every file system
_SMB_3_0_2: Final = 0x0302
TAIL_FROM: Final = 128 * 1024  # below, the copy is cheaper than the calls that avoid it (transcript 0022)


def read(request: wire.ReadRequest, work: Work) -> Reply | Pending[bytes | bytearray] | Pending[Message]:
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
    if length >= TAIL_FROM and work.connection.sends_tails and work.connection.answers_plainly(work):
        found = opened.handle.cached(length, offset)
        if found is not None and found[1] >= max(request.minimum_count, TAIL_FROM):
            return _reply_from_file(opened, *found, offset)
    data = opened.handle.read(length, offset)
    if data is None:
        return _read_in_thread(opened, work, offset, length, request.minimum_count)
    return _reply(opened, data, offset, length, request.minimum_count)


def _read_in_thread(opened: Open, work: Work, offset: int, length: int, minimum: int) -> Pending[bytes | bytearray]:
    handle = opened.handle
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
