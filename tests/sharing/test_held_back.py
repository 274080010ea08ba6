"""How much may wait behind a thread, and who gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.sharing import held_back
from smbserver.sharing.held_back import HeldBack


def test_beyond_the_limit_a_large_request_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_back, "MAX_HELD", 1 << 20)
    queue = HeldBack()
    first = queue.wait(1 << 20)
    assert first is not None
    assert queue.wait(128 << 10) is None
    assert queue.wait(100) is not None
    first.cancel()
    assert queue.wait(128 << 10) is not None


@given(st.lists(st.integers(0, 1 << 16), max_size=20), st.data())
def test_who_gives_up_leaves_nothing(sizes: list[int], data: st.DataObject) -> None:
    queue = HeldBack()
    waiting = [waiter for size in sizes if (waiter := queue.wait(size)) is not None]
    leaving = [waiter for waiter in waiting if data.draw(st.booleans())]
    for waiter in leaving:
        waiter.cancel()
    assert queue.held == sum(queue.waiting.values())
    assert list(queue.waiting) == [waiter for waiter in waiting if waiter not in leaving]
    for waiter in waiting:
        waiter.cancel()  # who is to go on now may give up before it is his turn
    assert not queue.waiting
    assert not queue.held
