"""SRV_SNAPSHOT_ARRAY: none, all, and too many for the room there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import snapshots as wire
from tests.wire.checks import accepted, quick, tolerate

NAME = "@GMT-2026.01.02-03.04.05"


def test_none() -> None:
    """[MS-SMB2] 2.2.32.2 and note 383: two bytes for no names; 16 bytes is the least a client has room for."""
    data = memoryview(wire.encode([], 4096))
    assert data == bytes.fromhex("00000000 00000000 02000000 00000000")
    assert wire.decode(data) == wire.SnapshotArray(0, 0, 2, ())


def test_the_first_question_has_room_for_the_size_only() -> None:
    listed = 2 * (2 * 25 + 1)
    for room in (wire.MINIMUM, wire.ARRAY.size + listed - 1):
        data = wire.encode([NAME, NAME], room)
        assert len(data) == 16
        assert wire.decode(memoryview(data)) == wire.SnapshotArray(2, 0, listed, ())
    data = wire.encode([NAME, NAME], wire.ARRAY.size + listed)
    assert wire.decode(memoryview(data)) == wire.SnapshotArray(2, 2, listed, (NAME, NAME))
    assert data[12:].decode("utf-16-le") == f"{NAME}\0{NAME}\0\0"


def test_lies_are_refused() -> None:
    listed = f"{NAME}\0{NAME}\0\0".encode("utf-16-le")
    data = memoryview(wire.ARRAY.pack(3, 2, len(listed)) + listed)
    assert wire.decode(data) == wire.SnapshotArray(3, 2, len(listed), (NAME, NAME))
    assert accepted(wire.decode, data) == [len(data)]
    for size in (len(listed) - 2, len(listed) - 1, len(listed) + 2, 0, 0xFFFFFFFE):
        with pytest.raises(WireError):
            wire.decode(memoryview(wire.ARRAY.pack(3, 2, size) + listed))


@quick
@given(st.integers(0, 20), st.integers(16, 2000))
def test_never_more_than_there_is_room_for(count: int, room: int) -> None:
    data = wire.encode([NAME] * count, room)
    assert len(data) <= room
    decoded = wire.decode(memoryview(data))
    assert decoded.number == count
    assert decoded.returned in (0, count)


@quick
@given(st.binary(max_size=80))
def test_rubbish(junk: bytes) -> None:
    tolerate(wire.decode, memoryview(junk))
