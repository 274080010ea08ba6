"""Grows a transcript with any model command, over as many answers as it takes, so that an interruption loses nothing.

Theory of operation: DIR holds the growing transcript, `generation.json` (what was asked, what was used) and two folders
of records, `prompts/` and `cut/`. Before each answer the transcript is trimmed: what stands behind the last complete
checkpoint moves to `cut/NNN.md`. The next prompt follows from the trimmed transcript alone. So going on after a kill is
the same code as going on after an answer that was too short.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from .checkpoints import Resume, is_done, last_checkpoint
from .extract import load, replace_file, report, write_package
from .grammar import read_mark
from .processes import end_process, ended
from .prompts import first_prompt, next_prompt, plain_prompt

STATE_NAME: Final = "generation.json"
STATE_FORMAT: Final = 1
ANSWER_LIMIT: Final = 64 << 20  # bytes; no context window is that large, so the command has run away
CHUNK: Final = 64 << 10  # bytes per read; a pipe holds no more
MARK_LIMIT: Final = 4096  # bytes; a longer line is no mark worth showing

EXIT_DONE: Final = 0
EXIT_MALFORMED: Final = 1
EXIT_USAGE: Final = 2
EXIT_TURNS_SPENT: Final = 3


class GenerateError(Exception):
    """The generation cannot begin or go on; the message says why."""


class Answer(TypedDict):
    """What is known of one answer."""

    offset: int  # bytes of the transcript before it
    bytes: int
    exit_status: int | None  # None: we were interrupted while it came


@dataclass(slots=True)
class State:
    """What `generation.json` keeps. `turns` counts every answer that was begun, also those that were cut."""

    prompt: str
    mode: str  # "method" or "plain"
    transcript: str  # file name in DIR
    number: int  # of @@generation
    method_sha256: str
    turns: int = 0
    answers: list[Answer] = field(default_factory=list)
    format: int = STATE_FORMAT

    def save(self, out: Path) -> None:
        """Write the state atomically. Raises OSError."""
        replace_file(out / STATE_NAME, (json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n").encode())


def load_state(out: Path) -> State:
    """Read `generation.json`. Raises GenerateError when there is none or it is not ours."""
    try:
        raw = json.loads((out / STATE_NAME).read_bytes())
        state = State(**raw)
    except FileNotFoundError:
        raise GenerateError(f"{out} has no {STATE_NAME}: nothing to resume") from None
    except (ValueError, TypeError) as error:
        raise GenerateError(f"{out / STATE_NAME} cannot be read: {error}") from None
    if state.format != STATE_FORMAT or Path(state.transcript).name != state.transcript:
        raise GenerateError(f"{out / STATE_NAME} is not of a kind that this program writes")
    return state


@dataclass(slots=True)
class Generation:
    """One generation in one directory."""

    out: Path
    state: State
    method: str
    command: list[str]
    say: Callable[[str], None]  # one line of progress

    @property
    def transcript(self) -> Path:
        """Where the transcript grows."""
        return self.out / self.state.transcript

    def run(self, turns: int) -> int:
        """Ask for answers until the transcript is done or `turns` are spent, then extract. Returns an exit status."""
        if self.state.mode == "plain":
            return self._run_plain()
        for _ in range(turns):
            data = self._kept()
            if is_done(data):
                break
            resume = last_checkpoint(data)
            self._trim(data, resume)
            if resume is None:
                prompt = first_prompt(self.method, self.state.prompt, self.state.number)
            else:
                self.say(f"continuing behind checkpoint {resume.number}")
                for path in resume.unknown:
                    self.say(f"the checkpoint needs {path}, which the transcript does not have")
                prompt = next_prompt(self.method, self.state.prompt, resume)
            self._ask(prompt)
        if not is_done(self._kept()):
            self.say(
                f"no @@done after {self.state.turns} turns; go on with: "
                f"generate --resume --out {shlex.quote(str(self.out))} --model-command 'CMD ...' --turns N"
            )
            return EXIT_TURNS_SPENT
        return self._extract(plain=False)

    def _run_plain(self) -> int:
        if self.state.answers and self.state.answers[-1]["exit_status"] is not None:
            self.say("a plain generation is a single answer, and it was given; extracting it")
            return self._extract(plain=True)
        self._trim(self._kept(), None)
        if self._ask(plain_prompt(self.state.prompt)) != 0:
            self.say("the answer may be incomplete")
        return self._extract(plain=True)

    def _kept(self) -> bytes:
        try:
            return self.transcript.read_bytes()
        except FileNotFoundError:
            return b""

    def _trim(self, data: bytes, resume: Resume | None) -> None:
        """Move what stands behind the checkpoint to cut/, so that the next answer can follow the checkpoint."""
        end = resume.end if resume else 0
        tail = data[end:]
        if tail.strip():
            self._record("cut", tail)
            self.say(f"{len(tail)} bytes behind {'the checkpoint' if resume else 'the beginning'} moved to cut/")
        # The record comes first: a kill between the two steps leaves a double, not a hole.
        kept = data[:end]
        if kept:
            kept = kept.rstrip(b"\n") + b"\n\n"
        if kept != data:
            replace_file(self.transcript, kept)

    def _record(self, folder: str, data: bytes) -> Path:
        """Write `data` to the next free FOLDER/NNN.md."""
        directory = self.out / folder
        directory.mkdir(exist_ok=True)
        taken = [int(path.stem) for path in directory.glob("*.md") if path.stem.isdecimal()]
        path = directory / f"{max(taken, default=0) + 1:03}.md"
        replace_file(path, data)
        return path

    def _ask(self, prompt: str) -> int:
        """One answer: its bytes go to the end of the transcript as they arrive. Returns the command's exit status."""
        sent = self._record("prompts", prompt.encode("utf-8"))
        begin = time.monotonic()
        with sent.open("rb") as stdin, self.transcript.open("ab", buffering=0) as sink:
            offset = sink.seek(0, os.SEEK_END)
            try:
                process = subprocess.Popen(self.command, stdin=stdin, stdout=subprocess.PIPE, start_new_session=True)
            except OSError as error:
                raise GenerateError(f"the model command cannot be started: {error}") from None
            with ended(process):
                self.state.turns += 1
                answer = Answer(offset=offset, bytes=0, exit_status=None)
                self.state.answers.append(answer)
                self.state.save(self.out)
                self.say(f"turn {self.state.turns}: {len(prompt.encode())} bytes sent")
                progress = Progress(self.say)
                assert process.stdout is not None  # stdout=PIPE above
                while chunk := os.read(process.stdout.fileno(), CHUNK):
                    write_all(sink.fileno(), chunk)
                    answer["bytes"] += len(chunk)
                    progress.feed(chunk)
                    if answer["bytes"] > ANSWER_LIMIT:
                        self.say(f"the answer is longer than {ANSWER_LIMIT} bytes: stopped")
                        process.terminate()
                        break
                status = process.wait() if answer["bytes"] <= ANSWER_LIMIT else end_process(process)
        answer["exit_status"] = status
        self.state.save(self.out)
        seconds = time.monotonic() - begin
        self.say(f"turn {self.state.turns}: {answer['bytes']} bytes, {progress.files} files, {seconds:.0f} s")
        if status:
            self.say(f"the model command ended with status {status}; what it wrote is kept")
        return status

    def _extract(self, *, plain: bool) -> int:
        package = self.out / "package"
        transcript = load(self.transcript, plain=plain)
        written = write_package(transcript, package)
        for line in report(transcript, str(self.transcript)):
            self.say(line)
        if transcript.malformed:
            self.say("the transcript is malformed: no package was written")
            return EXIT_MALFORMED
        if not written:
            self.say("the transcript has no file")
            return EXIT_MALFORMED
        self.say(f"{len(written)} files written to {package}")
        return EXIT_DONE


class Progress:
    """Shows phases and counts files while the bytes of an answer arrive, in pieces of any size."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.files = 0
        self._say = say
        self._bytes = 0
        self._rest = b""  # the line that has begun
        self._open = False  # inside @@file or @@edit

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the answer."""
        self._bytes += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not self._rest.startswith(b"@@"):
            self._rest = self._rest[:2]  # enough to know whether this line is a mark
        self._rest = self._rest[:MARK_LIMIT]
        for line in lines:
            mark = read_mark(line.decode("utf-8", "replace"))
            if mark is None:
                continue
            if mark.word == "end" and self._open:
                self.files += 1
            elif mark.word in {"phase", "checkpoint", "done"}:
                self._say(f"{mark.word} {mark.rest}".rstrip() + f": {self.files} files, {self._bytes} bytes so far")
            self._open = mark.word in {"file", "edit"}


def write_all(descriptor: int, data: bytes) -> None:
    """Write to the end, also when the system takes less than was offered. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def begin(out: Path, sentence: str, mode: str, name: str, number: int, method: str) -> State:
    """A new generation in `out`. Raises GenerateError when there is one already, OSError."""
    if Path(name).name != name or name in {STATE_NAME, "cut", "package", "prompts"}:
        raise GenerateError(f"{name!r} is not a file name for the transcript")
    if not sentence.strip():
        raise GenerateError("the prompt is empty")
    out.mkdir(parents=True, exist_ok=True)
    for existing in (out / STATE_NAME, out / name):
        if existing.exists():
            raise GenerateError(f"{existing} exists: use --resume, or another directory")
    state = State(sentence.strip(), mode, name, number, method_digest(method))
    state.save(out)
    return state


def method_digest(method: str) -> str:
    """What tells whether a resumed generation still follows the same method."""
    return hashlib.sha256(method.encode("utf-8")).hexdigest()


def say(line: str) -> None:
    """Progress goes to standard error, at once."""
    print(line, file=sys.stderr, flush=True)
