"""Replayed LOCK requests: which are recognised, and which entries there are."""

import pytest

from smbserver.sharing.lock_sequences import ENTRIES, LockSequences


def test_only_the_same_number_in_the_same_entry_is_a_replay() -> None:
    sequences = LockSequences()
    assert not sequences.is_replay(1, 5)
    sequences.note(1, 5)
    assert sequences.is_replay(1, 5)
    assert sequences.is_replay(1, 5)
    assert not sequences.is_replay(2, 5)


def test_another_number_makes_the_entry_invalid() -> None:
    sequences = LockSequences()
    sequences.note(1, 5)
    assert not sequences.is_replay(1, 6)
    assert not sequences.is_replay(1, 5)


def test_a_later_success_replaces_the_number() -> None:
    sequences = LockSequences()
    sequences.note(1, 5)
    sequences.note(1, 6)
    assert sequences.is_replay(1, 6)


@pytest.mark.parametrize("index", [0, ENTRIES + 1, 0xFFFFFFF])
def test_entries_that_do_not_exist_are_not_kept(index: int) -> None:
    sequences = LockSequences()
    sequences.note(index, 5)
    assert not sequences.is_replay(index, 5)


@pytest.mark.parametrize("index", [1, ENTRIES])
def test_the_first_and_the_last_entry(index: int) -> None:
    sequences = LockSequences()
    sequences.note(index, 0)
    assert sequences.is_replay(index, 0)
