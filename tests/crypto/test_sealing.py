"""Sealing against Microsoft's published messages, and what must not open.

"Encryption in SMB 3.0: a protocol perspective" (AES-128-CCM) and "SMB 3.1.1 Encryption in Windows 10" (AES-128-GCM),
both in Microsoft's Open Specifications blog. The 256-bit ciphers have no published example: test_openssl_agrees.
"""

from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from smbserver.crypto import sealing
from smbserver.errors import ProtocolViolation

CIPHERS = [sealing.AES_128_CCM, sealing.AES_128_GCM, sealing.AES_256_CCM, sealing.AES_256_GCM]


class Published(NamedTuple):
    """A transformed message and what is in it; `key` is that of whoever sealed it."""

    cipher: int
    key: str
    transformed: str
    plain: str


PUBLISHED = [
    Published(  # WRITE request
        sealing.AES_128_CCM,
        "261B72350558F2E9DCF613070383EDBF",
        "FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A"
        "744DA3EE87000000000001001100001400E4080025C8FEE16605A437832D1CD5"
        "2DA9F4645333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A4"
        "4C29BE5658DE2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5"
        "AA1DB43050B33B49182637759AC15D84BFCDF5B6B238993C0F4CF4D6012023F6"
        "C627297075D84B7803912D0A9639634453595EF3E33FFE4E7AC2AB",
        "FE534D4240000100000000000900400008000000000000000400000000000000"
        "FFFE0000010000001100001400E4080000000000000000000000000000000000"
        "3100700017000000000000000000000015010000390000020100000039020000"
        "00000000000000007000000000000000536D623320656E6372797074696F6E20"
        "74657374696E67",
    ),
    Published(  # READ response, by the server
        sealing.AES_128_CCM,
        "8FE2B57EC34D2DB5B1A9727F526BBDB5",
        "FD534D42ABD518B68C2F04D7879F482B689EB83F870000000000000011000014"
        "00E4080067000000000001001100001400E40800493D6FE2BDBEB435CF5F5469"
        "70C7BB57BF20E713C75A3D045507E0D68E5C0346659D6FFB8AC1504A786CA2BB"
        "89C9E7FE4F313E910A04180D2D0EA7DF636329E5A3285984500EF86FE9D55DA4"
        "FAB9531CFDD4C551D47F3C73124BB4590A45052B694048B991CCF5",
        "FE534D4240000100000000000800210009000000000000000500000000000000"
        "FFFE0000010000001100001400E4080000000000000000000000000000000000"
        "11005000170000000000000000000000536D623320656E6372797074696F6E20"
        "74657374696E67",
    ),
    Published(  # WRITE request
        sealing.AES_128_GCM,
        "A2F5E80E5D59103034F32E52F698E5EC",
        "FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000000087000000"
        "0000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02"
        "D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB4"
        "4576545567C24D4C014D47C9FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E9"
        "1AF013F00D17E3ABC2FC3D36C8C1B6B93973253852DBD442E46EE8",
        "FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000"
        "25000000001000000000000000000000000000000000000031007000170000000000000000000000"
        "0600000004000000010000000400000000000000000000007000000000000000536D623320656E63"
        "72797074696F6E2074657374696E67",
    ),
    Published(  # WRITE response, by the server
        sealing.AES_128_GCM,
        "748C50868C90F302962A5C35F5F9A8BF",
        "FD534D42ACBE1CB7ED343ADF1725EF144D90D4B0E06831DD2E8EB7B4000000000000000050000000"
        "00000100250000000010000026BBBF949983A6C1C796559D0F2C510CB651D1F7B6AC8DED32A2A0B8"
        "F2D793A815C6F6B848D69767A215841A42D400AE6DDB5F0B44173A014973321FDD7950DA6179159B"
        "82E03C9E18A050FF0EA1C967",
        "FE534D4240000100000000000900010001000000000000000500000000000000FFFE000001000000"
        "25000000001000000000000000000000000000000000000011000000170000000000000000000000",
    ),
]


@pytest.mark.parametrize("published", PUBLISHED)
def test_published_messages(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    message, key = bytes.fromhex(published.transformed), bytes.fromhex(published.key)
    plain = bytes.fromhex(published.plain)
    signature, nonce, associated = message[4:20], message[20:36], message[20:52]
    sealer = sealing.Sealer(published.cipher, key)
    monkeypatch.setattr(sealing, "MAX_MESSAGES", 2**128)
    sealer._count = int.from_bytes(nonce, "little") - 1  # the published nonces are no counters
    parts: list[sealing.Buffer] = [plain[:64], memoryview(plain)[64:]]
    assert _sealed(sealer, parts, associated[16:]) == (signature, associated, message[52:])
    opened = sealing.Opener(published.cipher, key).open(nonce, signature, memoryview(message)[52:], associated)
    assert opened == plain


def _sealed(sealer: sealing.Sealer, parts: list[sealing.Buffer], tail: bytes) -> tuple[bytes, bytes, bytes]:
    signature, associated, sealed = sealer.seal(parts, sum(map(len, parts)), tail)
    return signature, associated, b"".join(sealed)


def _pair(cipher: int) -> tuple[sealing.Sealer, sealing.Opener]:
    key = bytes(range(sealing.KEY_LENGTH[cipher]))
    return sealing.Sealer(cipher, key), sealing.Opener(cipher, key)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_openssl_agrees(cipher: int) -> None:
    key = bytes(range(sealing.KEY_LENGTH[cipher]))
    gcm = cipher in (sealing.AES_128_GCM, sealing.AES_256_GCM)
    sealer = sealing.Sealer(cipher, key)
    signature, associated, sealed = _sealed(sealer, [b"p"], b"aad")
    nonce = associated[:16]
    aead = AESGCM(key) if gcm else AESCCM(key)
    assert sealed + signature == aead.encrypt(nonce[: 12 if gcm else 11], b"p", nonce + b"aad")


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("size", [1, 80, 400_000])
def test_a_message_in_one_piece_is_sealed_where_it_is(cipher: int, size: int) -> None:
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    buffer = bytearray(plain + bytes(16) + b"and more")
    sealer, opener = _pair(cipher)
    whole = memoryview(buffer)
    signature, associated, parts = sealer.seal([whole[:size]], size, b"a" * 16, whole)
    assert b"".join(parts) == buffer[:size]
    assert (signature, associated, bytes(buffer[:size])) == _sealed(_pair(cipher)[0], [plain], b"a" * 16)
    assert buffer[size + 16 :] == b"and more"
    assert opener.open(associated[:16], signature, memoryview(bytes(buffer))[:size], associated) == plain


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("size", [32 * 1024 - 1, 32 * 1024, 100_000, 384 * 1024 - 81, 384 * 1024 - 80, 500_000])
def test_large_messages_sealed_in_place_are_the_same(cipher: int, size: int) -> None:
    key = bytes(range(sealing.KEY_LENGTH[cipher]))
    head, payload = bytes(80), bytes(range(256)) * (size // 256 + 1)
    sealer, opener = _pair(cipher)
    signature, associated, sealed = _sealed(sealer, [head, bytearray(payload)], b"a" * 16)
    nonce = associated[:16]
    gcm = cipher in (sealing.AES_128_GCM, sealing.AES_256_GCM)
    aead = AESGCM(key) if gcm else AESCCM(key)
    assert sealed + signature == aead.encrypt(nonce[: 12 if gcm else 11], head + payload, associated)
    for buffer in (sealed, bytearray(sealed)):
        assert opener.open(nonce, signature, memoryview(buffer), associated) == head + payload
    wider = memoryview(bytearray(sealed) + bytes(100))
    assert opener.open(nonce, signature, wider[: len(sealed)], associated, wider) == head + payload
    assert bytes(wider[len(sealed) + 16 :]) == bytes(84)
    broken = memoryview(bytearray(sealed) + bytes(100))
    broken[len(sealed) - 1] ^= 1
    for room in (None, broken):
        with pytest.raises(ProtocolViolation):
            opener.open(nonce, signature, broken[: len(sealed)], associated, room)


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("changed", ["signature", "sealed", "nonce", "associated", "short", "nothing"])
def test_only_what_was_sealed_opens(cipher: int, changed: str) -> None:
    sealer, opener = _pair(cipher)
    plain = b"plain text"
    signature, associated, sealed = _sealed(sealer, [plain], b"a" * 16)
    nonce = associated[:16]
    if changed == "nothing":
        assert opener.open(nonce, signature, memoryview(sealed), associated) == plain
        return
    if changed == "signature":
        signature = bytes((signature[0] ^ 1,)) + signature[1:]
    elif changed == "sealed":
        sealed = bytes((sealed[0] ^ 1,)) + sealed[1:]
    elif changed == "nonce":
        nonce = bytes((nonce[0] ^ 1,)) + nonce[1:]
    elif changed == "associated":
        associated = bytes((associated[0] ^ 1,)) + associated[1:]
    else:
        sealed = b""
    with pytest.raises(ProtocolViolation):
        opener.open(nonce, signature, memoryview(sealed), associated)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_no_nonce_comes_twice_within_what_the_cipher_uses(cipher: int) -> None:
    sealer, _ = _pair(cipher)
    nonces = [_sealed(sealer, [b"p"], b"")[1] for _ in range(1000)]
    assert all(len(nonce) == 16 for nonce in nonces)
    assert len({nonce[: sealing.NONCE_LENGTH[cipher]] for nonce in nonces}) == 1000


def test_a_key_ends_before_its_nonces_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MAX_MESSAGES", 3)
    sealer, _ = _pair(sealing.AES_128_GCM)
    _sealed(sealer, [b"p"], b"")
    _sealed(sealer, [b"p"], b"")
    for _ in range(2):
        with pytest.raises(ProtocolViolation):
            _sealed(sealer, [b"p"], b"")


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_key_of_the_wrong_length_is_refused(cipher: int) -> None:
    for make in (sealing.Sealer, sealing.Opener):
        with pytest.raises(ValueError):
            make(cipher, bytes(sealing.KEY_LENGTH[cipher] - 1))
