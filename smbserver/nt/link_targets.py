"""Where a symbolic link leads, as text: from a client's words to components, and what of it is plain enough to trust.

A target is a tuple of names below the link's own directory, with ".." only in front: ("..", "lib", "x"). Behind a name
".." is refused: as text `s/..` is nothing, but where `s` is itself a link a walk would end up somewhere else.
"""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.names import MAX_COMPONENTS, check_component

Target = tuple[str, ...]
"""Components; () is the link's own directory."""

PARENT: Final = ".."
_HERE: Final = "."
_SEPARATORS: Final = "\\/"
_DRIVE_COLON: Final = 1  # the position of the colon in `C:\x`


def from_substitute(name: str, is_relative: bool) -> Target:
    """A substitute name ([MS-FSCC] 2.1.2.4) as a target.

    Raises StatusError: IO_REPARSE_DATA_INVALID when it is no path, ACCESS_DENIED when it is an absolute one (a drive,
    `\\??\\`, a UNC path, or from the root of the volume).
    """
    if not name:
        raise StatusError(status.IO_REPARSE_DATA_INVALID)
    if not is_relative or name[0] in _SEPARATORS or name.find(":") == _DRIVE_COLON:
        raise StatusError(status.ACCESS_DENIED)
    target = _plain(name.removesuffix("\\").split("\\"))
    if target is None:
        raise StatusError(status.IO_REPARSE_DATA_INVALID)
    try:
        for component in target:
            if component != PARENT:
                check_component(component)
    except StatusError:
        raise StatusError(status.IO_REPARSE_DATA_INVALID) from None
    return target


def from_host(text: str) -> Target | None:
    """The text of a link on a POSIX disk, names still as the disk has them. None for what is not plain or absolute."""
    if not text or text[0] == "/":
        return None
    return _plain([component for component in text.split("/") if component])


def _plain(components: list[str]) -> Target | None:
    kept = [component for component in components if component != _HERE]
    if len(kept) > MAX_COMPONENTS:
        return None
    below = [component for component in kept if component != PARENT]
    up = len(kept) - len(below)
    return None if kept[up:] != below else tuple(kept)


def rise(target: Target) -> int:
    """How many levels above its own directory a link leads before it goes down."""
    return target.count(PARENT)


def to_substitute(target: Target) -> str:
    """The target as a relative substitute name; its names are names on the wire."""
    return "\\".join(target) or _HERE


def highest(text: str) -> int:
    """How many levels above its own directory the text of a relative link ever goes, plain or not; 0 if absolute."""
    depth = lowest = 0
    if text[:1] == "/":
        return 0
    for component in text.split("/"):
        if component == PARENT:
            depth -= 1
            lowest = min(lowest, depth)
        elif component not in ("", _HERE):
            depth += 1
    return -lowest
