"""What the checks inside the emulated machine may ask of the host, and what they tell it."""

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from conformance.report import Result
from conformance.sharing.cut_line import Line

SILENCE: Final = 90.0  # seconds without a word: something hangs, in a machine that is slow


class Silent(Exception):
    """Nothing came from the machine; the text says what it was doing."""


class Host:
    """Answers one machine until it says that it has ended."""

    def __init__(
        self, mode: str, line: Line, folder: Path, told: dict[str, object], cpu_seconds: Callable[[], float]
    ) -> None:
        """`told` is what the machine is to do; what comes of it is collected in `results` and `spent`."""
        self.results: list[Result] = []
        self.spent: dict[str, float] = {}
        self._cpu_seconds = cpu_seconds
        self._cpu_before = 0.0
        self.mounts = self.debug = ""
        self._mode = mode
        self._line = line
        self._folder = folder
        self._told = told
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._doing = "the start"

    def serve(self, runs: Callable[[], bool]) -> None:
        """Until the machine says that all is done, or `runs` no more. Raises Silent."""
        try:
            with self._accept(runs) as connection, connection.makefile("rw") as stream:
                connection.settimeout(SILENCE)
                for line in stream:
                    request = json.loads(line)
                    name = request.pop("request")
                    try:
                        answer: dict[str, object] = {"answer": getattr(self, f"on_{name}")(**request)}
                    except OSError as problem:
                        answer = {"error": str(problem)}
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
                    if name == "end":
                        return
            raise Silent(f"the machine ended in {self._doing}")
        except TimeoutError:
            raise Silent(f"nothing for {SILENCE:.0f} s in {self._doing}") from None

    def _accept(self, runs: Callable[[], bool]) -> socket.socket:
        self._listener.settimeout(1.0)
        for _ in range(max(1, int(SILENCE))):
            with suppress(TimeoutError):
                return self._listener.accept()[0]
            if not runs():
                raise Silent(f"the machine ended in {self._doing}")
        raise TimeoutError

    def close(self) -> None:
        """No more machines."""
        self._listener.close()

    def on_told(self) -> dict[str, object]:
        """What the machine is to do."""
        return self._told

    def on_mounted(self, mounts: str, debug: str) -> None:
        """How the kernel sees its mounts."""
        self.mounts, self.debug = mounts, debug

    def on_begin(self, name: str) -> None:
        """A check begins."""
        self._doing = name

    def on_result(self, name: str, message: str, seconds: float) -> None:
        """A check has ended; `message` is empty when all was well."""
        self.results.append(Result(name, self._mode, not message, round(seconds, 1), message))

    def on_workload(self, name: str, units: int) -> None:
        """So many units are done; none: a workload begins."""
        now = self._cpu_seconds()
        if units:
            self.spent[name] = (now - self._cpu_before) / units
        self._cpu_before = now

    def on_end(self) -> None:
        """All is done."""

    def on_cut(self) -> None:
        """Cut every connection to the server; new ones are possible at once."""
        self._line.cut()

    def on_read(self, name: str) -> str:
        """The bytes of a file, in hexadecimal."""
        return (self._folder / name).read_bytes().hex()

    def on_write(self, name: str, data: str) -> None:
        """Make or replace a file's bytes, as a local program does."""
        (self._folder / name).write_bytes(bytes.fromhex(data))

    def on_remove(self, name: str) -> None:
        """Remove a file."""
        (self._folder / name).unlink()

    def on_list(self, name: str) -> list[str]:
        """The names in a folder."""
        return sorted(os.listdir(self._folder / name))

    def on_stat(self, name: str) -> dict[str, int]:
        """What the host knows of a file."""
        facts = (self._folder / name).stat()
        return {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns, "mode": facts.st_mode}

    def on_space(self) -> int:
        """Bytes of the share's file system."""
        facts = os.statvfs(self._folder)
        return facts.f_blocks * facts.f_frsize
