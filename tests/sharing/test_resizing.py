"""Who waits while a thread changes a file's size."""

from __future__ import annotations

import pytest

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
