"""Builds and reads create contexts ([MS-SMB2] 2.2.13.2, 2.2.14.2) and negotiate contexts (2.2.3.1)."""

import secrets
import struct
from typing import Final, NamedTuple

from .protocol import (
    ENCRYPTION_CAPABILITIES,
    PREAUTH_INTEGRITY,
    SHA_512,
    SIGNING_CAPABILITIES,
    ProtocolFailure,
)

Context = tuple[bytes, bytes]
"""Name and data of a create context."""

LEASE: Final = b"RqLs"
DURABLE_REQUEST: Final = b"DHnQ"
DURABLE_RECONNECT: Final = b"DHnC"
DURABLE_REQUEST_V2: Final = b"DH2Q"
DURABLE_RECONNECT_V2: Final = b"DH2C"
MAXIMAL_ACCESS: Final = b"MxAc"
ON_DISK_ID: Final = b"QFid"
TIMEWARP: Final = b"TWrp"
ALLOCATION_SIZE: Final = b"AlSi"
EXTENDED_ATTRIBUTES: Final = b"ExtA"
SECURITY_DESCRIPTOR: Final = b"SecD"
APPLE: Final = b"AAPL"
APP_INSTANCE_ID: Final = bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74")

PERSISTENT: Final = 2
PARENT_LEASE_KEY_SET: Final = 4
BREAK_IN_PROGRESS: Final = 2


def encode_create_contexts(contexts: list[Context] | tuple[Context, ...]) -> bytes:
    """The chain, each context on an 8-byte boundary."""
    out = b""
    for index, (name, data) in enumerate(contexts):
        data_offset = (16 + len(name) + 7) & ~7
        packed = struct.pack("<HHHHI", 16, len(name), 0, data_offset if data else 0, len(data)) + name
        packed = packed.ljust(data_offset - 4, b"\0") + data if data else packed
        if index + 1 < len(contexts):
            packed += bytes(-(4 + len(packed)) % 8)
            out += struct.pack("<I", 4 + len(packed)) + packed
        else:
            out += bytes(4) + packed
    return out


def decode_create_contexts(data: bytes) -> dict[bytes, bytes]:
    """Data by name; raises ProtocolFailure when the chain leaves its bounds or a name comes twice."""
    found: dict[bytes, bytes] = {}
    offset = 0
    while data:
        if offset + 16 > len(data):
            raise ProtocolFailure("a create context outside its chain")
        step, name_at, name_size, _, data_at, data_size = struct.unpack_from("<IHHHHI", data, offset)
        end = offset + step if step else len(data)
        name = data[offset + name_at : offset + name_at + name_size]
        value = data[offset + data_at : offset + data_at + data_size]
        if step % 8 or end > len(data) or len(name) != name_size or len(value) != data_size or name in found:
            raise ProtocolFailure(f"a broken create context {name!r}")
        found[name] = value
        if step == 0:
            break
        offset = end
    return found


def lease_v1(key: bytes, state: int) -> Context:
    """SMB2_CREATE_REQUEST_LEASE. `key` has 16 bytes."""
    return LEASE, struct.pack("<16sIIQ", key, state, 0, 0)


def lease_v2(key: bytes, state: int, parent_key: bytes | None = None, epoch: int = 0) -> Context:
    """SMB2_CREATE_REQUEST_LEASE_V2."""
    flags = PARENT_LEASE_KEY_SET if parent_key else 0
    return LEASE, struct.pack("<16sIIQ16sHH", key, state, flags, 0, parent_key or bytes(16), epoch, 0)


class Lease(NamedTuple):
    """What a server granted; parent key and epoch are None in version 1."""

    key: bytes
    state: int
    flags: int
    parent_key: bytes | None
    epoch: int | None


def decode_lease(data: bytes) -> Lease:
    """A lease response context of either version."""
    if len(data) == 32:
        key, state, flags, _ = struct.unpack("<16sIIQ", data)
        return Lease(key, state, flags, None, None)
    if len(data) == 52:
        key, state, flags, _, parent, epoch, _ = struct.unpack("<16sIIQ16sHH", data)
        return Lease(key, state, flags, parent, epoch)
    raise ProtocolFailure(f"a lease context of {len(data)} bytes")


def durable_v1() -> Context:
    """SMB2_CREATE_DURABLE_HANDLE_REQUEST."""
    return DURABLE_REQUEST, bytes(16)


def durable_reconnect_v1(file_id: bytes) -> Context:
    """SMB2_CREATE_DURABLE_HANDLE_RECONNECT."""
    return DURABLE_RECONNECT, file_id


def durable_v2(create_guid: bytes, timeout_ms: int = 0, persistent: bool = False) -> Context:
    """SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2."""
    return DURABLE_REQUEST_V2, struct.pack("<IIQ16s", timeout_ms, PERSISTENT if persistent else 0, 0, create_guid)


def durable_reconnect_v2(file_id: bytes, create_guid: bytes, persistent: bool = False) -> Context:
    """SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2."""
    return DURABLE_RECONNECT_V2, file_id + create_guid + struct.pack("<I", PERSISTENT if persistent else 0)


def encode_negotiate_contexts(contexts: list[tuple[int, bytes]]) -> bytes:
    """The list, each context on an 8-byte boundary, none padded behind the last."""
    out = b""
    for kind, data in contexts:
        out += bytes(-len(out) % 8) + struct.pack("<HHI", kind, len(data), 0) + data
    return out


def decode_negotiate_contexts(data: bytes, count: int) -> dict[int, bytes]:
    """Data by type; raises ProtocolFailure when the list leaves its bounds or a type comes twice."""
    found: dict[int, bytes] = {}
    offset = 0
    for _ in range(count):
        offset = (offset + 7) & ~7
        if offset + 8 > len(data):
            raise ProtocolFailure("fewer negotiate contexts than announced")
        kind, size, _ = struct.unpack_from("<HHI", data, offset)
        value = data[offset + 8 : offset + 8 + size]
        if len(value) != size or kind in found:
            raise ProtocolFailure(f"a broken negotiate context {kind}")
        found[kind] = value
        offset += 8 + size
    return found


def usual_negotiate_contexts(ciphers: tuple[int, ...], signing: tuple[int, ...]) -> list[tuple[int, bytes]]:
    """What a 3.1.1 client offers: SHA-512 with a fresh salt, its ciphers, its signing algorithms."""
    salt = secrets.token_bytes(32)
    contexts = [(PREAUTH_INTEGRITY, struct.pack("<HHH", 1, len(salt), SHA_512) + salt)]
    for kind, numbers in ((ENCRYPTION_CAPABILITIES, ciphers), (SIGNING_CAPABILITIES, signing)):
        if numbers:
            contexts.append((kind, struct.pack(f"<H{len(numbers)}H", len(numbers), *numbers)))
    return contexts


def chosen(contexts: dict[int, bytes], kind: int) -> int | None:
    """The one algorithm that the server chose in a context, or None when the context is absent."""
    if kind not in contexts:
        return None
    data = contexts[kind]
    if len(data) < 4 or int.from_bytes(data[:2], "little") != 1:
        raise ProtocolFailure(f"negotiate context {kind} does not choose one algorithm")
    return int.from_bytes(data[2:4], "little")
