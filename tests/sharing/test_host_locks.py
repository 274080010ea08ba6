"""What local programs are told of byte-range locks: the union in pieces, refusals, and who is asked again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.sharing.byte_locks import ByteLocks, LockRegister, Range
from smbserver.sharing.host_locks import EXCLUSIVE, FREE, SHARED, Piece, union

ONE, OTHER = object(), object()
SIZE = 24
LOCKS = st.lists(st.tuples(st.integers(0, SIZE), st.integers(-1, SIZE), st.booleans()), max_size=8)


class Host:
    """A mirror that keeps one kind for each byte; `taken` are the bytes of a local program."""

    def __init__(self, taken: set[int] | None = None) -> None:
        self.kinds = [FREE] * SIZE
        self.taken = taken or set()
        self.closed = False

    def set(self, first: int, last: int, kind: int) -> bool:
        if kind != FREE and not self.taken.isdisjoint(range(first, last + 1)):
            return False
        self.kinds[first : last + 1] = [kind] * (last + 1 - first)
        return True

    def close(self) -> None:
        self.closed = True
        self.kinds = [FREE] * SIZE


@given(LOCKS, st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))
@settings(max_examples=200, deadline=None)
def test_the_union_is_the_strongest_lock_on_each_byte(locks: list[tuple[int, int, bool]], one: int, two: int) -> None:
    first, last = min(one, two), max(one, two)
    pieces = union(locks, first, last)
    found = [piece.kind for piece in pieces for _ in range(piece.first, piece.last + 1)]
    covering = [[exclusive for begin, end, exclusive in locks if begin <= at <= end] for at in range(first, last + 1)]
    assert found == [EXCLUSIVE if any(each) else SHARED if each else FREE for each in covering]
    assert all(before.last + 1 == after.first for before, after in pairwise(pieces))
    assert all(before.kind != after.kind for before, after in pairwise(pieces))


def test_a_range_without_locks_is_one_piece() -> None:
    assert union([], 3, 1 << 64) == [Piece(3, 1 << 64, FREE)]


def test_a_lock_that_is_left_stays_when_its_neighbour_goes() -> None:
    host = Host()
    locks = ByteLocks(LockRegister(), host)
    locks.take(ONE, [Range(0, 10, False)])
    locks.take(OTHER, [Range(5, 10, False)])
    locks.take(ONE, [Range(20, 2, True), Range(30, 0, True)])
    assert host.kinds == [SHARED] * 15 + [FREE] * 5 + [EXCLUSIVE] * 2 + [FREE] * 2
    locks.unlock(ONE, 0, 10)
    assert host.kinds[:16] == [FREE] * 5 + [SHARED] * 10 + [FREE]
    locks.release(OTHER)
    locks.release(ONE)
    assert host.kinds == [FREE] * SIZE
    locks.end()
    assert host.closed


def test_what_a_local_program_has_is_not_granted_and_leaves_nothing() -> None:
    host = Host({7})
    register = LockRegister()
    locks = ByteLocks(register, host)
    locks.take(ONE, [Range(5, 1, False)])
    with pytest.raises(StatusError) as refusal:
        locks.take(ONE, [Range(0, 4, True), Range(5, 3, False)])
    assert refusal.value.status == status.LOCK_NOT_GRANTED
    assert host.kinds == [FREE] * 5 + [SHARED] + [FREE] * 18
    assert len(locks) == register.count == 1
    assert not register.refused


def test_who_waits_for_a_local_program_is_asked_again() -> None:
    host = Host({7})
    register = LockRegister()
    locks = ByteLocks(register, host)
    waiter = locks.wait_for(ONE, Range(7, 1, True))
    assert waiter is not None
    assert register.refused == [locks]
    register.ask_again()
    assert not waiter.done
    assert register.refused == [locks]
    host.taken.clear()
    register.ask_again()
    assert waiter.done
    assert host.kinds[7] == EXCLUSIVE
    assert not register.refused


def test_a_cancelled_wait_asks_no_more() -> None:
    register = LockRegister()
    locks = ByteLocks(register, Host({7}))
    waiter = locks.wait_for(ONE, Range(7, 1, True))
    assert waiter is not None
    waiter.cancel()
    register.ask_again()
    assert not register.refused
    assert register.count == 0


def test_a_host_that_cannot_lock_stops_no_client() -> None:
    class Broken(Host):
        def set(self, first: int, last: int, kind: int) -> bool:
            raise OSError(37, "No locks available")

    locks = ByteLocks(LockRegister(), Broken())
    locks.take(ONE, [Range(0, 1, True)])
    with pytest.raises(StatusError):
        locks.take(OTHER, [Range(0, 1, True)])
