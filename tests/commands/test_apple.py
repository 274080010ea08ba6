"""Apple's extensions: what a session is told once it has asked, and that others are told what they were told before."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from conformance.client import queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_READ, OPEN_IF
from conformance.client.session import File, Tree
from smbserver.backend.base import Symlinks
from smbserver.backend.posix import PosixBackend
from smbserver.commands.create_apple import CAPABILITIES
from smbserver.nt import descriptor as sd
from smbserver.nt import status
from smbserver.nt.sid import sid
from smbserver.objects.share import Share
from tests.harness import World

QUERY = struct.pack("<IIQQ", 1, 0, 7, 0x3F)
ID_BOTH = 37
ALL = 0x001F01FF


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


def test_a_place_for_backups_says_that_a_flush_reaches_the_disk(share_folder: Path) -> None:
    world = World(share_folder, shares=[Share("data", PosixBackend(share_folder), time_machine=True)])
    answer = asks(world.tree())
    assert answer is not None
    assert struct.unpack_from("<Q", answer, 24)[0] == 4
    world.close()


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
        assert file.query(1, 59)[8:] == bytes(16)
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
    check_rich(next(raw for name, raw in entries if name == "file"))
    with mac.open("folder", access=GENERIC_READ, options=DIRECTORY_FILE) as folder:  # by its name alone
        reply = mac.call(queries.query_directory(folder.file_id, "file", kind=ID_BOTH))
    [(name, raw)] = raw_entries(queries.decode_buffer(reply))
    assert name == "file"
    check_rich(raw)


def check_rich(raw: bytes) -> None:
    ea_size, short_length, _, short, mode, file_id = struct.unpack_from("<IBB24sHQ", raw, 64)
    assert (short_length, mode, file_id) == (24, 0o100640, 0)
    assert ea_size == ALL
    assert struct.unpack_from("<Q8s", short) == (3, b"SMB,OLE!")


def raw_entries(data: bytes) -> list[tuple[str, bytes]]:
    """(name, entry) of a buffer of class 37."""
    found, at = [], 0
    while True:
        following, length = struct.unpack_from("<I", data, at)[0], struct.unpack_from("<I", data, at + 60)[0]
        found.append((data[at + 104 : at + 104 + length].decode("utf-16-le"), data[at:]))
        if not following:
            return found
        at += following


def test_a_link_that_is_shown_is_listed(share_folder: Path) -> None:
    folder = share_folder / "own"
    folder.mkdir()
    (folder / "link").symlink_to("file")
    world = World(share_folder, shares=[Share("data", PosixBackend(folder, symlinks=Symlinks.SHOWN))])
    tree = world.tree()
    assert asks(tree) is not None
    with tree.open("", access=GENERIC_READ, options=DIRECTORY_FILE) as root:
        reply = tree.call(queries.query_directory(root.file_id, "*", kind=ID_BOTH))
    assert "link" in dict(raw_entries(queries.decode_buffer(reply.check())))
    world.close()


# --- the mode in the DACL ---


def shown(file: File) -> sd.Descriptor:
    return sd.parse(file.query(3, 0, additional=sd.DACL_SECURITY_INFORMATION))


def give(file: File, dacl: tuple[sd.Ace, ...]) -> int:
    data = sd.build(sd.Descriptor(sd.SE_DACL_PRESENT, None, None, dacl))
    request = queries.set_info(file.file_id, 3, 0, data, sd.DACL_SECURITY_INFORMATION)
    return file.tree.call(request).status


def mode_ace(mode: int) -> sd.Ace:
    return sd.Ace(sd.ACCESS_DENIED, 0, 0, sid(5, 88, 3, mode))


def test_a_mode_is_shown_and_set(mac: Tree, world: World) -> None:
    path = world.data / "file"
    path.write_bytes(b"x")
    path.chmod(0o640)
    file = mac.open("file", access=ALL)
    assert shown(file).dacl == (*(shown(world.tree().open("file", access=ALL)).dacl or ()), *_nfs(path))
    assert give(file, (mode_ace(0o4755),)) == 0  # nothing but a mode: the ACL stays, and nobody makes a file setuid
    assert path.stat().st_mode & 0o7777 == 0o755
    assert give(file, ()) == 0  # recent clients send that; obeyed it would lock everybody out
    assert path.stat().st_mode & 0o7777 == 0o755
    assert shown(file).dacl


def test_a_stored_descriptor_survives_the_mode(mac: Tree, world: World) -> None:
    (world.data / "file").write_bytes(b"x")
    file = mac.open("file", access=ALL)
    everyone = sd.Ace(sd.ACCESS_ALLOWED, 0, 0x001F01FF, sid(1, 0))
    if give(file, (everyone,)) != 0:
        pytest.skip("no place for descriptors here")
    assert give(file, (everyone, mode_ace(0o600))) == 0
    dacl = shown(file).dacl
    assert dacl is not None
    assert dacl[0] == everyone
    assert dacl[-1] == mode_ace(0o600)
    assert give(file, (mode_ace(0o640),)) == 0
    assert (shown(file).dacl or ())[0] == everyone


def test_a_mode_needs_the_right_to_the_dacl(mac: Tree, world: World) -> None:
    (world.data / "file").write_bytes(b"x")
    (world.data / "file").chmod(0o640)
    file = mac.open("file", access=GENERIC_READ)
    assert give(file, (mode_ace(0o777),)) == status.ACCESS_DENIED
    assert (world.data / "file").stat().st_mode & 0o777 == 0o640


def test_who_is_not_apples_client_sets_no_mode(world: World) -> None:
    (world.data / "file").write_bytes(b"x")
    (world.data / "file").chmod(0o640)
    file = world.tree().open("file", access=ALL)
    assert not {ace.sid for ace in shown(file).dacl or ()} & {sid(5, 88, 3, 0o640)}
    give(file, (sd.Ace(sd.ACCESS_ALLOWED, 0, 0x001F01FF, sid(1, 0)), mode_ace(0o777)))
    assert (world.data / "file").stat().st_mode & 0o777 == 0o640


def _nfs(path: Path) -> list[sd.Ace]:
    state = path.stat()
    values = ((1, state.st_uid), (2, state.st_gid), (3, state.st_mode & 0o777))
    return [sd.Ace(sd.ACCESS_DENIED, 0, 0, sid(5, 88, kind, value)) for kind, value in values]


# --- renames around open files ---


def test_a_folder_with_open_files_is_renamed(mac: Tree, world: World) -> None:
    (world.data / "bundle" / "inner").mkdir(parents=True)
    (world.data / "bundle" / "inner" / "band").write_bytes(b"x")
    band = mac.open("bundle\\inner\\band", access=ALL)
    folder = mac.open("bundle", access=ALL, options=DIRECTORY_FILE)
    assert mac.call(queries.set_info(folder.file_id, 1, 10, queries.rename_data("renamed"))).status == 0
    band.write(0, b"later")
    assert (world.data / "renamed" / "inner" / "band").read_bytes() == b"later"
    assert mac.call(queries.set_info(band.file_id, 1, 13, b"\1")).status == 0
    band.close()
    assert not (world.data / "renamed" / "inner" / "band").exists()


def test_for_others_it_is_not(world: World) -> None:
    (world.data / "bundle").mkdir()
    (world.data / "bundle" / "band").write_bytes(b"x")
    tree = world.tree()
    with tree.open("bundle\\band", access=ALL), tree.open("bundle", access=ALL, options=DIRECTORY_FILE) as folder:
        reply = tree.call(queries.set_info(folder.file_id, 1, 10, queries.rename_data("renamed")))
        assert reply.status == status.ACCESS_DENIED
