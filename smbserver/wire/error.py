"""SMB2 ERROR response ([MS-SMB2] 2.2.2) with its error data, plain or in error contexts (2.2.2.1)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

ID_DEFAULT: Final = 0x00000000
ID_SHARE_REDIRECT: Final = 0x72645253

LAYOUT: Final = Struct("<HBBI")
CONTEXT: Final = Struct("<II")


class ErrorContext(NamedTuple):
    """One piece of error data and what kind it is. Only 3.1.1 has them."""

    error_id: int
    data: bytes


class ErrorResponse(NamedTuple):
    """Why a request failed, beyond its status: either plain `data` or `contexts`, mostly neither."""

    data: bytes
    contexts: tuple[ErrorContext, ...]


def encode(data: bytes | None = None, in_context: bool = False) -> bytes:
    """The body of an error response; one filler byte stands for absent data.

    `in_context` is how a 3.1.1 connection gets the data, empty data too (3.3.5.20.1): as one error context of the
    default kind (3.3.4.4).
    """
    if data is not None and in_context:
        return encode_contexts((ErrorContext(ID_DEFAULT, data),))
    data = data or b""
    return LAYOUT.pack(9, 0, 0, len(data)) + (data or b"\0")


def encode_contexts(contexts: tuple[ErrorContext, ...]) -> bytes:
    """The body with error contexts, each 8-aligned from the start of the body (the fixed part is 8 long)."""
    listed = b""
    for context in contexts:
        listed += bytes(-len(listed) % 8)
        listed += CONTEXT.pack(len(context.data), context.error_id) + context.data
    return LAYOUT.pack(9, len(contexts), 0, len(listed)) + (listed or b"\0")


def decode_response(message: memoryview) -> ErrorResponse:
    """Read an error response. Raises WireError."""
    check_body(message, LAYOUT, 9)
    _, count, _, length = LAYOUT.unpack_from(message, HEADER_SIZE)
    start = HEADER_SIZE + LAYOUT.size
    data = field(message, start, length, start)
    if not count:
        return ErrorResponse(bytes(data), ())
    contexts = []
    offset = 0
    for _ in range(count):
        offset += -offset % 8
        if len(data) - offset < CONTEXT.size:
            raise WireError("error context cut short")
        size, error_id = CONTEXT.unpack_from(data, offset)
        offset += CONTEXT.size
        contexts.append(ErrorContext(error_id, bytes(field(data, offset, size, offset))))
        offset += size
    return ErrorResponse(b"", tuple(contexts))
