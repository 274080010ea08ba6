"""Delete and rename as POSIX does (classes 64 and 65): a name goes while the file is open, and can be made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack_from

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    INFO_FILE,
    OPEN_IF,
    SHARE_ALL,
    SHARE_READ,
    SHARE_WRITE,
)
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.nt import status
from smbserver.objects.share import Share
from smbserver.wire import file_info as wire
from tests.harness import START, World

GONE, POSIX, IMAGE, ON_CLOSE, READONLY = 0x01, 0x02, 0x04, 0x08, 0x10
REPLACE, POSIX_RENAME, KEEP_PINS, KEEP_RESERVE, IGNORE_READONLY = 0x1, 0x2, 0x4, 0x8, 0x40


@pytest.fixture(params=["posix", "memory"])
def world(request: pytest.FixtureRequest, share_folder: Path) -> Iterator[World]:
    """Over each of the stores."""
    shares = [Share("data", MemoryBackend(lambda: START))] if request.param == "memory" else None
    made = World(share_folder, shares=shares)
    yield made
    made.close()


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


def made(tree: Tree, name: str, content: bytes = b"", share: int = SHARE_ALL, access: int = GENERIC_ALL) -> File:
    file = tree.open(name, access=access, disposition=OPEN_IF, share=share)
    if content:
        file.write(0, content)
    return file


def dispose(file: File, flags: int) -> int:
    return file.tree.call(queries.set_info(file.file_id, INFO_FILE, wire.DISPOSITION_EX, pack("<I", flags))).status


def rename(file: File, name: str, flags: int) -> int:
    data = wire.encode_rename_ex(wire.RenameTarget(False, 0, name, flags))
    return file.tree.call(queries.set_info(file.file_id, INFO_FILE, wire.RENAME_EX, data)).status


def standard(file: File) -> tuple[int, int]:
    """Links, and whether it is going."""
    links, pending = unpack_from("<QQIB", file.query(INFO_FILE, 5))[2:]
    return links, pending


def names(tree: Tree) -> list[str]:
    return sorted(entry.name for entry in tree.list_directory())[2:]


def status_of_open(tree: Tree, name: str) -> int:
    return tree.call(commands.create(name, access=GENERIC_READ, disposition=1)).status


def test_the_name_goes_and_is_made_anew_while_the_file_lives(tree: Tree) -> None:
    reader = made(tree, "file", b"old")
    deleter = made(tree, "file")
    assert dispose(deleter, GONE | POSIX) == 0
    assert status_of_open(tree, "file") == status.DELETE_PENDING  # until that handle closes
    assert names(tree) == ["file"]
    deleter.close()
    assert names(tree) == []
    assert status_of_open(tree, "file") == status.OBJECT_NAME_NOT_FOUND
    assert standard(reader) == (0, 1)
    new = made(tree, "file", b"new")
    assert reader.read(0, 10) == b"old"
    reader.write(3, b"er")
    assert (reader.read(0, 10), new.read(0, 10)) == (b"older", b"new")
    assert standard(new) == (1, 0)
    reader.close()
    assert names(tree) == ["file"]
    assert new.read(0, 10) == b"new"


def test_closed_in_the_other_order(tree: Tree) -> None:
    reader, deleter = made(tree, "file", b"old"), made(tree, "file")
    assert dispose(deleter, GONE | POSIX) == 0
    deleter.close()
    new = made(tree, "file", b"new")
    new.close()
    assert reader.read(0, 10) == b"old"
    assert rename(reader, "elsewhere", 0) == status.ACCESS_DENIED  # it has no name that could be another
    assert dispose(reader, GONE) == 0
    reader.close()
    assert tree.open("file").read(0, 10) == b"new"


def test_without_posix_semantics_the_last_close_counts(tree: Tree) -> None:
    reader, deleter = made(tree, "file"), made(tree, "file")
    assert dispose(deleter, GONE) == 0
    deleter.close()
    assert status_of_open(tree, "file") == status.DELETE_PENDING
    assert dispose(reader, 0) == 0
    assert status_of_open(tree, "file") == 0
    assert dispose(reader, GONE | POSIX | IMAGE) == 0
    reader.close()
    assert names(tree) == []


def test_another_link_goes_on(tree: Tree) -> None:
    file = made(tree, "file", b"content")
    file.set(INFO_FILE, 11, queries.rename_data("link"))
    other = made(tree, "link")
    assert dispose(file, GONE | POSIX) == 0
    file.close()
    assert names(tree) == ["link"]
    assert standard(other) == (1, 0)
    assert tree.open("link").read(0, 10) == b"content"


def test_who_watches_hears_of_it_once(world: World, tree: Tree) -> None:
    reader, deleter = made(tree, "file", b"old"), made(tree, "file")
    folder = tree.open("", options=DIRECTORY_FILE)
    waiting = tree.submit(_watch(folder))
    assert dispose(deleter, GONE | POSIX) == 0
    deleter.close()
    assert tree.session.connection.wait(waiting).status == 0
    waiting = tree.submit(_watch(folder))
    reader.write(0, b"nobody's")
    reader.close()
    tree.open("other", disposition=OPEN_IF).close()
    reply = tree.session.connection.wait(waiting)
    assert "other".encode("utf-16-le") in reply.raw
    assert "file".encode("utf-16-le") not in reply.raw


def _watch(folder: File) -> Request:
    return Request(15, pack("<HHI16sII", 32, 0, 4096, folder.file_id, 0xFFF, 0))


@pytest.mark.parametrize(
    ("flags", "access", "expected"),
    [
        (GONE | 0x20, GENERIC_ALL, status.NOT_SUPPORTED),
        (GONE | 0x80000000, GENERIC_ALL, status.NOT_SUPPORTED),
        (GONE, GENERIC_READ, status.ACCESS_DENIED),
        (GONE | ON_CLOSE, GENERIC_ALL, status.NOT_SUPPORTED),
        (ON_CLOSE, GENERIC_ALL, status.NOT_SUPPORTED),
    ],
)
def test_dispositions_that_are_refused(tree: Tree, flags: int, access: int, expected: int) -> None:
    assert dispose(made(tree, "file", access=access), flags) == expected
    assert names(tree) == ["file"]


def test_delete_on_close_is_taken_back_or_made_posix(tree: Tree) -> None:
    file = tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF, options=DELETE_ON_CLOSE)
    assert dispose(file, ON_CLOSE) == 0
    file.close()
    assert names(tree) == ["file"]
    reader = made(tree, "file", b"x")
    file = tree.open("file", access=GENERIC_ALL, options=DELETE_ON_CLOSE)
    assert dispose(file, GONE | ON_CLOSE | POSIX) == 0
    file.close()
    assert names(tree) == []
    assert reader.read(0, 1) == b"x"


def test_a_read_only_file(tree: Tree) -> None:
    file = made(tree, "file")
    file.set(INFO_FILE, 4, queries.basic_data(attributes=1))
    file.close()
    deleter = tree.open("file", access=DELETE)
    for flags in (GONE, GONE | POSIX, GONE | READONLY):  # the last: it also needs the right to change attributes
        assert dispose(deleter, flags) == status.CANNOT_DELETE
    deleter.close()
    deleter = tree.open("file", access=DELETE | 0x100)
    assert dispose(deleter, GONE | READONLY) == 0
    deleter.close()
    assert names(tree) == []


def test_a_folder_with_entries_stays(tree: Tree) -> None:
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    made(tree, "folder\\file").close()
    assert dispose(folder, GONE | POSIX) == status.DIRECTORY_NOT_EMPTY
    root = tree.open("", access=GENERIC_ALL, options=DIRECTORY_FILE)
    assert dispose(root, GONE | POSIX) == status.CANNOT_DELETE


def test_an_open_file_is_replaced(tree: Tree) -> None:
    old = made(tree, "target", b"old", access=GENERIC_READ | 0x40000000)
    new = made(tree, "file", b"new")
    assert rename(new, "target", 0) == status.OBJECT_NAME_COLLISION
    assert rename(new, "target", POSIX_RENAME) == status.OBJECT_NAME_COLLISION
    assert rename(new, "target", REPLACE) == status.ACCESS_DENIED
    assert rename(new, "target", REPLACE | POSIX_RENAME | KEEP_PINS | KEEP_RESERVE) == 0
    assert names(tree) == ["target"]
    assert tree.open("target").read(0, 10) == b"new"
    assert old.read(0, 10) == b"old"
    assert standard(old) == (0, 1)
    new.close()
    old.write(0, b"OLD")
    old.close()
    assert tree.open("target").read(0, 10) == b"new"


def test_who_does_not_share_deleting_keeps_his_name(tree: Tree) -> None:
    made(tree, "target", b"old", share=SHARE_READ | SHARE_WRITE, access=GENERIC_READ | 0x40000000)
    new = made(tree, "file")
    assert rename(new, "target", REPLACE | POSIX_RENAME) == status.SHARING_VIOLATION
    assert names(tree) == ["file", "target"]


def test_what_is_never_replaced(tree: Tree) -> None:
    new = made(tree, "file")
    tree.open("folder", disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert rename(new, "folder", REPLACE | POSIX_RENAME) == status.ACCESS_DENIED
    going = made(tree, "going")
    assert dispose(going, GONE) == 0
    assert rename(new, "going", REPLACE | POSIX_RENAME) == status.DELETE_PENDING
    hard = made(tree, "hard")
    hard.set(INFO_FILE, 4, queries.basic_data(attributes=1))
    hard.close()
    assert rename(new, "hard", REPLACE | POSIX_RENAME) == status.ACCESS_DENIED
    assert rename(new, "hard", REPLACE | IGNORE_READONLY) == 0
    assert rename(new, "x", 0x10) == rename(new, "x", 0x200) == status.NOT_SUPPORTED


def test_what_is_going_gets_no_other_name(tree: Tree) -> None:
    file = made(tree, "file")
    assert dispose(file, GONE) == 0
    assert rename(file, "other", 0) == status.ACCESS_DENIED
    reply = tree.call(queries.set_info(file.file_id, INFO_FILE, 11, queries.rename_data("link")))
    assert reply.status == status.ACCESS_DENIED
