"""Where each key of a TOML text stands, which tomllib does not tell.

A walk over text that tomllib has accepted: so it may assume valid TOML, and only has to know where keys, strings,
brackets and lines are. Values are not made. Arrays count their elements, so the third `[[share]]`'s name is
`("share", 2, "name")`.
"""

import re
import tomllib
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_VALUE: Final = re.compile(r"[^,\]}#\n]*")  # number, date, true, false
_STRINGS: Final = (
    # A closing triple quote may have up to two quotes of the text before it.
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?:""|")?', re.DOTALL),
    re.compile(r"'''.*?'''(?:''|')?", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)


def find_lines(text: str) -> dict[Path, int]:
    """The line, from 1, where each key, table and array element first stands. `text` must be valid TOML."""
    walker = _Walker(text.replace("\r\n", "\n"))
    walker.document()
    return walker.lines


class _Walker:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0  # up to here newlines are in _line
        self._array_lengths: dict[Path, int] = {}
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                brackets = 2 if self._text.startswith("[[", self._at) else 1
                self._at += brackets
                keys = self._keys()
                self._at += brackets
                table = self._enter(keys, brackets == 2)
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _enter(self, keys: list[str], is_array: bool) -> Path:
        """The path of a header's table: every array of tables on the way means its last element so far."""
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            self._note(path)
            if is_array and position == len(keys) - 1:
                self._array_lengths[path] = self._array_lengths.get(path, 0) + 1
            if path in self._array_lengths:
                path = (*path, self._array_lengths[path] - 1)
                self._note(path)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path)
        self._at += 1  # =
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening in "\"'":
            self._string()
        elif opening in "[{":
            self._at += 1
            self._members(path, opening == "[")
        else:
            self._skip(_PLAIN_VALUE)

    def _members(self, path: Path, is_array: bool) -> None:
        count = 0
        self._skip(_BLANK)
        while self._text[self._at] not in "]}":
            if is_array:
                self._note((*path, count))
                self._value((*path, count))
            else:
                self._pair(path)
            count += 1
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _keys(self) -> list[str]:
        """A dotted key; stops behind it and its blanks."""
        keys = []
        while True:
            self._skip(_SPACE)
            if self._text[self._at] in "\"'":
                keys.append(str(tomllib.loads(f"key = {self._string()}")["key"]))
            else:
                keys.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _string(self) -> str:
        for pattern in _STRINGS:
            if found := pattern.match(self._text, self._at):
                self._at = found.end()
                return found.group()
        raise ValueError("not TOML")

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError("not TOML")
        self._at = found.end()
        return found.group()

    def _note(self, path: Path) -> None:
        if path not in self.lines:
            self._line += self._text.count("\n", self._counted, self._at)
            self._counted = self._at
            self.lines[path] = self._line
