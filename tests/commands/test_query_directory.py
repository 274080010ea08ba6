"""QUERY_DIRECTORY: what is refused, how a search goes on, restarts and ends."""

from __future__ import annotations

import os

import pytest

from conformance.client import queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_READ, READ_ATTRIBUTES
from conformance.client.session import File
from smbserver.nt import status
from tests.harness import World


@pytest.fixture
def folder(world: World) -> File:
    for name in ("a", "b", "c.txt"):
        (world.data / name).touch()
    return world.tree().open("", access=GENERIC_READ, options=DIRECTORY_FILE)


def asked(file: File, pattern: str = "*", kind: int = 37, room: int = 65536, flags: int = 0) -> tuple[int, list[str]]:
    reply = file.tree.call(queries.query_directory(file.file_id, pattern, kind, room, flags))
    if reply.status:
        return reply.status, []
    return 0, [entry.name for entry in queries.decode_entries(queries.decode_buffer(reply), kind)]


def open_descriptors() -> int:
    """Of this process."""
    return len(os.listdir("/proc/self/fd"))


def test_all_at_once_then_no_more(folder: File) -> None:
    code, names = asked(folder)
    assert (code, names[:2], sorted(names[2:])) == (0, [".", ".."], ["a", "b", "c.txt"])
    assert asked(folder) == (status.NO_MORE_FILES, [])
    assert asked(folder, flags=queries.RESTART_SCANS) == (0, names)


def test_one_by_one(folder: File) -> None:
    names = [asked(folder, flags=queries.RETURN_SINGLE_ENTRY)[1] for _ in range(5)]
    assert sorted(name for found in names for name in found) == [".", "..", "a", "b", "c.txt"]
    assert asked(folder, flags=queries.RETURN_SINGLE_ENTRY)[0] == status.NO_MORE_FILES


def test_nothing_matches(folder: File) -> None:
    assert asked(folder, "x*")[0] == status.NO_SUCH_FILE
    assert asked(folder, "x*")[0] == status.NO_MORE_FILES
    assert asked(folder, "C.TXT", flags=queries.REOPEN) == (0, ["c.txt"])


def test_no_room_for_one(folder: File) -> None:
    assert asked(folder, room=50)[0] == status.INFO_LENGTH_MISMATCH
    assert asked(folder)[0] == 0  # nothing was lost


@pytest.mark.parametrize("kind", [1, 2, 3, 12, 37, 38, 60, 63, 78, 79, 80, 81])
def test_classes(folder: File, kind: int) -> None:
    code, names = asked(folder, kind=kind)
    assert (code, sorted(names)) == (0, [".", "..", "a", "b", "c.txt"])


@pytest.mark.parametrize("kind", [0, 4, 15, 36, 82, 255])
def test_no_classes(folder: File, kind: int) -> None:
    assert asked(folder, kind=kind)[0] == status.INVALID_INFO_CLASS


def test_files_and_rights(world: World, folder: File) -> None:
    file = folder.tree.open("a")
    assert asked(file)[0] == status.INVALID_PARAMETER
    assert asked(file, flags=queries.REOPEN)[0] == status.NOT_SUPPORTED
    assert asked(folder.tree.open("", access=READ_ATTRIBUTES))[0] == status.ACCESS_DENIED


@pytest.mark.parametrize("kind", [3, 37])
def test_a_short_name_for_who_asks_for_one_name(world: World, kind: int) -> None:
    """Windows' GetShortPathName looks it up this way; it must be the one that FileAlternateNameInformation tells."""
    for name in ("a long name.text", "short.txt"):
        (world.data / name).touch()
    tree = world.tree()
    root = tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE)
    [entry] = root.list_directory("A Long Name.text", kind=kind)
    with tree.open("a long name.text", access=READ_ATTRIBUTES) as file:
        assert file.query(1, 21)[4:].decode("utf-16-le") == entry.short_name
    assert "~" in entry.short_name
    assert root.list_directory("short.txt", kind=kind)[0].short_name == ""
    assert [each.short_name for each in root.list_directory("a*", kind=kind)] == [""]
    root.close()


def test_a_long_listing_makes_pauses_and_a_second_request_waits_for_it(world: World) -> None:
    for number in range(300):
        (world.data / f"f{number:03}").touch()
    tree = world.tree()
    file = tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE)
    world.runtime.hold_offloaded = True
    first = tree.submit(queries.query_directory(file.file_id, "*", 37, 16384, 0))
    second = tree.submit(queries.query_directory(file.file_id, "*", 37, 65536, 0))
    replies = tree.session.connection.replies
    assert first not in replies
    while first not in replies or second not in replies:
        world.runtime.run_offloaded()
        tree.session.connection.pump() if world.runtime.offloaded == 0 else None
    found = [
        entry.name
        for each in (first, second)
        for entry in queries.decode_entries(queries.decode_buffer(replies.pop(each).check()), 37)
    ]
    assert sorted(found) == sorted([".", "..", *(f"f{number:03}" for number in range(300))])


@pytest.mark.parametrize("pattern", ["*", "*.none"])
def test_a_close_behind_a_listing_changes_nothing(world: World, pattern: str) -> None:
    """As smb2.compound_find.compound_find_close of smbtorture wants it: requests are answered in their order."""
    for number in range(300):
        (world.data / f"f{number:03}").touch()
    tree = world.tree()
    before = open_descriptors()
    file = tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE)
    world.runtime.hold_offloaded = True
    asked_first = tree.submit(queries.query_directory(file.file_id, pattern, 37, 65536, 0))
    asked_second = tree.submit(queries.query_directory(file.file_id, pattern, 37, 65536, 0))
    file.close()
    assert open_descriptors() > before
    world.runtime.run_offloaded()
    reply = tree.session.connection.wait(asked_first)
    if pattern == "*":
        assert len(queries.decode_entries(queries.decode_buffer(reply.check()), 37)) == 302
    else:
        assert reply.status == status.NO_SUCH_FILE
    assert tree.session.connection.wait(asked_second).status == status.FILE_CLOSED
    assert open_descriptors() == before


def test_a_connection_that_ends_in_a_pause_leaves_nothing_behind(world: World) -> None:
    for number in range(300):
        (world.data / f"f{number:03}").touch()
    before = open_descriptors()
    tree = world.tree()
    file = tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE)
    world.runtime.hold_offloaded = True
    tree.submit(queries.query_directory(file.file_id, "*", 37, 65536, 0))
    tree.session.connection.close()
    world.runtime.run_offloaded()
    assert open_descriptors() == before
