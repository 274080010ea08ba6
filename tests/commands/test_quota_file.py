"""The quota index of a volume: it can be opened, it is empty, and every question about quotas is NOT_SUPPORTED."""

from __future__ import annotations

import pytest

from conformance.client import queries
from conformance.client.protocol import (
    DELETE,
    DELETE_ON_CLOSE,
    GENERIC_READ,
    GENERIC_WRITE,
    OVERWRITE_IF,
    StatusFailure,
)
from conformance.client.session import Tree
from smbserver.backend.quota_file import quota_store
from smbserver.nt import status
from tests.harness import World

NAME = "$Extend\\$Quota:$Q:$INDEX_ALLOCATION"
INFO_QUOTA = 4
CONTROL = 6


@pytest.fixture
def tree(world: World) -> Tree:
    world.state.quota_store = quota_store()
    return world.tree()


@pytest.mark.parametrize("name", [NAME, NAME.lower()])
def test_it_is_there_and_has_no_times(tree: Tree, name: str) -> None:
    with tree.open(name, access=GENERIC_READ) as file:
        assert file.created.attributes == 0x36
        assert file.created[3:7] == (0, 0, 0, 0)
        assert [entry.name for entry in file.list_directory()] == [".", ".."]


def test_nothing_is_said_of_quotas(tree: Tree) -> None:
    with tree.open(NAME, access=GENERIC_READ) as file:
        asked = queries.query_info(file.file_id, INFO_QUOTA, 0, 1000)
        told = queries.set_info(file.file_id, INFO_QUOTA, 0, bytes(64))
        assert tree.call(asked).status == status.NOT_SUPPORTED
        assert tree.call(told).status == status.MEDIA_WRITE_PROTECTED
        assert file.query(2, CONTROL)[:24] == bytes(24)
    with tree.create("file") as file:
        asked = queries.query_info(file.file_id, INFO_QUOTA, 0, 1000)
        told = queries.set_info(file.file_id, INFO_QUOTA, 0, bytes(64))
        assert tree.call(asked).status == tree.call(told).status == status.NOT_SUPPORTED


def test_nothing_changes_it(tree: Tree, world: World) -> None:
    for more in (
        {"access": GENERIC_READ, "disposition": OVERWRITE_IF},
        {"access": DELETE, "options": DELETE_ON_CLOSE},
    ):
        with pytest.raises(StatusFailure):
            tree.open(NAME, **more)  # type: ignore[arg-type]  # ints all of them
    with pytest.raises(StatusFailure):
        tree.open("$Extend\\$Quota\\file", access=GENERIC_WRITE)
    assert not list(world.data.iterdir())
