"""SMB2 TRANSFORM_HEADER of a sealed message ([MS-SMB2] 2.2.41)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import TRANSFORM_ID

LAYOUT: Final = Struct("<4s16s16sIHHQ")
SIZE: Final = LAYOUT.size
AUTHENTICATED_FROM: Final = 20  # the associated data: Nonce to the end of the header
FLAG_ENCRYPTED: Final = 0x0001
_TAIL: Final = Struct("<IHHQ")  # what follows the nonce


class TransformHeader(NamedTuple):
    """`nonce` is 16 bytes on the wire; the cipher uses its first 11 (CCM) or 12 (GCM)."""

    protocol_id: bytes
    signature: bytes
    nonce: bytes
    original_message_size: int
    reserved: int
    flags: int
    session_id: int


Fields = tuple[bytes, bytes, bytes, int, int, int, int]
"""Those of TransformHeader, without their names."""


def fields(frame: memoryview) -> Fields:
    """Read the header. Raises WireError when it is short or none, or names a size that is not the size that came.

    `flags` 1 is also the EncryptionAlgorithm AES-128-CCM of 3.0 and 3.0.2; they have no other value.
    """
    if len(frame) < SIZE:
        raise WireError("shorter than a transform header")
    found: Fields = LAYOUT.unpack_from(frame)
    protocol_id, _, _, message_size, _, flags, _ = found
    if protocol_id != TRANSFORM_ID:
        raise WireError("not a transform header")
    if flags != FLAG_ENCRYPTED or message_size != len(frame) - SIZE:
        raise WireError("transform header does not describe its message")
    return found


def decode(frame: memoryview) -> TransformHeader:
    """The same with names. Raises WireError."""
    return TransformHeader._make(fields(frame))


def encode(header: TransformHeader) -> bytes:
    """The 52 bytes of a header."""
    return LAYOUT.pack(*header)


def tail(message_size: int, session_id: int) -> bytes:
    """The header behind its nonce: part of the associated data of a message that is being sealed."""
    return _TAIL.pack(message_size, 0, FLAG_ENCRYPTED, session_id)
