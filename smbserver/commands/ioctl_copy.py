"""FSCTL_SRV_REQUEST_RESUME_KEY and FSCTL_SRV_COPYCHUNK: a copy that never leaves the server ([MS-SMB2] 3.3.5.15.5, .6).

Slices of one chunk run in threads (`connection.steps`). Everything is asked again before each: a lock may have come,
the source may have been cut.
"""

from functools import partial
from typing import Final, NamedTuple

from smbserver.backend.base import Handle, Ranges
from smbserver.commands.ioctl_copy_file import copy_file
from smbserver.commands.ioctl_reply import ioctl_reply, need_file
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError, WireError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_WRITTEN
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL
from smbserver.wire import copychunk as wire
from smbserver.wire import ioctl as ioctl_wire

_LAST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF


class _Moved(NamedTuple):
    """What became of a slice: bytes written, and what ended it early."""

    written: int
    error: OSError | None


def request_resume_key(request: ioctl_wire.IoctlRequest, work: Work) -> Reply:
    """The key is the FileId and the session's id: unique, found without a table, and worth nothing to others."""
    opened = need_file(work)
    if request.max_output_response < wire.KEY_RESPONSE_SIZE:
        raise StatusError(status.INVALID_PARAMETER)
    key = wire.ResumeKey(opened.volatile_id, opened.volatile_id, work.need_session().session_id)
    return ioctl_reply(request, work, wire.encode_key_response(key))


def copy_chunks(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[None] | Pending[Reply]:
    """Check all that can be known before the first byte moves, in the order of 3.3.5.15.6."""
    target = work.need_open()
    has_room = request.max_output_response >= wire.RESPONSE_SIZE
    try:
        asked = wire.decode(request.input)
    except WireError:
        return _limits(request, work, has_room)
    source = _find_source(asked.source_key, work)
    chunks = asked.chunks
    if not has_room or chunks is None or target.pipe is not None or not _is_within_limits(chunks):
        return _limits(request, work, has_room)
    if source.handle.is_directory or target.handle.is_directory:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    source.need(access.FILE_READ_DATA | access.FILE_EXECUTE)
    target.need(access.FILE_WRITE_DATA | access.FILE_APPEND_DATA)
    if request.ctl_code == ioctl_wire.FSCTL_SRV_COPYCHUNK:
        target.need(access.FILE_READ_DATA)
    if source.tree.share.encrypt and work.sealed_by is None:
        raise StatusError(status.ACCESS_DENIED)  # its data are not read by such a request
    if not chunks and work.need_session().is_apple:
        return copy_file(request, work, source, target)
    try:
        for chunk in chunks:
            _check_locks(source, target, chunk, _target_offset(target, chunk))
    except StatusError as refusal:
        return ioctl_reply(request, work, wire.encode_response(wire.CopyResponse(0, 0, 0)), refusal.status)
    return steps.run(work, _copy(request, work, source, target, chunks), (source, target))


def _limits(request: ioctl_wire.IoctlRequest, work: Work, has_room: bool) -> Reply:
    """INVALID_PARAMETER, and what would have been valid (3.3.5.15.6.2)."""
    if not has_room:
        raise StatusError(status.INVALID_PARAMETER)
    return ioctl_reply(request, work, wire.encode_response(wire.LIMITS), status.INVALID_PARAMETER)


def _find_source(data: bytes, work: Work) -> Open:
    """An open of the same session. Raises StatusError OBJECT_NAME_NOT_FOUND."""
    session = work.need_session()
    key = wire.decode_key(data)
    opened = session.opens.get(key.volatile_id)
    is_whole = key.persistent_id == key.volatile_id and key.session_id == session.session_id
    if opened is None or opened.pipe is not None or not is_whole:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    return opened


def _is_within_limits(chunks: tuple[wire.Chunk, ...]) -> bool:
    return sum(chunk.length for chunk in chunks) <= wire.MAX_DATA_SIZE and all(
        0 < chunk.length <= wire.MAX_CHUNK_SIZE
        and chunk.source_offset >= 0
        and (0 <= chunk.target_offset <= _LAST_OFFSET - chunk.length or chunk.target_offset == wire.AT_END_OF_FILE)
        for chunk in chunks
    )


def _target_offset(target: Open, chunk: wire.Chunk) -> int:
    """Where the chunk goes now. Raises StatusError ACCESS_DENIED for who may only append, as WRITE does."""
    may_overwrite = target.granted & access.FILE_WRITE_DATA
    if may_overwrite and chunk.target_offset != wire.AT_END_OF_FILE:
        return chunk.target_offset
    end = target.handle.metadata().end_of_file
    if chunk.target_offset == wire.AT_END_OF_FILE:
        return end
    if chunk.target_offset < end:
        raise StatusError(status.ACCESS_DENIED)
    return chunk.target_offset


def _check_locks(source: Open, target: Open, chunk: wire.Chunk, target_offset: int) -> None:
    if source.state.locks is not None:
        source.state.locks.check(source.holder, chunk.source_offset, chunk.length, writes=False)
    if target.state.locks is not None:
        target.state.locks.check(target.holder, target_offset, chunk.length, writes=True)


def _copy(
    request: ioctl_wire.IoctlRequest, work: Work, source: Open, target: Open, chunks: tuple[wire.Chunk, ...]
) -> "steps.Steps[_Moved]":
    written = total = 0
    code, broken = status.SUCCESS, 0
    ranges = source.handle.ranges()
    try:
        for chunk in chunks:
            offset = _target_offset(target, chunk)
            _check_locks(source, target, chunk, offset)
            if chunk.source_offset + chunk.length > source.handle.metadata().end_of_file:
                raise StatusError(status.INVALID_VIEW_SIZE)  # as Windows, which maps the part it copies
            if target.state.caches:
                target.state.contend(target.holder.key, ALL)
            target.changed(FILTER_WRITTEN)  # should the open be closed meanwhile, it is told then
            try:
                moved = yield partial(_move, ranges, target.handle, chunk, offset)
            finally:
                target.changed_late(FILTER_WRITTEN)  # the events of the host are there now, and are our own
            total += moved.written
            if moved.written < chunk.length:
                broken = moved.written
                raise moved.error or StatusError(status.INVALID_VIEW_SIZE)
            written += 1
        if target.mode & attributes.FILE_WRITE_THROUGH:
            yield partial(_sync, target.handle)
    except StatusError as refusal:
        code = refusal.status
    except OSError as error:
        code = status.from_os_error(error)
    return ioctl_reply(request, work, wire.encode_response(wire.CopyResponse(written, broken, total)), code)


def _move(ranges: Ranges, target: Handle, chunk: wire.Chunk, target_offset: int) -> _Moved:
    """In a thread: the whole chunk, or as much of it as could be had."""
    count = 0
    try:
        while count < chunk.length:
            step = ranges.copy_to(target, chunk.source_offset + count, target_offset + count, chunk.length - count)
            if not step:
                break  # the source was cut meanwhile
            count += step
    except OSError as error:
        return _Moved(count, error)
    return _Moved(count, None)


def _sync(target: Handle) -> _Moved:
    target.sync()
    return _Moved(0, None)
