"""Packs and unpacks the SMB2 header ([MS-SMB2] 2.2.1) around a request or a reply."""

from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from .protocol import FLAG_ASYNC, FLAG_RESPONSE, FLAG_SIGNED, SUCCESS, ProtocolFailure, StatusFailure

Buffer = bytes | bytearray | memoryview

HEADER: Final = Struct("<4sHHIHHIIQIIQ16s")
"""ProtocolId, StructureSize, CreditCharge, Status, Command, Credits, Flags, NextCommand, MessageId, Reserved, TreeId,
SessionId, Signature."""
HEADER_SIZE: Final = 64
SMB2: Final = b"\xfeSMB"
TRANSFORM: Final = b"\xfdSMB"
NO_SIGNATURE: Final = bytes(16)
CREDIT_UNIT: Final = 65536
"""Bytes of payload that one credit pays for, section 3.1.5.2."""


@dataclass(slots=True)
class Request:
    """One request before it has a message id. `span` is the larger of the bytes it carries and asks for."""

    command: int
    body: bytes
    span: int = 0
    tree_id: int = 0
    session_id: int = 0
    flags: int = 0
    async_id: int | None = None
    message_id: int | None = None
    """A message id to use instead of the next free one (CANCEL, hostile tests)."""
    charge: int | None = None
    """A CreditCharge to state instead of the one that `span` demands (hostile tests)."""
    sign: bool | None = None
    """Overrides the session's habit: True signs, False does not."""
    encrypt: bool | None = None
    """Overrides the session's habit."""
    channel_sequence: int = 0
    """ChannelSequence of the 3.x dialects."""

    def encode(self, message_id: int, charge: int, credits_wanted: int, flags: int, next_command: int = 0) -> bytearray:
        """The message with an empty signature."""
        low, high = (0xFEFF, self.tree_id)
        if self.async_id is not None:
            low, high = self.async_id & 0xFFFFFFFF, self.async_id >> 32
            flags |= FLAG_ASYNC
        packed = HEADER.pack(
            SMB2, 64, charge, self.channel_sequence, self.command, credits_wanted, flags | self.flags, next_command,
            message_id, low, high, self.session_id, NO_SIGNATURE,
        )  # fmt: skip
        return bytearray(packed + self.body)


@dataclass(slots=True)
class Reply:
    """One reply. `raw` is the whole message, header included, because offsets in replies count from the header."""

    command: int
    status: int
    flags: int
    message_id: int
    tree_id: int
    session_id: int
    credits: int
    raw: bytes = field(repr=False)
    encrypted: bool = False
    async_id: int = 0

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.raw[HEADER_SIZE:]

    @property
    def signed(self) -> bool:
        """Whether the server signed it (and the signature was checked, when the session is known)."""
        return bool(self.flags & FLAG_SIGNED)

    def check(self, *accepted: int) -> "Reply":
        """Itself when the status is one of `accepted` (SUCCESS when none is given); raises StatusFailure otherwise."""
        if self.status not in (accepted or (SUCCESS,)):
            raise StatusFailure(self.command, self.status)
        return self

    def at(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset` from the header; raises ProtocolFailure when they are not all there."""
        if length and (offset < HEADER_SIZE or offset + length > len(self.raw)):
            raise ProtocolFailure(f"bytes {offset}+{length} lie outside a message of {len(self.raw)}")
        return self.raw[offset : offset + length]


def decode_reply(message: Buffer, encrypted: bool = False) -> Reply:
    """Copies one message out of the receive buffer; raises ProtocolFailure when it is not an SMB2 reply."""
    raw = bytes(message)
    if len(raw) < HEADER_SIZE:
        raise ProtocolFailure(f"a message of {len(raw)} bytes")
    (magic, size, _, status, command, credit, flags, _, message_id, low, high, session_id, _) = HEADER.unpack_from(raw)
    if magic != SMB2 or size != HEADER_SIZE or not flags & FLAG_RESPONSE:
        raise ProtocolFailure(f"not an SMB2 reply: {raw[:20].hex()}")
    is_async = bool(flags & FLAG_ASYNC)
    return Reply(
        command, status, flags, message_id, 0 if is_async else high, session_id, credit, raw, encrypted,
        low | high << 32 if is_async else 0,
    )  # fmt: skip
