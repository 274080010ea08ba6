"""Long work on open files, in slices: each in a thread, with a look at the world between two of them.

A handler writes a generator. It runs on the event loop; every `yield` gives a blocking call, which runs in a thread,
and gets its result, or at that place the OSError it ended with. What it returns is the reply. Between two slices the
opens may have been closed, which ends the work with FILE_CLOSED, and it may have been cancelled: the reply to that
waits for the slice, so that nothing is written after it.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from typing import Generic, TypeVar

from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
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
        self._offload = work.in_thread
        self._acting = work.need_tree().acting
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
        self._follow(self._offload(call))

    def _release(self, _: object) -> None:
        for opened in self._opens:
            opened.release()

    def _follow(self, slice_: "Waiter[T]") -> None:
        following: Waiter[T] | None = slice_
        while following is not None and following.done:  # no recursion, however many slices were done at once
            following = self._go_on(following)
        if following is not None:
            following.when_done(self._follow)

    def _go_on(self, done: "Waiter[T]") -> "Waiter[T] | None":
        """The next slice; None when the answer is there."""
        try:
            with self._acting or nullcontext():  # as the handler had begun; the thread becomes who gives it the work
                return self._offload(self._next(done))
        except StopIteration as end:
            self.waiter.resolve(end.value)
        except Exception as error:  # noqa: BLE001 - the reply of this request, made where all replies of failures are
            self.waiter.fail(error)
        return None

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
