"""Breaks through a whole server: who waits for one, and what goes on when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.client import commands
from conformance.client.protocol import GENERIC_READ, GENERIC_WRITE, OPEN_IF, OPLOCK_BATCH

if TYPE_CHECKING:
    from tests.harness import World

READ_WRITE = GENERIC_READ | GENERIC_WRITE
PREVIOUS = b"\xff" * 16  # the open of the request before, in a compound


def test_a_chain_of_compounds_that_wait_for_each_others_oplocks(world: World) -> None:
    """One inside the other they would not fit on the stack."""
    holder = world.tree().open("file", access=READ_WRITE, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
    waiting = []
    for _ in range(8):
        tree = world.tree()
        connection = tree.session.connection
        for _ in range(20):
            create = commands.create("file", access=READ_WRITE, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
            pair = [tree.request(create), tree.request(commands.close(PREVIOUS))]
            waiting.append((connection, connection.submit_compound(pair)))
    holder.close()
    for connection, messages in waiting:
        assert [connection.wait(message).status for message in messages] == [0, 0]
    assert not len(world.state.files)
