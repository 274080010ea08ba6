"""Oplocks and leases: rule-based machine against the rules of the specification, and the transitions one by one."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.sharing.caching import ALL, HANDLE, READ, VALID, WRITE, CacheKey, Notice
from smbserver.sharing.file_state import FileState
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.holder import Holder
from smbserver.waiter import Waiter

DATA = access.FILE_READ_DATA | access.FILE_WRITE_DATA
SHARE_ALL = 7
IDENTITY = (1, 2)


class Opener:
    """Opens a file as a server would: settle, wait, enter, grant."""

    def __init__(self) -> None:
        self.table = FileTable()

    def open(
        self,
        key: CacheKey | None = None,
        wanted: int = 0,
        granted: int = DATA,
        share: int = SHARE_ALL,
        overwrites: bool = False,
        deletes: bool = False,
    ) -> Holder | Waiter[None]:
        """The holder, or what must be waited for first."""
        key = key or self.table.oplock_key()
        state = self.table.find(IDENTITY)
        if state is not None:
            wait = state.settle_open(key, granted, share, overwrites, deletes)
            if wait is not None:
                return wait
        holder = Holder(granted, share, ("f",), self)
        holder.key = key
        entered = self.table.enter(IDENTITY, holder)
        if wanted:
            self.table.grant(entered, holder, key, wanted)
        return holder

    def must_open(
        self, key: CacheKey | None = None, wanted: int = 0, granted: int = DATA, share: int = SHARE_ALL
    ) -> Holder:
        """Open something that nothing stands before."""
        holder = self.open(key, wanted, granted, share)
        assert isinstance(holder, Holder)
        return holder

    @property
    def state(self) -> FileState:
        """The one file's state."""
        state = self.table.find(IDENTITY)
        assert state is not None
        return state

    def take_notices(self) -> list[Notice]:
        """What clients would have been told; who may go on goes on."""
        notices = [said for said in self.table.outbox if isinstance(said, Notice)]
        woken = [said for said in self.table.outbox if isinstance(said, Waiter)]
        self.table.outbox.clear()
        for waiter in woken:
            waiter.resolve(None)
        return notices


def lease(number: int) -> CacheKey:
    return CacheKey(b"c" * 16, number.to_bytes(16, "little"))


def state_of(holder: Holder) -> int:
    assert holder.cache is not None
    return holder.cache.state


def test_the_first_gets_everything_and_the_second_takes_write() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    assert state_of(first) == ALL
    wait = opener.open(lease(2), ALL)
    assert isinstance(wait, Waiter)
    [notice] = opener.take_notices()
    assert (notice.old_state, notice.new_state, notice.answer_needed) == (ALL, READ | HANDLE, True)
    assert first.cache is not None
    first.cache.acknowledge(READ | HANDLE)
    opener.take_notices()
    assert wait.done
    second = opener.must_open(lease(2), ALL)
    assert state_of(second) == READ | HANDLE


def test_a_batch_oplock_falls_to_level_two() -> None:
    opener = Opener()
    opener.must_open(None, ALL)
    assert isinstance(opener.open(None, ALL), Waiter)
    [notice] = opener.take_notices()
    assert notice.new_state == READ


def test_overwriting_takes_everything() -> None:
    opener = Opener()
    opener.must_open(lease(1), ALL)
    opener.open(lease(2), ALL, overwrites=True)
    [notice] = opener.take_notices()
    assert notice.new_state == 0


def test_a_share_conflict_takes_handle_and_fails_when_the_file_is_kept_open() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL, share=0)
    wait = opener.open(lease(2), ALL)
    assert isinstance(wait, Waiter)
    [notice] = opener.take_notices()
    assert notice.new_state == READ | WRITE
    assert first.cache is not None
    first.cache.acknowledge(READ | WRITE)
    with pytest.raises(StatusError) as caught:
        opener.open(lease(2), ALL)
    assert caught.value.status == status.SHARING_VIOLATION
    assert opener.take_notices() == []


def test_a_share_conflict_is_over_when_the_answer_is_a_close() -> None:
    opener = Opener()
    first = opener.must_open(None, ALL, share=0)
    wait = opener.open(None, ALL)
    assert isinstance(wait, Waiter)
    opener.table.leave(opener.state, first)
    opener.take_notices()
    assert wait.done
    assert state_of(opener.must_open(None, ALL)) == ALL


def test_an_exclusive_oplock_is_not_broken_by_a_share_conflict() -> None:
    opener = Opener()
    opener.must_open(None, READ | WRITE, share=0)
    with pytest.raises(StatusError) as caught:
        opener.open(None, ALL)
    assert caught.value.status == status.SHARING_VIOLATION
    assert opener.take_notices() == []


def test_looking_at_attributes_breaks_nothing() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    opener.must_open(lease(2), granted=access.FILE_READ_ATTRIBUTES)
    assert opener.take_notices() == []
    assert state_of(first) == ALL


def test_one_key_takes_nothing_from_itself_and_is_never_narrowed() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    second = opener.must_open(lease(1), READ)
    assert first.cache is second.cache
    assert state_of(first) == ALL
    assert opener.take_notices() == []


def test_a_lease_is_widened() -> None:
    opener = Opener()
    opener.must_open(lease(1), READ)
    assert state_of(opener.must_open(lease(1), ALL)) == ALL


def test_a_write_by_another_ends_read_caching_without_an_answer() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), READ)
    opener.must_open(lease(2), READ)
    opener.state.contend(lease(2), READ | HANDLE)
    [notice] = opener.take_notices()
    assert (notice.cache, notice.new_state, notice.answer_needed) == (first.cache, 0, False)
    assert state_of(first) == 0


def test_a_second_conflict_is_sent_after_the_answer_to_the_first() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    one = opener.open(lease(2), ALL)
    two = opener.open(lease(3), ALL, overwrites=True)
    assert isinstance(one, Waiter)
    assert isinstance(two, Waiter)
    assert [n.new_state for n in opener.take_notices()] == [READ | HANDLE]
    assert first.cache is not None
    first.cache.acknowledge(READ | HANDLE)
    assert [n.new_state for n in opener.take_notices()] == [READ]
    first.cache.acknowledge(READ)
    assert not one.done
    assert [n.new_state for n in opener.take_notices()] == [0]
    assert one.done
    assert two.done


@pytest.mark.parametrize("state", [ALL, READ | WRITE])
def test_an_answer_above_the_break_is_refused(state: int) -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    opener.open(lease(2), ALL)
    assert first.cache is not None
    with pytest.raises(StatusError) as caught:
        first.cache.acknowledge(state)
    assert caught.value.status == status.REQUEST_NOT_ACCEPTED
    assert first.cache.breaking


def test_an_answer_to_nothing_is_refused() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    assert first.cache is not None
    with pytest.raises(StatusError) as caught:
        first.cache.acknowledge(READ)
    assert caught.value.status == status.UNSUCCESSFUL


def test_no_answer_means_nothing_is_left() -> None:
    opener = Opener()
    first = opener.must_open(lease(1), ALL)
    wait = opener.open(lease(2), ALL)
    assert isinstance(wait, Waiter)
    assert first.cache is not None
    first.cache.expire()
    opener.take_notices()
    assert wait.done
    assert state_of(first) == 0


def test_epochs_rise_with_every_change() -> None:
    opener = Opener()
    holder = Holder(DATA, SHARE_ALL, ("f",), opener)
    holder.key = lease(1)
    cache = opener.table.grant(opener.table.enter(IDENTITY, holder), holder, lease(1), ALL, version=2, epoch=0xFFFE)
    assert cache.epoch == 0xFFFF
    cache.lower(READ)
    [notice] = opener.take_notices()
    assert notice.epoch == 0


class Machine(RuleBasedStateMachine):
    """Clients that open, answer rightly, wrongly or never, and close, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.opener = Opener()
        self.open: list[Holder] = []
        self.waiting: list[Waiter[None]] = []

    @rule(
        number=st.integers(0, 3),
        wanted=st.sampled_from([0, READ, READ | HANDLE, READ | WRITE, ALL]),
        granted=st.sampled_from([DATA, access.FILE_READ_DATA, access.FILE_READ_ATTRIBUTES, DATA | access.DELETE]),
        share=st.integers(0, 7),
        overwrites=st.booleans(),
        deletes=st.booleans(),
    )
    def open_file(self, number: int, wanted: int, granted: int, share: int, overwrites: bool, deletes: bool) -> None:
        key = lease(number) if number else None
        try:
            result = self.opener.open(key, wanted, granted=granted, share=share, overwrites=overwrites, deletes=deletes)
        except StatusError as refusal:
            if refusal.status != status.SHARING_VIOLATION:
                raise
            return
        if isinstance(result, Waiter):
            self.waiting.append(result)
        else:
            self.open.append(result)

    def _breaking(self) -> list[Holder]:
        return [holder for holder in self.open if holder.cache is not None and holder.cache.breaking]

    @precondition(lambda self: self._breaking())
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(self._breaking()))
        assert holder.cache is not None
        try:
            holder.cache.acknowledge(data.draw(st.integers(0, 7)))
        except StatusError as refusal:
            if refusal.status != status.REQUEST_NOT_ACCEPTED:
                raise

    @precondition(lambda self: self._breaking())
    @rule(data=st.data())
    def never_answer(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(self._breaking()))
        assert holder.cache is not None
        holder.cache.expire()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(self.open))
        self.open.remove(holder)
        self.opener.table.leave(self.opener.state, holder)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), bits=st.sampled_from([READ | HANDLE, ALL, HANDLE]))
    def contend(self, data: st.DataObject, bits: int) -> None:
        holder = data.draw(st.sampled_from(self.open))
        self.opener.state.contend(holder.key, bits)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def ask_to_close(self, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(self.open))
        wait = self.opener.state.break_handles(holder.key)
        if wait is not None:
            self.waiting.append(wait)
        for cache in self.opener.state.caches:
            assert cache.key == holder.key or not cache.state & HANDLE or not cache.required & HANDLE

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        waiter = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(waiter)
        waiter.cancel()

    @invariant()
    def rights_exclude_each_other(self) -> None:
        state = self.opener.table.find(IDENTITY)
        if state is None:
            assert not self.open
            return
        writers = [cache for cache in state.caches if cache.state & WRITE]
        for cache in state.caches:
            assert cache.state in VALID
            assert cache.breaking_to is None or cache.breaking_to in VALID
        if writers:
            [writer] = writers
            for holder in state.holders:
                beyond = holder.granted & ~(
                    access.FILE_READ_ATTRIBUTES | access.FILE_WRITE_ATTRIBUTES | access.SYNCHRONIZE
                )
                assert holder.key == writer.key or not beyond

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        self.opener.take_notices()
        self.waiting = [waiter for waiter in self.waiting if not waiter.done]
        state = self.opener.table.find(IDENTITY)
        known = [waiter for cache in state.caches if cache.breaking for waiter in cache.waiters] if state else []
        assert all(waiter in known for waiter in self.waiting)

    def teardown(self) -> None:
        for holder in self.open:
            self.opener.table.leave(self.opener.state, holder)
        assert len(self.opener.table) == 0
        self.opener.take_notices()
        assert all(waiter.done for waiter in self.waiting)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMachine = Machine.TestCase
