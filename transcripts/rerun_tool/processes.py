"""Ends a command that this program started, with everything in its session."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

END_SECONDS: Final = 5.0  # a command that was told to end gets this long before it is killed


def end_process(process: subprocess.Popen[bytes]) -> int:
    """End a command that was started with `start_new_session=True`, and return its exit status."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        try:
            os.killpg(process.pid, number)  # it leads its session, so the group is its own and nobody else's
            process.wait(END_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Whatever happens inside, the command does not outlive it."""
    try:
        yield process
    finally:
        end_process(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
