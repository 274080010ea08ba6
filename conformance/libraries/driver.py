"""One running adaptor: a line of words goes in, a line comes out, and nothing waits for ever."""

import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, unquote

# What a command may take: twenty MiB through the slowest of the libraries, on a machine that does other things too.
COMMAND_SECONDS: Final = 90.0
# What a runtime needs to come up, a JVM among them, and to log on.
START_SECONDS: Final = 60.0
END_SECONDS: Final = 10.0
ERRORS_TAIL: Final = 2000
_CHUNK: Final = 1 << 16


class Refused(Exception):
    """The server, or the library before it, did not do it; the text is the library's."""


class Cannot(Exception):
    """The library has no call for the command, which the text names."""


class Broken(Exception):
    """The adaptor ended, hung, or said something that is no answer."""


class Adaptor:
    """A process that speaks the lines of README.md. Use it in a `with` block; it has logged on inside."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        """`log` gets standard error. Nothing runs yet."""
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._held = b""

    def __enter__(self) -> Self:
        """Start, log on, connect. Raises Refused when the server says no, Broken otherwise."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                cwd=self._log.parent,  # whatever a library leaves behind goes with the run
            )
        try:
            self.answer("log on", START_SECONDS)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell it to quit, and end it when it does not."""
        self._stop()

    def ask(self, *words: str | int | Path, seconds: float = COMMAND_SECONDS) -> list[str]:
        """The words behind `ok`. Raises Refused, Cannot, Broken."""
        self.send(*words)
        return self.answer(str(words[0]), seconds)

    def send(self, *words: str | int | Path) -> None:
        """Ask without waiting; `answer` has to follow. Raises Broken."""
        line = "\t".join(quote(str(word), safe="-._~", errors="surrogateescape") for word in words) + "\n"
        try:
            assert self._running.stdin is not None
            self._running.stdin.write(line.encode())
            self._running.stdin.flush()
        except OSError as error:
            raise Broken(f"ended before {words[0]}: {error}\n{self._errors()}") from error

    def answered(self, seconds: float) -> bool:
        """Whether the answer to what was sent is there, after `seconds` at most."""
        stream = self._running.stdout
        assert stream is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            return bool(self._held) or bool(selector.select(seconds))

    def answer(self, command: str, seconds: float = COMMAND_SECONDS) -> list[str]:
        """The words behind `ok` of what was sent. Raises Refused, Cannot, Broken."""
        line = self._line(command, seconds)
        kind, *words = [unquote(word, errors="surrogateescape") for word in line.split("\t")]
        if kind == "ok":
            return words
        if kind == "failed":
            raise Refused(" ".join(words))
        if kind == "cannot":
            raise Cannot(command)
        raise Broken(f"{command}: no answer but {line!r}\n{self._errors()}")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Broken("not running")
        return self._process

    def _line(self, command: str, seconds: float) -> str:
        stream = self._running.stdout
        assert stream is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._held:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise Broken(f"{command}: no answer within {seconds:.0f} s\n{self._errors()}")
                more = os.read(stream.fileno(), _CHUNK)
                if not more:
                    raise Broken(f"{command}: the adaptor ended\n{self._errors()}")
                self._held += more
        line, _, self._held = self._held.partition(b"\n")
        return line.decode(errors="surrogateescape").rstrip("\r")

    def _errors(self) -> str:
        return self._log.read_text(errors="replace")[-ERRORS_TAIL:]

    def _stop(self) -> None:
        process = self._running
        self._process = None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b"quit\n")
            process.stdin.close()
            process.wait(END_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
        process.wait()
        process.stdout.close()
