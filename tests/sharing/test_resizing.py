"""Who waits while a thread changes a file's size, and how much of it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.sharing import resizing
from smbserver.sharing.resizing import Resizes

FILE, OTHER = (1, 2), (1, 3)


@pytest.fixture
def resizes() -> Resizes:
    return Resizes()


def test_only_the_file_is_waited_for(resizes: Resizes) -> None:
    assert resizes.wait(FILE) is None
    resizes.begin(FILE)
    assert resizes.wait(FILE) is not None
    assert resizes.wait(OTHER) is None
    assert resizes.wait(None) is None
    resizes.end(FILE)
    assert not resizes.under_way


def test_they_go_on_in_the_order_they_came(resizes: Resizes) -> None:
    resizes.begin(FILE)
    waiting = [resizes.wait(FILE) for _ in range(5)]
    assert resizes.end(FILE) == waiting
    assert not any(waiter.done for waiter in waiting if waiter is not None)


def test_two_threads_at_one_file(resizes: Resizes) -> None:
    resizes.begin(FILE)
    resizes.begin(FILE)
    waiting = [resizes.wait(FILE)]
    assert resizes.end(FILE) == []
    waiting.append(resizes.wait(FILE))
    assert resizes.end(FILE) == waiting


def test_beyond_the_limit_a_large_request_does_not_wait(resizes: Resizes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "MAX_HELD", 1 << 20)
    resizes.begin(FILE)
    first = resizes.wait(FILE, 1 << 20)
    assert first is not None
    assert resizes.wait(FILE, 128 << 10) is None
    assert resizes.wait(FILE, 100) is not None
    first.cancel()
    assert resizes.wait(FILE, 128 << 10) is not None


@given(st.lists(st.integers(0, 1 << 16), max_size=20), st.data())
def test_who_gives_up_leaves_nothing(sizes: list[int], data: st.DataObject) -> None:
    resizes = Resizes()
    resizes.begin(FILE)
    waiting = [waiter for size in sizes if (waiter := resizes.wait(FILE, size)) is not None]
    leaving = [waiter for waiter in waiting if data.draw(st.booleans())]
    for waiter in leaving:
        waiter.cancel()
    queue = resizes.under_way[FILE]
    assert queue.held == sum(queue.waiting.values())
    assert resizes.end(FILE) == [waiter for waiter in waiting if waiter not in leaving]
    for waiter in waiting:
        waiter.cancel()  # who is to go on now may give up before it is his turn
