"""NEGOTIATE requests and replies, negotiate contexts, and the SMB1 request that leads to SMB2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import negotiate as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damaged, damages, hostile, message, quick, tolerate, up_to
from tests.wire.strategies import NEGOTIATE_REQUESTS, NEGOTIATE_RESPONSES, U16

# [MS-SMB2] 4.3 shows this one: one dialect 0x0202, signing enabled, no capabilities, no guid, no start time.
SIMPLEST = bytes.fromhex("2400 0100 0100 0000 00000000" + "00" * 16 + "0000000000000000 0202")

# The dialects of [MS-SMB2] 4.2, in its order.
SMB1_DIALECTS = (
    "PC NETWORK PROGRAM 1.0",
    "LANMAN1.0",
    "Windows for Workgroups 3.1a",
    "LM1.2X002",
    "LANMAN2.1",
    "NT LM 0.12",
    "SMB 2.002",
    "SMB 2.???",
)


def test_request_of_the_specification() -> None:
    request = wire.NegotiateRequest(wire.SIGNING_ENABLED, 0, bytes(16), (0x0202,), ())
    assert wire.decode(message(SIMPLEST)) == request
    assert wire.encode(request) == SIMPLEST


def test_captured_request() -> None:
    request = wire.decode(message(captured.NEGOTIATE_REQUEST))
    assert request.dialects == (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)
    kinds = [context.type for context in request.contexts]
    assert kinds == [
        wire.PREAUTH_INTEGRITY_CAPABILITIES,
        wire.ENCRYPTION_CAPABILITIES,
        wire.SIGNING_CAPABILITIES,
        wire.NETNAME_NEGOTIATE_CONTEXT_ID,
    ]
    data = [context.data for context in request.contexts]
    assert wire.decode_preauth(data[0]) == (wire.SHA_512,)
    assert wire.decode_algorithms(data[1]) == (wire.AES_128_GCM, wire.AES_128_CCM, wire.AES_256_GCM, wire.AES_256_CCM)
    assert wire.decode_algorithms(data[2]) == (wire.AES_GMAC, wire.AES_CMAC, wire.HMAC_SHA256)
    assert data[3].decode("utf-16-le") == "127.0.0.1"
    assert wire.encode(request) == captured.NEGOTIATE_REQUEST


def test_captured_response() -> None:
    response = wire.decode_response(message(captured.NEGOTIATE_RESPONSE))
    assert (response.dialect, response.security_mode) == (0x0311, wire.SIGNING_ENABLED)
    assert response.max_read_size == response.max_write_size == response.max_transact_size == 0x800000
    assert len(response.security_buffer) == 74
    preauth, cipher, signing = response.contexts
    assert preauth == wire.preauth_context(preauth.data[6:])
    assert cipher == wire.algorithm_context(wire.ENCRYPTION_CAPABILITIES, wire.AES_128_GCM)
    assert signing == wire.algorithm_context(wire.SIGNING_CAPABILITIES, wire.AES_GMAC)
    assert response.encode() == captured.NEGOTIATE_RESPONSE


def test_prefixes() -> None:
    assert accepted(wire.decode, message(SIMPLEST)) == [102]
    whole = message(captured.NEGOTIATE_REQUEST)
    assert accepted(wire.decode, whole) == [len(whole)]
    response = message(captured.NEGOTIATE_RESPONSE)
    assert accepted(wire.decode_response, response) == [len(response)]


def test_contexts_are_not_looked_at_without_3_1_1() -> None:
    """The field is ClientStartTime then ([MS-SMB2] 2.2.3)."""
    body = SIMPLEST[:28] + b"\xff" * 8 + SIMPLEST[36:]
    assert wire.decode(message(body)).contexts == ()


@pytest.mark.parametrize(
    ("offset", "count"),
    [
        pytest.param(0x70, 5, id="one more than there are"),
        pytest.param(0x70, 0xFFFF, id="too many"),
        pytest.param(0x71, 1, id="unaligned"),
        pytest.param(0x60, 1, id="inside the fixed part"),
        pytest.param(0, 1, id="at the header"),
        pytest.param(0xE0, 1, id="behind the message"),
        pytest.param(0xFFFFFFF8, 1, id="backwards, read as signed"),
    ],
)
def test_contexts_elsewhere_are_refused(offset: int, count: int) -> None:
    body = captured.NEGOTIATE_REQUEST
    lie = body[:28] + offset.to_bytes(4, "little") + count.to_bytes(2, "little") + body[34:]
    with pytest.raises(WireError):
        wire.decode(message(lie))


def test_a_context_longer_than_the_message_is_refused() -> None:
    body = captured.NEGOTIATE_REQUEST
    with pytest.raises(WireError):
        wire.decode(message(body[:0x32] + b"\xff\xff" + body[0x34:]))


@pytest.mark.parametrize("count", [2, wire.MAX_DIALECTS + 1, 0xFFFF])
def test_a_dialect_count_that_lies_is_refused(count: int) -> None:
    with pytest.raises(WireError):
        wire.decode(message(SIMPLEST[:2] + count.to_bytes(2, "little") + SIMPLEST[4:]))


def test_no_dialects_is_the_commands_business() -> None:
    assert wire.decode(message(SIMPLEST[:2] + b"\0\0" + SIMPLEST[4:])).dialects == ()


@pytest.mark.parametrize("data", ["", "01", "0100", "02000100", "ffff0100"])
def test_algorithm_lists_that_lie_are_refused(data: str) -> None:
    with pytest.raises(WireError):
        wire.decode_algorithms(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["", "010000", "00000000", "01000000", "010004000100aabbcc", "0100ffff0100"])
def test_preauth_contexts_that_lie_are_refused(data: str) -> None:
    with pytest.raises(WireError):
        wire.decode_preauth(bytes.fromhex(data))


@quick
@given(NEGOTIATE_REQUESTS)
def test_request_round_trip(request: wire.NegotiateRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(NEGOTIATE_RESPONSES)
def test_response_round_trip(response: wire.NegotiateResponse) -> None:
    assert wire.decode_response(message(response.encode())) == response


@quick
@given(st.lists(U16, min_size=1, max_size=9).map(tuple), st.binary(max_size=40))
def test_context_data_round_trip(numbers: tuple[int, ...], salt: bytes) -> None:
    assert wire.decode_algorithms(wire.encode_algorithms(numbers)) == numbers
    assert wire.decode_preauth(wire.encode_preauth(numbers, salt)) == numbers


@quick
@given(damages(), st.binary(max_size=100))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.NEGOTIATE_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.NEGOTIATE_RESPONSE), damage, junk)
    tolerate(lambda data: wire.decode_algorithms(bytes(data)), memoryview(junk))
    tolerate(lambda data: wire.decode_preauth(bytes(data)), memoryview(junk))


# SMB1


def test_smb1_golden() -> None:
    """[MS-CIFS] 2.2.4.52: WordCount 0, ByteCount, then 0x02 and a name for each. [MS-SMB2] 4.2 counts 120 bytes."""
    frame = wire.encode_smb1_dialects(SMB1_DIALECTS)
    assert frame[:5] == b"\xffSMB\x72"
    assert frame[32:35] == b"\0\x78\0"
    assert frame[35:60] == b"\x02PC NETWORK PROGRAM 1.0\0\x02"
    assert wire.decode_smb1_dialects(memoryview(frame)) == SMB1_DIALECTS


def test_smb1_prefixes() -> None:
    whole = memoryview(wire.encode_smb1_dialects(SMB1_DIALECTS) + b"trailing")
    assert accepted(wire.decode_smb1_dialects, whole) == up_to(35 + 120, whole)


@pytest.mark.parametrize("tail", ["00 0000", "00 0300 027841", "00 0300 037800", "01 0000 0000", "00 0100 00"])
def test_smb1_lists_that_lie_are_refused(tail: str) -> None:
    frame = wire.encode_smb1_dialects(())[:32] + bytes.fromhex(tail)
    with pytest.raises(WireError):
        wire.decode_smb1_dialects(memoryview(frame))


@quick
@given(damages(), st.binary(max_size=100))
def test_smb1_rubbish(damage: Damage, junk: bytes) -> None:
    frame = memoryview(wire.encode_smb1_dialects(SMB1_DIALECTS))
    tolerate(wire.decode_smb1_dialects, damaged(frame, damage, 4))
    tolerate(wire.decode_smb1_dialects, memoryview(bytes(frame[:32]) + junk))
