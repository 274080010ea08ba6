"""Threads of several stores: none waits for another's disk, and its clients take turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from smbserver.io_threads import THREADS, IoThreads
from smbserver.waiter import Waiter

WITHIN = 20.0  # seconds; nothing here takes a noticeable part of it


class Disk:
    """A disk that stands still until `go_on`; `served` has what it did, in order."""

    def __init__(self) -> None:
        self._moves = threading.Event()
        self._begun = threading.Semaphore(0)
        self.served: list[str] = []

    def call(self, name: str = "") -> Callable[[], str]:
        """What a thread does."""

        def run() -> str:
            self._begun.release()
            assert self._moves.wait(WITHIN)
            self.served.append(name)
            return name

        return run

    def wait_for(self, calls: int) -> None:
        """Until as many calls are in a thread."""
        for _ in range(calls):
            assert self._begun.acquire(timeout=WITHIN)

    def go_on(self) -> None:
        """It was only asleep."""
        self._moves.set()


async def settled(waiter: Waiter[str]) -> str:
    done = asyncio.Event()
    waiter.when_done(lambda _: done.set())
    await asyncio.wait_for(done.wait(), WITHIN)
    return waiter.result()


def test_a_disk_that_stands_still_holds_up_its_own_store_only() -> None:
    async def scene() -> None:
        threads, stuck = IoThreads(asyncio.get_running_loop()), Disk()
        waiting = [threads.submit(stuck.call(), "stuck", "a client") for _ in range(THREADS + 3)]
        assert await settled(threads.submit(lambda: "quick", "another", "a client")) == "quick"
        assert not any(waiter.done for waiter in waiting)
        stuck.go_on()
        for waiter in waiting:
            await settled(waiter)
        threads.close(wait=True)

    asyncio.run(scene())


def test_clients_of_one_store_take_turns() -> None:
    async def scene() -> list[str]:
        threads, disk = IoThreads(asyncio.get_running_loop()), Disk()
        first = [threads.submit(disk.call("running"), "disk", "greedy") for _ in range(THREADS)]
        rest = [threads.submit(disk.call("greedy"), "disk", "greedy") for _ in range(4 * THREADS)]
        modest = threads.submit(disk.call("modest"), "disk", "modest")
        disk.go_on()
        for waiter in (*first, modest, *rest):
            await settled(waiter)
        threads.close(wait=True)
        return disk.served

    served = asyncio.run(scene())
    # Of the second turn it is; threads that were given their calls at the same time may end in any order.
    assert served.index("modest") <= 3 * THREADS
    assert len(served) == 5 * THREADS + 1


def test_errors_and_the_end() -> None:
    def failing() -> str:
        raise OSError(5, "the disk is broken")

    async def scene() -> None:
        threads, disk = IoThreads(asyncio.get_running_loop()), Disk()
        with pytest.raises(OSError, match="broken"):
            await settled(threads.submit(failing, "disk", None))
        running = [threads.submit(disk.call(), "disk", None) for _ in range(THREADS)]
        never = threads.submit(disk.call(), "disk", None)
        disk.wait_for(THREADS)  # what has not begun is cancelled
        disk.go_on()
        threads.close(wait=False)
        assert never.cancelled
        for waiter in running:
            await settled(waiter)

    asyncio.run(scene())
