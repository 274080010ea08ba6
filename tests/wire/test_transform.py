"""The transform header, against the field table of [MS-SMB2] 2.2.41."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import transform
from smbserver.wire.header import TRANSFORM_ID
from tests.wire.checks import Damage, accepted, damaged, damages, quick, tolerate
from tests.wire.strategies import TRANSFORM_HEADERS

SIGNATURE = bytes(range(16))
NONCE = bytes(range(16, 32))
# ProtocolId, Signature, Nonce, OriginalMessageSize 3, Reserved, Flags, SessionId; then the 3 bytes.
FRAME = b"\xfdSMB" + SIGNATURE + NONCE + bytes.fromhex("03000000 0000 0100 0900000000000000") + b"abc"


def test_golden() -> None:
    value = transform.decode(memoryview(FRAME))
    assert value == transform.TransformHeader(TRANSFORM_ID, SIGNATURE, NONCE, 3, 0, transform.FLAG_ENCRYPTED, 9)
    assert transform.encode(value) == FRAME[: transform.SIZE]
    assert FRAME[transform.AUTHENTICATED_FROM :].startswith(NONCE)


def test_prefixes() -> None:
    assert accepted(transform.decode, memoryview(FRAME)) == [55]  # the size it names must be what came


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\xfeSMB" + FRAME[4:], id="protocol"),
        pytest.param(FRAME + b"d", id="longer than it says"),
        pytest.param(FRAME[:36] + b"\xff\xff\xff\xff" + FRAME[40:], id="4 GiB"),
        pytest.param(FRAME[:42] + b"\x02\0" + FRAME[44:], id="another algorithm"),
        pytest.param(FRAME[:42] + b"\0\0" + FRAME[44:], id="not encrypted"),
    ],
)
def test_lies_are_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        transform.decode(memoryview(frame))


@quick
@given(TRANSFORM_HEADERS)
def test_round_trip(value: transform.TransformHeader) -> None:
    frame = transform.encode(value) + bytes(value.original_message_size)
    assert transform.decode(memoryview(frame)) == value


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    tolerate(transform.decode, damaged(memoryview(FRAME), damage, 0))
    tolerate(transform.decode, memoryview(junk))
