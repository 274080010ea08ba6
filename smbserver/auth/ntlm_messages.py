"""NTLMSSP messages and AV pairs ([MS-NLMP] 2.2)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

SIGNATURE: Final = b"NTLMSSP\0"
NEGOTIATE: Final = 1
CHALLENGE: Final = 2
AUTHENTICATE: Final = 3

# Negotiate flags (2.2.2.5).
UNICODE: Final = 0x00000001
OEM: Final = 0x00000002
REQUEST_TARGET: Final = 0x00000004
SIGN: Final = 0x00000010
SEAL: Final = 0x00000020
LM_KEY: Final = 0x00000080
NTLM: Final = 0x00000200
ANONYMOUS: Final = 0x00000800
ALWAYS_SIGN: Final = 0x00008000
TARGET_TYPE_SERVER: Final = 0x00020000
EXTENDED_SESSIONSECURITY: Final = 0x00080000
TARGET_INFO: Final = 0x00800000
VERSION: Final = 0x02000000
KEY_128: Final = 0x20000000
KEY_EXCH: Final = 0x40000000
KEY_56: Final = 0x80000000

AV_EOL: Final = 0
AV_NB_COMPUTER: Final = 1
AV_NB_DOMAIN: Final = 2
AV_DNS_COMPUTER: Final = 3
AV_DNS_DOMAIN: Final = 4
AV_FLAGS: Final = 6
AV_TIMESTAMP: Final = 7
AV_TARGET_NAME: Final = 9
AV_CHANNEL_BINDINGS: Final = 10
AV_FLAG_MIC: Final = 0x2

MAX_MESSAGE: Final = 16 * 1024  # far above any real NTLM message, far below what hurts
MAX_AV_PAIRS: Final = 32

# 2.2.2.5, B: which one is a setting at Windows; this is Western Europe's, and Samba's. JavaScript's smb2 libraries ask.
_OEM_CHARSET: Final = "cp850"

_HEAD = Struct("<8sI")
_FIELD = Struct("<HHI")
_NEGOTIATE_FLAGS = Struct("<I")
_CHALLENGE = Struct("<8sIHHII8s8sHHI8s")
_VERSION: Final = bytes((10, 0, 0, 0, 0, 0, 0, 15))  # 2.2.2.10: NTLMSSP revision 15
_AV = Struct("<HH")
MIC_OFFSET: Final = 72


def message_type(message: bytes) -> int:
    """1, 2 or 3. Raises WireError when it is no NTLMSSP message."""
    if len(message) < _HEAD.size or len(message) > MAX_MESSAGE:
        raise WireError("not an NTLMSSP message by its size")
    signature, kind = _HEAD.unpack_from(message)
    if signature != SIGNATURE:
        raise WireError("not an NTLMSSP message")
    return int(kind)


def decode_negotiate(message: bytes) -> int:
    """The client's flags (2.2.1.1)."""
    if message_type(message) != NEGOTIATE or len(message) < 16:
        raise WireError("not a NEGOTIATE_MESSAGE")
    return int(_NEGOTIATE_FLAGS.unpack_from(message, 12)[0])


def encode_challenge(flags: int, challenge: bytes, target_name: str, target_info: bytes) -> bytes:
    """CHALLENGE_MESSAGE (2.2.1.2). The AV pairs in it are Unicode whatever the flags say (2.2.2.1)."""
    name = target_name.encode("utf-16-le") if flags & UNICODE else target_name.encode(_OEM_CHARSET, "replace")
    name_at = _CHALLENGE.size
    info_at = name_at + len(name)
    return (
        _CHALLENGE.pack(
            SIGNATURE,
            CHALLENGE,
            len(name),
            len(name),
            name_at,
            flags,
            challenge,
            bytes(8),
            len(target_info),
            len(target_info),
            info_at,
            _VERSION,
        )
        + name
        + target_info
    )


def encode_av_pairs(pairs: list[tuple[int, bytes]]) -> bytes:
    """AV_PAIRs with their end mark (2.2.2.1)."""
    return b"".join(_AV.pack(kind, len(value)) + value for kind, value in pairs) + _AV.pack(AV_EOL, 0)


def decode_av_pairs(data: bytes) -> dict[int, bytes]:
    """AV_PAIRs up to the end mark. Raises WireError when a length lies or the end mark is missing."""
    pairs: dict[int, bytes] = {}
    offset = 0
    for _ in range(MAX_AV_PAIRS):
        if len(data) - offset < _AV.size:
            raise WireError("AV pairs without an end")
        kind, length = _AV.unpack_from(data, offset)
        offset += _AV.size
        if kind == AV_EOL:
            return pairs
        if len(data) - offset < length:
            raise WireError("AV pair longer than its list")
        pairs.setdefault(kind, data[offset : offset + length])
        offset += length
    raise WireError("too many AV pairs")


class AuthenticateMessage(NamedTuple):
    """AUTHENTICATE_MESSAGE (2.2.1.3)."""

    lm_response: bytes
    nt_response: bytes
    domain: str
    user: str
    workstation: str
    encrypted_session_key: bytes
    flags: int
    mic: bytes


def decode_authenticate(message: bytes) -> AuthenticateMessage:
    """Read an AUTHENTICATE_MESSAGE. Raises WireError.

    `mic` is empty when the message is too short to hold one; whether one is due is told by the AV flags.
    """
    if message_type(message) != AUTHENTICATE or len(message) < 64:
        raise WireError("not an AUTHENTICATE_MESSAGE")
    lm, nt, domain, user, workstation, key = (_payload(message, at) for at in range(12, 60, 8))
    flags = int.from_bytes(message[60:64], "little")
    if not flags & (UNICODE | OEM):
        raise WireError("NTLM without a character set")
    text = _text if flags & UNICODE else _oem_text
    mic = message[MIC_OFFSET : MIC_OFFSET + 16] if len(message) >= MIC_OFFSET + 16 else b""
    return AuthenticateMessage(lm, nt, text(domain), text(user), text(workstation), key, flags, mic)


def _payload(message: bytes, field_at: int) -> bytes:
    length, _, offset = _FIELD.unpack_from(message, field_at)
    if length == 0:
        return b""
    if offset < 64 or offset + length > len(message):
        raise WireError("NTLM field outside its message")
    return message[offset : offset + length]


def _text(raw: bytes) -> str:
    if len(raw) & 1:
        raise WireError("UTF-16 text of odd length")
    return raw.decode("utf-16-le", "surrogatepass")


def _oem_text(raw: bytes) -> str:
    return raw.decode(_OEM_CHARSET)
