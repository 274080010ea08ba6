"""--deferred-write-time: what a client sees after its writes, a flush, a change of size, the close. And without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack_from

import pytest

from conformance.client import queries
from conformance.client.protocol import GENERIC_ALL, INFO_FILE, OPEN_IF
from conformance.client.session import File
from smbserver.objects.server_state import Policy
from tests.harness import World

OLD = 130_000_000_000_000_000
POSTQUERY = 1


@pytest.fixture
def deferring(share_folder: Path) -> Iterator[World]:
    """A server with the option."""
    world = World(share_folder, policy=Policy(deferred_write_time=True))
    yield world
    world.close()


def opened(world: World) -> File:
    """A file last written long ago."""
    path = world.data / "file"
    path.touch()
    os.utime(path, ns=(10**18, 10**18))
    return world.tree().open("file", access=GENERIC_ALL, disposition=OPEN_IF)


def written(file: File) -> int:
    """The write time that the file's client sees."""
    return int(unpack_from("<4Q", file.query(INFO_FILE, 4))[2])


def test_at_once_without_the_option(world: World) -> None:
    file = opened(world)
    before = written(file)
    file.write(0, b"x")
    assert written(file) > before
    file.close()


def test_the_first_write_after_two_seconds(deferring: World) -> None:
    file = opened(deferring)
    before = written(file)
    file.write(0, b"x")
    assert written(file) == before
    other = deferring.tree().open("file", access=GENERIC_ALL)
    assert other.created.last_write_time == written(other) == before
    other.close()
    assert written(file) == before
    deferring.runtime.advance(2)
    assert written(file) > before
    file.close()


def test_later_writes_at_the_close(deferring: World) -> None:
    file = opened(deferring)
    file.write(0, b"x")
    deferring.runtime.advance(3)
    first = written(file)
    file.write(0, b"y")
    assert written(file) == first
    deferring.runtime.advance(3)
    assert written(file) == first
    assert file.close(POSTQUERY).last_write_time == deferring.runtime.now()


@pytest.mark.parametrize("how", ["flush", "end of file", "allocation", "basic"])
def test_what_ends_the_wait(deferring: World, how: str) -> None:
    file = opened(deferring)
    before = written(file)
    file.write(0, b"x")
    if how == "flush":
        file.flush()
    elif how == "basic":
        file.set(INFO_FILE, 4, queries.basic_data())
    else:
        file.set(INFO_FILE, 20 if how == "end of file" else 19, pack("<Q", 1))
    seen = written(file)
    assert seen > before
    assert file.close(POSTQUERY).last_write_time == seen


def test_a_set_write_time_is_no_matter_of_waiting(deferring: World) -> None:
    file = opened(deferring)
    file.set(INFO_FILE, 4, queries.basic_data(written=OLD))
    file.write(0, b"x")
    assert written(file) == OLD
    deferring.runtime.advance(3)
    assert written(file) == OLD
    assert file.close(POSTQUERY).last_write_time == OLD


def test_a_lost_client_settles_too(deferring: World) -> None:
    file = opened(deferring)
    file.write(0, b"x")
    deferring.runtime.advance(3)
    file.write(0, b"y")
    file.tree.session.close()
    now = deferring.runtime.now()
    assert abs((deferring.data / "file").stat().st_mtime_ns // 100 + 116_444_736_000_000_000 - now) <= 1
