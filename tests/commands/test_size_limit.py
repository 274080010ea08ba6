"""A share with a limit, over a whole server: what clients are told and refused, and that the share goes on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from struct import pack, unpack

import pytest

from conformance.client.protocol import CREATE_NEW, GENERIC_ALL, INFO_FILESYSTEM, OPEN_IF, OVERWRITE, StatusFailure
from conformance.client.session import Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend, measure
from smbserver.backend.size_limit import SizeLimited, SizeLimitedDisk
from smbserver.nt import status
from smbserver.objects.share import Share
from tests.commands.test_change_notify import Looker
from tests.commands.test_streams import change, get, put
from tests.harness import START, World

LIMIT = 100 * 1024
SIZE, FULL_SIZE, ALLOCATION, END_OF_FILE = 3, 7, 19, 20


@pytest.fixture(params=["posix", "memory"])
def world(request: pytest.FixtureRequest, share_folder: Path) -> Iterator[World]:
    """100 KiB, of which 4 are taken."""
    (share_folder / "before").write_bytes(bytes(4096))
    disk = PosixBackend(share_folder)
    store: SizeLimited = SizeLimitedDisk(disk, LIMIT, partial(measure, str(share_folder)), lambda: START)
    if request.param == "memory":
        store.close()
        memory = MemoryBackend(lambda: START)
        located = memory.locate(("before",))
        handle = memory.create_file(located, 0)
        handle.write(bytes(4096), 0)
        handle.close()
        store = SizeLimited(memory, LIMIT, memory.measure, lambda: START)
    made = World(share_folder, shares=[Share("data", store)])
    yield made
    made.close()


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


def left(tree: Tree) -> int:
    """Units of 1024 bytes by both classes."""
    with tree.open("before") as file:
        total, available, *unit = unpack("<QQII", file.query(INFO_FILESYSTEM, SIZE))
        full = unpack("<QQQII", file.query(INFO_FILESYSTEM, FULL_SIZE))
    assert (total, unit) == (LIMIT // 1024, [2, 512])
    assert full == (total, available, available, 2, 512)
    return int(available)


def test_a_write_beyond_it_is_disk_full(tree: Tree) -> None:
    assert left(tree) == 96
    with tree.open("file", access=GENERIC_ALL, disposition=CREATE_NEW) as file:
        file.write(0, b"x" * 65536)
        assert left(tree) == 32
        with pytest.raises(StatusFailure) as failure:
            file.write(65536, b"y" * 65536)
        assert failure.value.status == status.DISK_FULL
        assert change(file, END_OF_FILE, pack("<Q", LIMIT)) == status.DISK_FULL
        assert change(file, ALLOCATION, pack("<Q", LIMIT)) == status.DISK_FULL
        file.write(0, b"z" * 65536)
    assert get(tree, "file") == b"z" * 65536
    assert left(tree) == 32


def test_an_allocation_with_the_open_leaves_no_file(tree: Tree) -> None:
    with pytest.raises(StatusFailure) as failure:
        tree.open("file", access=GENERIC_ALL, disposition=CREATE_NEW, contexts=[(b"AlSi", pack("<Q", 1 << 20))])
    assert failure.value.status == status.DISK_FULL
    with pytest.raises(StatusFailure):
        tree.open("file")


def test_there_is_room_again(tree: Tree) -> None:
    put(tree, "file", bytes(65536))
    with tree.open("file", access=GENERIC_ALL, disposition=OVERWRITE):
        assert left(tree) == 96
    put(tree, "file", bytes(65536))
    with tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF) as file:
        assert change(file, 13, b"\1") == status.SUCCESS
    assert left(tree) == 96


def test_watchers_are_served(world: World, tree: Tree) -> None:
    looker = Looker(world.tree())
    put(tree, "file", b"x")
    assert (1, "file") in looker.news()
