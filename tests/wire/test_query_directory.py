"""QUERY_DIRECTORY requests and replies; the entries are in test_directory_info.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import query_directory as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import DATA, QUERY_DIRECTORY_REQUESTS


def test_captured() -> None:
    request = wire.decode(message(captured.QUERY_DIRECTORY_REQUEST))
    assert request == wire.QueryDirectoryRequest(37, 0, 0, 0x8C1B22E8, 0x1087D2AC, 0x800000, "*")
    assert wire.encode(request) == captured.QUERY_DIRECTORY_REQUEST
    entries = wire.decode_response(message(captured.QUERY_DIRECTORY_NAMES_RESPONSE))
    assert len(entries) == 0x52
    assert wire.encode_response(len(entries)) + entries == captured.QUERY_DIRECTORY_NAMES_RESPONSE


def test_fields_are_where_the_table_says() -> None:
    """[MS-SMB2] 2.2.33: class, Flags, FileIndex, FileId, FileNameOffset 96, FileNameLength, OutputBufferLength."""
    body = bytes.fromhex(
        "2100 25 17 09000000 0600000000000000 0700000000000000 6000 0200 00000100 2a00".replace(" ", "")
    )
    flags = wire.RESTART_SCANS | wire.RETURN_SINGLE_ENTRY | wire.INDEX_SPECIFIED | wire.REOPEN
    assert wire.decode(message(body)) == wire.QueryDirectoryRequest(37, flags, 9, 6, 7, 0x10000, "*")
    assert body[wire.FILE_ID_OFFSET - 64 :][:16] == bytes.fromhex("0600000000000000 0700000000000000")


def test_prefixes() -> None:
    assert accepted(wire.decode, message(captured.QUERY_DIRECTORY_REQUEST)) == [98]
    whole = message(captured.QUERY_DIRECTORY_NAMES_RESPONSE)
    assert accepted(wire.decode_response, whole) == [len(whole)]


@pytest.mark.parametrize(("offset", "length"), [(95, 2), (97, 2), (96, 1), (96, 0xFFFE), (0, 2)])
def test_a_pattern_elsewhere_is_refused(offset: int, length: int) -> None:
    body = captured.QUERY_DIRECTORY_REQUEST
    with pytest.raises(WireError):
        wire.decode(message(body[:24] + offset.to_bytes(2, "little") + length.to_bytes(2, "little") + body[28:]))


@quick
@given(QUERY_DIRECTORY_REQUESTS)
def test_request_round_trip(request: wire.QueryDirectoryRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(DATA)
def test_response_round_trip(data: bytes) -> None:
    assert wire.decode_response(message(wire.encode_response(len(data)) + data)) == data


@quick
@given(damages(), st.binary(max_size=60))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.QUERY_DIRECTORY_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.QUERY_DIRECTORY_NAMES_RESPONSE), damage, junk)
