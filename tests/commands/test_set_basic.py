"""FileBasicInformation: 0, -1 and -2 in place of a time, what is held by whom, and what CLOSE then says."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from conformance.client import queries
from conformance.client.protocol import GENERIC_ALL, GENERIC_READ, INFO_FILE, OPEN_IF
from conformance.client.session import File, Tree
from smbserver.nt import status
from smbserver.nt.filetime import MAXIMUM
from tests.harness import World

BASIC = 4
T = 130_000_000_000_000_000
POSTQUERY = 1


def basic(file: File, *times: int, attributes: int = 0) -> int:
    """Set four times, 0 for each that is missing."""
    padded = (*times, 0, 0, 0, 0)[:4]
    data = pack("<4qII", *padded, attributes, 0)
    return file.tree.call(queries.set_info(file.file_id, INFO_FILE, BASIC, data)).status


def times(file: File) -> tuple[int, ...]:
    """Creation, access, write, change."""
    return unpack_from("<4Q", file.query(INFO_FILE, BASIC))


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


@pytest.fixture
def file(tree: Tree) -> File:
    return tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF)


def test_all_four(file: File) -> None:
    assert basic(file, T, T + 1, T + 2, T + 3) == 0
    assert times(file) == (T, T + 1, T + 2, T + 3)
    assert basic(file) == 0
    assert times(file) == (T, T + 1, T + 2, T + 3)
    assert basic(file, MAXIMUM, 1, MAXIMUM, 1) == 0
    assert times(file) == (MAXIMUM, 1, MAXIMUM, 1)


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [-3, -(1 << 63)])
def test_less_than_minus_two(file: File, which: int, value: int) -> None:
    before = times(file)
    assert basic(file, *[value if index == which else 0 for index in range(4)]) == status.INVALID_PARAMETER
    assert times(file) == before


def test_a_set_write_time_survives_what_follows_through_this_open(tree: Tree, file: File) -> None:
    """A copy sets the time and then writes its last block; the time is the source's."""
    assert basic(file, 0, 0, T) == 0
    file.write(0, b"abc")
    file.set(INFO_FILE, 20, pack("<Q", 1))
    file.set(INFO_FILE, 19, pack("<Q", 100_000))
    assert times(file)[2] == T
    other = tree.open("file", access=GENERIC_ALL)
    other.write(0, b"x")
    assert times(file)[2] > T
    other.close()


def test_stop_and_resume(file: File) -> None:
    file.write(0, b"1")
    _, _, written, _ = before = times(file)
    assert basic(file, -1, -1, -1, -1) == 0
    assert times(file) == before
    file.write(0, b"22")
    assert file.read(0, 10) == b"22"
    assert times(file) == before
    assert basic(file, -2, -2, -2, -2) == 0
    assert times(file) == before
    assert basic(file, 0, 0, T) == 0
    assert basic(file, 0, 0, -2) == 0
    assert times(file)[2] == T
    file.write(0, b"333")
    assert times(file)[2] >= written


def test_a_held_change_time_survives_attributes(file: File) -> None:
    assert basic(file, 0, 0, 0, T) == 0
    assert basic(file, attributes=2) == 0
    assert basic(file, T) == 0
    assert (times(file)[0], times(file)[3]) == (T, T)
    assert basic(file, 0, 0, 0, -2) == 0
    assert basic(file, T + 1) == 0
    assert times(file)[3] > T


def test_what_is_held_belongs_to_the_open(tree: Tree, file: File) -> None:
    assert basic(file, 0, 0, T) == 0
    file.close()
    again = tree.open("file", access=GENERIC_ALL)
    assert times(again)[2] == T
    again.write(0, b"x")
    assert times(again)[2] > T
    again.close()


def test_close_tells_the_times_that_were_set(file: File) -> None:
    assert basic(file, T, T + 1, T + 2, T + 3) == 0
    file.write(0, b"abc")
    closed = file.close(POSTQUERY)
    told = (closed.creation_time, closed.last_access_time, closed.last_write_time, closed.change_time)
    assert told == (T, T + 1, T + 2, T + 3)


def test_a_directory_has_them_too(tree: Tree) -> None:
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=1)
    assert basic(folder, -1, -1, -1, -1) == 0
    assert basic(folder, T, T + 1, T + 2, T + 3) == 0
    assert times(folder) == (T, T + 1, T + 2, T + 3)
    folder.close()


def test_who_may_not(tree: Tree, file: File) -> None:
    reader = tree.open("file", access=GENERIC_READ)
    for wanted in (T, -1, -2):
        assert basic(reader, wanted, wanted, wanted, wanted) == status.ACCESS_DENIED
    reader.close()


def test_an_open_and_a_listing_say_the_same(tree: Tree, file: File) -> None:
    assert basic(file, T, 5, MAXIMUM, T + 3) == 0
    root = tree.open("", access=GENERIC_READ, options=1)
    [entry] = root.list_directory(pattern="file")
    told = (entry.creation_time, entry.last_access_time, entry.last_write_time, entry.change_time)
    assert told == (T, 5, MAXIMUM, T + 3)
    root.close()


def attributes_of(tree: Tree, name: str = "file") -> int:
    """What somebody else is shown."""
    with tree.open(name, access=0x80) as other:
        return other.created.attributes


def test_changed_data_want_to_be_backed_up(tree: Tree, file: File) -> None:
    """[MS-FSA] 2.1.4.17; a backup program takes ARCHIVE away and comes back for what has it again."""
    for change in (
        lambda: file.write(0, b"abc"),
        lambda: file.set(INFO_FILE, 20, pack("<Q", 1)),
        lambda: file.set(INFO_FILE, 19, pack("<Q", 0)),
    ):
        with tree.open("file", access=0x100) as backup:
            assert basic(backup, attributes=0x82) == 0
        assert attributes_of(tree) == 2
        change()
        assert attributes_of(tree) == 0x22
    assert basic(file, attributes=0x80) == 0
    assert basic(file, T, T, T, T) == 0
    assert attributes_of(tree) == 0x80


def test_also_a_local_programs_file(world: World, tree: Tree) -> None:
    (world.data / "local").write_bytes(b"1")
    (world.data / ".dot").write_bytes(b"1")
    for name, before, after in (("local", 0x80, 0x20), (".dot", 2, 0x22)):
        assert attributes_of(tree, name) == before
        with tree.open(name, access=GENERIC_ALL) as file:
            file.write(0, b"2")
        assert attributes_of(tree, name) == after
    (world.data / ".dot").rename(world.data / "dot")
    assert attributes_of(tree, "dot") == 0x20
