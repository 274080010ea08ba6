"""Names that are HIDDEN whatever is stored for the file, by pattern: Samba's `hide dot files` and `hide files`."""

from collections.abc import Iterable
from typing import Final

from smbserver.nt.names import Pattern

DOT_FILES: Final = ".*"
DEFAULT: Final = (DOT_FILES,)


class HiddenNames:
    """Patterns with `*` and `?`, compared without regard to case."""

    __slots__ = ("_dot_files", "_others")

    def __init__(self, patterns: Iterable[str] = DEFAULT) -> None:
        wanted = tuple(patterns)
        self._dot_files = DOT_FILES in wanted
        self._others = tuple(Pattern(pattern) for pattern in wanted if pattern != DOT_FILES)

    def hides(self, name: str) -> bool:
        """Whether a name of a file or directory is hidden."""
        if self._dot_files and name[:1] == ".":  # before all else: it is asked for every entry of a listing
            return True
        if not self._others:
            return False
        return any(pattern.matches(name) for pattern in self._others)
