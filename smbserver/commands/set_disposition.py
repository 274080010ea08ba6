"""SET_INFO of a file's end: delete it with its last close, or not ([MS-FSA] 2.1.5.15.3)."""

from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.objects.open import Open
from smbserver.waiter import Waiter
from smbserver.wire import file_info


def set_disposition(data: memoryview, opened: Open, work: Work) -> Waiter[None] | None:
    """[MS-FSA] 2.1.5.15.3. Waits until others have let go what they only keep open."""
    opened.need(access.DELETE)
    if not file_info.decode_u8(data):
        opened.state.clear_delete()
        return None
    if not opened.path and not opened.holder.stream:
        raise StatusError(status.CANNOT_DELETE)
    meta = opened.handle.metadata()
    if meta.attributes & attributes.READONLY:
        raise StatusError(status.CANNOT_DELETE)
    if meta.is_directory and not opened.handle.is_empty():
        raise StatusError(status.DIRECTORY_NOT_EMPTY)
    if not opened.holder.stream:  # to remove a stream is to write to the file
        opened.backend.check_remove(opened.path, opened.handle.identity)
    wait = opened.state.break_handles(opened.holder.key)
    if wait is None:
        opened.state.set_delete(opened.path, opened.backend, opened.tree.acting)
    return wait
