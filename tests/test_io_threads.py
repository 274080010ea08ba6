"""Threads of several stores: none waits for another's disk, and its clients take turns."""

from __future__ import annotations

import asyncio
import threading
import weakref
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


@pytest.mark.parametrize("lines", [0, THREADS])
def test_clients_of_one_store_take_turns(lines: int) -> None:
    """Also beside one whose calls stand in lines, which go on in the thread they have while nobody waits."""

    async def scene() -> list[str]:
        threads, disk = IoThreads(asyncio.get_running_loop()), Disk()
        greedy = [
            threads.submit(disk.call("greedy"), "disk", "greedy", f"file {number % lines}" if lines else None)
            for number in range(5 * THREADS)
        ]
        modest = threads.submit(disk.call("modest"), "disk", "modest")
        disk.go_on()
        for waiter in (*greedy, modest):
            await settled(waiter)
        threads.close(wait=True)
        return disk.served

    served = asyncio.run(scene())
    # Of the second turn it is; threads that were given their calls at the same time may end in any order.
    assert served.index("modest") <= 3 * THREADS
    assert len(served) == 5 * THREADS + 1


def test_a_line_keeps_its_order_and_takes_one_thread() -> None:
    async def scene() -> list[str]:
        threads, disk = IoThreads(asyncio.get_running_loop()), Disk()
        names = [str(number) for number in range(50)]
        waiting = [threads.submit(disk.call(name), "disk", "a client", "a file") for name in names]
        other = threads.submit(lambda: "beside it", "disk", "a client", "another file")
        assert await settled(other) == "beside it"
        disk.go_on()
        resolved: list[str] = []
        for waiter in waiting:
            waiter.when_done(lambda done: resolved.append(done.result()))
        assert await settled(waiting[-1]) == names[-1]
        assert resolved == names
        assert await settled(threads.submit(lambda: "again", "disk", "a client", "a file")) == "again"
        threads.close(wait=True)
        return disk.served

    assert asyncio.run(scene()) == [str(number) for number in range(50)]


def test_an_error_in_a_line_is_its_own() -> None:
    def failing() -> str:
        raise OSError(5, "the disk is broken")

    async def scene() -> None:
        threads = IoThreads(asyncio.get_running_loop())
        calls = (lambda: "before", failing, lambda: "behind")
        before, broken, behind = [threads.submit(call, "disk", None, "a file") for call in calls]
        assert await settled(before) == "before"
        with pytest.raises(OSError, match="broken"):
            await settled(broken)
        assert await settled(behind) == "behind"
        threads.close(wait=True)

    asyncio.run(scene())


def test_a_finished_call_is_not_kept() -> None:
    """It can have a large buffer, and its thread sleeps until the next."""

    class Buffer:
        pass

    async def scene() -> None:
        threads, buffer = IoThreads(asyncio.get_running_loop()), Buffer()
        kept = weakref.ref(buffer)

        def call(used: Buffer = buffer) -> str:
            return str(used)

        del buffer
        for line in (None, "a file"):
            await settled(threads.submit(call, "disk", None, line))
        del call
        for _ in range(1000):  # the thread is on its way to sleep
            if kept() is None:
                break
            await asyncio.sleep(0.001)
        assert kept() is None
        threads.close(wait=True)

    asyncio.run(scene())


def test_errors_and_the_end() -> None:
    def failing() -> str:
        raise OSError(5, "the disk is broken")

    async def scene() -> None:
        threads, disk = IoThreads(asyncio.get_running_loop()), Disk()
        with pytest.raises(OSError, match="broken"):
            await settled(threads.submit(failing, "disk", None))
        running = [threads.submit(disk.call(), "disk", None) for _ in range(THREADS)]
        never = threads.submit(disk.call(), "disk", None)
        line = [threads.submit(disk.call(), "another disk", None, "a file") for _ in range(2)]
        disk.wait_for(THREADS + 1)  # what has not begun is cancelled
        disk.go_on()
        threads.close(wait=False)
        assert never.cancelled
        assert line[1].cancelled
        for waiter in (*running, line[0]):
            await settled(waiter)

    asyncio.run(scene())


def test_what_comes_behind_the_end_is_cancelled_and_begins_no_thread() -> None:
    async def scene() -> None:
        threads = IoThreads(asyncio.get_running_loop())
        threads.close(wait=True)
        before = threading.active_count()
        assert threads.submit(lambda: "late", "disk", "a client").cancelled
        assert threading.active_count() == before

    asyncio.run(scene())
