"""Logs a user on: NTLM tokens, raw or in hand-made SPNEGO DER ([MS-SPNG], RFC 4178), carried by SESSION_SETUP."""

from dataclasses import dataclass
from typing import Final

from .commands import decode_session_setup, session_setup
from .connection import Connection, check_signature
from .message import Reply
from .ntlm import Credentials, NtlmClient
from .protocol import (
    MORE_PROCESSING_REQUIRED,
    SESSION_IS_GUEST,
    SESSION_IS_NULL,
    SMB_3_1_1,
    ProtocolFailure,
)
from .security import extend_preauth

OID_SPNEGO: Final = bytes.fromhex("06062b0601050502")
OID_NTLM: Final = bytes.fromhex("060a2b06010401823702020a")
MECH_LIST: Final = b"\x30" + bytes([len(OID_NTLM)]) + OID_NTLM
"""The DER of the one mechanism offered; what the mechListMIC covers."""


def der(tag: int, content: bytes) -> bytes:
    """One DER element."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def read_der(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what follows it; raises ProtocolFailure when it is cut short."""
    if len(data) < 2:
        raise ProtocolFailure("DER cut short")
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ProtocolFailure("DER cut short")
    return data[0], data[start : start + size], data[start + size :]


def neg_token_init(token: bytes) -> bytes:
    """The first token: one mechanism, NTLM, and its first message."""
    inner = der(0x30, der(0xA0, MECH_LIST) + der(0xA2, der(0x04, token)))
    return der(0x60, OID_SPNEGO + der(0xA0, inner))


def neg_token_resp(token: bytes, mic: bytes = b"") -> bytes:
    """A following token."""
    fields = der(0xA2, der(0x04, token)) + (der(0xA3, der(0x04, mic)) if mic else b"")
    return der(0xA1, der(0x30, fields))


def decode_neg_token_resp(data: bytes) -> dict[int, bytes]:
    """The fields of the server's token by context number: 0 state, 1 mechanism, 2 response token, 3 mechListMIC."""
    tag, content, _ = read_der(data)
    if tag != 0xA1:
        raise ProtocolFailure(f"not a NegTokenResp: tag {tag:#x}")
    _, rest, _ = read_der(content)
    fields: dict[int, bytes] = {}
    while rest:
        tag, value, rest = read_der(rest)
        fields[tag & 0x1F] = read_der(value)[1]
    return fields


@dataclass(slots=True)
class Logon:
    """A finished logon. `preauth` is the hash value that 3.1.1 keys are derived from."""

    session_id: int
    session_key: bytes
    flags: int
    preauth: bytes
    reply: Reply
    ntlm: NtlmClient

    @property
    def anonymous_or_guest(self) -> bool:
        """Such sessions neither sign nor encrypt (section 3.2.5.3)."""
        return bool(self.flags & (SESSION_IS_GUEST | SESSION_IS_NULL))


def log_on(
    connection: Connection,
    credentials: Credentials,
    preauth: bytes,
    *,
    spnego: bool = True,
    security_mode: int = 1,
    capabilities: int = 0,
    previous_session_id: int = 0,
    session_id: int = 0,
    send_mic: bool = True,
) -> Logon:
    """Two SESSION_SETUP round trips. A `session_id` logs the same session on again.

    `preauth` is the connection's hash value after NEGOTIATE. Raises StatusFailure when the server refuses, and
    ProtocolFailure when its tokens are wrong. The last reply's signature is not checked here: the keys depend on it.
    """
    ntlm = NtlmClient(credentials, target="cifs/server")
    hashing = connection.dialect >= SMB_3_1_1 and session_id == 0

    def exchange(token: bytes) -> Reply:
        nonlocal preauth
        request = session_setup(token, security_mode, capabilities, previous_session_id)
        request.session_id = session_id
        reply = connection.call(request)
        if hashing:
            preauth = extend_preauth(preauth, connection.last_sent)
            if reply.status == MORE_PROCESSING_REQUIRED:
                preauth = extend_preauth(preauth, reply.raw)
        return reply

    first = ntlm.negotiate()
    reply = exchange(neg_token_init(first) if spnego else first).check(MORE_PROCESSING_REQUIRED)
    session_id = reply.session_id
    _, token = decode_session_setup(reply)
    challenge = decode_neg_token_resp(token).get(2, b"") if spnego else token
    last = ntlm.authenticate(challenge)
    if spnego:
        mic = ntlm.mech_list_mic(MECH_LIST) if send_mic and credentials.user else b""
        last = neg_token_resp(last, mic)
    reply = exchange(last).check()
    flags, token = decode_session_setup(reply)
    if spnego and token and credentials.user:
        fields = decode_neg_token_resp(token)
        if fields.get(0) not in (None, b"\0"):
            raise ProtocolFailure(f"the logon succeeded, its SPNEGO state is {fields[0].hex()}")
        if fields.get(3) and fields[3] != ntlm.mech_list_mic(MECH_LIST, from_server=True):
            raise ProtocolFailure("the server's mechListMIC is wrong")
    return Logon(session_id, ntlm.session_key[:16].ljust(16, b"\0"), flags, preauth, reply, ntlm)


def check_last_reply(connection: Connection, logon: Logon, must_be_signed: bool) -> None:
    """Checks the signature of the last SESSION_SETUP reply, now that the session has its keys."""
    protection = connection.protections.get(logon.session_id)
    if protection is None or protection.signer is None:
        return
    if logon.reply.signed:
        check_signature(memoryview(bytearray(logon.reply.raw)), protection.signer)
    elif must_be_signed:
        raise ProtocolFailure("the last SESSION_SETUP reply is not signed")
