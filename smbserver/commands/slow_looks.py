"""Names on a slow disk: a thread looks first, and what the loop looks at then is in memory (transcript 0045)."""

import logging
from collections.abc import Callable
from typing import Final

from smbserver.backend.base import Backend
from smbserver.connection.work import Work
from smbserver.nt.names import Path
from smbserver.objects.share import Share
from smbserver.waiter import Waiter

log = logging.getLogger(__name__)

# Seconds that a look into the cache never takes, and a seek or two of a disk does. After one all looks of the share are
# slow for a while, and so on as long as threads find it so or are at it for long.
SLOW: Final = 0.01
_SLOW_FOR: Final = 1.0
_CACHED: Final = 200e-6  # seconds; more than one of many names takes that are all in the cache, eight threads at it


class MustLookAhead(Exception):
    """A thread looks first: when the waiter resolves, everything begins anew."""

    def __init__(self, waiter: Waiter[None]) -> None:
        self.waiter = waiter


def found_slow(share: Share, now: float) -> None:
    """Note at this time of the runtime's clock that the loop itself has looked for longer than SLOW."""
    share.looks_slow_until = now + _SLOW_FOR


def look_ahead(work: Work, backend: Backend, path: Path) -> Waiter[None]:
    """Have a thread look at a path. The waiter resolves whatever that has met; it is cancelled when the server ends."""
    clock = work.connection.server.runtime.seconds

    def look() -> bool:
        begun = clock()
        looked = backend.look_ahead(path)
        return clock() - begun > SLOW + looked * _CACHED

    return _Look(work, look, "names").told


def look_at_entries(work: Work, backend: Backend, path: Path, start: int, count: int) -> Waiter[None]:
    """Likewise, at some of the entries of a directory."""

    def look() -> bool:
        backend.look_at_entries(path, start, count)
        return False  # many names take long in the cache too, the more so while the loop works

    return _Look(work, look, "entries").told


class _Look:
    """One look, which says whether it was slow.

    Each kind has threads of its own: who reads or flushes waits for no look, an open for no listing.
    """

    def __init__(self, work: Work, look: Callable[[], bool], kind: str) -> None:
        self.told: Waiter[None] = Waiter()
        self._share = share = work.need_tree().share
        connection = work.connection
        self._runtime = runtime = connection.server.runtime

        def unless_gone() -> bool:
            return connection.push is not None and look()

        self._stop = runtime.later(_SLOW_FOR / 2, self._still)
        runtime.offload(unless_gone, (share, kind), connection).when_done(self._done)

    def _still(self) -> None:
        found_slow(self._share, self._runtime.seconds())
        self._stop = self._runtime.later(_SLOW_FOR / 2, self._still)

    def _done(self, looked: Waiter[bool]) -> None:
        self._stop()
        if looked.cancelled:  # the server ends
            self.told.cancel()
            return
        try:
            if looked.result():
                found_slow(self._share, self._runtime.seconds())
        except Exception:  # the loop will meet it, and answer
            log.debug("a look ahead failed", exc_info=True)
        self.told.resolve(None)
