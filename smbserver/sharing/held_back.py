"""Requests that are held back until threads have done with what they would meet, in the order they came."""

from typing import Final

from smbserver.waiter import Waiter

# Bytes of requests that may wait at one place, as for a slow disk in WRITE. Who comes then waits in the kernel, and the
# loop with him: nothing else makes clients send less.
MAX_HELD: Final = 64 * 1024 * 1024
_SMALL: Final = 64 * 1024  # bytes; what is smaller can always wait: how many do is limited elsewhere


class HeldBack:
    """Behind one file, or one open. `running` threads; `waiting` has the bytes each holds, in the order they came."""

    __slots__ = ("held", "running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: dict[Waiter[None], int] = {}
        self.held = 0

    def wait(self, size: int) -> Waiter[None] | None:
        """What a request of so many bytes waits for; None when there is no room. It must ask again then.

        Cancelling it leaves nothing behind.
        """
        if size > _SMALL and self.held + size > MAX_HELD:
            return None
        waiter: Waiter[None] = Waiter(on_cancel=lambda: self._leave(waiter))
        self.waiting[waiter] = size
        self.held += size
        return waiter

    def _leave(self, waiter: Waiter[None]) -> None:
        self.held -= self.waiting.pop(waiter)
