"""SET_INFO of a file's end: delete it with its last close, or not, or as POSIX does ([MS-FSA] 2.1.5.15.3, .4)."""

from typing import Final

from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.objects.open import Open
from smbserver.waiter import Waiter
from smbserver.wire import file_info

_KNOWN_FLAGS: Final = (
    file_info.DISPOSITION_DELETE
    | file_info.DISPOSITION_POSIX_SEMANTICS
    | file_info.DISPOSITION_FORCE_IMAGE_SECTION_CHECK  # nothing here runs a program out of a file
    | file_info.DISPOSITION_ON_CLOSE
    | file_info.DISPOSITION_IGNORE_READONLY
)


def set_disposition(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.3. Waits until others have let go what they only keep open."""
    opened.need(access.DELETE)
    if not file_info.decode_u8(data):
        opened.state.clear_delete()
        return None
    opened.posix_delete = opened.is_posix
    return _delete(opened, opened.is_posix and opened.maximal_access & access.FILE_WRITE_ATTRIBUTES != 0)


def set_disposition_ex(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.4, [MS-FSCC] 2.4.12. With POSIX semantics the name goes when this open ends."""
    flags = file_info.decode_u32(data)
    if flags & ~_KNOWN_FLAGS:
        raise StatusError(status.NOT_SUPPORTED)
    opened.need(access.DELETE)
    on_close = flags & file_info.DISPOSITION_ON_CLOSE != 0
    if on_close and not opened.delete_on_close:
        raise StatusError(status.NOT_SUPPORTED)
    if not flags & file_info.DISPOSITION_DELETE:
        opened.delete_on_close = opened.delete_on_close and not on_close
        opened.state.clear_delete()
        return None
    ignores = flags & file_info.DISPOSITION_IGNORE_READONLY != 0 and opened.granted & access.FILE_WRITE_ATTRIBUTES != 0
    wait = _delete(opened, ignores)
    if wait is None:
        opened.posix_delete = opened.is_posix or flags & file_info.DISPOSITION_POSIX_SEMANTICS != 0
    return wait


def _delete(opened: Open, ignores_readonly: bool) -> Waiter[None] | None:
    if opened.holder.unlinked:
        return None  # it has no name to lose
    if not opened.path and not opened.holder.stream:
        raise StatusError(status.CANNOT_DELETE)
    meta = opened.handle.metadata()
    if meta.attributes & attributes.READONLY and not ignores_readonly:
        raise StatusError(status.CANNOT_DELETE)
    if meta.is_directory and not opened.handle.is_empty():
        raise StatusError(status.DIRECTORY_NOT_EMPTY)
    if not opened.holder.stream:  # to remove a stream is to write to the file
        opened.backend.check_remove(opened.path, opened.handle.identity)
    wait = opened.state.break_handles(opened.holder.key)
    if wait is None:
        opened.state.set_delete(opened.path, opened.backend, opened.tree.acting)
    return wait
