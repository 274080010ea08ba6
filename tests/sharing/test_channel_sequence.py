"""ChannelSequence: what is accepted ([MS-SMB2] 3.3.5.2.10), and which requests count as outstanding."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.sharing.channel_sequence import ChannelSequence


@pytest.mark.parametrize(
    ("before", "number", "accepted"),
    [(0, 0, True), (0, 0x7FFF, True), (0, 0x8000, False), (0, 0xFFFF, False), (0xFFFF, 0, True), (0x8000, 0, False)],
)
@pytest.mark.parametrize("is_replay", [False, True])
def test_only_forward(before: int, number: int, accepted: bool, is_replay: bool) -> None:
    sequence = ChannelSequence(before)
    assert sequence.accept(number, is_replay) is accepted
    assert sequence.number == (number if accepted else before)


def test_a_replay_waits_for_what_it_repeats() -> None:
    sequence = ChannelSequence()
    done = sequence.begin()
    assert sequence.accept(0, True), "the same sequence: nothing earlier"
    assert not sequence.accept(1, True)
    assert sequence.accept(1, False), "a new request is no repetition"
    done()
    assert sequence.accept(1, True)


def test_a_number_that_comes_round_again_is_another_sequence() -> None:
    sequence = ChannelSequence()
    done = sequence.begin()
    for number in (30000, 60000, 0):
        assert sequence.accept(number, False)
    assert sequence.earlier == 1
    done()
    assert sequence.earlier == 0
    assert sequence.accept(0, True)


def test_a_new_session_starts_where_it_likes() -> None:
    sequence = ChannelSequence(5)
    done = sequence.begin()
    sequence.restart(0)
    assert sequence.number == 0
    assert sequence.earlier == 1
    done()
    assert sequence.earlier == 0
    assert sequence.accept(0, True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "next"]), st.integers(0, 0x7FFF)), max_size=30))
def test_earlier_counts_what_was_begun_before_the_last_change(steps: list[tuple[str, int]]) -> None:
    sequence = ChannelSequence()
    running = []
    changes = 0
    for step, number in steps:
        if step == "begin":
            running.append((changes, sequence.begin()))
        elif step == "end" and running:
            running.pop(number % len(running))[1]()
        elif step == "next":
            changes += number != 0
            assert sequence.accept(sequence.number + number & 0xFFFF, False)
        assert sequence.earlier == sum(began < changes for began, _ in running)
