"""Buffers that are used again: never while somebody looks at them, and never with the bytes of an earlier frame."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.transport.buffer_pool import KEPT, POOL_LIMIT, RECEIVE_BUFFER, SIZE_STEP, BufferPool
from smbserver.transport.tcp import ROOM, TcpTransport
from tests.transport.test_tcp import Receiver, StepLoop

LARGE = RECEIVE_BUFFER + 1  # the smallest frame with a buffer of its own, and a byte
SECRET = 0xEE


class Guest:
    """One of several connections of a server: they share its pool."""

    def __init__(self, loop: StepLoop, pool: BufferPool) -> None:
        self.loop = loop
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.peer.setblocking(False)
        self.receiver = Receiver()
        self.transport = TcpTransport(cast("asyncio.AbstractEventLoop", loop), ours, pool)
        self.transport.start(self.receiver)

    def feed(self, data: bytes) -> None:
        """Send all of it, however often the other end must read for that."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.peer.send(view) :]
            except BlockingIOError:
                assert self.loop.run(), "the transport takes nothing"
        self.loop.run()

    def end(self) -> None:
        """Give back both ends."""
        self.transport.abort("the test is over")
        self.peer.close()


def guests(count: int) -> list[Guest]:
    """Connections of one server."""
    loop, pool = StepLoop(), BufferPool()
    return [Guest(loop, pool) for _ in range(count)]


def frame(size: int, byte: int) -> bytes:
    """A frame of one byte again and again."""
    return size.to_bytes(4, "big") + bytes([byte]) * size


def test_a_buffer_that_nobody_looks_at_is_lent_again() -> None:
    pool = BufferPool()
    view = pool.take(LARGE)
    assert len(view) == LARGE
    first = id(view.obj)
    del view
    view = pool.take(SIZE_STEP)
    assert id(view.obj) == first
    assert id(pool.take(SIZE_STEP).obj) != first


def test_a_part_of_a_view_keeps_its_buffer() -> None:
    pool = BufferPool()
    part = pool.take(LARGE)[10:20]
    other = pool.take(LARGE)
    assert other.obj is not part.obj
    del other
    again = pool.take(LARGE)
    assert again.obj is not part.obj


def test_a_buffer_that_is_kept_for_long_does_not_stop_the_others() -> None:
    pool = BufferPool()
    kept = pool.take(LARGE)
    seen = {id(pool.take(LARGE).obj) for _ in range(10)}
    assert len(seen) == 1
    assert id(kept.obj) not in seen


def test_a_deep_queue_needs_no_more_than_it_holds() -> None:
    """Whatever is taken and dropped beside it: so large requests are tried for."""
    pool = BufferPool()
    queue: list[memoryview] = []
    seen: dict[int, object] = {}
    for _ in range(200):
        view = pool.take(LARGE)
        seen[id(view.obj)] = view.obj
        queue.append(view)
        del view
        if len(queue) > 8:
            del queue[0]  # eight are under way
        for _ in range(3):
            tried = pool.take(LARGE)
            seen[id(tried.obj)] = tried.obj
            del tried
    assert len(seen) == 9


def test_of_one_size_no_more_are_kept_than_are_worth_asking() -> None:
    pool = BufferPool()
    lent = [pool.take(LARGE) for _ in range(KEPT + 3)]
    held = [view.obj for view in lent]
    del lent
    again = [pool.take(LARGE) for _ in range(KEPT + 3)]
    assert [view.obj is buffer for view, buffer in zip(again, held, strict=True)] == [True] * KEPT + [False] * 3


def test_what_is_known_has_an_end() -> None:
    pool = BufferPool()
    size = POOL_LIMIT // 4
    lent = [pool.take(size) for _ in range(5)]
    known = {id(view.obj) for view in lent}
    held = [view.obj for view in lent]  # so that no address is used twice
    del lent
    again = [pool.take(size) for _ in range(5)]
    assert sum(id(view.obj) in known for view in again) == 4
    assert len(held) == 5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, SIZE_STEP * 2), st.integers(0, 20)), max_size=40))
def test_no_buffer_is_lent_twice_at_a_time(steps: list[tuple[bool, int, int]]) -> None:
    """Whatever is taken and dropped, and in which order."""
    pool = BufferPool()
    kept: list[memoryview] = []
    for takes, size, which in steps:
        if takes:
            view = pool.take(size)
            assert all(view.obj is not other.obj for other in kept)
            kept.append(view[size // 2 :])
        elif kept:
            del kept[which % len(kept)]


@pytest.mark.parametrize("size", [LARGE, SIZE_STEP - ROOM, SIZE_STEP])
def test_behind_a_large_frame_is_room(size: int) -> None:
    (guest,) = guests(1)
    guest.receiver.keeps_wider = True
    guest.feed(frame(size, 7))
    (received,), wider = guest.receiver.frames, guest.receiver.wider
    assert wider is not None
    assert wider.obj is received.obj
    assert len(wider) == size + ROOM
    wider[size:] = b"\xff" * ROOM
    assert wider[:size] == received == b"\x07" * size
    guest.feed(frame(100, 8))
    assert guest.receiver.wider is None
    guest.end()


def test_large_frames_one_after_the_other_need_one_buffer() -> None:
    (guest,) = guests(1)
    seen = set()

    def look(view: memoryview) -> None:
        seen.add(id(view.obj))
        guest.receiver.frames.clear()  # handled and forgotten

    guest.receiver.answer = look
    for byte in range(8):
        guest.feed(frame(LARGE, byte))
    assert len(seen) == 1
    guest.end()


def test_a_frame_in_a_used_buffer_shows_nothing_of_the_other_connection() -> None:
    one, other = guests(2)
    one.receiver.answer = lambda view: one.receiver.frames.clear()  # handled and forgotten: its buffer is free again
    one.feed(frame(SIZE_STEP - 8, SECRET))
    other.feed(frame(LARGE, 1))
    (shorter,) = other.receiver.frames
    assert bytes(shorter) == b"\x01" * LARGE
    assert len(cast("bytearray", shorter.obj)) > LARGE  # it is a used one, and longer than what is shown
    one.end()
    other.end()


def test_a_reply_that_waits_is_not_received_into() -> None:
    """The reply is a view into the frame that it answers, and the peer does not read it while it sends more."""
    one, other = guests(2)

    def answer(view: memoryview) -> None:
        one.receiver.frames.clear()
        one.transport.send([view])

    one.receiver.answer = answer
    one.feed(frame(LARGE * 3, 1))
    assert one.transport.owes
    other.feed(frame(LARGE * 3, SECRET))
    found = bytearray()
    while len(found) < 4 + LARGE * 3:
        try:
            found += one.peer.recv(LARGE)
        except BlockingIOError:
            assert one.loop.run()
    assert bytes(found[4:]) == b"\x01" * (LARGE * 3)
    one.end()
    other.end()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(LARGE - 2000, LARGE * 3), st.booleans()), max_size=12))
def test_frames_of_several_connections_keep_their_own_bytes(sent: list[tuple[int, int, bool]]) -> None:
    """Whichever frames are kept and whichever are forgotten at once."""
    everyone = guests(3)
    kept: list[tuple[memoryview, int, int]] = []
    for number, (who, size, is_kept) in enumerate(sent, 1):
        everyone[who].feed(frame(size, number))
        view = everyone[who].receiver.frames.pop()
        assert bytes(view) == bytes([number]) * size
        if is_kept:
            kept.append((view, number, size))
    for view, number, size in kept:
        assert bytes(view) == bytes([number]) * size
    for guest in everyone:
        guest.end()
