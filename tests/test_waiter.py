"""Waiters: done once, callbacks in order, re-entrancy, failures that stop nobody else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.waiter import Waiter


def test_resolve() -> None:
    waiter: Waiter[int] = Waiter()
    assert not waiter.done
    with pytest.raises(RuntimeError):
        waiter.result()
    waiter.resolve(0)
    assert waiter.done
    assert not waiter.cancelled
    assert waiter.result() == 0


def test_fail() -> None:
    waiter: Waiter[int] = Waiter()
    error = OSError(5, "I/O")
    waiter.fail(error)
    assert waiter.done
    for _ in range(2):
        with pytest.raises(OSError) as caught:
            waiter.result()
        assert caught.value is error


def test_cancel_undoes_once() -> None:
    undone: list[str] = []
    waiter: Waiter[int] = Waiter(lambda: undone.append("undo"))
    waiter.when_done(lambda each: undone.append(f"done {each.cancelled}"))
    waiter.cancel()
    waiter.cancel()
    assert undone == ["undo", "done True"]
    with pytest.raises(RuntimeError):
        waiter.result()


@pytest.mark.parametrize("end", ["resolve", "fail"])
def test_nothing_is_undone_without_a_cancel(end: str) -> None:
    undone: list[str] = []
    waiter: Waiter[int] = Waiter(lambda: undone.append("undo"))
    if end == "resolve":
        waiter.resolve(1)
    else:
        waiter.fail(OSError())
    waiter.cancel()
    assert undone == []
    assert not waiter.cancelled


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["resolve", "fail", "cancel", "listen"]), max_size=8))
def test_only_the_first_end_counts(steps: list[str]) -> None:
    waiter: Waiter[int] = Waiter()
    called: list[int] = []
    listeners = 0
    first = ""
    for index, step in enumerate(steps):
        if step == "resolve":
            waiter.resolve(index)
        elif step == "fail":
            waiter.fail(OSError(index))
        elif step == "cancel":
            waiter.cancel()
        else:
            waiter.when_done(lambda _, number=listeners: called.append(number))  # type: ignore[misc]
            listeners += 1
        if step != "listen" and not first:
            first = f"{step} {index}"
        assert waiter.done == bool(first)
        assert called == (list(range(listeners)) if first else [])
    if first.startswith("resolve"):
        assert waiter.result() == int(first.split()[1])
    elif first.startswith("fail"):
        with pytest.raises(OSError) as caught:
            waiter.result()
        assert caught.value.args == (int(first.split()[1]),)
    else:
        with pytest.raises(RuntimeError):
            waiter.result()


def test_a_callback_may_use_the_waiter() -> None:
    waiter: Waiter[int] = Waiter(lambda: called.append("undo"))
    called: list[str] = []

    def callback(each: Waiter[int]) -> None:
        each.resolve(2)
        each.fail(OSError())
        each.cancel()
        each.when_done(lambda again: called.append(f"inner {again.result()}"))
        called.append(f"outer {each.result()}")

    waiter.when_done(callback)
    waiter.when_done(lambda each: called.append("second"))
    waiter.resolve(1)
    assert called == ["inner 1", "outer 1", "second"]


def test_undo_may_use_the_waiter() -> None:
    waiter: Waiter[int] = Waiter(lambda: waiter.resolve(1))
    waiter.cancel()
    assert waiter.cancelled
    with pytest.raises(RuntimeError):
        waiter.result()


def test_a_failing_callback_stops_neither_the_others_nor_the_undo() -> None:
    called: list[str] = []

    def broken(name: str) -> None:
        called.append(name)
        raise ValueError(name)

    waiter: Waiter[int] = Waiter(lambda: called.append("undo"))
    waiter.when_done(lambda _: broken("first"))
    waiter.when_done(lambda _: called.append("second"))
    waiter.when_done(lambda _: broken("third"))
    with pytest.raises(ValueError, match="first"):
        waiter.cancel()
    assert called == ["undo", "first", "second", "third"]


def test_a_failing_undo_does_not_keep_anybody_waiting() -> None:
    called: list[str] = []

    def undo() -> None:
        raise ValueError("undo")

    waiter: Waiter[int] = Waiter(undo)
    waiter.when_done(lambda _: called.append("told"))
    with pytest.raises(ValueError, match="undo"):
        waiter.cancel()
    assert called == ["told"]


def test_an_end_undoes_and_fails_with_its_own_error() -> None:
    undone: list[str] = []
    waiter: Waiter[int] = Waiter(lambda: undone.append("undo"), ended=OSError("gone"))
    waiter.when_done(lambda each: undone.append(f"done {each.cancelled}"))
    waiter.end()
    waiter.end()
    waiter.cancel()
    assert undone == ["undo", "done False"]
    with pytest.raises(OSError, match="gone"):
        waiter.result()


def test_an_end_without_an_error_is_a_cancel() -> None:
    waiter: Waiter[int] = Waiter()
    waiter.end()
    assert waiter.cancelled


def test_an_end_after_the_result_changes_nothing() -> None:
    waiter: Waiter[int] = Waiter(ended=OSError("gone"))
    waiter.resolve(1)
    waiter.end()
    assert waiter.result() == 1
