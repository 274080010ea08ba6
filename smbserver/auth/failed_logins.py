"""How long the answer to a login is withheld after failed ones: numbers in, a number out, no clock, no timer.

An attempt is counted as failed before anybody knows how it ends, so the delay cannot tell the outcome. Whoever turns
out to have the right password is forgiven when the answer goes out.
"""

import ipaddress
from typing import Final

from smbserver.auth.accounts import upper_case

TICKS: Final = 10_000_000  # FILETIME ticks in a second

FREE_ATTEMPTS: Final = 2  # a person mistypes twice; a program repeats a stored password once
FIRST_DELAY: Final = TICKS // 4
MAX_DELAY: Final = 2 * TICKS  # 43,000 guesses a day; longer mostly hurts stored old passwords
LOCK_OUT_BEYOND: Final = 8 * TICKS  # four answers of MAX_DELAY at the same time: nobody who types
FORGET_AFTER: Final = 60 * TICKS
MAX_RECORDS: Final = 4096
MAX_KEY_NAME: Final = 64  # characters of a name that count; bounds a record's memory
_IPV6_PREFIX: Final = 64  # one customer has all the addresses below it
_LAST_STEP: Final = (MAX_DELAY // FIRST_DELAY).bit_length()  # doublings after which every delay is MAX_DELAY

Key = tuple[str, str]


class LockedOut(Exception):
    """Too many attempts of one record wait already: refuse without looking at the outcome."""


class _Record:
    """Attempts so far, the time of the last one, and when the last withheld answer goes out; FILETIME ticks."""

    __slots__ = ("attempts", "free_at", "last")

    def __init__(self, now: int) -> None:
        self.attempts = 0
        self.last = self.free_at = now

    def is_old(self, now: int) -> bool:
        """Forgotten; also when it claims a time that the clock cannot have shown: somebody has set it back."""
        return now - self.last >= FORGET_AFTER or self.free_at - now > LOCK_OUT_BEYOND


class FailedLogins:
    """The records of a server, by address and name as sent. At most MAX_RECORDS, the longest untouched goes first."""

    def __init__(self) -> None:
        self._records: dict[Key, _Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def attempt(self, address: str, user: str, now: int) -> float:
        """Count an attempt; the seconds its answer, right or wrong, is withheld. Raises LockedOut, uncounted."""
        key = _key(address, user)
        record = self._records.pop(key, None)
        self._forget(now)
        if record is None or record.is_old(now):
            record = _Record(now)
        self._records[key] = record  # now the last in the order of the table
        free_at = max(record.free_at, now) + _delay(record.attempts + 1)
        record.last = now
        if free_at - now > LOCK_OUT_BEYOND:
            raise LockedOut
        record.attempts += 1
        record.free_at = free_at
        return (free_at - now) / TICKS

    def forgive(self, address: str, user: str) -> None:
        """The right password, and its answer goes out now."""
        self._records.pop(_key(address, user), None)

    def _forget(self, now: int) -> None:
        while self._records:
            oldest = next(iter(self._records))
            if len(self._records) < MAX_RECORDS and not self._records[oldest].is_old(now):
                return
            del self._records[oldest]


def _delay(attempt: int) -> int:
    if attempt <= FREE_ATTEMPTS:
        return 0
    return min(FIRST_DELAY << min(attempt - FREE_ATTEMPTS - 1, _LAST_STEP), MAX_DELAY)


def _key(address: str, user: str) -> Key:
    return _origin(address), upper_case(user[:MAX_KEY_NAME])


def _origin(address: str) -> str:
    """An IPv6 address without the bits its owner can choose; anything else as it is."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_PREFIX), strict=False))
