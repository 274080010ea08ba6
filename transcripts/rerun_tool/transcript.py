"""Reads a whole transcript: its files with all their versions, and every place where it breaks the grammar.

Theory of operation: one pass over the lines. A mark outside a body is checked by the method named after it; `file`,
`sketch` and `edit` open a body, and the lines up to `@@end` are collected and then judged as a whole. A problem never
stops the pass, so one run names all of them; what a problem makes unknowable (the text after a failed edit) is left
out of later checks instead of causing more messages.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .grammar import (
    BODY_MARKS,
    CHECKPOINT_LINES,
    DECISION_LINES,
    KNOWN_MARKS,
    RESTS_ON,
    EditError,
    Mark,
    apply_edit,
    fence_length,
    file_text,
    path_problem,
    read_edit,
    read_mark,
    unescape,
)

_BODY: Final = re.compile(r"(\S+) v([1-9][0-9]{0,5}) (\S.*)")
_END: Final = re.compile(r"(\S+) v([1-9][0-9]{0,5})")
_GENERATION: Final = re.compile(r"[0-9]+ mode=(package|capability)(?: form=([12]))?")
_PHASE: Final = re.compile(r"([0-9]{1,4}) \S.*")
_ROUND: Final = re.compile(r"[1-9][0-9]{0,3}")
_TURN: Final = re.compile(r"[^()]*[^()\s] \([^()]*[^()\s][^()]*\)")
_DECISION: Final = re.compile(r"D[0-9]+ \S.*")
_FORK: Final = re.compile(r"F[0-9]+ \S.*")
CHECKPOINT_NUMBER: Final = re.compile(r"([0-9]{1,4})(\.[0-9]{1,4})?")


class Problem(NamedTuple):
    """One thing wrong at one line (counted from 1). A warning does not make the transcript malformed."""

    line: int
    message: str
    warning: bool = False


class Version(NamedTuple):
    """One version of one file. `text` is None when it could not be worked out."""

    number: int
    author: str
    line: int
    kind: str  # "file" (whole) or "edit"
    text: str | None


@dataclass(slots=True)
class Transcript:
    """What a transcript says, as far as it could be read, and what is wrong with it."""

    files: dict[str, list[Version]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    phase: int = 0
    done: bool = False

    @property
    def malformed(self) -> bool:
        """Whether any problem is more than a warning."""
        return any(not problem.warning for problem in self.problems)

    def last_versions(self) -> dict[str, Version]:
        """The last version of every file, in the order in which the files first appeared."""
        return {path: versions[-1] for path, versions in self.files.items()}


@dataclass(slots=True)
class _Body:
    """A `@@file`, `@@sketch` or `@@edit` whose `@@end` has not come yet; `path` is empty when the mark was wrong."""

    kind: str
    line: int
    path: str = ""
    number: int = 0
    author: str = ""
    lines: list[str] = field(default_factory=list)


def read_transcript(data: bytes, *, plain: bool = False) -> Transcript:
    """Read a transcript. `plain` asks for no `@@generation`, `@@prompt` and `@@done` (the control of `generate`)."""
    reader = _Reader(plain)
    reader.read(data)
    return reader.result


class _Reader:
    """The state of the one pass over the lines."""

    def __init__(self, plain: bool) -> None:
        self.result = Transcript()
        self._plain = plain
        self._at = 0  # number of the line that is being read, from 1
        self._body: _Body | None = None
        self._section: tuple[str, int, list[str]] = ("", 0, [])  # mark word, its line, the text that belongs to it
        self._marks = 0
        self._prompts = 0
        self._decision_form = 1
        self._on_mark: dict[str, Callable[[str], None]] = {
            "generation": self._generation,
            "prompt": self._prompt,
            "phase": self._phase,
            "round": self._form(_ROUND, "@@round N"),
            "turn": self._form(_TURN, "@@turn NAME (ROLE)"),
            "decision": self._form(_DECISION, "@@decision DN TITLE"),
            "fork": self._form(_FORK, "@@fork FN TITLE"),
            "checkpoint": self._checkpoint,
            "done": self._done,
            "reality": self._reality,
            "end": self._stray_end,
        }

    def read(self, data: bytes) -> None:
        """Read all lines. Lines end with a newline and nothing else: bodies may hold any other separator."""
        raw_lines = data.split(b"\n")
        if not raw_lines[-1]:
            raw_lines.pop()
        for self._at, raw in enumerate(raw_lines, 1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self._problem(f"not UTF-8 at byte {error.start} of the line")
                line = raw.decode("utf-8", "replace")
            self._line(line)
        if self._body is not None:
            body = self._body
            self._problem(f"the body of @@{body.kind} {body.path} v{body.number} has no @@end", body.line)
        self._close_section()
        self._at = max(self._at, 1)
        if not self._plain:
            self._check_whole()
        self.result.problems.sort()

    def _check_whole(self) -> None:
        if not self._marks:
            self._problem("no mark at all: not a transcript")
        elif not self._prompts:
            self._problem("the transcript has no @@prompt")
        if not self.result.done:
            self._problem("the transcript has no @@done: the generation is not complete", warning=True)

    def _problem(self, message: str, line: int | None = None, *, warning: bool = False) -> None:
        self.result.problems.append(Problem(self._at if line is None else line, message, warning))

    def _line(self, line: str) -> None:
        mark = read_mark(line)
        if mark is None:
            (self._body.lines if self._body else self._section[2]).append(line)
            return
        if self._body is not None:
            if mark.word == "end":
                self._close_body(self._body, mark)
                return
            opened = f"@@{self._body.kind} {self._body.path} of line {self._body.line}"
            if mark.word not in KNOWN_MARKS:
                self._problem(f"a line that begins with @@ needs a backslash in front in the body of {opened}")
                self._body.lines.append(line)
                return
            self._problem(f"@@{mark.word} in the body of {opened}: @@end is missing, or a backslash in front")
            self._body = None
        self._close_section()
        self._open_mark(mark)

    def _open_mark(self, mark: Mark) -> None:
        self._section = (mark.word, self._at, [])
        self._marks += 1
        if mark.word not in KNOWN_MARKS:
            self._problem(f"unknown mark @@{mark.word}")
            return
        if self._marks == 1 and mark.word != "generation" and not self._plain:
            self._problem("the first mark must be @@generation")
        if self.result.done and mark.word != "reality":
            self._problem(f"@@{mark.word} after @@done; only @@reality may follow")
        if mark.word in BODY_MARKS:
            self._open_body(mark)
        else:
            self._on_mark[mark.word](mark.rest)

    def _form(self, pattern: re.Pattern[str], form: str) -> Callable[[str], None]:
        """A check of a mark of which only the form matters."""

        def check(rest: str) -> None:
            if not pattern.fullmatch(rest):
                self._problem(f"the form is {form}")

        return check

    def _generation(self, rest: str) -> None:
        match = _GENERATION.fullmatch(rest)
        if match:
            self._decision_form = int(match[2] or 1)
        else:
            self._problem("the form is @@generation NUMBER mode=package form=2 (or mode=capability)")
        if self._marks != 1:
            self._problem("@@generation must be the first mark, and stands once")

    def _prompt(self, rest: str) -> None:
        self._prompts += 1
        if self._prompts > 1:
            self._problem("a second @@prompt")
        self._section[2].append(rest)

    def _phase(self, rest: str) -> None:
        match = _PHASE.fullmatch(rest)
        if not match:
            self._problem("the form is @@phase N TITLE")
            return
        number, expected = int(match[1]), self.result.phase + 1
        if number != expected:
            self._problem(f"@@phase {number} where phase {expected} was expected")
        self.result.phase = number

    def _checkpoint(self, rest: str) -> None:
        match = CHECKPOINT_NUMBER.fullmatch(rest)
        if not match:
            self._problem("the form is @@checkpoint N or @@checkpoint N.M")
        elif int(match[1]) != self.result.phase:
            self._problem(f"@@checkpoint {rest} in phase {self.result.phase}")

    def _done(self, rest: str) -> None:
        if rest:
            self._problem("nothing may follow @@done on its line")
        self.result.done = True

    def _reality(self, rest: str) -> None:
        if rest:
            self._problem("nothing may follow @@reality on its line")
        if not self.result.done:
            self._problem("@@reality before @@done")

    def _stray_end(self, rest: str) -> None:
        self._problem(f"@@end {rest} closes nothing")

    def _close_section(self) -> None:
        """Judge the text that belonged to the last mark outside of bodies."""
        word, line, text = self._section
        self._section = ("", 0, [])
        if word == "prompt" and not any(part.strip() for part in text):
            self._problem("the prompt is empty", line)
        elif word == "decision":
            for name in missing_lines(text, DECISION_LINES[self._decision_form]):
                self._problem(f"the decision has no line {name!r}", line)
            if any(part.rstrip() == RESTS_ON for part in text):
                self._problem(f"nothing stands behind {RESTS_ON!r}", line)
        elif word == "checkpoint":
            for name in missing_lines(text, CHECKPOINT_LINES):
                self._problem(f"the checkpoint has no line {name!r}, or not in its place", line)

    def _open_body(self, mark: Mark) -> None:
        self._body = body = _Body(mark.word, self._at)
        match = _BODY.fullmatch(mark.rest)
        if not match:
            self._problem(f"the form is @@{mark.word} PATH vN NAME, a path without spaces")
            return
        body.path, body.number, body.author = match[1], int(match[2]), match[3]
        reason = path_problem(body.path)
        if reason:
            self._problem(f"the path {body.path!r} {reason}")
        if mark.word == "sketch":
            return
        versions = self.result.files.get(body.path)
        if mark.word == "edit" and not versions:
            self._problem(f"@@edit of {body.path}, which has no version before")
            return
        expected = versions[-1].number + 1 if versions else 1
        if body.number != expected:
            self._problem(f"{body.path} v{body.number} where v{expected} was expected")

    def _close_body(self, body: _Body, end: Mark) -> None:
        self._body = None
        match = _END.fullmatch(end.rest)
        if not match:
            self._problem("the form is @@end PATH vN")
        elif body.path and (match[1], int(match[2])) != (body.path, body.number):
            self._problem(f"@@end {end.rest} where @@end {body.path} v{body.number} (line {body.line}) was expected")
        lines = self._strip_fence(body)
        if not body.path or body.kind == "sketch":
            return
        text = self._edited(body, lines) if body.kind == "edit" else file_text(lines)
        version = Version(body.number, body.author, body.line, body.kind, text)
        self.result.files.setdefault(body.path, []).append(version)

    def _strip_fence(self, body: _Body) -> list[str]:
        """The lines between the fences, escapes undone; the first of them stands two lines below the mark."""
        lines = body.lines
        opening = fence_length(lines[0]) if lines else 0
        if not opening:
            self._problem("the line after the mark must open a fence", body.line + 1)
            return [unescape(line) for line in lines]
        if len(lines) < 2 or lines[-1].rstrip() != "`" * opening:
            self._problem(f"the line before @@end must close the fence with {opening} backticks", self._at - 1)
            return [unescape(line) for line in lines[1:]]
        for offset, line in enumerate(lines[1:-1]):
            if fence_length(line) >= opening:
                # A Markdown viewer shows it wrongly, but `@@end` leaves no doubt about the body.
                self._problem(
                    "the body contains a fence: use a longer one around it", body.line + 2 + offset, warning=True
                )
        return [unescape(line) for line in lines[1:-1]]

    def _edited(self, body: _Body, lines: list[str]) -> str | None:
        versions = self.result.files.get(body.path)
        previous = versions[-1].text if versions else None
        try:
            blocks = read_edit(lines)
            return None if previous is None else file_text(apply_edit(previous, blocks))
        except EditError as error:
            self._problem(str(error), body.line + 2 + error.line)
            return None


def missing_lines(text: list[str], names: tuple[str, ...]) -> list[str]:
    """Which of `names` do not begin a line of `text`, each looked for behind the one before."""
    missing = []
    at = 0
    for name in names:
        found = next((index for index in range(at, len(text)) if text[index].startswith(name)), None)
        if found is None:
            missing.append(name)
        else:
            at = found + 1
    return missing
