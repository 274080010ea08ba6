"""The two forms of a name: plain, as POSIX has it, and disguised, as it can be written among Windows' names.

macOS and Linux (mapposix) send characters that Windows forbids in a private range ("Services for Macintosh"). Inside
the server every path is in the disguised form; disks and clients with POSIX extensions have the plain one. Both forms
have the same number of units.
"""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.names import Pattern, match_folded

_SPECIAL: Final = '"*:<>?\\|'
TO_PLAIN: Final = {0xF000 + code: chr(code) for code in range(1, 32)} | {
    0xF020 + index: char for index, char in enumerate(_SPECIAL)
}
TO_DISGUISED: Final = {ord(char): chr(code) for code, char in TO_PLAIN.items()}
# A space or a dot, where it is the last character.
LAST_TO_PLAIN: Final = {"\uf028": " ", "\uf029": "."}
LAST_TO_DISGUISED: Final = {" ": "\uf028", ".": "\uf029"}
_NO_WILDCARDS: Final = {code: char for code, char in TO_DISGUISED.items() if chr(code) not in "*?"}


def plain(name: str) -> str:
    """One disguised component as POSIX has it."""
    return _plain_end(name.translate(TO_PLAIN))


def disguised(name: str) -> str:
    """One plain component as Windows' names have it; "." and ".." stay what they are."""
    if name in (".", ".."):
        return name
    name = name.translate(TO_DISGUISED)
    return name[:-1] + LAST_TO_DISGUISED.get(name[-1:], name[-1:])


def disguised_path(name: str) -> str:
    """A POSIX client's path, whose separator is "/", as any other client would write it.

    Raises StatusError INVALID_PARAMETER for one that begins with a separator, as Samba.
    """
    if name.startswith("/"):
        raise StatusError(status.INVALID_PARAMETER)
    return "\\".join(disguised(component) for component in name.split("/"))


class PlainPattern(Pattern):
    """A search pattern of a POSIX client: "*" and "?" and every other character itself, case counts."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self._all = pattern == "*"
        self._pattern = _plain_end(pattern.translate(_NO_WILDCARDS))

    def matches(self, name: str) -> bool:
        """Whether the entry with this plain name is meant."""
        return self._all or match_folded(self._pattern, name.translate(TO_DISGUISED))


def _plain_end(name: str) -> str:
    return name[:-1] + LAST_TO_PLAIN.get(name[-1:], name[-1:])
