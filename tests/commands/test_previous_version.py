"""Previous versions: listed, opened by name and by time, and not to be changed by anything a client can send."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from struct import pack

import pytest

from conformance.client import commands, queries
from conformance.client.contexts import DURABLE_REQUEST_V2, MAXIMAL_ACCESS, ON_DISK_ID, TIMEWARP
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    OPEN,
    OPEN_IF,
    OVERWRITE,
    OVERWRITE_IF,
    SUPERSEDE,
    StatusFailure,
)
from conformance.client.session import File, Tree
from smbserver.backend.base import Symlinks
from smbserver.backend.posix import PosixBackend, PosixSnapshots, SnapshotPattern
from smbserver.nt import access, status
from smbserver.nt.snapshot_names import parse_token
from smbserver.objects.share import Share
from smbserver.wire import error, file_info, fs_info, ioctl, reparse, snapshots
from tests.harness import World

OLD, NEW = "@GMT-2026.01.02-03.04.05", "@GMT-2026.05.06-07.08.09"
ABSENT = "@GMT-2026.05.06-07.08.10"
DISK = {OLD: "auto-2026-01-02_03-04-05", NEW: "auto-2026-05-06_07-08-09"}
BATCH = 9


@pytest.fixture
def versions(share_folder: Path) -> Iterator[World]:
    """A share, with two versions outside of it: of the newer one `file` is the same inode as the live one."""
    data, kept = share_folder / "live", share_folder / "snapshots"
    (data / "dir").mkdir(parents=True)
    (data / "file").write_bytes(b"live")
    (data / "dir" / "file").write_bytes(b"live below")
    for token in (OLD, NEW):
        (kept / DISK[token] / "dir").mkdir(parents=True)
        (kept / DISK[token] / "dir" / "file").write_bytes(token.encode())
    (kept / DISK[OLD] / "file").write_bytes(b"old")
    (kept / DISK[NEW] / "file").hardlink_to(data / "file")
    (kept / "auto-garbage").mkdir()
    share_folder.joinpath("data").mkdir()
    share_folder.joinpath("data").rmdir()
    pattern = SnapshotPattern(f"{kept}/auto-%Y-%m-%d_%H-%M-%S")
    shown = partial(PosixBackend, symlinks=Symlinks.SHOWN)
    world = World(
        share_folder,
        shares=[
            Share("data", PosixBackend(data), snapshots=PosixSnapshots(str(data), pattern, PosixBackend)),
            Share(
                "links",
                shown(data),
                snapshots=PosixSnapshots(str(data), pattern, shown),
            ),
            Share("plain", PosixBackend(data)),
        ],
    )
    world.data = data
    yield world
    world.close()
    assert (kept / DISK[OLD] / "file").read_bytes() == b"old"
    assert (kept / DISK[NEW] / "file").read_bytes() == b"live"
    assert sorted(path.name for path in (kept / DISK[OLD]).iterdir()) == ["dir", "file"]


@pytest.fixture
def tree(versions: World) -> Tree:
    return versions.tree("data")


def enumerate_versions(opened: File, room: int = 4096) -> snapshots.SnapshotArray:
    reply = opened.tree.call(queries.ioctl(ioctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, b"", opened.file_id, room)).check()
    return snapshots.decode(memoryview(queries.decode_ioctl(reply)))


def stamp(token: str) -> tuple[bytes, bytes]:
    return (TIMEWARP, pack("<Q", parse_token(token) or 0))


def asked(tree: Tree, name: str, *contexts: tuple[bytes, bytes], disposition: int = OPEN, options: int = 0) -> int:
    access_wanted = GENERIC_READ | (DELETE if options & DELETE_ON_CLOSE else 0)
    request = commands.create(
        name, access=access_wanted, disposition=disposition, options=options, contexts=list(contexts)
    )
    return tree.call(request).status


def test_the_list(versions: World, tree: Tree) -> None:
    """Newest first; asked for with 16 bytes first, as clients do."""
    for name in ("file", "dir", "", f"{OLD}\\file"):
        with tree.open(name) as opened:
            assert enumerate_versions(opened, 16) == snapshots.SnapshotArray(2, 0, 102, ())
            assert enumerate_versions(opened, 12 + 102) == snapshots.SnapshotArray(2, 2, 102, (NEW, OLD))
            assert enumerate_versions(opened, 12 + 101).returned == 0
    with versions.tree("plain").open("file") as opened:
        assert enumerate_versions(opened) == snapshots.SnapshotArray(0, 0, 2, ())


@pytest.mark.parametrize("name", [f"{OLD}\\dir\\file", f"dir\\{OLD}\\file", f"dir\\file\\{OLD}", f"{OLD}\\DIR\\FILE"])
def test_a_token_in_the_path(tree: Tree, name: str) -> None:
    with tree.open(name) as opened:
        assert opened.read(0, 100) == OLD.encode()
        assert file_info.decode_name(memoryview(opened.query(1, file_info.NAME))).lower() == "\\dir\\file"


def test_the_root_of_a_version(tree: Tree) -> None:
    for name, contexts in ((OLD, []), ("", [stamp(OLD)])):
        with tree.open(name, options=DIRECTORY_FILE, contexts=contexts) as opened:
            assert {entry.name for entry in opened.list_directory()} == {".", "..", "dir", "file"}


def test_a_time(tree: Tree) -> None:
    for token, content in ((OLD, b"old"), (NEW, b"live")):
        with tree.open("file", contexts=[stamp(token)]) as opened:
            assert opened.read(0, 100) == content
            assert opened.created.contexts == {}
    with tree.open(f"{OLD}\\file", contexts=[stamp(OLD)]) as opened:
        assert opened.read(0, 100) == b"old"


def test_no_such_version(versions: World, tree: Tree) -> None:
    assert asked(tree, f"{ABSENT}\\file") == status.OBJECT_NAME_NOT_FOUND
    assert asked(tree, "file", stamp(ABSENT)) == status.OBJECT_NAME_NOT_FOUND
    assert asked(tree, "file", (TIMEWARP, pack("<Q", (parse_token(OLD) or 0) + 1))) == status.OBJECT_NAME_NOT_FOUND
    assert asked(tree, f"{OLD}\\file", stamp(NEW)) == status.OBJECT_NAME_NOT_FOUND
    assert asked(tree, f"{OLD}\\{NEW}\\file") == status.OBJECT_NAME_INVALID
    assert asked(tree, f"{OLD}\\absent") == status.OBJECT_NAME_NOT_FOUND
    assert asked(tree, f"{OLD}\\absent\\file") == status.OBJECT_PATH_NOT_FOUND
    for size in (0, 7, 9):
        assert asked(tree, "file", (TIMEWARP, bytes(size))) == status.INVALID_PARAMETER
    for time in (0, 10000, 0xFFFFFFFFFFFFFFFF):
        assert asked(tree, "file", (TIMEWARP, pack("<Q", time))) == status.OBJECT_NAME_NOT_FOUND
    plain = versions.tree("plain")
    assert asked(plain, "file", stamp(OLD)) == status.OBJECT_NAME_NOT_FOUND
    assert asked(plain, f"{OLD}\\file") == status.OBJECT_PATH_NOT_FOUND


def test_a_share_without_versions_has_ordinary_names(versions: World) -> None:
    plain = versions.tree("plain")
    assert asked(plain, OLD, disposition=CREATE_NEW) == status.SUCCESS
    assert (versions.data / OLD).exists()


@pytest.mark.parametrize("disposition", [CREATE_NEW, OVERWRITE, OVERWRITE_IF, SUPERSEDE])
def test_dispositions_that_change(tree: Tree, disposition: int) -> None:
    for name in ("file", "newfile"):
        for options in (0, DIRECTORY_FILE) if disposition == CREATE_NEW else (0,):
            refused = asked(tree, name, stamp(OLD), disposition=disposition, options=options)
            assert refused == status.MEDIA_WRITE_PROTECTED


def test_open_if(tree: Tree) -> None:
    assert asked(tree, "file", stamp(OLD), disposition=OPEN_IF) == status.SUCCESS
    for options in (0, DIRECTORY_FILE):
        refused = asked(tree, "new", stamp(OLD), disposition=OPEN_IF, options=options)
        assert refused == status.MEDIA_WRITE_PROTECTED
    assert asked(tree, "file", stamp(OLD), options=DELETE_ON_CLOSE) == status.MEDIA_WRITE_PROTECTED


def test_no_way_to_change_it(versions: World, tree: Tree) -> None:
    """The rights are granted, as [MS-FSA] and Samba's test have it; every deed is refused by the store."""
    opened = tree.open("file", access=GENERIC_ALL, contexts=[stamp(OLD), (MAXIMAL_ACCESS, b"")])
    assert opened.created.contexts[MAXIMAL_ACCESS] == pack("<II", 0, access.FILE_ALL_ACCESS)
    refused = {
        "write": commands.write(opened.file_id, 0, b"123"),
        "basic": queries.set_info(opened.file_id, 1, file_info.BASIC, queries.basic_data(attributes=2)),
        "size": queries.set_info(opened.file_id, 1, file_info.END_OF_FILE, pack("<Q", 0x100000)),
        "allocation": queries.set_info(opened.file_id, 1, file_info.ALLOCATION, pack("<Q", 0x100000)),
        "delete": queries.set_info(opened.file_id, 1, file_info.DISPOSITION, b"\1"),
        "undelete": queries.set_info(opened.file_id, 1, file_info.DISPOSITION, b"\0"),
        "posix delete": queries.set_info(opened.file_id, 1, 64, pack("<I", 1)),
        "security": queries.set_info(opened.file_id, 3, 0, bytes(20), 4),
        "attributes": queries.set_info(opened.file_id, 1, 15, bytes(16)),
        "quota": queries.set_info(opened.file_id, 4, 32, bytes(16)),
        "volume": queries.set_info(opened.file_id, 2, 2, bytes(16)),
    }
    for name, request in refused.items():
        assert tree.call(request).status == status.MEDIA_WRITE_PROTECTED, name
    for level in (file_info.RENAME, file_info.LINK):
        for new in ("new", f"{OLD}\\new", f"{NEW}\\new"):
            request = queries.set_info(opened.file_id, 1, level, queries.rename_data(new))
            assert tree.call(request).status == status.NOT_SAME_DEVICE
    opened.set(1, file_info.POSITION, pack("<Q", 2))
    opened.set(1, file_info.MODE, pack("<I", 0))
    opened.flush()
    opened.close()
    assert sorted(path.name for path in versions.data.iterdir()) == ["dir", "file"]


def test_nothing_is_moved_into_a_version(tree: Tree) -> None:
    with tree.open("file", access=GENERIC_ALL | DELETE) as opened:
        for level in (file_info.RENAME, file_info.LINK):
            for new in (f"{OLD}\\new", f"{ABSENT}\\new", f"dir\\{OLD}"):
                request = queries.set_info(opened.file_id, 1, level, queries.rename_data(new))
                assert tree.call(request).status == status.NOT_SAME_DEVICE


def test_a_version_of_the_same_inode_is_another_file(tree: Tree) -> None:
    """Hard-linked copies and bind mounts: Word has the document open for itself, and yesterday's can be looked at."""
    with tree.open("file", access=GENERIC_ALL, share=0, contexts=[(ON_DISK_ID, b"")]) as live:
        with tree.open(f"{NEW}\\file", share=0, contexts=[(ON_DISK_ID, b"")]) as old:
            assert old.read(0, 10) == live.read(0, 10) == b"live"
            assert old.created.contexts[ON_DISK_ID] != live.created.contexts[ON_DISK_ID]
            assert old.query(1, file_info.INTERNAL) != live.query(1, file_info.INTERNAL)
            live.set(1, file_info.DISPOSITION, b"\1")
            with tree.open(f"{NEW}\\file", share=7, access=0x80):
                pass
            live.set(1, file_info.DISPOSITION, b"\0")
        live.lock(0, 10, 2)
        with tree.open(f"{NEW}\\file") as old:
            old.lock(0, 10, 2 | 0x10)


def test_opens_of_one_version_share(tree: Tree) -> None:
    with tree.open(f"{OLD}\\file", share=0), pytest.raises(StatusFailure) as caught:
        tree.open("file", contexts=[stamp(OLD)])
    assert caught.value.status == status.SHARING_VIOLATION


def test_the_listing_has_the_ids_of_the_version(tree: Tree) -> None:
    [entry] = [each for each in tree.list_directory(OLD) if each.name == "file"]
    with tree.open(f"{OLD}\\file") as opened:
        assert int.from_bytes(opened.query(1, file_info.INTERNAL), "little") == entry.file_id


def test_no_durable_open_of_a_version(tree: Tree) -> None:
    request = (DURABLE_REQUEST_V2, pack("<IIQ16s", 0, 0, 0, bytes(range(16))))
    with tree.open("file", oplock=BATCH, contexts=[request]) as opened:
        assert DURABLE_REQUEST_V2 in opened.created.contexts
    with tree.open("file", oplock=BATCH, contexts=[request, stamp(OLD)]) as opened:
        assert opened.created.oplock == BATCH
        assert opened.created.contexts == {}


def test_the_volume_is_read_only(tree: Tree) -> None:
    for name, expected in ((f"{OLD}\\file", True), ("file", False)):
        with tree.open(name) as opened:
            flags = fs_info.decode_attribute(memoryview(opened.query(2, fs_info.ATTRIBUTE))).flags
            assert bool(flags & fs_info.FILE_READ_ONLY_VOLUME) is expected


def test_the_directory_of_a_version_can_be_watched(tree: Tree) -> None:
    with tree.open(OLD, options=DIRECTORY_FILE) as opened:
        waiting = tree.submit(queries.change_notify(opened.file_id))
        tree.create("new").close()
    assert tree.session.connection.wait(waiting).status == status.NOTIFY_CLEANUP


def test_links_in_versions(versions: World, share_folder: Path) -> None:
    """They obey the share's policy within the version, which is a root of its own."""
    kept = share_folder / "snapshots" / DISK[OLD]
    (kept / "link").symlink_to("dir/file")
    (kept / "up").symlink_to("../../live/file")
    (kept / "sideways").symlink_to(f"../{DISK[NEW]}/file")
    try:
        tree = versions.tree("data")
        with tree.open(f"{OLD}\\link") as opened:
            assert opened.read(0, 100) == OLD.encode()
        for name in ("up", "sideways"):
            assert asked(tree, f"{OLD}\\{name}") == status.OBJECT_NAME_NOT_FOUND
        tree = versions.tree("links")
        (kept / "to-dir").symlink_to("dir")
        for name, left in [
            (f"{OLD}\\link", ""),
            (f"link\\{OLD}", f"\\{OLD}"),
            (f"{OLD}\\to-dir\\file", "\\file"),
            (f"to-dir\\{OLD}\\file", f"\\{OLD}\\file"),
            (f"to-dir\\file\\{OLD}", f"\\file\\{OLD}"),
        ]:
            reply = tree.call(commands.create(name, access=GENERIC_READ, disposition=OPEN))
            assert reply.status == status.STOPPED_ON_SYMLINK
            data = error.decode_response(memoryview(reply.raw)).contexts[0].data
            unparsed = reparse.decode_stopped(memoryview(data)).unparsed_path_length
            assert unparsed == 2 * len(left), "the client puts the target in the place of what was read"
        assert asked(tree, f"{OLD}\\up") == status.OBJECT_NAME_NOT_FOUND
        with tree.open(f"{OLD}\\link", access=GENERIC_ALL, options=0x00200000) as opened:
            get = tree.call(queries.ioctl(ioctl.FSCTL_GET_REPARSE_POINT, b"", opened.file_id)).check()
            link = reparse.decode_symbolic_link(reparse.decode(memoryview(queries.decode_ioctl(get))).data)
            assert link.substitute_name == "dir\\file"
            for code in (ioctl.FSCTL_SET_REPARSE_POINT, ioctl.FSCTL_DELETE_REPARSE_POINT):
                request = queries.ioctl(code, queries.decode_ioctl(get), opened.file_id)
                assert tree.call(request).status == status.MEDIA_WRITE_PROTECTED
    finally:
        for name in ("link", "up", "sideways", "to-dir"):
            (kept / name).unlink()
