"""RC4 against RFC 6229 and against a second formulation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.crypto.rc4 import RC4

# RFC 6229, section 2: key length in bits, offset, 16 bytes of the keystream.
VECTORS = [
    ("0102030405", 0, "b2396305f03dc027ccc3524a0a1118a8"),
    ("0102030405", 16, "6982944f18fc82d589c403a47a0d0919"),
    ("0102030405", 240, "28cb1132c96ce286421dcaadb8b69eae"),
    ("01020304050607", 0, "293f02d47f37c9b633f2af5285feb46b"),
    ("0102030405060708", 0, "97ab8a1bf0afb96132f2f67258da15a8"),
    ("0102030405060708090a0b0c0d0e0f10", 0, "9ac7cc9a609d1ef7b2932899cde41b97"),
    ("0102030405060708090a0b0c0d0e0f10", 16, "5248c4959014126a6e8a84f11d1a9e1c"),
]


@pytest.mark.parametrize(("key", "offset", "keystream"), VECTORS)
def test_rfc_6229(key: str, offset: int, keystream: str) -> None:
    cipher = RC4(bytes.fromhex(key))
    assert cipher.update(bytes(offset + 16))[offset:].hex() == keystream


@settings(deadline=None, max_examples=30)
@given(key=st.binary(min_size=1, max_size=32), pieces=st.lists(st.binary(max_size=40), max_size=6))
def test_the_keystream_goes_on_from_call_to_call(key: bytes, pieces: list[bytes]) -> None:
    whole, stepwise = RC4(key), RC4(key)
    sealed = b"".join(stepwise.update(piece) for piece in pieces)
    assert sealed == whole.update(b"".join(pieces))
    assert RC4(key).update(sealed) == b"".join(pieces)
