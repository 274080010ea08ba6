"""SMB2 TREE_CONNECT ([MS-SMB2] 2.2.9, 2.2.10)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field, raw_text, text
from smbserver.wire.header import SIZE as HEADER_SIZE

FLAG_CLUSTER_RECONNECT: Final = 0x0001
FLAG_REDIRECT_TO_OWNER: Final = 0x0002
FLAG_EXTENSION_PRESENT: Final = 0x0004

SHARE_TYPE_DISK: Final = 1
SHARE_TYPE_PIPE: Final = 2
SHARE_TYPE_PRINT: Final = 3

SHAREFLAG_MANUAL_CACHING: Final = 0x00000000
SHAREFLAG_AUTO_CACHING: Final = 0x00000010
SHAREFLAG_VDO_CACHING: Final = 0x00000020
SHAREFLAG_NO_CACHING: Final = 0x00000030
SHAREFLAG_DFS: Final = 0x00000001
SHAREFLAG_DFS_ROOT: Final = 0x00000002
SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM: Final = 0x00000800
SHAREFLAG_FORCE_LEVELII_OPLOCK: Final = 0x00001000
SHAREFLAG_ENCRYPT_DATA: Final = 0x00008000

REQUEST: Final = Struct("<HHHH")
RESPONSE: Final = Struct("<HBBIII")
MAX_PATH_UNITS: Final = 1024  # \\server\share: a DNS name and a share name fit several times


class TreeConnectRequest(NamedTuple):
    """`path` is \\\\server\\share as the client wrote it."""

    flags: int
    path: str


def decode(message: memoryview) -> TreeConnectRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short TREE_CONNECT")
    _, flags, offset, length = REQUEST.unpack_from(message, HEADER_SIZE)
    if length > 2 * MAX_PATH_UNITS:
        raise WireError("TREE_CONNECT path too long")
    return TreeConnectRequest(flags, text(field(message, offset, length, HEADER_SIZE + REQUEST.size)))


def encode(request: TreeConnectRequest) -> bytes:
    """The body of a request without an extension."""
    raw = raw_text(request.path)
    return REQUEST.pack(9, request.flags, HEADER_SIZE + REQUEST.size, len(raw)) + raw


def encode_response(share_type: int, share_flags: int, capabilities: int, maximal_access: int) -> bytes:
    """The body of a reply."""
    return RESPONSE.pack(16, share_type, 0, share_flags, capabilities, maximal_access)


class TreeConnectResponse(NamedTuple):
    """What kind of share it is and what may be done there."""

    share_type: int
    share_flags: int
    capabilities: int
    maximal_access: int


def decode_response(message: memoryview) -> TreeConnectResponse:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 16)
    _, share_type, _, flags, capabilities, access = RESPONSE.unpack_from(message, HEADER_SIZE)
    return TreeConnectResponse(share_type, flags, capabilities, access)
