"""Builds the requests about connections, sessions, trees and open files, and reads their replies ([MS-SMB2] 2.2)."""

import struct
from typing import Final, NamedTuple

from .contexts import (
    Context,
    decode_create_contexts,
    decode_negotiate_contexts,
    encode_create_contexts,
    encode_negotiate_contexts,
)
from .message import HEADER_SIZE, Buffer, Reply, Request
from .protocol import (
    CLOSE,
    CREATE,
    ECHO,
    FLUSH,
    LOCK,
    LOGOFF,
    NEGOTIATE,
    OPLOCK_BREAK,
    OPLOCK_NONE,
    READ,
    SESSION_SETUP,
    SHARE_ALL,
    SMB_3_1_1,
    TREE_CONNECT,
    TREE_DISCONNECT,
    WRITE,
    ProtocolFailure,
)

LOCK_SHARED: Final = 1
LOCK_EXCLUSIVE: Final = 2
LOCK_UNLOCK: Final = 4
LOCK_FAIL_IMMEDIATELY: Final = 0x10
CLOSE_WANTS_ATTRIBUTES: Final = 1
_EMPTY: Final = b"\x04\0\0\0"


def fixed(reply: Reply, layout: str, structure_size: int) -> tuple[int, ...]:
    """The integers of the fixed part behind StructureSize; raises ProtocolFailure when size or length is wrong."""
    whole = "<H" + layout
    if len(reply.raw) < HEADER_SIZE + struct.calcsize(whole):
        raise ProtocolFailure(f"a reply of {len(reply.raw)} bytes to command {reply.command}")
    size, *values = struct.unpack_from(whole, reply.raw, HEADER_SIZE)
    if size != structure_size:
        raise ProtocolFailure(f"StructureSize {size} in the reply to command {reply.command}, not {structure_size}")
    return tuple(values)


class Negotiated(NamedTuple):
    """NEGOTIATE reply, section 2.2.4. Times are FILETIMEs, sizes bytes."""

    security_mode: int
    dialect: int
    server_guid: bytes
    capabilities: int
    max_transact: int
    max_read: int
    max_write: int
    system_time: int
    start_time: int
    token: bytes
    contexts: dict[int, bytes]


def negotiate(
    dialects: tuple[int, ...],
    security_mode: int,
    capabilities: int,
    client_guid: bytes,
    contexts: list[tuple[int, bytes]] | None = None,
) -> Request:
    """NEGOTIATE, section 2.2.3."""
    numbers = struct.pack(f"<{len(dialects)}H", *dialects)
    offset = count = 0
    tail = b""
    if contexts:
        padding = bytes(-(HEADER_SIZE + 36 + len(numbers)) % 8)
        offset, count = HEADER_SIZE + 36 + len(numbers) + len(padding), len(contexts)
        tail = padding + encode_negotiate_contexts(contexts)
    body = struct.pack("<HHHHI16sIHH", 36, len(dialects), security_mode, 0, capabilities, client_guid, offset, count, 0)
    return Request(NEGOTIATE, body + numbers + tail)


def decode_negotiate(reply: Reply) -> Negotiated:
    """Reads a NEGOTIATE reply."""
    values = fixed(reply, "HHHQQIIIIQQHHI", 65)
    mode, dialect, count, _, _, capabilities, transact, read, write, now, start, token_at, token_size, offset = values
    contexts: dict[int, bytes] = {}
    if dialect == SMB_3_1_1:
        contexts = decode_negotiate_contexts(reply.at(offset, len(reply.raw) - offset), count)
    guid = reply.raw[HEADER_SIZE + 8 : HEADER_SIZE + 24]
    token = reply.at(token_at, token_size)
    return Negotiated(mode, dialect, guid, capabilities, transact, read, write, now, start, token, contexts)


def session_setup(
    token: bytes, security_mode: int = 1, capabilities: int = 0, previous_session_id: int = 0, flags: int = 0
) -> Request:
    """SESSION_SETUP, section 2.2.5."""
    body = struct.pack(
        "<HBBIIHHQ", 25, flags, security_mode, capabilities, 0, HEADER_SIZE + 24, len(token), previous_session_id
    )
    return Request(SESSION_SETUP, body + token)


def decode_session_setup(reply: Reply) -> tuple[int, bytes]:
    """SessionFlags and the security token."""
    flags, offset, size = fixed(reply, "HHH", 9)
    return flags, reply.at(offset, size)


def logoff() -> Request:
    """LOGOFF, section 2.2.7."""
    return Request(LOGOFF, _EMPTY)


def echo() -> Request:
    """ECHO, section 2.2.28."""
    return Request(ECHO, _EMPTY)


def tree_connect(path: str, flags: int = 0) -> Request:
    r"""TREE_CONNECT, section 2.2.9. `path` is \\server\share."""
    name = path.encode("utf-16-le")
    return Request(TREE_CONNECT, struct.pack("<HHHH", 9, flags, HEADER_SIZE + 8, len(name)) + name)


class ConnectedTree(NamedTuple):
    """TREE_CONNECT reply, section 2.2.10."""

    share_type: int
    share_flags: int
    capabilities: int
    maximal_access: int


def decode_tree_connect(reply: Reply) -> ConnectedTree:
    """Reads a TREE_CONNECT reply."""
    share_type, _, flags, capabilities, access = fixed(reply, "BBIII", 16)
    return ConnectedTree(share_type, flags, capabilities, access)


def tree_disconnect() -> Request:
    """TREE_DISCONNECT, section 2.2.11."""
    return Request(TREE_DISCONNECT, _EMPTY)


def create(
    name: str | bytes,
    *,
    access: int,
    disposition: int,
    options: int = 0,
    attributes: int = 0,
    share: int = SHARE_ALL,
    oplock: int = OPLOCK_NONE,
    impersonation: int = 2,
    contexts: list[Context] | tuple[Context, ...] = (),
) -> Request:
    """CREATE, section 2.2.13. A name in bytes goes out as it is (hostile tests)."""
    encoded = name.encode("utf-16-le") if isinstance(name, str) else name
    name_at = HEADER_SIZE + 56
    tail = encoded
    chain = encode_create_contexts(contexts) if contexts else b""
    contexts_at = 0
    if chain:
        tail += bytes(-len(tail) % 8)
        contexts_at = name_at + len(tail)
        tail += chain
    body = struct.pack(
        "<HBBIQQIIIIIHHII", 57, 0, oplock, impersonation, 0, 0, access, attributes, share, disposition, options,
        name_at, len(encoded), contexts_at, len(chain),
    )  # fmt: skip
    return Request(CREATE, body + (tail or b"\0"))


class Created(NamedTuple):
    """CREATE reply, section 2.2.14. Times are FILETIMEs, sizes bytes."""

    oplock: int
    flags: int
    action: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    attributes: int
    file_id: bytes
    contexts: dict[bytes, bytes]


def decode_create(reply: Reply) -> Created:
    """Reads a CREATE reply."""
    *values, _, _, _, offset, size = fixed(reply, "BBIQQQQQQIIQQII", 89)
    file_id = reply.raw[HEADER_SIZE + 64 : HEADER_SIZE + 80]
    contexts = decode_create_contexts(reply.at(offset, size))
    oplock, flags, action, created, accessed, written, changed, allocation, size, attributes = values
    return Created(
        oplock, flags, action, created, accessed, written, changed, allocation, size, attributes, file_id, contexts
    )


def close(file_id: bytes, flags: int = 0) -> Request:
    """CLOSE, section 2.2.15."""
    return Request(CLOSE, struct.pack("<HHI16s", 24, flags, 0, file_id))


class Closed(NamedTuple):
    """CLOSE reply, section 2.2.16; everything but `flags` is zero unless attributes were asked for."""

    flags: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    attributes: int


def decode_close(reply: Reply) -> Closed:
    """Reads a CLOSE reply."""
    flags, _, *values = fixed(reply, "HIQQQQQQI", 60)
    return Closed(flags, *values)


def flush(file_id: bytes) -> Request:
    """FLUSH, section 2.2.17."""
    return Request(FLUSH, struct.pack("<HHI16s", 24, 0, 0, file_id))


def read(file_id: bytes, offset: int, length: int, minimum: int = 0, flags: int = 0) -> Request:
    """READ, section 2.2.19."""
    body = struct.pack("<HBBIQ16sIIIHHB", 49, HEADER_SIZE + 16, flags, length, offset, file_id, minimum, 0, 0, 0, 0, 0)
    return Request(READ, body, span=length)


def decode_read(reply: Reply) -> bytes:
    """The bytes of a READ reply, section 2.2.20."""
    offset, _, length, _, _ = fixed(reply, "BBIII", 17)
    return reply.at(offset, length)


def write(file_id: bytes, offset: int, data: Buffer, flags: int = 0) -> Request:
    """WRITE, section 2.2.21."""
    head = struct.pack("<HHIQ16sIIHHI", 49, HEADER_SIZE + 48, len(data), offset, file_id, 0, 0, 0, 0, flags)
    return Request(WRITE, head + (bytes(data) or b"\0"), span=len(data))


def decode_write(reply: Reply) -> int:
    """The count of a WRITE reply, section 2.2.22."""
    return fixed(reply, "HIIHH", 17)[1]


def lock(file_id: bytes, elements: list[tuple[int, int, int]], sequence: int = 0) -> Request:
    """LOCK, section 2.2.26. An element is offset, length, flags."""
    body = struct.pack("<HHI16s", 48, len(elements), sequence, file_id)
    return Request(LOCK, body + b"".join(struct.pack("<QQII", *element, 0) for element in elements))


class OplockBreak(NamedTuple):
    """OPLOCK_BREAK notification, section 2.2.23.1."""

    level: int
    file_id: bytes


class LeaseBreak(NamedTuple):
    """LEASE_BREAK notification, section 2.2.23.2."""

    epoch: int
    flags: int
    key: bytes
    current_state: int
    new_state: int


def decode_break(reply: Reply) -> OplockBreak | LeaseBreak:
    """Reads an oplock or lease break notification; the structure's size tells them apart."""
    body = reply.body
    if len(body) >= 24 and body[:2] == b"\x18\0":
        return OplockBreak(body[2], body[8:24])
    if len(body) >= 44 and body[:2] == b"\x2c\0":
        _, epoch, flags, key, current, new, *_ = struct.unpack_from("<HHI16sIIIII", body)
        return LeaseBreak(epoch, flags, key, current, new)
    raise ProtocolFailure(f"not a break notification: {body[:4].hex()}")


def oplock_break_ack(file_id: bytes, level: int) -> Request:
    """Oplock break acknowledgment, section 2.2.24.1."""
    return Request(OPLOCK_BREAK, struct.pack("<HBBI16s", 24, level, 0, 0, file_id))


def lease_break_ack(key: bytes, state: int) -> Request:
    """Lease break acknowledgment, section 2.2.24.2."""
    return Request(OPLOCK_BREAK, struct.pack("<HHI16sIQ", 36, 0, 0, key, state, 0))
