"""Log records as lines that nobody can forge: text of a client stays inside the line it belongs to."""

import logging
import unicodedata
from typing import Final

# Control and format characters, line and paragraph separators, surrogates, and what has no meaning yet.
_UNSAFE: Final = ("Cc", "Cf", "Zl", "Zp", "Cs", "Cn", "Co")
_BEHIND: Final = "    | "  # in front of a traceback's lines: no line of ours begins so


def escape(text: str) -> str:
    """The text with everything that could end a line, move a cursor or hide something as a Python escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if unicodedata.category(char) not in _UNSAFE else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


class LineFormatter(logging.Formatter):
    """One line per record, and for a traceback lines that are marked as belonging to it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line, escaped."""
        return escape(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        """The traceback; an exception's text may be a client's."""
        text = super().formatException(ei)  # type: ignore[arg-type]  # as logging gives it
        return "\n".join(_BEHIND + escape(line) for line in text.splitlines())
