"""FLUSH: answered when the data is on the disk, and only to who may write."""

from __future__ import annotations

import pytest

from conformance.client import commands
from conformance.client.protocol import GENERIC_READ, NoAnswer
from smbserver.nt import status
from tests.harness import World


def test_the_answer_waits_for_the_disk(world: World) -> None:
    file = world.tree().create("file")
    world.runtime.hold_offloaded = True
    message = file.tree.submit(commands.flush(file.file_id))
    with pytest.raises(NoAnswer):
        file.tree.session.connection.wait(message)
    world.runtime.run_offloaded()
    file.tree.session.connection.wait(message).check()


def test_a_reader_has_nothing_to_flush(world: World) -> None:
    tree = world.tree()
    tree.create("file").close()
    assert tree.call(commands.flush(tree.open("file", access=GENERIC_READ).file_id)).status == status.ACCESS_DENIED
