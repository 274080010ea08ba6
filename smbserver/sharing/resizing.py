"""Files whose size a thread is changing, and who waits until it has.

Meanwhile no request on such a file begins and nobody opens it, by whatever name or stream: he would wait for the
kernel, and all others with him, or be told a size, and that he may cache, and never hear that it is stale.
"""

from typing import Final

from smbserver.sharing.file_state import Identity
from smbserver.waiter import Waiter

# Bytes of requests that may wait for one file, as for a slow disk in WRITE. Who comes then waits in the kernel, and the
# loop with him: nothing else makes clients send less.
MAX_HELD: Final = 64 * 1024 * 1024
_SMALL: Final = 64 * 1024  # bytes; what is smaller can always wait: how many do is limited elsewhere


class _Queue:
    """Of one file. `running` threads; `waiting` has the bytes each holds, in the order they came."""

    __slots__ = ("held", "running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: dict[Waiter[None], int] = {}
        self.held = 0


class Resizes:
    """All such files."""

    __slots__ = ("under_way",)

    def __init__(self) -> None:
        self.under_way: dict[Identity, _Queue] = {}  # empty nearly always

    def begin(self, identity: Identity) -> None:
        """A thread is about to change the size of a file."""
        self.under_way.setdefault(identity, _Queue()).running += 1

    def end(self, identity: Identity) -> list[Waiter[None]]:
        """One that `begin` was told of has done it, or failed. Who is to go on now, in this order."""
        queue = self.under_way[identity]
        queue.running -= 1
        if queue.running:
            return []
        del self.under_way[identity]
        return list(queue.waiting)

    def wait(self, identity: Identity | None, size: int = 0) -> Waiter[None] | None:
        """What a request of so many bytes must wait for; None when nothing stands before it. It must ask again then.

        Cancelling it leaves nothing behind.
        """
        queue = None if identity is None else self.under_way.get(identity)
        if queue is None or (size > _SMALL and queue.held + size > MAX_HELD):
            return None
        waiter: Waiter[None] = Waiter(on_cancel=lambda: _leave(queue, waiter))
        queue.waiting[waiter] = size
        queue.held += size
        return waiter


def _leave(queue: _Queue, waiter: Waiter[None]) -> None:
    queue.held -= queue.waiting.pop(waiter)
