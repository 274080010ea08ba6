"""Long work in slices: its results and errors, who it acts as, what ends it, and that the handles last until then."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import cast

import pytest

from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.objects.open import Open
from tests.harness import ManualRuntime


class CountedOpen:
    """What `steps` needs of an open."""

    def __init__(self) -> None:
        self.held = 0
        self.is_closed = False

    def hold(self) -> None:
        """One more."""
        self.held += 1

    def release(self) -> None:
        """One less."""
        self.held -= 1


class Acting:
    """A context that notes who is inside."""

    def __init__(self) -> None:
        self.inside = 0
        self.entered = 0

    def __enter__(self) -> None:
        self.inside += 1
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.inside -= 1


@pytest.fixture
def runtime() -> ManualRuntime:
    return ManualRuntime()


@pytest.fixture
def opened() -> CountedOpen:
    return CountedOpen()


Made = Generator[Callable[[], int], int, Reply]


def begun(
    runtime: ManualRuntime, opened: CountedOpen, made: Made, acting: Acting | None = None
) -> Reply | Pending[Reply]:
    tree = SimpleNamespace(acting=acting)
    work = SimpleNamespace(in_thread=runtime.offload, need_tree=lambda: tree)
    return steps.run(cast(Work, work), made, [cast(Open, opened), cast(Open, opened)])


def pending(outcome: Reply | Pending[Reply]) -> Pending[Reply]:
    assert isinstance(outcome, Pending)
    return outcome


def test_without_a_slice_the_answer_is_there_at_once(runtime: ManualRuntime, opened: CountedOpen) -> None:
    def none() -> Made:
        return Reply([])
        yield int

    assert isinstance(begun(runtime, opened, none()), Reply)

    def refused() -> Made:
        raise StatusError(status.ACCESS_DENIED)
        yield int

    with pytest.raises(StatusError):
        begun(runtime, opened, refused())
    assert opened.held == 0


def test_each_result_comes_back_to_its_yield(runtime: ManualRuntime, opened: CountedOpen) -> None:
    def summed() -> Made:
        first = yield lambda: 1
        second = yield lambda: first + 10
        return Reply([bytes([second])])

    runtime.hold_offloaded = True
    waiting = pending(begun(runtime, opened, summed()))
    assert opened.held == 2
    assert not waiting.waiter.done
    assert not waiting.can_cancel
    runtime.run_offloaded()
    assert waiting.finish(waiting.waiter.result()) is waiting.waiter.result()
    assert waiting.waiter.result().buffers == [b"\x0b"]
    assert opened.held == 0


def test_more_slices_than_the_stack_is_deep(runtime: ManualRuntime, opened: CountedOpen) -> None:
    def many() -> Made:
        for _ in range(5000):
            yield int
        return Reply([])

    assert pending(begun(runtime, opened, many())).waiter.done


def failing() -> int:
    raise OSError(28, "full")


def test_an_error_of_a_thread_is_raised_where_it_was_yielded(runtime: ManualRuntime, opened: CountedOpen) -> None:
    def caught() -> Made:
        try:
            yield failing
        except OSError as error:
            return Reply([bytes([error.errno or 0])])
        return Reply([])

    assert pending(begun(runtime, opened, caught())).waiter.result().buffers == [b"\x1c"]

    def let_through() -> Made:
        yield failing
        return Reply([])

    waiter = pending(begun(runtime, opened, let_through())).waiter
    with pytest.raises(OSError):
        waiter.result()
    assert opened.held == 0


@pytest.mark.parametrize("error", [StatusError(status.FILE_LOCK_CONFLICT), ValueError("our bug")])
def test_whatever_a_step_raises_ends_it(runtime: ManualRuntime, opened: CountedOpen, error: Exception) -> None:
    def broken() -> Made:
        yield int
        raise error

    waiter = pending(begun(runtime, opened, broken())).waiter
    with pytest.raises(type(error)):
        waiter.result()
    assert opened.held == 0


@pytest.mark.parametrize("how", ["stop", "close"])
def test_what_ends_it_between_two_slices(runtime: ManualRuntime, opened: CountedOpen, how: str) -> None:
    seen: list[str] = []

    def course() -> Made:
        try:
            yield int
            seen.append("second")
            yield int
        finally:
            seen.append("closed")
        return Reply([])

    runtime.hold_offloaded = True
    waiting = pending(begun(runtime, opened, course()))
    if how == "stop":
        waiting.cancel()
    else:
        opened.is_closed = True
    assert not waiting.waiter.done, "the slice is still being written"
    runtime.run_offloaded()
    with pytest.raises(StatusError) as caught:
        waiting.waiter.result()
    assert caught.value.status == (status.CANCELLED if how == "stop" else status.FILE_CLOSED)
    assert seen == ["closed"]
    assert opened.held == 0


def test_every_step_and_what_it_gives_away_is_the_local_users(runtime: ManualRuntime, opened: CountedOpen) -> None:
    acting = Acting()
    inside: list[int] = []

    def course() -> Made:
        yield int  # the handler runs it inside the context of dispatch
        inside.append(acting.inside)
        yield int
        inside.append(acting.inside)
        return Reply([])

    runtime.hold_offloaded = True
    begun(runtime, opened, course(), acting)
    runtime.run_offloaded()
    assert inside == [1, 1]
    assert (acting.inside, acting.entered) == (0, 2)


def test_who_cannot_be_entered_does_nothing(runtime: ManualRuntime, opened: CountedOpen) -> None:
    class Refused(Acting):
        def __enter__(self) -> None:
            raise PermissionError(1, "no")

    def course() -> Made:
        yield int
        raise AssertionError("as whom?")

    runtime.hold_offloaded = True
    waiter = pending(begun(runtime, opened, course(), Refused())).waiter
    runtime.run_offloaded()
    with pytest.raises(PermissionError):
        waiter.result()
    assert opened.held == 0
