"""Parse a conformance script and compare output with what it expects (the format is in conformance/README.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# smbclient's transfer rates say nothing about correctness.
_TRANSFER: Final = re.compile(r"^(putting|getting) file .*")
_RATE_TAIL: Final = re.compile(r" \(\S+ (kb/s|KiloBytes/sec)\) \(average \S+ (kb/s|KiloBytes/sec)\)$")
_MIB_TAIL: Final = re.compile(r" \(\S+ MiB/s\)$")
_SESSION: Final = re.compile(r"^(\w*)> (.*)$")
_PATTERN: Final = re.compile(r"^~(\d*) (.*)$")
# What may stand in a `~` line for the parts of a listing that nobody can predict.
MACROS: Final = {
    "{date}": r"\w{3} \w{3} \d{1,2} \d\d:\d\d:\d\d \d{4}",
    "{free}": r"[1-9]\d* blocks of size [1-9]\d*\. \d+ blocks available",
}


class ScriptError(Exception):
    """A script that does not follow the format; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """`count` lines of output that are equal to, or fully matched by, `text`; a forbidden one matches no line."""

    line: int
    text: str
    is_pattern: bool
    count: int = 1
    is_forbidden: bool = False

    def matches(self, output_line: str) -> bool:
        """Whether one normalised line of output is such a line."""
        if not self.is_pattern:
            return output_line == " ".join(self.text.split())
        return re.fullmatch(_expand(self.text), output_line) is not None


@dataclass(slots=True)
class Step:
    """One command with its expectations.

    `kind` is "session" (a line for the running smbclient called `client`), "program" (one call of smbclient) or
    "shell" (a local check).
    """

    line: int
    kind: str
    command: str
    client: str = ""
    expectations: list[Expectation] = field(default_factory=list)
    allows_more: bool = False
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A parsed script; `only` restricts it to those modes, an empty one means all modes."""

    name: str
    steps: tuple[Step, ...]
    only: frozenset[str]
    is_slow: bool


def parse(name: str, text: str) -> Script:
    """Parse a script's text. Raises ScriptError at the first line that is not in the format."""
    steps: list[Step] = []
    only: frozenset[str] = frozenset()
    is_slow = False
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.rstrip()
        if not line or line.startswith("#"):
            continue
        if (step := _step(number, line)) is not None:
            steps.append(step)
        elif line.startswith("only ") and not steps:
            only = frozenset(line.split()[1:])
        elif line == "slow" and not steps:
            is_slow = True
        elif not steps:
            raise ScriptError(f"{name}:{number}: an expectation before any command: {line}")
        else:
            _add_expectation(name, number, line, steps[-1])
    if not steps:
        raise ScriptError(f"{name}: no commands")
    return Script(name, tuple(steps), only, is_slow)


def parse_file(path: Path) -> Script:
    """Parse a script file; its name without the ending becomes the script's name. Raises ScriptError."""
    return parse(path.stem, path.read_text(encoding="utf-8"))


def normalise(output: str, directory: str) -> list[str]:
    """Output as non-empty lines: blanks collapsed, transfer rates cut, the script's directory left out of paths."""
    lines = []
    for raw in output.replace("\r", "").splitlines():
        line = " ".join(raw.split())
        if not line:
            continue
        if _TRANSFER.match(line):
            line = _RATE_TAIL.sub("", line)
        line = _MIB_TAIL.sub("", line)
        lines.append(line.replace(f"\\{directory}\\", "\\"))
    return lines


def compare(step: Step, lines: Sequence[str]) -> list[str]:
    """What is wrong with the output of a step, one sentence each; an empty list when everything is as expected.

    Order does not matter. Every line has to be expected exactly as often as it comes, unless `*` allows more.
    """
    problems = []
    left = list(lines)
    # Exact lines take theirs first, so a pattern cannot steal one.
    for expected in sorted(step.expectations, key=lambda e: (e.is_forbidden, e.is_pattern)):
        mark = f"line {expected.line}: {'~' if expected.is_pattern else '='} {expected.text}"
        if expected.is_forbidden:
            problems += [f"{mark}: must not come: {line}" for line in lines if expected.matches(line)]
            continue
        found = [index for index, line in enumerate(left) if expected.matches(line)][: expected.count]
        if len(found) < expected.count:
            problems.append(f"{mark}: expected {expected.count} such line(s), {len(found)} came")
        for index in reversed(found):
            del left[index]
    if not step.allows_more:
        problems += [f"line {step.line}: not expected: {line}" for line in left]
    return problems


def _step(number: int, line: str) -> Step | None:
    if match := _SESSION.match(line):
        return Step(number, "session", match[2], client=match[1])
    if line.startswith("% "):
        return Step(number, "program", line[2:])
    if line.startswith("$ "):
        return Step(number, "shell", line[2:])
    return None


def _add_expectation(name: str, number: int, line: str, step: Step) -> None:
    if line == "*":
        step.allows_more = True
    elif line.startswith("= "):
        step.expectations.append(Expectation(number, line[2:], is_pattern=False))
    elif match := _PATTERN.match(line):
        step.expectations.append(Expectation(number, _checked(name, number, match[2]), True, int(match[1] or 1)))
    elif line.startswith("! "):
        step.expectations.append(Expectation(number, _checked(name, number, line[2:]), True, is_forbidden=True))
    elif re.fullmatch(r"exit \d+", line) and step.kind != "session":
        step.exit_code = int(line[5:])
    else:
        raise ScriptError(f"{name}:{number}: unknown line: {line}")


def _checked(name: str, number: int, pattern: str) -> str:
    try:
        re.compile(_expand(pattern))
    except re.error as error:
        raise ScriptError(f"{name}:{number}: {error}: {pattern}") from error
    return pattern


def _expand(pattern: str) -> str:
    for macro, meaning in MACROS.items():
        pattern = pattern.replace(macro, meaning)
    return pattern
