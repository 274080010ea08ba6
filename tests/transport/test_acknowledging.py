"""A client that sends the length of a frame by itself does not wait for TCP's delayed acknowledgement."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import termios

import pytest

from smbserver.transport.buffer_pool import RECEIVE_BUFFER
from tests.transport.test_tcp import CHUNK, Line, framed


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux's")
@pytest.mark.parametrize(("length", "already"), [(100, 0), (100, 10), (2 * CHUNK + RECEIVE_BUFFER, 0)])
def test_the_beginning_of_a_frame_is_acknowledged_at_once(length: int, already: int) -> None:
    """A peer with Nagle's algorithm keeps the rest until then. What has not been acknowledged the kernel tells."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())

        def accepted(fd: int) -> socket.socket:
            os.close(fd)
            return server.accept()[0]

        line = Line(kind=accepted)
    line.peer.close()
    line.receiver.max_frame = length
    line.receiver.answer = lambda _: line.transport.send([b"answer"])
    frame = framed(bytes(length))

    def send_rest(rest: bytes) -> None:
        line.receiver.frames.clear()
        peer.sendall(rest)
        while not line.receiver.frames:
            line.loop.run()
        assert peer.recv(CHUNK) == framed(b"answer")

    for turn in range(30):  # TCP acknowledges at once at first, and not any more when it has seen answers
        send_rest(frame)
        peer.sendall(frame[: 4 + already])
        select.select([line.socket], [], [])
        line.loop.run()
        assert fcntl.ioctl(peer, termios.TIOCOUTQ, bytes(4)) == bytes(4), f"not acknowledged, turn {turn}"
        send_rest(frame[4 + already :])
    peer.close()
    line.transport.abort("done")
