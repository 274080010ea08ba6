"""IOCTL requests and replies, and the data of FSCTL_VALIDATE_NEGOTIATE_INFO."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import ioctl as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damaged, damages, hostile, message, quick, tolerate, up_to
from tests.wire.strategies import DATA, IOCTL_REQUESTS, U32, U64, VALIDATE_NEGOTIATE

# [MS-SMB2] 2.2.31.4: Capabilities, Guid, SecurityMode, DialectCount 2, Dialects.
VALIDATE = bytes.fromhex("7f000000 000102030405060708090a0b0c0d0e0f 0100 0200 1002 0003")


def test_captured_request() -> None:
    request = wire.decode(message(captured.IOCTL_REQUEST))
    assert request[:6] == (wire.FSCTL_DFS_GET_REFERRALS, wire.NO_FILE_ID, wire.NO_FILE_ID, 0, 0xFFFF, wire.IS_FSCTL)
    assert bytes(request.input[2:]).decode("utf-16-le") == "\\127.0.0.1\\share\0"
    # The client lets OutputOffset point at its input; we write the 0 that [MS-SMB2] 2.2.31 asks for.
    body = bytearray(captured.IOCTL_REQUEST)
    body[36:40] = bytes(4)
    assert wire.encode(request) == body


def test_captured_response() -> None:
    response = wire.decode_response(message(captured.IOCTL_RESPONSE))
    assert (*response[:4], bytes(response[4])) == (wire.FSCTL_SRV_COPYCHUNK, 0x73684AF5, 0x6B22F065, 0, b"")
    assert response.output == bytes.fromhex("01000000 00000000 00100000")
    encoded = wire.encode_response(response.ctl_code, *response[1:3], bytes(response.output))
    assert encoded == captured.IOCTL_RESPONSE


def test_file_id_is_where_dispatch_looks() -> None:
    assert captured.IOCTL_REQUEST[wire.FILE_ID_OFFSET - 64 :][:16] == b"\xff" * 16


def test_prefixes() -> None:
    whole = message(captured.IOCTL_REQUEST)
    assert accepted(wire.decode, whole) == [len(whole)]
    response = message(captured.IOCTL_RESPONSE)
    assert accepted(wire.decode_response, response) == [len(response)]


@pytest.mark.parametrize(
    ("offset", "count"), [(119, 1), (0, 36), (121, 36), (120, 37), (120, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)]
)
def test_input_elsewhere_is_refused(offset: int, count: int) -> None:
    body = captured.IOCTL_REQUEST
    lie = body[:24] + offset.to_bytes(4, "little") + count.to_bytes(4, "little") + body[32:]
    with pytest.raises(WireError):
        wire.decode(message(lie))


@pytest.mark.parametrize("place", [24, 32])
def test_a_reply_pointing_elsewhere_is_refused(place: int) -> None:
    body = captured.IOCTL_RESPONSE
    lie = body[:place] + (111).to_bytes(4, "little") + (4).to_bytes(4, "little") + body[place + 8 :]
    with pytest.raises(WireError):
        wire.decode_response(message(lie))


def test_validate_negotiate_golden() -> None:
    info = wire.ValidateNegotiateInfo(0x7F, bytes(range(16)), 1, (0x0210, 0x0300))
    assert wire.decode_validate_negotiate(memoryview(VALIDATE)) == info
    assert wire.encode_validate_negotiate(info) == VALIDATE
    assert accepted(wire.decode_validate_negotiate, memoryview(VALIDATE)) == [28]


def test_validate_negotiate_reply_golden() -> None:
    data = memoryview(VALIDATE[:22] + bytes.fromhex("0003"))
    reply = wire.ValidateNegotiateReply(0x7F, bytes(range(16)), 1, 0x0300)
    assert wire.decode_validate_negotiate_reply(data) == reply
    assert wire.VALIDATE_NEGOTIATE_RESPONSE.pack(*reply) == data
    assert accepted(wire.decode_validate_negotiate_reply, data) == [24]


@pytest.mark.parametrize("count", [3, 0xFFFF])
def test_a_dialect_count_that_lies_is_refused(count: int) -> None:
    with pytest.raises(WireError):
        wire.decode_validate_negotiate(memoryview(VALIDATE[:22] + count.to_bytes(2, "little") + VALIDATE[24:]))


@pytest.mark.parametrize(
    ("code", "flags", "needed"),
    [
        (wire.FSCTL_PIPE_TRANSCEIVE, wire.IS_FSCTL, True),
        (wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS, wire.IS_FSCTL, True),
        (0x00091234, wire.IS_FSCTL, True),
        (wire.FSCTL_VALIDATE_NEGOTIATE_INFO, wire.IS_FSCTL, False),
        (wire.FSCTL_PIPE_WAIT, wire.IS_FSCTL, False),
        (wire.FSCTL_PIPE_TRANSCEIVE, 0, False),
    ],
)
def test_which_requests_work_on_an_open(code: int, flags: int, needed: bool) -> None:
    request = wire.IoctlRequest(code, 1, 1, 0, 0, flags, memoryview(b""))
    assert wire.needs_open(message(wire.encode(request))) is needed


@quick
@given(IOCTL_REQUESTS)
def test_request_round_trip(request: wire.IoctlRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(U32, U64, U64, DATA)
def test_response_round_trip(code: int, persistent: int, volatile: int, output: bytes) -> None:
    decoded = wire.decode_response(message(wire.encode_response(code, persistent, volatile, output)))
    assert (*decoded[:4], bytes(decoded[4]), bytes(decoded[5])) == (code, persistent, volatile, 0, b"", output)


@quick
@given(VALIDATE_NEGOTIATE)
def test_validate_negotiate_round_trip(info: wire.ValidateNegotiateInfo) -> None:
    data = wire.encode_validate_negotiate(info)
    assert wire.decode_validate_negotiate(memoryview(data)) == info
    assert accepted(wire.decode_validate_negotiate, memoryview(data)) == up_to(len(data), memoryview(data))


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.IOCTL_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.IOCTL_RESPONSE), damage, junk)
    tolerate(wire.decode_validate_negotiate, damaged(memoryview(VALIDATE), damage, 0))
    tolerate(wire.decode_validate_negotiate_reply, memoryview(junk))
