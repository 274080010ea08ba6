"""The commands of `rerun.py` and their exit statuses."""

import argparse
import json
import shlex
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from .extract import listing, load, place_problems, report, wanted_files, write_package
from .generate import (
    EXIT_DONE,
    EXIT_MALFORMED,
    EXIT_USAGE,
    GenerateError,
    Generation,
    begin,
    load_state,
    method_digest,
    say,
)
from .score import ScoreError, score, table

DEFAULT_TURNS: Final = 12
DEFAULT_SCORE_SECONDS: Final = 900.0
EXIT_INTERRUPTED: Final = 130
REPOSITORY: Final = Path(__file__).resolve().parents[2]
METHOD: Final = REPOSITORY / "AGENTS.md"
RUNNER: Final = REPOSITORY / "conformance" / "smbclient" / "run.py"

DESCRIPTION: Final = """\
Run a transcript of the persona method again (the method and the grammar: AGENTS.md).

  rerun.py extract transcripts/0001.md /tmp/package        take the package out of a transcript
  rerun.py extract transcripts/0001.md --check             only say what is malformed
  rerun.py extract transcripts/0001.md --list              every version of every file, its author and line
  rerun.py generate --prompt "build an SMB server that ..." --model-command 'llm -m big' --out /tmp/g
  rerun.py generate --resume --model-command 'llm -m big' --out /tmp/g     go on after an interruption
  rerun.py generate --plain --prompt "..." --model-command '...' --out /tmp/p    the control, without the method
  rerun.py score /tmp/package                              start the server in it, run the smbclient scripts
"""
STATUSES: Final = """\
exit status: 0 done; 1 the transcript is malformed, or scripts failed; 2 the call was wrong or nothing could start;
3 generate: the turns are spent before @@done, --resume goes on; 130 interrupted, --resume goes on.
"""
EXTRACT: Final = """\
Writes the last version of every @@file (with its @@edit versions applied) below DIR; @@sketch is never written, nor is
a file whose last version is empty. Files in DIR that the transcript does not name are left alone. Every problem is
printed as TRANSCRIPT:LINE: message; when one is more than a warning, nothing is written and the exit status is 1.
"""
GENERATE: Final = """\
Sends the method and the sentence on standard input to CMD, which must write the answer to standard output; CMD is split
like a shell would, but no shell runs. The answer goes to OUT/transcript.md as it arrives. When it stops before @@done,
what stands behind the last complete checkpoint moves to OUT/cut/NNN.md and the next answer continues from there; with
no checkpoint the generation begins again. At the end the package is extracted to OUT/package. What was sent is kept
in OUT/prompts, the count of turns in OUT/generation.json.
"""
SCORE: Final = """\
Starts `python -m smbserver` from DIR on 127.0.0.1 with temporary shares, and runs conformance/smbclient against it.
This executes the code in DIR: read it first, or use a machine that may be lost.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="rerun.py", description=DESCRIPTION, epilog=STATUSES, formatter_class=raw)
    commands = top.add_subparsers(dest="command", required=True, metavar="{extract,generate,score}")

    extract = commands.add_parser("extract", help="write the files of a transcript", description=EXTRACT)
    extract.add_argument("transcript", type=Path, metavar="TRANSCRIPT")
    extract.add_argument("directory", type=Path, metavar="DIR", nargs="?")
    extract.add_argument("--check", action="store_true", help="write nothing, only report")
    extract.add_argument("--list", action="store_true", help="write nothing, list the versions of the files")
    extract.add_argument("--plain", action="store_true", help="the transcript is of generate --plain: files, no phases")
    extract.set_defaults(run=run_extract)

    generate = commands.add_parser("generate", help="grow a transcript with a model command", description=GENERATE)
    generate.add_argument("--prompt", metavar="SENTENCE", help="the one sentence that says what to build")
    generate.add_argument("--model-command", required=True, metavar="CMD", help="reads a prompt, writes an answer")
    generate.add_argument("--out", required=True, type=Path, metavar="OUT", help="directory of this generation")
    generate.add_argument(
        "--turns", type=_positive, default=DEFAULT_TURNS, metavar="N", help="most answers in this call (%(default)s)"
    )
    generate.add_argument("--resume", action="store_true", help="go on with what is in OUT")
    generate.add_argument("--plain", action="store_true", help="the control: one answer to the sentence alone")
    generate.add_argument("--method", type=Path, default=METHOD, metavar="FILE", help="the method (AGENTS.md)")
    generate.add_argument("--number", type=_positive, default=1, metavar="N", help="number for @@generation")
    generate.add_argument("--transcript-name", default="transcript.md", metavar="NAME", help="file name in OUT")
    generate.set_defaults(run=run_generate)

    scoring = commands.add_parser("score", help="run the conformance scripts against a package", description=SCORE)
    scoring.add_argument("directory", type=Path, metavar="DIR")
    scoring.add_argument("--json", action="store_true", help="print JSON instead of a table")
    scoring.add_argument("--quick", action="store_true", help="few modes, nothing slow")
    scoring.add_argument("--timeout", type=float, default=DEFAULT_SCORE_SECONDS, metavar="S", help="for all scripts")
    scoring.add_argument("--conformance", type=Path, default=RUNNER, metavar="FILE", help="the runner of the scripts")
    scoring.set_defaults(run=run_score)
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    # A polite kill ends like Ctrl-C: the model command or the server is ended too, and the state is whole.
    before = signal.signal(signal.SIGTERM, _interrupt)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (GenerateError, ScoreError, OSError, ValueError) as error:
        say(f"rerun.py: {error}")
        return EXIT_USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def run_extract(options: argparse.Namespace) -> int:
    """`extract`: problems go to standard error, what was asked for to standard output."""
    transcript = load(options.transcript, plain=options.plain)
    written: list[str] = []
    if options.check or options.list:
        if options.directory is not None and not transcript.malformed:
            transcript.problems += place_problems(transcript, options.directory)
    elif options.directory is None:
        raise ValueError("extract needs DIR, --check or --list")
    else:
        written = write_package(transcript, options.directory)
    for line in report(transcript, str(options.transcript)):
        say(line)
    if options.list:
        print("\n".join(listing(transcript)))
    if transcript.malformed:
        return EXIT_MALFORMED
    if options.check:
        print(f"{options.transcript}: well formed, {len(wanted_files(transcript))} files")
    elif not options.list:
        print(f"{len(written)} files written to {options.directory}")
    return EXIT_DONE


def run_generate(options: argparse.Namespace) -> int:
    """`generate`: progress goes to standard error."""
    command = shlex.split(options.model_command)
    if not command:
        raise GenerateError("the model command is empty")
    if options.resume:
        state = load_state(options.out)
        if options.prompt is not None and options.prompt.strip() != state.prompt:
            raise GenerateError("--prompt differs from the sentence of the generation that is to be resumed")
        if options.plain and state.mode != "plain":
            raise GenerateError("the generation that is to be resumed is not a plain one")
        method = "" if state.mode == "plain" else options.method.read_text(encoding="utf-8")
        if method_digest(method) != state.method_sha256:
            say(f"warning: {options.method} has changed since the generation began")
    else:
        if options.prompt is None:
            raise GenerateError("--prompt is needed (or --resume)")
        method = "" if options.plain else options.method.read_text(encoding="utf-8")
        mode = "plain" if options.plain else "method"
        state = begin(options.out, options.prompt, mode, options.transcript_name, options.number, method)
    return Generation(options.out, state, method, command, say).run(options.turns)


def run_score(options: argparse.Namespace) -> int:
    """`score`: the table or the JSON goes to standard output."""
    outcome = score(options.directory, options.timeout, options.conformance, quick=options.quick)
    print(json.dumps(outcome, indent=2) if options.json else table(outcome))
    return EXIT_DONE if outcome["passed"] == outcome["total"] else EXIT_MALFORMED
