"""The test command: sets up what the tests need, runs every check one after the other, and says what passed.

`python3 tests/run.py` needs nothing but Python and works from any directory. Nothing is skipped silently: a step that
cannot be done counts as failed, with the reason beside it. Exit code 0 means that every step passed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # before the environment exists the package is only found this way

from smbserver import bootstrap  # noqa: E402 - needs the line above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Debian's package for each program that the conformance steps start.
SYSTEM_PACKAGES = {
    "smbclient": "smbclient",
    "rpcclient": "smbclient",
    "smbd": "samba",
    "smbtorture": "samba-testsuite",
    "setfattr": "attr",
}
# sbin is not on an ordinary user's PATH, and that is where Debian keeps smbd.
PROGRAM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
# Whether it works: figures of so short a run mean nothing, and nobody compares them.
BENCH_WORDS = ("--rounds", "1", "--seconds", "0.2", "--mib", "64", "--servers", "ours", "--modes", "plain,encrypted")
# Fifty seconds each; the others differ from these in what the smaller clients try in every mode.
MOUNT_WORDS = ("--modes", "3.1.1", "sealed", "posix", "links", "2.1")
# Every test stands alone, so they can be shared out. Each process collects all of them: more than four gain little.
PARALLEL = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
# smbd keeps streams as we do with this module, which Debian only recommends beside it.
SMBD_MODULE = "samba/vfs/streams_xattr.so"
# The emulated machine in which the kernel's own client runs.
MACHINE_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox",
    "cpio": "cpio",
    "depmod": "kmod",
}
# Languages whose SMB libraries are tried; Debian's Go, Rust and libsmb2 are too old, or not there.
LIBRARY_PACKAGES = {
    "javac": "default-jdk-headless",
    "mvn": "maven",
    "node": "nodejs",
    "npm": "npm",
    "rclone": "rclone",
}
# What only the full matrix needs: the other server's module, and for the compiled build a compiler.
FULL_PACKAGES = {
    SMBD_MODULE: "samba-vfs-modules",
    "cc": "gcc",
    "/usr/bin/python3-config": "python3-dev",
    **MACHINE_PACKAGES,
    **LIBRARY_PACKAGES,
}
LIBRARIES = Path("/usr/lib")  # where modules are, below it or one folder further down
PURE_VARIABLE = "SMBSERVER_PURE"  # as in smbserver.compile.current: the sources run, even where there is a build
STEP_SECONDS = 3600  # a step that takes longer hangs; the full conformance matrix needs some minutes
STOP_SECONDS = 10  # what a stopped step gets to take its own servers down
# Debian asks this program before it starts a service; 101 is "no". Else installing samba would open port 445.
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


class StepError(Exception):
    """A step failed; the text is the short reason shown in the table."""


@dataclass(frozen=True)
class Step:
    """One row of the summary: a name and what to run, relative to the repository's root."""

    name: str
    arguments: tuple[str, ...]  # for the environment's Python
    programs: tuple[str, ...] = ()  # and modules of them: must be installed, or the step fails without being started
    compiled: bool = False  # whether servers of this step run from the compiled build


def steps(mode: str, select: str | None) -> list[Step]:
    """Return the steps of `mode` (unit, quick or full); `select` is pytest's -k expression."""
    mypy = ("-m", "mypy", "--strict")
    pytest = ("-m", "pytest", *(PARALLEL if select is None else ("-k", select)))
    chosen = [
        Step("ruff check", ("-m", "ruff", "check", ".")),
        Step("ruff format", ("-m", "ruff", "format", "--check", ".")),
        Step("mypy package", (*mypy, "-p", "smbserver")),
        Step("mypy the rest", (*mypy, "--explicit-package-bases", "conformance", "transcripts", "tests")),
        Step("pytest", (*pytest, "tests")),
    ]
    if mode != "unit":
        quick = ("--quick",) if mode == "quick" else ()
        chosen += [
            Step(f"smbclient {mode}", ("conformance/smbclient/run.py", *quick), ("smbclient",)),
            Step("smbprotocol", ("conformance/smbprotocol_client/run.py",)),
            Step("many clients", ("conformance/sharing/run.py", "--clients", "60", "--seconds", "15")),
        ]
    if mode == "full":
        chosen += [
            Step("links", ("conformance/links/run.py",), ("smbclient",)),
            Step("trees", ("conformance/trees/run.py",)),
            Step("bench", ("conformance/bench/run.py", *BENCH_WORDS), ("smbclient",)),
            Step("latency", ("conformance/latency/run.py", "--seconds", "0.5")),
            Step("memory", ("conformance/sharing/memory_bars.py", "--seconds", "10", "--gib", "0.25")),
            Step("linux mount", ("conformance/linux_mount/run.py", *MOUNT_WORDS), tuple(MACHINE_PACKAGES)),
            Step("libraries", ("conformance/libraries/run.py", "--quick"), tuple(LIBRARY_PACKAGES)),
            Step("rpcclient", ("conformance/rpcclient/run.py",), ("rpcclient",)),
            Step("smbtorture", ("conformance/smbtorture/run.py",), ("smbtorture",)),
        ]
        # Both serve as other users; without root they would test nothing.
        if os.geteuid() == 0:
            chosen += [
                Step("samba round trip", ("conformance/samba_roundtrip/run.py",), ("smbd", "smbclient", SMBD_MODULE)),
                Step("host", ("conformance/host/run.py",), ("smbclient",)),
            ]
        else:
            _print("not root: the steps samba round trip and host are left out")
        chosen += [
            Step("compile", ("-m", "smbserver.compile"), ("cc",)),
            Step("pytest compiled", (*pytest, "--compiled", "tests"), compiled=True),
            Step("smbtorture compiled", ("conformance/smbtorture/run.py",), ("smbtorture",), compiled=True),
        ]
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Run the steps that the command line `arguments` ask for; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests/run.py", description="Run every check of the repository.")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--unit", dest="mode", action="store_const", const="unit", help="without the conformance steps")
    scope.add_argument("--conformance", dest="mode", action="store_const", const="full", help="the full matrix")
    parser.add_argument("-k", metavar="EXPRESSION", dest="select", help="passed to pytest")
    options = parser.parse_args(arguments)
    mode: str = options.mode or "quick"

    signal.signal(signal.SIGTERM, _terminated)
    report = Report()
    python: Path | None = None
    with report.step("environment"):
        try:
            python = bootstrap.environment("test")
        except bootstrap.SetupError as error:
            raise StepError(str(error)) from error
    if mode != "unit":
        with report.step("system packages"):
            install_system_packages({**SYSTEM_PACKAGES, **(FULL_PACKAGES if mode == "full" else {})})
    for step in steps(mode, options.select):
        with report.step(step.name):
            if python is None:
                raise StepError("not run, there is no environment")
            missing = [program for program in step.programs if not _found(program)]
            if missing:
                raise StepError(f"not run, {' and '.join(missing)} is not installed")
            run_command([str(python), *step.arguments], step.compiled)
    return report.finish()


class Report:
    """Collects the outcome of each step and prints the table."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, float, str]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print a heading, time the body, and record StepError or OSError as this step's failure."""
        _print(f"\n=== {name} ===")
        began = time.monotonic()
        reason = ""
        try:
            yield
        except (StepError, OSError) as error:
            reason = str(error)
            _print(f"{name} failed: {reason}")
        self._rows.append((name, time.monotonic() - began, reason))

    def finish(self) -> int:
        """Print the table, then `N passed, N failed` as the last line; return the exit code."""
        width = max(len(name) for name, _, _ in self._rows)
        _print(f"\n{'step':{width}}  seconds  result")
        for name, seconds, reason in self._rows:
            # Only the first line: the rest, such as the command to type, stands with the step's own output.
            result = f"FAILED: {reason.splitlines()[0]}" if reason else "passed"
            _print(f"{name:{width}}  {seconds:7.1f}  {result}")
        failed = sum(1 for _, _, reason in self._rows if reason)
        _print(f"\n{len(self._rows) - failed} passed, {failed} failed")
        return 1 if failed else 0


def install_system_packages(
    wanted: Mapping[str, str] = SYSTEM_PACKAGES, run: Callable[[Sequence[str]], None] | None = None
) -> None:
    """Install what is missing of `wanted`, packages by program or module. StepError says what to type instead."""
    run = run or run_command
    packages = sorted({package for program, package in wanted.items() if not _found(program)})
    if not packages:
        _print(f"{', '.join(wanted)} are installed")
        return
    if shutil.which("apt-get") is None:
        raise StepError(f"missing: {' '.join(packages)} (names of Debian's packages)")
    if os.geteuid() != 0:
        raise StepError(f"missing, install with: sudo apt-get install -y {' '.join(packages)}")
    _print(f"installing {' '.join(packages)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    with _services_stay_stopped():
        run(["apt-get", "update", "-q"])
        run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages])
    absent = [program for program in wanted if not _found(program)]
    if absent:
        raise StepError(f"installed {' '.join(packages)}, but {' '.join(absent)} cannot be found")


@contextmanager
def _services_stay_stopped() -> Iterator[None]:
    if SERVICE_POLICY.exists():  # the machine has an opinion of its own
        yield
        return
    SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    try:
        SERVICE_POLICY.chmod(0o755)
        yield
    finally:
        SERVICE_POLICY.unlink()


def run_command(command: Sequence[str], compiled: bool = False) -> None:
    """Run `command` in the repository's root with its output shown and no input; StepError unless it exits with 0.

    `compiled`: servers that it starts are those of the compiled build, if there is one; otherwise of the sources.
    However this ends, the command's process group is gone afterwards.
    """
    _print(f"$ {' '.join(command)}")
    # A group of its own: what is stopped is the step with all that it started, and nothing else.
    environment = {name: value for name, value in os.environ.items() if name != PURE_VARIABLE}
    if not compiled:
        environment[PURE_VARIABLE] = "1"
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, env=environment)
    try:
        code = process.wait(timeout=STEP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise StepError(f"stopped after {STEP_SECONDS} s") from error
    finally:
        _stop(process)
    if code < 0:
        raise StepError(f"ended by {signal.Signals(-code).name}")
    if code > 0:
        raise StepError(f"exit code {code}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the group of `process`: politely, then not."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _print(f"process {process.pid} does not end, killing it")
    try:
        # The group's number cannot have been given away while a member lives; without members this fails.
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _found(program: str) -> bool:
    if program.startswith("/"):
        return Path(program).exists()
    if "/" in program:  # a module of one
        return any(LIBRARIES.glob(program)) or any(LIBRARIES.glob(f"*/{program}"))
    return shutil.which(program, path=PROGRAM_PATH) is not None


def _terminated(_number: int, _frame: object) -> NoReturn:
    sys.exit("terminated")


def _print(text: str) -> None:
    print(text, flush=True)  # the steps write to the same stream: keep the order


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted")
