"""What one smbtorture process said: its subunit output becomes one Record; Records become a table and JSON."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

SUCCESS: Final = "success"
FAILURE: Final = "failure"
ERROR: Final = "error"
SKIP: Final = "skip"
TIMEOUT: Final = "timeout"
OUTCOMES: Final = (SUCCESS, FAILURE, ERROR, SKIP, TIMEOUT)
MAX_REASON: Final = 300  # characters; what follows are repetitions
_EVENT: Final = re.compile(r"(test|success|failure|error|skip|unknown): (.*)")
_SOURCE_PATH: Final = re.compile(r"\(?(?:\.\./)+(?:[\w-]+/)*([\w-]+\.c:\d+)\)?")
_NOISE: Final = ("Using seed", "time:", "test:", "progress:")


@dataclass(frozen=True, slots=True)
class Record:
    """One test: `result` is one of OUTCOMES; `attempts` are the results of earlier runs of a test that was retried."""

    test: str
    result: str
    seconds: float
    reason: str = ""
    attempts: tuple[str, ...] = ()


class Event(NamedTuple):
    """A result line of subunit with the text in brackets below it."""

    result: str
    test: str
    reason: str


class Output(NamedTuple):
    """All events, and the name of a test that began and has no result ("" when there is none)."""

    events: list[Event]
    unfinished: str


def parse_subunit(text: str) -> Output:
    """Read the output of `smbtorture --format=subunit`."""
    events: list[Event] = []
    unfinished = ""
    lines = iter(text.splitlines())
    for line in lines:
        match = _EVENT.fullmatch(line)
        if match is None:
            continue
        kind, name = match.groups()
        if kind == "test":
            unfinished = name
            continue
        reason = []
        if name.endswith(" ["):
            name = name[:-2]
            for more in lines:
                if more == "]":
                    break
                reason.append(more)
        unfinished = ""
        events.append(Event(ERROR if kind == "unknown" else kind, name, "\n".join(reason)))
    return Output(events, unfinished)


def one_line(text: str) -> str:
    """The first line that says something, without the folders of Samba's source."""
    for line in _SOURCE_PATH.sub(r"\1", text).splitlines():
        words = " ".join(line.split())
        if words:
            return words[:MAX_REASON]
    return ""


def judge(stdout: str, stderr: str, exit_code: int) -> tuple[str, str]:
    """(outcome, reason) of a process that ended by itself. Nothing counts as a success that did not say so."""
    events, unfinished = parse_subunit(stdout)
    for event in events:
        if event.result in (FAILURE, ERROR):
            return event.result, one_line(event.reason) or "no reason given"
    if exit_code < 0:
        return ERROR, f"smbtorture died of signal {-exit_code}"
    if unfinished or not events:
        said = [line for line in [*stderr.splitlines(), *stdout.splitlines()] if line.strip()]
        said = [line for line in said if not line.startswith(_NOISE)]
        return ERROR, "no result: " + (one_line(said[-1]) if said else f"exit code {exit_code}")
    if all(event.result == SKIP for event in events):
        return SKIP, one_line(events[0].reason)
    if exit_code:
        return ERROR, f"exit code {exit_code} after a success"
    return SUCCESS, ""


def parse_list(text: str) -> list[str]:
    """Names in the output of `smbtorture --list`, in its order; a simple test is listed as NAME.TEST.TEST."""
    names: dict[str, None] = {}
    for line in text.splitlines():
        name = line.strip()
        head, _, last = name.rpartition(".")
        if head.endswith("." + last):
            name = head
        if "." in name and " - " not in name and not name.startswith("smbtorture "):
            names[name] = None
    return list(names)


def suite_of(test: str) -> str:
    """`smb2.lock` of `smb2.lock.rw-shared`."""
    return ".".join(test.split(".")[:2])


def table(records: Iterable[Record]) -> str:
    """Suites down, outcomes and seconds across, the sum below."""
    rows: dict[str, dict[str, float]] = {}
    for record in records:
        for name in (suite_of(record.test), "total"):
            row = rows.setdefault(name, dict.fromkeys((*OUTCOMES, "seconds"), 0.0))
            row[record.result] += 1
            row["seconds"] += record.seconds
    width = max(map(len, rows), default=5)
    lines = ["suite".ljust(width) + "  tests" + "".join(name.rjust(9) for name in (*OUTCOMES, "seconds"))]
    for name in sorted(rows, key=lambda name: (name == "total", name)):
        row = rows[name]
        tests = sum(row[outcome] for outcome in OUTCOMES)
        cells = "".join(f"{row[column]:9.0f}" for column in (*OUTCOMES, "seconds"))
        lines.append(name.ljust(width) + f"{tests:7.0f}" + cells)
    return "\n".join(lines)


def write_json(records: Sequence[Record], problems: Mapping[str, str], path: Path) -> None:
    """{"results": [Record...], "counts": {outcome: number}, "problems": {test: text}}."""
    document = {
        "results": [asdict(record) for record in records],
        "counts": {outcome: sum(record.result == outcome for record in records) for outcome in OUTCOMES},
        "problems": dict(problems),
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
