"""SMB2 READ ([MS-SMB2] 2.2.19, 2.2.20)."""

from builtins import memoryview  # a compiled class looks for its fields' types among the module's names
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

FLAG_READ_UNBUFFERED: Final = 0x01
FLAG_REQUEST_COMPRESSED: Final = 0x02

CHANNEL_NONE: Final = 0
CHANNEL_RDMA_V1: Final = 1
CHANNEL_RDMA_V1_INVALIDATE: Final = 2

REQUEST: Final = Struct("<HBBIQQQIIIHH")
_LOOKED_AT: Final = Struct("<3xBIQ16xII8x")  # of a request: no FileId, which dispatch has found, no channel information
RESPONSE: Final = Struct("<HBBIII")
FILE_ID_OFFSET: Final = HEADER_SIZE + 16
DATA_OFFSET: Final = HEADER_SIZE + RESPONSE.size
_END: Final = HEADER_SIZE + REQUEST.size


class ReadRequest:
    """`length` bytes at `offset`, at least `minimum_count` of them. Nobody changes one."""

    __slots__ = ("channel", "flags", "length", "minimum_count", "offset")

    def __init__(self, flags: int, length: int, offset: int, minimum_count: int, channel: int) -> None:
        self.flags = flags
        self.length = length
        self.offset = offset
        self.minimum_count = minimum_count
        self.channel = channel


def decode(message: memoryview) -> ReadRequest:
    """Read a request. Raises WireError."""
    if len(message) < _END:
        raise WireError("short READ")
    flags, length, offset, minimum_count, channel = _LOOKED_AT.unpack_from(message, HEADER_SIZE)
    return ReadRequest(flags, length, offset, minimum_count, channel)


def encode(request: ReadRequest, persistent_id: int, volatile_id: int) -> bytes:
    """The body of a request; its buffer must have a byte even when it holds no channel information."""
    return (
        REQUEST.pack(
            49,
            0,
            request.flags,
            request.length,
            request.offset,
            persistent_id,
            volatile_id,
            request.minimum_count,
            request.channel,
            0,
            0,
            0,
        )
        + b"\0"
    )


def encode_response(length: int) -> bytes:
    """The fixed part; `length` bytes of data follow it in the same message."""
    return RESPONSE.pack(17, DATA_OFFSET, 0, length, 0, 0)


class ReadResponse(NamedTuple):
    """What was read; `data` is a view into the message."""

    data_remaining: int
    flags: int
    data: memoryview


def decode_response(message: memoryview) -> ReadResponse:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 17)
    _, offset, _, length, remaining, flags = RESPONSE.unpack_from(message, HEADER_SIZE)
    return ReadResponse(remaining, flags, field(message, offset, length, DATA_OFFSET))
