"""EAs through the protocol: set, listed, asked for by name and by index, given at CREATE; on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from conformance.client import commands, queries
from conformance.client.protocol import (
    CREATE_NEW,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    INFO_FILE,
    INFO_FILESYSTEM,
    OPEN,
    OPEN_IF,
    OVERWRITE_IF,
    READ_ATTRIBUTES,
)
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.nt import status
from smbserver.nt.extended_attributes import FILE_NEED_EA, Ea, list_size
from smbserver.objects.share import Share
from smbserver.wire import ea as wire
from smbserver.wire.directory_info import WITH_EA_SIZE, decode_entries
from tests.harness import START, World

FULL_EA = 15
RESTART, SINGLE, INDEX = 1, 2, 4
READ_EA, WRITE_EA = 0x8, 0x10
NO_EA_KNOWLEDGE = 0x200
ONE, TWO, THREE = Ea(b"EAONE", b"VALUE1"), Ea(b"SECONDEA", b"ValueTwo"), Ea(b"third", b"3")


@pytest.fixture(params=["posix", "memory"])
def tree(request: pytest.FixtureRequest, share_folder: Path) -> Iterator[Tree]:
    """A share that has EAs, on each of the stores."""
    shares = [Share("data", MemoryBackend(lambda: START))] if request.param == "memory" else None
    world = World(share_folder, shares=shares)
    backend = world.shares[0].backend
    if backend is None or not backend.supports_eas:
        pytest.skip("no user attributes here")
    yield world.tree()
    world.close()


@pytest.fixture
def file(tree: Tree) -> File:
    return tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF)


def put(file: File, *eas: Ea) -> int:
    return file.tree.call(queries.set_info(file.file_id, INFO_FILE, FULL_EA, wire.encode_full(eas))).status


def asked(file: File, *names: bytes, room: int = 65536, flags: int = 0, index: int = 0) -> tuple[int, list[Ea]]:
    request = queries.query_info(file.file_id, INFO_FILE, FULL_EA, room, index, flags, wire.encode_names(names))
    reply = file.tree.call(request)
    if reply.status not in (status.SUCCESS, status.BUFFER_OVERFLOW):
        return reply.status, []
    return reply.status, wire.decode_full(memoryview(queries.decode_buffer(reply)))


def ea_size(file: File) -> int:
    reply = file.tree.call(queries.query_info(file.file_id, INFO_FILE, 7))
    return int.from_bytes(queries.decode_buffer(reply), "little")


def asked_create(tree: Tree, name: str, data: bytes, disposition: int = CREATE_NEW, options: int = 0) -> int:
    request = commands.create(
        name, access=GENERIC_ALL, disposition=disposition, options=options, contexts=[(b"ExtA", data)]
    )
    return tree.call(request).status


def test_set_and_get(file: File) -> None:
    assert asked(file) == (status.NO_EAS_ON_FILE, [])
    assert ea_size(file) == 0
    assert put(file, TWO, ONE) == 0
    assert asked(file, flags=RESTART) == (0, [ONE, TWO])
    assert ea_size(file) == list_size([ONE, TWO])
    assert put(file, Ea(b"eaone", b"other"), Ea(b"SecondEA", b""), THREE) == 0
    assert asked(file, flags=RESTART) == (0, [Ea(b"EAONE", b"other"), THREE])
    assert put(file, Ea(b"missing", b"")) == 0


def test_an_enumeration_goes_on(file: File) -> None:
    put(file, ONE, TWO, THREE)
    assert asked(file, flags=SINGLE) == (0, [ONE])
    assert asked(file, flags=SINGLE) == (0, [TWO])
    assert asked(file) == (0, [THREE])
    assert asked(file) == (status.NO_EAS_ON_FILE, [])
    assert asked(file, flags=RESTART | SINGLE) == (0, [ONE])
    assert asked(file, flags=INDEX, index=2) == (0, [TWO, THREE])
    assert asked(file, flags=INDEX | SINGLE | RESTART, index=3) == (0, [THREE])
    for index in (0, 4, 0xFFFFFFFF):
        assert asked(file, flags=INDEX, index=index) == (status.NONEXISTENT_EA_ENTRY, [])
    assert asked(file) == (0, [TWO, THREE])  # where it was


def test_by_name(file: File) -> None:
    put(file, ONE, TWO)
    assert asked(file, b"secondea", b"none", b"EAone", b"NONE") == (0, [TWO, Ea(b"none", b""), ONE])
    assert asked(file, b"EAONE", flags=INDEX, index=99) == (0, [ONE])
    assert asked(file, b"a:b") == (status.INVALID_EA_NAME, [])
    reply = file.tree.call(queries.query_info(file.file_id, INFO_FILE, FULL_EA, data=b"\0\0\0\0\x05abc\0"))
    assert reply.status == status.INVALID_PARAMETER


def test_room(file: File) -> None:
    put(file, ONE, TWO)
    first = len(wire.encode_full([ONE]))
    assert asked(file, room=7) == (status.INFO_LENGTH_MISMATCH, [])
    assert asked(file, room=first - 1) == (status.BUFFER_TOO_SMALL, [])
    assert asked(file, room=first) == (status.BUFFER_OVERFLOW, [ONE])
    assert asked(file, room=first + 1000) == (0, [TWO])


def test_rights(tree: Tree, file: File) -> None:
    put(file, ONE)
    nosy = tree.open("file", access=READ_ATTRIBUTES)
    assert asked(nosy)[0] == put(nosy, TWO) == status.ACCESS_DENIED
    assert ea_size(nosy) == list_size([ONE])
    reader = tree.open("file", access=READ_EA)
    assert (asked(reader)[0], put(reader, TWO)) == (0, status.ACCESS_DENIED)
    writer = tree.open("file", access=WRITE_EA)
    assert (asked(writer)[0], put(writer, TWO)) == (status.ACCESS_DENIED, 0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", status.EA_LIST_INCONSISTENT),
        (bytes(8), status.EA_LIST_INCONSISTENT),
        (pack("<IBBH", 0, 0, 0, 1) + b"\0x", status.INVALID_EA_NAME),
        (pack("<IBBH", 0, 1, 1, 1) + b"a\0x", status.INVALID_EA_NAME),
        (pack("<IBBH", 0, 0, 3, 1) + b"a/b\0x", status.INVALID_EA_NAME),
        (wire.encode_full([THREE, Ea(b"n" * 251, b"x")]), status.INVALID_EA_NAME),
        (wire.encode_full([THREE, Ea(b"big", bytes(40000)), Ea(b"too", bytes(40000))]), status.EA_TOO_LARGE),
    ],
)
def test_what_is_refused_changes_nothing(tree: Tree, file: File, data: bytes, expected: int) -> None:
    put(file, ONE)
    assert file.tree.call(queries.set_info(file.file_id, INFO_FILE, FULL_EA, data)).status == expected
    assert asked(file) == (0, [ONE])
    if data:
        assert asked_create(tree, "new", data) == expected
        assert asked_create(tree, "folder", data, options=DIRECTORY_FILE) == expected
    assert sorted(entry.name for entry in tree.list_directory()) == [".", "..", "file"]


def test_given_at_create(tree: Tree) -> None:
    data = wire.encode_full([ONE, TWO])
    assert asked_create(tree, "file", data) == 0
    assert asked_create(tree, "folder", data, options=DIRECTORY_FILE) == 0
    for name in ("file", "folder"):
        assert asked(tree.open(name)) == (0, [ONE, TWO])
    assert asked_create(tree, "file", wire.encode_full([THREE]), OPEN) == 0  # nothing is made: ignored
    assert asked(tree.open("file")) == (0, [ONE, TWO])
    assert asked_create(tree, "file", wire.encode_full([THREE]), OVERWRITE_IF) == 0
    assert asked(tree.open("file")) == (0, [ONE, TWO, THREE])


def test_a_refused_overwrite_keeps_the_content(tree: Tree) -> None:
    with tree.create("file") as made:
        made.write(0, b"content")
    data = wire.encode_full([Ea(b"a", bytes(40000)), Ea(b"b", bytes(40000))])
    assert asked_create(tree, "file", data, OVERWRITE_IF) == status.EA_TOO_LARGE
    assert tree.open("file").read(0, 100) == b"content"


def test_who_knows_nothing_of_eas(tree: Tree, file: File) -> None:
    def status_of(data: bytes = b"") -> int:
        contexts = [(b"ExtA", data)] if data else []
        request = commands.create(
            "file" if not data else "new",
            access=GENERIC_READ,
            disposition=OPEN_IF,
            options=NO_EA_KNOWLEDGE,
            contexts=contexts,
        )
        return tree.call(request).status

    put(file, ONE)
    assert status_of() == 0
    put(file, ONE._replace(flags=FILE_NEED_EA))
    assert asked(file) == (0, [ONE._replace(flags=FILE_NEED_EA)])
    assert status_of() == status.ACCESS_DENIED
    assert tree.open("file") is not None
    assert status_of(wire.encode_full([ONE])) == status.ACCESS_DENIED


@pytest.mark.parametrize("kind", sorted(WITH_EA_SIZE))
@pytest.mark.parametrize("pattern", ["*", "FILE"])
def test_listings_tell_the_size(tree: Tree, file: File, kind: int, pattern: str) -> None:
    put(file, ONE, TWO)
    folder = tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE)
    reply = tree.call(queries.query_directory(folder.file_id, pattern, kind, 65536, 0))
    entries = decode_entries(kind, memoryview(queries.decode_buffer(reply)))
    assert {entry.name: entry.ea_size for entry in entries}["file"] == list_size([ONE, TWO])


def test_the_attribute_archive_and_the_volume(tree: Tree, file: File) -> None:
    attributes = 0x80
    file.tree.call(queries.set_info(file.file_id, INFO_FILE, 4, queries.basic_data(attributes=attributes))).check()
    put(file, ONE)
    reply = tree.call(queries.query_info(file.file_id, INFO_FILE, 4))
    assert queries.decode_buffer(reply)[32] & 0x20
    reply = tree.call(queries.query_info(file.file_id, INFO_FILESYSTEM, 5))
    assert int.from_bytes(queries.decode_buffer(reply)[:4], "little") & 0x00800000


def test_a_name_of_ours(world: World) -> None:
    backend = world.shares[0].backend
    if backend is None or not backend.supports_eas:
        pytest.skip("no user attributes here")
    tree = world.tree()
    file = tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF)
    for name in (b"DOSATTRIB", b"dosattrib", b"DosStream.x"):
        assert put(file, ONE, Ea(name, b"forged")) == status.ACCESS_DENIED
    assert asked(file) == (status.NO_EAS_ON_FILE, [])
    assert asked(file, b"DOSATTRIB") == (0, [Ea(b"DOSATTRIB", b"")])
    assert asked_create(tree, "new", wire.encode_full([Ea(b"DOSATTRIB", b"forged")])) == status.ACCESS_DENIED
    assert not (world.data / "new").exists()
