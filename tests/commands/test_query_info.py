"""QUERY_INFO: the least room of each class, what is cut, which rights are needed, what is refused."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    CREATE_NEW,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    INFO_FILESYSTEM,
    INFO_QUOTA,
    INFO_SECURITY,
    OPEN,
    READ_ATTRIBUTES,
    READ_DATA,
    RELATED_FILE_ID,
    SMB_2_1,
    SMB_3_0_2,
    SMB_3_1_1,
)
from conformance.client.session import File, Options, Tree
from smbserver.nt import status
from smbserver.nt.names import is_short
from tests.harness import World

# [MS-FSA] 2.1.5.12 and 2.1.5.13: class, least room, size of the whole answer for a file called "file".
FILE_CLASSES = [
    (4, 40, 40),
    (5, 24, 24),
    (6, 8, 8),
    (7, 4, 4),
    (8, 4, 4),
    (9, 8, 4 + 10),
    (14, 8, 8),
    (16, 4, 4),
    (17, 4, 4),
    (18, 104, 100 + 10),
    (21, 8, 4 + 8),
    (22, 32, 24 + 14),
    (28, 16, 16),
    (34, 56, 56),
    (35, 8, 8),
    (48, 8, 4 + 8),
    (59, 24, 24),
]
STANDARD = 5
STREAM = 22
STANDARD_OF_IT = queries.query_info(RELATED_FILE_ID, INFO_FILE, STANDARD, 100)
FILE_SYSTEM_CLASSES = [
    (1, 24, 18 + 8),
    (3, 24, 24),
    (4, 8, 8),
    (5, 16, 12 + 8),
    (6, 48, 48),
    (7, 32, 32),
    (8, 64, 64),
    (11, 28, 28),
]
FREE_SPACE = [(INFO_FILESYSTEM, 3), (INFO_FILESYSTEM, 6), (INFO_FILESYSTEM, 7)]  # others use the disk meanwhile
BY_KIND = [(INFO_FILE, *row) for row in FILE_CLASSES] + [(INFO_FILESYSTEM, *row) for row in FILE_SYSTEM_CLASSES]


@pytest.fixture
def file(world: World) -> File:
    return world.tree().create("file")


def asked(file: File, kind: int, level: int, room: int, additional: int = 0) -> tuple[int, bytes]:
    reply = file.tree.call(queries.query_info(file.file_id, kind, level, room, additional))
    return reply.status, queries.decode_buffer(reply) if reply.status in (0, status.BUFFER_OVERFLOW) else reply.body


@pytest.mark.parametrize(("kind", "level", "least", "whole"), BY_KIND)
def test_the_room_a_class_needs(file: File, kind: int, level: int, least: int, whole: int) -> None:
    for room in (0, least - 1):
        assert asked(file, kind, level, room)[0] == status.INFO_LENGTH_MISMATCH
    code, data = asked(file, kind, level, least)
    got = 0 if level == STREAM and least < whole else min(least, whole)  # whole entries only ([MS-FSCC] 2.4.49)
    assert (code, len(data)) == (status.BUFFER_OVERFLOW if least < whole else status.SUCCESS, got)
    exact = asked(file, kind, level, max(least, whole))
    code, data = asked(file, kind, level, 65536)
    assert (code, len(data)) == (status.SUCCESS, whole)
    if (kind, level) not in FREE_SPACE:
        assert exact == (code, data)


@pytest.mark.parametrize(
    ("dialect", "expected"), [(SMB_3_0_2, bytes.fromhex("0900000000000000") + b"\0"), (SMB_3_1_1, None)]
)
def test_error_data_has_a_context_at_311(world: World, dialect: int, expected: bytes | None) -> None:
    file = world.tree("data", Options(dialects=(dialect,))).create("file")
    body = asked(file, INFO_FILE, 4, 0)[1]
    assert body == (expected if expected is not None else bytes.fromhex("0900010008000000") + bytes(8))
    needed = asked(file, INFO_SECURITY, 0, 0, 7)
    assert needed[0] == status.BUFFER_TOO_SMALL
    tail = needed[1][8:] if dialect == SMB_3_0_2 else needed[1][16:]
    size = int.from_bytes(tail[:4], "little")
    assert len(asked(file, INFO_SECURITY, 0, size, 7)[1]) == size


@pytest.mark.parametrize(
    "name",
    ["file", "README.TXT", "a.b", "a.b.c", "longer-than.it", "a.html", "with space", "a+b", ".hidden", "ä", "dot."],
)
def test_every_file_has_a_short_name_and_opens_by_it(world: World, name: str) -> None:
    tree = world.tree()
    file = tree.create(name)
    code, data = asked(file, INFO_FILE, 21, 1024)
    short = data[4:].decode("utf-16-le")
    assert code == 0
    assert is_short(short)
    with tree.open(short.lower()) as again:
        assert asked(again, INFO_FILE, 6, 8) == asked(file, INFO_FILE, 6, 8)
        assert asked(again, INFO_FILE, 48, 1024)[1][4:].decode("utf-16-le").rstrip("\uf029.") == name.rstrip(".")


def test_names(world: World) -> None:
    tree = world.tree()
    tree.open("folder", access=GENERIC_READ, disposition=2, options=1)
    file = tree.create("folder\\File")
    assert asked(file, INFO_FILE, 9, 1024)[1][4:].decode("utf-16-le") == "\\folder\\File"
    assert asked(file, INFO_FILE, 48, 1024)[1][4:].decode("utf-16-le") == "folder\\File"
    root = tree.open("", access=GENERIC_READ)
    assert asked(root, INFO_FILE, 9, 1024)[1] == b"\2\0\0\0\\\0"
    assert asked(root, INFO_FILE, 21, 1024)[0] == status.OBJECT_NAME_NOT_FOUND


def test_the_normalized_name_came_with_311(world: World) -> None:
    file = world.tree("data", Options(dialects=(SMB_3_0_2,))).create("file")
    assert asked(file, INFO_FILE, 48, 1024)[0] == status.NOT_SUPPORTED


@pytest.mark.parametrize("level", [0, 1, 2, 3, 10, 11, 13, 19, 20, 39, 77, 255])
def test_classes_that_cannot_be_queried(file: File, level: int) -> None:
    assert asked(file, INFO_FILE, level, 1024)[0] == status.INVALID_INFO_CLASS


@pytest.mark.parametrize("level", [29, 33, 46, 54, 60, 64, 78])
def test_classes_that_are_not_for_the_network(file: File, level: int) -> None:
    assert asked(file, INFO_FILE, level, 1024)[0] == status.NOT_SUPPORTED


def test_the_file_id_is_that_of_the_directory_and_came_with_30(world: World, file: File) -> None:
    volume, low, high = unpack_from("<QQQ", asked(file, INFO_FILE, 59, 24)[1])
    assert (low, high) == (unpack_from("<Q", asked(file, INFO_FILE, 6, 8)[1])[0], 0)
    assert volume == unpack_from("<QI", asked(file, INFO_FILESYSTEM, 1, 1024)[1])[1]
    old = world.tree("data", Options(dialects=(SMB_2_1,))).open("file")
    assert asked(old, INFO_FILE, 59, 24)[0] == status.NOT_SUPPORTED


def test_other_kinds(file: File) -> None:
    assert asked(file, INFO_FILESYSTEM, 2, 1024)[0] == asked(file, INFO_FILESYSTEM, 9, 1024)[0] == status.NOT_SUPPORTED
    assert asked(file, INFO_FILESYSTEM, 99, 1024)[0] == status.INVALID_INFO_CLASS
    assert asked(file, INFO_QUOTA, 0, 1024)[0] == status.NOT_SUPPORTED
    assert asked(file, 9, 0, 1024)[0] == status.INVALID_PARAMETER
    assert asked(file, INFO_FILE, 4, (8 << 20) + 1)[0] == status.INVALID_PARAMETER


def test_attributes_need_the_right_to_read_them(world: World, file: File) -> None:
    data_only = file.tree.open("file", access=READ_DATA)
    for level, _, _ in FILE_CLASSES:
        expected = status.ACCESS_DENIED if level in (4, 18, 34, 35) else status.SUCCESS
        assert asked(data_only, INFO_FILE, level, 1024)[0] == expected
    assert asked(data_only, INFO_SECURITY, 0, 1024, 7)[0] == status.ACCESS_DENIED
    attributes_only = file.tree.open("file", access=READ_ATTRIBUTES)
    assert asked(attributes_only, INFO_FILE, 4, 1024)[0] == status.SUCCESS


def test_all_is_its_parts_in_a_row(file: File) -> None:
    file.write(0, b"12345")
    parts = [asked(file, INFO_FILE, level, 1024)[1] for level in (4, 5, 6, 7, 8, 14, 16, 17, 9)]
    assert asked(file, INFO_FILE, 18, 1024)[1] == b"".join(parts)


def test_the_position_is_where_the_last_read_ended(file: File) -> None:
    file.write(0, b"0123456789")
    assert asked(file, INFO_FILE, 14, 8)[1] == bytes(8)
    file.read(2, 3)
    assert asked(file, INFO_FILE, 14, 8)[1] == b"\5" + bytes(7)


def test_a_folder_has_no_streams(world: World) -> None:
    folder = world.tree().open("folder", access=GENERIC_READ, disposition=2, options=1)
    assert asked(folder, INFO_FILE, 22, 1024) == (status.SUCCESS, b"")
    assert unpack_from("<BB", asked(folder, INFO_FILE, 5, 24)[1], 20) == (0, 1)


def test_a_read_only_volume_says_so(world: World) -> None:
    for share, flag in (("data", 0), ("ro", 0x80000)):
        root = world.tree(share).open("", access=GENERIC_READ)
        assert unpack_from("<I", asked(root, INFO_FILESYSTEM, 5, 1024)[1])[0] & 0x80000 == flag


def test_a_file_that_is_going_says_so(world: World, file: File) -> None:
    going = file.tree.open("file", access=GENERIC_READ | 0x10000)
    going.set(INFO_FILE, 13, b"\1")
    assert unpack_from("<QQIBB", asked(file, INFO_FILE, 5, 24)[1])[2:] == (0, 1, 0)
    assert file.tree.call(commands.close(going.file_id)).status == 0


def standard_sizes(tree: Tree, items: list[Request]) -> list[int]:
    """EndOfFile of each FileStandardInformation among the requests of one frame."""
    replies = [reply.check() for reply in tree.call_compound(items)]
    pairs = zip(replies, items, strict=True)
    return [unpack_from("<8xQ", queries.decode_buffer(reply))[0] for reply, item in pairs if item is STANDARD_OF_IT]


def test_a_query_right_behind_its_create_tells_what_is_true_when_they_came(world: World) -> None:
    """CREATE has asked the disk for both; what stands between them is seen, and so is what comes between frames."""
    path = world.data / "file"
    path.write_bytes(bytes(5))
    tree = world.tree()
    create = commands.create("file", access=GENERIC_READ | GENERIC_WRITE, disposition=OPEN)
    write = commands.write(RELATED_FILE_ID, 0, bytes(9))
    cut = queries.set_info(RELATED_FILE_ID, INFO_FILE, 20, pack("<Q", 3))
    query = STANDARD_OF_IT
    assert standard_sizes(tree, [create, query, query]) == [5, 5]
    assert standard_sizes(tree, [create, query, write, query]) == [5, 9]
    assert standard_sizes(tree, [create, cut, query]) == [3]
    file = tree.open("file")
    path.write_bytes(bytes(7))
    assert unpack_from("<8xQ", file.query(INFO_FILE, STANDARD)) == (7,)
    assert standard_sizes(tree, [create, query]) == [7]


def test_a_query_right_behind_the_create_of_a_new_file(world: World) -> None:
    create = commands.create("new", access=GENERIC_READ | GENERIC_WRITE, disposition=CREATE_NEW)
    write = commands.write(RELATED_FILE_ID, 0, bytes(9))
    assert standard_sizes(world.tree(), [create, STANDARD_OF_IT, write, STANDARD_OF_IT]) == [0, 9]
