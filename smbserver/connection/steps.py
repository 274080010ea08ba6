"""Long work on open files, in slices: each in a thread, with a look at the world between two of them.

A handler writes a generator. It runs on the event loop; every `yield` gives a blocking call, which runs in a thread,
and gets its result, or at that place the OSError it ended with. What it returns is the reply. Between two slices the
opens may have been closed, which ends the work with FILE_CLOSED, and it may have been cancelled: the reply to that
waits for the slice, so that nothing is written after it.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

from smbserver.connection.work import Pending, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.objects.open import Open
from smbserver.waiter import Waiter

T = TypeVar("T")
Steps = Generator[Callable[[], T], T, Reply]


def run(work: Work, steps: "Steps[T]", opens: Sequence[Open]) -> Reply | Pending[Reply]:
    """Begin the work, and give its reply at once when it has no slice. `opens` keep their handles until the end.

    Raises StatusError, OSError: what the first step raises before its `yield`.
    """
    try:
        call = next(steps)
    except StopIteration as end:
        reply: Reply = end.value
        return reply
    course = _Course(work, steps, opens)
    course.begin(call)
    return Pending(course.waiter, lambda reply: reply, can_cancel=False, stop=course.stop)


class _Course(Generic[T]):
    """Where one such work stands."""

    def __init__(self, work: Work, steps: "Steps[T]", opens: Sequence[Open]) -> None:
        self.waiter: Waiter[Reply] = Waiter()
        self._offload = work.connection.server.runtime.offload
        self._steps = steps
        self._opens = opens
        self._is_stopped = False

    def stop(self) -> None:
        """No further slice."""
        self._is_stopped = True

    def begin(self, call: Callable[[], T]) -> None:
        """The first slice."""
        for opened in self._opens:
            opened.hold()
        self.waiter.when_done(self._release)
        self._slice(call)

    def _release(self, _: object) -> None:
        for opened in self._opens:
            opened.release()

    def _slice(self, call: Callable[[], T]) -> None:
        self._offload(call).when_done(self._go_on)

    def _go_on(self, done: "Waiter[T]") -> None:
        try:
            call = self._next(done)
        except StopIteration as end:
            self.waiter.resolve(end.value)
        except Exception as error:  # noqa: BLE001 - the reply of this request, made where all replies of failures are
            self.waiter.fail(error)
        else:
            self._slice(call)

    def _next(self, done: "Waiter[T]") -> Callable[[], T]:
        if done.cancelled or self._is_stopped:  # cancelled: the threads are ending
            self._steps.close()
            raise StatusError(status.CANCELLED)
        if any(opened.is_closed for opened in self._opens):
            self._steps.close()
            raise StatusError(status.FILE_CLOSED)
        try:
            result = done.result()
        except OSError as error:
            return self._steps.throw(error)
        return self._steps.send(result)
