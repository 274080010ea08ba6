"""The words that a person writes for a share, a user, a dialect or a switch, whatever the source, to values."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from smbserver.auth.accounts import Account
from smbserver.config.settings import DIALECT_NAMES, IN_MEMORY, ShareSettings, check_port
from smbserver.config.share_links import take_link_options
from smbserver.config.share_options import split_options
from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption

T = TypeVar("T")

SIGNING_WORDS: Final = {"required": True, "enabled": False}
ENCRYPTION_WORDS: Final = {each.value: each for each in Encryption}
_SWITCH_WORDS: Final = {"1": True, "yes": True, "true": True, "on": True} | dict.fromkeys(
    ("0", "no", "false", "off"), False
)


@dataclass(frozen=True)
class User:
    """Somebody who may log in. `password` None: found or made later. `acts_as`: a local user, None: his namesake."""

    name: str
    password: str | None = field(default=None, repr=False)
    acts_as: str | None = None

    def __post_init__(self) -> None:
        Account(self.name, b"")  # refuses what no client could send as a name
        if self.password == "":
            raise ConfigError(f"the password of {self.name} is empty: leave it out to have one made")


@contextmanager
def said_in(place: str) -> Iterator[None]:
    """Put where a word stands before what is wrong with it."""
    try:
        yield
    except ConfigError as problem:
        raise ConfigError(f"{place}: {problem}") from None


def share(text: str) -> ShareSettings:
    """`[NAME=]PATH[:OPTION,...]`, see `share_options` and `share_links`. Raises ConfigError."""
    rest, links = take_link_options(text)
    place, options = split_options(rest)
    name, separator, path = place.partition("=")
    if not separator or "/" in name:
        name, path = "", place
    if not path:
        raise ConfigError(f"{text!r} names no directory: write DIR or NAME=DIR")
    path = share_path(path)
    make = partial(
        ShareSettings,
        path=path,
        read_only=options.read_only,
        streams=options.streams,
        plain_streams=options.plain_streams,
        apple_double=options.apple_double,
        time_machine=options.time_machine,
        size_limit=options.size_limit,
        owner=options.owner,
        group=options.group,
        file_mode=options.file_mode,
        directory_mode=options.directory_mode,
        hide_files=options.hide_files,
        symlinks=links.symlinks,
        snapshots=links.snapshots,
        hide_unreadable=options.hide_unreadable,
        keep_acl_flags=options.keep_acl_flags,
    )
    if name:
        return make(name)
    name = "memory" if path == IN_MEMORY else os.path.basename(path) or "root"
    try:
        return make(name)
    except ConfigError as problem:
        raise ConfigError(f"{problem}: give it another one with NAME={text}") from None


def share_path(text: str, folder: str = "") -> str:
    """A share's directory made absolute, from `folder` or the working directory; IN_MEMORY stays as it is."""
    if text == IN_MEMORY:
        return text
    return os.path.abspath(os.path.join(folder, os.path.expanduser(text)))


def user(text: str) -> User:
    """`NAME[:PASSWORD]`; the password may contain colons. Raises ConfigError."""
    name, separator, password = text.partition(":")
    return User(name, password if separator else None)


def mapped_user(text: str) -> tuple[str, str]:
    """`NAME=LOCAL`. Raises ConfigError."""
    name, separator, local = text.partition("=")
    if not separator or not name or not local:
        raise ConfigError(f"not a mapping: {text!r}; write NAME=LOCAL, the name of a user and whom he acts as here")
    return name, local


def dialect(text: str) -> int:
    """`3.1.1` and its like. Raises ConfigError."""
    return _one_of(DIALECT_NAMES, text, "dialect")


def signing(text: str) -> bool:
    """Whether everybody must sign. Raises ConfigError."""
    return _one_of(SIGNING_WORDS, text, "signing")


def encryption(text: str) -> Encryption:
    """Off, offered or required. Raises ConfigError."""
    return _one_of(ENCRYPTION_WORDS, text, "encryption")


def switch(text: str) -> bool:
    """Yes or no, in the spellings that environments have. Raises ConfigError."""
    return _one_of(_SWITCH_WORDS, text.lower(), "answer")


def port(text: str) -> int:
    """Raises ConfigError."""
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"not a port: {text!r} (0 to 65535; 0 takes any free one)")
    number = int(text[:6])  # six digits are too many already, and a thousand of them are slow
    check_port(number)
    return number


def _one_of(words: dict[str, T], text: str, what: str) -> T:
    if text not in words:
        raise ConfigError(f"no such {what}: {text!r}; there are {', '.join(words)}")
    return words[text]
