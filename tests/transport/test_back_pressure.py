"""What is begun for a peer that has not taken yet what it is owed: nothing, however its requests come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smbserver.transport.tcp import QUEUE_LIMIT

from .test_tcp import CHUNK, Line, framed


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


@pytest.mark.parametrize("segments", [[framed(b"one"), framed(b"two")], [framed(b"one", b"two")]], ids=["two", "one"])
def test_nothing_more_is_begun_while_a_large_reply_goes_out(line: Line, segments: list[bytes]) -> None:
    """smbclient asks for the next 8 MiB while it takes these: to sign the next would keep the rest of these from it."""
    size = 8 * 1024 * 1024
    line.receiver.answer = lambda frame: line.transport.send([bytes(size)])
    for segment in segments:
        line.feed(segment)
    line.loop.run()
    assert line.frames == [b"one"]
    taken = 0
    while line.frames == [b"one"]:
        taken += len(line.peer.recv(CHUNK))
        line.loop.run()
    assert size - 2 * QUEUE_LIMIT < taken <= size
    assert taken + len(line.read()) == 2 * (size + 4)
