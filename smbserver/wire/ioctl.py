"""SMB2 IOCTL ([MS-SMB2] 2.2.31, 2.2.32) and the FSCTL codes this server knows."""

from builtins import memoryview  # a compiled class looks for its fields' types among the module's names
from struct import Struct, pack, unpack
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire import ioctl_torture
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE

FSCTL_DFS_GET_REFERRALS: Final = 0x00060194
FSCTL_DFS_GET_REFERRALS_EX: Final = 0x000601B0
FSCTL_PIPE_PEEK: Final = 0x0011400C
FSCTL_PIPE_WAIT: Final = 0x00110018
FSCTL_PIPE_TRANSCEIVE: Final = 0x0011C017
FSCTL_SRV_REQUEST_RESUME_KEY: Final = 0x00140078
FSCTL_SRV_READ_HASH: Final = 0x001441BB
FSCTL_SRV_COPYCHUNK: Final = 0x001440F2
FSCTL_SRV_COPYCHUNK_WRITE: Final = 0x001480F2
FSCTL_LMR_REQUEST_RESILIENCY: Final = 0x001401D4
FSCTL_SET_REPARSE_POINT: Final = 0x000900A4
FSCTL_GET_REPARSE_POINT: Final = 0x000900A8
FSCTL_DELETE_REPARSE_POINT: Final = 0x000900AC
FSCTL_CREATE_OR_GET_OBJECT_ID: Final = 0x000900C0
FSCTL_GET_COMPRESSION: Final = 0x0009003C
FSCTL_SET_COMPRESSION: Final = 0x0009C040
FSCTL_SET_SPARSE: Final = 0x000900C4
FSCTL_SET_ZERO_DATA: Final = 0x000980C8
FSCTL_QUERY_ALLOCATED_RANGES: Final = 0x000940CF
FSCTL_QUERY_FILE_REGIONS: Final = 0x00090284
FSCTL_FILE_LEVEL_TRIM: Final = 0x00098208
FSCTL_DUPLICATE_EXTENTS_TO_FILE: Final = 0x00098344
FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX: Final = 0x000983E8
FSCTL_SRV_ENUMERATE_SNAPSHOTS: Final = 0x00144064
FSCTL_QUERY_NETWORK_INTERFACE_INFO: Final = 0x001401FC
FSCTL_VALIDATE_NEGOTIATE_INFO: Final = 0x00140204

# What works on the server and not on an open; such a request names no file ([MS-SMB2] 3.3.5.15).
WITHOUT_OPEN: Final = frozenset(
    (
        FSCTL_DFS_GET_REFERRALS,
        FSCTL_DFS_GET_REFERRALS_EX,
        FSCTL_QUERY_NETWORK_INTERFACE_INFO,
        FSCTL_VALIDATE_NEGOTIATE_INFO,
        FSCTL_PIPE_WAIT,
        *ioctl_torture.WITHOUT_OPEN,
    )
)

IS_FSCTL: Final = 0x1

REQUEST: Final = Struct("<HHIQQIIIIIIII")
RESPONSE: Final = Struct("<HHIQQIIIIII")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8
NO_FILE_ID: Final = 0xFFFFFFFFFFFFFFFF


class IoctlRequest(NamedTuple):
    """A control code with its input and how much output the client takes."""

    ctl_code: int
    persistent_id: int
    volatile_id: int
    max_input_response: int
    max_output_response: int
    flags: int
    input: memoryview


def decode(message: memoryview) -> IoctlRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short IOCTL")
    (_, _, code, persistent, volatile, offset, count, max_in, _, _, max_out, flags, _) = REQUEST.unpack_from(
        message, HEADER_SIZE
    )
    if count and offset % 8:
        raise WireError("IOCTL input is not aligned")
    data = field(message, offset, count, HEADER_SIZE + REQUEST.size)
    return IoctlRequest(code, persistent, volatile, max_in, max_out, flags, data)


def needs_open(message: memoryview) -> bool:
    """Whether a request works on an open: every FSCTL but those WITHOUT_OPEN. Raises WireError."""
    request = decode(message)
    return bool(request.flags & IS_FSCTL) and request.ctl_code not in WITHOUT_OPEN


OBJECT_ID_BUFFER: Final = Struct("<QQ16s16s16s")  # [MS-FSCC] 2.1.3.1


def encode_object_id(identity: tuple[int, int], volume_id: bytes) -> bytes:
    """FILE_OBJECTID_BUFFER type 1: the file was born with this id on this volume, in no domain."""
    ids = [number & 0xFFFFFFFFFFFFFFFF for number in identity]  # those of stores without devices have more bits
    return OBJECT_ID_BUFFER.pack(*ids, volume_id, pack("<QQ", *ids), bytes(16))


def encode(request: IoctlRequest) -> bytes:
    """The body of a request; OutputOffset and OutputCount are 0."""
    fixed = REQUEST.pack(
        57,
        0,
        request.ctl_code,
        request.persistent_id,
        request.volatile_id,
        HEADER_SIZE + REQUEST.size,
        len(request.input),
        request.max_input_response,
        0,
        0,
        request.max_output_response,
        request.flags,
        0,
    )
    return fixed + request.input


def encode_response(ctl_code: int, persistent_id: int, volatile_id: int, output: bytes) -> bytes:
    """The body with its output; no input is echoed, and both offsets point behind the fixed part."""
    offset = HEADER_SIZE + RESPONSE.size
    return RESPONSE.pack(49, 0, ctl_code, persistent_id, volatile_id, offset, 0, offset, len(output), 0, 0) + output


class IoctlResponse(NamedTuple):
    """The output of a control code, and the input where a pass-through returns it."""

    ctl_code: int
    persistent_id: int
    volatile_id: int
    flags: int
    input: memoryview
    output: memoryview


def decode_response(message: memoryview) -> IoctlResponse:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 49)
    (_, _, code, persistent, volatile, in_offset, in_count, out_offset, out_count, flags, _) = RESPONSE.unpack_from(
        message, HEADER_SIZE
    )
    end = HEADER_SIZE + RESPONSE.size
    given = field(message, in_offset, in_count, end)
    return IoctlResponse(code, persistent, volatile, flags, given, field(message, out_offset, out_count, end))


VALIDATE_NEGOTIATE_REQUEST: Final = Struct("<I16sHH")
VALIDATE_NEGOTIATE_RESPONSE: Final = Struct("<I16sHH")


class ValidateNegotiateInfo(NamedTuple):
    """What the client believes it sent in NEGOTIATE (2.2.31.4)."""

    capabilities: int
    guid: bytes
    security_mode: int
    dialects: tuple[int, ...]


def decode_validate_negotiate(data: memoryview) -> ValidateNegotiateInfo:
    """Read the input of FSCTL_VALIDATE_NEGOTIATE_INFO. Raises WireError."""
    if len(data) < VALIDATE_NEGOTIATE_REQUEST.size:
        raise WireError("short VALIDATE_NEGOTIATE_INFO")
    capabilities, guid, mode, count = VALIDATE_NEGOTIATE_REQUEST.unpack_from(data)
    raw = field(data, VALIDATE_NEGOTIATE_REQUEST.size, 2 * count, VALIDATE_NEGOTIATE_REQUEST.size)
    return ValidateNegotiateInfo(capabilities, guid, mode, unpack(f"<{count}H", raw))


def encode_validate_negotiate(info: ValidateNegotiateInfo) -> bytes:
    """The input of FSCTL_VALIDATE_NEGOTIATE_INFO."""
    dialects = b"".join(dialect.to_bytes(2, "little") for dialect in info.dialects)
    return (
        VALIDATE_NEGOTIATE_REQUEST.pack(info.capabilities, info.guid, info.security_mode, len(info.dialects)) + dialects
    )


class ValidateNegotiateReply(NamedTuple):
    """What the server answered in NEGOTIATE (2.2.32.6)."""

    capabilities: int
    guid: bytes
    security_mode: int
    dialect: int


def decode_validate_negotiate_reply(data: memoryview) -> ValidateNegotiateReply:
    """Read the output of FSCTL_VALIDATE_NEGOTIATE_INFO. Raises WireError."""
    if len(data) < VALIDATE_NEGOTIATE_RESPONSE.size:
        raise WireError("short VALIDATE_NEGOTIATE_INFO reply")
    return ValidateNegotiateReply._make(VALIDATE_NEGOTIATE_RESPONSE.unpack_from(data))
