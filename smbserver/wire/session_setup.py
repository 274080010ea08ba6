"""SMB2 SESSION_SETUP ([MS-SMB2] 2.2.5, 2.2.6)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

SESSION_FLAG_BINDING: Final = 0x01
SESSION_FLAG_IS_GUEST: Final = 0x0001
SESSION_FLAG_IS_NULL: Final = 0x0002
SESSION_FLAG_ENCRYPT_DATA: Final = 0x0004

REQUEST: Final = Struct("<HBBIIHHQ")
RESPONSE: Final = Struct("<HHHH")
FLAGS_OFFSET: Final = HEADER_SIZE + 2


class SessionSetupRequest(NamedTuple):
    """One leg of a login; `security_buffer` is the client's GSS or NTLMSSP token."""

    flags: int
    security_mode: int
    capabilities: int
    previous_session_id: int
    security_buffer: bytes


def decode(message: memoryview) -> SessionSetupRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short SESSION_SETUP")
    (_, flags, mode, capabilities, _, offset, length, previous) = REQUEST.unpack_from(message, HEADER_SIZE)
    token = field(message, offset, length, HEADER_SIZE + REQUEST.size)
    return SessionSetupRequest(flags, mode, capabilities, previous, bytes(token))


def is_binding(message: memoryview) -> bool:
    """Whether a request, which may be cut short, is for a further channel of a session."""
    return len(message) > FLAGS_OFFSET and bool(message[FLAGS_OFFSET] & SESSION_FLAG_BINDING)


def encode(request: SessionSetupRequest) -> bytes:
    """The body of a request."""
    fixed = REQUEST.pack(
        25,
        request.flags,
        request.security_mode,
        request.capabilities,
        0,
        HEADER_SIZE + REQUEST.size,
        len(request.security_buffer),
        request.previous_session_id,
    )
    return fixed + request.security_buffer


def encode_response(session_flags: int, token: bytes) -> bytes:
    """The body of a reply with the server's token."""
    return RESPONSE.pack(9, session_flags, HEADER_SIZE + RESPONSE.size, len(token)) + token


class SessionSetupResponse(NamedTuple):
    """The server's leg of a login."""

    session_flags: int
    security_buffer: bytes


def decode_response(message: memoryview) -> SessionSetupResponse:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 9)
    _, flags, offset, length = RESPONSE.unpack_from(message, HEADER_SIZE)
    return SessionSetupResponse(flags, bytes(field(message, offset, length, HEADER_SIZE + RESPONSE.size)))
