"""SMB2 WRITE ([MS-SMB2] 2.2.21, 2.2.22)."""

from builtins import memoryview  # a compiled class looks for its fields' types among the module's names
from struct import Struct
from typing import Final

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

FLAG_WRITE_THROUGH: Final = 0x00000001
FLAG_WRITE_UNBUFFERED: Final = 0x00000002

REQUEST: Final = Struct("<HHIQQQIIHHI")
_LOOKED_AT: Final = Struct("<2xHIQ16xI8xI")  # of a request: no FileId, which dispatch has found, no channel information
RESPONSE: Final = Struct("<HHIIHH")
FILE_ID_OFFSET: Final = HEADER_SIZE + 16
_END: Final = HEADER_SIZE + REQUEST.size


class WriteRequest:
    """`data` is a view into the frame: it lives as long as the frame does. Nobody changes a request."""

    __slots__ = ("channel", "data", "flags", "offset")

    def __init__(self, offset: int, channel: int, flags: int, data: memoryview) -> None:
        self.offset = offset
        self.channel = channel
        self.flags = flags
        self.data = data


def decode(message: memoryview) -> WriteRequest:
    """Read a request. Raises WireError."""
    if len(message) < _END:
        raise WireError("short WRITE")
    data_offset, length, offset, channel, flags = _LOOKED_AT.unpack_from(message, HEADER_SIZE)
    return WriteRequest(offset, channel, flags, field(message, data_offset, length, _END))


def encode(request: WriteRequest, persistent_id: int, volatile_id: int) -> bytes:
    """The body of a request, its data directly behind the fixed part. No channel information."""
    return (
        REQUEST.pack(
            49,
            _END,
            len(request.data),
            request.offset,
            persistent_id,
            volatile_id,
            request.channel,
            0,
            0,
            0,
            request.flags,
        )
        + request.data
    )


def encode_response(count: int) -> bytes:
    """The body: how many bytes were written."""
    return RESPONSE.pack(17, 0, count, 0, 0, 0)


def decode_response(message: memoryview) -> int:
    """How many bytes were written. Raises WireError."""
    check_body(message, RESPONSE, 17)
    return int(RESPONSE.unpack_from(message, HEADER_SIZE)[2])
