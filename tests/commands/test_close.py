"""CLOSE: the open ends whatever happens, with the last attributes when they were asked for."""

from __future__ import annotations

import errno

import pytest

from conformance.client import commands
from conformance.client.protocol import DELETE, DELETE_ON_CLOSE, GENERIC_READ
from smbserver.backend.posix.handle import PosixHandle
from smbserver.nt import status
from tests.harness import World


def test_attributes_only_when_asked_for(world: World) -> None:
    tree = world.tree()
    file = tree.create("file")
    file.write(0, b"content")
    assert tuple(file.close()) == (0,) * 8
    closed = tree.open("file").close(1)
    assert (closed.flags, closed.end_of_file, closed.attributes) == (1, 7, 0x20)


def test_a_second_close(world: World) -> None:
    file = world.tree().create("file")
    file.close()
    assert file.tree.call(commands.close(file.file_id)).status == status.FILE_CLOSED


def test_the_open_ends_though_its_attributes_cannot_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.tree().create("file")

    def fail(self: PosixHandle) -> None:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(PosixHandle, "metadata", fail)
    assert tuple(file.close(1)) == (0,) * 8
    assert not len(world.state.files)


def test_delete_on_close(world: World) -> None:
    tree = world.tree()
    tree.create("file").close()
    going = tree.open("file", access=GENERIC_READ | DELETE, options=DELETE_ON_CLOSE)
    other = tree.open("file", access=GENERIC_READ)
    going.close()
    create = commands.create("file", access=GENERIC_READ, disposition=1)
    assert tree.call(create).status == status.DELETE_PENDING
    other.close()
    assert not (world.data / "file").exists()
