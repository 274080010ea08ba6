"""SMB2 CLOSE ([MS-SMB2] 2.2.15, 2.2.16)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata
from smbserver.wire.bounds import check_body
from smbserver.wire.header import SIZE as HEADER_SIZE

FLAG_POSTQUERY_ATTRIB: Final = 0x0001

REQUEST: Final = Struct("<HHIQQ")
RESPONSE: Final = Struct("<HHIQQQQQQI")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8
_REQUEST_END: Final = HEADER_SIZE + REQUEST.size


def decode(message: memoryview) -> int:
    """The flags of a request: POSTQUERY_ATTRIB asks for the last attributes of what ends. Raises WireError.

    Which open that is stands at FILE_ID_OFFSET.
    """
    if len(message) < _REQUEST_END:
        raise WireError("short CLOSE")
    flags: int = REQUEST.unpack_from(message, HEADER_SIZE)[1]
    return flags


def encode(flags: int, persistent_id: int, volatile_id: int) -> bytes:
    """The body of a request."""
    return REQUEST.pack(24, flags, 0, persistent_id, volatile_id)


EMPTY_RESPONSE: Final = RESPONSE.pack(60, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def encode_response(meta: Metadata) -> bytes:
    """The body with the attributes that were asked for; EMPTY_RESPONSE is the one without."""
    return RESPONSE.pack(
        60,
        FLAG_POSTQUERY_ATTRIB,
        0,
        meta.creation_time,
        meta.last_access_time,
        meta.last_write_time,
        meta.change_time,
        meta.allocation_size,
        meta.end_of_file,
        meta.attributes,
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
