"""Finds where an unfinished transcript can be continued: the last complete checkpoint, in bytes of the file."""

import re
from typing import Final, NamedTuple

from .grammar import CHECKPOINT_LINES, read_mark
from .transcript import CHECKPOINT_NUMBER, Transcript, missing_lines, read_transcript

_NOTHING: Final = frozenset({"none", "nothing"})
_VERSION: Final = re.compile(r"v[0-9]+")


class Resume(NamedTuple):
    """A complete checkpoint, and what a model needs to go on from it."""

    end: int  # bytes of the transcript up to and with its last line
    number: str  # "5" or "5.2"
    text: str
    needs: tuple[str, ...]  # paths of files of the transcript
    unknown: tuple[str, ...]  # paths that it names and that no @@file has written
    transcript: Transcript  # what stands before `end`


def is_done(data: bytes) -> bool:
    """Whether the transcript has its `@@done`. A body cannot hold one: there it is escaped."""
    return any(line.rstrip() == b"@@done" for line in data.split(b"\n"))


def last_checkpoint(data: bytes) -> Resume | None:
    """The last checkpoint that is whole, or None. A cut may have fallen anywhere, also inside a UTF-8 character."""
    lines = data.split(b"\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    texts = [line.decode("utf-8", "replace") for line in lines]
    marks = [at for at, text in enumerate(texts) if read_mark(text)]
    for index in range(len(marks) - 1, -1, -1):
        mark = read_mark(texts[marks[index]])
        if mark is None or mark.word != "checkpoint" or not CHECKPOINT_NUMBER.fullmatch(mark.rest):
            continue
        followed = index + 1 < len(marks)
        stop = marks[index + 1] if followed else len(texts)
        section = texts[marks[index] : stop]
        size = _size(section)
        if not size:
            continue
        line_after = marks[index] + size
        end = min(starts[line_after], len(data))
        transcript = read_transcript(data[:end])
        needs, unknown = _needs(section[:size], transcript)
        if followed or _is_whole(section[size - 1], newline=line_after < len(texts), transcript=transcript):
            return Resume(end, mark.rest, "\n".join(section[:size]) + "\n", needs, unknown, transcript)
    return None


def _size(section: list[str]) -> int:
    """How many lines of the section are the checkpoint: to the end of the paragraph of `needs:`. 0: not complete."""
    if missing_lines(section[1:], CHECKPOINT_LINES):
        return 0
    size = next(at for at in range(len(section) - 1, 0, -1) if section[at].startswith(CHECKPOINT_LINES[-1])) + 1
    while size < len(section) and section[size].strip():
        size += 1
    return size


def _is_whole(line: str, *, newline: bool, transcript: Transcript) -> bool:
    """Whether the last line of `needs:` is, as far as can be told: a cut may have fallen into it.

    A model that stops behind a checkpoint often writes no newline there, so a known path at the end is taken as whole.
    """
    if line.rstrip().endswith((",", ":")):
        return False
    return newline or _path(line.split()[-1]) in {*transcript.files, *_NOTHING}


def _path(word: str) -> str:
    """A word of `needs:` without the punctuation that prose puts around a path."""
    return word.strip("`'\"();*").removesuffix(".")


def _needs(section: list[str], transcript: Transcript) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths behind `needs:`, split into those that the transcript has and those that it has not."""
    start = next(at for at in range(len(section) - 1, 0, -1) if section[at].startswith(CHECKPOINT_LINES[-1]))
    words = " ".join(section[start:])[len(CHECKPOINT_LINES[-1]) :].replace(",", " ").split()
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for word in words:
        path = _path(word)
        if path in transcript.files:
            known[path] = None
        elif path.casefold() not in _NOTHING and not _VERSION.fullmatch(path) and ("/" in path or "." in path):
            unknown[path] = None
    return tuple(known), tuple(unknown)
