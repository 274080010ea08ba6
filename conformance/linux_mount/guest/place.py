"""Where a check works: two mounts of one share, a folder in memory to compare with, and the host to ask."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 20.0  # seconds
PAUSE = 1.5  # between two looks; each makes the client keep the file for another second
HOST = "10.0.2.2"  # QEMU's user network: the loopback of the machine outside


class Different(Exception):
    """What was expected, and what was there."""


def same(what: str, found: object, expected: object) -> None:
    """Raise Different unless both are equal."""
    if found != expected:
        raise Different(f"{what}: {_short(found)}, expected {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"


def refused(what: str, number: int, call: Callable[[], object]) -> None:
    """Raise Different unless `call` fails with this errno."""
    try:
        call()
    except OSError as error:
        if error.errno == number:
            return
        found = f"{error.strerror} ({error.errno})"
    else:
        found = "done"
    raise Different(f"{what}: {found}, expected {os.strerror(number)} ({number})")


def until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until the client knows what it learns by and by: it keeps a closed file for a second (`closetimeo`)."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise Different(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(PAUSE)


def mount(where: Path, port: int, share: str, options: str) -> str:
    """What `mount` says against it, in the C library's words; nothing when it is done."""
    words = f"ip={HOST},unc=\\\\{HOST}\\{share},port={port},{options}"
    command = ["mount", "-t", "cifs", f"//{HOST}/{share}", str(where), "-o", words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("failed: ")[2] if done.returncode else ""


class Host:
    """The machine outside, by one line of JSON there and one back."""

    def __init__(self, port: int) -> None:
        """Connect to the runner. Raises OSError."""
        self._socket = socket.create_connection((HOST, port))
        self._stream = self._socket.makefile("rw")

    def ask(self, request: str, **arguments: object) -> object:
        """The runner's answer. Raises Different when it could not do it."""
        self._stream.write(json.dumps({"request": request, **arguments}) + "\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        if "error" in answer:
            raise Different(f"{request}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        """Say nothing more."""
        self._stream.close()
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Place:
    """`first` and `second` are one folder of the share, seen by two clients; `folder` is its name on the host."""

    first: Path
    second: Path
    memory: Path
    folder: str
    options: tuple[str, ...]
    links_are_shown: bool
    host: Host
    port: int

    @property
    def is_posix(self) -> bool:
        """Whether the POSIX extensions are on: names and their removal are Linux's, and not Windows'."""
        return "posix" in self.options

    def mount(self, where: Path, share: str, options: str) -> str:
        """Mount another share, or the same again; what `mount` says against it, nothing when it is done."""
        where.mkdir(exist_ok=True)
        return mount(where, self.port, share, options)

    def unmount(self, where: Path) -> None:
        """Raises CalledProcessError when something is still in use."""
        subprocess.run(["umount", str(where)], check=True)
