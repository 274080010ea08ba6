"""The window of message ids, also against a model that keeps every id in a set."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.connection import credits
from smbserver.connection.credits import MAX_CREDITS, CreditWindow


def test_first_id_is_zero_and_nothing_is_used_twice() -> None:
    window = CreditWindow()
    assert window.take(0, 1)
    assert not window.take(0, 1)
    assert not window.take(1, 1)


def test_ids_may_come_out_of_order() -> None:
    window = CreditWindow()
    assert window.take(0, 1)
    assert window.grant(4) == 4
    assert window.take(3, 1)
    assert window.take(1, 2)
    assert not window.take(2, 1)
    assert window.take(4, 1)
    assert not window.take(5, 1)


def test_a_grant_is_at_least_one_and_bounded() -> None:
    window = CreditWindow()
    assert window.take(0, 1)
    assert window.grant(0) == 1
    assert window.grant(65535) == MAX_CREDITS - 1
    assert window.grant(1) == 0


@pytest.mark.parametrize("message_id", [2**63, 2**64 - 1])
@pytest.mark.parametrize("charge", [1, 65535])
def test_the_largest_ids_are_refused_at_once(message_id: int, charge: int) -> None:
    window = CreditWindow()
    window.grant(100)
    assert not window.take(message_id, charge)
    assert window.take(0, 1)


class Model:
    """The same window, kept as the set of ids that may still be used."""

    def __init__(self, largest: int) -> None:
        self.free = {0}
        self.next = 1
        self.largest = largest

    def take(self, message_id: int, charge: int) -> bool:
        """All of the ids or none."""
        wanted = set(range(message_id, message_id + charge))
        if not wanted <= self.free:
            return False
        self.free -= wanted
        return True

    def grant(self, requested: int) -> int:
        """As many as the window still has room for, counted from the oldest id not yet used."""
        oldest = min(self.free, default=self.next)
        count = max(0, min(max(requested, 1), self.largest - (self.next - oldest)))
        self.free |= set(range(self.next, self.next + count))
        self.next += count
        return count


STEP = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 40), st.integers(1, 6)),
    st.tuples(st.just("grant"), st.integers(0, 20), st.just(0)),
)


@pytest.mark.pure(reason="a smaller window, which is compiled in")
@given(steps=st.lists(STEP, max_size=60))
@settings(max_examples=200, deadline=None)
def test_like_a_model_with_sets(steps: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credits, "MAX_CREDITS", 16)
        window, model = CreditWindow(), Model(16)
        for what, first, second in steps:
            if what == "take":
                assert window.take(first, second) == model.take(first, second)
            else:
                assert window.grant(first) == model.grant(first)
