"""SESSION_SETUP requests and replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import session_setup as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import SESSION_SETUP_REQUESTS, SESSION_SETUP_RESPONSES

# [MS-SMB2] 2.2.5: 25, Flags, SecurityMode, Capabilities, Channel, offset 88, length 3, PreviousSessionId, token.
REQUEST = bytes.fromhex("1900 01 02 01000000 00000000 5800 0300 0900000000000000 616263")


def test_request_golden() -> None:
    request = wire.SessionSetupRequest(wire.SESSION_FLAG_BINDING, 2, 1, 9, b"abc")
    assert wire.decode(message(REQUEST)) == request
    assert wire.encode(request) == REQUEST


def test_captured_response() -> None:
    decoded = wire.decode_response(message(captured.SESSION_SETUP_RESPONSE))
    assert decoded == wire.SessionSetupResponse(wire.SESSION_FLAG_IS_GUEST, bytes.fromhex("a1073005a0030a0100"))
    assert wire.encode_response(*decoded) == captured.SESSION_SETUP_RESPONSE


def test_prefixes() -> None:
    assert accepted(wire.decode, message(REQUEST)) == [91]
    assert accepted(wire.decode_response, message(captured.SESSION_SETUP_RESPONSE)) == [81]


@pytest.mark.parametrize(("offset", "length"), [(87, 3), (0, 3), (89, 3), (88, 4), (0xFFFF, 0xFFFF)])
def test_a_token_elsewhere_is_refused(offset: int, length: int) -> None:
    place = offset.to_bytes(2, "little") + length.to_bytes(2, "little")
    with pytest.raises(WireError):
        wire.decode(message(REQUEST[:12] + place + REQUEST[16:]))


@quick
@given(SESSION_SETUP_REQUESTS)
def test_request_round_trip(request: wire.SessionSetupRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(SESSION_SETUP_RESPONSES)
def test_response_round_trip(response: wire.SessionSetupResponse) -> None:
    assert wire.decode_response(message(wire.encode_response(*response))) == response


@quick
@given(damages(), st.binary(max_size=60))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.SESSION_SETUP_RESPONSE), damage, junk)
