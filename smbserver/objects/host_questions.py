"""Asks the host for the names of its users, a few questions at a time: the threads belong to the files."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from smbserver.objects.runtime import Runtime
from smbserver.rpc.host_names import HostAnswer, HostQuestion
from smbserver.waiter import Waiter

AT_ONCE: Final = 1  # behind the host's users may be a directory that does not answer for minutes
MAX_WAITING: Final = 64  # of a whole server; who comes then gets numbers instead of names


class HostQuestions:
    """`ask_host` is blocking, and knows nobody until the wiring has exchanged it."""

    def __init__(self, runtime: Runtime) -> None:
        self.ask_host: Callable[[HostQuestion], HostAnswer] = lambda _question: HostAnswer()
        self._runtime = runtime
        self._waiting: deque[tuple[HostQuestion, Waiter[HostAnswer]]] = deque()
        self._running = 0

    def ask(self, question: HostQuestion) -> Waiter[HostAnswer]:
        """What the host knows of it; resolved at once for an empty question, and when there are too many."""
        waiter: Waiter[HostAnswer] = Waiter()
        if not any(question) or len(self._waiting) >= MAX_WAITING:
            waiter.resolve(HostAnswer())
            return waiter
        self._waiting.append((question, waiter))
        self._next()
        return waiter

    def _next(self) -> None:
        while self._waiting and self._running < AT_ONCE:
            question, waiter = self._waiting.popleft()
            if waiter.done:  # its pipe is closed
                continue
            self._running += 1
            asking = self._runtime.offload(partial(self.ask_host, question))
            asking.when_done(partial(self._answered, waiter))

    def _answered(self, waiter: Waiter[HostAnswer], done: Waiter[HostAnswer]) -> None:
        self._running -= 1
        if done.cancelled:  # the server ends
            waiter.cancel()
        else:
            waiter.resolve(done.result())
        self._next()
