"""The window of message ids a client may use ([MS-SMB2] 3.3.1.7, 3.3.5.2.3, 3.3.4.1.2)."""

from typing import Final

# As many requests as a client may have outstanding; Windows grants as many.
MAX_CREDITS: Final = 8192


class CreditWindow:
    """Ids from `low` on; those used ahead of `low` are remembered. Ids are never reused."""

    __slots__ = ("_high", "_low", "_used")

    def __init__(self) -> None:
        self._low = 0
        self._high = 1  # the first request needs no grant
        self._used: set[int] = set()

    def take(self, message_id: int, charge: int) -> bool:
        """Use up `charge` consecutive ids. False when one of them was never granted or is used."""
        if message_id == self._low and not self._used:
            if message_id + charge > self._high:
                return False
            self._low += charge
            return True
        last = message_id + charge
        if message_id < self._low or last > self._high:
            return False
        ids = range(message_id, last)
        if not self._used.isdisjoint(ids):
            return False
        self._used.update(ids)
        while self._low in self._used:
            self._used.remove(self._low)
            self._low += 1
        return True

    def grant(self, requested: int) -> int:
        """How many ids a reply adds: what was asked for, at least one, at most up to the window's size."""
        granted, room = requested or 1, MAX_CREDITS - (self._high - self._low)
        if granted > room:
            granted = room
        if granted <= 0:
            return 0
        self._high += granted
        return granted
