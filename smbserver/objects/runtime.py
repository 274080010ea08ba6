"""The one door between the protocol code and the world: time, randomness, threads, timers."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from smbserver.waiter import Waiter

T = TypeVar("T")


class Runtime(Protocol):
    """Given by the composition root; a test gives its own."""

    def now(self) -> int:
        """The present as FILETIME."""

    def seconds(self) -> float:
        """Of a clock that only goes forward, from no particular time."""

    def random(self, count: int) -> bytes:
        """Unpredictable bytes."""

    def offload(
        self, call: Callable[[], T], store: object = None, client: object = None, line: object = None
    ) -> Waiter[T]:
        """Run a blocking call in a thread. The waiter resolves on the event loop; it cannot be cancelled.

        Each store has threads of its own, and its clients take turns: what hangs delays its like. None is the server.
        Calls with the same `line` run one after the other in their order.
        """

    def turn(self) -> Waiter[None]:
        """Resolves when the other connections have had their turn: for long work that no thread can do."""

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call back after a time; returns what cancels that."""
