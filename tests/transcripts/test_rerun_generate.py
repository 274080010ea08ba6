"""`rerun.py generate` with a recorded model: cuts anywhere, failing commands, a kill, and the control."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from rerun_tool.checkpoints import is_done, last_checkpoint
from rerun_tool.command_line import main
from rerun_tool.generate import Progress

HERE = Path(__file__).parent
RERUN = HERE.parents[1] / "transcripts" / "rerun.py"
SENTENCE = "Build a greeter that says „Grüß dich“ to one name."
METHOD = "# A method\n"
WAIT_SECONDS = 20


class Recorded:
    """A directory of answers for fake_model.py, and the generation that uses them."""

    def __init__(self, folder: Path) -> None:
        self.answers = folder / "answers"
        self.answers.mkdir()
        self.out = folder / "out"
        self.method = folder / "METHOD.md"
        self.method.write_text(METHOD)
        self.transcript = self.out / "transcript.md"

    def answer(self, *answers: bytes) -> None:
        for number, answer in enumerate(answers, 1):
            (self.answers / f"{number}.answer").write_bytes(answer)

    def prompt(self, number: int) -> str:
        return (self.answers / f"{number}.prompt").read_text()

    def arguments(self, *more: str) -> list[str]:
        command = f"'{sys.executable}' -S -E '{HERE / 'fake_model.py'}' '{self.answers}'"
        common = ["--model-command", command, "--out", str(self.out), "--method", str(self.method)]
        return ["generate", *common, *more]

    def generate(self, *more: str) -> int:
        return main(self.arguments("--prompt", SENTENCE, *more))

    def state(self) -> dict[str, object]:
        return dict(json.loads((self.out / "generation.json").read_text()))

    def cuts(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.out / "cut").glob("*.md"))]

    def package(self) -> list[str]:
        package = self.out / "package"
        return sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file())


@pytest.fixture
def model(tmp_path: Path) -> Recorded:
    """Nothing recorded yet."""
    return Recorded(tmp_path)


def checkpoint_ends(recorded: bytes) -> list[int]:
    """Where the checkpoints of recorded.md end: behind the line of `needs:`, which is its last there."""
    ends = [0]
    at = recorded.find(b"\nneeds:")
    while at >= 0:
        ends.append(recorded.index(b"\n", at + 1) + 1)
        at = recorded.find(b"\nneeds:", at + 1)
    return ends


def rest_behind(recorded: bytes, cut: int) -> bytes:
    """What a model continues with after a cut: everything behind the checkpoint before it."""
    return recorded[max(end for end in checkpoint_ends(recorded) if end <= cut) :].lstrip(b"\n")


PACKAGE = ["NOTES.md", "greeter/core.py"]


def test_a_whole_answer(model: Recorded, recorded: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    model.answer(recorded)
    assert model.generate() == 0
    assert model.transcript.read_bytes() == recorded
    assert model.package() == PACKAGE
    assert model.prompt(1).startswith(METHOD)
    assert SENTENCE in model.prompt(1)
    assert not (model.out / "cut").exists()
    progress = capsys.readouterr().err
    assert "phase 3 the fixes: 3 files, " in progress
    assert "done: 5 files" in progress


CUTS = {
    "in the first mark": (b"@@generation", 6),
    "before any checkpoint": (b"@@decision D1", 0),
    "in a mark": (b"@@sketch", 4),
    "in a path": (b"@@file greeter/core", 12),
    "in a fence": (b"````markdown", 2),
    "in a body": (b"LIMIT = 80", 5),
    "in a UTF-8 character": ("ü".encode() + b"rgen", 1),
    "in an escape": (b"\\@@file", 1),
    "in an edit": (b"======= now", 3),
    "in the line of needs": (b"needs: greeter/core.py, ", 18),
    "in the end mark": (b"@@end NOTES.md", 4),
    "in the done mark": (b"@@done\n", 4),
    "behind a checkpoint": (b"\n@@file NOTES.md", 0),
}


@pytest.mark.parametrize("where", CUTS)
def test_a_cut_anywhere_loses_nothing_that_a_checkpoint_kept(where: str, model: Recorded, recorded: bytes) -> None:
    text, offset = CUTS[where]
    cut = recorded.rindex(text) + offset
    model.answer(recorded[:cut], rest_behind(recorded, cut))
    assert model.generate() == 0
    assert model.transcript.read_bytes() == recorded
    assert model.package() == PACKAGE
    assert model.state()["turns"] == 2
    kept = max(end for end in checkpoint_ends(recorded) if end <= cut)
    lost = recorded[kept:cut]
    assert model.cuts() == ([lost] if lost.strip() else [])


def test_every_cut_goes_on_from_the_last_checkpoint_that_is_whole(recorded: bytes) -> None:
    ends = checkpoint_ends(recorded)
    for cut in range(len(recorded) + 1):
        data = recorded[:cut]
        resume = last_checkpoint(data)
        end = resume.end if resume else 0
        # Where the newline is missing, but the line ends in a known path, nobody can tell that it was to go on.
        needs = data.rpartition(b"\nneeds: ")[2]
        seems_whole = needs in {b"none", b"greeter/core.py", b"greeter/core.py, greeter/old.py"}
        assert end == (cut if seems_whole else max(e for e in ends if e <= cut))
        assert is_done(data) == (cut >= len(recorded) - 1)


def test_the_next_prompt_holds_the_checkpoint_and_the_files_that_it_needs(model: Recorded, recorded: bytes) -> None:
    cut = recorded.index(b"# Notes")
    model.answer(recorded[:cut], rest_behind(recorded, cut))
    assert model.generate() == 0
    sent = model.prompt(2)
    assert sent.startswith(METHOD)
    assert SENTENCE in sent
    assert "@@checkpoint 2.1\ndone: greeter/core.py v1, greeter/old.py v1\n" in sent
    assert "@@checkpoint 1\n" not in sent
    assert "@@file greeter/core.py v1 Henrik Voss\n```text\n" in sent
    assert "greeter/old.py v1 Bao" not in sent
    assert "Phase 2 is open" in sent


def test_several_turns_and_a_command_that_fails(
    model: Recorded, recorded: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cuts = [recorded.index(text) for text in (b"@@sketch", b"# Notes", b"# Notes", b"<<<<<<<")]
    starts = [0, *cuts[:-1]]
    pieces = [
        rest_behind(recorded, a)[: b - max(e for e in checkpoint_ends(recorded) if e <= a)]
        for a, b in zip(starts, cuts, strict=True)
    ]
    model.answer(*pieces, rest_behind(recorded, cuts[-1]))
    (model.answers / "2.exit").write_text("9")
    assert model.generate() == 0
    assert model.transcript.read_bytes() == recorded
    assert model.state()["turns"] == 5
    assert len(model.cuts()) == 4
    assert "the model command ended with status 9" in capsys.readouterr().err


def test_spent_turns_say_how_to_go_on(model: Recorded, recorded: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    cut = recorded.index(b"# Notes")
    model.answer(recorded[:cut], b"", rest_behind(recorded, cut))
    assert model.generate("--turns", "2") == 3
    assert f"generate --resume --out {model.out}" in capsys.readouterr().err
    assert not (model.out / "package").exists()
    assert main(model.arguments("--resume")) == 0
    assert model.transcript.read_bytes() == recorded
    assert model.state()["turns"] == 3
    assert main(model.arguments("--resume")) == 0  # done: asks for nothing
    assert model.state()["turns"] == 3


def wait_for_bytes(path: Path, wanted: bytes, process: subprocess.Popen[bytes]) -> None:
    """Wait until the file holds `wanted`."""
    for _ in range(WAIT_SECONDS * 100):
        if path.exists() and path.read_bytes() == wanted:
            return
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"ended with {process.returncode}")
    raise AssertionError(f"{path} did not grow to {len(wanted)} bytes")


def interrupted(arguments: Sequence[str], transcript: Path, wanted: bytes, number: int) -> int:
    """Run rerun.py until its transcript holds `wanted`, send it a signal, and return its status."""
    command = [sys.executable, str(RERUN), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_bytes(transcript, wanted, process)
        process.send_signal(number)
        return process.wait(WAIT_SECONDS)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_resume_after_a_kill(number: int, status: int, model: Recorded, recorded: bytes) -> None:
    cut = recorded.index("ü".encode() + b"rgen") + 1
    model.answer(recorded[:cut], rest_behind(recorded, cut))
    (model.answers / "1.hang").touch()
    pid_file = model.answers / "1.pid"
    arguments = model.arguments("--prompt", SENTENCE)
    assert interrupted(arguments, model.transcript, recorded[:cut], number) == status
    if number == signal.SIGKILL:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)  # nobody was left to end the model command
    else:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid_file.read_text()), 0)
    assert model.transcript.read_bytes() == recorded[:cut]
    assert model.state()["turns"] == 1
    assert main(model.arguments("--resume")) == 0
    assert model.transcript.read_bytes() == recorded
    assert model.package() == PACKAGE
    assert model.state()["turns"] == 2


PLAIN = b"Here it is.\n@@file a/b.py v1 me\n```python\nx = 1\n```\n@@end a/b.py v1\nHave fun!\n"


def test_plain_is_a_single_answer_to_the_sentence(model: Recorded) -> None:
    model.answer(PLAIN)
    assert model.generate("--plain") == 0
    assert model.package() == ["a/b.py"]
    assert METHOD not in model.prompt(1)
    assert model.prompt(1).startswith(SENTENCE)
    assert "@@phase" not in model.prompt(1)
    assert main(model.arguments("--resume")) == 0
    assert model.state()["turns"] == 1


def test_plain_that_was_interrupted_is_asked_again(model: Recorded) -> None:
    model.answer(PLAIN[:50], PLAIN)
    (model.answers / "1.hang").touch()
    arguments = model.arguments("--prompt", SENTENCE, "--plain")
    assert interrupted(arguments, model.transcript, PLAIN[:50], signal.SIGTERM) == 130
    assert main(model.arguments("--resume")) == 0
    assert model.transcript.read_bytes() == PLAIN
    assert model.cuts() == [PLAIN[:50]]
    assert model.prompt(2) == model.prompt(1)


def test_plain_that_was_cut_is_malformed(model: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    model.answer(PLAIN[:50])
    (model.answers / "1.exit").write_text("1")
    assert model.generate("--plain") == 1
    assert f"{model.transcript}:2: the body of @@file a/b.py v1 has no @@end" in capsys.readouterr().err
    assert model.package() == []


def test_a_malformed_generation_writes_no_package(
    model: Recorded, recorded: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    model.answer(recorded.replace(b"@@phase 2", b"@@phase 3"))
    assert model.generate() == 1
    line = recorded[: recorded.index(b"@@phase 2")].count(b"\n") + 1
    assert f"{model.transcript}:{line}: @@phase 3 where phase 2 was expected" in capsys.readouterr().err
    assert not (model.out / "package").exists()


def test_a_directory_that_holds_a_generation_is_not_overwritten(model: Recorded, recorded: bytes) -> None:
    model.answer(recorded)
    assert model.generate() == 0
    assert model.generate() == 2
    assert model.transcript.read_bytes() == recorded
    assert main(model.arguments("--resume", "--prompt", "something else")) == 2


@pytest.mark.parametrize(
    "more",
    [
        ["--resume"],
        ["--prompt", " "],
        ["--prompt", "x", "--transcript-name", "../t.md"],
        ["--prompt", "x", "--model-command", ""],
        ["--prompt", "x", "--model-command", "/nowhere/model"],
        ["--prompt", "x", "--method", "/nowhere/AGENTS.md"],
        [],
    ],
)
def test_a_wrong_call(more: list[str], model: Recorded) -> None:
    assert main(model.arguments(*more)) == 2


def test_the_transcript_may_have_another_name(model: Recorded, recorded: bytes) -> None:
    model.answer(recorded)
    assert model.generate("--transcript-name", "0007.md", "--number", "7") == 0
    assert (model.out / "0007.md").read_bytes() == recorded
    assert "@@generation 7 mode=package form=2`" in model.prompt(1)


def test_progress_does_not_depend_on_the_pieces(recorded: bytes) -> None:
    whole: list[str] = []
    Progress(whole.append).feed(recorded)
    pieces: list[str] = []
    progress = Progress(pieces.append)
    for at in range(len(recorded)):
        progress.feed(recorded[at : at + 1])
    assert [line.split(" bytes")[0].rsplit(" ", 1)[0] for line in pieces] == [
        line.split(" bytes")[0].rsplit(" ", 1)[0] for line in whole
    ]
    assert progress.files == 5
