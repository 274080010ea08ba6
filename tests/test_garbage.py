"""What a request leaves behind is freed with its last reference: nothing waits for the garbage collector.

A cycle for each open would cost the collector a tenth of what the open itself costs, and keep its memory meanwhile.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

import pytest

from conformance.client import commands, queries
from conformance.client.protocol import (
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN,
    READ_ATTRIBUTES,
    RELATED_FILE_ID,
)
from conformance.client.session import Options
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from tests.harness import World, frames_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.client.session import File, Tree

SIZE: Final = 1280 * 1024  # for which READ and WRITE have ways of their own
DELETE: Final = 0x10000
DELETE_ON_CLOSE: Final = 0x1000
EXCLUSIVE: Final = 0x12  # and fail at once
REPEATS: Final = 5


def look(tree: Tree) -> None:
    """Open, FileAllInformation, close, in one frame."""
    requests = [
        commands.create("file", access=READ_ATTRIBUTES, disposition=OPEN),
        queries.query_info(RELATED_FILE_ID, 1, 18, 4096),
        commands.close(RELATED_FILE_ID),
    ]
    assert all(reply.status == 0 for reply in tree.call_compound(requests))


def miss(tree: Tree) -> None:
    """A name that is not there."""
    assert tree.call(commands.create("none", access=GENERIC_READ, disposition=OPEN)).status == (
        status.OBJECT_NAME_NOT_FOUND
    )


def refuse_sharing(tree: Tree) -> None:
    """An open that shares nothing, and one that fails for it."""
    with tree.open("file", access=GENERIC_READ, share=0):
        second = tree.call(commands.create("file", access=GENERIC_READ, disposition=OPEN))
        assert second.status == status.SHARING_VIOLATION


def transfer(tree: Tree) -> None:
    """Write, flush and read."""
    with tree.open("file", access=GENERIC_READ | GENERIC_WRITE) as file:
        file.write(0, b"some data")
        file.flush()
        assert file.read(0, 4) == b"some"


def make_and_delete(tree: Tree) -> None:
    """A new file, gone with its close."""
    tree.create("new").close()
    tree.open("new", access=DELETE, options=DELETE_ON_CLOSE).close()


def enumerate_all(tree: Tree) -> None:
    """A directory from its beginning to its end."""
    tree.list_directory()


def lock_and_conflict(tree: Tree) -> None:
    """A lock, and one that is refused."""
    with tree.open("file") as file, tree.open("file") as other:
        file.lock(0, 10, EXCLUSIVE)
        assert tree.call(commands.lock(other.file_id, [(5, 1, EXCLUSIVE)])).status == status.LOCK_NOT_GRANTED


def watch_and_close(tree: Tree) -> None:
    """A change notification that ends with its directory."""
    folder = tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE)
    asked = tree.submit(queries.change_notify(folder.file_id))
    folder.close()
    assert tree.session.connection.wait(asked).status == status.NOTIFY_CLEANUP


def rename_back(tree: Tree) -> None:
    """To another name and back."""
    with tree.open("file", access=DELETE) as file:
        file.set(1, 10, queries.rename_data("other"))
        file.set(1, 10, queries.rename_data("file"))


@pytest.mark.parametrize(
    "act",
    [
        look,
        miss,
        refuse_sharing,
        transfer,
        make_and_delete,
        enumerate_all,
        lock_and_conflict,
        watch_and_close,
        rename_back,
    ],
)
def test_nothing_waits_for_the_collector(world: World, act: Callable[[Tree], None]) -> None:
    (world.data / "file").write_bytes(bytes(100))
    tree = world.tree()
    assert not left_by(lambda: act(tree))


def read_in_a_row(file: File) -> list[int]:
    """Two READs that a thread takes, and one that the loop reads meanwhile."""
    transport = frames_of(file.tree.session.connection).transport
    transport.more = True
    asked = [file.tree.submit(commands.read(file.file_id, offset, SIZE)) for offset in (0, 1)]
    transport.more = False
    return [*asked, file.tree.submit(commands.read(file.file_id, 2, SIZE))]


def write_in_a_row(file: File) -> list[int]:
    """Two WRITEs that a thread takes, and a FLUSH behind them."""
    frames_of(file.tree.session.connection).transport.more = True
    asked = [file.tree.submit(commands.write(file.file_id, offset, bytes(SIZE))) for offset in (0, 1)]
    return [*asked, file.tree.submit(commands.flush(file.file_id))]


@pytest.mark.parametrize(
    ("act", "options"),
    [
        (read_in_a_row, Options(signing=True)),
        (read_in_a_row, Options(encryption=True)),
        (write_in_a_row, None),
    ],
)
def test_nothing_of_what_threads_did_waits_for_it(
    share_folder: Path, act: Callable[[File], list[int]], options: Options | None
) -> None:
    world = World(share_folder, policy=Policy(signing_required=False))
    (world.data / "file").write_bytes(bytes(SIZE + 10))
    world.runtime.hold_offloaded = True

    def in_threads() -> None:
        asked = act(file)
        assert world.runtime.offloaded
        world.runtime.run_offloaded()
        assert all(file.tree.session.connection.wait(message).status == 0 for message in asked)

    try:
        file = world.tree(options=options).open("file", access=GENERIC_ALL)
        assert not left_by(in_threads)
    finally:
        world.close()


def left_by(act: Callable[[], None]) -> int:
    """How many objects the collector finds after some repeats."""
    act()  # what is made once is made now
    gc.collect()
    gc.disable()
    try:
        for _ in range(REPEATS):
            act()
        return gc.collect()
    finally:
        gc.enable()
