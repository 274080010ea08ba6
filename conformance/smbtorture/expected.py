"""The list of tests that are known not to pass (expected.md), and the comparison of a run with it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from conformance.smbtorture.results import SKIP, SUCCESS, Record

FAILS: Final = "fails"
SKIPPED: Final = "skipped"
_COLUMNS: Final = 4


class ExpectedError(Exception):
    """A line of the list that is not in its form."""


class Known(NamedTuple):
    """Why a test does not pass; `section` is where the specification speaks of it, or "-"."""

    test: str
    result: str
    reason: str
    section: str


def parse_expected(text: str) -> dict[str, Known]:
    """Read the table `| test | result | reason | section |`; other lines are text. Raises ExpectedError."""
    known: dict[str, Known] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != _COLUMNS or not all(cells):
            raise ExpectedError(f"line {number}: four filled columns wanted: test, result, reason, section")
        entry = Known(cells[0].strip("`"), *cells[1:])
        if entry.result not in (FAILS, SKIPPED):
            raise ExpectedError(f"line {number}: the result is {FAILS!r} or {SKIPPED!r}, not {entry.result!r}")
        if entry.test in known:
            raise ExpectedError(f"line {number}: {entry.test} stands here twice")
        known[entry.test] = entry
    return known


def read_expected(path: Path) -> dict[str, Known]:
    """See `parse_expected`; a missing file is an empty list."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        return parse_expected(text)
    except ExpectedError as error:
        raise ExpectedError(f"{path}: {error}") from None


def differences(records: Iterable[Record], known: Mapping[str, Known]) -> dict[str, str]:
    """What is wrong, by test: one that fails and is not in the list, one that is in it and does not do what it says."""
    problems: dict[str, str] = {}
    for record in records:
        entry = known.get(record.test)
        is_skip = record.result == SKIP
        if entry is None:
            if record.result != SUCCESS:
                problems[record.test] = f"{record.result}, not in the list: {record.reason}"
        elif record.result == SUCCESS:
            problems[record.test] = "passes: take it out of the list"
        elif is_skip != (entry.result == SKIPPED):
            problems[record.test] = f"{record.result}, the list says {entry.result}: {record.reason}"
    return problems


def unknown_names(known: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Entries of the list that smbtorture has no test for."""
    there = set(names)
    return {test: "in the list, and smbtorture has no such test" for test in known if test not in there}
