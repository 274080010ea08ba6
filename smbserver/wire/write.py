"""SMB2 WRITE ([MS-SMB2] 2.2.21, 2.2.22)."""

from builtins import memoryview  # a compiled class looks for its fields' types among the module's names
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

FLAG_WRITE_THROUGH: Final = 0x00000001
FLAG_WRITE_UNBUFFERED: Final = 0x00000002

REQUEST = Struct("<HHIQQQIIHHI")
RESPONSE = Struct("<HHIIHH")
FILE_ID_OFFSET: Final = HEADER_SIZE + 16


class WriteRequest(NamedTuple):
    """`data` is a view into the frame: it lives as long as the frame does."""

    offset: int
    persistent_id: int
    volatile_id: int
    channel: int
    flags: int
    data: memoryview


def decode(message: memoryview) -> WriteRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short WRITE")
    (_, data_offset, length, offset, persistent, volatile, channel, _, _, _, flags) = REQUEST.unpack_from(
        message, HEADER_SIZE
    )
    data = field(message, data_offset, length, HEADER_SIZE + REQUEST.size)
    return WriteRequest(offset, persistent, volatile, channel, flags, data)


def encode(request: WriteRequest) -> bytes:
    """The body of a request, its data directly behind the fixed part. No channel information."""
    return (
        REQUEST.pack(
            49,
            HEADER_SIZE + REQUEST.size,
            len(request.data),
            request.offset,
            request.persistent_id,
            request.volatile_id,
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
