"""Opens whose connection is gone: kept, given back, ended ([MS-SMB2] 3.3.7.1, 3.3.6.2)."""

import logging
from collections.abc import Callable
from typing import Final

from smbserver.objects.open import Open
from smbserver.objects.runtime import Runtime
from smbserver.sharing.caching import HANDLE, Cache
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.holder import Holder

log = logging.getLogger(__name__)

_SECOND: Final = 10_000_000  # FILETIME units
_SLACK: Final = 0.001  # seconds: a timer that fires a little early would only be set again


class DurableOpens:
    """Owns the opens that no session owns (transcript 0007, D6), and the one timer that ends them.

    `settle` is called when something ended by itself: others may have to be told, and who waited goes on.
    """

    def __init__(self, files: FileTable, runtime: Runtime, settle: Callable[[], None]) -> None:
        self._files = files
        self._runtime = runtime
        self._settle = settle
        self._stop: Callable[[], None] | None = None
        self._armed_for = 0

    def detach(self, opened: Open) -> bool:
        """Whether an open stays though its session goes: durable, and the handle cached and nobody taking that away."""
        holder = opened.holder
        durability = holder.durability
        if durability is None or not durability.is_durable or not keeps_handle(holder):
            return False
        if not self._files.detached.add(holder.number, holder, durability, self._runtime.now()):
            log.warning("too many opens without a connection: %r is closed", "\\".join(opened.path))
            return False
        opened.session = None
        deadline = durability.deadline
        if deadline is not None and (self._stop is None or deadline < self._armed_for):
            self._arm(deadline)
        return True

    def find(self, number: int) -> Open | None:
        """The open with this persistent id, if it waits for its client."""
        holder = self._files.detached.find(number)
        return None if holder is None else open_of(holder)

    def reclaim(self, opened: Open) -> None:
        """Its client is back: from here on a session owns it."""
        self._files.detached.remove(opened.holder.number)
        self._tidy()

    def purge(self, cache: Cache) -> None:
        """The client cannot be told that it loses this cache: what it left behind gives way."""
        for holder in list(cache.holders):
            if isinstance(holder, Holder) and is_detached(holder):
                self._end(holder, "needed by another")
        self._tidy()

    def all(self) -> list[Open]:
        """Every open that waits for its client."""
        return [open_of(holder) for holder in self._files.detached.all()]

    def close_all(self) -> None:
        """The server ends."""
        for holder in self._files.detached.all():
            self._end(holder, "the server ends")
        self._tidy()

    def _end(self, holder: Holder, reason: str) -> None:
        opened = open_of(holder)
        log.info("%r, left by its client, is closed: %s", "\\".join(opened.path), reason)
        opened.close(self._files)

    def _arm(self, deadline: int) -> None:
        if self._stop is not None:
            self._stop()
        self._armed_for = deadline
        seconds = max(deadline - self._runtime.now(), 0) / _SECOND
        self._stop = self._runtime.later(seconds + _SLACK, self._expire)

    def _expire(self) -> None:
        self._stop = None
        for holder in self._files.detached.due(self._runtime.now()):
            self._end(holder, "not asked for in time")
        deadline = self._files.detached.next_deadline()
        if deadline is not None:
            self._arm(deadline)
        self._settle()

    def _tidy(self) -> None:
        """No timer runs for nothing. One that runs for an open that is back finds nothing due, and looks further."""
        if self._stop is not None and not len(self._files.detached):
            self._stop()
            self._stop = None


def open_of(holder: Holder) -> Open:
    """The open that a holder is the part of."""
    opened = holder.owner
    assert isinstance(opened, Open)
    return opened


def is_detached(holder: Holder) -> bool:
    """Whether the client of this open is gone."""
    return holder.durability is not None and holder.durability.is_detached


def keeps_handle(holder: Holder) -> bool:
    """A batch oplock or a lease with HANDLE, and no break under way."""
    cache = holder.cache
    return cache is not None and cache.state & HANDLE != 0 and not cache.breaking
