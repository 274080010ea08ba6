"""LOCK requests; the reply is in test_empty.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import lock
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick, up_to
from tests.wire.strategies import LOCK_REQUESTS


def test_captured() -> None:
    request = lock.decode(message(captured.LOCK_REQUEST))
    element = lock.LockElement(9999, 1, lock.UNLOCK, 0)
    first = lock.LockElement(9999, 1, 0, 0)
    assert request == lock.LockRequest(0, 0x075E1E67, 0xA2EFC591, (first, element))
    assert lock.encode(request) == captured.LOCK_REQUEST


def test_sequence_number_and_index() -> None:
    """[MS-SMB2] 2.2.26: the number is the four least significant bits, the index the other 28."""
    request = lock.LockRequest(0x405, 0, 0, ())
    assert (request.sequence_number, request.sequence_index) == (5, 64)


def test_prefixes() -> None:
    whole = message(captured.LOCK_REQUEST)
    assert accepted(lock.decode, whole) == [64 + 24 + 2 * 24]
    one = bytes(whole[:66]) + b"\x01\0" + bytes(whole[68:])
    assert accepted(lock.decode, memoryview(one)) == up_to(64 + 24 + 24, whole)  # what follows the last is ignored


@pytest.mark.parametrize("count", [0, 3, lock.MAX_LOCKS + 1, 0xFFFF])
def test_a_count_that_lies_is_refused(count: int) -> None:
    body = captured.LOCK_REQUEST
    with pytest.raises(WireError):
        lock.decode(message(body[:2] + count.to_bytes(2, "little") + body[4:]))


def test_the_most_locks_are_taken() -> None:
    request = lock.LockRequest(0, 1, 2, (lock.LockElement(0, 1, 2, 0),) * lock.MAX_LOCKS)
    assert lock.decode(message(lock.encode(request))) == request
    more = request._replace(locks=(*request.locks, request.locks[0]))
    with pytest.raises(WireError):
        lock.decode(message(lock.encode(more)))


@quick
@given(LOCK_REQUESTS)
def test_round_trip(request: lock.LockRequest) -> None:
    assert lock.decode(message(lock.encode(request))) == request


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(lock.decode, message(captured.LOCK_REQUEST), damage, junk)
