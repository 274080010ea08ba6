"""SMB2 SET_INFO ([MS-SMB2] 2.2.39, 2.2.40)."""

from builtins import memoryview  # a compiled class looks for its fields' types among the module's names
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

RESPONSE: Final = Struct("<H")
REQUEST: Final = Struct("<HBBIHHIQQ")
FILE_ID_OFFSET: Final = HEADER_SIZE + 16
RESPONSE_BODY: Final = RESPONSE.pack(2)


class SetInfoRequest(NamedTuple):
    """New information of one class."""

    info_type: int
    file_info_class: int
    additional_information: int
    persistent_id: int
    volatile_id: int
    data: memoryview


def decode(message: memoryview) -> SetInfoRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short SET_INFO")
    (_, kind, info_class, length, offset, _, additional, persistent, volatile) = REQUEST.unpack_from(
        message, HEADER_SIZE
    )
    data = field(message, offset, length, HEADER_SIZE + REQUEST.size)
    return SetInfoRequest(kind, info_class, additional, persistent, volatile, data)


def encode(request: SetInfoRequest) -> bytes:
    """The body of a request."""
    fixed = REQUEST.pack(
        33,
        request.info_type,
        request.file_info_class,
        len(request.data),
        HEADER_SIZE + REQUEST.size,
        0,
        request.additional_information,
        request.persistent_id,
        request.volatile_id,
    )
    return fixed + request.data


def decode_response(message: memoryview) -> None:
    """Check that a reply is one: it says nothing. Raises WireError."""
    check_body(message, RESPONSE, 2)
