"""File names as a client writes them: splitting, validity, folding, wildcards ([MS-FSCC] 2.1.5, [MS-FSA] 2.1.4.4)."""

import re
import unicodedata
from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import status

# [MS-FSCC] 2.1.5.2: a component has at most 255 UTF-16 units; the whole name fits CREATE's 16-bit length.
MAX_COMPONENT_UNITS: Final = 255
MAX_COMPONENTS: Final = 256  # a path cannot need more levels than this; bounds the work of a resolution
NOT_IN_SHORT: Final = frozenset(" +,;=[]")  # beside what no name may have
FORBIDDEN: Final = frozenset('"*/:<>?\\|') | {chr(c) for c in range(32)}
_forbidden_in_path: Final = re.compile(r'[\x00-\x1f"*/:<>?|]').search  # all of them but the separator

DOS_STAR: Final = "<"
DOS_QM: Final = ">"
DOS_DOT: Final = '"'
WILDCARDS: Final = frozenset('*?<>"')

Path = tuple[str, ...]
"""Components below the share's root; () is the root itself."""


def split(name: str) -> Path:
    """A CREATE name as components. Raises StatusError: OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD, INVALID_PARAMETER.

    [MS-SMB2] 3.3.5.9: a name that begins with a separator is INVALID_PARAMETER. "." and ".." never reach the file
    system: a client resolves them itself, and nobody honest sends them.
    """
    if not name:
        return ()
    if name[0] == "\\":
        raise StatusError(status.INVALID_PARAMETER)
    if name[-1] == "\\":
        name = name[:-1]
    components = tuple(name.split("\\"))
    if len(components) > MAX_COMPONENTS:
        raise StatusError(status.OBJECT_NAME_INVALID)
    # One look at the whole name says of nearly all that nothing is wrong; of the others each component says what.
    if (
        len(name) > MAX_COMPONENT_UNITS
        or not name.isascii()
        or _forbidden_in_path(name) is not None
        or name[0] == "."
        or "\\." in name
        or "\\\\" in name
        or name[-1] == "\\"
    ):
        for component in components:
            check_component(component)
    return components


def resolve_parents(name: str) -> str:
    """Take "x\\.." out of a name, as text and before anything is looked up; what would leave the root stays, refused.

    Clients do this themselves; a program that hands its path on unseen does not.
    """
    if ".." not in name:
        return name
    kept: list[str] = []
    for component in name.split("\\"):
        if component != "..":
            kept.append(component)
        elif kept and kept[-1]:
            kept.pop()
        else:
            return name  # `split` refuses it
    return "\\".join(kept)


def check_component(component: str) -> None:
    """Refuse what cannot be one name: empty, "." or "..", a forbidden character, more than 255 units."""
    if not component or not FORBIDDEN.isdisjoint(component):
        raise StatusError(status.OBJECT_NAME_INVALID)
    if component in (".", ".."):
        raise StatusError(status.OBJECT_PATH_SYNTAX_BAD)
    if len(component) > MAX_COMPONENT_UNITS or (
        not component.isascii() and len(component.encode("utf-16-le", "surrogatepass")) > 2 * MAX_COMPONENT_UNITS
    ):
        raise StatusError(status.OBJECT_NAME_INVALID)


def fold(name: str) -> str:
    """The form under which two names are alike: upper case, composed. What a client looks up may be found under it.

    Finder sends composed names, whatever it was shown; Linux programs store what they were given.
    """
    if name.isascii():
        return name.upper()
    return fold_case(unicodedata.normalize("NFC", name))


def fold_case(name: str) -> str:
    """The form under which two names are the same and cannot both be in one directory: upper case.

    Windows folds single code units with a table and never changes a length, so a character whose upper case is
    several characters (sharp s) is left alone.
    """
    if name.isascii():
        return name.upper()
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in name)


def is_short(name: str) -> bool:
    """Whether a name is 8.3 already, and so its own short name ([MS-FSA] 2.1.5.1.1, [MS-FSCC] 2.1.5.2.1)."""
    base, dot, extension = name.partition(".")
    if not 0 < len(base) <= 8 or len(extension) > 3 or (dot and not extension):
        return False
    return name.isascii() and NOT_IN_SHORT.isdisjoint(name) and "." not in extension


def has_wildcard(pattern: str) -> bool:
    """True when the pattern can match more than one name."""
    return not WILDCARDS.isdisjoint(pattern)


class Pattern:
    """A QUERY_DIRECTORY search pattern; matching takes time linear in pattern length times name length.

    [MS-FSA] 2.1.4.4: `*` any run; `?` one character; `<` (DOS_STAR) any run that does not take the last dot;
    `>` (DOS_QM) one character, or nothing at a dot or the end; `"` (DOS_DOT) a dot, or nothing at the end.
    """

    __slots__ = ("_all", "_folded", "_literal")

    def __init__(self, pattern: str) -> None:
        self._all = pattern in ("*", "*.*")  # 2.1.4.4: the second also means names without a dot
        self._literal = not has_wildcard(pattern)
        self._folded = fold(pattern)

    def matches(self, name: str) -> bool:
        """Whether a directory entry's name is meant, without regard to case."""
        if self._all:
            return True
        folded = fold(name)
        if self._literal:
            return folded == self._folded
        return match_folded(self._folded, folded)


def match_folded(pattern: str, name: str) -> bool:
    """Whether a pattern means exactly this name, both folded if case is not to count.

    Simulates the pattern as a set of positions, one step per character of the name.
    """
    last_dot = name.rfind(".")
    positions = _closure({0}, pattern, at_end=not name, at_dot=name.startswith("."))
    for index, char in enumerate(name):
        following: set[int] = set()
        for position in positions:
            if position == len(pattern):
                continue
            wanted = pattern[position]
            if wanted == "*":
                following.add(position)
            elif wanted == DOS_STAR:
                if char != "." or index != last_dot:  # everything but the last dot
                    following.add(position)
            elif (
                wanted == "?"
                or (wanted == DOS_QM and char != ".")
                or (wanted == DOS_DOT and char == ".")
                or wanted == char
            ):
                following.add(position + 1)
        at_end = index + 1 == len(name)
        at_dot = not at_end and name[index + 1] == "."
        positions = _closure(following, pattern, at_end, at_dot)
        if not positions:
            return False
    return len(pattern) in positions


def _closure(positions: set[int], pattern: str, at_end: bool, at_dot: bool) -> set[int]:
    """Add the positions reached without consuming a character."""
    reached = set(positions)
    waiting = list(positions)
    while waiting:
        position = waiting.pop()
        if position < len(pattern):
            wanted = pattern[position]
            skips = (
                wanted in ("*", DOS_STAR) or (wanted == DOS_QM and (at_end or at_dot)) or (wanted == DOS_DOT and at_end)
            )
            if skips and position + 1 not in reached:
                reached.add(position + 1)
                waiting.append(position + 1)
    return reached
