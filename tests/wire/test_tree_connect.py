"""TREE_CONNECT requests and replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import tree_connect as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import TREE_CONNECT_REQUESTS, TREE_CONNECT_RESPONSES


def test_captured() -> None:
    request = wire.decode(message(captured.TREE_CONNECT_REQUEST))
    assert request == wire.TreeConnectRequest(0, r"\\127.0.0.1\IPC$")
    assert wire.encode(request) == captured.TREE_CONNECT_REQUEST
    response = wire.decode_response(message(captured.TREE_CONNECT_RESPONSE))
    assert response == wire.TreeConnectResponse(wire.SHARE_TYPE_PIPE, 0, 0, 0x001F00A9)
    assert wire.encode_response(*response) == captured.TREE_CONNECT_RESPONSE


def test_response_fields_are_where_the_table_says() -> None:
    """[MS-SMB2] 2.2.10: 16, ShareType, Reserved, ShareFlags, Capabilities, MaximalAccess."""
    body = bytes.fromhex("1000 01 00 30800000 08000000 ff011f00")
    flags = wire.SHAREFLAG_NO_CACHING | wire.SHAREFLAG_ENCRYPT_DATA
    assert wire.encode_response(wire.SHARE_TYPE_DISK, flags, 8, 0x001F01FF) == body


def test_prefixes() -> None:
    assert accepted(wire.decode, message(captured.TREE_CONNECT_REQUEST)) == [104]
    assert accepted(wire.decode_response, message(captured.TREE_CONNECT_RESPONSE)) == [80]


def test_a_path_of_odd_or_great_length_is_refused() -> None:
    body = captured.TREE_CONNECT_REQUEST
    with pytest.raises(WireError):
        wire.decode(message(body[:6] + b"\x1f\0" + body[8:]))
    longest = wire.TreeConnectRequest(0, "x" * wire.MAX_PATH_UNITS)
    assert wire.decode(message(wire.encode(longest))) == longest
    with pytest.raises(WireError):
        wire.decode(message(wire.encode(longest._replace(path=longest.path + "x"))))


@quick
@given(TREE_CONNECT_REQUESTS)
def test_request_round_trip(request: wire.TreeConnectRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(TREE_CONNECT_RESPONSES)
def test_response_round_trip(response: wire.TreeConnectResponse) -> None:
    assert wire.decode_response(message(wire.encode_response(*response))) == response


@quick
@given(damages(), st.binary(max_size=60))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.TREE_CONNECT_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.TREE_CONNECT_RESPONSE), damage, junk)
