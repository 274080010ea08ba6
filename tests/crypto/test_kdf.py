"""Key derivation against Microsoft's published examples and against another implementation of SP800-108.

The examples stand in the Open Specifications blog: "SMB 2 and SMB 3 security in Windows 10: the anatomy of signing and
cryptographic keys" (both appendices), "Encryption in SMB 3.0: a protocol perspective", "SMB 3.1.1 Encryption in Windows
10". Their EncryptionKey is the client's, which is our decryption key.
"""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.crypto import kdf


def _keys(signing: str, encryption: str, decryption: str, application: str) -> kdf.SessionKeys:
    return kdf.SessionKeys(*map(bytes.fromhex, (signing, encryption, decryption, application)))


def test_smb_3_0_of_the_anatomy() -> None:
    assert kdf.keys_300(bytes.fromhex("7CD451825D0450D235424E44BA6E78CC")) == _keys(
        "0B7E9C5CAC36C0F6EA9AB275298CEDCE",
        "B0F0427F7CEB416D1D9DCC0CD4F99447",
        "FAD27796665B313EBB578F388632B4F7",
        "BB23A4575AA26C721AF525AF15A87B4F",
    )


def test_smb_3_0_second_channel_of_the_anatomy() -> None:
    keys = kdf.keys_300(bytes.fromhex("4E01A2B313BCF660CC250BEF021AEDE6"))
    assert keys.signing.hex().upper() == "BA1A17DBBFEC349BCA105563D598952F"


def test_smb_3_0_of_the_encryption_example() -> None:
    assert kdf.keys_300(bytes.fromhex("B4546771B515F766A86735532DD6C4F0")) == _keys(
        "F773CD23C18FD1E08EE510CADA7CF852",
        "8FE2B57EC34D2DB5B1A9727F526BBDB5",
        "261B72350558F2E9DCF613070383EDBF",
        "77432F808CE99156B5BC6A3676D730D1",
    )


def test_smb_3_1_1_of_the_anatomy() -> None:
    preauth_hash = bytes.fromhex(
        "0DD13628CC3ED218EF9DF9772D436D0887AB9814BFAE63A80AA845F36909DB79"
        "28622DDDAD522D9751640A459762C5A9D6BB084CBB3CE6BDADEF5D5BCE3C6C01"
    )
    assert kdf.keys_311(bytes.fromhex("270E1BA896585EEB7AF3472D3B4C75A7"), preauth_hash, 16) == _keys(
        "73FE7A9A77BEF0BDE49C650D8CCB5F76",
        "E2AF0DCEFAC68DA71A0DFBD0D1350D74",
        "629BCBC54422A0F572B97F45989B6073",
        "6D7AD7954E9EC61E907B4D473DC178FF",
    )


def test_smb_3_1_1_of_the_encryption_example() -> None:
    preauth_hash = bytes.fromhex(
        "B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDB"
        "A7DB256BA2EA30E977F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770"
    )
    keys = kdf.keys_311(bytes.fromhex("419FDDF34C1E001909D362AE7FB6AF79"), preauth_hash, 16)
    assert keys.decryption.hex().upper() == "A2F5E80E5D59103034F32E52F698E5EC"
    assert keys.encryption.hex().upper() == "748C50868C90F302962A5C35F5F9A8BF"


def test_2x_signs_with_the_session_key_and_has_no_other() -> None:
    assert kdf.keys_2x(b"k" * 16) == (b"k" * 16, b"", b"", b"k" * 16)


@pytest.mark.parametrize("length", [16, 32])
@settings(deadline=None, max_examples=20)
@given(key=st.binary(min_size=16, max_size=32), label=st.binary(max_size=20), context=st.binary(max_size=64))
def test_like_another_sp800_108(length: int, key: bytes, label: bytes, context: bytes) -> None:
    other = KBKDFHMAC(
        algorithm=SHA256(),
        mode=Mode.CounterMode,
        length=length,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=label,
        context=context,
        fixed=None,
    )
    assert kdf.derive(key, label, context, length) == other.derive(key)


def test_256_bit_ciphers_have_long_cipher_keys_and_short_other_keys() -> None:
    keys = kdf.keys_311(b"k" * 16, bytes(64), 32)
    assert [len(key) for key in keys] == [16, 32, 32, 16]
    assert keys.encryption[:16] != kdf.keys_311(b"k" * 16, bytes(64), 16).encryption  # the length is part of the input
