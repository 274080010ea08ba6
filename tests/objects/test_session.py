"""What a session, its trees and its opens leave behind when they end: nothing, in whatever order it happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.client import commands
from conformance.client.protocol import DELETE_ON_CLOSE, GENERIC_READ, OPEN_IF
from conformance.client.session import Session
from smbserver.nt import status
from tests.harness import World

ALL_ACCESS = 0x12019F | 0x10000


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_tree_ids_and_file_ids_are_never_given_twice(world: World) -> None:
    session = world.log_on()
    trees, files = set(), set()
    for _ in range(20):
        tree = session.tree("data")
        file = tree.open("file", access=ALL_ACCESS, disposition=OPEN_IF)
        trees.add(tree.tree_id)
        files.add(file.file_id)
        file.close()
        tree.disconnect()
    assert len(trees) == len(files) == 20
    assert 0 not in trees


def test_session_ids_are_neither_zero_nor_all_ones_nor_in_use(world: World) -> None:
    drawn = iter([bytes(4), b"\xff" * 4, b"\x05" + bytes(3), b"\x05" + bytes(3), b"\x06" + bytes(3)])
    world.state.runtime.random = lambda count: next(drawn)  # type: ignore[method-assign]  # a fake for this test
    first = world.state.new_session_id()
    assert first not in (0, 2**64 - 1)
    second = world.state.new_session_id()
    assert second == 5


def test_a_tree_takes_its_own_opens_with_it_and_no_others(world: World) -> None:
    session = world.log_on()
    one, two = session.tree("data"), session.tree("data")
    first = one.open("first", access=ALL_ACCESS, disposition=OPEN_IF)
    second = two.open("second", access=ALL_ACCESS, disposition=OPEN_IF)
    one.disconnect()
    assert session.call(two.request(commands.read(first.file_id, 0, 1))).status == status.FILE_CLOSED
    second.write(0, b"still here")
    assert len(world.state.files) == 1


@pytest.mark.parametrize("end", ["close", "disconnect", "logoff", "cut"])
@pytest.mark.parametrize("busy", [False, True])
def test_every_end_closes_files_and_deletes_what_was_to_go(world: World, end: str, busy: bool) -> None:
    before = descriptors()
    session: Session = world.log_on()
    tree = session.tree("data")
    file = tree.open("file", access=ALL_ACCESS, disposition=OPEN_IF, options=DELETE_ON_CLOSE)
    folder = tree.open("", access=GENERIC_READ, options=1)
    folder.list_directory(length=300)
    if busy:
        world.runtime.hold_offloaded = True
        tree.submit(commands.flush(file.file_id))
    if end == "close":
        tree.submit(commands.close(file.file_id))
        tree.submit(commands.close(folder.file_id))
    elif end == "disconnect":
        tree.submit(commands.tree_disconnect())
    elif end == "logoff":
        tree.submit(commands.logoff())
    else:
        session.close()
    assert not (world.data / "file").exists()
    assert not len(world.state.files)
    world.runtime.run_offloaded()
    session.close()
    assert descriptors() <= before


def test_shares_are_found_in_any_case_and_ipc_is_always_there(world: World) -> None:
    assert world.state.find_share("DaTa") is world.state.find_share("data")
    assert world.state.find_share("ipc$") is not None
    for name in ("", "data ", "..", "data\\x", "data\0", "nothing"):
        assert world.state.find_share(name) is None
