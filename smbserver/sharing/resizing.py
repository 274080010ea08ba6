"""Files whose size a thread is changing, and who waits until it has.

Meanwhile no request on such a file begins and nobody opens it, by whatever name or stream: he would wait for the
kernel, and all others with him, or be told a size, and that he may cache, and never hear that it is stale.
"""

from smbserver.sharing.file_state import Identity
from smbserver.sharing.held_back import HeldBack
from smbserver.waiter import Waiter


class Resizes:
    """All such files."""

    __slots__ = ("under_way",)

    def __init__(self) -> None:
        self.under_way: dict[Identity, HeldBack] = {}  # empty nearly always

    def begin(self, identity: Identity) -> None:
        """A thread is about to change the size of a file."""
        self.under_way.setdefault(identity, HeldBack()).running += 1

    def end(self, identity: Identity) -> list[Waiter[None]]:
        """One that `begin` was told of has done it, or failed. Who is to go on now, in this order."""
        queue = self.under_way[identity]
        queue.running -= 1
        if queue.running:
            return []
        del self.under_way[identity]
        return list(queue.waiting)

    def wait(self, identity: Identity | None, size: int = 0) -> Waiter[None] | None:
        """What a request of so many bytes must wait for; None when nothing stands before it, or see `HeldBack`."""
        queue = None if identity is None else self.under_way.get(identity)
        return None if queue is None else queue.wait(size)
