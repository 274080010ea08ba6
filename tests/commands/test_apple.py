"""Apple's extensions: what a session is told once it has asked, and that others are told what they were told before."""

from __future__ import annotations

import struct

import pytest

from conformance.client import queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_READ, OPEN_IF
from conformance.client.session import Tree
from smbserver.commands.create_apple import CAPABILITIES
from tests.harness import World

QUERY = struct.pack("<IIQQ", 1, 0, 7, 0x3F)
ID_BOTH = 37


def asks(tree: Tree, data: bytes = QUERY) -> bytes | None:
    """Send the context with an open of the root; the context of the reply."""
    with tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE, contexts=[(b"AAPL", data)]) as root:
        return root.created.contexts.get(b"AAPL")


@pytest.fixture
def mac(world: World) -> Tree:
    tree = world.tree()
    assert asks(tree) is not None
    return tree


def test_the_answer(world: World) -> None:
    answer = asks(world.tree())
    assert answer is not None
    head = struct.unpack_from("<IIQQQII", answer)
    assert head == (1, 0, 7, CAPABILITIES, 0, 0, 16)
    assert answer[40:].decode("utf-16-le") == "MacSamba"


@pytest.mark.parametrize("data", [b"", QUERY[:-1], b"\2" + QUERY[1:]])
def test_what_is_no_query_is_passed_over(world: World, data: bytes) -> None:
    tree = world.tree()
    assert asks(tree, data) is None
    with tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE) as root:
        assert root.query(1, 6) != bytes(8)


def test_there_are_no_file_ids(mac: Tree, world: World) -> None:
    (world.data / "file").write_bytes(b"x")
    with mac.open("file", access=GENERIC_READ, contexts=[(b"QFid", b"")]) as file:
        assert file.query(1, 6) == bytes(8)
        assert file.created.contexts[b"QFid"][:8] == bytes(8)
    other = world.tree()
    with other.open("file", access=GENERIC_READ) as file:
        assert file.query(1, 6) != bytes(8)


def test_a_listing_carries_what_finder_asks_for(mac: Tree, world: World) -> None:
    (world.data / "folder").mkdir()
    (world.data / "folder" / "file").write_bytes(b"x")
    (world.data / "folder" / "file").chmod(0o640)
    info = b"AFP\0" + bytes(12) + b"SMB,OLE!" + bytes(24) + bytes(12)
    with mac.open("folder\\file:AFP_AfpInfo", access=0x3, disposition=OPEN_IF) as stream:
        stream.write(0, info)
    with mac.open("folder\\file:AFP_Resource", access=0x3, disposition=OPEN_IF) as stream:
        stream.write(0, b"foo")
    with mac.open("folder", access=GENERIC_READ, options=DIRECTORY_FILE) as folder:
        reply = mac.call(queries.query_directory(folder.file_id, "*", kind=ID_BOTH))
    data = queries.decode_buffer(reply)
    entries = list(raw_entries(data))
    raw = next(raw for name, raw in entries if name == "file")
    ea_size, short_length, _, short, mode, file_id = struct.unpack_from("<IBB24sHQ", raw, 64)
    assert (short_length, mode, file_id) == (24, 0o100640, 0)
    assert ea_size == 0x001F01FF
    assert struct.unpack_from("<Q8s", short) == (3, b"SMB,OLE!")
    with mac.open("folder", access=GENERIC_READ, options=DIRECTORY_FILE) as folder:
        assert {entry.name for entry in folder.list_directory()} >= {"file"}


def raw_entries(data: bytes) -> list[tuple[str, bytes]]:
    """(name, entry) of a buffer of class 37."""
    found, at = [], 0
    while True:
        following, length = struct.unpack_from("<I", data, at)[0], struct.unpack_from("<I", data, at + 60)[0]
        found.append((data[at + 104 : at + 104 + length].decode("utf-16-le"), data[at:]))
        if not following:
            return found
        at += following
