"""An answer that comes later. Not compiled: see `compile.modules`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from smbserver.waiter import Waiter

if TYPE_CHECKING:
    from smbserver.connection.work import Reply

T = TypeVar("T")


class Pending(Generic[T]):
    """An answer that comes later: `finish` makes it of the waiter's result, or finds that it must wait once more.

    CANCEL ends it only if `can_cancel`; or calls `stop`, which makes it end soon and in its own way. `may_never_end`:
    it is told at once that it waits, and only the last of a compound may. `outlives_channel`: it goes on when its
    connection is lost, if the session can be reached by another one.
    """

    __slots__ = ("can_cancel", "finish", "may_never_end", "outlives_channel", "stop", "waiter")

    def __init__(
        self,
        waiter: Waiter[T],
        finish: "Callable[[T], Reply | Pending[None] | Pending[Reply]]",
        can_cancel: bool,
        may_never_end: bool = False,
        stop: Callable[[], None] | None = None,
        outlives_channel: bool = False,
    ) -> None:
        self.waiter = waiter
        self.finish = finish
        self.can_cancel = can_cancel
        self.may_never_end = may_never_end
        self.stop = stop
        self.outlives_channel = outlives_channel

    def cancel(self) -> None:
        """CANCEL has come. What cannot be cancelled any more just finishes."""
        if self.stop is not None:
            self.stop()
        elif self.can_cancel:
            self.waiter.cancel()
