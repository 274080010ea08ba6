"""SET_INFO requests and replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import file_info, query_info
from smbserver.wire import set_info as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import SET_INFO_REQUESTS


def test_captured() -> None:
    request = wire.decode(message(captured.SET_INFO_REQUEST))
    assert request[:5] == (query_info.INFO_FILE, file_info.RENAME, 0, 0xA2348E63, 0xBAA9BA32)
    assert file_info.decode_rename(request.data) == file_info.RenameTarget(False, 0, "moved.txt")
    assert wire.encode(request) == captured.SET_INFO_REQUEST
    assert captured.SET_INFO_RESPONSE == wire.RESPONSE_BODY
    wire.decode_response(message(captured.SET_INFO_RESPONSE))


def test_prefixes() -> None:
    whole = message(captured.SET_INFO_REQUEST)
    assert accepted(wire.decode, whole) == [len(whole)]
    assert accepted(wire.decode_response, message(wire.RESPONSE_BODY)) == [66]


@pytest.mark.parametrize(("length", "offset"), [(38, 95), (39, 96), (1, 0xFFFF), (0xFFFFFFFF, 96), (38, 0)])
def test_data_elsewhere_is_refused(length: int, offset: int) -> None:
    body = captured.SET_INFO_REQUEST
    with pytest.raises(WireError):
        wire.decode(message(body[:4] + length.to_bytes(4, "little") + offset.to_bytes(2, "little") + body[10:]))


@quick
@given(SET_INFO_REQUESTS)
def test_round_trip(request: wire.SetInfoRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(damages(), st.binary(max_size=60))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.SET_INFO_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.SET_INFO_RESPONSE), damage, junk)
