"""SMB2 CLOSE ([MS-SMB2] 2.2.15, 2.2.16)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body
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


def encode(request: CloseRequest) -> bytes:
    """The body of a request."""
    return REQUEST.pack(24, request.flags, 0, request.persistent_id, request.volatile_id)


EMPTY_RESPONSE: Final = RESPONSE.pack(60, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def encode_response(
    creation: int, access: int, write: int, change: int, allocation: int, end_of_file: int, attributes: int
) -> bytes:
    """The body with the attributes that were asked for; EMPTY_RESPONSE is the one without."""
    return RESPONSE.pack(
        60, FLAG_POSTQUERY_ATTRIB, 0, creation, access, write, change, allocation, end_of_file, attributes
    )


class CloseResponse(NamedTuple):
    """The last attributes of a closed file: FILETIMEs and bytes, all 0 unless `flags` has POSTQUERY_ATTRIB."""

    flags: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    file_attributes: int


def decode_response(message: memoryview) -> CloseResponse:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 60)
    _, flags, _, *rest = RESPONSE.unpack_from(message, HEADER_SIZE)
    return CloseResponse(flags, *rest)
