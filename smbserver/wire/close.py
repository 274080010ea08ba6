"""SMB2 CLOSE ([MS-SMB2] 2.2.15, 2.2.16)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

FLAG_POSTQUERY_ATTRIB: Final = 0x0001

REQUEST = Struct("<HHIQQ")
RESPONSE = Struct("<HHIQQQQQQI")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8


class CloseRequest(NamedTuple):
    """Which open ends; POSTQUERY_ATTRIB asks for its last attributes."""

    flags: int
    persistent_id: int
    volatile_id: int


def decode(message: memoryview) -> CloseRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short CLOSE")
    _, flags, _, persistent, volatile = REQUEST.unpack_from(message, HEADER_SIZE)
    return CloseRequest(flags, persistent, volatile)


EMPTY_RESPONSE: Final = RESPONSE.pack(60, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def encode_response(
    creation: int, access: int, write: int, change: int, allocation: int, end_of_file: int, attributes: int
) -> bytes:
    """The body with the attributes that were asked for; EMPTY_RESPONSE is the one without."""
    return RESPONSE.pack(
        60, FLAG_POSTQUERY_ATTRIB, 0, creation, access, write, change, allocation, end_of_file, attributes
    )
