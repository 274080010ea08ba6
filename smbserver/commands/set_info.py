"""SET_INFO ([MS-SMB2] 3.3.5.21). A class that is not here is refused: a silent success would be lost data."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from smbserver.commands.previous_version import check_change
from smbserver.commands.resize import is_long_cut, is_long_reservation, resize
from smbserver.commands.set_basic import set_basic
from smbserver.commands.set_disposition import set_disposition, set_disposition_ex
from smbserver.commands.set_ea import set_ea
from smbserver.commands.set_rename import set_link, set_rename, set_rename_ex
from smbserver.commands.set_security import set_security
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, changes, status
from smbserver.nt.metadata import Metadata
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL
from smbserver.waiter import Waiter
from smbserver.wire import ea, file_info, fs_info
from smbserver.wire import pipe as pipe_wire
from smbserver.wire import set_info as wire
from smbserver.wire.query_info import INFO_FILE, INFO_FILESYSTEM, INFO_QUOTA, INFO_SECURITY

_LAST_SIZE: Final = 0x7FFFFFFFFFFFFFFF
_SYNCHRONOUS: Final = attributes.FILE_SYNCHRONOUS_IO_ALERT | attributes.FILE_SYNCHRONOUS_IO_NONALERT
_SETTABLE_MODE: Final = attributes.FILE_WRITE_THROUGH | attributes.FILE_SEQUENTIAL_ONLY | _SYNCHRONOUS
# What a listing of the directory shows.
_SEEN_IN_DIRECTORY: Final = (ea.FULL_EA, file_info.BASIC, file_info.ALLOCATION, file_info.END_OF_FILE)


class _Change(NamedTuple):
    """What a thread is to do, and the filter bits of it."""

    call: Callable[[], None]
    matches: int


# What must be waited for before it can be done, or what a thread is to do.
_Setter = Callable[[memoryview, Open, Work], Waiter[None] | _Change | None]


def set_info(request: wire.SetInfoRequest, work: Work) -> Reply | Pending[None] | Pending[Reply]:
    """Change a file; each class checks the right it needs."""
    opened = work.need_open()
    dialect = work.connection.dialect
    if dialect is None or len(request.data) > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(len(request.data))
    if opened.backend.read_only:
        check_change(request)
    if request.info_type == INFO_SECURITY:
        return set_security(request, opened, work)
    if request.info_type == INFO_FILESYSTEM and opened.pipe is None:
        _refuse_volume(request, opened)
    if request.info_type != INFO_FILE:
        known = request.info_type in (INFO_FILESYSTEM, INFO_QUOTA)
        raise StatusError(status.NOT_SUPPORTED if known else status.INVALID_PARAMETER)
    setters = _SETTERS if opened.pipe is None else _PIPE_SETTERS
    setter = setters.get(request.file_info_class)
    if setter is None:
        known = request.file_info_class in file_info.SET_UNSUPPORTED and opened.pipe is None
        raise StatusError(status.NOT_SUPPORTED if known else status.INVALID_INFO_CLASS)
    if len(request.data) < file_info.SET_SIZE.get(request.file_info_class, 0):
        raise StatusError(status.INFO_LENGTH_MISMATCH)
    if opened.state.deferred is not None and request.file_info_class in _SEEN_IN_DIRECTORY:
        opened.settle_write_time()
    has_written = opened.holder.has_written
    outcome = setter(request.data, opened, work)
    if outcome is None:
        return _done(request, work, opened, has_written)
    if isinstance(outcome, Waiter):
        return Pending(outcome, lambda _: _again(request, work), can_cancel=True)
    return resize(work, _change_size(request, work, opened, outcome, has_written), opened)


def _again(request: wire.SetInfoRequest, work: Work) -> Reply | Pending[None] | Pending[Reply]:
    """Its wait is over. An open that was closed meanwhile moves and deletes nothing any more."""
    if work.need_open().is_closed:
        raise StatusError(status.FILE_CLOSED)
    return set_info(request, work)


def _done(request: wire.SetInfoRequest, work: Work, opened: Open, has_written: bool) -> Reply:
    if request.file_info_class in _SEEN_IN_DIRECTORY and opened.pipe is None:
        work.connection.server.files.directory_leases.changed(opened.backend, opened.path, opened.holder)
        opened.holder.has_written = has_written  # told now, not at the close
    return Reply([wire.RESPONSE_BODY])


def _change_size(
    request: wire.SetInfoRequest, work: Work, opened: Open, change: _Change, has_written: bool
) -> "steps.Steps[None]":
    opened.changed(change.matches)  # should the open be closed meanwhile, it is told then
    try:
        yield change.call
    finally:
        opened.changed(change.matches)  # the events of the host are there now, and are our own
    return _done(request, work, opened, has_written)


def _refuse_volume(request: wire.SetInfoRequest, opened: Open) -> None:
    """[MS-SMB2] 3.3.5.21.2: quotas and the volume's id are the host's business, and so is its name."""
    if request.file_info_class in fs_info.SETTABLE:
        opened.need(access.FILE_WRITE_DATA)
    elif request.file_info_class not in fs_info.LOCAL:
        raise StatusError(status.INVALID_INFO_CLASS)
    raise StatusError(status.NOT_SUPPORTED)


def _set_position(data: memoryview, opened: Open, work: Work) -> None:
    position = file_info.decode_u64(data)
    if position > _LAST_SIZE:
        raise StatusError(status.INVALID_PARAMETER)
    opened.position = position


def _set_mode(data: memoryview, opened: Open, work: Work) -> None:
    """[MS-FSA] 2.1.5.15.8. The synchronous flags say how this client waits and may be swapped, not given or taken."""
    mode = file_info.decode_u32(data)
    if mode & ~_SETTABLE_MODE or mode & _SYNCHRONOUS == _SYNCHRONOUS:
        raise StatusError(status.INVALID_PARAMETER)
    if (mode & _SYNCHRONOUS != 0) != (opened.mode & _SYNCHRONOUS != 0):
        raise StatusError(status.INVALID_PARAMETER)
    kept = opened.mode & ~_SETTABLE_MODE
    if opened.mode & attributes.FILE_NO_INTERMEDIATE_BUFFERING:
        mode = mode & ~attributes.FILE_WRITE_THROUGH | opened.mode & attributes.FILE_WRITE_THROUGH
    opened.mode = kept | mode


def _size(data: memoryview, opened: Open) -> int:
    opened.need(access.FILE_WRITE_DATA)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_PARAMETER)
    size = file_info.decode_u64(data)
    if size > _LAST_SIZE:
        raise StatusError(status.INVALID_PARAMETER)
    opened.state.contend(opened.holder.key, ALL)  # what others have read is stale
    return size


def _set_allocation(data: memoryview, opened: Open, work: Work) -> _Change | None:
    """Less than the file has cuts it; more reserves room ([MS-FSA] 2.1.5.14.1)."""
    size = _size(data, opened)
    meta = opened.handle.metadata()
    if size < meta.end_of_file:
        return _cut(opened, meta, size)
    if is_long_reservation(meta, size):
        return _Change(partial(opened.handle.allocate, size), changes.FILTER_SIZE)
    opened.handle.allocate(size)
    opened.changed(changes.FILTER_SIZE)
    return None


def _cut(opened: Open, meta: Metadata, size: int) -> _Change | None:
    if is_long_cut(meta, size):
        return _Change(partial(opened.handle.truncate, size), changes.FILTER_WRITTEN)
    opened.handle.truncate(size)
    opened.changed(changes.FILTER_WRITTEN)
    return None


def _set_valid_data_length(data: memoryview, opened: Open, work: Work) -> None:
    """[MS-FSA] 2.1.5.15.15. All bytes up to the end of a file are valid here, holes are zeros; so there is one length
    that may be set, and nothing is to be done for it.
    """
    if _size(data, opened) != opened.handle.metadata().end_of_file:
        raise StatusError(status.INVALID_PARAMETER)


def _set_end_of_file(data: memoryview, opened: Open, work: Work) -> _Change | None:
    size = _size(data, opened)
    return _cut(opened, opened.handle.metadata(), size)


def _set_pipe_modes(data: memoryview, opened: Open, work: Work) -> None:
    """[MS-FSCC] 2.4.37: a pipe that is read as bytes is never read as messages again."""
    opened.need(access.FILE_WRITE_ATTRIBUTES)
    modes = pipe_wire.decode_modes(data)
    pipe = opened.pipe
    assert pipe is not None
    if modes.read_mode == pipe_wire.MESSAGE_MODE and not pipe.message_mode:
        raise StatusError(status.INVALID_PARAMETER)
    pipe.message_mode = modes.read_mode == pipe_wire.MESSAGE_MODE
    pipe.non_blocking = modes.completion_mode == pipe_wire.COMPLETE_OPERATION


_PIPE_SETTERS: Final[dict[int, _Setter]] = {pipe_wire.PIPE: _set_pipe_modes}
_SETTERS: Final[dict[int, _Setter]] = {
    file_info.BASIC: set_basic,
    file_info.RENAME: set_rename,
    file_info.LINK: set_link,
    file_info.RENAME_EX: set_rename_ex,
    file_info.DISPOSITION: set_disposition,
    file_info.DISPOSITION_EX: set_disposition_ex,
    ea.FULL_EA: set_ea,
    file_info.POSITION: _set_position,
    file_info.MODE: _set_mode,
    file_info.ALLOCATION: _set_allocation,
    file_info.END_OF_FILE: _set_end_of_file,
    file_info.VALID_DATA_LENGTH: _set_valid_data_length,
}
