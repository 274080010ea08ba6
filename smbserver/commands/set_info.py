"""SET_INFO ([MS-SMB2] 3.3.5.21). A class that is not here is refused: a silent success would be lost data."""

from collections.abc import Callable
from typing import Final

from smbserver.connection.work import Pending, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, changes, names, status
from smbserver.objects.changes import report_joined, report_linked, report_renamed
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL
from smbserver.sharing.file_state import FileTable, Identity
from smbserver.waiter import Waiter
from smbserver.wire import file_info
from smbserver.wire import pipe as pipe_wire
from smbserver.wire import set_info as wire
from smbserver.wire.query_info import INFO_FILE, INFO_FILESYSTEM, INFO_QUOTA, INFO_SECURITY

_LAST_SIZE: Final = 0x7FFFFFFFFFFFFFFF
_SYNCHRONOUS: Final = attributes.FILE_SYNCHRONOUS_IO_ALERT | attributes.FILE_SYNCHRONOUS_IO_NONALERT
_SETTABLE_MODE: Final = attributes.FILE_WRITE_THROUGH | attributes.FILE_SEQUENTIAL_ONLY | _SYNCHRONOUS
# EAs, quotas, object ids, short names, and the extended forms of disposition and rename: documented as settable, not
# had here ([MS-SMB2] 3.3.5.21.1).
_KNOWN_UNSUPPORTED: Final = (15, 29, 32, file_info.SHORT_NAME, 64, 65)
# What each of the four times of FileBasicInformation is to those who watch; a change time is nothing to them.
_TIMES_TOLD: Final = (changes.FILTER_CREATION, changes.FILTER_LAST_ACCESS, changes.FILTER_LAST_WRITE, 0)
# What a listing of the directory shows.
_SEEN_IN_DIRECTORY: Final = (file_info.BASIC, file_info.ALLOCATION, file_info.END_OF_FILE)

_Setter = Callable[[memoryview, Open, Work], Waiter[None] | None]  # what must be waited for before it can be done


def set_info(request: wire.SetInfoRequest, work: Work) -> Reply | Pending[None]:
    """Change a file; each class checks the right it needs."""
    opened = work.need_open()
    dialect = work.connection.dialect
    if dialect is None or len(request.data) > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(len(request.data))
    if request.info_type != INFO_FILE:
        known = request.info_type in (INFO_FILESYSTEM, INFO_SECURITY, INFO_QUOTA)
        raise StatusError(status.NOT_SUPPORTED if known else status.INVALID_PARAMETER)
    setters = _SETTERS if opened.pipe is None else _PIPE_SETTERS
    setter = setters.get(request.file_info_class)
    if setter is None:
        known = request.file_info_class in _KNOWN_UNSUPPORTED and opened.pipe is None
        raise StatusError(status.NOT_SUPPORTED if known else status.INVALID_INFO_CLASS)
    if len(request.data) < file_info.SET_SIZE.get(request.file_info_class, 0):
        raise StatusError(status.INFO_LENGTH_MISMATCH)
    has_written = opened.holder.has_written
    wait = setter(request.data, opened, work)
    if wait is not None:
        return Pending(wait, lambda _: set_info(request, work), can_cancel=True)
    if request.file_info_class in _SEEN_IN_DIRECTORY and opened.pipe is None:
        work.connection.server.files.directory_leases.changed(opened.backend, opened.path, opened.holder)
        opened.holder.has_written = has_written  # told now, not at the close
    return Reply([wire.RESPONSE_BODY])


def _need(opened: Open, rights: int) -> None:
    if not opened.granted & rights:
        raise StatusError(status.ACCESS_DENIED)


def _set_basic(data: memoryview, opened: Open, work: Work) -> None:
    _need(opened, access.FILE_WRITE_ATTRIBUTES)
    change = file_info.decode_basic(data)
    wanted = change.attributes  # bits nobody can set are ignored: tar of smbclient sends a Unix mode here
    if wanted:
        if wanted & attributes.DIRECTORY and not opened.handle.is_directory:
            raise StatusError(status.INVALID_PARAMETER)
        if wanted & attributes.TEMPORARY and opened.handle.is_directory:
            raise StatusError(status.INVALID_PARAMETER)
        if not opened.path:
            wanted &= ~(attributes.HIDDEN | attributes.SYSTEM)  # nobody hides the root
        opened.handle.set_attributes(wanted)
        opened.changed(changes.FILTER_ATTRIBUTES)
    # -1 and -2 stop and restart automatic updates for this open; POSIX keeps updating, which is what -2 asks for.
    times = [time if time > 0 else None for time in change[:4]]
    if any(time is not None for time in times):
        opened.handle.set_times(*times)
        told = [matches for time, matches in zip(times, _TIMES_TOLD, strict=True) if time is not None]
        opened.changed(sum(told))


def _set_rename(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.12. Waits until nobody else keeps the file open only for himself."""
    _need(opened, access.DELETE)
    work.check_user()
    target = file_info.decode_rename(data)
    old, new = _target_path(target, opened)
    files = work.connection.server.files
    _check_directory(new[:-1], opened, work)
    if opened.handle.is_directory:
        wait = files.break_handles_below(opened.backend, old, opened.holder.key)
        if wait is not None:
            return wait
        if files.has_open_below(opened.backend, old):
            raise StatusError(status.ACCESS_DENIED)
    located = opened.backend.locate(new)
    try:
        if located.identity is not None and located.identity != opened.handle.identity:
            if not target.replace_if_exists:
                raise StatusError(status.OBJECT_NAME_COLLISION)
            if located.metadata is not None and located.metadata.is_directory:
                raise StatusError(status.ACCESS_DENIED)
            if located.metadata is not None and located.metadata.attributes & attributes.READONLY:
                raise StatusError(status.ACCESS_DENIED)
            wait = _free_target(files, located.identity, opened)
            if wait is not None:
                return wait
        wait = opened.state.break_handles(opened.holder.key)
        if wait is not None:
            return wait
        moved = opened.backend.rename(old, opened.handle.identity, located, target.replace_if_exists)
    finally:
        located.close()
    files.renamed(opened.backend, old, moved)
    if located.identity == opened.handle.identity and located.path not in (old, moved):
        report_joined(files.watches, opened, old)
    else:
        replaced = None if located.identity in (None, opened.handle.identity) else located.path
        report_renamed(files.watches, opened, old, moved, replaced)
    return None


def _check_directory(directory: names.Path, opened: Open, work: Work) -> None:
    """The target's directory is opened to add a name ([MS-FSA] 2.1.5.15.12).

    Windows up to Server 2022 does not share DELETE there (note 185). Here that holds among the opens of one session:
    somebody else who merely watches the folder, with all rights, does not keep everybody from renaming.
    """
    located = opened.backend.locate(directory)
    try:
        state = None if located.identity is None else work.connection.server.files.find(located.identity)
    finally:
        located.close()
    if state is not None:
        wanted = access.FILE_ADD_SUBDIRECTORY if opened.handle.is_directory else access.FILE_ADD_FILE
        state.check_open(wanted, access.FILE_SHARE_READ | access.FILE_SHARE_WRITE | access.FILE_SHARE_DELETE)
        for holder in state.holders:
            other = holder.owner
            if holder.granted & access.DELETE and isinstance(other, Open) and other.session is opened.session:
                raise StatusError(status.SHARING_VIOLATION)


def _free_target(files: FileTable, identity: Identity, opened: Open) -> Waiter[None] | None:
    """What would be replaced must not be open: who only keeps it so is asked to close it, the rest refuses."""
    state = files.find(identity)
    if state is None:
        return None
    wait = state.break_handles(opened.holder.key)
    if wait is None:
        raise StatusError(status.ACCESS_DENIED)
    return wait


def _target_path(target: file_info.RenameTarget, opened: Open) -> tuple[names.Path, names.Path]:
    if target.root_directory:
        raise StatusError(status.INVALID_PARAMETER)
    new = names.split(target.name.removeprefix("\\"))
    old = opened.path
    if not old or not new:
        raise StatusError(status.ACCESS_DENIED)  # the root of a share has no other name
    if new[: len(old)] == old and len(new) > len(old):
        raise StatusError(status.ACCESS_DENIED)  # a directory into itself
    return old, new


def _set_link(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.14.6."""
    _need(opened, opened.tree.maximal_access & access.FILE_WRITE_ATTRIBUTES)
    work.check_user()
    if opened.handle.is_directory:
        raise StatusError(status.FILE_IS_A_DIRECTORY)
    target = file_info.decode_rename(data)
    old, new = _target_path(target, opened)
    located = opened.backend.locate(new)
    try:
        if located.identity is not None:
            if not target.replace_if_exists:
                raise StatusError(status.OBJECT_NAME_COLLISION)
            if located.metadata is not None and located.metadata.is_directory:
                raise StatusError(status.ACCESS_DENIED)
            wait = _free_target(work.connection.server.files, located.identity, opened)
            if wait is not None:
                return wait
        opened.backend.link(old, opened.handle.identity, located, target.replace_if_exists)
    finally:
        located.close()
    if located.identity != opened.handle.identity:
        replaced = None if located.identity is None else located.path
        report_linked(work.connection.server.files.watches, opened, (*located.path[:-1], new[-1]), replaced)
    return None


def _set_disposition(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.3. Waits until others have let go what they only keep open."""
    _need(opened, access.DELETE)
    if not file_info.decode_u8(data):
        opened.state.clear_delete()
        return None
    if not opened.path:
        raise StatusError(status.CANNOT_DELETE)
    meta = opened.handle.metadata()
    if meta.attributes & attributes.READONLY:
        raise StatusError(status.CANNOT_DELETE)
    if meta.is_directory and not opened.handle.is_empty():
        raise StatusError(status.DIRECTORY_NOT_EMPTY)
    wait = opened.state.break_handles(opened.holder.key)
    if wait is None:
        opened.state.set_delete(opened.path, opened.backend)
    return wait


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
    _need(opened, access.FILE_WRITE_DATA)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_PARAMETER)
    size = file_info.decode_u64(data)
    if size > _LAST_SIZE:
        raise StatusError(status.INVALID_PARAMETER)
    opened.state.contend(opened.holder.key, ALL)  # what others have read is stale
    return size


def _set_allocation(data: memoryview, opened: Open, work: Work) -> None:
    """Less than the file has cuts it; more reserves room ([MS-FSA] 2.1.5.14.1)."""
    size = _size(data, opened)
    if size < opened.handle.metadata().end_of_file:
        opened.handle.truncate(size)
        opened.changed(changes.FILTER_WRITTEN)
    else:
        opened.handle.allocate(size)
        opened.changed(changes.FILTER_SIZE)


def _set_valid_data_length(data: memoryview, opened: Open, work: Work) -> None:
    """[MS-FSA] 2.1.5.15.15. All bytes up to the end of a file are valid here, holes are zeros; so there is one length
    that may be set, and nothing is to be done for it.
    """
    if _size(data, opened) != opened.handle.metadata().end_of_file:
        raise StatusError(status.INVALID_PARAMETER)


def _set_end_of_file(data: memoryview, opened: Open, work: Work) -> None:
    opened.handle.truncate(_size(data, opened))
    opened.changed(changes.FILTER_WRITTEN)


def _set_pipe_modes(data: memoryview, opened: Open, work: Work) -> None:
    """[MS-FSCC] 2.4.37: a pipe that is read as bytes is never read as messages again."""
    _need(opened, access.FILE_WRITE_ATTRIBUTES)
    modes = pipe_wire.decode_modes(data)
    pipe = opened.pipe
    assert pipe is not None
    if modes.read_mode == pipe_wire.MESSAGE_MODE and not pipe.message_mode:
        raise StatusError(status.INVALID_PARAMETER)
    pipe.message_mode = modes.read_mode == pipe_wire.MESSAGE_MODE
    pipe.non_blocking = modes.completion_mode == pipe_wire.COMPLETE_OPERATION


_PIPE_SETTERS: Final[dict[int, _Setter]] = {pipe_wire.PIPE: _set_pipe_modes}
_SETTERS: Final[dict[int, _Setter]] = {
    file_info.BASIC: _set_basic,
    file_info.RENAME: _set_rename,
    file_info.LINK: _set_link,
    file_info.DISPOSITION: _set_disposition,
    file_info.POSITION: _set_position,
    file_info.MODE: _set_mode,
    file_info.ALLOCATION: _set_allocation,
    file_info.END_OF_FILE: _set_end_of_file,
    file_info.VALID_DATA_LENGTH: _set_valid_data_length,
}
