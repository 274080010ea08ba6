"""SMB2 QUERY_INFO ([MS-SMB2] 2.2.37, 2.2.38)."""

from struct import Struct
from typing import Final

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

INFO_FILE: Final = 1
INFO_FILESYSTEM: Final = 2
INFO_SECURITY: Final = 3
INFO_QUOTA: Final = 4

SL_RESTART_SCAN: Final = 0x00000001
SL_RETURN_SINGLE_ENTRY: Final = 0x00000002
SL_INDEX_SPECIFIED: Final = 0x00000004

REQUEST: Final = Struct("<HBBIHHIIIQQ")
RESPONSE: Final = Struct("<HHI")
FILE_ID_OFFSET: Final = HEADER_SIZE + 24
_REQUEST_END: Final = HEADER_SIZE + REQUEST.size
_RESPONSE_END: Final = HEADER_SIZE + RESPONSE.size


class QueryInfoRequest:
    """Which class of information, and the room the client has for it. Nobody changes one."""

    __slots__ = (
        "additional_information",
        "file_info_class",
        "flags",
        "info_type",
        "input",
        "output_buffer_length",
        "persistent_id",
        "volatile_id",
    )

    def __init__(
        self,
        info_type: int,
        file_info_class: int,
        output_buffer_length: int,
        additional_information: int,
        flags: int,
        persistent_id: int,
        volatile_id: int,
        input: memoryview,
    ) -> None:
        self.info_type = info_type
        self.file_info_class = file_info_class
        self.output_buffer_length = output_buffer_length
        self.additional_information = additional_information
        self.flags = flags
        self.persistent_id = persistent_id
        self.volatile_id = volatile_id
        self.input = input


def decode(message: memoryview) -> QueryInfoRequest:
    """Read a request. Raises WireError."""
    if len(message) < _REQUEST_END:
        raise WireError("short QUERY_INFO")
    (_, kind, info_class, room, offset, _, length, additional, flags, persistent, volatile) = REQUEST.unpack_from(
        message, HEADER_SIZE
    )
    data = field(message, offset, length, _REQUEST_END)
    return QueryInfoRequest(kind, info_class, room, additional, flags, persistent, volatile, data)


def encode(request: QueryInfoRequest) -> bytes:
    """The body of a request; its buffer has a byte even when there is no input."""
    fixed = REQUEST.pack(
        41,
        request.info_type,
        request.file_info_class,
        request.output_buffer_length,
        _REQUEST_END if request.input else 0,
        0,
        len(request.input),
        request.additional_information,
        request.flags,
        request.persistent_id,
        request.volatile_id,
    )
    return fixed + (request.input or b"\0")


def encode_response(data: bytes) -> bytes:
    """The body with its information."""
    return RESPONSE.pack(9, _RESPONSE_END, len(data)) + data


def decode_response(message: memoryview) -> memoryview:
    """The information of a reply, in the format of the class that was asked for. Raises WireError."""
    check_body(message, RESPONSE, 9)
    _, offset, length = RESPONSE.unpack_from(message, HEADER_SIZE)
    return field(message, offset, length, _RESPONSE_END)
