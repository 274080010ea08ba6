"""A file's write time while writes are noted late, as by NTFS before Windows 10 1809 ([MS-FSA] 2.1.4.17, note 43).

The first write shows after two seconds, what follows when the open that wrote ends; a flush and a change of the file's
size, times or attributes end the wait. The disk has the true time all along.
"""

from collections.abc import Callable
from typing import Final

SECONDS_UNSEEN: Final = 2
_FILETIME_SECOND: Final = 10_000_000


class DeferredWrite:
    """Of one file, from a write until it is settled. `owner` is who wrote first; `clock` gives the present."""

    __slots__ = ("_before", "_late", "_until", "clock", "owner")

    def __init__(self, owner: object, before: int, clock: Callable[[], int]) -> None:
        self.owner = owner
        self.clock = clock
        self._before = before
        self._until = clock() + SECONDS_UNSEEN * _FILETIME_SECOND
        self._late: int | None = None

    def wants_time(self) -> bool:
        """Whether the write time before the next write must be told to `note`: the wait is over."""
        return self._late is None and self.clock() >= self._until

    def note(self, write_time: int) -> None:
        """Another write begins; until the end the file shows `write_time`."""
        self._late = write_time

    @property
    def ends_now(self) -> bool:
        """Whether a write is still unseen that has to become the present when the owner ends."""
        return self._late is not None

    def shown(self, actual: int) -> int:
        """The write time that clients see, where the disk says `actual`."""
        if self.clock() < self._until:
            return self._before
        return actual if self._late is None else self._late
