"""SMB2 NEGOTIATE ([MS-SMB2] 2.2.3, 2.2.4), its negotiate contexts, and the SMB1 request that upgrades to SMB2."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import field
from smbserver.wire.header import SIZE as HEADER_SIZE

SIGNING_ENABLED: Final = 0x0001
SIGNING_REQUIRED: Final = 0x0002

CAP_DFS: Final = 0x01
CAP_LEASING: Final = 0x02
CAP_LARGE_MTU: Final = 0x04
CAP_MULTI_CHANNEL: Final = 0x08
CAP_PERSISTENT_HANDLES: Final = 0x10
CAP_DIRECTORY_LEASING: Final = 0x20
CAP_ENCRYPTION: Final = 0x40

WILDCARD_DIALECT: Final = 0x02FF

PREAUTH_INTEGRITY_CAPABILITIES: Final = 1
ENCRYPTION_CAPABILITIES: Final = 2
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

REQUEST = Struct("<HHHHI16sIHH")
RESPONSE = Struct("<HHHH16sIIIIQQHHI")
CONTEXT = Struct("<HHI")


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
    dialects = tuple(raw.cast("H")) if count else ()
    contexts: tuple[NegotiateContext, ...] = ()
    if 0x0311 in dialects:
        contexts = _decode_contexts(message, context_offset, context_count)
    return NegotiateRequest(security_mode, capabilities, guid, dialects, contexts)


def _decode_contexts(message: memoryview, offset: int, count: int) -> tuple[NegotiateContext, ...]:
    if count > MAX_CONTEXTS:
        raise WireError("too many negotiate contexts")
    contexts = []
    for index in range(count):
        head = field(message, offset, CONTEXT.size, HEADER_SIZE + REQUEST.size)
        kind, length, _ = CONTEXT.unpack(head)
        data = field(message, offset + CONTEXT.size, length, HEADER_SIZE + REQUEST.size)
        contexts.append(NegotiateContext(kind, bytes(data)))
        offset += CONTEXT.size + length
        if index + 1 < count:
            offset += -offset % 8
    return tuple(contexts)


def decode_algorithms(data: bytes) -> tuple[int, ...]:
    """The ids in an ENCRYPTION_CAPABILITIES or SIGNING_CAPABILITIES context (2.2.3.1.2, 2.2.3.1.7)."""
    if len(data) < 2:
        raise WireError("short algorithm list")
    count = int.from_bytes(data[:2], "little")
    if count == 0 or len(data) < 2 + 2 * count:
        raise WireError("algorithm list without its members")
    return tuple(int.from_bytes(data[i : i + 2], "little") for i in range(2, 2 + 2 * count, 2))


def decode_preauth(data: bytes) -> tuple[int, ...]:
    """The hash ids in a PREAUTH_INTEGRITY_CAPABILITIES context (2.2.3.1.1)."""
    if len(data) < 4:
        raise WireError("short preauth context")
    count = int.from_bytes(data[:2], "little")
    if count == 0 or len(data) < 4 + 2 * count:
        raise WireError("preauth context without its hash ids")
    return tuple(int.from_bytes(data[i : i + 2], "little") for i in range(4, 4 + 2 * count, 2))


def preauth_context(salt: bytes) -> NegotiateContext:
    """The reply's PREAUTH_INTEGRITY_CAPABILITIES: SHA-512 and a salt."""
    return NegotiateContext(PREAUTH_INTEGRITY_CAPABILITIES, Struct("<HHH").pack(1, len(salt), SHA_512) + salt)


def algorithm_context(kind: int, algorithm: int) -> NegotiateContext:
    """The reply's ENCRYPTION_ or SIGNING_CAPABILITIES: the one chosen algorithm."""
    return NegotiateContext(kind, Struct("<HH").pack(1, algorithm))


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
            for context in self.contexts:
                listed += bytes(-len(listed) % 8)
                listed += CONTEXT.pack(context.type, len(context.data), 0) + context.data
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


SMB1_HEADER_SIZE: Final = 32
SMB_COM_NEGOTIATE: Final = 0x72


def decode_smb1_dialects(frame: memoryview) -> tuple[str, ...]:
    """The dialect strings of an SMB1 NEGOTIATE ([MS-CIFS] 2.2.4.52). Raises WireError when it is none."""
    if len(frame) < SMB1_HEADER_SIZE + 3 or frame[4] != SMB_COM_NEGOTIATE or frame[SMB1_HEADER_SIZE] != 0:
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
