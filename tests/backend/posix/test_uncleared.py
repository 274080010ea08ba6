"""Buffers that are not cleared: as long as asked for, theirs who asked, and never longer than what was read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from smbserver.backend.posix import uncleared as module
from smbserver.backend.posix.uncleared import uncleared

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1 << 20, 8 << 20]


@pytest.mark.parametrize("size", SIZES)
def test_it_has_its_length_and_can_be_written(size: int) -> None:
    buffer = uncleared(size)
    assert type(buffer) is bytearray
    assert len(buffer) == size
    buffer[:] = b"\x55" * size
    assert bytes(buffer) == b"\x55" * size


def test_it_is_a_bytearray_like_any_other() -> None:
    """Shortened, made longer, viewed."""
    buffer = uncleared(1 << 20)
    buffer[:] = b"\x01" * (1 << 20)
    del buffer[1000:]
    buffer += b"\x02" * (1 << 20)
    assert buffer == b"\x01" * 1000 + b"\x02" * (1 << 20)
    with memoryview(buffer) as view, pytest.raises(BufferError):
        buffer.append(view[0])


def test_two_of_them_are_two() -> None:
    one, other = uncleared(1 << 20), uncleared(1 << 20)
    one[:] = b"\x01" * (1 << 20)
    other[:] = b"\x02" * (1 << 20)
    assert one.count(1) == other.count(2) == 1 << 20


def test_a_short_read_shows_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    buffer = uncleared(1 << 20)
    descriptor = os.open(path, os.O_RDONLY)
    count = os.preadv(descriptor, [buffer], 0)
    os.close(descriptor)
    del buffer[count:]
    assert buffer == b"abc"


@pytest.mark.pure(reason="replaces a name of a compiled module")
@pytest.mark.parametrize("size", SIZES)
def test_where_python_offers_none_it_is_an_ordinary_one(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_uncleared", None)
    assert uncleared(size) == bytes(size)
