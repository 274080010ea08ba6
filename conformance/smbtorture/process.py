"""Run one test in an smbtorture process of its own, with a time limit, on an emptied share."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

from conformance.servers import OursServer, StartedServer
from conformance.smbtorture.results import TIMEOUT, Record, judge, one_line, parse_list
from conformance.smbtorture.suites import NEEDS_VERSIONS, matches, settings_for, share_for, target_for
from conformance.smbtorture.versions import prepare

SMBTORTURE: Final = "smbtorture"
SHARE: Final = "torture"
SECOND_SHARE: Final = "torture2"
USERS: Final = {"torture": "Torture-pass-1", "torture2": "Torture-pass-2"}


class Running:
    """The smbtorture processes that run now, so that an interrupted run leaves none behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[int] = set()
        self.stopped = False

    def add(self, pid: int) -> None:
        """A process with a group of its own has started."""
        with self._lock:
            self._processes.add(pid)
            stopped = self.stopped
        if stopped:
            _kill_group(pid)

    def remove(self, pid: int) -> None:
        """It has ended and was waited for."""
        with self._lock:
            self._processes.discard(pid)

    def stop(self) -> None:
        """Kill what runs; what starts from now on is killed at once."""
        with self._lock:
            self.stopped = True
            pids = list(self._processes)
        for pid in pids:
            _kill_group(pid)


def list_tests() -> list[str]:
    """Every test that the installed smbtorture has. Raises OSError when there is none."""
    done = subprocess.run([SMBTORTURE, "--list"], capture_output=True, text=True, errors="replace", check=False)
    return parse_list(done.stdout)


def run_test(
    test: str, server: StartedServer, seconds: float, scratch: Path, running: Running, logs: Path | None
) -> Record:
    """Empty the shares, run the test, judge it. What it said goes to `logs` unless it passed."""
    for folder in server.shares.values():
        _empty(folder)
    if matches(test, NEEDS_VERSIONS):
        prepare(server.shares[SHARE])
    command = _command(test, server, scratch)
    begun = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        cwd=scratch,
    )
    running.add(process.pid)
    try:
        stdout, stderr = process.communicate(timeout=seconds)
        result, reason = judge(stdout, stderr, process.returncode)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        stdout, stderr = process.communicate()
        said = [line for line in stderr.splitlines() if line.strip()]
        result, reason = TIMEOUT, f"no end within {seconds:g} s" + (f", last: {one_line(said[-1])}" if said else "")
    finally:
        running.remove(process.pid)
    record = Record(test, result, round(time.monotonic() - begun, 2), reason)
    if logs is not None and result != "success":
        name = re.sub(r"[^\w.-]", "_", test) + ".log"
        (logs / name).write_text(f"{' '.join(command)}\n{stdout}\n--- standard error\n{stderr}")
    return record


def _command(test: str, server: StartedServer, scratch: Path) -> list[str]:
    (user, password), (user2, password2) = list(server.users.items())[:2]
    values = {
        "local": str(server.shares[SHARE]),
        "login": f"{user}:{password}",
        "host": server.host,
        "port": str(server.port),
        "share": share_for(test, SHARE) if isinstance(server, OursServer) else SHARE,
    }
    return [
        SMBTORTURE,
        "--format=subunit",
        "--target=samba3",
        "--configfile=/dev/null",
        f"--basedir={scratch}",
        f"--smb-ports={server.port}",
        f"--user={user}%{password}",
        f"--option=torture:share2={SECOND_SHARE}",
        f"--option=torture:user2name={user2}",
        f"--option=torture:user2password={password2}",
        *settings_for(test, values),
        target_for(test, values),
        # The name is a pattern to smbtorture: what is special in it is matched by a question mark.
        re.sub(r'[*<>"]', "?", test),
    ]


def _empty(folder: Path) -> None:
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
