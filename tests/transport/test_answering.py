"""When an answer leaves: while its request is still being handled, if nothing came behind that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_tcp import CHUNK, Line, framed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_an_answer_is_on_its_way_while_its_request_is_still_being_handled(line: Line) -> None:
    """If nothing came behind that request: the peer is being woken meanwhile."""
    seen: list[bytes] = []

    def answer(frame: memoryview) -> None:
        line.transport.send([bytes(frame)])
        try:
            seen.append(line.peer.recv(CHUNK))
        except BlockingIOError:
            seen.append(b"")

    line.receiver.answer = answer
    line.feed(framed(b"alone"))
    assert seen == [framed(b"alone")]
    line.feed(framed(b"first", b"last"))
    assert seen[1:] == [b"", framed(b"first", b"last")]
    line.feed(framed(b"whole", b"half of one")[:-4])
    assert (seen[3:], line.read()) == ([b""], framed(b"whole"))
    line.receiver.answer = lambda _: None
    line.feed(b" one")


def test_a_peer_that_is_gone_when_it_is_answered(line: Line) -> None:
    """The end is told once, and not from inside of the request."""
    inside: list[list[str]] = []

    def answer(frame: memoryview) -> None:
        line.peer.close()
        line.transport.send([bytes(frame)])
        inside.append(list(line.receiver.reasons))

    line.receiver.answer = answer
    line.feed(framed(b"the last one"))
    assert inside == [[]]
    assert line.transport.closed
    assert len(line.receiver.reasons) == 1
