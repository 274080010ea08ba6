"""The account behind a size limit: how many bytes are used, how many may be taken, when to count anew."""

import errno
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

# A count stands for ten seconds (in units of FILETIME), or twenty times what it took: 5 % of a thread at most.
FRESH: Final = 100_000_000
REST: Final = 20


def in_thread(call: Callable[[], None]) -> None:
    """Run it in a thread that nobody waits for."""
    threading.Thread(target=call, name="smbserver-count", daemon=True).start()


class Usage:
    """Bytes used below `limit`. `measure` counts them and may take long; the first time it is waited for.

    Between two counts what is taken is added and what is given back is taken off, so that the number is right but for
    what local programs do; the next count, begun by whoever looks at an old one, knows that too. `now` is the present
    as FILETIME. Thread-safe.
    """

    def __init__(
        self,
        limit: int,
        measure: Callable[[], int],
        now: Callable[[], int],
        begin: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self.limit = limit
        self.measure = measure
        self._begin = begin
        self._now = now
        self._lock = threading.Lock()
        self._used = 0
        self._taken = self._given = 0  # since the count that is under way began
        self._is_counting = False
        self._last = self._next = 0  # when was counted, and when to count again
        begun = now()
        self._used = measure()
        self._counted(begun)

    def _counted(self, begun: int) -> None:
        self._last = self._now()
        self._next = self._last + max(FRESH, (self._last - begun) * REST)

    @property
    def used(self) -> int:
        """Bytes, as far as is known now."""
        self._look()
        return self._used

    def take(self, size: int) -> None:
        """OSError ENOSPC, and nothing is taken, when that would be too much. Less than nothing is given back."""
        with self._lock:
            if size > 0 and self._used + size > self.limit:
                refused = True
            else:
                refused = False
                self._used = max(0, self._used + size)
                if size > 0:
                    self._taken += size
                else:
                    self._given -= size
        if size > 0:
            self._look()
        if refused:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _look(self) -> None:
        if self._is_counting or self._last <= self._now() < self._next:  # also a clock that was set back
            return
        with self._lock:
            if self._is_counting:
                return
            self._is_counting = True
            self._taken = self._given = 0
        self._begin(self._count)

    def _count(self) -> None:
        begun = self._now()
        try:
            found = self.measure()
        except OSError as error:
            log.error("what is used cannot be counted: %s", error.strerror)
            found = -1
        with self._lock:
            if found >= 0:
                # The walk may have seen any part of what was taken and given back meanwhile. Our own number has all of
                # it; only what lies outside of what the walk allows is the doing of local programs.
                self._used = min(max(self._used, found - self._given), found + self._taken)
            self._counted(begun)
            self._is_counting = False
