"""SMB2 FLUSH ([MS-SMB2] 2.2.17, 2.2.18)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

REQUEST: Final = Struct("<HHIQQ")
RESPONSE_BODY: Final = b"\x04\0\0\0"
FILE_ID_OFFSET: Final = HEADER_SIZE + 8
FULL_SYNC: Final = 0xFFFF  # Reserved1 from macOS: F_FULLFSYNC


class FlushRequest(NamedTuple):
    """What is to reach stable storage."""

    reserved1: int
    persistent_id: int
    volatile_id: int


def decode(message: memoryview) -> FlushRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short FLUSH")
    _, reserved1, _, persistent, volatile = REQUEST.unpack_from(message, HEADER_SIZE)
    return FlushRequest(reserved1, persistent, volatile)


def encode(request: FlushRequest) -> bytes:
    """The body of a request."""
    return REQUEST.pack(24, request.reserved1, 0, request.persistent_id, request.volatile_id)
