"""FLUSH ([MS-SMB2] 3.3.5.11)."""

from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.wire import empty
from smbserver.wire import flush as wire


def flush(request: wire.FlushRequest, work: Work) -> Pending[None]:
    """Answer when the data is on stable storage; also what macOS means by F_FULLFSYNC (Reserved1 of 0xFFFF)."""
    opened = work.need_open()
    if opened.pipe is None and not opened.granted & (access.FILE_WRITE_DATA | access.FILE_APPEND_DATA):
        raise StatusError(status.ACCESS_DENIED)
    if opened.state.deferred is not None:
        opened.settle_write_time()
    return work.offload(opened.handle.sync, lambda _: Reply([empty.BODY]))
