"""Every transcript that was closed is sorted in `transcripts/mistakes.md`, whose questions are those of AGENTS.md."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TRANSCRIPTS = sorted((REPOSITORY / "transcripts").glob("[0-9][0-9][0-9][0-9]-*.md"))
SORTED = (REPOSITORY / "transcripts" / "mistakes.md").read_text()


def numbers(text: str) -> list[str]:
    return [number for line in re.findall(r"^- ([0-9 ]+)", text, re.M) for number in line.split()]


def test_every_closed_transcript_is_sorted() -> None:
    closed = {path.name[:4] for path in TRANSCRIPTS if "\n@@reality\n" in path.read_text()}
    assert closed - set(numbers(SORTED)) == set(), "enter it under the kinds of its mistakes"
    assert set(numbers(SORTED)) - {path.name[:4] for path in TRANSCRIPTS} == set()


@pytest.mark.parametrize("part", re.split(r"^## ", SORTED, flags=re.M)[1:], ids=lambda part: part.partition("\n")[0])
def test_a_kind_lists_each_transcript_once_in_order(part: str) -> None:
    found = numbers(part)
    assert found == sorted(set(found))


def test_the_questions_are_those_of_the_method() -> None:
    method = (REPOSITORY / "AGENTS.md").read_text()
    asked = re.findall(r"^([1-9])\. \*\*(.+?)\*\*", method, re.M)
    assert re.findall(r"^## ([1-9]) (.+)$", SORTED, re.M) == asked
    assert len(asked) == 9


def test_nothing_stands_beside_nothing() -> None:
    before, _, nothing = SORTED.partition("## Nothing of these kinds")
    assert not set(numbers(before)) & set(numbers(nothing))
