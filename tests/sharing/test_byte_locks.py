"""Byte-range locks: ranges and owners one by one, the bounds, and a rule-based machine against [MS-FSA] 2.1.4.10."""

from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.sharing import byte_locks
from smbserver.sharing.byte_locks import ByteLocks, LockRegister, Range, check_range
from smbserver.waiter import Waiter

TOP = (1 << 64) - 1
ONE, OTHER = object(), object()


@pytest.fixture
def register() -> LockRegister:
    return LockRegister()


@pytest.fixture
def locks(register: LockRegister) -> ByteLocks:
    return ByteLocks(register)


def may_take(locks: ByteLocks, owner: object, offset: int, length: int, exclusive: bool) -> bool:
    """Try, and leave the locks as they were."""
    try:
        locks.take(owner, [Range(offset, length, exclusive)])
    except StatusError as refusal:
        if refusal.status != status.LOCK_NOT_GRANTED:
            raise
        return False
    locks.unlock(owner, offset, length)
    return True


def may_use(locks: ByteLocks, owner: object, offset: int, length: int, writes: bool) -> bool:
    try:
        locks.check(owner, offset, length, writes)
    except StatusError as refusal:
        if refusal.status != status.FILE_LOCK_CONFLICT:
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("held", "wanted", "free"),
    [
        ((10, 0), (10, 0), True),
        ((10, 0), (9, 1), True),
        ((10, 0), (10, 1), True),
        ((10, 0), (11, 1), True),
        ((10, 0), (9, 2), False),
        ((10, 0), (9, 3), False),
        ((9, 2), (10, 0), False),
        ((10, 2), (10, 0), True),
        ((0, 0), (0, 0), True),
        ((0, 0), (0, 10), True),
        ((0, 10), (0, 0), True),
        ((0, 10), (9, 1), False),
        ((0, 10), (10, 1), True),
        ((TOP, 1), (TOP, 1), False),
        ((TOP, 0), (TOP, 0), True),
        ((0, TOP + 1), (TOP, 1), False),
        ((1 << 63, 1), ((1 << 63) - 1, 1), True),
        ((1 << 63, 1), ((1 << 63) - 1, 2), False),
    ],
)
def test_overlaps(locks: ByteLocks, held: tuple[int, int], wanted: tuple[int, int], free: bool) -> None:
    locks.take(ONE, [Range(*held, True)])
    assert may_take(locks, OTHER, *wanted, True) == free
    assert may_take(locks, OTHER, *wanted, False) == free
    locks.unlock(ONE, *held)
    assert may_take(locks, OTHER, *wanted, True)


def test_a_long_range_is_found_behind_short_ones(locks: ByteLocks) -> None:
    locks.take(ONE, [Range(0, 1000, True)])
    locks.take(OTHER, [Range(offset, 1, True) for offset in range(1000, 1100)])
    assert not may_take(locks, OTHER, 999, 1, False)
    assert may_use(locks, OTHER, 1000, 100, True)
    assert not may_use(locks, ONE, 1099, 1, False)


@pytest.mark.parametrize(
    ("exclusive", "own_read", "own_write", "other_read", "other_write"),
    [(False, True, False, True, False), (True, True, True, False, False)],
)
def test_reads_and_writes(
    locks: ByteLocks, exclusive: bool, own_read: bool, own_write: bool, other_read: bool, other_write: bool
) -> None:
    locks.take(ONE, [Range(10, 10, exclusive)])
    assert may_use(locks, ONE, 15, 1, False) == own_read
    assert may_use(locks, ONE, 15, 1, True) == own_write
    assert may_use(locks, OTHER, 15, 1, False) == other_read
    assert may_use(locks, OTHER, 15, 1, True) == other_write
    for owner in (ONE, OTHER):
        assert may_use(locks, owner, 0, 10, True)
        assert may_use(locks, owner, 20, 10, True)
        assert may_use(locks, owner, 15, 0, True), "no byte is no conflict"


def test_stacking_by_one_owner(locks: ByteLocks) -> None:
    locks.take(ONE, [Range(0, 10, True)])
    assert not may_take(locks, ONE, 0, 10, True)
    locks.take(ONE, [Range(0, 10, False)])
    assert not may_take(locks, OTHER, 0, 10, False)
    locks.unlock(ONE, 0, 10)  # the exclusive one goes first
    assert may_take(locks, OTHER, 0, 10, False)
    assert not may_take(locks, ONE, 0, 10, True)
    locks.unlock(ONE, 0, 10)
    with pytest.raises(StatusError) as refused:
        locks.unlock(ONE, 0, 10)
    assert refused.value.status == status.RANGE_NOT_LOCKED


@pytest.mark.parametrize(("owner", "offset", "length"), [(OTHER, 5, 10), (ONE, 5, 9), (ONE, 6, 9), (ONE, 5, 11)])
def test_only_the_same_range_of_the_same_owner_is_unlocked(
    locks: ByteLocks, owner: object, offset: int, length: int
) -> None:
    locks.take(ONE, [Range(5, 10, True)])
    with pytest.raises(StatusError) as refused:
        locks.unlock(owner, offset, length)
    assert refused.value.status == status.RANGE_NOT_LOCKED
    assert len(locks) == 1


def test_a_list_is_taken_whole_or_not_at_all(locks: ByteLocks, register: LockRegister) -> None:
    locks.take(OTHER, [Range(20, 1, True)])
    with pytest.raises(StatusError) as refused:
        locks.take(ONE, [Range(0, 1, True), Range(10, 1, False), Range(20, 1, True)])
    assert refused.value.status == status.LOCK_NOT_GRANTED
    assert (len(locks), register.count) == (1, 1)
    assert may_take(locks, OTHER, 0, 11, True)


@pytest.mark.parametrize(
    ("offset", "length", "good"), [(TOP, 1, True), (TOP, 0, True), (TOP, 2, False), (2, TOP, False)]
)
def test_no_byte_beyond_the_last(offset: int, length: int, good: bool) -> None:
    if good:
        check_range(offset, length)
        return
    with pytest.raises(StatusError) as refused:
        check_range(offset, length)
    assert refused.value.status == status.INVALID_LOCK_RANGE


def test_waiting_ones_go_on_in_their_order_and_only_when_woken(locks: ByteLocks, register: LockRegister) -> None:
    locks.take(ONE, [Range(0, 10, True)])
    first, second = locks.wait_for(OTHER, Range(0, 5, True)), locks.wait_for(ONE, Range(2, 5, True))
    third = locks.wait_for(OTHER, Range(7, 1, True))
    assert first is not None
    assert second is not None
    assert third is not None
    locks.unlock(ONE, 0, 10)
    assert not first.done
    register.wake()
    assert first.done
    assert not second.done, "the first overlaps it"
    assert third.done, "nobody stands before what is free"
    locks.unlock(OTHER, 0, 5)
    register.wake()
    assert second.done
    assert register.count == 2


def test_an_owner_that_ends_fails_its_waiters_and_frees_its_locks(locks: ByteLocks, register: LockRegister) -> None:
    locks.take(ONE, [Range(0, 10, True)])
    of_other = locks.wait_for(OTHER, Range(0, 10, True))
    of_one = locks.wait_for(ONE, Range(0, 10, True))
    assert of_other is not None
    assert of_one is not None
    locks.release(ONE)
    assert not of_one.done
    register.wake()
    assert of_other.done
    of_other.result()
    with pytest.raises(StatusError) as refused:
        of_one.result()
    assert refused.value.status == status.RANGE_NOT_LOCKED
    assert register.count == 1


def test_an_end_before_the_wake_tells_the_same(locks: ByteLocks, register: LockRegister) -> None:
    locks.take(ONE, [Range(0, 10, True)])
    waiter = locks.wait_for(OTHER, Range(0, 10, True))
    assert waiter is not None
    locks.release(OTHER)
    waiter.end()
    register.wake()
    with pytest.raises(StatusError) as refused:
        waiter.result()
    assert refused.value.status == status.RANGE_NOT_LOCKED
    assert register.count == 1


def test_what_goes_on_may_wake_the_next_without_nesting(locks: ByteLocks, register: LockRegister) -> None:
    """Each unlocks as soon as it is granted: a chain as long as this would not fit on the stack."""
    owners = [object() for _ in range(3000)]
    told: list[object] = []
    depth = 0

    def granted(owner: object) -> None:
        nonlocal depth
        depth += 1
        assert depth == 1
        told.append(owner)
        locks.unlock(owner, 0, 1)
        register.wake()
        depth -= 1

    locks.take(ONE, [Range(0, 1, True)])
    for owner in owners:
        waiter = locks.wait_for(owner, Range(0, 1, True))
        assert waiter is not None
        waiter.when_done(lambda _, owner=owner: granted(owner))  # type: ignore[misc]  # mypy: default of a lambda
    locks.unlock(ONE, 0, 1)
    register.wake()
    assert told == owners
    assert (len(locks), register.count, register.stirred) == (0, 0, [])


def test_the_bound_of_an_open_counts_what_waits(
    locks: ByteLocks, register: LockRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_locks, "MAX_LOCKS_OF_OPEN", 3)
    locks.take(OTHER, [Range(100, 1, True)])
    locks.take(ONE, [Range(0, 1, True), Range(1, 1, True)])
    assert locks.wait_for(ONE, Range(100, 1, True)) is not None
    with pytest.raises(StatusError) as refused:
        locks.take(ONE, [Range(2, 1, True)])
    assert refused.value.status == status.INSUFFICIENT_RESOURCES
    with pytest.raises(StatusError) as refused:
        locks.wait_for(ONE, Range(2, 1, True))
    assert refused.value.status == status.INSUFFICIENT_RESOURCES
    locks.take(OTHER, [Range(2, 1, True)])
    locks.release(ONE)
    assert register.count == 2


def test_the_bound_of_the_server_is_for_all_files(register: LockRegister, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_locks, "MAX_LOCKS_OF_SERVER", 2)
    one, other = ByteLocks(register), ByteLocks(register)
    one.take(ONE, [Range(0, 1, True)])
    with pytest.raises(StatusError) as refused:
        other.take(ONE, [Range(0, 1, True), Range(1, 1, True)])
    assert refused.value.status == status.INSUFFICIENT_RESOURCES
    assert (len(other), register.count) == (0, 1)
    other.take(ONE, [Range(0, 1, True)])


class Held(NamedTuple):
    """A lock of the model."""

    owner: int
    offset: int
    length: int
    exclusive: bool


def conflicts(held: list[Held], owner: int, offset: int, length: int, exclusive: bool, locking: bool) -> bool:
    """[MS-FSA] 2.1.4.10, sentence by sentence."""
    if offset == 0 and length == 0:
        return False
    for lock in held:
        if lock.offset == 0 and lock.length == 0:
            continue
        if offset <= lock.offset + lock.length - 1 and offset + length - 1 >= lock.offset:
            if lock.exclusive:
                if lock.owner != owner or (exclusive and locking):
                    return True
            elif exclusive:
                return True
    return False


OWNERS = st.integers(0, 2)
OFFSETS = st.one_of(st.integers(0, 6), st.sampled_from([TOP - 1, TOP]))
LENGTHS = st.one_of(st.integers(0, 4), st.just(1 << 63))


class Machine(RuleBasedStateMachine):
    """Locks, unlocks, waits, cancels and ends in any order, against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.register = LockRegister()
        self.locks = ByteLocks(self.register)
        self.owners = [object() for _ in range(3)]
        self.held: list[Held] = []
        self.waiting: list[tuple[Held, Waiter[None]]] = []

    def _wake(self) -> None:
        """What the model grants: first come, first looked at, until nothing more fits."""
        self.register.wake()
        index = 0
        while index < len(self.waiting):
            wanted, waiter = self.waiting[index]
            if conflicts(self.held, *wanted, locking=True):
                assert not waiter.done
                index += 1
            else:
                assert waiter.done
                waiter.result()
                self.held.append(wanted)
                del self.waiting[index]
                index = 0

    @rule(owner=OWNERS, offset=OFFSETS, length=LENGTHS, exclusive=st.booleans())
    def take(self, owner: int, offset: int, length: int, exclusive: bool) -> None:
        wanted = Held(owner, offset, length, exclusive)
        try:
            self.locks.take(self.owners[owner], [Range(offset, length, exclusive)])
        except StatusError as refusal:
            if refusal.status != status.LOCK_NOT_GRANTED:
                raise
            assert conflicts(self.held, *wanted, locking=True)
        else:
            assert not conflicts(self.held, *wanted, locking=True)
            self.held.append(wanted)

    @rule(owner=OWNERS, data=st.lists(st.tuples(OFFSETS, LENGTHS, st.booleans()), min_size=2, max_size=4))
    def take_several(self, owner: int, data: list[tuple[int, int, bool]]) -> None:
        after = list(self.held)
        good = True
        for each in data:
            good = good and not conflicts(after, owner, *each, locking=True)
            after.append(Held(owner, *each))
        try:
            self.locks.take(self.owners[owner], [Range(*each) for each in data])
        except StatusError:
            assert not good
        else:
            assert good
            self.held = after

    @rule(owner=OWNERS, offset=OFFSETS, length=LENGTHS, exclusive=st.booleans())
    def wait_for(self, owner: int, offset: int, length: int, exclusive: bool) -> None:
        wanted = Held(owner, offset, length, exclusive)
        waiter = self.locks.wait_for(self.owners[owner], Range(offset, length, exclusive))
        assert (waiter is not None) == conflicts(self.held, *wanted, locking=True)
        if waiter is None:
            self.held.append(wanted)
        else:
            self.waiting.append((wanted, waiter))

    @rule(owner=OWNERS, offset=OFFSETS, length=LENGTHS)
    def unlock_anything(self, owner: int, offset: int, length: int) -> None:
        matching = [lock for lock in self.held if lock[:3] == (owner, offset, length)]
        try:
            self.locks.unlock(self.owners[owner], offset, length)
        except StatusError as refusal:
            if refusal.status != status.RANGE_NOT_LOCKED:
                raise
            assert not matching
            return
        self.held.remove(max(matching, key=lambda lock: lock.exclusive))
        self._wake()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def unlock(self, data: st.DataObject) -> None:
        lock = data.draw(st.sampled_from(self.held))
        self.unlock_anything(lock.owner, lock.offset, lock.length)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.waiting) - 1))
        _, waiter = self.waiting.pop(index)
        waiter.cancel()
        assert waiter.cancelled
        self._wake()

    @rule(owner=OWNERS)
    def release(self, owner: int) -> None:
        self.locks.release(self.owners[owner])
        self.held = [lock for lock in self.held if lock.owner != owner]
        ended = [waiter for wanted, waiter in self.waiting if wanted.owner == owner]
        self.waiting = [(wanted, waiter) for wanted, waiter in self.waiting if wanted.owner != owner]
        self._wake()
        for waiter in ended:
            with pytest.raises(StatusError):
                waiter.result()

    @rule(owner=OWNERS, offset=OFFSETS, length=st.integers(1, 4), writes=st.booleans())
    def use(self, owner: int, offset: int, length: int, writes: bool) -> None:
        allowed = may_use(self.locks, self.owners[owner], offset, length, writes)
        assert allowed == (not conflicts(self.held, owner, offset, length, writes, locking=False))

    @invariant()
    def counted(self) -> None:
        assert len(self.locks) == self.register.count == len(self.held) + len(self.waiting)
        assert self.register.stirred == []

    def teardown(self) -> None:
        for owner in self.owners:
            self.locks.release(owner)
        self.register.wake()
        assert self.register.count == len(self.locks) == 0
        assert all(waiter.done for _, waiter in self.waiting)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase
