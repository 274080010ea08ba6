"""A busy client is waited for: how often a transport looks for more behind a reply, and when it does not."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from smbserver.transport.buffer_pool import RECEIVE_BUFFER, BufferPool
from smbserver.transport.tcp import IN_A_ROW, MOST_SKIPPED, TRIES, UNTRIED_FROM

from .test_tcp import Line, framed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FRAME = framed(b"a request")


class CountedSocket(socket.socket):
    """Counts what a transport receives."""

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self.receives = 0

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """As in the base class."""
        self.receives += 1
        return super().recv_into(buffer, nbytes, flags)


class CountedPoll:
    """Counts the looks of a transport; `before` happens before each of them."""

    def __init__(self) -> None:
        self._looks = POLL()
        self.tries = 0
        self.before: Callable[[], object] = lambda: None

    def register(self, fd: int, events: int) -> None:
        """As in select.poll."""
        self._looks.register(fd, events)

    def poll(self, timeout: int) -> list[tuple[int, int]]:
        """As in select.poll."""
        assert timeout == 0
        self.tries += 1
        self.before()
        return self._looks.poll(timeout)


POLL = select.poll


class CountedLine(Line):
    """A line whose receiver answers everything; `event` is one readiness event with one request."""

    socket: CountedSocket

    def __init__(self, pool: BufferPool | None = None) -> None:
        self.looks = CountedPoll()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(select, "poll", lambda: self.looks)
            super().__init__(kind=CountedSocket, pool=pool)
        self.receiver.answer = lambda frame: self.transport.send([bytes(frame)])

    def event(self, data: bytes = FRAME) -> int:
        """Let the transport find `data`; gives how often it looked for more."""
        self.peer.send(data)
        before = self.looks.tries
        self.loop.readers[self.socket.fileno()]()
        return self.looks.tries - before

    def events_until_tried(self) -> int:
        """How many events, with a request each, pass without tries before one has them."""
        count = 0
        while not self.event():
            count += 1
            self.read()
        self.read()
        return count


@pytest.fixture
def line() -> Iterator[CountedLine]:
    made = CountedLine()
    assert made.event() == 0  # the first request of a connection says nothing
    yield made
    made.close()


def test_the_next_request_is_tried_for_and_not_for_long(line: CountedLine) -> None:
    assert line.event() == TRIES


def test_who_was_waited_for_in_vain_is_waited_for_less_and_less(line: CountedLine) -> None:
    assert line.event() == TRIES
    passed = [line.events_until_tried() for _ in range(8)]
    assert passed == [1, 4, 16, 64, 256, MOST_SKIPPED, MOST_SKIPPED, MOST_SKIPPED]


def test_a_quick_client_is_served_without_the_loop_and_earns_patience(line: CountedLine) -> None:
    line.events_until_tried()
    line.events_until_tried()
    assert line.events_until_tried() == 4
    for _ in range(16):
        assert line.event() == 0
    sent = 0

    def third_try() -> None:
        nonlocal sent
        if line.looks.tries % 3 == 0 and sent < 2:
            sent += 1
            line.peer.send(FRAME)

    line.looks.before = third_try
    frames = len(line.frames)
    assert line.event() > TRIES
    assert len(line.frames) == frames + 3
    line.read()
    assert line.events_until_tried() == 64 * 3 // 4 * 3 // 4  # and not 64: it came twice


def test_who_is_waited_for_in_vain_now_and_then_keeps_patience(line: CountedLine) -> None:
    """One in eight: the next events are hardly ever without tries."""
    sent = 0

    def seven_times() -> None:
        nonlocal sent
        if sent < 7:
            sent += 1
            line.peer.send(FRAME)

    line.looks.before = seven_times
    without = 0
    for _ in range(50):
        sent = 0
        without += line.events_until_tried()
    assert without <= 50


def test_a_client_that_is_always_quicker_lets_the_loop_have_its_turn(line: CountedLine) -> None:
    line.looks.before = lambda: line.peer.send(FRAME)
    frames = len(line.frames)
    assert line.event() == IN_A_ROW
    assert frames < len(line.frames) <= frames + 2 + IN_A_ROW


def test_nobody_is_waited_for_when_two_take_turns() -> None:
    pool = BufferPool()
    one, other = CountedLine(pool), CountedLine(pool)
    for _ in range(3):
        assert one.event() == 0
        assert other.event() == 0
    assert other.event() == TRIES
    one.close()
    other.close()


def test_the_rest_of_a_large_frame_is_left_to_the_loop(line: CountedLine) -> None:
    large = framed(bytes(RECEIVE_BUFFER))
    assert line.event(large[:1000]) == 0
    line.feed(large[1000:])
    assert len(line.frames[-1]) == RECEIVE_BUFFER


@pytest.mark.parametrize(("size", "tries"), [(RECEIVE_BUFFER, TRIES), (UNTRIED_FROM + 1, 0)])
def test_a_frame_that_takes_long_to_make_is_left_to_the_loop(line: CountedLine, size: int, tries: int) -> None:
    line.receiver.max_frame = size
    line.receiver.answer = lambda frame: line.transport.send([b"an answer"])
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * size)
    large = framed(bytes(size))
    assert line.event(large[:1000]) == 0
    line.feed(large[1000:-1])
    assert line.event(large[-1:]) == tries
    line.read()
    assert line.event() == (0 if tries else TRIES)  # small ones again; who was tried for in vain is let pass once


def test_who_does_not_take_replies_is_not_waited_for(line: CountedLine) -> None:
    line.receiver.answer = lambda frame: line.transport.send([bytes(4 * RECEIVE_BUFFER)])
    assert line.event() == 0
    assert line.transport.owes
    line.read()


@pytest.mark.parametrize("end", ["pause", "close", "abort"])
def test_who_has_ended_is_not_waited_for(line: CountedLine, end: str) -> None:
    ends: dict[str, Callable[[], None]] = {
        "pause": line.transport.pause,
        "close": line.transport.close,
        "abort": lambda: line.transport.abort("end"),
    }
    line.receiver.answer = lambda frame: ends[end]()
    assert line.event() == 0
    line.read()


def test_an_end_that_is_found_while_trying_is_told_once(line: CountedLine) -> None:
    def leave() -> None:
        if line.looks.tries == 3:
            line.peer.shutdown(socket.SHUT_WR)

    line.looks.before = leave
    assert line.event() == 3
    line.loop.run()
    assert line.receiver.reasons == ["closed by the client"]


def test_to_look_in_vain_is_no_receive(line: CountedLine) -> None:
    before = line.socket.receives
    assert line.event() == TRIES
    assert line.socket.receives == before + 1


def test_a_reset_that_is_found_while_trying_ends_it(line: CountedLine) -> None:
    def reset() -> None:
        if line.looks.tries == 3:
            line.peer.close()  # with an answer in it that nobody has read: a reset

    line.looks.before = reset
    assert line.event() == 3
    line.loop.run()
    assert line.receiver.reasons == ["receive: Connection reset by peer"]
