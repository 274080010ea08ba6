"""A channel is lost while a CREATE waits on it: if it can be replayed it goes on for the session's other channels."""

from __future__ import annotations

import pytest

from conformance.client import commands
from conformance.client.contexts import Context, durable_v1, durable_v2
from conformance.client.protocol import GENERIC_ALL, GENERIC_READ, OPEN_IF, OPLOCK_BATCH, RELATED_FILE_ID
from conformance.client.session import Session
from smbserver.commands.resize import LARGE
from smbserver.objects.session import Session as ServerSession
from tests.harness import World, frames_of

BREAK_TIMEOUT = 36
REPLAYABLE = (durable_v2(b"g" * 16),)


def wait(world: World, *contexts: Context, closes: bool = False) -> Session:
    """A session whose CREATE waits for somebody else's oplock, perhaps with a CLOSE behind it in its compound."""
    world.tree().open("file", access=GENERIC_READ, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
    tree = world.tree()
    create = commands.create("file", access=GENERIC_READ, disposition=OPEN_IF, contexts=contexts)
    requests = [create, commands.close(RELATED_FILE_ID)] if closes else [create]
    tree.session.connection.submit_compound([tree.request(each) for each in requests])
    assert len(frames_of(tree.session.connection).server.pending) == 1
    return tree.session


@pytest.fixture
def waiting(world: World) -> Session:
    """One that can be replayed."""
    return wait(world, *REPLAYABLE)


def on_server(world: World, session: Session) -> ServerSession:
    return world.state.sessions[session.session_id]


def add_channel(world: World, session: Session) -> Session:
    """A second connection that the session can be reached by, as SESSION_SETUP with binding makes it."""
    other = world.negotiated()
    found = on_server(world, session)
    channel = frames_of(other.connection).server
    found.channels[channel] = found.signer
    channel.sessions[found.session_id] = found
    return other


def test_it_goes_on_for_the_other_channel(world: World, waiting: Session) -> None:
    add_channel(world, waiting)
    session = on_server(world, waiting)
    waiting.connection.close()
    assert len(session.lost_channels) == 1
    assert not session.opens
    world.runtime.advance(BREAK_TIMEOUT)
    assert len(session.opens) == 1
    assert not session.lost_channels


@pytest.mark.parametrize("contexts", [(), (durable_v1(),)])
@pytest.mark.parametrize("closes", [False, True])
def test_one_that_cannot_be_replayed_ends_with_its_channel(
    world: World, contexts: tuple[Context, ...], closes: bool
) -> None:
    session = wait(world, *contexts, closes=closes)
    add_channel(world, session)
    found = on_server(world, session)
    server = frames_of(session.connection).server
    session.connection.close()
    assert not server.pending
    assert not found.lost_channels
    world.runtime.advance(BREAK_TIMEOUT)
    assert not found.opens


@pytest.mark.parametrize("contexts", [(), REPLAYABLE])
def test_one_that_a_thread_looks_for_goes_on_if_it_can_be_replayed(world: World, contexts: tuple[Context, ...]) -> None:
    tree = world.tree()
    add_channel(world, tree.session)
    session = on_server(world, tree.session)
    world.shares[0].looks_slow_until = world.runtime.seconds() + 1
    world.runtime.hold_offloaded = True
    tree.submit(
        commands.create("file", access=GENERIC_READ, disposition=OPEN_IF, oplock=OPLOCK_BATCH, contexts=contexts)
    )
    tree.session.connection.close()
    world.runtime.run_offloaded()
    assert len(session.opens) == len(contexts)


@pytest.mark.parametrize("contexts", [(), REPLAYABLE])
def test_one_for_which_a_thread_reserves_room_goes_on_if_it_can_be_replayed(
    world: World, contexts: tuple[Context, ...]
) -> None:
    tree = world.tree()
    add_channel(world, tree.session)
    session = on_server(world, tree.session)
    world.runtime.hold_offloaded = True
    room = (b"AlSi", LARGE.to_bytes(8, "little"))
    tree.submit(
        commands.create("new", access=GENERIC_ALL, disposition=OPEN_IF, oplock=OPLOCK_BATCH, contexts=[room, *contexts])
    )
    assert world.runtime.offloaded == 1
    tree.session.connection.close()
    world.runtime.run_offloaded()
    assert len(session.opens) == len(contexts)
    assert (world.data / "new").exists() == bool(contexts)
    assert not world.state.files.resizes.under_way


def test_it_ends_with_the_last_channel(world: World, waiting: Session) -> None:
    other = add_channel(world, waiting)
    session = on_server(world, waiting)
    server = frames_of(waiting.connection).server
    waiting.connection.close()
    other.connection.close()
    assert not server.pending
    assert not session.lost_channels
    world.runtime.advance(BREAK_TIMEOUT)
    assert not session.opens


def test_alone_it_ends_at_once(world: World, waiting: Session) -> None:
    server = frames_of(waiting.connection).server
    waiting.connection.close()
    assert not server.pending
    assert waiting.session_id not in world.state.sessions
