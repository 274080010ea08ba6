"""Names on a slow disk: a thread looks first, and what the loop looks at then is in memory (transcript 0045)."""

from collections.abc import Callable
from functools import partial
from typing import Final

from smbserver.backend.base import Backend
from smbserver.connection.work import Work
from smbserver.nt.names import Path
from smbserver.objects.share import Share
from smbserver.waiter import Waiter

# Seconds that a look into the cache never takes, and a seek or two of a disk does. After one all looks of the share are
# slow for a while, and so on as long as threads find it so.
SLOW: Final = 0.01
_SLOW_FOR: Final = 1.0
_CACHED: Final = 100e-6  # seconds; more than one of many names takes that are all in the cache


class MustLookAhead(Exception):
    """A thread looks first: when the waiter resolves, everything begins anew."""

    def __init__(self, waiter: Waiter[None]) -> None:
        self.waiter = waiter


def found_slow(share: Share, ended: float) -> None:
    """Note that a look has taken longer than SLOW, which ended at this time of the runtime's clock."""
    share.looks_slow_until = ended + _SLOW_FOR


def look_ahead(work: Work, backend: Backend, path: Path, entries: bool) -> Waiter[None]:
    """Have a thread look at a path, and at the entries of the directory there if `entries`."""
    share, clock = work.need_tree().share, work.connection.server.runtime.seconds

    def look() -> bool:
        begun = clock()
        names = backend.look_ahead(path, entries)
        return clock() - begun > SLOW + names * _CACHED

    told: Waiter[None] = Waiter()
    work.in_thread(look).when_done(partial(_looked, share, clock, told))
    return told


def _looked(share: Share, clock: Callable[[], float], told: Waiter[None], looked: Waiter[bool]) -> None:
    if looked.cancelled:  # the server ends
        told.cancel()
        return
    if looked.result():
        found_slow(share, clock())
    told.resolve(None)
