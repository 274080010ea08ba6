"""The line protocol of ../README.md: one command a line in, one answer a line out."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

# What a command gets is its words, what it returns the words behind `ok`.
Command = Callable[..., Iterable[object] | None]
Commands = Mapping[str, Command]

ANY: Final = "any"
UNRESERVED: Final = "-._~"
ERRORS: Final = "surrogateescape"


class Cannot(Exception):
    """The library has no call, or cannot be told, what was asked."""


class Target(NamedTuple):
    """The adaptor's arguments."""

    host: str
    port: int
    user: str
    password: str
    share: str
    dialect: str
    protection: str


def serve(connect: Callable[[Target], Commands]) -> None:
    """Run the adaptor; `connect` logs on and returns what the library can do, `quit` among it."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    commands: Commands = {}

    def log_on() -> None:
        nonlocal commands
        host, port, *others = sys.argv[1:]
        commands = connect(Target(host, int(port), *others))

    def reply(command: Command, *words: str) -> bool:
        try:
            answer = ["ok", *map(_encoded, command(*words) or ())]
        except Cannot:
            answer = ["cannot"]
        except Exception as error:  # noqa: BLE001  # each library has its own, and some throw what Python has
            answer = ["failed", _encoded(f"{type(error).__name__}: {error}")]
        print("\t".join(answer), file=answers, flush=True)
        return answer[0] == "ok"

    if not reply(log_on):
        return
    for line in sys.stdin:
        name, *words = (unquote(word, errors=ERRORS) for word in line.rstrip("\n").split("\t"))
        reply(commands.get(name, _no_call), *words)
        if name == "quit":
            break


def _encoded(word: object) -> str:
    return quote(str(word), safe=UNRESERVED, errors=ERRORS)


def _no_call(*_: str) -> None:
    raise Cannot


def backslashes(name: str) -> str:
    """A path as SMB has it."""
    return name.replace("/", "\\")
