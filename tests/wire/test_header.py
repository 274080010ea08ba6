"""The SMB2 header, against the field table of [MS-SMB2] 2.2.1.2 and its asynchronous form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import header
from tests.wire.checks import accepted, quick
from tests.wire.strategies import HEADERS

# By the table: ProtocolId, 64, CreditCharge, Status, Command, Credit, Flags, NextCommand, MessageId, Reserved, TreeId,
# SessionId, Signature, each field of a different value.
SYNC = bytes.fromhex(
    "fe534d42 4000 0100 03000000 0800 2000 0c000000 70000000 0500000000000000 fffe0000 07000000 0900000000000000"
    "000102030405060708090a0b0c0d0e0f"
)


def test_golden() -> None:
    decoded = header.decode(memoryview(SYNC), 0)
    assert decoded == header.Header(
        b"\xfeSMB",
        64,
        1,
        3,
        header.READ,
        32,
        header.SIGNED | header.RELATED_OPERATIONS,
        0x70,
        5,
        0xFEFF,
        7,
        9,
        SYNC[48:],
    )
    assert header.encode(decoded) == SYNC
    assert SYNC[header.SIGNATURE_OFFSET :] == decoded.signature


def test_async_id_is_the_eight_bytes_at_32() -> None:
    frame = SYNC[:32] + bytes.fromhex("efcdab8967452301") + SYNC[40:]
    assert header.decode(memoryview(frame), 0).async_id == 0x0123456789ABCDEF


def test_a_header_inside_a_compound() -> None:
    assert header.decode(memoryview(bytes(8) + SYNC), 8).message_id == 5
    with pytest.raises(WireError):
        header.decode(memoryview(SYNC), 1)


def test_only_the_whole_header_is_taken() -> None:
    assert accepted(lambda frame: header.decode(frame, 0), memoryview(SYNC)) == [64]


@pytest.mark.parametrize("start", [b"\xffSMB\x40\0", b"\xfdSMB\x40\0", b"\xfeSMB\x3f\0", b"\xfeSMB\0\x40"])
def test_other_protocols_and_sizes_are_refused(start: bytes) -> None:
    with pytest.raises(WireError):
        header.decode(memoryview(start + SYNC[6:]), 0)


@quick
@given(HEADERS)
def test_round_trip(value: header.Header) -> None:
    assert header.decode(memoryview(header.encode(value)), 0) == value


@quick
@given(st.binary(min_size=58, max_size=58))
def test_bytes_round_trip(rest: bytes) -> None:
    frame = SYNC[:6] + rest
    assert header.encode(header.decode(memoryview(frame), 0)) == frame
