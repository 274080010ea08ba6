"""One TCP connection as frames: receive buffer, send queue, back pressure ([MS-SMB2] 2.1).

Theory of operation. The socket is non-blocking and watched by the event loop. One readiness event is one `recv_into`;
all complete frames in the buffer are handed over, and what they made us owe is sent with one call behind the last.
All connections receive into one buffer, and small frames are copied out of it, so nobody can hold a view into it
and an idle connection costs none; the beginning of an unfinished frame is kept until the rest comes. A frame that does
not fit gets a buffer of its own and is received straight into that; behind it another one of its size is expected, and
received where it can stay from its first byte. When the peer does not take what we send, reading stops until it does: a
client cannot make us queue more than QUEUE_LIMIT plus one frame's replies.

A client that asks one thing after the other is waited for between its requests, if it was quick before and nobody else
was served meanwhile: to look a while whether something came costs less than to sleep and to be woken with cold caches.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import select
import socket
import termios
from collections import deque
from collections.abc import Callable, Collection, Iterable
from itertools import islice, takewhile
from struct import Struct
from typing import Final, Protocol, cast

from smbserver.transport.buffer_pool import RECEIVE_BUFFER, BufferPool

Buffer = bytes | bytearray | memoryview

# More is not begun while this much is owed: the loop would be away from sending it. What the line needs to stay busy is
# in the kernel's buffer (transcript 0048).
QUEUE_LIMIT: Final = 2 * 1024 * 1024
FLUSH_AT: Final = 512 * 1024  # inside one event: send when this much is owed, so that the kernel gets work early
BUFFERS_PER_CALL: Final = 256  # below IOV_MAX (1024) everywhere
# One event answers about this much before the other connections have their turn: a millisecond or two. A deep queue of
# large reads would otherwise be answered as a whole, for as long as its client takes the replies.
TURN_LIMIT: Final = 2 * 1024 * 1024
FRAME_WEIGHT: Final = 32 * 1024  # what a frame counts for besides the bytes of its reply
TRIES: Final = 120  # looks for the next request: some 60 us, in which 99 of 100 came (transcripts 0034, 0047, 0058)
UNTRIED_FROM: Final = 512 * 1024  # the next frame of this size takes longer to make than we try (transcript 0049)
IN_A_ROW: Final = 16  # requests received so; then the loop looks for everybody else's
# Events without tries, behind tries in vain. Four times as many each time, up to this, and a quarter less for each
# success: who is waited for in vain more than once in six is soon waited for no more.
MOST_SKIPPED: Final = 1024
JOIN_UP_TO: Final = 16 * 1024  # what is owed is sent as one copy: cheaper than the kernel's list of its parts
FRAME_HEADER: Final = 4
LARGE: Final = RECEIVE_BUFFER - FRAME_HEADER  # a larger frame has a buffer of its own
# A frame up to this size, a MiB and its headers, is expected behind another one; what comes instead is kept meanwhile.
EXPECT_UP_TO: Final = 1024 * 1024 + 1024
ROOM: Final = 16  # bytes behind a large frame, for a receiver that has to put something there
_LENGTH: Final = Struct(">I")
_BUFFERS: Final = (bytes, bytearray, memoryview)
_QUICKACK: Final[int] = getattr(socket, "TCP_QUICKACK", 0)
_MSG_MORE: Final[int] = getattr(socket, "MSG_MORE", 0)  # Linux: the rest of the frame follows, wait for it
# From some file systems nothing can be sent directly.
_NOT_FROM_THIS_FILE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
LINGER: Final = 0.5  # seconds; a peer that has our last replies by then either closes or does not care
_INT = Struct("i")


class Tail(Protocol):
    """The end of a frame that is still in a file; `length` bytes at `offset` of `descriptor` are left to send."""

    descriptor: int
    offset: int
    length: int

    @property
    def read(self) -> Callable[[int, int], Buffer]:
        """(length, offset) to bytes, where the kernel cannot send from this file."""

    @property
    def done(self) -> Callable[[], None]:
        """Called once, when it is sent or dropped."""


class FrameReceiver(Protocol):
    """What a transport talks to."""

    @property
    def max_frame(self) -> int:
        """The largest frame now allowed, in bytes: small before login."""

    def frame_received(self, frame: memoryview, wider: memoryview | None = None) -> None:
        """A whole frame; the view stays valid as long as it is kept.

        `wider`, of a large frame, is the same with ROOM bytes behind it that are nobody's.
        """

    def connection_lost(self, reason: str) -> None:
        """The connection is over. Called once, last."""


class FrameTransport(Protocol):
    """A transport as those know it who use one. See TcpTransport for each."""

    @property
    def sends_tails(self) -> bool:
        """Whether it can send what is still in a file."""

    @property
    def owes(self) -> bool:
        """Whether replies are waiting for the peer to take them."""

    def send(self, buffers: Collection[Buffer], tail: Tail | None = None) -> None:
        """Queue one frame given in parts."""

    def unacknowledged(self) -> bool:
        """Whether something that was sent has not arrived at the peer yet."""

    def more_waits(self) -> bool:
        """Whether more was received than what has been delivered."""

    def pause(self) -> None:
        """Deliver nothing more."""

    def close(self) -> None:
        """End the connection when what is queued has been sent."""

    def end_if_reset(self) -> None:
        """End the connection if its peer has."""

    def abort(self, reason: str) -> None:
        """End the connection now."""


class TcpTransport:
    """Owns a connected, non-blocking socket. All methods belong to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, pool: BufferPool) -> None:
        self._loop = loop
        self._pool = pool
        self._socket = sock
        self._fd = sock.fileno()
        looks = select.poll()
        looks.register(self._fd, select.POLLIN)
        self._poll = looks.poll  # to receive in vain would be an exception, and costs three times as much
        self._receiver: FrameReceiver | None = None
        self._rest = b""  # received and not yet handed over: part of a frame, or frames that back pressure holds up
        self._large: memoryview | None = None
        self._wider: memoryview | None = None  # the same with ROOM behind it
        self._large_have = 0
        self._expected = 0  # bytes of the large frame that came last, if nothing else came since
        self._owed: list[Buffer] = []  # what the queue will get before the next call to send
        self._queue: deque[Buffer | Tail] = deque()
        self._tails = 0  # how many of them are in the queue
        self._queued = 0  # bytes, what is owed among them
        self._answered = 0  # in this turn
        self._turn_is_over = False  # what was received waits for the next one
        self._is_last = True  # nothing is in the buffer behind the frame that is delivered
        self._in_batch = False
        self._skip = 0  # so many events are not followed by tries
        self._skip_next = 1  # and so many when tries were in vain
        self._reading = False
        self._writing = False
        self._closing = False
        self._draining = False
        self._linger: asyncio.TimerHandle | None = None
        self.closed = False
        self.sends_tails = True

    @property
    def owes(self) -> bool:
        """Whether replies are waiting for the peer to take them."""
        return self._queued > 0

    def unacknowledged(self) -> bool:
        """Whether something that was sent has not arrived at the peer's TCP yet."""
        if self.closed or self.owes:
            return True
        try:
            return bool(_INT.unpack(fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(_INT.size)))[0])
        except OSError:  # a socket that has no such count
            return False

    def more_waits(self) -> bool:
        """Whether more was received than what has been delivered, by us or by the kernel."""
        if not self._is_last:
            return True
        try:
            return bool(_INT.unpack(fcntl.ioctl(self._fd, termios.FIONREAD, bytes(_INT.size)))[0])
        except OSError:  # it has ended
            return False

    def start(self, receiver: FrameReceiver) -> None:
        """Begin to read, delivering to `receiver`."""
        self._receiver = receiver
        self._resume()

    def send(self, buffers: Collection[Buffer], tail: Tail | None = None) -> None:
        """Queue one frame given in parts. Nothing happens on a closed connection."""
        if self.closed or self._closing:
            if tail is not None:
                tail.done()
            return
        length = 0 if tail is None else tail.length
        for part in buffers:
            length += len(part)
        self._owed.append(_LENGTH.pack(length))
        self._owed += buffers
        self._queued += length + FRAME_HEADER
        if tail is not None:
            self._queue_owed()
            self._queue.append(tail)
            self._tails += 1
        self._answered += length
        # Behind the last frame now, not at the end of the batch: while the peer wakes we return and free what it was.
        if not self._writing and (self._is_last or not self._in_batch or self._queued >= FLUSH_AT):
            self._flush()

    def _queue_owed(self) -> None:
        """Not later than when something else is queued behind it."""
        if not self._queue and self._queued <= JOIN_UP_TO:  # a tail counts whole: its frame is not a small one
            self._queue.append(b"".join(self._owed))
        else:
            self._queue.extend(self._owed)
        self._owed.clear()

    def pause(self) -> None:
        """Take no more frames; what was received is still answered."""
        self._draining = True
        self._pause()

    def close(self) -> None:
        """Send what is queued, then end the connection. Reading stops at once."""
        if self.closed or self._closing:
            return
        self._closing = True
        self._pause()
        if not self.owes:
            self._shut_down()

    def _shut_down(self) -> None:
        """Everything is sent. Closing with unread bytes would be a reset, and cost the peer replies it has not read."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.abort(f"shutdown: {error.strerror}")
            return
        self._loop.add_reader(self._fd, self._discard)
        self._reading = True
        self._linger = self._loop.call_later(LINGER, self.abort, "closed by the server")

    def _discard(self) -> None:
        try:
            count = self._socket.recv_into(self._pool.receive_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.abort(f"receive: {error.strerror}")
            return
        if count == 0:
            self.abort("closed by the server")

    def end_if_reset(self) -> None:
        """Abort what the peer has reset. To be called now and then.

        libuv tells of an error of a socket once and watches it no more. If something was left to receive just then, the
        rest of a frame that is not whole, the error is behind it and nobody would ever see it.
        """
        if not self.closed and (code := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            self.abort(f"receive: {os.strerror(code)}")

    def abort(self, reason: str) -> None:
        """End the connection now; what is queued is dropped."""
        if self.closed:
            return
        self.closed = True
        if self._linger is not None:
            self._linger.cancel()
        self._pause()
        if self._writing:
            self._loop.remove_writer(self._fd)
            self._writing = False
        self._drop_queue()
        self._socket.close()
        if self._receiver is not None:
            self._loop.call_soon(self._receiver.connection_lost, reason)

    def _pause(self) -> None:
        if self._reading:
            self._loop.remove_reader(self._fd)
            self._reading = False

    def _resume(self) -> None:
        if not self._reading and not self.closed and not self._closing and not self._draining:
            self._loop.add_reader(self._fd, self._readable)
            self._reading = True

    def _readable(self) -> None:
        if self._turn_is_over:  # what there is already comes first, in `_next_turn`
            return
        self._serve()
        if self._pool.last_served != self._fd:  # there is more than one to serve: the loop knows who is next
            self._pool.last_served = self._fd
        elif self._skip:
            self._skip -= 1
        else:
            self._wait_for_more()

    def _wait_for_more(self) -> None:
        """Serve the requests that come while we try, and note whether they did."""
        poll = self._poll
        for _ in range(IN_A_ROW):
            # The pieces of a large frame grow while we sleep, and who does not take our replies asks for nothing.
            if self._queued or self._large is not None or self._expected > UNTRIED_FROM:
                return
            if self._turn_is_over or self._closing or not self._reading:
                return
            for _ in range(TRIES):
                if poll(0):
                    break
            else:
                self._skip = self._skip_next
                self._skip_next = min(4 * self._skip_next, MOST_SKIPPED)
                return
            self._serve()
            if self._skip_next > 1:
                self._skip_next = self._skip_next * 3 // 4

    def _serve(self) -> None:
        """Take what there is and send the answers."""
        self._in_batch = True
        try:
            self._receive()
        finally:
            self._in_batch = False
            if self._queued and not self._writing and not self.closed:
                self._flush()

    def _receive(self) -> None:
        shared, rest = self._pool.receive_buffer, self._rest
        if self._large is not None:
            target = self._large[self._large_have :]
        elif rest:
            shared[: len(rest)] = rest
            target = shared[len(rest) :]
        elif self._expected and self._queued <= QUEUE_LIMIT:
            self._receive_expected()
            return
        else:
            target = shared
        count = self._receive_into(target)
        if not count:
            return
        if self._large is None:
            self._take_frames(shared, len(rest) + count)
            return
        self._large_have += count
        if self._large_have == len(self._large):
            self._is_last = True
            self._hand_over_large()

    def _receive_expected(self) -> None:
        """Large frames come in rows: receive another one like the last where it can stay, instead of its beginning."""
        size = self._expected
        room = self._pool.take(FRAME_HEADER + size + ROOM)
        count = self._receive_into(room[: FRAME_HEADER + size])
        if not count:
            return
        assert self._receiver is not None
        if count < FRAME_HEADER or _LENGTH.unpack_from(room)[0] != size or size > self._receiver.max_frame:
            self._expected = 0
            self._take_frames(room, count)
            return
        self._wider = room[FRAME_HEADER:]
        self._large = self._wider[:size]
        self._large_have = count - FRAME_HEADER
        if self._large_have == size:
            self._is_last = True
            self._hand_over_large()
        elif not self._large_have:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Tell the peer now what has come. Who sends a length by itself, as smb-rs does, and has not turned Nagle's
        algorithm off, keeps the frame until then: 40 ms later for each request.
        """
        if _QUICKACK:
            with contextlib.suppress(OSError):  # no TCP, or its end: the next receive will say so
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _receive_into(self, target: memoryview) -> int:
        """How many bytes came; 0 for none yet, or for the end of the connection, which is told."""
        try:
            count = self._socket.recv_into(target)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self.abort(f"receive: {error.strerror}")
            return 0
        if count == 0:
            self.abort("closed by the client")
        return count

    def _hand_over_large(self) -> None:
        assert self._receiver is not None
        assert self._large is not None
        frame, self._large = self._large, None
        wider, self._wider = self._wider, None
        self._expected = len(frame) if len(frame) <= EXPECT_UP_TO else 0
        self._receiver.frame_received(frame, wider)

    def _take_frames(self, received: memoryview, end: int) -> None:
        """Hand over every complete frame of what was received, as long as the peer takes our replies."""
        assert self._receiver is not None
        start = self._answered = 0
        while end - start >= FRAME_HEADER and not self.closed and not self._closing:
            if self._queued > QUEUE_LIMIT or self._draining:
                self._pause()
                break
            if self._answered > TURN_LIMIT:
                self._turn_is_over = True
                self._loop.call_soon(self._next_turn)
                break
            self._answered += FRAME_WEIGHT
            length: int = _LENGTH.unpack_from(received, start)[0]
            body = start + FRAME_HEADER
            if length > LARGE:
                if length > self._receiver.max_frame:  # also catches a type byte other than 0
                    self.abort(f"frame of {length} bytes")
                    return
                start = min(end, body + length)
                self._begin_large(received[body:start], length)
                if self._large_have == length:
                    self._is_last = start == end
                    self._hand_over_large()
                elif not self._large_have:
                    self._acknowledge()
            elif end - body >= length:
                start = body + length
                self._is_last = start == end
                self._receiver.frame_received(memoryview(received[body:start].tobytes()))
            elif length > self._receiver.max_frame:
                self.abort(f"frame of {length} bytes")
                return
            else:
                self._acknowledge()
                break
        self._rest = received[start:end].tobytes() if start < end else b""

    def _begin_large(self, beginning: memoryview, length: int) -> None:
        self._wider = self._pool.take(length + ROOM)
        self._large = self._wider[:length]
        self._large_have = len(beginning)
        self._large[: self._large_have] = beginning

    def _flush(self) -> None:
        queue = self._queue
        if self._owed:
            self._queue_owed()
        while queue:
            try:
                if self._tails:
                    self._send_with_tails()
                elif len(queue) == 1:
                    count = self._socket.send(queue[0])  # type: ignore[arg-type]  # no tails, so all are buffers
                    if count == self._queued:
                        self._queued = 0
                        queue.clear()
                        break
                    self._sent(count)
                else:
                    self._sent(self._socket.sendmsg(_first(queue)))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self.abort(f"send: {error.strerror}")
                return
        if queue and not self._writing:
            self._loop.add_writer(self._fd, self._writable)
            self._writing = True
        elif not queue and self._closing and self._linger is None:
            self._shut_down()

    def _sent(self, count: int) -> None:
        """Take bytes that the kernel has taken off the queue; there are buffers for all of them in front."""
        queue = self._queue
        self._queued -= count
        if not self._queued:
            queue.clear()
            return
        while queue and isinstance(first := queue[0], _BUFFERS):
            if count < len(first):
                queue[0] = memoryview(first)[count:]
                return
            count -= len(first)
            queue.popleft()

    def _send_with_tails(self) -> None:
        """Send the buffers up to the first tail, or some of the tail."""
        first = self._queue[0]
        if isinstance(first, _BUFFERS):
            ahead = [*takewhile(lambda part: isinstance(part, _BUFFERS), islice(self._queue, BUFFERS_PER_CALL))]
            flags = _MSG_MORE if len(ahead) < len(self._queue) else 0
            self._sent(self._socket.sendmsg(cast("list[Buffer]", ahead), (), flags))
            return
        try:
            count = os.sendfile(self._fd, first.descriptor, first.offset, first.length)
        except OSError as error:
            if error.errno not in _NOT_FROM_THIS_FILE:
                raise
            self._end_tail(first.read(first.length, first.offset))
            return
        if not count:  # the file has become shorter since its length was promised
            self._end_tail(bytes(first.length))
            return
        first.offset += count
        first.length -= count
        self._queued -= count
        if not first.length:
            self._end_tail()

    def _end_tail(self, instead: Buffer = b"") -> None:
        """Take the tail in front off the queue; bytes may take its place."""
        tail = self._queue.popleft()
        assert not isinstance(tail, _BUFFERS)
        self._tails -= 1
        missing = tail.length - len(instead)
        if tail.length:
            self._queue.appendleft(b"".join((instead, bytes(missing))) if missing else instead)
        tail.done()

    def _drop_queue(self) -> None:
        """Nothing of it will be sent."""
        dropped, self._queue = self._queue, deque()
        self._tails = self._queued = 0
        self._owed.clear()
        for part in dropped:
            if not isinstance(part, _BUFFERS):
                part.done()

    def _writable(self) -> None:
        self._flush()
        if self.closed:
            return
        if not self._queue:
            self._loop.remove_writer(self._fd)
            self._writing = False
        if not self._reading and self._queued <= QUEUE_LIMIT // 2:
            self._resume()
            if self._reading:
                self._take_waiting()

    def _next_turn(self) -> None:
        self._turn_is_over = False
        if self._reading:
            self._take_waiting()

    def _take_waiting(self) -> None:
        """Frames may be waiting in the buffer, and no event will tell of them."""
        self._in_batch = True
        try:
            self._take_frames(memoryview(self._rest), len(self._rest))
        finally:
            self._in_batch = False
        if self._queued and not self._writing and not self.closed:
            self._flush()


def _first(queue: "deque[Buffer | Tail]") -> "Iterable[Buffer]":
    """As many buffers as one call takes, of a queue without tails."""
    return cast("Iterable[Buffer]", queue if len(queue) <= BUFFERS_PER_CALL else islice(queue, BUFFERS_PER_CALL))
