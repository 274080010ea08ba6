"""READ ([MS-SMB2] 3.3.5.12)."""

from smbserver.connection.work import Pending, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.wire import read as wire

_LAST_OFFSET = 0x7FFFFFFFFFFFFFFF  # file offsets are signed in every file system


def read(request: wire.ReadRequest, work: Work) -> Reply | Pending[bytes | bytearray]:
    """Bytes from the cache at once; from a disk by way of a thread."""
    opened = work.need_open()
    length, offset = request.length, request.offset
    dialect = work.connection.dialect
    if not opened.granted & (access.FILE_READ_DATA | access.FILE_EXECUTE):
        raise StatusError(status.ACCESS_DENIED)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if dialect is None or length > dialect.max_size or request.channel or offset + length > _LAST_OFFSET:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(length)
    data = opened.handle.read(length, offset)
    if data is None:
        handle, minimum = opened.handle, request.minimum_count
        return work.offload(lambda: handle.read_blocking(length, offset), lambda found: _reply(found, length, minimum))
    return _reply(data, length, request.minimum_count)


def _reply(data: bytes | bytearray, length: int, minimum: int) -> Reply:
    if len(data) < minimum or (not data and length):
        raise StatusError(status.END_OF_FILE)
    return Reply([wire.encode_response(len(data)), data])
