"""The options behind a share's directory, `DIR:ro,owner=NAME,...`, and the words for owners and modes in any source."""

import difflib
import re
from dataclasses import dataclass
from typing import Final

from smbserver.config.settings import INHERIT
from smbserver.errors import ConfigError
from smbserver.nt import hidden_names
from smbserver.nt.names import FORBIDDEN

_INHERIT_WORD: Final = "inherit"
_READ_ONLY: Final = "ro"
_HIDE_UNREADABLE: Final = "hide-unreadable"
_KEEP_ACL_FLAGS: Final = "keep-acl-flags"
_NO_STREAMS: Final = "nostreams"
_PLAIN_STREAMS: Final = "plain-streams"
_APPLE_DOUBLE: Final = "apple-double"
_TIME_MACHINE: Final = "time-machine"
_FLAGS: Final = (
    _READ_ONLY,
    _NO_STREAMS,
    _PLAIN_STREAMS,
    _HIDE_UNREADABLE,
    _KEEP_ACL_FLAGS,
    _APPLE_DOUBLE,
    _TIME_MACHINE,
)
_KEYS: Final = ("owner", "group", "file-mode", "directory-mode", "hide", "size-limit")
_BETWEEN_PATTERNS: Final = "|"  # in no name
_MAX_PATTERNS: Final = 64  # each is tried on every entry of a listing
_LOOKS_LIKE_ONE: Final = re.compile(r"[a-z][a-z-]*=[^/:]*")
_NOT_IN_PATTERNS: Final = FORBIDDEN - set("*?")
_OCTAL: Final = re.compile(r"0?[0-7]{3,4}")
_SIZE: Final = re.compile(r"([1-9][0-9]{0,17})([KMGTP]?)", re.ASCII)
_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}  # of 1024
LEAST_SIZE: Final = 1024  # the unit in which clients are told
_MOST_SIZE: Final = 1 << 60  # sums of a few of them stay below 2^63


@dataclass(frozen=True)
class ShareOptions:
    """What stands behind the colon. Modes as `ShareSettings` has them."""

    read_only: bool = False
    owner: str = ""
    group: str = ""
    file_mode: int | None = None
    directory_mode: int | None = None
    hide_files: tuple[str, ...] = hidden_names.DEFAULT
    hide_unreadable: bool = False
    keep_acl_flags: bool = False
    streams: bool = True
    plain_streams: bool = False
    apple_double: bool = False
    time_machine: bool = False
    size_limit: int = 0


def split_options(text: str) -> tuple[str, ShareOptions]:
    """What is before the options, and the options. A colon may as well be part of the path. Raises ConfigError."""
    rest, colon, last = text.rpartition(":")
    words = last.split(",")
    if not colon or not any(word in _FLAGS or _LOOKS_LIKE_ONE.fullmatch(word) for word in words):
        return text, ShareOptions()
    given: dict[str, str] = {}
    flags: set[str] = set()
    for word in words:
        key, _, value = word.partition("=")
        if word in _FLAGS:
            flags.add(word)
        elif key not in _KEYS or "=" not in word:
            near = difflib.get_close_matches(key, (*_KEYS, *_FLAGS), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_FLAGS)}, {'=, '.join(_KEYS)}="
            raise ConfigError(f"unknown option {word!r} of a share; {hint}")
        elif key in given:
            raise ConfigError(f"{key}= is given twice")
        elif not value:
            raise ConfigError(f"{key}= has nothing behind it")
        else:
            given[key] = value
    options = ShareOptions(
        _READ_ONLY in flags,
        given.get("owner", ""),
        given.get("group", ""),
        None if "file-mode" not in given else octal_mode(given["file-mode"]),
        None if "directory-mode" not in given else octal_mode(given["directory-mode"]),
        hidden_names.DEFAULT if "hide" not in given else patterns(given["hide"]),
        _HIDE_UNREADABLE in flags,
        _KEEP_ACL_FLAGS in flags,
        _NO_STREAMS not in flags,
        _PLAIN_STREAMS in flags,
        _APPLE_DOUBLE in flags,
        _TIME_MACHINE in flags,
        0 if "size-limit" not in given else size(given["size-limit"]),
    )
    return rest, options


def patterns(text: str) -> tuple[str, ...]:
    """`.*|Thumbs.db`: names with * and ?; none for `|`. Raises ConfigError."""
    found = tuple(pattern for pattern in text.split(_BETWEEN_PATTERNS) if pattern)
    if len(found) > _MAX_PATTERNS:
        raise ConfigError(f"more than {_MAX_PATTERNS} patterns of names")
    for pattern in found:
        if not _NOT_IN_PATTERNS.isdisjoint(pattern):
            raise ConfigError(f"no file has a name like {pattern!r}")
    return found


def octal_mode(text: str) -> int:
    """`0664`, or INHERIT for `inherit`. Raises ConfigError."""
    if text == _INHERIT_WORD:
        return INHERIT
    if not _OCTAL.fullmatch(text):
        raise ConfigError(f"not a mode: {text!r}; write it in octal, as chmod does (0664), or {_INHERIT_WORD}")
    return int(text, 8)


def size(text: str) -> int:
    """`500G`: bytes, or K, M, G, T, P of 1024. Raises ConfigError."""
    found = _SIZE.fullmatch(text)
    number = 0 if found is None else int(found[1]) << 10 * _POWERS[found[2]]
    if not LEAST_SIZE <= number <= _MOST_SIZE:
        raise ConfigError(f"not a size: {text!r}; write 500G or 2T, at least 1K")
    return number
