"""Opens that no session owns: how each of them ends, and that nothing is left."""

from __future__ import annotations

import logging

import pytest

from conformance.client import contexts
from conformance.client.protocol import GENERIC_READ, GENERIC_WRITE, OPEN_IF, OPLOCK_BATCH
from conformance.client.session import File, Options
from smbserver.objects.durable import open_of
from tests.harness import World

MINE = Options(client_guid=b"C" * 16)


def left_behind(world: World, name: str = "file") -> File:
    tree = world.tree(options=MINE)
    file = tree.open(
        name,
        access=GENERIC_READ | GENERIC_WRITE,
        disposition=OPEN_IF,
        oplock=OPLOCK_BATCH,
        contexts=[contexts.durable_v1()],
    )
    tree.session.connection.close()
    return file


def test_it_has_no_session_and_keeps_its_place(world: World) -> None:
    file = left_behind(world)
    number = int.from_bytes(file.file_id[:8], "little")
    opened = world.state.durables.find(number)
    assert opened is not None
    assert opened.session is None
    assert world.state.durables.all() == [opened]
    assert open_of(opened.holder) is opened
    assert world.state.durables.find(number + 1) is None
    assert not world.state.sessions


def test_the_end_of_the_server_is_the_end_of_all(world: World, caplog: pytest.LogCaptureFixture) -> None:
    left_behind(world, "one")
    left_behind(world, "two")
    with caplog.at_level(logging.INFO):
        world.state.durables.close_all()
    assert [record.getMessage() for record in caplog.records] == [
        "'one', left by its client, is closed: the server ends",
        "'two', left by its client, is closed: the server ends",
    ]
    assert len(world.state.files) == world.runtime.timers == 0


def test_one_timer_for_all_in_the_order_of_their_deadlines(world: World) -> None:
    left_behind(world, "one")
    world.runtime.advance(60)
    left_behind(world, "two")
    assert world.runtime.timers == 1
    world.runtime.advance(60.01)
    assert [opened.path for opened in world.state.durables.all()] == [("two",)]
    assert world.runtime.timers == 1
    world.runtime.advance(60.01)
    assert len(world.state.files) == world.runtime.timers == 0


def test_a_thread_at_work_keeps_the_descriptor_and_nothing_else(world: World) -> None:
    file = left_behind(world)
    opened = world.state.durables.find(int.from_bytes(file.file_id[:8], "little"))
    assert opened is not None
    opened.hold()
    world.runtime.advance(121)
    assert len(world.state.files) == 0
    assert opened.handle.metadata().end_of_file == 0, "still a descriptor"
    opened.release()
    with pytest.raises((OSError, ValueError)):
        opened.handle.metadata()
