"""SET_INFO of a name: rename and hard link ([MS-FSA] 2.1.5.15.12, 2.1.5.15.7)."""

from typing import Final

from smbserver.backend.base import Located
from smbserver.commands.previous_version import check_new_name
from smbserver.commands.stream_rename import rename_stream
from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, names, status
from smbserver.nt.disguises import disguised_path
from smbserver.nt.stream_names import split_stream, stream_path
from smbserver.objects.changes import report_joined, report_linked, report_renamed
from smbserver.objects.file_access import directory_rights, file_rights
from smbserver.objects.open import Open
from smbserver.sharing.file_state import FileState, Identity
from smbserver.sharing.file_table import FileTable
from smbserver.waiter import Waiter
from smbserver.wire import file_info

_SHARE_ALL: Final = access.FILE_SHARE_READ | access.FILE_SHARE_WRITE | access.FILE_SHARE_DELETE
# What a storage reserve makes of a move needs a right that nobody has here; there is none whose rules could be kept.
_KNOWN_FLAGS: Final = (
    file_info.RENAME_REPLACE_IF_EXISTS
    | file_info.RENAME_POSIX_SEMANTICS
    | file_info.RENAME_SUPPRESS_PIN_STATE_INHERITANCE
    | file_info.RENAME_SUPPRESS_STORAGE_RESERVE_INHERITANCE
    | file_info.RENAME_IGNORE_READONLY
)


def set_rename(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.12. Waits until nobody else keeps the file open only for himself."""
    return _rename(file_info.decode_rename(data), opened, work)


def set_rename_ex(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSCC] 2.4.43. With POSIX semantics a file is replaced while others, who share that, have it open."""
    target = file_info.decode_rename_ex(data)
    if target.flags & ~_KNOWN_FLAGS:
        raise StatusError(status.NOT_SUPPORTED)
    return _rename(target, opened, work)


def _rename(target: file_info.RenameTarget, opened: Open, work: Work) -> Waiter[None] | None:
    opened.need(access.DELETE)
    work.check_user()
    if opened.is_posix:
        target = _posix_target(target)
    elif target.name.startswith(":"):
        return rename_stream(target, opened, work)
    old, new = _target_path(target, opened)
    files = work.connection.server.files
    _check_directory(new[:-1], opened, work)
    if ":" in new[-1]:
        raise StatusError(status.OBJECT_NAME_INVALID)  # a stream is renamed by its own name alone
    if opened.state.file.streams:
        wait = opened.state.break_stream_handles(opened.holder.key)
        if wait is not None:
            return wait
        raise StatusError(status.ACCESS_DENIED)  # as smb2.streams.basefile-rename-with-open-stream shows of Windows
    if opened.handle.is_directory:
        wait = files.break_handles_below(opened.backend, old, opened.holder.key)
        if wait is not None:
            return wait
        # macOS renames a bundle that it has files open in (a Time Machine backup is one), as POSIX lets it.
        is_free = opened.is_posix or work.need_session().is_apple
        if not is_free and files.has_open_below(opened.backend, old):
            raise StatusError(status.ACCESS_DENIED)
    located = opened.backend.locate(new, composed=False, exact=opened.is_posix)
    try:
        _check_rights(located, opened, work)
        if located.identity is not None and located.identity != opened.handle.identity:
            if not target.replace_if_exists:
                raise StatusError(status.OBJECT_NAME_COLLISION)
            if located.metadata is not None and located.metadata.is_directory:
                raise StatusError(status.ACCESS_DENIED)
            if (
                located.metadata is not None
                and located.metadata.attributes & attributes.READONLY
                and not target.flags & file_info.RENAME_IGNORE_READONLY
            ):
                raise StatusError(status.ACCESS_DENIED)
            wait = _free_target(files, located.identity, opened, target)
            if wait is not None:
                return wait
        wait = opened.state.break_handles(opened.holder.key)
        if wait is not None:
            return wait
        moved = opened.backend.rename(old, opened.handle.identity, located, target.replace_if_exists)
        replaced_state = None if located.identity in (None, opened.handle.identity) else _state(files, located)
        if replaced_state is not None:
            replaced_state.name_gone(located.path, opened.backend)
    finally:
        located.close()
    files.renamed(opened.backend, old, moved)
    if located.identity == opened.handle.identity and located.path not in (old, moved):
        report_joined(files.watches, opened, old)
    else:
        replaced = None if located.identity in (None, opened.handle.identity) else located.path
        report_renamed(files.watches, opened, old, moved, replaced)
    return None


def _posix_target(target: file_info.RenameTarget) -> file_info.RenameTarget:
    """A POSIX client's path in the form of all others, and what its rename means whichever class it uses."""
    flags = target.flags | file_info.RENAME_POSIX_SEMANTICS | file_info.RENAME_IGNORE_READONLY
    return target._replace(name=disguised_path(target.name), flags=flags)


def _check_directory(directory: names.Path, opened: Open, work: Work) -> None:
    """The target's directory is opened to add a name ([MS-FSA] 2.1.5.15.12).

    Windows up to Server 2022 does not share DELETE there (note 185). Here that holds among the opens of one session:
    somebody else who merely watches the folder, with all rights, does not keep everybody from renaming.
    """
    located = opened.backend.locate(directory, exact=opened.is_posix)
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


def _check_rights(located: Located, opened: Open, work: Work) -> None:
    """The new name may be added to its directory, and what it now names may be deleted."""
    needed = access.FILE_ADD_SUBDIRECTORY if opened.handle.is_directory else access.FILE_ADD_FILE
    token = work.token()
    if not directory_rights(located, token) & needed:
        raise StatusError(status.ACCESS_DENIED)
    if located.identity not in (None, opened.handle.identity) and not file_rights(located, token) & access.DELETE:
        raise StatusError(status.ACCESS_DENIED)


def _state(files: FileTable, located: Located) -> FileState | None:
    return None if located.identity is None else files.find(located.identity)


def _free_target(
    files: FileTable, identity: Identity, opened: Open, target: file_info.RenameTarget
) -> Waiter[None] | None:
    """What would be replaced must not be open: who only keeps it so is asked to close it, the rest refuses.

    With POSIX semantics it may be, by those who share deleting: they keep the file, without a name.
    """
    state = files.find(identity)
    if state is None:
        return None
    if target.flags & file_info.RENAME_POSIX_SEMANTICS:
        return state.settle_open(opened.holder.key, access.DELETE, _SHARE_ALL, overwrites=False)
    wait = state.break_handles(opened.holder.key) or state.break_stream_handles(opened.holder.key)
    if wait is None:
        raise StatusError(status.ACCESS_DENIED)
    return wait


def _target_path(target: file_info.RenameTarget, opened: Open) -> tuple[names.Path, names.Path]:
    if target.root_directory:
        raise StatusError(status.INVALID_PARAMETER)
    name = target.name.removeprefix("\\")
    check_new_name(name, opened)
    file, stream = split_stream(name)
    new = names.split(file)
    if stream.name and new:
        new = stream_path(new, stream.name)
    old = opened.path
    if opened.state.delete_pending or opened.holder.unlinked:
        raise StatusError(status.ACCESS_DENIED)
    if not old or not new:
        raise StatusError(status.ACCESS_DENIED)  # the root of a share has no other name
    if new[: len(old)] == old and len(new) > len(old):
        raise StatusError(status.ACCESS_DENIED)  # a directory into itself
    return old, new


def set_link(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.7, which asks for no right at the open: Linux's client opens to read attributes for it.

    The file's change time and number of links change, so its user must have the right to change what is known of it.
    """
    if not opened.maximal_access & access.FILE_WRITE_ATTRIBUTES:
        raise StatusError(status.ACCESS_DENIED)
    work.check_user()
    if opened.handle.is_directory:
        raise StatusError(status.FILE_IS_A_DIRECTORY)
    target = file_info.decode_rename(data)
    if opened.is_posix:
        target = _posix_target(target)
    old, new = _target_path(target, opened)
    located = opened.backend.locate(new, composed=False, exact=opened.is_posix)
    try:
        _check_rights(located, opened, work)
        if located.identity is not None:
            if not target.replace_if_exists:
                raise StatusError(status.OBJECT_NAME_COLLISION)
            if located.metadata is not None and located.metadata.is_directory:
                raise StatusError(status.ACCESS_DENIED)
            wait = _free_target(work.connection.server.files, located.identity, opened, target)
            if wait is not None:
                return wait
        opened.backend.link(old, opened.handle.identity, located, target.replace_if_exists)
    finally:
        located.close()
    if located.identity != opened.handle.identity:
        replaced = None if located.identity is None else located.path
        report_linked(work.connection.server.files.watches, opened, (*located.path[:-1], new[-1]), replaced)
    return None
