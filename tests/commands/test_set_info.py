"""SET_INFO: what each class changes, what it refuses, and that an unknown one is never a silent success."""

from __future__ import annotations

from struct import pack

import pytest

from conformance.client import queries
from conformance.client.protocol import (
    DELETE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    INFO_FILESYSTEM,
    OPEN_IF,
    READ_ATTRIBUTES,
    SHARE_ALL,
    SHARE_READ,
    SHARE_WRITE,
)
from conformance.client.session import File, Tree
from smbserver.nt import status
from tests.cachers import RH, Cacher, R
from tests.harness import World

WRITE_THROUGH, SEQUENTIAL, NO_BUFFERING, ALERT, NONALERT = 0x2, 0x4, 0x8, 0x10, 0x20


def change(file: File, level: int, data: bytes, kind: int = INFO_FILE) -> int:
    return file.tree.call(queries.set_info(file.file_id, kind, level, data)).status


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


@pytest.fixture
def file(tree: Tree) -> File:
    return tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF)


def folder(tree: Tree, name: str, share: int = SHARE_ALL, access: int = GENERIC_READ) -> File:
    return tree.open(name, access=access, disposition=OPEN_IF, options=DIRECTORY_FILE, share=share)


@pytest.mark.parametrize(
    ("level", "size"),
    [(4, 40), (10, 24), (11, 24), (13, 1), (64, 4), (65, 24), (14, 8), (16, 4), (19, 8), (20, 8), (39, 8)],
)
def test_less_than_the_class_needs(file: File, level: int, size: int) -> None:
    assert change(file, level, bytes(size - 1)) == status.INFO_LENGTH_MISMATCH


@pytest.mark.parametrize("level", [0, 1, 5, 6, 7, 8, 9, 18, 21, 22, 28, 34, 35, 48, 99])
def test_classes_that_cannot_be_set(file: File, level: int) -> None:
    assert change(file, level, bytes(64)) == status.INVALID_INFO_CLASS


@pytest.mark.parametrize("level", [29, 32, 40])
def test_classes_that_are_not_had_here(file: File, level: int) -> None:
    assert change(file, level, bytes(64)) == status.NOT_SUPPORTED


@pytest.mark.parametrize(("kind", "expected"), [(4, status.NOT_SUPPORTED), (7, status.INVALID_PARAMETER)])
def test_other_kinds(file: File, kind: int, expected: int) -> None:
    assert change(file, 0, bytes(64), kind) == expected


def test_bits_that_are_no_settable_attribute_are_ignored(file: File) -> None:
    """smbclient's tar sends the Unix mode 0o100644 in this field."""
    assert change(file, 4, queries.basic_data(attributes=0x81A4)) == 0
    assert file.query(INFO_FILE, 4)[32:36] == pack("<I", 0x124)  # SYSTEM, ARCHIVE, TEMPORARY


def test_attributes_that_contradict_the_kind_of_file(tree: Tree, file: File) -> None:
    assert change(file, 4, queries.basic_data(attributes=0x10)) == status.INVALID_PARAMETER
    directory = folder(tree, "folder", access=GENERIC_ALL)
    assert change(directory, 4, queries.basic_data(attributes=0x110)) == status.INVALID_PARAMETER
    assert change(directory, 4, queries.basic_data(attributes=0x12)) == 0


def test_nobody_hides_the_root(tree: Tree) -> None:
    root = tree.open("", access=GENERIC_ALL)
    assert change(root, 4, queries.basic_data(attributes=0x16)) == 0
    assert root.query(INFO_FILE, 4)[32:36] == pack("<I", 0x10)


@pytest.mark.parametrize("time", [-3, -(1 << 63)])
def test_times_that_mean_nothing(file: File, time: int) -> None:
    for at in range(4):
        times = [0, 0, 0, 0]
        times[at] = time
        assert change(file, 4, pack("<qqqqII", *times, 0, 0)) == status.INVALID_PARAMETER


def test_times_that_steer_are_no_times(file: File) -> None:
    before = file.query(INFO_FILE, 4)
    for time in (0, -1, -2):
        assert change(file, 4, pack("<qqqqII", time, time, time, time, 0, 0)) == 0
    assert file.query(INFO_FILE, 4)[:24] == before[:24]


def test_mode(tree: Tree) -> None:
    file = tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF, options=NONALERT | NO_BUFFERING)
    assert change(file, 16, pack("<I", ALERT | SEQUENTIAL)) == 0
    assert file.query(INFO_FILE, 16) == pack("<I", ALERT | SEQUENTIAL | NO_BUFFERING)
    for mode in (0, ALERT | NONALERT, ALERT | NO_BUFFERING, ALERT | 0x1000, ALERT | 0x100000):
        assert change(file, 16, pack("<I", mode)) == status.INVALID_PARAMETER
    assert change(file, 16, pack("<I", ALERT | WRITE_THROUGH)) == 0
    assert file.query(INFO_FILE, 16) == pack("<I", ALERT | NO_BUFFERING)
    plain = tree.open("file", access=GENERIC_ALL)
    assert change(plain, 16, pack("<I", WRITE_THROUGH)) == 0
    assert plain.query(INFO_FILE, 16) == pack("<I", WRITE_THROUGH)
    assert change(plain, 16, pack("<I", ALERT)) == status.INVALID_PARAMETER


def test_valid_data_length_is_the_end_of_the_file(world: World, file: File) -> None:
    file.write(0, b"content")
    assert change(file, 39, pack("<Q", 7)) == 0
    for size in (0, 6, 8, 1 << 63):
        assert change(file, 39, pack("<Q", size)) == status.INVALID_PARAMETER
    assert (world.data / "file").read_bytes() == b"content"


def test_sizes(world: World, file: File) -> None:
    file.write(0, b"content")
    assert change(file, 20, pack("<Q", 3)) == 0
    assert change(file, 19, pack("<Q", 1 << 16)) == 0
    assert (world.data / "file").read_bytes() == b"con"
    assert change(file, 19, pack("<Q", 1)) == 0
    assert (world.data / "file").read_bytes() == b"c"
    assert change(file, 20, pack("<Q", 1 << 63)) == status.INVALID_PARAMETER
    reader = file.tree.open("file", access=GENERIC_READ)
    for level in (19, 20, 39):
        assert change(reader, level, bytes(8)) == status.ACCESS_DENIED
        assert change(folder(file.tree, "folder", access=GENERIC_ALL), level, bytes(8)) == status.INVALID_PARAMETER


def test_position(file: File) -> None:
    assert change(file, 14, pack("<Q", 77)) == 0
    assert file.query(INFO_FILE, 14) == pack("<Q", 77)
    assert change(file, 14, pack("<Q", 1 << 63)) == status.INVALID_PARAMETER


def test_rename(world: World, tree: Tree, file: File) -> None:
    folder(tree, "folder").close()
    assert change(file, 10, queries.rename_data("folder\\moved")) == 0
    assert (world.data / "folder" / "moved").exists()
    assert file.query(INFO_FILE, 9)[4:].decode("utf-16-le") == "\\folder\\moved"
    assert change(file, 10, queries.rename_data("folder\\Moved")) == 0
    assert [path.name for path in (world.data / "folder").iterdir()] == ["Moved"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", status.INVALID_PARAMETER), ("missing\\x", status.OBJECT_PATH_NOT_FOUND), ("a*b", status.OBJECT_NAME_INVALID),
     ("..\\x", status.OBJECT_PATH_SYNTAX_BAD), ("a\\\\b", status.OBJECT_NAME_INVALID)],
)  # fmt: skip
def test_names_nothing_is_renamed_to(file: File, name: str, expected: int) -> None:
    assert change(file, 10, queries.rename_data(name)) == expected
    assert file.query(INFO_FILE, 9)[4:].decode("utf-16-le") == "\\file"


@pytest.mark.parametrize(
    ("level", "data"),
    [(10, queries.rename_data("moved")), (13, b"\1"), (64, b"\1\0\0\0")],
    ids=["rename", "delete", "delete, the newer class"],
)
def test_what_waits_for_a_break_does_nothing_to_a_closed_file(
    world: World, tree: Tree, level: int, data: bytes
) -> None:
    file, caching = tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF), Cacher(world)
    caching.open("file", lease=1, wanted=RH, access=GENERIC_READ)
    message = tree.submit(queries.set_info(file.file_id, INFO_FILE, level, data))
    file.close()
    assert caching.answer_lease(1, R) == status.SUCCESS
    assert tree.session.connection.wait(message).status == status.FILE_CLOSED
    caching.connection.close()
    assert sorted(each.name for each in world.data.iterdir()) == ["file"]


def test_rename_over_another(world: World, tree: Tree, file: File) -> None:
    other = tree.create("other")
    assert change(file, 10, queries.rename_data("other")) == status.OBJECT_NAME_COLLISION
    assert change(file, 10, queries.rename_data("other", replace=True)) == status.ACCESS_DENIED  # it is open
    other.close()
    assert change(file, 10, queries.rename_data("other", replace=True)) == 0
    assert [path.name for path in world.data.iterdir()] == ["other"]


def test_rename_needs_the_right_to_delete(file: File) -> None:
    reader = file.tree.open("file", access=GENERIC_READ | GENERIC_WRITE)
    assert change(reader, 10, queries.rename_data("new")) == status.ACCESS_DENIED


@pytest.mark.parametrize(
    ("share", "access", "expected"),
    [
        (SHARE_ALL, GENERIC_READ, 0),
        (SHARE_ALL, GENERIC_READ | DELETE, status.SHARING_VIOLATION),
        (SHARE_READ, GENERIC_READ, status.SHARING_VIOLATION),
        (SHARE_READ | SHARE_WRITE, GENERIC_READ, 0),
    ],
)
def test_who_has_the_target_folder_open_is_asked(tree: Tree, share: int, access: int, expected: int) -> None:
    folder(tree, "folder").close()
    file = tree.open("folder\\file", access=GENERIC_ALL, disposition=OPEN_IF)
    folder(tree, "folder", share, access)
    assert change(file, 10, queries.rename_data("folder\\new")) == expected


def test_a_watcher_with_all_rights_stops_nobody(world: World, tree: Tree) -> None:
    folder(tree, "folder").close()
    file = tree.open("folder\\file", access=GENERIC_ALL, disposition=OPEN_IF)
    folder(world.tree(), "folder", SHARE_ALL, GENERIC_ALL)
    assert change(file, 10, queries.rename_data("folder\\new")) == 0


def test_a_folder_with_an_open_file_stays_where_it_is(tree: Tree) -> None:
    directory = folder(tree, "folder", access=GENERIC_ALL)
    file = tree.create("folder\\file")
    assert change(directory, 10, queries.rename_data("elsewhere")) == status.ACCESS_DENIED
    file.close()
    assert change(directory, 10, queries.rename_data("folder\\inside")) == status.ACCESS_DENIED
    assert change(directory, 10, queries.rename_data("elsewhere")) == 0


def test_delete_at_the_last_close(world: World, tree: Tree, file: File) -> None:
    second = tree.open("file", access=GENERIC_READ)
    assert change(file, 13, b"\1") == 0
    file.close()
    assert (world.data / "file").exists()
    second.close()
    assert not (world.data / "file").exists()


def test_what_is_not_deleted(tree: Tree, file: File) -> None:
    directory = folder(tree, "folder", access=GENERIC_ALL)
    tree.create("folder\\file")
    assert change(directory, 13, b"\1") == status.DIRECTORY_NOT_EMPTY
    root = tree.open("", access=GENERIC_ALL)
    assert change(root, 13, b"\1") == status.CANNOT_DELETE
    assert change(file, 4, queries.basic_data(attributes=1)) == 0
    assert change(file, 13, b"\1") == status.CANNOT_DELETE
    assert change(tree.open("file", access=GENERIC_READ), 13, b"\1") == status.ACCESS_DENIED


def test_a_hard_link(world: World, file: File) -> None:
    file.write(0, b"x")
    assert change(file, 11, queries.rename_data("link")) == 0
    assert (world.data / "link").stat().st_ino == (world.data / "file").stat().st_ino
    assert change(file, 11, queries.rename_data("link")) == status.OBJECT_NAME_COLLISION
    assert (
        change(folder(file.tree, "folder", access=GENERIC_ALL), 11, queries.rename_data("x"))
        == status.FILE_IS_A_DIRECTORY
    )


def test_a_hard_link_as_linux_asks_for_it(world: World, file: File) -> None:
    """`link(2)` on a mount opens the file with FILE_READ_ATTRIBUTES and nothing else."""
    seen = file.tree.open("file", access=READ_ATTRIBUTES)
    assert change(seen, 11, queries.rename_data("link")) == 0
    assert (world.data / "link").stat().st_ino == (world.data / "file").stat().st_ino


@pytest.mark.parametrize(
    ("level", "expected"),
    [(2, status.NOT_SUPPORTED), (6, status.NOT_SUPPORTED), (8, status.NOT_SUPPORTED), (9, status.NOT_SUPPORTED)]
    + [(level, status.INVALID_INFO_CLASS) for level in (0, 1, 3, 4, 5, 7, 11, 99)],
)
def test_nothing_of_the_volume_is_set(tree: Tree, file: File, level: int, expected: int) -> None:
    assert change(file, level, bytes(64), INFO_FILESYSTEM) == expected
    if level in (6, 8):
        assert change(tree.open("file"), level, bytes(64), INFO_FILESYSTEM) == status.ACCESS_DENIED
