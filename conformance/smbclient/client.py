"""Run smbclient: once with arguments, or as a session that answers one command after the other."""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# Never part of an answer; echoed after each command to show where its output ends.
_END: Final = "--end-of-the-answer--"
# A dead server shows within this; the 3 GiB transfers need most of it on a slow machine.
COMMAND_SECONDS: Final = 120.0
_ENVIRONMENT: Final = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class ClientError(Exception):
    """smbclient ended, or did not answer in time; the text has its output."""


def run_once(arguments: Sequence[str], directory: Path) -> tuple[int, str]:
    """Run smbclient to its end in a local directory: its exit code, and what it wrote. Raises ClientError."""
    try:
        done = subprocess.run(
            ["smbclient", *arguments],
            cwd=directory,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ClientError(f"no end after {COMMAND_SECONDS} s: {error.output!r}") from error
    return done.returncode, done.stdout.decode(errors="replace")


class ClientSession:
    """One running smbclient with one connection."""

    def __init__(self, arguments: Sequence[str], directory: Path) -> None:
        """Start smbclient with a local working directory. Raises ClientError when it does not connect."""
        # A packet pipe hands over one write at a time: smbclient asks the pipe, not its own buffer, for more
        # input, and would sleep on a second line that it had already read.
        reading, self._commands = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
        try:
            self._process = subprocess.Popen(
                ["stdbuf", "-o0", "smbclient", "--quiet", *arguments],
                cwd=directory,
                env=_ENVIRONMENT,
                stdin=reading,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        finally:
            os.close(reading)
        try:
            self.command("pwd")
        except ClientError:
            self.close()
            raise

    def command(self, text: str) -> str:
        """Send one command, return its output. Raises ClientError when the session ended or nothing comes."""
        assert self._process.stdout is not None
        try:
            os.write(self._commands, text.encode() + b"\n")
            os.write(self._commands, f"!echo {_END}\n".encode())
        except BrokenPipeError:
            pass  # the output below tells why
        output = b""
        end = f"{_END}\n".encode()
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + COMMAND_SECONDS
        while not output.endswith(end):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ClientError(f"no answer within {COMMAND_SECONDS} s, so far: {output.decode(errors='replace')}")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise ClientError(f"smbclient ended: {output.decode(errors='replace')}")
            output += chunk
        return output[: -len(end)].decode(errors="replace")

    def close(self) -> None:
        """End smbclient."""
        os.close(self._commands)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
