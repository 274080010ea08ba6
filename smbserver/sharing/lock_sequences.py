"""Recognises LOCK requests that a client sends again because it has not seen the answer ([MS-SMB2] 3.3.5.14)."""

from typing import Final

ENTRIES: Final = 64  # 1 to 64 ([MS-SMB2] 2.2.26); 0 asks for nothing


class LockSequences:
    """The LockSequenceArray of one open."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}  # an entry that is missing is one whose Valid is FALSE

    def is_replay(self, index: int, number: int) -> bool:
        """Whether this request was answered with success before. Another number makes the entry invalid."""
        known = self._numbers.get(index)
        if known is None:
            return False
        if known != number:
            del self._numbers[index]
        return known == number

    def note(self, index: int, number: int) -> None:
        """A request has succeeded. An index that does not exist is not kept."""
        if 1 <= index <= ENTRIES:
            self._numbers[index] = number
