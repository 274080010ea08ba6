"""Directory leases: what ends them, whom that spares, and how they follow renames; through a whole server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.client import queries
from conformance.client.protocol import (
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_READ,
    INFO_FILE,
    OPEN,
    OVERWRITE,
    SHARE_READ,
)
from smbserver.nt import access, status
from smbserver.nt.changes import ACTION_ADDED, FILTER_FILE_NAME, Change
from tests.cachers import READ_WRITE, RH, Cacher, R, granted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.client.session import File
    from tests.harness import World

DIRECTORY, FILE, OTHER = 1, 2, 3
"""Lease keys."""


class Watcher(Cacher):
    """Keeps a directory cached."""

    def __init__(self, world: World, name: str = "folder") -> None:
        super().__init__(world)
        self.folder = self.open(name, lease=DIRECTORY, wanted=RH, options=DIRECTORY_FILE)
        assert granted(self.folder).state == RH

    def lost(self) -> bool:
        """Whether all of it was taken; answers, and caches it again."""
        if not self.is_told():
            return False
        told = self.next_break()
        assert (told.current_state, told.new_state, told.flags) == (RH, 0, 1)
        assert self.answer_lease(DIRECTORY, 0) == status.SUCCESS
        again = self.open("folder", lease=DIRECTORY, wanted=RH, options=DIRECTORY_FILE)
        assert granted(again).state == RH
        again.close()
        return True


def test_new_overwritten_and_gone_files(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    file = other.open("folder\\file")
    assert watcher.lost()
    file.close()
    other.open("folder\\file").close()
    other.tree.list_directory("folder")
    assert not watcher.is_told()
    other.open("folder\\file", disposition=OVERWRITE).close()
    assert watcher.lost()
    other.open("folder\\file", access=access.DELETE, disposition=OPEN, options=DELETE_ON_CLOSE).close()
    assert watcher.lost()


def test_data_is_told_at_the_close(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    file = other.open("folder\\file")
    assert watcher.lost()
    file.write(0, b"data")
    assert not watcher.is_told()
    file.close()
    assert watcher.lost()


def attributes(file: File) -> None:
    file.set(INFO_FILE, queries.FILE_BASIC, queries.basic_data(attributes=2))


def size(file: File) -> None:
    file.set(INFO_FILE, queries.FILE_END_OF_FILE, (5).to_bytes(8, "little"))


def renamed(file: File) -> None:
    file.set(INFO_FILE, queries.FILE_RENAME, queries.rename_data("folder\\renamed", replace=True))


def moved_away(file: File) -> None:
    file.set(INFO_FILE, queries.FILE_RENAME, queries.rename_data("outside", replace=True))


@pytest.mark.parametrize("change", [attributes, size, renamed, moved_away])
def test_what_a_listing_shows_is_told_at_once(world: World, change: Callable[[File], None]) -> None:
    watcher, other = Watcher(world), Cacher(world)
    rights = READ_WRITE | access.DELETE
    file = other.open("folder\\file", access=rights)
    assert watcher.lost()
    change(file)
    assert watcher.lost()
    file.close()
    assert not watcher.is_told()
    knowing = watcher.open("folder\\mine", lease=FILE, parent=DIRECTORY, access=rights)
    change(knowing)
    knowing.write(0, b"x")
    knowing.close()
    assert not watcher.is_told()


def test_who_names_the_lease_of_the_directory_is_spared(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    watcher.open("folder\\one", lease=FILE, parent=DIRECTORY).close()
    assert not watcher.is_told()
    watcher.open("folder\\two", lease=FILE, parent=OTHER).close()
    assert watcher.lost()
    other.open("folder\\three", lease=FILE, parent=DIRECTORY).close()
    assert watcher.lost(), "the same key of another client is another lease"


def test_only_this_directory_counts(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    other.open("outside").close()
    other.open("folder\\inner", options=DIRECTORY_FILE).close()
    assert watcher.lost()
    other.open("folder\\inner\\file").close()
    assert not watcher.is_told()


def test_a_lease_follows_its_directory(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    folder = other.open("folder", access=GENERIC_READ | access.DELETE, options=DIRECTORY_FILE)
    message = other.tree.submit(
        queries.set_info(folder.file_id, INFO_FILE, queries.FILE_RENAME, queries.rename_data("moved"))
    )
    told = watcher.next_break()
    assert (told.current_state, told.new_state) == (RH, R)
    assert watcher.answer_lease(DIRECTORY, R) == status.SUCCESS
    assert other.connection.wait(message).status == status.SUCCESS
    other.open("folder", options=DIRECTORY_FILE).close()
    other.open("folder\\file").close()
    assert not watcher.is_told()
    other.open("moved\\file").close()
    told = watcher.next_break()
    assert (told.current_state, told.new_state, told.flags) == (R, 0, 0)


def test_a_share_conflict_takes_handle(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    message = other.create("folder", access=GENERIC_READ | access.DELETE, share=0, options=DIRECTORY_FILE)
    told = watcher.next_break()
    assert (told.current_state, told.new_state) == (RH, R)
    watcher.folder.close()
    other.opened(message).close()
    assert other.open("folder", share=SHARE_READ, options=DIRECTORY_FILE).close()


def test_local_programs(world: World) -> None:
    watcher = Watcher(world)
    volume = world.shares[0].backend
    heard = world.state.files.watches.report_local
    heard(volume, [Change(ACTION_ADDED, FILTER_FILE_NAME, ("elsewhere",))])
    world.runtime.advance(0)
    assert not watcher.is_told()
    heard(volume, [Change(ACTION_ADDED, FILTER_FILE_NAME, ("folder", "file"))])
    assert not watcher.is_told(), "not in the middle of whatever is under way"
    world.runtime.advance(0)
    assert watcher.lost()
    world.state.files.watches.overflow()
    world.runtime.advance(0)
    assert watcher.lost()


def test_nothing_remains(world: World) -> None:
    watcher, other = Watcher(world), Cacher(world)
    second = watcher.open("folder", lease=DIRECTORY, wanted=RH, options=DIRECTORY_FILE)
    leases = world.state.files.directory_leases
    assert len(leases) == 1
    watcher.folder.close()
    other.open("folder\\file").close()
    assert watcher.lost()
    second.close()
    assert len(leases) == 0
