"""Starts the server that a package holds and counts which conformance scripts pass against it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple, TypedDict

from .processes import ended

HOST: Final = "127.0.0.1"
USER: Final = "tester"
PASSWORD: Final = "Tester-pass-1"  # for a server that lives for one run on the loopback interface
SECOND_USER: Final = "second"  # for the scripts in which two people meet
SECOND_PASSWORD: Final = "Second-pass-2"
# What is tried in turn when a server ends at once: a generated one may know few options. The plain modes of the scripts
# need a server that does not insist on signatures. `tester` comes last, where the last of two --user wins.
STARTS: Final = ("all options", "ready file", "fixed port")
START_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.05  # between two looks for the ready file or the port
CONNECT_SECONDS: Final = 1.0
LOG_TAIL: Final = 4000  # characters of the server's output that a report shows
MEMORY_FOLDER: Final = Path("/dev/shm")  # no disk is measured here


class ScoreError(Exception):
    """There is no score; the message says why."""


class RunningServer(NamedTuple):
    """A server that listens."""

    port: int
    start: str  # one of STARTS: the first that the server understood
    data: Path
    read_only: Path


class ScriptResult(TypedDict):
    """What became of one script in one mode; `message` tells what failed."""

    script: str
    mode: str
    ok: bool
    seconds: float
    message: str


class Outcome(TypedDict):
    """What `score --json` prints."""

    start: str
    passed: int
    total: int
    results: list[ScriptResult]


@contextmanager
def running_server(package: Path) -> Iterator[RunningServer]:
    """`python -m smbserver` from `package`, sharing temporary folders. Raises ScoreError when it does not listen."""
    package = package.resolve()
    if not (package / "smbserver").is_dir() and not (package / "smbserver.py").is_file():
        raise ScoreError(f"{package} holds no smbserver")
    base = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="smb-score-", dir=base) as name:
        folder = Path(name)
        data, read_only, log, ready = folder / "data", folder / "ro", folder / "server.log", folder / "ready.json"
        data.mkdir()
        read_only.mkdir()
        for start in STARTS:
            port = free_port() if start == "fixed port" else 0
            command = [sys.executable, "-m", "smbserver", "--share", f"data={data}", "--share", f"ro={read_only}:ro"]
            if start == "all options":
                command += ["--signing", "enabled", "--user", f"{SECOND_USER}:{SECOND_PASSWORD}"]
            command += ["--user", f"{USER}:{PASSWORD}", "--bind", HOST, "--port", str(port)]
            if start != "fixed port":
                command += ["--ready-file", str(ready)]
            with log.open("wb") as output, ended(_start(command, package, folder, output)) as process:
                found = _wait_until_ready(process, ready, port)
                if found:
                    yield RunningServer(found, start, data, read_only)
                    return
                if process.poll() is None:
                    break  # it runs and says nothing: fewer options would not change that
        text = log.read_text(errors="replace")[-LOG_TAIL:].strip()
        raise ScoreError(f"the server does not listen (last try: {start}); its output:\n{text or '(nothing)'}")


def _start(command: list[str], package: Path, folder: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, port: int) -> int:
    """The port that the server listens on; 0 when it ended, or did not listen in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if port:
            try:
                socket.create_connection((HOST, port), CONNECT_SECONDS).close()
            except OSError:
                pass  # not yet
            else:
                return port
        elif ready.exists():
            return _ready_port(ready)
        time.sleep(POLL_SECONDS)
    return 0


def _ready_port(ready: Path) -> int:
    try:
        return int(json.loads(ready.read_bytes())["addresses"][0][1])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ScoreError(f"the ready file of the server cannot be read: {error!r}") from None


def free_port() -> int:
    """A TCP port that was free a moment ago: the best there is for a server that cannot take port 0."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def score(package: Path, seconds: float, runner: Path, *, quick: bool = False) -> Outcome:
    """Run the scripts of `runner` against the server in `package`. Raises ScoreError when there is nothing to count."""
    if not runner.is_file():
        raise ScoreError(f"the conformance runner {runner} does not exist")
    with running_server(package) as server, tempfile.TemporaryDirectory(prefix="smb-score-") as folder:
        results = _run_scripts(runner, server, seconds, Path(folder) / "results.json", quick=quick)
    passed = sum(1 for result in results if result["ok"])
    return Outcome(start=server.start, passed=passed, total=len(results), results=results)


def _run_scripts(
    runner: Path, server: RunningServer, seconds: float, written: Path, *, quick: bool
) -> list[ScriptResult]:
    command = [sys.executable, str(runner), "--attach", HOST, str(server.port), "--json", str(written)]
    command += ["--data-dir", str(server.data), "--ro-dir", str(server.read_only)]
    command += ["--user", USER, "--password", PASSWORD]
    command += ["--second-user", SECOND_USER, "--second-password", SECOND_PASSWORD]
    if quick:
        command.append("--quick")
    # Its own table is not needed; what it says on standard error shows that it goes on.
    with ended(
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    ) as process:
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ScoreError(f"the scripts took longer than {seconds:g} s") from None
    try:
        results = [_script_result(item) for item in json.loads(written.read_bytes())["results"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ScoreError(f"{runner} ended with {status} and wrote no results ({error!r})") from None
    if not results:
        raise ScoreError(f"{runner} ran no script")
    return results


def _script_result(item: dict[str, object]) -> ScriptResult:
    """One result of the runner. Raises KeyError, ValueError, TypeError."""
    if not isinstance(item["ok"], bool):
        raise TypeError("ok is not a truth value")
    return ScriptResult(
        script=str(item["script"]),
        mode=str(item["mode"]),
        ok=item["ok"],
        seconds=float(str(item["seconds"])),
        message=str(item["message"]),
    )


def table(outcome: Outcome) -> str:
    """The outcome for people: a row per script and mode, the reasons of failures below them, the sum."""
    rows = [("script", "mode", "result", "seconds")]
    rows += [
        (result["script"], result["mode"], "passed" if result["ok"] else "failed", f"{result['seconds']:.1f}")
        for result in outcome["results"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>7}" for a, b, c, d in rows]
    lines += [
        f"\n{result['script']} ({result['mode']}): {result['message'] or 'no reason given'}"
        for result in outcome["results"]
        if not result["ok"]
    ]
    lines.append(f"\n{outcome['passed']} of {outcome['total']} passed; the server was started with: {outcome['start']}")
    return "\n".join(lines)
