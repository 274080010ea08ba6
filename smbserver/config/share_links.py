"""The options of a share about symbolic links and snapshots: `DIR:symlinks=shown,snapshots=PATTERN`."""

import re
from typing import Final, NamedTuple

from smbserver.backend.base import Symlinks
from smbserver.errors import ConfigError

_POLICY: Final = re.compile(r"([:,])symlinks=([^,:/]*)(,|$)")
_PATTERN: Final = re.compile(r"[:,]snapshots=(.*)$", re.DOTALL)


class LinkOptions(NamedTuple):
    """What was said; as `ShareSettings` has it."""

    symlinks: Symlinks = Symlinks.INSIDE
    snapshots: str = ""


def take_link_options(text: str) -> tuple[str, LinkOptions]:
    """What is left of a share's text without these options, and the options. Raises ConfigError.

    `snapshots=` is the last of all: a pattern may contain whatever separates options.
    """
    snapshots = ""
    found = _PATTERN.search(text)
    if found is not None:
        snapshots = found[1]
        if not snapshots:
            raise ConfigError("snapshots= has nothing behind it")
        text = text[: found.start()]
    policy = Symlinks.INSIDE
    found = _POLICY.search(text)
    if found is not None:
        policy = symlinks(found[2])
        text = text[: found.start()] + (found[1] if found[3] else "") + text[found.end() :]
    return text, LinkOptions(policy, snapshots)


def symlinks(word: str) -> Symlinks:
    """Inside, shown or none. Raises ConfigError."""
    try:
        return Symlinks(word)
    except ValueError:
        raise ConfigError(
            f"no such symlinks: {word!r}; there are {', '.join(each.value for each in Symlinks)}"
        ) from None
