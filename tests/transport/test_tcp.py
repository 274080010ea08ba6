"""TcpTransport over socket pairs: whole frames however they were cut, back pressure, and every way to end."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.transport import tcp
from smbserver.transport.buffer_pool import RECEIVE_BUFFER, BufferPool
from smbserver.transport.tcp import FLUSH_AT, TcpTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbserver.transport.tcp import Tail

MAX_FRAME = 1024 * 1024
CHUNK = 64 * 1024


class StepLoop:
    """As much of an event loop as a transport uses, turned by hand: `run` goes on until nothing is left to do."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}
        self.writers: dict[int, Callable[[], None]] = {}
        self.timers: list[Callable[[], None]] = []
        self._soon: list[Callable[[], None]] = []

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        """As in asyncio."""
        self.readers[fd] = callback

    def remove_reader(self, fd: int) -> None:
        """As in asyncio; fails when there is none."""
        del self.readers[fd]

    def add_writer(self, fd: int, callback: Callable[[], None]) -> None:
        """As in asyncio."""
        self.writers[fd] = callback

    def remove_writer(self, fd: int) -> None:
        """As in asyncio; fails when there is none."""
        del self.writers[fd]

    def call_soon(self, callback: Callable[..., None], *arguments: object) -> None:
        """As in asyncio."""
        self._soon.append(lambda: callback(*arguments))

    def call_later(self, seconds: float, callback: Callable[..., None], *arguments: object) -> StepTimer:
        """As in asyncio; fires when the test calls it."""
        timer = StepTimer(self.timers, lambda: callback(*arguments))
        self.timers.append(timer.call)
        return timer

    def run(self) -> bool:
        """Handle events until there are none; tells whether there was one."""
        did = False
        while True:
            readable, writable, _ = select.select(list(self.readers), list(self.writers), [], 0)
            soon, self._soon = self._soon, []
            if not readable and not writable and not soon:
                return did
            did = True
            for call in soon:
                call()
            for fd in readable:
                if fd in self.readers:
                    self.readers[fd]()
            for fd in writable:
                if fd in self.writers:
                    self.writers[fd]()


class StepTimer:
    """What call_later returns."""

    def __init__(self, timers: list[Callable[[], None]], call: Callable[[], None]) -> None:
        self._timers = timers
        self.call = call

    def cancel(self) -> None:
        """As in asyncio."""
        if self.call in self._timers:
            self._timers.remove(self.call)


class Receiver:
    """Keeps frames as they came; `answer` may reply to each."""

    def __init__(self) -> None:
        self.max_frame = MAX_FRAME
        self.frames: list[memoryview] = []
        self.keeps_wider = False
        self.wider: memoryview | None = None  # of the last frame, if it is to be kept
        self.reasons: list[str] = []
        self.answer: Callable[[memoryview], None] = lambda frame: None

    def frame_received(self, frame: memoryview, wider: memoryview | None = None) -> None:
        """See FrameReceiver."""
        assert not self.reasons, "a frame after the end"
        self.wider = wider if self.keeps_wider else None
        self.frames.append(frame)
        self.answer(frame)

    def connection_lost(self, reason: str) -> None:
        """See FrameReceiver."""
        self.reasons.append(reason)


class Line:
    """A transport with its receiver on one end of a socket pair; the test holds the other end, `peer`."""

    def __init__(
        self, send_buffer: int = 0, kind: Callable[[int], socket.socket] | None = None, pool: BufferPool | None = None
    ) -> None:
        self.loop = StepLoop()
        ours, self.peer = socket.socketpair()
        if kind is not None:
            ours = kind(ours.detach())
        self.socket = ours
        ours.setblocking(False)
        self.peer.setblocking(False)
        if send_buffer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.receiver = Receiver()
        self.transport = TcpTransport(cast("asyncio.AbstractEventLoop", self.loop), ours, pool or BufferPool())
        self.transport.start(self.receiver)

    def feed(self, data: bytes) -> None:
        """Send all of it to the transport, which must take it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.peer.send(view) :]
            except BlockingIOError:
                assert self.loop.run(), "the transport takes nothing"
        self.loop.run()

    def send(self, replies: Sequence[tuple[list[bytes], Tail | None]], in_one_event: bool) -> None:
        """Have the transport send frames: each by itself, or all of them as answers to one frame."""

        def send_all(_: memoryview) -> None:
            for parts, tail in replies:
                self.transport.send(parts, tail)

        if in_one_event:
            self.receiver.answer = send_all
            self.peer.send(framed(b"now"))
            self.loop.readers[self.transport._fd]()
        else:
            send_all(memoryview(b""))

    def read(self) -> bytes:
        """All that the transport sends until it is silent."""
        found = bytearray()
        while True:
            self.loop.run()
            try:
                data = self.peer.recv(CHUNK)
            except BlockingIOError:
                return bytes(found)
            if not data:
                return bytes(found)
            found += data

    def at_end(self) -> bool:
        """Whether the transport has closed its end, and nothing is left to read."""
        self.loop.run()
        try:
            return self.peer.recv(1) == b""
        except BlockingIOError:
            return False

    @property
    def frames(self) -> list[bytes]:
        """What was received."""
        return [bytes(frame) for frame in self.receiver.frames]

    def close(self) -> None:
        """End both sides; nothing may stay registered, and the end is told exactly once."""
        self.transport.abort("the test is over")
        self.loop.run()
        self.peer.close()
        assert len(self.receiver.reasons) == 1
        assert not self.loop.readers
        assert not self.loop.writers
        assert not self.loop.timers


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def framed(*payloads: bytes) -> bytes:
    """Payloads behind their length fields ([MS-SMB2] 2.1)."""
    return b"".join(len(payload).to_bytes(4, "big") + payload for payload in payloads)


def payload(index: int, size: int) -> bytes:
    """`size` bytes that differ from frame to frame and from place to place."""
    return (bytes((index + step) % 251 for step in range(257)) * (size // 257 + 1))[:size]


def payloads(sizes: Sequence[int]) -> list[bytes]:
    """One payload of every size."""
    return [payload(index, size) for index, size in enumerate(sizes)]


SIZES = st.sampled_from([0, 1, 3, 64, 120, 4096, RECEIVE_BUFFER - 5, RECEIVE_BUFFER - 4, RECEIVE_BUFFER - 3, 200_000])


# --- receiving ---


@given(sizes=st.lists(SIZES, max_size=8), cuts=st.lists(st.integers(1, 300_000), max_size=12))
@settings(max_examples=60, deadline=None)
def test_frames_arrive_whole_and_in_order_wherever_the_stream_is_cut(sizes: list[int], cuts: list[int]) -> None:
    sent = payloads(sizes)
    stream = framed(*sent)
    line = Line()
    for cut in cuts:
        line.feed(stream[:cut])
        stream = stream[cut:]
    line.feed(stream)
    assert line.frames == sent
    line.close()


def test_one_byte_at_a_time(line: Line) -> None:
    sent = payloads([0, 1, 64, 300])
    for byte in framed(*sent):
        line.feed(bytes((byte,)))
    assert line.frames == sent


def test_many_frames_in_one_piece(line: Line) -> None:
    sent = payloads([100] * 1000)
    line.feed(framed(*sent))
    assert line.frames == sent


def test_a_large_frame_between_small_ones(line: Line) -> None:
    sent = payloads([100, MAX_FRAME, 100, RECEIVE_BUFFER, 100])
    line.feed(framed(*sent))
    assert line.frames == sent


def test_a_kept_frame_does_not_change(line: Line) -> None:
    """Nothing handed over is a view into a buffer that is used again."""
    first = payloads([100, RECEIVE_BUFFER + 1])
    line.feed(framed(*first))
    line.feed(framed(*[b"\xff" * 200_000] * 3, *[b"\xee" * 1000] * 300))
    assert line.frames[:2] == first


def test_a_frame_of_the_largest_size_is_taken_and_one_byte_more_is_refused(line: Line) -> None:
    largest = payload(0, MAX_FRAME)
    line.feed(framed(largest))
    line.feed((MAX_FRAME + 1).to_bytes(4, "big"))
    assert line.frames == [largest]
    assert line.receiver.reasons == [f"frame of {MAX_FRAME + 1} bytes"]
    assert line.at_end()


@pytest.mark.parametrize("type_byte", [0x01, 0x81, 0x82, 0x83, 0x84, 0x85, 0xFF])
def test_a_type_byte_other_than_zero_ends_the_connection(line: Line, type_byte: int) -> None:
    """NetBIOS session service messages belong to port 139 and are not spoken here."""
    line.feed(framed(b"before") + bytes((type_byte, 0, 0, 0)) + framed(b"behind"))
    assert line.frames == [b"before"]
    assert len(line.receiver.reasons) == 1


def test_the_limit_is_asked_for_every_frame(line: Line) -> None:
    """A login raises it: the next frame in the same segment may already be large."""
    line.receiver.max_frame = 10

    def raise_limit(frame: memoryview) -> None:
        line.receiver.max_frame = MAX_FRAME

    line.receiver.answer = raise_limit
    sent = payloads([10, 5000])
    line.feed(framed(*sent))
    assert line.frames == sent


def test_a_refused_large_frame_takes_no_memory(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.receiver.max_frame = 128 * 1024

    def refuse(self: TcpTransport, body: int, length: int) -> None:
        pytest.fail("a buffer was made for a frame that is not allowed")

    monkeypatch.setattr(TcpTransport, "_begin_large", refuse)
    line.feed(b"\0\xff\xff\xff")
    assert line.receiver.reasons


# --- large frames in rows ---

SIZE = 200_000


def test_the_second_large_frame_of_a_row_is_received_where_it_stays(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    begin = TcpTransport._begin_large

    def counting(self: TcpTransport, beginning: memoryview, length: int) -> None:
        begun.append(length)
        begin(self, beginning, length)

    monkeypatch.setattr(TcpTransport, "_begin_large", counting)
    line.receiver.keeps_wider = True
    sent = payloads([SIZE, SIZE, SIZE, 10, SIZE, SIZE + 1, SIZE + 1])
    for one in sent:
        line.feed(framed(one))
        wider = line.receiver.wider
        assert (len(wider) - tcp.ROOM if wider is not None else 10) == len(one)
    assert line.frames == sent
    assert begun == [SIZE, SIZE, SIZE + 1]


@given(
    sizes=st.lists(st.sampled_from([10, 5000, RECEIVE_BUFFER, SIZE, MAX_FRAME]), min_size=2, max_size=12),
    cuts=st.lists(st.sampled_from([1, 3, 4, 100, 70_000, SIZE, SIZE + 4, 600_000]), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_whatever_follows_a_large_frame_arrives_whole(sizes: list[int], cuts: list[int]) -> None:
    sent = payloads([MAX_FRAME, *sizes])
    stream = framed(*sent)
    line = Line()
    line.feed(stream[: MAX_FRAME + 4])
    stream = stream[MAX_FRAME + 4 :]
    for cut in cuts:
        line.feed(stream[:cut])
        stream = stream[cut:]
    line.feed(stream)
    assert line.frames == sent
    line.close()


@pytest.mark.parametrize("size", [SIZE, SIZE - 1, SIZE + 1, RECEIVE_BUFFER])
def test_the_limit_is_asked_for_what_follows_a_large_frame(line: Line, size: int) -> None:
    """Who has logged off may not go on as before."""
    line.feed(framed(payload(0, SIZE)))
    line.receiver.max_frame = RECEIVE_BUFFER - 1
    line.feed(framed(payload(1, size)))
    assert len(line.receiver.frames) == 1
    assert line.receiver.reasons == [f"frame of {size} bytes"]


def test_a_row_that_is_cut_off_ends_the_connection(line: Line) -> None:
    for part in (framed(payload(0, SIZE)), framed(payload(1, SIZE))[:1000]):
        line.feed(part)
    line.peer.close()
    line.loop.run()
    assert len(line.frames) == 1
    assert line.receiver.reasons == ["closed by the client"]


def test_small_frames_behind_a_large_one_wait_for_their_turn(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them come at once than the receive buffer holds."""
    monkeypatch.setattr(tcp, "TURN_LIMIT", 4 * tcp.FRAME_WEIGHT)
    line.peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_FRAME)
    sent = payloads([MAX_FRAME, *[5000] * 180, MAX_FRAME, *[100] * 20])
    line.feed(framed(sent[0]))
    line.feed(framed(*sent[1:]))
    assert line.frames == sent


def test_a_very_large_frame_is_not_expected_again(line: Line) -> None:
    line.receiver.max_frame = 8 * MAX_FRAME
    for index in range(2):
        line.feed(framed(payload(index, tcp.EXPECT_UP_TO + index)))
        assert line.transport._expected == (0 if index else tcp.EXPECT_UP_TO)
    assert len(line.frames) == 2


# --- sending ---


def test_what_is_sent_arrives_as_one_frame(line: Line) -> None:
    line.transport.send([b"head", bytearray(b"body"), memoryview(b"tail"), b""])
    assert line.read() == framed(b"headbodytail")


@given(
    frames=st.lists(
        st.lists(st.sampled_from([0, 1, 64, 1000, 4000, 70_000, FLUSH_AT]), min_size=1, max_size=6), max_size=6
    ),
    buffer=st.sampled_from([1, 5000, 100_000]),
    in_one_event=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_short_sends_lose_and_reorder_nothing(frames: list[list[int]], buffer: int, in_one_event: bool) -> None:
    line = Line(buffer)
    replies = [payloads(sizes) for sizes in frames]
    line.send([(parts, None) for parts in replies], in_one_event)
    expected = framed(*(b"".join(parts) for parts in replies))
    assert line.read() == expected
    line.close()


def test_more_parts_than_one_call_takes(line: Line) -> None:
    parts = [bytes((index % 256,)) for index in range(5000)]
    line.transport.send(parts)
    assert line.read() == framed(b"".join(parts))


def test_replies_of_one_event_go_out_together(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    flush = TcpTransport._flush

    def counting(self: TcpTransport) -> None:
        nonlocal calls
        calls += 1
        flush(self)

    monkeypatch.setattr(TcpTransport, "_flush", counting)
    line.receiver.answer = lambda frame: line.transport.send([bytes(frame)])
    sent = payloads([50] * 20)
    line.feed(framed(*sent))
    assert calls == 1
    assert line.read() == framed(*sent)


# --- back pressure ---

LIMIT = 256 * 1024
REPLY = 32 * 1024


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "QUEUE_LIMIT", LIMIT)


def push_until_blocked(line: Line, stream: bytes) -> bytes:
    """Send as long as the transport and the kernel take it; gives what is left."""
    view = memoryview(stream)
    while view:
        try:
            view = view[line.peer.send(view) :]
        except BlockingIOError:
            if not line.loop.run():
                break
    line.loop.run()
    return bytes(view)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("size", [100, 5000, RECEIVE_BUFFER + 100])
def test_a_peer_that_does_not_read_is_not_read_from(line: Line, size: int) -> None:
    numbers = iter(range(1_000_000))
    line.receiver.answer = lambda frame: line.transport.send([payload(next(numbers), REPLY)])
    count = 4000 * 100 // size + 40
    sent = payloads([size] * count)
    left = push_until_blocked(line, framed(*sent))
    handled = len(line.receiver.frames)
    assert handled < count
    # What is owed: the limit, the replies of the frame that passed it, and what the kernel holds for the peer.
    kernel = 4 * line.peer.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) + 1024 * 1024
    assert handled * REPLY <= LIMIT + 2 * REPLY + kernel
    found = line.read()
    while left:
        left = push_until_blocked(line, left)
        found += line.read()
    assert line.frames == sent, "frames were lost or came in another order"
    assert found == framed(*(payload(index, REPLY) for index in range(count)))


@pytest.mark.usefixtures("small_limit")
def test_frames_that_wait_in_the_buffer_are_handled_without_new_input(line: Line) -> None:
    """All requests are in one segment; nothing more comes, and still all of them are answered once the peer reads."""
    line.receiver.answer = lambda frame: line.transport.send([bytes(LIMIT)])
    line.feed(framed(*payloads([10] * 30)))
    assert len(line.receiver.frames) < 30
    assert len(line.read()) == 30 * (LIMIT + 4)
    assert len(line.receiver.frames) == 30


@pytest.mark.usefixtures("small_limit")
def test_a_peer_that_goes_away_while_it_is_owed_something(line: Line) -> None:
    line.receiver.answer = lambda frame: line.transport.send([bytes(LIMIT)])
    line.feed(framed(*payloads([10] * 30)))
    line.peer.close()
    line.loop.run()
    assert len(line.receiver.reasons) == 1
    assert line.receiver.reasons[0].startswith("send: ")


# --- ends ---


def test_close_sends_what_is_owed_and_takes_nothing_more() -> None:
    line = Line(send_buffer=1)
    line.transport.send([bytes(300_000)])
    line.transport.close()
    assert not line.loop.readers
    line.transport.send([b"too late"])
    assert line.read() == framed(bytes(300_000))
    assert line.at_end()
    line.peer.shutdown(socket.SHUT_WR)
    line.loop.run()
    line.close()
    assert line.receiver.reasons == ["closed by the server"]


def test_close_does_not_reset_a_peer_that_has_sent_more() -> None:
    """A reset could take the last replies with it."""
    line = Line(send_buffer=1)
    line.transport.send([bytes(300_000)])
    line.transport.close()
    line.peer.send(framed(b"too late"))
    assert line.read() == framed(bytes(300_000))
    assert line.at_end()
    assert line.frames == []
    line.close()


def test_close_with_nothing_owed_is_the_end(line: Line) -> None:
    line.transport.close()
    assert line.at_end()
    assert line.receiver.reasons == []
    line.peer.shutdown(socket.SHUT_WR)
    line.loop.run()
    assert line.receiver.reasons == ["closed by the server"]


def test_a_peer_that_never_closes_is_not_waited_for_long(line: Line) -> None:
    line.transport.close()
    line.loop.run()
    (linger,) = line.loop.timers
    linger()
    line.loop.run()
    assert line.receiver.reasons == ["closed by the server"]


def test_close_from_within_a_frame_still_sends_the_reply(line: Line) -> None:
    def answer_and_close(frame: memoryview) -> None:
        line.transport.send([b"bye"])
        line.transport.close()

    line.receiver.answer = answer_and_close
    line.peer.send(framed(b"one", b"two"))
    assert line.read() == framed(b"bye")
    assert line.at_end()
    assert line.frames == [b"one"]


def test_close_twice_and_abort_behind_it(line: Line) -> None:
    line.transport.close()
    line.transport.close()
    line.transport.abort("at once")
    line.transport.abort("again")
    line.loop.run()
    assert line.receiver.reasons == ["at once"]


def test_abort_drops_what_is_owed() -> None:
    line = Line(send_buffer=1)
    line.transport.send([bytes(300_000)])
    line.transport.abort("enough")
    assert len(line.read()) < 300_000
    assert line.at_end()
    line.close()
    assert line.receiver.reasons == ["enough"]


def test_abort_from_within_a_frame_hands_over_no_other(line: Line) -> None:
    line.receiver.answer = lambda frame: line.transport.abort("not that")
    line.feed(framed(b"one", b"two"))
    assert line.frames == [b"one"]
    assert line.receiver.reasons == ["not that"]


def test_the_end_is_told_from_the_loop_and_not_from_within(line: Line) -> None:
    """Whoever calls abort is in the middle of something."""
    line.transport.abort("enough")
    assert line.receiver.reasons == []
    line.loop.run()
    assert line.receiver.reasons == ["enough"]


def test_nothing_is_sent_on_an_ended_connection(line: Line) -> None:
    line.transport.abort("enough")
    line.transport.send([b"too late"])
    assert line.read() == b""


@pytest.mark.parametrize("beginning", [b"", b"\0", b"\0\0\0\x10half", b"\0\x04\0\0" + bytes(200_000)])
def test_a_client_that_leaves_in_the_middle(line: Line, beginning: bytes) -> None:
    line.feed(framed(b"whole") + beginning)
    line.peer.close()
    line.loop.run()
    assert line.frames == [b"whole"]
    assert line.receiver.reasons == ["closed by the client"]


def test_pause_takes_no_more_frames_and_still_sends(line: Line) -> None:
    line.feed(framed(b"one"))
    line.transport.pause()
    line.peer.send(framed(b"two"))
    line.loop.run()
    line.transport.send([b"late answer"])
    assert line.read() == framed(b"late answer")
    assert line.frames == [b"one"]
    line.transport.close()
    assert line.at_end()


def test_pause_from_within_a_frame_leaves_the_others(line: Line) -> None:
    line.receiver.answer = lambda frame: line.transport.pause()
    line.feed(framed(b"one", b"two"))
    assert line.frames == [b"one"]


def test_pause_outlasts_back_pressure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "QUEUE_LIMIT", LIMIT)
    line = Line()
    line.receiver.answer = lambda frame: line.transport.send([bytes(LIMIT)])
    line.feed(framed(*payloads([10] * 30)))
    handled = len(line.receiver.frames)
    line.transport.pause()
    assert len(line.read()) == handled * (LIMIT + 4)
    assert len(line.receiver.frames) == handled
    line.close()


# --- real loops ---


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_real_loops_echo_and_end(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def talk() -> None:
        loop = asyncio.get_running_loop()
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        peer.setblocking(False)
        receiver = Receiver()
        lost = asyncio.Event()
        receiver.connection_lost = lambda reason: (receiver.reasons.append(reason), lost.set())[1]  # type: ignore[method-assign, func-returns-value]
        transport = TcpTransport(loop, ours, BufferPool())
        receiver.answer = lambda frame: transport.send([bytes(frame)])
        transport.start(receiver)
        sent = payloads([0, 10, 5000, 200_000, MAX_FRAME, 7])
        stream = framed(*sent)
        sending = loop.create_task(loop.sock_sendall(peer, stream))
        found = bytearray()
        while len(found) < len(stream):
            found += await loop.sock_recv(peer, CHUNK)
        await sending
        assert found == stream
        transport.close()
        assert await loop.sock_recv(peer, 1) == b""
        peer.close()
        await lost.wait()
        assert receiver.reasons == ["closed by the server"]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(talk(), 20))


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("size", [100, 2 * RECEIVE_BUFFER])
def test_a_reset_behind_the_beginning_of_a_frame_ends_the_connection(
    new_loop: Callable[[], asyncio.AbstractEventLoop], size: int
) -> None:
    """uvloop tells of it once, while there is still something to receive, and never again: who asks finds it."""

    async def talk() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
        ours.setblocking(False)
        receiver = Receiver()
        transport = TcpTransport(asyncio.get_running_loop(), ours, BufferPool())
        transport.end_if_reset()
        peer.sendall(framed(payload(0, size))[:-10])
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
        peer.close()
        transport.start(receiver)
        while not transport.closed:  # the test ends after 20 seconds
            await asyncio.sleep(0.001)
            transport.end_if_reset()
        await asyncio.sleep(0)
        transport.end_if_reset()
        assert receiver.reasons == ["receive: Connection reset by peer"]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(talk(), 20))


def test_what_the_peer_has_not_taken_is_unacknowledged(line: Line) -> None:
    assert not line.transport.unacknowledged()
    line.transport.send([b"notice"])
    assert line.transport.unacknowledged()  # of a socket pair: not read yet; of TCP: not acknowledged
    assert line.read()
    assert not line.transport.unacknowledged()


def test_whether_more_waits(line: Line) -> None:
    """Behind the frame that is being handled: in the same receive, or in the kernel."""
    found: list[bool] = []
    line.receiver.answer = lambda _: found.append(line.transport.more_waits())
    line.feed(framed(b"alone"))
    line.feed(framed(b"one", b"two", b"three"))
    assert found == [False, True, True, False]
    found.clear()
    large = framed(bytes(2 * RECEIVE_BUFFER))
    line.feed(large)
    line.peer.send(large[: RECEIVE_BUFFER // 2])
    line.loop.readers[line.transport._fd]()
    line.feed(large[RECEIVE_BUFFER // 2 : -10])
    line.peer.send(large[-10:] + framed(b"next"))
    line.loop.run()
    assert found == [False, True, False]
    line.transport.abort("it has ended")
    assert not line.transport.more_waits()


def test_a_deep_queue_is_answered_in_turns(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "TURN_LIMIT", 4 * tcp.FRAME_WEIGHT)
    turns: list[int] = []
    go_on = line.transport._next_turn

    def counted() -> None:
        turns.append(len(line.receiver.frames))
        go_on()

    monkeypatch.setattr(line.transport, "_next_turn", counted)
    frames = [b"frame %03d" % number for number in range(50)]
    line.peer.send(b"".join(framed(frame) for frame in frames))
    line.loop.readers[line.transport._fd]()  # one event
    assert len(line.frames) == 5
    line.loop.run()
    assert line.frames == frames
    assert turns == list(range(5, 50, 5))


def test_large_replies_end_a_turn_sooner(line: Line) -> None:
    line.receiver.answer = lambda frame: line.transport.send([bytes(tcp.TURN_LIMIT // 2)])
    line.peer.send(b"".join(framed(b"frame") for _ in range(6)))
    line.loop.readers[line.transport._fd]()
    assert len(line.frames) == 2
    line.read()
    assert len(line.frames) == 6


def test_the_end_between_two_turns(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "TURN_LIMIT", 0)
    line.peer.send(b"".join(framed(b"frame") for _ in range(6)))
    line.loop.readers[line.transport._fd]()
    assert len(line.frames) == 1
    line.transport.pause()
    line.loop.run()
    assert len(line.frames) == 1
