"""The PDUs of connection-oriented DCE/RPC, bytes <-> values, without state. [C706] chapter 12, [MS-RPCE] 2.2.2.

Requests are read in the byte order that their header names; replies are always little-endian, ASCII, IEEE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

from smbserver.errors import WireError
from smbserver.rpc.ndr import NdrReader, NdrWriter

HEADER_SIZE: Final = 16
REQUEST_HEADER_SIZE: Final = 24
RESPONSE_HEADER_SIZE: Final = 24
OBJECT_UUID_SIZE: Final = 16
SEC_TRAILER_SIZE: Final = 8

MAX_FRAGMENT: Final = 4280
"""Longest fragment either way: what Windows and smbd offer on pipes."""
MIN_FRAGMENT: Final = 1432
"""What everybody must be able to receive ([C706] 12.6.3.3, MustRecvFragSize); less is not believed."""

REQUEST: Final = 0
RESPONSE: Final = 2
FAULT: Final = 3
BIND: Final = 11
BIND_ACK: Final = 12
BIND_NAK: Final = 13
ALTER_CONTEXT: Final = 14
ALTER_CONTEXT_RESP: Final = 15
AUTH_3: Final = 16
SHUTDOWN: Final = 17
CO_CANCEL: Final = 18
ORPHANED: Final = 19

PFC_FIRST_FRAG: Final = 0x01
PFC_LAST_FRAG: Final = 0x02
PFC_SUPPORT_HEADER_SIGN: Final = 0x04  # in bind, bind_ack and their like ([MS-RPCE] 2.2.2.3)
PFC_CONC_MPX: Final = 0x10
PFC_DID_NOT_EXECUTE: Final = 0x20
PFC_OBJECT_UUID: Final = 0x80
PFC_SINGLE: Final = PFC_FIRST_FRAG | PFC_LAST_FRAG

ACCEPTANCE: Final = 0
PROVIDER_REJECTION: Final = 2
NEGOTIATE_ACK: Final = 3
"""p_cont_def_result_t; the last from [MS-RPCE] 2.2.2.4."""

REASON_NOT_SPECIFIED: Final = 0
ABSTRACT_SYNTAX_NOT_SUPPORTED: Final = 1
PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED: Final = 2
"""p_provider_reason_t."""

NAK_NOT_SPECIFIED: Final = 0
NAK_LOCAL_LIMIT_EXCEEDED: Final = 2
NAK_PROTOCOL_ERROR: Final = 4
NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED: Final = 8
"""Reasons of bind_nak ([MS-RPCE] 2.2.2.5)."""

FAULT_ACCESS_DENIED: Final = 0x00000005
FAULT_BAD_STUB_DATA: Final = 0x000006F7
"""RPC_X_BAD_STUB_DATA: the stub does not hold the parameters."""
FAULT_OP_RNG_ERROR: Final = 0x1C010002
FAULT_UNK_IF: Final = 0x1C010003
FAULT_PROTO_ERROR: Final = 0x1C01000B
FAULT_CANCEL: Final = 0x1C00000D
FAULT_UNSPEC: Final = 0x1C000012
"""Fault status ([C706] appendix N.2, [MS-RPCE] 3.3.3.5.7)."""

_HEADER: Final = {order: Struct(order + "BBBB4sHHI") for order in "<>"}
_REQUEST: Final = {order: Struct(order + "IHH") for order in "<>"}
_FAULT: Final = Struct("<IHxxI4x")
_RESPONSE: Final = Struct("<IHxx")
_LITTLE_HEADER: Final = _HEADER["<"]
_LITTLE_DREP: Final = b"\x10\0\0\0"
_SYNTAX_SIZE: Final = 20


class Header(NamedTuple):
    """The common header ([C706] 12.6.3.1)."""

    minor_version: int
    ptype: int
    flags: int
    big_endian: bool
    frag_length: int
    auth_length: int
    call_id: int

    @classmethod
    def decode(cls, frame: bytes | bytearray | memoryview) -> Header:
        """Reads HEADER_SIZE bytes. Raises WireError; a header that was decoded has a frag_length that consumes
        something.
        """
        if len(frame) < HEADER_SIZE:
            raise WireError("header cut short")
        drep = frame[4]
        if drep >> 4 > 1 or drep & 0x0F or frame[5]:
            raise WireError("data representation is not ASCII and IEEE")
        big_endian = drep >> 4 == 0
        fields = _HEADER[">" if big_endian else "<"].unpack_from(frame, 0)
        major, minor, ptype, flags, _drep, frag_length, auth_length, call_id = fields
        if major != 5 or minor > 1:
            raise WireError(f"RPC version {major}.{minor}")
        if not HEADER_SIZE <= frag_length <= MAX_FRAGMENT:
            raise WireError(f"fragment of {frag_length} bytes")
        if auth_length and auth_length + SEC_TRAILER_SIZE > frag_length - HEADER_SIZE:
            raise WireError(f"auth_length {auth_length} in a fragment of {frag_length}")
        return cls(minor, ptype, flags, big_endian, frag_length, auth_length, call_id)


class Syntax(NamedTuple):
    """p_syntax_id_t: an interface or a transfer syntax with its version."""

    uuid: UUID
    major: int
    minor: int

    @classmethod
    def read(cls, reader: NdrReader, *, big_endian: bool) -> Syntax:
        """Reads 20 bytes."""
        raw = reader.raw(_SYNTAX_SIZE - 4)
        uuid = UUID(bytes=raw) if big_endian else UUID(bytes_le=raw)
        version = reader.u32()
        return cls(uuid, version & 0xFFFF, version >> 16)

    def encode(self) -> bytes:
        """The 20 bytes, little-endian."""
        return self.uuid.bytes_le + (self.major | self.minor << 16).to_bytes(4, "little")


NDR: Final = Syntax(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2, 0)
NO_SYNTAX: Final = Syntax(UUID(int=0), 0, 0)

_FEATURE_PREFIX: Final = UUID("6cb71c2c-9812-4540-0000-000000000000").bytes_le[:8]


class ContextElement(NamedTuple):
    """p_cont_elem_t: the client proposes an interface under a number, in one of several transfer syntaxes."""

    context_id: int
    abstract_syntax: Syntax
    transfer_syntaxes: tuple[Syntax, ...]

    def feature_bits(self) -> int | None:
        """The client's BindTimeFeatureNegotiationBitmask, or None: an ordinary element ([MS-RPCE] 3.3.1.5.3)."""
        if len(self.transfer_syntaxes) != 1:
            return None
        syntax = self.transfer_syntaxes[0]
        raw = syntax.uuid.bytes_le
        if raw[:8] != _FEATURE_PREFIX or (syntax.major, syntax.minor) != (1, 0):
            return None
        return raw[8]


class Bind(NamedTuple):
    """The body of bind and alter_context ([C706] 12.6.4.3)."""

    max_xmit_frag: int
    max_recv_frag: int
    assoc_group_id: int
    elements: tuple[ContextElement, ...]

    @classmethod
    def decode(cls, header: Header, frame: bytes | memoryview) -> Bind:
        """Reads a whole fragment without auth trailer. Raises WireError, also for a list without elements."""
        reader = NdrReader(frame, big_endian=header.big_endian)
        reader.raw(HEADER_SIZE)
        max_xmit_frag, max_recv_frag, assoc_group_id = reader.u16(), reader.u16(), reader.u32()
        count = reader.raw(4)[0]
        if count == 0:
            raise WireError("no presentation context")
        elements = []
        for _ in range(count):
            reader.align(4)
            context_id = reader.u16()
            syntaxes = reader.raw(2)[0]
            abstract = Syntax.read(reader, big_endian=header.big_endian)
            transfer = tuple(Syntax.read(reader, big_endian=header.big_endian) for _ in range(syntaxes))
            elements.append(ContextElement(context_id, abstract, transfer))
        return cls(max_xmit_frag, max_recv_frag, assoc_group_id, tuple(elements))


def stub_start(header: Header) -> int:
    """Where the stub of a request begins."""
    return REQUEST_HEADER_SIZE + (OBJECT_UUID_SIZE if header.flags & PFC_OBJECT_UUID else 0)


class Request(NamedTuple):
    """One fragment of a request ([C706] 12.6.4.9). alloc_hint is a hint and not kept."""

    context_id: int
    opnum: int
    stub: bytes

    @classmethod
    def decode(cls, header: Header, frame: bytes | memoryview) -> Request:
        """Reads a whole fragment without auth trailer. Raises WireError."""
        start = stub_start(header)
        if len(frame) < start:
            raise WireError("request cut short")
        _hint, context_id, opnum = _REQUEST[">" if header.big_endian else "<"].unpack_from(frame, HEADER_SIZE)
        return cls(context_id, opnum, bytes(frame[start:]))


class ResponsePart(NamedTuple):
    """Flags and body header of one fragment of a response."""

    flags: int
    body: bytes


class ContextResult(NamedTuple):
    """p_result_t: the answer to one element."""

    result: int
    reason: int
    transfer_syntax: Syntax = NO_SYNTAX


def encode_bind_ack(
    header: Header,
    ptype: int,
    *,
    max_xmit_frag: int,
    max_recv_frag: int,
    assoc_group_id: int,
    secondary_address: str,
    results: Sequence[ContextResult],
    auth: bytes = b"",
) -> bytes:
    """bind_ack or alter_context_resp ([C706] 12.6.4.4), with one result per element of the bind, in its order.

    `auth` is a sec_trailer and the token behind it.
    """
    body = NdrWriter()
    body.raw(max_xmit_frag.to_bytes(2, "little") + max_recv_frag.to_bytes(2, "little"))
    body.u32(assoc_group_id)
    address = secondary_address.encode("ascii") + b"\0" if secondary_address else b""
    body.raw(len(address).to_bytes(2, "little") + address)
    body.align(4)  # the body begins at 16, so its alignment is the PDU's
    body.u32(len(results))
    for result in results:
        body.raw(result.result.to_bytes(2, "little") + result.reason.to_bytes(2, "little"))
        body.raw(result.transfer_syntax.encode())
    # multiplexing is free for us: calls are answered in order, each before the next is looked at
    flags = PFC_SINGLE | header.flags & PFC_CONC_MPX
    auth_length = 0
    if auth:
        # with NTLM the whole PDU is signed in any case; saying so is all that the flag asks
        flags |= header.flags & PFC_SUPPORT_HEADER_SIGN
        auth_length = len(auth) - SEC_TRAILER_SIZE
        body.align(4)
        body.raw(auth)
    return encode_fragment(header, ptype, flags, body.stub(), auth_length)


def encode_bind_nak(header: Header, reason: int) -> bytes:
    """bind_nak ([MS-RPCE] 2.2.2.9): the reason and the versions spoken, 5.0 and 5.1; no extended error."""
    return encode_fragment(header, BIND_NAK, PFC_SINGLE, reason.to_bytes(2, "little") + b"\x02\x05\x00\x05\x01\x00")


def encode_fault(header: Header, context_id: int, status: int, *, executed: bool = False) -> bytes:
    """fault ([C706] 12.6.4.7). `executed` says that a method of ours has begun."""
    flags = PFC_SINGLE | (0 if executed else PFC_DID_NOT_EXECUTE)
    # alloc_hint 0x20: no extended error behind it ([MS-RPCE] 2.2.2.8)
    body = _FAULT.pack(0x20, context_id, status)
    return encode_fragment(header, FAULT, flags, body)


def encode_response(header: Header, context_id: int, stub: bytes, max_fragment: int) -> Iterator[bytes]:
    """The fragments of a response ([C706] 12.6.4.10), each at most `max_fragment` bytes, at least one."""
    # every fragment but the last carries a multiple of 8 bytes, so that alignment survives the cut
    room = (max_fragment - RESPONSE_HEADER_SIZE) & ~7
    for head, part in split_response(context_id, stub, room):
        yield encode_fragment(header, RESPONSE, head.flags, head.body + part)


def split_response(context_id: int, stub: bytes, room: int) -> Iterator[tuple[ResponsePart, bytes]]:
    """A stub in parts of at most `room` bytes, each with what stands in front of it."""
    for start in range(0, len(stub) or 1, room):
        flags = PFC_FIRST_FRAG if start == 0 else 0
        if start + room >= len(stub):
            flags |= PFC_LAST_FRAG
        yield ResponsePart(flags, _RESPONSE.pack(len(stub) - start, context_id)), stub[start : start + room]


def encode_fragment(header: Header, ptype: int, flags: int, body: bytes, auth_length: int = 0) -> bytes:
    """A whole fragment around a body, which ends with `auth_length` bytes of token or signature."""
    head = _LITTLE_HEADER.pack(
        5, header.minor_version, ptype, flags, _LITTLE_DREP, HEADER_SIZE + len(body), auth_length, header.call_id
    )
    return head + body
