"""A channel is lost while a CREATE waits on it: it goes on for the other channels of the session, or ends with them."""

from __future__ import annotations

import pytest

from conformance.client import commands
from conformance.client.contexts import Context, durable_v2
from conformance.client.protocol import GENERIC_READ, OPEN_IF, OPLOCK_BATCH
from conformance.client.session import Session
from smbserver.objects.session import Session as ServerSession
from tests.harness import World, frames_of

BREAK_TIMEOUT = 36


@pytest.fixture
def waiting(world: World) -> Session:
    """A session whose CREATE waits for somebody else's oplock."""
    world.tree().open("file", access=GENERIC_READ, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
    tree = world.tree()
    tree.submit(commands.create("file", access=GENERIC_READ, disposition=OPEN_IF))
    assert len(frames_of(tree.session.connection).server.pending) == 1
    return tree.session


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


@pytest.mark.parametrize("contexts", [(), (durable_v2(b"g" * 16),)])
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
