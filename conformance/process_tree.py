"""Find, measure and end every process that a started server consists of."""

import contextlib
import os
import secrets
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

# Inherited by every child, so a daemon that leaves its parent is still found.
MARK: Final = "SMB_CONFORMANCE_MARK"
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
# Longer than a drain of open connections takes, shorter than anybody's patience.
STOP_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.02


class ProcessTree:
    """A process started in a session of its own, with everything that descends from it.

    Members are found by a random mark in their environment (which survives a double fork) and by their parents.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: IO[bytes],
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """Start `command` with standard output and error in `log`. Raises OSError when it cannot be started.

        Where `setpriv` is installed the process gets a SIGTERM when the thread that started it ends, so start it
        from the main thread: whoever is killed before `stop` leaves nothing running.
        """
        self._mark = f"{MARK}={secrets.token_hex(16)}".encode()
        environ = {**os.environ, **(environment or {}), MARK: self._mark.split(b"=")[1].decode()}
        guarded = ["setpriv", "--pdeathsig", "TERM", *command] if shutil.which("setpriv") else command
        self._process = subprocess.Popen(
            guarded,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=environ,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id of the first process."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Exit code of the first process, None while it runs."""
        return self._process.poll()

    def members(self) -> list[int]:
        """Process ids of the whole tree, the first process included, in no special order."""
        parents: dict[int, int] = {}
        found: set[int] = set()
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            pid = int(entry)
            try:
                parents[pid] = int(_stat_fields(pid)[1])
                if self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    found.add(pid)
            except (OSError, IndexError):
                continue  # ended meanwhile, a kernel thread, or somebody else's
        if self._process.returncode is None:
            found.add(self.pid)
        # A zombie has no environment any more; it still has a parent.
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            found |= more
            grown = bool(more)
        return list(found)

    def cpu_seconds(self) -> float:
        """User and system CPU of the tree in seconds, including children that were waited for."""
        total = 0
        for pid in self.members():
            try:
                fields = _stat_fields(pid)
            except OSError:
                continue
            total += sum(int(value) for value in fields[11:15])
        return total / TICKS_PER_SECOND

    def memory(self) -> int:
        """Proportional resident memory of the tree in bytes: a page shared by several processes counts once."""
        total = 0
        for pid in self.members():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            for line in text.splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self) -> int:
        """SIGTERM, after `STOP_SECONDS` SIGKILL, to every member. Returns the exit code of the first process."""
        # The first process alone may drain; its children are asked only once it is gone.
        if self._process.poll() is None:
            _send(self.pid, signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except BaseException as error:  # an impatient second Ctrl-C too: nothing may be left running
                for pid in self.members():
                    _send(pid, signal.SIGKILL)
                self._process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = self.members()
            for pid in left:
                _send(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while left and time.monotonic() < deadline:
                _wait_for_exit(left[0], deadline)
                left = self.members()
            if not left:
                break
        return self._process.wait()


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; the name before them may hold anything."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_for_exit(pid: int, deadline: float) -> None:
    """Wait until the process has ended, or until the deadline."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        time.sleep(POLL_SECONDS)  # already a zombie, or gone: give its parent a moment
        return
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
    finally:
        os.close(descriptor)
