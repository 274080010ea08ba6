"""CHANGE_NOTIFY requests, replies and the list of changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt import changes
from smbserver.wire import change_notify as wire
from smbserver.wire.change_notify import NotifyEntry
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damaged, damages, hostile, linked, message, quick, tolerate
from tests.wire.strategies import CHANGE_NOTIFY_REQUESTS, NOTIFY_ENTRIES

# [MS-FSCC] 2.7.1: "a" renamed to "bcd"; 12 + 2 bytes padded to 16, 12 + 6 padded to 20.
RENAMED = bytes.fromhex("10000000 04000000 02000000 6100 0000 00000000 05000000 06000000 620063006400 0000")
RENAMED_ENTRIES = (
    NotifyEntry(changes.ACTION_RENAMED_OLD_NAME, "a"),
    NotifyEntry(changes.ACTION_RENAMED_NEW_NAME, "bcd"),
)


def test_captured() -> None:
    request = wire.decode(message(captured.CHANGE_NOTIFY_REQUEST))
    assert request == wire.ChangeNotifyRequest(0, 0x800000, 0x3877ED67, 0xC49F9E42, 0xFFF)
    assert wire.encode(request) == captured.CHANGE_NOTIFY_REQUEST
    entries = wire.decode_response(message(captured.CHANGE_NOTIFY_RESPONSE))
    assert entries == (NotifyEntry(changes.ACTION_ADDED, "smb2-notify01.dat"),)
    assert wire.encode_response(wire.encode_entries(entries)) == captured.CHANGE_NOTIFY_RESPONSE


def test_golden_list() -> None:
    assert wire.encode_entries(RENAMED_ENTRIES) == RENAMED
    assert wire.decode_entries(memoryview(RENAMED)) == RENAMED_ENTRIES


def test_an_empty_reply() -> None:
    """With NOTIFY_ENUM_DIR: nothing but the client's own look will help."""
    assert wire.encode_response(b"") == bytes.fromhex("0900 0000 00000000")
    assert wire.decode_response(message(wire.encode_response(b""))) == ()


def test_prefixes() -> None:
    assert accepted(wire.decode, message(captured.CHANGE_NOTIFY_REQUEST)) == [96]
    whole = message(captured.CHANGE_NOTIFY_RESPONSE)
    assert accepted(wire.decode_response, whole) == [len(whole)]
    assert accepted(wire.decode_entries, memoryview(RENAMED)) == [0, 34, 35, 36]  # 34: the last padding may be absent


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(linked((16, bytes.fromhex("01000000 06000000 61006200"))), id="next at the end"),
        pytest.param(linked((8, bytes(24))), id="next in its own entry"),
        pytest.param(linked((14, bytes(24))), id="next unaligned"),
        pytest.param(linked((16, bytes.fromhex("01000000 06000000 61006200")), (0, bytes(8))), id="name into the next"),
        pytest.param(linked((0, bytes.fromhex("01000000 01000000 61"))), id="odd name"),
        pytest.param(linked((0, bytes.fromhex("01000000 ffffffff 6100"))), id="name of 4 GiB"),
    ],
)
def test_lists_that_lie_are_refused(data: memoryview) -> None:
    with pytest.raises(WireError):
        wire.decode_entries(data)


@quick
@given(CHANGE_NOTIFY_REQUESTS)
def test_request_round_trip(request: wire.ChangeNotifyRequest) -> None:
    assert wire.decode(message(wire.encode(request))) == request


@quick
@given(NOTIFY_ENTRIES)
def test_response_round_trip(entries: tuple[NotifyEntry, ...]) -> None:
    assert wire.decode_response(message(wire.encode_response(wire.encode_entries(entries)))) == entries


@quick
@given(damages(), st.binary(max_size=60))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.CHANGE_NOTIFY_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.CHANGE_NOTIFY_RESPONSE), damage, junk)
    tolerate(wire.decode_entries, damaged(memoryview(RENAMED), damage, 0))
