"""OPLOCK_BREAK: the six messages that share a command code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import oplock_break as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import LEASE_ACKNOWLEDGEMENTS, LEASE_NOTIFICATIONS, OPLOCK_BREAKS

KEY = bytes.fromhex("0df0dde0fe0fdcbaf20f221f01f02345")
RH = wire.LEASE_READ_CACHING | wire.LEASE_HANDLE_CACHING


def test_captured_oplock() -> None:
    value = wire.OplockBreak(wire.LEVEL_II, 0xBCB0650A, 0xB00AF3D4)
    assert wire.decode_notification(message(captured.OPLOCK_BREAK_NOTIFICATION)) == value
    assert wire.decode(message(captured.OPLOCK_BREAK_ACKNOWLEDGEMENT)) == value
    assert wire.decode_response(message(captured.OPLOCK_BREAK_ACKNOWLEDGEMENT)) == value
    assert value.encode() == captured.OPLOCK_BREAK_NOTIFICATION == captured.OPLOCK_BREAK_ACKNOWLEDGEMENT


def test_captured_lease_notification() -> None:
    value = wire.LeaseBreakNotification(0x4714, wire.NOTIFY_ACK_REQUIRED, KEY, RH | wire.LEASE_WRITE_CACHING, RH)
    assert wire.decode_notification(message(captured.LEASE_BREAK_NOTIFICATION)) == value
    assert value.encode() == captured.LEASE_BREAK_NOTIFICATION


def test_captured_lease_acknowledgement() -> None:
    value = wire.LeaseBreakAcknowledgement(KEY, RH)
    assert wire.decode(message(captured.LEASE_BREAK_ACKNOWLEDGEMENT)) == value
    assert value.encode() == captured.LEASE_BREAK_ACKNOWLEDGEMENT


def test_prefixes() -> None:
    assert accepted(wire.decode, message(captured.OPLOCK_BREAK_ACKNOWLEDGEMENT)) == [88]
    assert accepted(wire.decode, message(captured.LEASE_BREAK_ACKNOWLEDGEMENT)) == [100]
    assert accepted(wire.decode_notification, message(captured.LEASE_BREAK_NOTIFICATION)) == [108]


def test_a_message_of_the_wrong_direction_is_refused() -> None:
    with pytest.raises(WireError):
        wire.decode(message(captured.LEASE_BREAK_NOTIFICATION))
    with pytest.raises(WireError):
        wire.decode_notification(message(captured.LEASE_BREAK_ACKNOWLEDGEMENT))


@quick
@given(OPLOCK_BREAKS | LEASE_ACKNOWLEDGEMENTS)
def test_acknowledgement_round_trip(value: wire.OplockBreak | wire.LeaseBreakAcknowledgement) -> None:
    decoded = wire.decode(message(value.encode()))
    assert (type(decoded), decoded) == (type(value), value)


@quick
@given(OPLOCK_BREAKS | LEASE_NOTIFICATIONS)
def test_notification_round_trip(value: wire.OplockBreak | wire.LeaseBreakNotification) -> None:
    decoded = wire.decode_notification(message(value.encode()))
    assert (type(decoded), decoded) == (type(value), value)


@quick
@given(damages(), st.binary(max_size=60))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    for body in (captured.OPLOCK_BREAK_ACKNOWLEDGEMENT, captured.LEASE_BREAK_ACKNOWLEDGEMENT):
        hostile(wire.decode, message(body), damage, junk)
    hostile(wire.decode_notification, message(captured.LEASE_BREAK_NOTIFICATION), damage, junk)
