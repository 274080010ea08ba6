"""TcpTransport with the end of a frame still in a file: the same bytes, in order, and every tail is given back once."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.connection.work import FileTail
from tests.transport.test_tcp import Line, framed, payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smbserver.transport.tcp import Tail

SIZE = 700_000


class Source:
    """An open file, and what has become of the tails made of it."""

    def __init__(self, path: Path) -> None:
        self.content = payload(1, SIZE)
        path.write_bytes(self.content)
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        self.made = 0
        self.done = 0

    def tail(self, offset: int, length: int) -> FileTail:
        """A piece of the file."""
        self.made += 1
        return FileTail(self.descriptor, offset, length, self._read, self._done)

    def _read(self, length: int, offset: int) -> bytes:
        return os.pread(self.descriptor, length, offset)

    def _done(self) -> None:
        self.done += 1

    def close(self) -> None:
        """Every tail must have been given back."""
        os.close(self.descriptor)
        assert self.done == self.made


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    made = Source(tmp_path / "file")
    yield made
    made.close()


def test_the_frame_is_head_and_tail(source: Source) -> None:
    line = Line()
    line.transport.send([b"head", b""], source.tail(5, 100_000))
    line.transport.send([b"next"])
    assert line.read() == framed(b"head" + source.content[5:100_005], b"next")
    line.close()


FRAMES = st.lists(
    st.tuples(
        st.lists(st.sampled_from([0, 1, 64, 9000]), max_size=3),
        st.none() | st.tuples(st.integers(0, SIZE - 1), st.integers(1, 200_000)),
    ),
    max_size=6,
)


@given(frames=FRAMES, buffer=st.sampled_from([1, 5000, 100_000]), in_one_event=st.booleans())
@settings(max_examples=40, deadline=None)
def test_short_sends_lose_and_reorder_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    frames: list[tuple[list[int], tuple[int, int] | None]],
    buffer: int,
    in_one_event: bool,
) -> None:
    source, line = Source(tmp_path_factory.mktemp("tails") / "file"), Line(buffer)
    expected = b""
    replies: list[tuple[list[bytes], Tail | None]] = []
    for sizes, piece in frames:
        parts = [payload(index, size) for index, size in enumerate(sizes)]
        whole = b"".join(parts)
        if piece is None:
            replies.append((parts, None))
        else:
            offset, length = piece[0], min(piece[1], SIZE - piece[0])
            replies.append((parts, source.tail(offset, length)))
            whole += source.content[offset : offset + length]
        expected += framed(whole)
    line.send(replies, in_one_event)
    assert line.read() == expected
    line.close()
    source.close()


def test_a_file_that_has_shrunk_ends_in_zeros(source: Source) -> None:
    line = Line(send_buffer=1)
    line.transport.send([b"head"], source.tail(0, 600_000))
    os.truncate(source.path, 10)
    got = line.read()
    assert len(got) == 4 + 4 + 600_000
    assert got[8:18] == source.content[:10]
    assert not any(got[-1000:])
    line.close()


def test_a_file_that_cannot_be_sent_is_read(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "not from here")

    line = Line()
    monkeypatch.setattr(os, "sendfile", refuse)
    line.transport.send([b"head"], source.tail(SIZE - 10, 100))  # and its end is not there
    assert line.read() == framed(b"head" + source.content[-10:] + bytes(90))
    line.close()


def test_a_failing_disk_ends_the_connection(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    line = Line()
    monkeypatch.setattr(os, "sendfile", fail)
    line.transport.send([b"head"], source.tail(0, 100))
    line.read()
    assert line.receiver.reasons == ["send: broken"]
    line.close()


def test_abort_gives_tails_back(source: Source) -> None:
    line = Line(send_buffer=1)
    line.transport.send([bytes(300_000)], source.tail(0, 1000))
    line.transport.send([b"x"], source.tail(0, 1000))
    line.transport.abort("enough")
    assert source.done == 2
    line.transport.send([b"too late"], source.tail(0, 1))
    assert source.done == 3
    line.close()
