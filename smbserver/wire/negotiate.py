"""SMB2 NEGOTIATE ([MS-SMB2] 2.2.3, 2.2.4), its negotiate contexts, and the SMB1 request that upgrades to SMB2."""

from struct import Struct, unpack
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body, field
from smbserver.wire.header import SIZE as HEADER_SIZE
from smbserver.wire.header import SMB1_ID

SIGNING_ENABLED: Final = 0x0001
SIGNING_REQUIRED: Final = 0x0002

CAP_DFS: Final = 0x01
CAP_LEASING: Final = 0x02
CAP_LARGE_MTU: Final = 0x04
CAP_MULTI_CHANNEL: Final = 0x08
CAP_PERSISTENT_HANDLES: Final = 0x10
CAP_DIRECTORY_LEASING: Final = 0x20
CAP_ENCRYPTION: Final = 0x40
CAP_NOTIFICATIONS: Final = 0x80

WILDCARD_DIALECT: Final = 0x02FF
SMB_3_1_1: Final = 0x0311

PREAUTH_INTEGRITY_CAPABILITIES: Final = 1
ENCRYPTION_CAPABILITIES: Final = 2
COMPRESSION_CAPABILITIES: Final = 3
NETNAME_NEGOTIATE_CONTEXT_ID: Final = 5
TRANSPORT_CAPABILITIES: Final = 6
RDMA_TRANSFORM_CAPABILITIES: Final = 7
SIGNING_CAPABILITIES: Final = 8

SHA_512: Final = 1
AES_128_CCM: Final = 1
AES_128_GCM: Final = 2
AES_256_CCM: Final = 3
AES_256_GCM: Final = 4
HMAC_SHA256: Final = 0
AES_CMAC: Final = 1
AES_GMAC: Final = 2

MAX_DIALECTS: Final = 64  # there are five; a longer list is somebody's test of our patience
MAX_CONTEXTS: Final = 32  # seven kinds exist

REQUEST: Final = Struct("<HHHHI16sIHH")
RESPONSE: Final = Struct("<HHHH16sIIIIQQHHI")
CONTEXT: Final = Struct("<HHI")


class NegotiateContext(NamedTuple):
    """One negotiate context, its data opaque."""

    type: int
    data: bytes


class NegotiateRequest(NamedTuple):
    """What the client can do. `contexts` is empty unless 3.1.1 is among the dialects."""

    security_mode: int
    capabilities: int
    client_guid: bytes
    dialects: tuple[int, ...]
    contexts: tuple[NegotiateContext, ...]


def decode(message: memoryview) -> NegotiateRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short NEGOTIATE")
    (_, count, security_mode, _, capabilities, guid, context_offset, context_count, _) = REQUEST.unpack_from(
        message, HEADER_SIZE
    )
    if count > MAX_DIALECTS:
        raise WireError("too many dialects")
    start = HEADER_SIZE + REQUEST.size
    raw = field(message, start, 2 * count, start)
    dialects = unpack(f"<{count}H", raw)
    contexts: tuple[NegotiateContext, ...] = ()
    if SMB_3_1_1 in dialects:
        contexts = _decode_contexts(message, context_offset, context_count, start)
    return NegotiateRequest(security_mode, capabilities, guid, dialects, contexts)


def encode(request: NegotiateRequest) -> bytes:
    """The body of a request; contexts, if there are any, 8-aligned behind the dialects."""
    dialects = b"".join(dialect.to_bytes(2, "little") for dialect in request.dialects)
    context_offset = 0
    if request.contexts:
        dialects += bytes(-(HEADER_SIZE + REQUEST.size + len(dialects)) % 8)
        context_offset = HEADER_SIZE + REQUEST.size + len(dialects)
    fixed = REQUEST.pack(
        36,
        len(request.dialects),
        request.security_mode,
        0,
        request.capabilities,
        request.client_guid,
        context_offset,
        len(request.contexts),
        0,
    )
    return fixed + dialects + _encode_contexts(request.contexts)


def _encode_contexts(contexts: tuple[NegotiateContext, ...]) -> bytes:
    listed = b""
    for context in contexts:
        listed += bytes(-len(listed) % 8)
        listed += CONTEXT.pack(context.type, len(context.data), 0) + context.data
    return listed


def _decode_contexts(message: memoryview, offset: int, count: int, start: int) -> tuple[NegotiateContext, ...]:
    """`count` contexts from `offset` on, none of them before `start`, each 8-aligned."""
    if count > MAX_CONTEXTS:
        raise WireError("too many negotiate contexts")
    if count and offset % 8:
        raise WireError("negotiate contexts not aligned")
    contexts = []
    for index in range(count):
        head = field(message, offset, CONTEXT.size, start)
        kind, length, _ = CONTEXT.unpack(head)
        data = field(message, offset + CONTEXT.size, length, start)
        contexts.append(NegotiateContext(kind, bytes(data)))
        offset += CONTEXT.size + length
        if index + 1 < count:
            offset += -offset % 8
    return tuple(contexts)


def decode_algorithms(data: bytes) -> tuple[int, ...]:
    """The ids in an ENCRYPTION_CAPABILITIES or SIGNING_CAPABILITIES context (2.2.3.1.2, 2.2.3.1.7), maybe none."""
    if len(data) < 2:
        raise WireError("short algorithm list")
    count = int.from_bytes(data[:2], "little")
    if len(data) < 2 + 2 * count:
        raise WireError("algorithm list without its members")
    return tuple(int.from_bytes(data[i : i + 2], "little") for i in range(2, 2 + 2 * count, 2))


def encode_algorithms(algorithms: tuple[int, ...]) -> bytes:
    """The data of an ENCRYPTION_CAPABILITIES or SIGNING_CAPABILITIES context."""
    return Struct(f"<H{len(algorithms)}H").pack(len(algorithms), *algorithms)


def decode_preauth(data: bytes) -> tuple[int, ...]:
    """The hash ids in a PREAUTH_INTEGRITY_CAPABILITIES context (2.2.3.1.1)."""
    if len(data) < 4:
        raise WireError("short preauth context")
    count = int.from_bytes(data[:2], "little")
    salt_length = int.from_bytes(data[2:4], "little")
    if count == 0 or len(data) < 4 + 2 * count + salt_length:
        raise WireError("preauth context without its hash ids or its salt")
    return tuple(int.from_bytes(data[i : i + 2], "little") for i in range(4, 4 + 2 * count, 2))


def encode_preauth(hash_ids: tuple[int, ...], salt: bytes) -> bytes:
    """The data of a PREAUTH_INTEGRITY_CAPABILITIES context."""
    return Struct(f"<HH{len(hash_ids)}H").pack(len(hash_ids), len(salt), *hash_ids) + salt


def preauth_context(salt: bytes) -> NegotiateContext:
    """The reply's PREAUTH_INTEGRITY_CAPABILITIES: SHA-512 and a salt."""
    return NegotiateContext(PREAUTH_INTEGRITY_CAPABILITIES, encode_preauth((SHA_512,), salt))


def algorithm_context(kind: int, algorithm: int) -> NegotiateContext:
    """The reply's ENCRYPTION_ or SIGNING_CAPABILITIES: the one chosen algorithm."""
    return NegotiateContext(kind, encode_algorithms((algorithm,)))


class NegotiateResponse(NamedTuple):
    """What the server answers; times are FILETIMEs, sizes bytes."""

    security_mode: int
    dialect: int
    server_guid: bytes
    capabilities: int
    max_transact_size: int
    max_read_size: int
    max_write_size: int
    system_time: int
    server_start_time: int
    security_buffer: bytes
    contexts: tuple[NegotiateContext, ...]

    def encode(self) -> bytes:
        """The body; the security buffer directly behind the fixed part, contexts 8-aligned behind it."""
        buffer_offset = HEADER_SIZE + RESPONSE.size
        buffer = self.security_buffer
        listed = b""
        context_offset = 0
        if self.contexts:
            buffer += bytes(-(buffer_offset + len(buffer)) % 8)
            context_offset = buffer_offset + len(buffer)
            listed = _encode_contexts(self.contexts)
        fixed = RESPONSE.pack(
            65,
            self.security_mode,
            self.dialect,
            len(self.contexts),
            self.server_guid,
            self.capabilities,
            self.max_transact_size,
            self.max_read_size,
            self.max_write_size,
            self.system_time,
            self.server_start_time,
            buffer_offset,
            len(self.security_buffer),
            context_offset,
        )
        return fixed + buffer + listed


def decode_response(message: memoryview) -> NegotiateResponse:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 65)
    (
        _,
        security_mode,
        dialect,
        context_count,
        guid,
        capabilities,
        max_transact,
        max_read,
        max_write,
        system_time,
        start_time,
        offset,
        length,
        context_offset,
    ) = RESPONSE.unpack_from(message, HEADER_SIZE)
    start = HEADER_SIZE + RESPONSE.size
    contexts: tuple[NegotiateContext, ...] = ()
    if dialect == SMB_3_1_1:  # the fields are reserved otherwise
        contexts = _decode_contexts(message, context_offset, context_count, start)
    return NegotiateResponse(
        security_mode,
        dialect,
        guid,
        capabilities,
        max_transact,
        max_read,
        max_write,
        system_time,
        start_time,
        bytes(field(message, offset, length, start)),
        contexts,
    )


SMB1_HEADER_SIZE: Final = 32
SMB_COM_NEGOTIATE: Final = 0x72


def decode_smb1_dialects(frame: memoryview) -> tuple[str, ...]:
    """The dialect strings of an SMB1 NEGOTIATE ([MS-CIFS] 2.2.4.52). Raises WireError when it is none."""
    is_smb1 = len(frame) >= SMB1_HEADER_SIZE + 3 and bytes(frame[:4]) == SMB1_ID
    if not is_smb1 or frame[4] != SMB_COM_NEGOTIATE or frame[SMB1_HEADER_SIZE] != 0:
        raise WireError("not an SMB1 NEGOTIATE")
    count = int.from_bytes(frame[SMB1_HEADER_SIZE + 1 : SMB1_HEADER_SIZE + 3], "little")
    start = SMB1_HEADER_SIZE + 3
    raw = bytes(frame[start : start + count])
    if len(raw) != count or not raw.endswith(b"\0"):
        raise WireError("SMB1 dialect list cut short")
    dialects = []
    for entry in raw[:-1].split(b"\0"):
        if entry[:1] != b"\x02":
            raise WireError("SMB1 dialect without its type byte")
        dialects.append(entry[1:].decode("latin-1"))
    return tuple(dialects)


def encode_smb1_dialects(dialects: tuple[str, ...]) -> bytes:
    """A whole SMB1 NEGOTIATE frame, as a client sends that may also speak SMB2."""
    raw = b"".join(b"\x02" + dialect.encode("latin-1") + b"\0" for dialect in dialects)
    head = b"\xffSMB" + bytes((SMB_COM_NEGOTIATE,))
    return head.ljust(SMB1_HEADER_SIZE, b"\0") + b"\0" + len(raw).to_bytes(2, "little") + raw
