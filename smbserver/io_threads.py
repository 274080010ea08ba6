"""Threads for calls that wait for a disk: each store has its own few, and its clients take turns at them."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from smbserver.waiter import Waiter

T = TypeVar("T")

THREADS: Final = 8  # of one store; its calls wait more than they work

_Start = Callable[[], None]


class _Store:
    """The threads of one store, and whose calls wait for one; `waiting` is in the order of their turns."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, "smbserver-io")
        self.running = 0
        self.waiting: dict[object, deque[tuple[_Start, Callable[[], None]]]] = {}


class IoThreads:
    """Belongs to one event loop. A disk that is slow, or stands still, delays what waits for it and nothing else.

    Stores and clients are told apart as keys of a dict are. There are never more threads than THREADS for each store
    that was ever used: the shares of the settings and None, which is the server itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stores: dict[object, _Store] = {}

    def submit(self, call: Callable[[], T], store: object, client: object) -> Waiter[T]:
        """Run a call in a thread of the store when it is this client's turn; the waiter resolves on the loop."""
        lane = self._stores.get(store)
        if lane is None:
            lane = self._stores[store] = _Store()
        waiter: Waiter[T] = Waiter()

        def start() -> None:
            future = self._loop.run_in_executor(lane.threads, call)
            future.add_done_callback(lambda done: self._finished(lane, done, waiter))

        if lane.running < THREADS:
            lane.running += 1
            start()
        else:
            lane.waiting.setdefault(client, deque()).append((start, waiter.cancel))
        return waiter

    def _finished(self, lane: _Store, done: "asyncio.Future[T]", waiter: Waiter[T]) -> None:
        """The thread goes to the client whose turn it is; then who waited for the call is told."""
        if lane.waiting:
            client = next(iter(lane.waiting))
            calls = lane.waiting.pop(client)
            start, _ = calls.popleft()
            if calls:
                lane.waiting[client] = calls  # behind the others
            start()
        else:
            lane.running -= 1
        if done.cancelled():  # never begun: the threads were closed first
            waiter.cancel()
            return
        error = done.exception()
        if error is not None:
            waiter.fail(error)
        else:
            waiter.resolve(done.result())

    def close(self, wait: bool) -> None:
        """End the threads, and cancel what has not begun; `wait` False leaves one that is stuck behind."""
        stores, self._stores = self._stores, {}
        for lane in stores.values():
            waiting, lane.waiting = lane.waiting, {}
            for calls in waiting.values():
                for _, cancel in calls:
                    cancel()
            lane.threads.shutdown(wait=wait, cancel_futures=True)
