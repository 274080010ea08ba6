"""A one-shot result that comes later: how sans-IO code says "not yet"."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiter(Generic[T]):
    """Resolves exactly once, with a value, an error, or by being cancelled.

    `on_cancel`, when given, is called once if the waiter is cancelled or ended while it is pending; it undoes whatever
    would have resolved it, before anybody is told. `ended` is the error of a waiter whose open or session is gone.
    Resolving a waiter that is done is ignored: the loser of a race has nothing to say. Not safe across threads.
    """

    __slots__ = ("_callbacks", "_ended", "_error", "_on_cancel", "_value", "cancelled", "done")

    def __init__(self, on_cancel: Callable[[], None] | None = None, ended: Exception | None = None) -> None:
        self.done = False
        self.cancelled = False
        self._ended = ended
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Waiter[T]], None]] = []
        self._on_cancel = on_cancel

    def resolve(self, value: T) -> None:
        """Finish with a value."""
        if not self.done:
            self._value = value
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Finish with an error, which `result` raises."""
        if not self.done:
            self._error = error
            self._finish()

    def cancel(self) -> None:
        """Finish without a result and undo what was under way."""
        if not self.done:
            self.cancelled = True
            self._give_up()

    def end(self) -> None:
        """What it belongs to is gone: fail with the error meant for that, or be cancelled when there is none."""
        if self._ended is None:
            self.cancel()
        elif not self.done:
            self._error = self._ended
            self._give_up()

    def _give_up(self) -> None:
        """First the undoing: what runs on in the callbacks must not find a request that is dead."""
        undo = self._on_cancel
        self.done = True
        try:
            if undo is not None:
                undo()
        finally:
            self._finish()

    def result(self) -> T:
        """Return the value or raise the error. Only valid when done and not cancelled."""
        if self._error is not None:
            raise self._error
        if not self.done or self.cancelled:
            raise RuntimeError("the waiter has no result")
        return self._value  # type: ignore[return-value]  # done without error: _value is a T

    def when_done(self, callback: Callable[["Waiter[T]"], None]) -> None:
        """Call back once done; at once if it is done already."""
        if self.done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def _finish(self) -> None:
        """All callbacks run, whatever one of them raises: a request that nobody answers is worse than any of them."""
        self.done = True
        self._on_cancel = None
        callbacks, self._callbacks = self._callbacks, []
        failure: Exception | None = None
        for callback in callbacks:
            try:
                callback(self)
            except Exception as error:  # noqa: BLE001 - raised below, when the others have run
                failure = failure or error
        if failure is not None:
            raise failure
