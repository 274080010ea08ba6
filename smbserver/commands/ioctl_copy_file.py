"""A copy of a whole file: FSCTL_SRV_COPYCHUNK without chunks, from a session that knows SUPPORTS_OSX_COPYFILE.

Data, named streams, EAs and attributes. Times are not copied: where Apple's client copies by chunks it sets the write
time to the present, and other servers leave times to who wants them kept. What only the target has, another stream or
EA, stays: nobody asked to remove it, and the client overwrites the file when it opens it. An open of a named stream
stands for that stream's data alone. Data go in slices (`connection.steps`), and before each is asked what `ioctl_copy`
asks before a chunk.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Final

from smbserver.backend.base import Handle, StreamHandle
from smbserver.commands.ioctl_reply import ioctl_reply
from smbserver.commands.resize import is_long_cut
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_ATTRIBUTES, FILTER_EA, FILTER_LAST_WRITE, FILTER_WRITTEN
from smbserver.nt.extended_attributes import Ea
from smbserver.objects.changes import report_stream_written
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL
from smbserver.sharing.file_table import FileTable
from smbserver.waiter import Waiter
from smbserver.wire import copychunk as wire
from smbserver.wire import ioctl as ioctl_wire

_SHARE_ALL: Final = access.FILE_SHARE_READ | access.FILE_SHARE_WRITE | access.FILE_SHARE_DELETE
_EVERYWHERE: Final = 1 << 63  # bytes: more than any file has
# The rest says what has become of the data (ARCHIVE), or where they are (OFFLINE): true of one file only.
_COPIED: Final = attributes.READONLY | attributes.HIDDEN | attributes.SYSTEM | attributes.NOT_CONTENT_INDEXED
_TOTAL: Final = 0xFFFFFFFF  # of a longer file the reply has room for the low half of the length

_Slices = Generator[Callable[[], int], int, None]


def copy_file(
    request: ioctl_wire.IoctlRequest, work: Work, source: Open, target: Open
) -> Reply | Pending[None] | Pending[Reply]:
    """Copy one file to another, both open with the rights that a chunk needs.

    Raises StatusError: what can be known before the first byte moves, NOT_SUPPORTED where the target's share has no
    place for what the source has; then the client copies by itself.
    """
    if source.is_closed or target.is_closed:
        raise StatusError(status.FILE_CLOSED)  # while it waited
    target.need(access.FILE_WRITE_DATA)
    end = source.handle.metadata().end_of_file
    if source.state is target.state:
        return _reply(request, work, end)
    is_whole = not source.holder.stream and not target.holder.stream
    if is_whole:
        files = work.connection.server.files
        names = _streams_to_copy(source, target)
        _eas_to_copy(source, target)
        _attributes_to_set(source, target)
        wait = _settle(files, source, target, names)
        if wait is not None:
            return Pending(wait, lambda _: copy_file(request, work, source, target), can_cancel=True)
    try:
        _check_locks(source, target, 0, end)
        _check_target_locks(target, 0, max(end, target.handle.metadata().end_of_file))
    except StatusError as refusal:
        return _reply(request, work, 0, refusal.status)
    return steps.run(work, _copy(request, work, source, target, is_whole), (source, target))


def _reply(request: ioctl_wire.IoctlRequest, work: Work, total: int, code: int = status.SUCCESS) -> Reply:
    """No chunks, and the bytes of the data."""
    return ioctl_reply(request, work, wire.encode_response(wire.CopyResponse(0, 0, total & _TOTAL)), code)


def _streams_to_copy(source: Open, target: Open) -> list[str]:
    """Who may read a file's data may read its streams, and write them as well; there is one descriptor for all."""
    names = source.handle.streams().names() if source.tree.share.has_streams else []
    if names and not target.tree.share.has_streams:
        raise StatusError(status.NOT_SUPPORTED)
    return names


def _eas_to_copy(source: Open, target: Open) -> list[Ea]:
    """Apple's client opens both with the right to EAs; others are asked whether they could have been granted it."""
    if not source.backend.supports_eas or not source.handle.ea_size():
        return []
    if not target.backend.supports_eas:
        raise StatusError(status.NOT_SUPPORTED)
    if not source.maximal_access & access.FILE_READ_EA or not target.maximal_access & access.FILE_WRITE_EA:
        raise StatusError(status.ACCESS_DENIED)
    return source.handle.get_eas()


def _attributes_to_set(source: Open, target: Open) -> int | None:
    """What the target's attributes are to be, None when they are that; rights as for EAs."""
    copied = _COPIED
    if source.backend.hides(source.path[-1]) or target.backend.hides(target.path[-1]):
        copied &= ~attributes.HIDDEN  # that is the name's
    above, below = source.handle.metadata().attributes, target.handle.metadata().attributes
    if not (above ^ below) & copied:
        return None
    if not target.maximal_access & access.FILE_WRITE_ATTRIBUTES:
        raise StatusError(status.ACCESS_DENIED)
    return above & copied | below & attributes.SETTABLE & ~copied


def _settle(files: FileTable, source: Open, target: Open, names: list[str]) -> Waiter[None] | None:
    """As if all the streams were opened: what to wait for before trying again. Raises StatusError SHARING_VIOLATION."""
    for name in names:
        for opened, wanted in ((source, access.FILE_READ_DATA), (target, access.FILE_WRITE_DATA)):
            state = files.prepare(opened.handle.identity, name)
            writes = wanted == access.FILE_WRITE_DATA
            wait = None if state is None else state.settle_open(opened.holder.key, wanted, _SHARE_ALL, writes)
            if wait is not None:
                return wait
    return None


def _check_locks(source: Open, target: Open, offset: int, length: int) -> None:
    if source.state.locks is not None:
        source.state.locks.check(source.holder, offset, length, writes=False)
    _check_target_locks(target, offset, length)


def _check_target_locks(target: Open, offset: int, length: int) -> None:
    if target.state.locks is not None:
        target.state.locks.check(target.holder, offset, length, writes=True)


def _check_stream(files: FileTable, opened: Open, name: str, wanted: int) -> None:
    """What others do with a stream of this name now: it may be shut to us, or locked, or stand in their caches."""
    state = files.prepare(opened.handle.identity, name)
    if state is None:
        return
    writes = wanted == access.FILE_WRITE_DATA
    state.check_open(wanted, _SHARE_ALL)
    if state.locks is not None:
        state.locks.check(opened.holder, 0, _EVERYWHERE, writes)
    if writes and state.caches:
        state.contend(opened.holder.key, ALL)


def _copy(
    request: ioctl_wire.IoctlRequest, work: Work, source: Open, target: Open, is_whole: bool
) -> "steps.Steps[int]":
    total, code = 0, status.SUCCESS
    ranges = source.handle.ranges()
    try:
        end = source.handle.metadata().end_of_file  # what is appended meanwhile is not followed
        while total < end:
            length = min(wire.MAX_CHUNK_SIZE, end - total)
            _check_locks(source, target, total, length)
            if target.state.caches:
                target.state.contend(target.holder.key, ALL)
            target.changed(FILTER_WRITTEN)  # should the open be closed meanwhile, it is told then
            try:
                step = yield partial(ranges.copy_to, target.handle, total, total, length)
            finally:
                target.changed_late(FILTER_WRITTEN)  # the events of the host are there now, and are our own
            if not step:
                raise StatusError(status.INVALID_VIEW_SIZE)  # the source was cut meanwhile
            total += step
        yield from _cut(target, end)
        if is_whole:
            for name in _streams_to_copy(source, target):
                yield from _copy_stream(work, source, target, name)
            _copy_the_rest(source, target)
        if target.mode & attributes.FILE_WRITE_THROUGH:
            yield partial(_sync, target.handle)
    except StatusError as refusal:
        code = refusal.status
    except OSError as error:
        code = status.from_os_error(error)
    return _reply(request, work, total, code)


def _cut(target: Open, end: int) -> _Slices:
    meta = target.handle.metadata()
    excess = meta.end_of_file - end
    if excess > 0:
        _check_target_locks(target, end, excess)
        target.state.contend(target.holder.key, ALL)
        target.changed(FILTER_WRITTEN)
        if is_long_cut(meta, end):
            yield partial(_truncate, target.handle, end)
        else:
            target.handle.truncate(end)
        target.changed_late(FILTER_WRITTEN)


def _truncate(handle: Handle, size: int) -> int:
    handle.truncate(size)
    return size


def _copy_stream(work: Work, source: Open, target: Open, name: str) -> _Slices:
    files = work.connection.server.files
    _check_stream(files, source, name, access.FILE_READ_DATA)
    try:
        above = source.handle.streams().open(name, False)
    except FileNotFoundError:
        return  # removed meanwhile
    with closing(above):
        _check_stream(files, target, name, access.FILE_WRITE_DATA)
        below, is_new = _emptied(target, name)
        with closing(below):
            target.changed(FILTER_LAST_WRITE)
            report_stream_written(files.watches, target, below.stream, is_new)
            end, done, ranges = above.metadata().end_of_file, 0, above.ranges()
            while done < end:
                _check_stream(files, source, name, access.FILE_READ_DATA)
                _check_stream(files, target, name, access.FILE_WRITE_DATA)
                step = yield partial(ranges.copy_to, below, done, done, min(wire.MAX_CHUNK_SIZE, end - done))
                if not step:
                    raise StatusError(status.INVALID_VIEW_SIZE)
                done += step
                target.changed(FILTER_LAST_WRITE)
            if end:
                report_stream_written(files.watches, target, below.stream, False)
            if target.mode & attributes.FILE_WRITE_THROUGH:
                yield partial(_sync, below)


def _emptied(target: Open, name: str) -> tuple[StreamHandle, bool]:
    """The target's stream of this name, and whether it was made just now."""
    streams = target.handle.streams()
    found = streams.find(name)
    return (streams.create(name), True) if found is None else (streams.replace(found), False)


def _copy_the_rest(source: Open, target: Open) -> None:
    """EAs, and attributes last: READONLY is among them."""
    eas = _eas_to_copy(source, target)
    if eas:
        target.handle.set_eas(eas)
        target.changed(FILTER_EA)
    wanted = _attributes_to_set(source, target)
    if wanted is not None:
        target.handle.set_attributes(wanted)
        target.changed(FILTER_ATTRIBUTES)


def _sync(handle: Handle) -> int:
    handle.sync()
    return 0
