"""SMB2 QUERY_DIRECTORY ([MS-SMB2] 2.2.33, 2.2.34)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field, raw_text, text
from smbserver.wire.header import SIZE as HEADER_SIZE

RESTART_SCANS: Final = 0x01
RETURN_SINGLE_ENTRY: Final = 0x02
INDEX_SPECIFIED: Final = 0x04
REOPEN: Final = 0x10

REQUEST: Final = Struct("<HBBIQQHHI")
RESPONSE: Final = Struct("<HHI")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8


class QueryDirectoryRequest(NamedTuple):
    """A pattern, an information class and the room the client has."""

    file_information_class: int
    flags: int
    file_index: int
    persistent_id: int
    volatile_id: int
    output_buffer_length: int
    pattern: str


def decode(message: memoryview) -> QueryDirectoryRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short QUERY_DIRECTORY")
    (_, info_class, flags, index, persistent, volatile, offset, length, room) = REQUEST.unpack_from(
        message, HEADER_SIZE
    )
    pattern = text(field(message, offset, length, HEADER_SIZE + REQUEST.size))
    return QueryDirectoryRequest(info_class, flags, index, persistent, volatile, room, pattern)


def encode(request: QueryDirectoryRequest) -> bytes:
    """The body of a request."""
    raw = raw_text(request.pattern)
    fixed = REQUEST.pack(
        33,
        request.file_information_class,
        request.flags,
        request.file_index,
        request.persistent_id,
        request.volatile_id,
        HEADER_SIZE + REQUEST.size,
        len(raw),
        request.output_buffer_length,
    )
    return fixed + (raw or b"\0")


def encode_response(length: int) -> bytes:
    """The fixed part; `length` bytes of entries follow it."""
    return RESPONSE.pack(9, HEADER_SIZE + RESPONSE.size, length)


def decode_response(message: memoryview) -> memoryview:
    """The entries of a reply, still encoded: wire.directory_info reads them. Raises WireError."""
    check_body(message, RESPONSE, 9)
    _, offset, length = RESPONSE.unpack_from(message, HEADER_SIZE)
    return field(message, offset, length, HEADER_SIZE + RESPONSE.size)
