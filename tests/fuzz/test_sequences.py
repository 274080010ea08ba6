"""Sequences of requests made of random bytes: no bug and nothing left behind; and a bug would be found."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.objects.open import Open
from tests.conftest import MEMORY_FOLDER
from tests.fuzz.sequences import STEPS_MOST, Choices, kept, play

SEQUENCES = 40
PARTS = 8


def played(data: bytes) -> None:
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-sequence-", dir=base) as folder:
        play(data, Path(folder))


@given(st.binary(min_size=200, max_size=1500))
@settings(max_examples=150, deadline=None)
def test_any_sequence_ends_well(data: bytes) -> None:
    played(data)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_the_fuzzer_has_kept_ends_well(part: int) -> None:
    """One for each thing that it got the server to do, and those that broke it once."""
    for data in kept()[part::PARTS]:
        played(data)


def test_the_sequences_are_not_all_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of random ones most opens fail; enough do not."""
    opened = 0
    plain = Open.__init__

    def counted(self: Open, *arguments: object) -> None:
        nonlocal opened
        opened += 1
        plain(self, *arguments)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(Open, "__init__", counted)
    generator = random.Random(1)
    for _ in range(SEQUENCES):
        played(generator.randbytes(1000))
    assert opened > 3 * SEQUENCES + 10, "three are there from the beginning"


def test_a_bug_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Open, rights: int) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Open, "need", broken)
    generator = random.Random(1)

    def play_some() -> None:
        for _ in range(SEQUENCES):
            played(generator.randbytes(1000))

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        play_some()


def test_choices_never_end() -> None:
    choices = Choices(b"\x05\x01")
    assert choices.number(STEPS_MOST - 1) == 5
    assert choices.pick("ab") == "b"
    assert (choices.left, choices.number(1 << 63), choices.blob(100), choices.pick("ab")) == (0, 0, b"", "a")
