"""Signatures against RFC 4493, RFC 4231 and formulations of their own."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.crypto import signing

RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_4493_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@pytest.mark.parametrize(
    ("length", "mac"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_of_rfc_4493(length: int, mac: str) -> None:
    sign = signing.aes_cmac(RFC_4493_KEY)
    assert sign([RFC_4493_MESSAGE[:length]], 7, True, False).hex() == mac
    assert sign([b"", memoryview(RFC_4493_MESSAGE)[:length]], 8, False, True).hex() == mac  # the ids do not enter it


def test_hmac_of_rfc_4231_cut_to_sixteen_bytes() -> None:
    sign = signing.hmac_sha256(b"Jefe")
    parts: list[signing.Buffer] = [b"what do ya want ", bytearray(b"for nothing?")]
    assert sign(parts, 1, False, False).hex() == "5bdcc146bf60754e6a042426089575c7"


def _ghash(h: int, data: bytes) -> int:
    """GHASH of NIST SP800-38D 6.4, bit by bit."""
    y = 0
    for at in range(0, len(data), 16):
        y ^= int.from_bytes(data[at : at + 16], "big")
        product, v = 0, h
        for bit in range(127, -1, -1):
            if y >> bit & 1:
                product ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        y = product
    return y


def _gmac(key: bytes, nonce: bytes, message: bytes) -> bytes:
    """GMAC of NIST SP800-38D 6.4 and 7.1: GCM of nothing with the message as associated data."""
    encryptor = Cipher(AES(key), ECB()).encryptor()  # the bare block cipher is what the standard names
    h = int.from_bytes(encryptor.update(bytes(16)), "big")
    padded = message + bytes(-len(message) % 16) + (8 * len(message)).to_bytes(8, "big") + bytes(8)
    mask = encryptor.update(nonce + b"\0\0\0\x01")
    return bytes(x ^ y for x, y in zip(_ghash(h, padded).to_bytes(16, "big"), mask, strict=True))


@pytest.mark.parametrize("from_server", [False, True])
@pytest.mark.parametrize("is_cancel", [False, True])
def test_gmac_with_the_nonce_of_ms_smb2_3_1_4_1(from_server: bool, is_cancel: bool) -> None:
    key, message, message_id = b"0123456789abcdef", bytes(range(75)), 0x1122334455667788
    nonce = message_id.to_bytes(8, "little") + bytes((from_server + 2 * is_cancel, 0, 0, 0))
    expected = _gmac(key, nonce, message)
    assert signing.aes_gmac(key)([message[:64], message[64:]], message_id, from_server, is_cancel) == expected


@pytest.mark.parametrize("size", [100, 70_000, 384 * 1024 - 1, 384 * 1024, 500_000])
def test_gmac_joined_and_in_parts_are_the_same(size: int) -> None:
    message = hashlib.shake_128(b"message").digest(size)
    sign = signing.aes_gmac(bytes(16))
    pieces: list[signing.Buffer] = [memoryview(message)[:64], message[64:90], bytearray(message[90:])]
    assert sign(pieces, 5, True, False) == sign([message], 5, True, False)


@settings(deadline=None, max_examples=30)
@given(message=st.binary(max_size=200), cut=st.integers(0, 200), key=st.binary(min_size=16, max_size=16))
def test_a_signer_can_be_used_again_and_cuts_do_not_matter(message: bytes, cut: int, key: bytes) -> None:
    for make in (signing.hmac_sha256, signing.aes_cmac, signing.aes_gmac):
        sign = make(key)
        first = sign([message], 3, False, False)
        assert sign([message[:cut], memoryview(message)[cut:]], 3, False, False) == first
        assert len(first) == 16
    assert signing.hmac_sha256(key)([message], 0, False, False) == hmac.digest(key, message, "sha256")[:16]


def test_comparison() -> None:
    assert signing.equal(b"x" * 16, memoryview(b"x" * 16))
    assert not signing.equal(b"x" * 16, b"x" * 15 + b"y")
    assert not signing.equal(b"x" * 16, b"x" * 15)
