"""Threads for calls that wait for a disk or a core: each store has its own few, and its clients take turns at them."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from smbserver.waiter import Waiter

T = TypeVar("T")

THREADS: Final = 8  # of one store; its calls wait more than they work


class _Job:
    """A call, who waits for it, and what became of it. `line` has the calls behind it that may not overtake."""

    __slots__ = ("call", "client", "error", "is_last", "line", "line_name", "result", "store", "waiter")

    # Any: a waiter of what the call gives, which only its submitter knows.
    def __init__(self, call: Callable[[], object], waiter: Waiter[Any], client: object) -> None:
        self.call = call
        self.waiter = waiter
        self.client = client
        self.store: _Store
        self.line: deque[_Job] | None = None
        self.line_name: object = None
        self.result: object = None
        self.error: BaseException | None = None
        self.is_last = True  # the thread does not go on with another of its line


class _Store:
    """The threads of one store, and whose calls wait for one; `waiting` is in the order of their turns."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.begun: SimpleQueue[_Job | None] = SimpleQueue()
        self.running = 0  # calls, with all behind them in line as one; never more than there are threads
        self.waiting: dict[object, deque[_Job]] = {}
        self.lines: dict[object, deque[_Job]] = {}


class IoThreads:
    """Belongs to one event loop. A disk that is slow, or stands still, delays what waits for it and nothing else.

    Stores and clients are told apart as keys of a dict are. There are never more threads than THREADS for each store
    that was ever used: the shares of the settings, their looks at names (`commands.slow_looks`) and None, which is the
    server itself. Threads tell of their results in `_done`, and wake the loop once for all that are there by then: a
    call costs a quarter of what it does by way of an executor and its futures (transcript 0038).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stores: dict[object, _Store] = {}
        self._done: deque[_Job] = deque()
        self._is_told = False  # the loop will look into `_done`
        self._is_closed = False

    def submit(self, call: Callable[[], T], store: object, client: object, line: object = None) -> Waiter[T]:
        """Run a call in a thread of the store when it is this client's turn; the waiter resolves on the loop.

        Calls with the same `line` run one after the other as they were submitted, and resolve in that order.
        """
        waiter: Waiter[T] = Waiter()
        if self._is_closed:
            waiter.cancel()
            return waiter
        threads = self._stores.get(store)
        if threads is None:
            threads = self._stores[store] = _Store()
        job = _Job(call, waiter, client)
        job.store = threads
        if line is not None:
            behind = threads.lines.get(line)
            if behind is not None:
                job.line, job.line_name = behind, line
                behind.append(job)
                return waiter
            job.line, job.line_name = threads.lines.setdefault(line, deque()), line
        if threads.running < THREADS:
            threads.running += 1
            self._begin(job)
        else:
            threads.waiting.setdefault(client, deque()).append(job)
        return waiter

    def _begin(self, job: _Job) -> None:
        store = job.store
        if len(store.threads) < store.running:
            # A daemon: one that is stuck on a dead disk does not keep the process from ending.
            thread = threading.Thread(target=self._work, args=(store,), name="smbserver-io", daemon=True)
            store.threads.append(thread)
            thread.start()
        store.begun.put(job)

    def _work(self, store: _Store) -> None:
        """What each thread does."""
        job = store.begun.get()
        while job is not None:
            try:
                job.result = job.call()
            except BaseException as error:  # noqa: BLE001 - raised to whoever waits for it
                job.error = error
            following = self._next_in_line(job)
            job.is_last = following is None
            self._done.append(job)
            if not self._is_told:
                self._is_told = True
                try:
                    self._loop.call_soon_threadsafe(self._tell)
                except RuntimeError:  # the loop has ended: nobody waits
                    return
            job = following  # not kept while the thread sleeps: a call can have a large buffer
            if job is None:
                job = store.begun.get()

    @staticmethod
    def _next_in_line(job: _Job) -> _Job | None:
        """None when there is none, or the thread is another client's now."""
        if not job.line or job.store.waiting:
            return None
        try:
            return job.line.popleft()
        except IndexError:  # closed meanwhile
            return None

    def _tell(self) -> None:
        """Back on the loop."""
        self._is_told = False  # before the look: what comes after it tells again
        failure: Exception | None = None
        while self._done:
            job = self._done.popleft()
            if job.is_last:
                self._go_on(job)
            try:
                if job.error is not None:
                    job.waiter.fail(job.error)
                else:
                    job.waiter.resolve(job.result)
            except Exception as error:  # noqa: BLE001 - raised below, when the others have been told
                failure = failure or error
        if failure is not None:
            raise failure

    def _go_on(self, ended: _Job) -> None:
        """A thread is free: the line goes on when its client's turn has come, and now it is whose turn it is."""
        store = ended.store
        if ended.line is not None:
            if ended.line:
                store.waiting.setdefault(ended.client, deque()).append(ended.line.popleft())
            else:
                store.lines.pop(ended.line_name, None)
        if store.waiting:
            client = next(iter(store.waiting))
            jobs = store.waiting.pop(client)
            job = jobs.popleft()
            if jobs:
                store.waiting[client] = jobs  # behind the others
            self._begin(job)
        else:
            store.running -= 1

    def close(self, wait: bool) -> None:
        """End the threads, and cancel what has not begun or comes later; `wait` False leaves one that is stuck."""
        self._is_closed = True
        stores, self._stores = self._stores, {}
        for store in stores.values():
            for jobs in (*store.waiting.values(), *store.lines.values()):
                while jobs:
                    jobs.popleft().waiter.cancel()
            store.waiting = {}
            for _ in store.threads:
                store.begun.put(None)
        if wait:
            for store in stores.values():
                for thread in store.threads:
                    thread.join()
