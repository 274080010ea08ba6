"""Files that hold passwords: who may read them, and NAME:PASSWORD lines."""

import os
import shlex
import stat
from typing import Final

from smbserver.config.words import User, said_in
from smbserver.errors import ConfigError

MAX_FILE: Final = 1024 * 1024  # bytes; ten thousand accounts, and an end to /dev/zero
_TOO_OPEN: Final = stat.S_IRWXO | stat.S_IWGRP


def read_file(path: str, what: str) -> tuple[bytes, int]:
    """The bytes of a file and its mode, from one descriptor. `what` names the file's purpose in ConfigError."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"the {what} {path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE:
        raise ConfigError(f"the {what} {path} has more than {MAX_FILE} bytes")
    return content, mode


def check_private(path: str, mode: int) -> None:
    """Refuse a file with passwords that others may read or change. Raises ConfigError with the command to type."""
    if mode & _TOO_OPEN:
        found = f"{stat.S_IMODE(mode):04o}"
        raise ConfigError(
            f"{path} holds passwords and is open to others (mode {found}): type chmod 600 {shlex.quote(path)}"
        )


def decode(path: str, content: bytes) -> str:
    """UTF-8 to text. Raises ConfigError with the line that is not."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from None


def split_line(line: str) -> tuple[str, str, str] | None:
    """Name, separator and password; None for an empty line or a comment."""
    line = line.removesuffix("\r")
    return None if not line.strip() or line.startswith("#") else line.partition(":")


def read_password_file(path: str) -> tuple[tuple[str, str], ...]:
    """(name, password) of every line; empty lines and those that begin with # are left out. Raises ConfigError.

    No message quotes a line: it would put a password into the log.
    """
    content, mode = read_file(path, "password file")
    check_private(path, mode)
    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(decode(path, content).split("\n"), 1):
        account = split_line(line)
        if account is None:
            continue
        name, separator, password = account
        if not separator:
            raise ConfigError(f"{path}:{number}: a line is NAME:PASSWORD")
        with said_in(f"{path}:{number}"):
            User(name, password)
            if name.upper() in found:
                raise ConfigError(f"the user {name} is given twice")
        found[name.upper()] = (name, password)
    if not found:
        raise ConfigError(f"{path} has no account: its lines are NAME:PASSWORD")
    return tuple(found.values())
