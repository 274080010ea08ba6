"""NTLMv2 as a client speaks it ([MS-NLMP] 3.1.5, 3.3.2), with MD4 and RC4 of its own, which OpenSSL 3 hides."""

import hashlib
import hmac
import secrets
import struct
import time
from dataclasses import dataclass
from typing import Final

from .protocol import ProtocolFailure

SIGNATURE: Final = b"NTLMSSP\0"
UNICODE: Final = 0x1
REQUEST_TARGET: Final = 0x4
SIGN: Final = 0x10
SEAL: Final = 0x20
NTLM: Final = 0x200
ANONYMOUS: Final = 0x800
ALWAYS_SIGN: Final = 0x8000
EXTENDED_SECURITY: Final = 0x80000
TARGET_INFO: Final = 0x800000
VERSION: Final = 0x2000000
KEY_128: Final = 0x20000000
KEY_EXCHANGE: Final = 0x40000000
KEY_56: Final = 0x80000000
WANTED: Final = (
    UNICODE | REQUEST_TARGET | SIGN | SEAL | NTLM | ALWAYS_SIGN | EXTENDED_SECURITY | TARGET_INFO | VERSION
    | KEY_128 | KEY_EXCHANGE | KEY_56
)  # fmt: skip
PRODUCT_VERSION: Final = bytes([10, 0, 0x61, 0x4A, 0, 0, 0, 15])
"""Any version; the last byte, the NTLMSSP revision, must be 15 (section 2.2.2.10)."""

AV_END: Final = 0
AV_FLAGS: Final = 6
AV_TIMESTAMP: Final = 7
AV_TARGET_NAME: Final = 9
MIC_PRESENT: Final = 2
FILETIME_EPOCH: Final = 116444736000000000
"""1970 in units of 100 ns since 1601."""


def _rotate(value: int, count: int) -> int:
    value &= 0xFFFFFFFF
    return (value << count | value >> (32 - count)) & 0xFFFFFFFF


def md4(data: bytes) -> bytes:
    """RFC 1320."""
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    orders = (
        tuple(range(16)),
        tuple(column + 4 * row for column in range(4) for row in range(4)),
        (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
    )
    for start in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, start)
        a, b, c, d = state
        for i in range(48):
            step, position = i // 16, i % 16
            if step == 0:
                mixed, constant, shift = b & c | ~b & d, 0, (3, 7, 11, 19)[i % 4]
            elif step == 1:
                mixed, constant, shift = b & c | b & d | c & d, 0x5A827999, (3, 5, 9, 13)[i % 4]
            else:
                mixed, constant, shift = b ^ c ^ d, 0x6ED9EBA1, (3, 9, 11, 15)[i % 4]
            a, b, c, d = d, _rotate(a + mixed + words[orders[step][position]] + constant, shift), b, c
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state)


def rc4(key: bytes, data: bytes) -> bytes:
    """The RC4 stream cipher."""
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) & 255
        box[i], box[j] = box[j], box[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) & 255
        j = (j + box[i]) & 255
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) & 255])
    return bytes(out)


def _md5(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "md5")


def ntowf_v2(password: str, user: str, domain: str) -> bytes:
    """NTOWFv2, section 3.3.2."""
    return _md5(md4(password.encode("utf-16-le")), (user.upper() + domain).encode("utf-16-le"))


def ntlmv2_response(
    key: bytes, server_challenge: bytes, client_challenge: bytes, filetime: bytes, target_info: bytes
) -> tuple[bytes, bytes, bytes]:
    """The NTLMv2 response, the LMv2 response and the session base key. `filetime` has 8 bytes."""
    temp = b"\1\1" + bytes(6) + filetime + client_challenge + bytes(4) + target_info + bytes(4)
    proof = _md5(key, server_challenge, temp)
    lm_response = _md5(key, server_challenge, client_challenge) + client_challenge
    return proof + temp, lm_response, _md5(key, proof)


def decode_av_pairs(data: bytes) -> list[tuple[int, bytes]]:
    """The pairs of a target info, the end marker left out; raises ProtocolFailure when there is none."""
    pairs: list[tuple[int, bytes]] = []
    offset = 0
    while offset + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, offset)
        if kind == AV_END:
            return pairs
        pairs.append((kind, data[offset + 4 : offset + 4 + size]))
        offset += 4 + size
    raise ProtocolFailure("a target info without an end")


def encode_av_pairs(pairs: list[tuple[int, bytes]]) -> bytes:
    """The pairs and the end marker."""
    return b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in pairs) + bytes(4)


@dataclass(slots=True)
class Credentials:
    """Who logs on. An empty user is the anonymous one."""

    user: str
    password: str
    domain: str = ""
    workstation: str = "CLIENT"


class NtlmClient:
    """One logon: `negotiate()`, then `authenticate(challenge)`; afterwards `session_key` and `mech_list_mic()`."""

    def __init__(self, credentials: Credentials, *, target: str = "", flags: int = WANTED) -> None:
        """`target` is the service name put into the target info, such as cifs/server; empty leaves it out."""
        self.credentials = credentials
        self.session_key = b""
        self.mic_sent = False
        self._target = target
        self._flags = flags
        self._negotiate = b""

    def negotiate(self) -> bytes:
        """NEGOTIATE_MESSAGE, section 2.2.1.1."""
        self._negotiate = struct.pack("<8sII8s8s", SIGNATURE, 1, self._flags, bytes(8), bytes(8)) + PRODUCT_VERSION
        return self._negotiate

    def authenticate(self, challenge: bytes) -> bytes:
        """AUTHENTICATE_MESSAGE (section 2.2.1.3) for a CHALLENGE_MESSAGE; ProtocolFailure when that is broken."""
        if len(challenge) < 48 or challenge[:12] != SIGNATURE + b"\2\0\0\0":
            raise ProtocolFailure("not an NTLM CHALLENGE_MESSAGE")
        flags, server_challenge = struct.unpack_from("<I8s", challenge, 20)
        info_size, _, info_at = struct.unpack_from("<HHI", challenge, 40)
        info = challenge[info_at : info_at + info_size]
        if len(info) != info_size:
            raise ProtocolFailure("target info outside the CHALLENGE_MESSAGE")
        flags &= self._flags
        who = self.credentials
        encrypted_key = b""
        if not who.user:
            flags |= ANONYMOUS
            nt_response, lm_response, base_key = b"", b"\0", bytes(16)
            flags &= ~KEY_EXCHANGE
        else:
            pairs = decode_av_pairs(info) if info else []
            stamp = dict(pairs).get(AV_TIMESTAMP)
            if stamp is not None:
                # Section 3.1.5.1.2: a timestamp from the server makes the MIC mandatory and forbids the LMv2 response.
                av_flags = int.from_bytes(dict(pairs).get(AV_FLAGS, b""), "little") | MIC_PRESENT
                pairs = [pair for pair in pairs if pair[0] != AV_FLAGS]
                pairs.append((AV_FLAGS, struct.pack("<I", av_flags)))
                self.mic_sent = True
            if self._target:
                pairs.append((AV_TARGET_NAME, self._target.encode("utf-16-le")))
            now = stamp or struct.pack("<Q", time.time_ns() // 100 + FILETIME_EPOCH)
            key = ntowf_v2(who.password, who.user, who.domain)
            nt_response, lm_response, base_key = ntlmv2_response(
                key, server_challenge, secrets.token_bytes(8), now, encode_av_pairs(pairs)
            )
            if stamp is not None:
                lm_response = bytes(24)
        self.session_key = base_key
        if flags & KEY_EXCHANGE:
            self.session_key = secrets.token_bytes(16)
            encrypted_key = rc4(base_key, self.session_key)
        self._flags = flags
        return self._pack(challenge, lm_response, nt_response, encrypted_key)

    def _pack(self, challenge: bytes, lm_response: bytes, nt_response: bytes, encrypted_key: bytes) -> bytes:
        who = self.credentials
        texts = [text.encode("utf-16-le") for text in (who.domain, who.user, who.workstation)]
        fields, payload = b"", b""
        for value in (lm_response, nt_response, *texts, encrypted_key):
            fields += struct.pack("<HHI", len(value), len(value), 88 + len(payload))
            payload += value
        head = struct.pack("<8sI", SIGNATURE, 3) + fields + struct.pack("<I", self._flags) + PRODUCT_VERSION
        message = head + bytes(16) + payload
        if not self.mic_sent:
            return message
        mic = _md5(self.session_key, self._negotiate, challenge, message)
        return head + mic + payload

    def mech_list_mic(self, mech_list: bytes, from_server: bool = False) -> bytes:
        """SPNEGO's checksum over the list of mechanisms: an NTLM signature, sequence number 0 (3.4.4.2)."""
        direction = b"server-to-client" if from_server else b"client-to-server"
        sign_key = hashlib.md5(self.session_key + b"session key to " + direction + b" signing key magic constant\0")
        seal_key = hashlib.md5(self.session_key + b"session key to " + direction + b" sealing key magic constant\0")
        checksum = _md5(sign_key.digest(), bytes(4), mech_list)[:8]
        if self._flags & KEY_EXCHANGE:
            checksum = rc4(seal_key.digest(), checksum)
        return struct.pack("<I8sI", 1, checksum, 0)
