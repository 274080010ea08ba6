"""The server without a network behaves as one with a network would: replies, waits, ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.client import commands
from conformance.client.protocol import ConnectionEnded, NoAnswer
from conformance.client.session import ALL_DIALECTS, Options
from smbserver.driver import INTERIM_DELAY
from tests.harness import ManualRuntime, World, frames_of


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
@pytest.mark.parametrize("encryption", [False, True])
def test_a_file_goes_in_and_comes_back(world: World, dialect: int, encryption: bool) -> None:
    if encryption and dialect < 0x300:
        return
    tree = world.tree("data", Options(dialects=(dialect,), encryption=encryption))
    with tree.create("file") as file:
        assert file.write(0, b"content") == 7
        assert file.read(0, 100) == b"content"
    assert (world.data / "file").read_bytes() == b"content"
    tree.session.log_off()


def test_what_waits_is_not_answered_before_its_time(world: World) -> None:
    tree = world.tree()
    world.runtime.hold_offloaded = True
    file = tree.create("file")
    message = tree.submit(commands.flush(file.file_id))
    connection = tree.session.connection
    with pytest.raises(NoAnswer):
        connection.wait(message)
    world.runtime.advance(INTERIM_DELAY)
    assert connection.wait_interim(message).async_id
    with pytest.raises(NoAnswer):
        connection.wait(message)
    world.runtime.run_offloaded()
    connection.wait(message).check()


def test_a_breach_ends_the_connection_and_its_files(world: World) -> None:
    tree = world.tree()
    tree.create("file")
    assert len(world.state.files) == 1
    frames = frames_of(tree.session.connection)
    frames.send(b"\0\0\0\x04junk")
    assert frames.closed_by_peer(0)
    assert len(world.state.files) == 0
    with pytest.raises(ConnectionEnded):
        tree.call(commands.tree_disconnect())


def test_timers_fire_in_order_and_can_be_stopped() -> None:
    runtime = ManualRuntime()
    seen: list[str] = []
    runtime.later(2, lambda: seen.append("late"))
    stop = runtime.later(1, lambda: seen.append("stopped"))
    runtime.later(1, lambda: seen.append("early"))
    stop()
    runtime.advance(1)
    assert seen == ["early"]
    runtime.advance(1)
    assert seen == ["early", "late"]
    assert not runtime.timers


def test_a_world_notices_what_was_left_open(share_folder: Path) -> None:
    world = World(share_folder)
    world.tree().create("file")
    clients, world._clients = world._clients, []  # as if the connection's end had given nothing back
    with pytest.raises(AssertionError, match="still open"):
        world.close()
    world._clients = clients
    world.close()
