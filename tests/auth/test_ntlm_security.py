"""NTLM's message security: the specification's example, both directions, order."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from smbserver.auth.ntlm_security import MessageSecurity
from smbserver.crypto.rc4 import RC4

KEY = bytes.fromhex("55" * 16)  # RandomSessionKey of [MS-NLMP] 4.2.1
PLAINTEXT = "Plaintext".encode("utf-16-le")


def test_wrap_of_4_2_4_4() -> None:
    security = MessageSecurity(KEY, strong=True, key_exchange=True)
    assert security.unseal(bytes.fromhex("54e50165bf1936dc996020c1811b0f06fb5f")) == PLAINTEXT
    signature = bytes.fromhex("010000007fb38ec5c55d497600000000")
    assert security.is_signature(PLAINTEXT, signature)
    assert not security.is_signature(PLAINTEXT, signature)


@pytest.mark.parametrize("strong", [True, False])
@pytest.mark.parametrize("key_exchange", [True, False])
def test_our_direction(strong: bool, key_exchange: bool) -> None:
    security = MessageSecurity(KEY, strong, key_exchange, 1)
    magic = b"session key to server-to-client %s key magic constant\0"
    sign_key = hashlib.md5(KEY + magic % b"signing").digest()
    stream = RC4(hashlib.md5((KEY if strong else KEY[:7]) + magic % b"sealing").digest())
    for number in (1, 2):
        assert security.seal(b"data") == stream.update(b"data")
        checksum = hmac.digest(sign_key, number.to_bytes(4, "little") + b"message", "md5")[:8]
        expected = stream.update(checksum) if key_exchange else checksum
        assert security.sign(b"message") == b"\1\0\0\0" + expected + number.to_bytes(4, "little")


def test_wrong_lengths_are_wrong_signatures() -> None:
    security = MessageSecurity(KEY, strong=True, key_exchange=True)
    for signature in (b"", bytes(15), bytes(17)):
        assert not security.is_signature(b"message", signature)
