"""The machine-readable form of a transcript, line by line: marks, fences, escapes, paths and edit blocks.

This is AGENTS.md section 3 as functions. `transcript.py` applies them to a whole transcript.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

MARK: Final = "@@"
BODY_MARKS: Final = frozenset({"file", "sketch", "edit"})
KNOWN_MARKS: Final = BODY_MARKS | {
    *("generation", "prompt", "phase", "round", "turn", "decision"),
    *("end", "checkpoint", "fork", "done", "reality"),
}
RESTS_ON: Final = "rests on:"
# By the form that the transcript's first mark tells: the line about what a decision rests on came with the second.
DECISION_LINES: Final = {
    1: ("chosen:", "against:", "because:", "reopen when:"),
    2: ("chosen:", "against:", "because:", RESTS_ON, "reopen when:"),
}
CHECKPOINT_LINES: Final = ("done:", "decided:", "open:", "interfaces:", "next:", "needs:")
EDIT_OLD: Final = "<<<<<<< was"
EDIT_NEW: Final = "======= now"
EDIT_END: Final = ">>>>>>> end"
SHORTEST_FENCE: Final = 3
PATH_LIMIT: Final = 400  # bytes; far below PATH_MAX, so that DIR in front of it still fits

_ESCAPED: Final = re.compile(r"\\+@@")
_NEEDS_ESCAPE: Final = re.compile(r"\\*@@")
_FENCE: Final = re.compile(r"(`{3,})[^`]*")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


class Mark(NamedTuple):
    """One mark: its word without `@@` and what follows on the line."""

    word: str
    rest: str


class EditBlock(NamedTuple):
    """One replacement of an `@@edit`; `line` counts from 0 at the first line of the body."""

    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


class EditError(ValueError):
    """An edit that cannot be read or applied; `line` counts from 0 at the first line of the body."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_mark(line: str) -> Mark | None:
    """The mark on this line, or None for text. A mark of an unknown word is still a mark."""
    if not line.startswith(MARK):
        return None
    word, _, rest = line[len(MARK) :].rstrip().partition(" ")
    return Mark(word, rest.strip())


def escape(line: str) -> str:
    """A line of a body as it is written in a transcript."""
    return "\\" + line if _NEEDS_ESCAPE.match(line) else line


def unescape(line: str) -> str:
    """The reverse of `escape`."""
    return line[1:] if _ESCAPED.match(line) else line


def fence_length(line: str) -> int:
    """The number of backticks when this line opens or closes a fence, else 0."""
    match = _FENCE.fullmatch(line.rstrip())
    return len(match[1]) if match else 0


def file_text(lines: Sequence[str]) -> str:
    """The lines of a body as the text of a file: exactly one newline at the end, or nothing at all.

    Empty lines at the end are dropped, so a body of empty lines is an empty body: a file that must go.
    """
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    return "".join(line + "\n" for line in lines[:end])


def write_file(path: str, version: int, author: str, text: str) -> str:
    """A whole version of a file as an `@@file` with its fence and `@@end`."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()  # what stands behind the last newline is not a line
    longest = max((fence_length(line) for line in lines), default=0)
    fence = "`" * max(SHORTEST_FENCE, longest + 1)
    body = "".join(escape(line) + "\n" for line in lines)
    return f"@@file {path} v{version} {author}\n{fence}text\n{body}{fence}\n@@end {path} v{version}\n"


def path_problem(path: str) -> str | None:
    """Why a path of a transcript must not be used, or None when it is harmless."""
    if "\\" in path:
        return "has a backslash"
    if path.startswith("/"):
        return "is absolute"
    if _DRIVE.match(path):
        return "begins with a drive letter"
    if ":" in path:
        return "has a colon"  # an alternate stream on Windows
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in path):
        return "has a control character"
    if len(path.encode("utf-8", "surrogatepass")) > PATH_LIMIT:
        return f"is longer than {PATH_LIMIT} bytes"
    for component in path.split("/"):
        if not component:
            return "has an empty component"
        if component in {".", ".."}:
            return f"has the component {component!r}"
        if component.casefold() == ".git":
            return "leads into .git"  # hooks there would be run by the first commit
    return None


def read_edit(lines: Sequence[str]) -> list[EditBlock]:
    """The blocks of an edit's body (fence stripped, escapes undone). Raises EditError."""
    blocks: list[EditBlock] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        if lines[at].rstrip() != EDIT_OLD:
            raise EditError(at, f"an edit block begins with {EDIT_OLD!r}")
        now = _next_line(lines, at + 1, EDIT_NEW, at)
        end = _next_line(lines, now + 1, EDIT_END, at)
        blocks.append(EditBlock(at, tuple(lines[at + 1 : now]), tuple(lines[now + 1 : end])))
        at = end + 1
    if not blocks:
        raise EditError(0, "an edit has at least one block")
    return blocks


def apply_edit(previous: str, blocks: Sequence[EditBlock]) -> list[str]:
    """The lines after an edit of `previous`. Whole lines are compared; every old text is looked up in `previous`.

    Raises EditError when an old text is empty, does not occur exactly once, or overlaps that of another block.
    """
    lines = previous.split("\n")[:-1] if previous else []
    places: list[tuple[int, int, EditBlock]] = []
    for block in blocks:
        size = len(block.old)
        if not size:
            raise EditError(block.line, "the old text of the block is empty")
        old = list(block.old)
        found = [at for at in range(len(lines) - size + 1) if lines[at] == old[0] and lines[at : at + size] == old]
        if len(found) != 1:
            raise EditError(block.line, f"the old text occurs {len(found)} times in the version before, not once")
        for start, stop, other in places:
            if found[0] < stop and start < found[0] + size:
                raise EditError(block.line, f"the block overlaps the one {block.line - other.line} lines above")
        places.append((found[0], found[0] + size, block))
    for start, stop, block in sorted(places, key=lambda place: place[0], reverse=True):
        lines[start:stop] = block.new
    return lines


def _next_line(lines: Sequence[str], start: int, wanted: str, block: int) -> int:
    """The index of the next line that is `wanted`; another block marker on the way is an error."""
    for at in range(start, len(lines)):
        line = lines[at].rstrip()
        if line == wanted:
            return at
        if line in {EDIT_OLD, EDIT_NEW, EDIT_END}:
            raise EditError(at, f"{line!r} where {wanted!r} was expected")
    raise EditError(block, f"the block has no {wanted!r}")
