"""Replaces one password in a password file; the file is whole at every moment, old or new. Blocking: for a thread."""

import os
import stat
from typing import Final

from smbserver.auth.accounts import nt_hash
from smbserver.config.password_file import check_private, decode, read_file, split_line
from smbserver.errors import ConfigError
from smbserver.objects.password_changes import NotKept

_SUFFIX: Final = ".new"
_PRIVATE: Final = 0o600


def rewrite_password(path: str, name: str, old_hash: str, password: str) -> None:
    """Put a new password into the line of `name`; all other lines, the owner and the mode stay.

    `old_hash` is the NT hash, in hexadecimal, of the password that the line must have now: a file that was edited
    since the server has read it is not overwritten. Raises NotKept when the account has no line, ConfigError, OSError.
    """
    path = os.path.realpath(path)  # what a link points to is replaced, not the link
    content, mode = read_file(path, "password file")
    check_private(path, mode)
    lines = decode(path, content).split("\n")
    at = _line_of(lines, name)
    account = split_line(lines[at])
    assert account is not None
    if nt_hash(account[2]).hex() != old_hash:
        raise ConfigError(f"{path} was changed since the server has read it: the password stays as it is")
    ending = "\r" if lines[at].endswith("\r") else ""
    lines[at] = f"{account[0]}:{password}{ending}"
    start = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    _replace(path, start + "\n".join(lines).encode(), stat.S_IMODE(mode))


def _line_of(lines: list[str], name: str) -> int:
    for at, line in enumerate(lines):
        account = split_line(line)
        if account is not None and account[1] and account[0].upper() == name.upper():
            return at
    raise NotKept


def _replace(path: str, content: bytes, mode: int) -> None:
    """Beside it, to the disk, and over it. What a crash has left beside it is removed first."""
    new = path + _SUFFIX
    owner = os.stat(path)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
    except FileExistsError:
        os.unlink(new)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
    try:
        with open(descriptor, "wb") as file:
            if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
