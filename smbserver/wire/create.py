"""SMB2 CREATE ([MS-SMB2] 2.2.13, 2.2.14) and its create contexts."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata
from smbserver.wire.bounds import check_body, field, part, raw_text, text
from smbserver.wire.header import SIZE as HEADER_SIZE

OPLOCK_LEVEL_NONE: Final = 0x00
OPLOCK_LEVEL_II: Final = 0x01
OPLOCK_LEVEL_EXCLUSIVE: Final = 0x08
OPLOCK_LEVEL_BATCH: Final = 0x09
OPLOCK_LEVEL_LEASE: Final = 0xFF

REQUEST: Final = Struct("<HBBIQQIIIIIHHII")
RESPONSE: Final = Struct("<HBBIQQQQQQIIQQII")
CONTEXT: Final = Struct("<IHHHHI")
_REQUEST_END: Final = HEADER_SIZE + REQUEST.size
_CONTEXT_SIZE: Final = CONTEXT.size
_PADDING: Final = tuple(bytes(count) for count in range(8))
MAX_CONTEXTS: Final = 32  # a dozen kinds exist
MAX_CONTEXT_BYTES: Final = 144 * 1024  # a security descriptor and an EA list at their largest, and the small ones

QUERY_MAXIMAL_ACCESS: Final = b"MxAc"
QUERY_ON_DISK_ID: Final = b"QFid"
ALLOCATION_SIZE: Final = b"AlSi"
TIMEWARP: Final = b"TWrp"
EA_BUFFER: Final = b"ExtA"
SD_BUFFER: Final = b"SecD"
DURABLE_REQUEST: Final = b"DHnQ"
DURABLE_RECONNECT: Final = b"DHnC"
DURABLE_REQUEST_V2: Final = b"DH2Q"
DURABLE_RECONNECT_V2: Final = b"DH2C"
REQUEST_LEASE: Final = b"RqLs"
APP_INSTANCE_ID: Final = bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74")
APP_INSTANCE_VERSION: Final = bytes.fromhex("B982D0B73B56074FA07B524A8116A010")


class CreateRequest:
    """What is to be opened and how; `contexts` maps a context's name to its data. Nobody changes one (see `but`)."""

    __slots__ = (
        "contexts",
        "create_disposition",
        "create_options",
        "desired_access",
        "file_attributes",
        "impersonation_level",
        "name",
        "requested_oplock_level",
        "share_access",
    )

    def __init__(
        self,
        requested_oplock_level: int,
        impersonation_level: int,
        desired_access: int,
        file_attributes: int,
        share_access: int,
        create_disposition: int,
        create_options: int,
        name: str,
        contexts: dict[bytes, bytes],
    ) -> None:
        self.requested_oplock_level = requested_oplock_level
        self.impersonation_level = impersonation_level
        self.desired_access = desired_access
        self.file_attributes = file_attributes
        self.share_access = share_access
        self.create_disposition = create_disposition
        self.create_options = create_options
        self.name = name
        self.contexts = contexts

    def but(
        self,
        *,
        name: str | None = None,
        contexts: dict[bytes, bytes] | None = None,
        create_options: int | None = None,
        file_attributes: int | None = None,
    ) -> "CreateRequest":
        """The same request with something else in it."""
        return CreateRequest(
            self.requested_oplock_level,
            self.impersonation_level,
            self.desired_access,
            self.file_attributes if file_attributes is None else file_attributes,
            self.share_access,
            self.create_disposition,
            self.create_options if create_options is None else create_options,
            self.name if name is None else name,
            self.contexts if contexts is None else contexts,
        )


def decode(message: memoryview) -> CreateRequest:
    """Read a request. Raises WireError."""
    if len(message) < _REQUEST_END:
        raise WireError("short CREATE")
    (
        _,
        _,
        oplock,
        impersonation,
        _,
        _,
        access,
        attributes,
        share,
        disposition,
        options,
        name_offset,
        name_length,
        contexts_offset,
        contexts_length,
    ) = REQUEST.unpack_from(message, HEADER_SIZE)
    end = _REQUEST_END
    name = text(field(message, name_offset, name_length, end))
    contexts = decode_contexts(field(message, contexts_offset, contexts_length, end)) if contexts_length else {}
    return CreateRequest(oplock, impersonation, access, attributes, share, disposition, options, name, contexts)


def encode(request: CreateRequest) -> bytes:
    """The body of a request: name, then the contexts 8-aligned. The buffer has a byte even when both are empty."""
    name = raw_text(request.name)
    chain = encode_contexts(list(request.contexts.items()))
    name_offset = HEADER_SIZE + REQUEST.size
    name_end = name_offset + len(name)
    padding = -name_end % 8 if chain else 0
    fixed = REQUEST.pack(
        57,
        0,
        request.requested_oplock_level,
        request.impersonation_level,
        0,
        0,
        request.desired_access,
        request.file_attributes,
        request.share_access,
        request.create_disposition,
        request.create_options,
        name_offset,
        len(name),
        name_end + padding if chain else 0,
        len(chain),
    )
    return fixed + (name + bytes(padding) + chain or b"\0")


def decode_contexts(chain: memoryview) -> dict[bytes, bytes]:
    """A chain of create contexts (2.2.13.2). Raises WireError; the first of two with one name counts.

    Every step moves forward by a multiple of 8 and stays inside the chain.
    """
    if len(chain) > MAX_CONTEXT_BYTES:
        raise WireError("create contexts too large")
    contexts: dict[bytes, bytes] = {}
    whole = bytes(chain)
    offset, room = 0, len(whole)
    for _ in range(MAX_CONTEXTS):
        if room < _CONTEXT_SIZE:
            raise WireError("create context cut short")
        following, name_offset, name_length, _, data_offset, data_length = CONTEXT.unpack_from(whole, offset)
        if following and (following & 7 or following < _CONTEXT_SIZE or following >= room):
            raise WireError("create context chain does not move forward")
        end = offset + (following or room)
        name = part(whole, offset, end, name_offset, name_length, _CONTEXT_SIZE)
        data = part(whole, offset, end, data_offset, data_length, _CONTEXT_SIZE)
        if name_length < 4:
            raise WireError("create context without a name")
        if name not in contexts:
            contexts[name] = data
        if not following:
            return contexts
        offset, room = end, room - following
    raise WireError("too many create contexts")


def encode_contexts(contexts: list[tuple[bytes, bytes]]) -> bytes:
    """A chain of contexts for a reply: names at 16, data 8-aligned."""
    chain = b""
    left = len(contexts)
    for name, data in contexts:
        left -= 1
        name_size, size = len(name), len(data)
        data_offset = _CONTEXT_SIZE + name_size + 7 & ~7 if size else 0
        end = data_offset + size if size else _CONTEXT_SIZE + name_size
        following = end + 7 & ~7 if left else 0  # the last one leads nowhere
        chain += CONTEXT.pack(following, _CONTEXT_SIZE, name_size, 0, data_offset, size) + name
        if size:
            chain += _PADDING[-name_size & 7] + data
        if following > end:
            chain += _PADDING[following - end]
    return chain


class CreateResponse(NamedTuple):
    """The opened file; times are FILETIMEs, sizes bytes, `contexts` an encoded chain."""

    oplock_level: int
    create_action: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    file_attributes: int
    persistent_id: int
    volatile_id: int
    contexts: bytes


def encode_response(
    level: int, action: int, meta: Metadata, persistent_id: int, volatile_id: int, contexts: bytes
) -> bytes:
    """The body: times, sizes and attributes from `meta`, and an encoded chain of contexts."""
    fixed = RESPONSE.pack(
        89,
        level,
        0,
        action,
        meta.creation_time,
        meta.last_access_time,
        meta.last_write_time,
        meta.change_time,
        meta.allocation_size,
        meta.end_of_file,
        meta.attributes,
        0,
        persistent_id,
        volatile_id,
        HEADER_SIZE + RESPONSE.size if contexts else 0,
        len(contexts),
    )
    return fixed + contexts if contexts else fixed


def decode_response(message: memoryview) -> CreateResponse:
    """Read a reply; its contexts stay encoded, decode_contexts reads them. Raises WireError."""
    check_body(message, RESPONSE, 89)
    _, level, _, *fields, _, persistent, volatile, offset, length = RESPONSE.unpack_from(message, HEADER_SIZE)
    chain = bytes(field(message, offset, length, HEADER_SIZE + RESPONSE.size))
    return CreateResponse._make((level, *fields, persistent, volatile, chain))
