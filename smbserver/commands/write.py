"""WRITE ([MS-SMB2] 3.3.5.13)."""

from smbserver.connection.work import Pending, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_WRITTEN
from smbserver.sharing.caching import ALL
from smbserver.wire import write as wire

_LAST_OFFSET = 0x7FFFFFFFFFFFFFFF
# MaxFileSize of [MS-FSA] 2.1.1.1, as NTFS has it. Beyond it nothing is written, as Windows and Samba do.
_LAST_BYTE = 0xFFFFFFF0000
_SMB_3_0 = 0x0300


def write(request: wire.WriteRequest, work: Work) -> Reply | Pending[None]:
    """Into the page cache at once; with write-through the answer waits for the disk. A pipe takes it as it comes."""
    opened = work.need_open()
    length = len(request.data)
    dialect = work.connection.dialect
    if not opened.granted & (access.FILE_WRITE_DATA | access.FILE_APPEND_DATA):
        raise StatusError(status.ACCESS_DENIED)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if dialect is None or length > dialect.max_size or request.channel:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(length)
    if opened.pipe is not None:
        if dialect.revision >= _SMB_3_0 and request.flags & (wire.FLAG_WRITE_THROUGH | wire.FLAG_WRITE_UNBUFFERED):
            raise StatusError(status.INVALID_PARAMETER)
        opened.pipe.write(request.data, 0)
        return Reply([wire.encode_response(length)])
    offset = request.offset
    if offset + length > _LAST_BYTE and (length or offset > _LAST_OFFSET):
        # Among it the "end of the file" of [MS-FSA] 2.1.5.4: Windows takes that from local programs only.
        raise StatusError(status.INVALID_PARAMETER)
    if not opened.granted & access.FILE_WRITE_DATA and offset < opened.handle.metadata().end_of_file:
        raise StatusError(status.ACCESS_DENIED)  # the right to append is no right to overwrite
    if length:
        if opened.state.locks is not None:
            opened.state.locks.check(opened.holder, offset, length, writes=True)
        if opened.state.caches:
            opened.state.contend(opened.holder.key, ALL)
        server = work.connection.server
        if server.policy.deferred_write_time:
            opened.defer_write_time(server.runtime.now)
        try:
            opened.handle.write(request.data, offset)
        finally:  # on a full disk a part of it may stand there
            opened.changed(FILTER_WRITTEN)
    if request.flags & wire.FLAG_WRITE_THROUGH or opened.mode & attributes.FILE_WRITE_THROUGH:
        return work.offload(opened.handle.sync, lambda _: Reply([wire.encode_response(length)]))
    return Reply([wire.encode_response(length)])
