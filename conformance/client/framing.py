"""Frames of the direct TCP transport ([MS-SMB2] 2.1) on a blocking socket, large ones without copies."""

import os
import socket
import struct
import time
from typing import Final

from .message import Buffer
from .protocol import ConnectionEnded, NoAnswer, ProtocolFailure

MAX_FRAME: Final = 0xFFFFFF
"""The length field has 24 bits."""
READ_AHEAD: Final = 64 * 1024
"""Bytes fetched beyond a small frame: several pipelined small replies arrive in one system call, and what may have to
be moved to the front of the buffer stays small."""
SPARE: Final = 16
"""Writable bytes guaranteed behind every frame, so that an authentication tag can be put behind its ciphertext."""


class FrameSocket:
    """A connected socket that gives one frame at a time."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        """Connects; `timeout` in seconds bounds the connect and, until changed, every wait for bytes."""
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(2 * READ_AHEAD)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self.timeout = 0.0
        self.set_timeout(timeout)

    def set_timeout(self, seconds: float) -> None:
        """Bounds every following wait; a blocking socket with a kernel timeout spares a poll() per receive."""
        if seconds == self.timeout:
            return
        self.timeout = seconds
        if os.name == "posix":
            self.socket.settimeout(None)
            packed = struct.pack("@ll", int(seconds), max(1, int(seconds % 1 * 1_000_000)))
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self.socket.setsockopt(socket.SOL_SOCKET, option, packed)
        else:
            self.socket.settimeout(seconds)

    def close(self) -> None:
        """Closes the socket; calling it again does nothing."""
        self.socket.close()

    def _receive(self, limit: int, flags: int = 0) -> None:
        """Receives at least one byte, at most up to `limit` in the buffer."""
        try:
            count = self.socket.recv_into(self._view[self._end : limit], limit - self._end, flags)
        except (TimeoutError, BlockingIOError):
            raise NoAnswer(f"nothing arrived for {self.timeout:g} s") from None
        except OSError as error:
            raise ConnectionEnded(str(error)) from error
        if count == 0:
            raise ConnectionEnded("the server closed the connection")
        self._end += count

    def _make_room(self, size: int) -> None:
        """Moves what is unread to the front when `size` bytes would not fit behind it; grows when it must."""
        if self._start + size + SPARE <= len(self._buffer):
            return
        unread = bytes(self._view[self._start : self._end])
        if size + SPARE > len(self._buffer):
            self._view.release()
            self._buffer = bytearray(size + SPARE)
            self._view = memoryview(self._buffer)
        self._view[: len(unread)] = unread
        self._start, self._end = 0, len(unread)

    def buffered(self) -> bool:
        """Whether unread bytes are at hand."""
        return self._end > self._start

    def next_frame(self) -> tuple[memoryview, int, int]:
        """The buffer and where the next frame begins and ends in it, without the length field.

        The bytes may be changed in place and stay valid until the next call. Raises ConnectionEnded, NoAnswer, or
        ProtocolFailure for a frame that does not begin as one.
        """
        if self._start == self._end:
            self._start = self._end = 0
        self._make_room(4 + READ_AHEAD)
        while self._end - self._start < 4:
            self._receive(self._start + 4 + READ_AHEAD)
        word = int.from_bytes(self._view[self._start : self._start + 4], "big")
        if word > MAX_FRAME:
            raise ProtocolFailure(f"a frame begins with {word >> 24:#x}")
        self._make_room(4 + word)
        end = self._start + 4 + word
        while self._end < end:
            self._receive(end, socket.MSG_WAITALL)
        begin = self._start + 4
        self._start = end
        return self._view, begin, end

    def send(self, *parts: Buffer) -> None:
        """Sends all the bytes of all parts, as they are. Raises ConnectionEnded or NoAnswer."""
        try:
            if len(parts) == 1:
                self.socket.sendall(parts[0])
                return
            views = [memoryview(part) for part in parts]
            while views:
                sent = self.socket.sendmsg(views)
                while views and sent >= len(views[0]):
                    sent -= len(views.pop(0))
                if views and sent:
                    views[0] = views[0][sent:]
        except (TimeoutError, BlockingIOError):
            raise NoAnswer(f"the server took no bytes for {self.timeout:g} s") from None
        except OSError as error:
            raise ConnectionEnded(str(error)) from error

    def closed_by_peer(self, seconds: float) -> bool:
        """Whether the server ends the connection within `seconds`; frames that arrive before that are dropped."""
        deadline = time.monotonic() + seconds
        before = self.timeout
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.set_timeout(left)
                self.next_frame()
        except ConnectionEnded:
            return True
        except NoAnswer:
            return False
        finally:
            self.set_timeout(before)
        return False
