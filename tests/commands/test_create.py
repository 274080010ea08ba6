"""CREATE: arguments that are refused, dispositions, and what an existing file allows."""

from __future__ import annotations

import pytest

from conformance.client import commands, queries
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_READ,
    NON_DIRECTORY_FILE,
    OPEN,
    OPEN_IF,
    OVERWRITE,
    OVERWRITE_IF,
    SUPERSEDE,
)
from conformance.client.session import Tree
from smbserver.nt import status
from tests.harness import World


@pytest.fixture
def tree(world: World) -> Tree:
    (world.data / "file").write_bytes(b"content")
    (world.data / "folder").mkdir()
    return world.tree()


def asked(tree: Tree, name: str, access: int = GENERIC_READ, disposition: int = OPEN, **given: int) -> int:
    return tree.call(commands.create(name, access=access, disposition=disposition, **given)).status  # type: ignore[arg-type]  # all of them are ints


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"impersonation": 4}, status.BAD_IMPERSONATION_LEVEL),
        ({"access": 0}, status.ACCESS_DENIED),
        ({"access": 0x00E0FE00}, status.ACCESS_DENIED),
        ({"access": 0x01000000}, status.PRIVILEGE_NOT_HELD),
        ({"disposition": 6}, status.INVALID_PARAMETER),
        ({"share": 8}, status.INVALID_PARAMETER),
        ({"options": DIRECTORY_FILE | NON_DIRECTORY_FILE}, status.INVALID_PARAMETER),
        ({"options": DIRECTORY_FILE, "disposition": OVERWRITE}, status.INVALID_PARAMETER),
        ({"options": DIRECTORY_FILE, "disposition": SUPERSEDE}, status.INVALID_PARAMETER),
        ({"options": DELETE_ON_CLOSE}, status.INVALID_PARAMETER),
        ({"options": DELETE_ON_CLOSE, "access": 0x02000000}, status.SUCCESS),
        ({"options": 0x2000}, status.NOT_SUPPORTED),
        ({"options": 0x80}, status.NOT_SUPPORTED),
        ({"options": 0x00100000}, status.NOT_SUPPORTED),
        ({"options": 0x01000000}, status.INVALID_PARAMETER),
        ({"options": DIRECTORY_FILE | 0x4}, status.INVALID_PARAMETER),
        ({"options": DIRECTORY_FILE | 0x800}, status.INVALID_PARAMETER),
        ({"attributes": 0x40}, status.INVALID_PARAMETER),
        ({"attributes": 0x8}, status.INVALID_PARAMETER),
        ({"attributes": 0x8000}, status.INVALID_PARAMETER),
    ],
)
def test_arguments(tree: Tree, given: dict[str, int], expected: int) -> None:
    assert asked(tree, "file", **given) == expected


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("missing", {}, status.OBJECT_NAME_NOT_FOUND),
        ("missing", {"disposition": OVERWRITE}, status.OBJECT_NAME_NOT_FOUND),
        ("missing\\x", {}, status.OBJECT_PATH_NOT_FOUND),
        ("file", {"disposition": CREATE_NEW}, status.OBJECT_NAME_COLLISION),
        ("file", {"options": DIRECTORY_FILE}, status.NOT_A_DIRECTORY),
        ("folder", {"options": NON_DIRECTORY_FILE}, status.FILE_IS_A_DIRECTORY),
        ("folder\\", {}, status.SUCCESS),
        ("file\\", {"options": NON_DIRECTORY_FILE}, status.OBJECT_NAME_INVALID),
        ("file\\", {}, status.OBJECT_NAME_INVALID),
        ("new\\", {"disposition": CREATE_NEW}, status.OBJECT_NAME_INVALID),
        ("new\\", {"disposition": CREATE_NEW, "options": DIRECTORY_FILE}, status.SUCCESS),
        ("folder/", {}, status.SUCCESS),
        ("folder/../file", {}, status.SUCCESS),
        ("/file", {}, status.INVALID_PARAMETER),
        ("folder/../../file", {}, status.OBJECT_PATH_SYNTAX_BAD),
        ("", {"disposition": CREATE_NEW, "options": DIRECTORY_FILE}, status.ACCESS_DENIED),
        ("", {"disposition": OVERWRITE}, status.ACCESS_DENIED),
        ("folder", {"disposition": OVERWRITE}, status.OBJECT_NAME_COLLISION),
        ("new", {"disposition": CREATE_NEW, "attributes": 0x4000}, status.ACCESS_DENIED),
        ("file", {"disposition": OVERWRITE, "attributes": 0x4000}, status.ACCESS_DENIED),
        ("file", {"attributes": 0x4000}, status.SUCCESS),
        ("\\file", {}, status.INVALID_PARAMETER),
        ("FILE", {}, status.SUCCESS),
        ("", {"access": DELETE, "options": DELETE_ON_CLOSE}, status.CANNOT_DELETE),
    ],
)
def test_names(tree: Tree, name: str, given: dict[str, int], expected: int) -> None:
    assert asked(tree, name, **given) == expected


@pytest.mark.parametrize(
    ("disposition", "action", "left"),
    [(OPEN, 1, b"content"), (OPEN_IF, 1, b"content"), (OVERWRITE, 3, b""), (OVERWRITE_IF, 3, b""), (SUPERSEDE, 0, b"")],
)
def test_what_happens_to_a_file_that_is_there(
    world: World, tree: Tree, disposition: int, action: int, left: bytes
) -> None:
    assert tree.open("file", disposition=disposition).created.action == action
    assert (world.data / "file").read_bytes() == left


def test_a_temporary_folder_is_nonsense(tree: Tree) -> None:
    given = {"disposition": CREATE_NEW, "options": DIRECTORY_FILE, "attributes": 0x100}
    assert asked(tree, "new", **given) == status.INVALID_PARAMETER


def test_unbuffered_opens_do_not_append(tree: Tree) -> None:
    file = tree.open("file", access=0x7, options=0x8)
    assert file.query(1, 8) == b"\3\0\0\0"


@pytest.mark.parametrize(
    ("wanted", "stored"),
    [(0, 0x20), (0x80, 0x20), (0x27, 0x27), (0x1100, 0x1120), (0x10, 0x20), (0xE00, 0x20), (0x2000, 0x2020)],
)
def test_attributes_of_a_new_file(tree: Tree, wanted: int, stored: int) -> None:
    """[MS-FSA] 2.1.5.1.1: what a client may set, and ARCHIVE."""
    created = tree.call(commands.create("new", access=GENERIC_READ, disposition=CREATE_NEW, attributes=wanted))
    assert commands.decode_create(created).attributes == stored


def test_attributes_of_an_overwritten_file(tree: Tree) -> None:
    """Those of the request in place of the old ones, without NOT_CONTENT_INDEXED."""
    for wanted, stored in ((0x2121, 0x121), (0x22, 0x22)):
        tree.open("f", disposition=OPEN_IF).close()
        reply = tree.call(commands.create("f", access=GENERIC_READ, disposition=SUPERSEDE, attributes=wanted))
        created = commands.decode_create(reply)
        assert created.attributes == stored
        tree.call(commands.close(created.file_id))
        if wanted & 1:  # nobody overwrites a file that is READONLY
            assert asked(tree, "f", disposition=SUPERSEDE) == status.ACCESS_DENIED
            f = tree.open("f", access=0x100)
            f.set(1, 4, queries.basic_data(attributes=0x80))
            f.close()


def test_a_hidden_name_is_overwritten_without_knowing(tree: Tree, world: World) -> None:
    """[MS-FSA] 2.1.5.1.2 is about what somebody has set, and nobody has set this."""
    for name, expected in ((".dot", status.SUCCESS), ("set", status.ACCESS_DENIED)):
        made = tree.open(name, access=0x10000000, disposition=OPEN_IF, attributes=0 if name == ".dot" else 2)
        assert made.created.attributes == 0x22
        made.close()
        assert asked(tree, name, disposition=OVERWRITE_IF) == expected
    system = tree.open(".system", access=0x10000000, disposition=OPEN_IF, attributes=4)
    system.close()
    assert asked(tree, ".system", disposition=OVERWRITE_IF) == status.ACCESS_DENIED


def test_the_times_of_a_new_file_are_one(tree: Tree) -> None:
    """[MS-FSA] 2.1.5.1.1; storing the attributes moves the change time on a disk."""
    for options in (0, DIRECTORY_FILE):
        made = tree.open(f"new{options}", disposition=CREATE_NEW, options=options).created
        assert made.creation_time == made.last_write_time == made.last_access_time
