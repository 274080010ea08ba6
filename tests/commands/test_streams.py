"""Named streams over a whole server: opened, listed, shared, renamed, deleted, watched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack_from

import pytest

from conformance.client import queries
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    INFO_FILESYSTEM,
    NON_DIRECTORY_FILE,
    OPEN,
    OPEN_IF,
    OPLOCK_BATCH,
    OVERWRITE,
    OVERWRITE_IF,
    SHARE_ALL,
    SHARE_READ,
    SHARE_WRITE,
    SUPERSEDE,
    StatusFailure,
)
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.commands.stream_rename import MAX_MOVED
from smbserver.nt import changes as nt
from smbserver.nt import status
from smbserver.objects.share import Share
from smbserver.wire import file_info, fs_info
from tests.cachers import RH, RWH, Cacher, R, granted
from tests.commands.test_change_notify import Looker
from tests.harness import START, World

BASIC, STANDARD, RENAME, DISPOSITION, ALLOCATION, END_OF_FILE, STREAMS = 4, 5, 10, 13, 19, 20, 22
MAKES = [CREATE_NEW, OPEN_IF, OVERWRITE_IF, SUPERSEDE]
CREATED, OPENED, OVERWRITTEN, SUPERSEDED = 2, 1, 3, 0


@pytest.fixture(params=["posix", "memory"])
def world(request: pytest.FixtureRequest, share_folder: Path) -> Iterator[World]:
    """A server whose shares are on a disk, or in memory; `plain` has no streams."""
    if request.param == "posix":
        for name in ("files", "readable"):
            (share_folder / name).mkdir()
        disk = [PosixBackend(share_folder / "files") for _ in range(2)]
        shares = [Share("data", disk[0]), Share("plain", disk[1], streams=False)]
        if not disk[0].has_streams:
            pytest.skip("no attributes for users here")
    else:
        shares = [
            Share("data", MemoryBackend(lambda: START)),
            Share("plain", MemoryBackend(lambda: START), streams=False),
        ]
    made = World(share_folder, shares=shares)
    yield made
    made.close()


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


def refused(
    expected: int, tree: Tree, name: str, access: int = GENERIC_READ, disposition: int = OPEN, options: int = 0
) -> None:
    """An open that fails with this status."""
    with pytest.raises(StatusFailure) as failure:
        tree.open(name, access=access, disposition=disposition, options=options)
    assert failure.value.status == expected, hex(failure.value.status)


def put(tree: Tree, name: str, data: bytes = b"") -> None:
    """A file or stream with these bytes."""
    with tree.open(name, access=GENERIC_WRITE, disposition=OPEN_IF) as file:
        if data:
            file.write(0, data)


def get(tree: Tree, name: str) -> bytes:
    """All of a file or stream."""
    with tree.open(name) as file:
        size = unpack_from("<QQ", file.query(INFO_FILE, STANDARD))[1]
        return file.read(0, size) if size else b""


def listed(file: File, room: int = 65536) -> dict[str, int]:
    """Names of streams, as they are sent, with their sizes."""
    data = file.query(INFO_FILE, STREAMS, room)
    return {each.name: each.size for each in file_info.decode_streams(memoryview(data))}


def streams(tree: Tree, name: str) -> list[str]:
    """Names of a file's named streams."""
    with tree.open(name) as file:
        return sorted(each[1:-6] for each in listed(file) if each != "::$DATA")


def change(file: File, level: int, data: bytes) -> int:
    """Status of a SET_INFO."""
    return file.tree.call(queries.set_info(file.file_id, INFO_FILE, level, data)).status


def rename(file: File, name: str, replace: bool = False) -> int:
    """Status of a rename."""
    return change(file, RENAME, queries.rename_data(name, replace))


# --- names ---


def test_one_stream_has_many_names(tree: Tree) -> None:
    put(tree, "file:Stream One", b"data")
    for name in ("FILE:stream one", "file:STREAM ONE:$DATA", "file:Stream One:$data"):
        assert get(tree, name) == b"data"
    assert get(tree, "file::$DATA") == b""
    assert streams(tree, "file") == ["Stream One"]
    with tree.open("file:STREAM one") as stream:
        told = stream.query(INFO_FILE, 9)
        assert told[4:].decode("utf-16-le") == "\\file:Stream One"
        assert stream.query(INFO_FILE, 48)[4:].decode("utf-16-le") == "file:Stream One"


@pytest.mark.parametrize(
    "name", ["file:", "file:s:", "file:s:$FOO", "file:a/b", "file:s:$DATA:", "fi*le:s", "dir:x\\file", "file:s\\"]
)
def test_names_that_are_none(tree: Tree, name: str) -> None:
    put(tree, "file")
    for disposition in (OPEN, OPEN_IF):
        refused(status.OBJECT_NAME_INVALID, tree, name, disposition=disposition)


def test_a_name_too_long_for_an_attribute(world: World, tree: Tree) -> None:
    name = "file:" + "\u20ac" * 100
    if isinstance(world.shares[0].backend, MemoryBackend):
        put(tree, name)
    else:
        refused(status.OBJECT_NAME_INVALID, tree, name, access=GENERIC_ALL, disposition=OPEN_IF)
        refused(status.OBJECT_NAME_NOT_FOUND, tree, "file")  # nothing half-made stays


def test_streams_of_directories(tree: Tree) -> None:
    tree.open("dir", disposition=OPEN_IF, options=DIRECTORY_FILE).close()
    refused(status.FILE_IS_A_DIRECTORY, tree, "dir::$DATA")
    refused(status.NOT_A_DIRECTORY, tree, "dir::$DATA", options=DIRECTORY_FILE)
    refused(status.NOT_A_DIRECTORY, tree, "dir:s", options=DIRECTORY_FILE, disposition=OPEN_IF)
    refused(status.NOT_A_DIRECTORY, tree, "new:s", options=DIRECTORY_FILE, disposition=OPEN_IF)
    refused(status.OBJECT_NAME_NOT_FOUND, tree, "new:s", options=DIRECTORY_FILE)
    with tree.open("dir") as directory:
        assert listed(directory) == {}
    put(tree, "dir:s", b"x")
    with tree.open("dir::$INDEX_ALLOCATION") as directory:
        assert listed(directory) == {":s:$DATA": 1}
    with tree.open("dir:s") as stream:
        assert unpack_from("<QQIBB", stream.query(INFO_FILE, STANDARD))[3:] == (0, 0)
        assert stream.created.attributes & 0x10 == 0
    put(tree, "dir:$I30:$INDEX_ALLOCATION\\inside:s", b"y")
    assert get(tree, "dir\\inside:s") == b"y"


def test_streams_of_the_root(tree: Tree) -> None:
    info = b"AFP\0\0\0\1\0".ljust(60, b"x")
    put(tree, ":AFP_AfpInfo", info)
    assert get(tree, ":AFP_AfpInfo:$DATA") == info
    with tree.open(":AFP_AfpInfo", access=DELETE) as stream:
        assert change(stream, DISPOSITION, b"\1") == 0
    assert streams(tree, "") == []


def test_a_share_without_streams(world: World) -> None:
    tree = world.tree("plain")
    put(tree, "file")
    for name in ("file:s", "file::$DATA", "file::foo", "file:s:$DATA", "other:s"):
        for disposition in (OPEN, OPEN_IF):
            refused(status.OBJECT_NAME_INVALID, tree, name, disposition=disposition)
    with tree.open("file") as file:
        assert listed(file) == {"::$DATA": 0}
        flags = fs_info.decode_attribute(memoryview(file.query(INFO_FILESYSTEM, 5))).flags
        assert not flags & fs_info.FILE_NAMED_STREAMS
    with world.tree().open("") as root:
        flags = fs_info.decode_attribute(memoryview(root.query(INFO_FILESYSTEM, 5))).flags
        assert flags & fs_info.FILE_NAMED_STREAMS


def test_a_read_only_share_never_writes(share_folder: Path) -> None:
    (share_folder / "files").mkdir()
    (share_folder / "files" / "file").write_bytes(b"x")
    backend = PosixBackend(share_folder / "files")
    if not backend.has_streams:
        backend.close()
        pytest.skip("no attributes for users here")
    os.setxattr(share_folder / "files" / "file", "user.DosStream.s:$DATA", b"data\0")
    world = World(share_folder, shares=[Share("data", backend, read_only=True)])
    try:
        tree = world.tree()
        assert get(tree, "file:s") == b"data"
        for disposition in (CREATE_NEW, OPEN_IF):
            refused(status.ACCESS_DENIED, tree, "file:new", disposition=disposition)
            refused(status.ACCESS_DENIED, tree, "new:s", disposition=disposition)
        for disposition in (OVERWRITE, OVERWRITE_IF, SUPERSEDE):
            refused(status.ACCESS_DENIED, tree, "file:s", disposition=disposition)
        refused(status.ACCESS_DENIED, tree, "file:s", access=GENERIC_WRITE)
        refused(status.ACCESS_DENIED, tree, "file:s", access=DELETE)
        assert os.listxattr(share_folder / "files" / "file") == ["user.DosStream.s:$DATA"]
        assert os.listdir(share_folder / "files") == ["file"]
    finally:
        world.close()


# --- dispositions ---


@pytest.mark.parametrize("disposition", [OPEN, OVERWRITE])
def test_what_is_not_there_is_not_opened(tree: Tree, disposition: int) -> None:
    refused(status.OBJECT_NAME_NOT_FOUND, tree, "file:s", access=GENERIC_ALL, disposition=disposition)
    put(tree, "file")
    refused(status.OBJECT_NAME_NOT_FOUND, tree, "file:s", access=GENERIC_ALL, disposition=disposition)


@pytest.mark.parametrize("disposition", MAKES)
@pytest.mark.parametrize("has_file", [False, True])
def test_what_is_not_there_is_made(tree: Tree, disposition: int, has_file: bool) -> None:
    if has_file:
        put(tree, "file", b"own")
    with tree.open("file:s", access=GENERIC_ALL, disposition=disposition, attributes=2) as stream:
        assert stream.created.action == CREATED
        assert stream.created.end_of_file == 0
        stream.write(0, b"data")
    assert get(tree, "file:s") == b"data"
    assert get(tree, "file") == (b"own" if has_file else b"")


def test_what_is_there(tree: Tree) -> None:
    put(tree, "file", b"own")
    put(tree, "file:other", b"other")
    for disposition, action, left in (
        (OPEN, OPENED, b"data"),
        (OPEN_IF, OPENED, b"data"),
        (OVERWRITE, OVERWRITTEN, b""),
        (OVERWRITE_IF, OVERWRITTEN, b""),
        (SUPERSEDE, SUPERSEDED, b""),
    ):
        put(tree, "file:s", b"data")
        with tree.open("file:S", access=GENERIC_ALL, disposition=disposition) as stream:
            assert (stream.created.action, stream.created.end_of_file) == (action, len(left))
        assert get(tree, "file:s") == left
    refused(status.OBJECT_NAME_COLLISION, tree, "file:s", disposition=CREATE_NEW)
    assert get(tree, "file") == b"own"
    assert get(tree, "file:other") == b"other"


@pytest.mark.parametrize("disposition", [OVERWRITE, OVERWRITE_IF, SUPERSEDE])
@pytest.mark.parametrize("size", [1, 100_000])
def test_an_overwritten_file_has_no_streams(tree: Tree, disposition: int, size: int) -> None:
    put(tree, "file:s", b"d" * size)
    put(tree, "file:open", b"d" * size)
    with tree.open("file:open") as held:
        tree.open("file", access=GENERIC_WRITE, disposition=disposition).close()
        refused(status.DELETE_PENDING, tree, "file:open")
        assert listed(held) == {"::$DATA": 0, ":open:$DATA": 0}
    assert streams(tree, "file") == []


def test_a_read_only_file_gets_no_streams(tree: Tree) -> None:
    put(tree, "file:s", b"data")
    with tree.open("file", access=GENERIC_ALL) as file:
        assert change(file, BASIC, queries.basic_data(attributes=1)) == 0
    refused(status.ACCESS_DENIED, tree, "file:new", disposition=OPEN_IF)
    refused(status.ACCESS_DENIED, tree, "file:s", access=GENERIC_WRITE)
    refused(status.ACCESS_DENIED, tree, "file:s", disposition=OVERWRITE_IF)
    refused(status.CANNOT_DELETE, tree, "file:s", access=DELETE, options=DELETE_ON_CLOSE)
    with tree.open("file:s", access=DELETE | GENERIC_READ) as stream:
        assert change(stream, DISPOSITION, b"\1") == status.CANNOT_DELETE
        assert stream.read(0, 4) == b"data"


# --- information ---


def test_sizes_are_the_streams_and_the_rest_the_files(tree: Tree) -> None:
    put(tree, "file", b"own")
    with tree.open("file:s", access=GENERIC_ALL, disposition=OPEN_IF) as stream, tree.open("file") as file:
        assert change(stream, END_OF_FILE, pack("<Q", 100_000)) == 0
        assert change(stream, ALLOCATION, pack("<Q", 200_000)) == 0
        assert change(stream, BASIC, queries.basic_data(created=START, written=START + 10, attributes=0x22)) == 0
        assert stream.query(INFO_FILE, BASIC)[:24] == file.query(INFO_FILE, BASIC)[:24]
        assert unpack_from("<I", stream.query(INFO_FILE, BASIC), 32) == (0x22,)
        assert unpack_from("<Q", file.query(INFO_FILE, BASIC)) == (START,)
        assert listed(file) == listed(stream) == {"::$DATA": 3, ":s:$DATA": 100_000}
        assert unpack_from("<QQ", file.query(INFO_FILE, STANDARD))[1] == 3
        assert unpack_from("<QQ", stream.query(INFO_FILE, STANDARD))[1] == 100_000
        assert change(stream, ALLOCATION, pack("<Q", 5)) == 0
        assert listed(file)[":s:$DATA"] == 5
        assert stream.query(INFO_FILE, 6) == file.query(INFO_FILE, 6)


def test_a_listing_has_whole_entries(tree: Tree) -> None:
    for number in range(9):
        put(tree, f"file:stream {number}", b"x" * number)
    with tree.open("file") as file:
        whole = file.query(INFO_FILE, STREAMS)
        assert listed(file) == {"::$DATA": 0, **{f":stream {number}:$DATA": number for number in range(9)}}
        for room in range(32, len(whole) + 1, 7):
            reply = tree.call(queries.query_info(file.file_id, INFO_FILE, STREAMS, room))
            assert reply.status == (status.SUCCESS if room == len(whole) else status.BUFFER_OVERFLOW)
            data = queries.decode_buffer(reply)
            entries = file_info.decode_streams(memoryview(data))
            assert [entry.name for entry in entries] == list(listed(file))[: len(entries)]
        assert tree.call(queries.query_info(file.file_id, INFO_FILE, STREAMS, 31)).status == (
            status.INFO_LENGTH_MISMATCH
        )


def test_a_stream_is_no_directory(tree: Tree) -> None:
    with tree.open("file:s", disposition=OPEN_IF) as stream:
        reply = tree.call(queries.query_directory(stream.file_id, "*"))
        assert reply.status == status.INVALID_PARAMETER


# --- sharing ---


def test_share_modes_are_the_streams(tree: Tree) -> None:
    held = tree.open("file:s", access=GENERIC_WRITE, disposition=OPEN_IF, share=0)
    refused(status.SHARING_VIOLATION, tree, "file:S:$DATA", access=GENERIC_READ)
    for other in ("file", "file:t"):
        tree.open(other, access=GENERIC_READ | GENERIC_WRITE, disposition=OPEN_IF, share=0).close()
    held.close()
    with tree.open("file", access=GENERIC_WRITE, share=0):
        tree.open("file:s", access=GENERIC_ALL, share=0).close()


def test_who_deletes_a_file_deletes_its_streams(tree: Tree) -> None:
    """smb2.streams.delete: a stream that is not shared for deletion keeps the file from being opened for it."""
    held = tree.open("file:s", access=GENERIC_WRITE, disposition=OPEN_IF, share=SHARE_READ | SHARE_WRITE)
    refused(status.SHARING_VIOLATION, tree, "file", access=DELETE)
    tree.open("file", access=GENERIC_READ).close()
    held.close()
    tree.open("file", access=DELETE).close()


def test_a_deleted_file_goes_with_its_last_stream(tree: Tree) -> None:
    put(tree, "file", b"own")
    held = tree.open("file:s", access=GENERIC_READ | GENERIC_WRITE, disposition=OPEN_IF)
    held.write(0, b"data")
    with tree.open("file", access=DELETE) as file:
        assert change(file, DISPOSITION, b"\1") == 0
        assert unpack_from("<QQIB", file.query(INFO_FILE, STANDARD))[3] == 1
        assert unpack_from("<QQIB", held.query(INFO_FILE, STANDARD))[3] == 0
    for name in ("file", "file:s", "file:new"):
        refused(status.DELETE_PENDING, tree, name, disposition=OPEN_IF)
    assert held.read(0, 9) == b"data"
    assert [entry.name for entry in tree.list_directory() if entry.name not in (".", "..")] == ["file"]
    held.close()
    refused(status.OBJECT_NAME_NOT_FOUND, tree, "file")


def test_a_deleted_stream_leaves_the_file(tree: Tree) -> None:
    put(tree, "file", b"own")
    put(tree, "file:s", b"data")
    held = tree.open("file:s")
    with tree.open("file:s", access=DELETE) as stream:
        assert change(stream, DISPOSITION, b"\1") == 0
    refused(status.DELETE_PENDING, tree, "file:s")
    tree.open("file").close()
    put(tree, "file:t")
    assert held.read(0, 4) == b"data"
    held.close()
    assert streams(tree, "file") == ["t"]
    tree.open("file:t", access=DELETE, options=DELETE_ON_CLOSE).close()
    assert streams(tree, "file") == []
    assert get(tree, "file") == b"own"


def test_a_deletion_can_be_taken_back(tree: Tree) -> None:
    put(tree, "file:s", b"data")
    with tree.open("file:s", access=DELETE) as stream:
        assert change(stream, DISPOSITION, b"\1") == 0
        assert change(stream, DISPOSITION, b"\0") == 0
    assert get(tree, "file:s") == b"data"


def test_a_file_with_open_streams_keeps_its_name(tree: Tree) -> None:
    put(tree, "file:s", b"data")
    put(tree, "other")
    held = tree.open("file:s")
    with tree.open("file", access=GENERIC_ALL) as file, tree.open("other", access=GENERIC_ALL) as other:
        assert rename(file, "new") == status.ACCESS_DENIED
        assert rename(other, "file", replace=True) == status.ACCESS_DENIED
        held.close()
        assert rename(file, "new") == 0
    assert get(tree, "new:s") == b"data"


def test_a_folder_with_an_open_stream_below_keeps_its_name(tree: Tree) -> None:
    with tree.open("dir", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE) as directory:
        with tree.open("dir\\file:s", disposition=OPEN_IF):
            assert rename(directory, "new") == status.ACCESS_DENIED
        assert rename(directory, "new") == 0


def test_byte_ranges_are_the_streams(tree: Tree) -> None:
    put(tree, "file", b"own")
    put(tree, "file:s", b"data")
    with tree.open("file:s", access=GENERIC_ALL) as first, tree.open("file:s") as second, tree.open("file") as file:
        first.lock(0, 4, 0x12)
        with pytest.raises(StatusFailure):
            second.read(0, 4)
        assert file.read(0, 3) == b"own"


def test_a_lease_is_the_streams(world: World) -> None:
    """smb2.lease.request, smb2.oplock.stream1: each stream is cached for itself, by a key of its own."""
    first, second = Cacher(world), Cacher(world)
    base = first.open("file", lease=1, wanted=RWH)
    stream = first.open("file:s", lease=2, wanted=RWH)
    assert (granted(base).state, granted(stream).state) == (RWH, RWH)
    with pytest.raises(StatusFailure) as failure:
        first.open("file:t", lease=1, wanted=RWH)
    assert failure.value.status == status.INVALID_PARAMETER
    waiting = second.create("file:s")
    told = first.next_break()
    assert (told.key, told.new_state) == ((2).to_bytes(16, "little"), RH)
    assert not first.is_told()
    assert first.answer_lease(2, RH) == 0
    second.opened(waiting).close()
    assert granted(first.open("file:s", lease=2, wanted=R)).state == RH


def test_a_stream_that_is_only_kept_gives_way_to_a_deletion(world: World) -> None:
    first, second = Cacher(world), Cacher(world)
    kept = first.open("file:s", lease=2, wanted=RH, share=SHARE_READ | SHARE_WRITE)
    waiting = second.create("file", access=DELETE)
    told = first.next_break()
    assert told.new_state == R
    kept.close()
    second.opened(waiting).close()


def test_oplocks_are_the_streams(world: World) -> None:
    tree = world.tree()
    for name in ("file", "file:s"):
        held = tree.open(name, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
        assert held.created.oplock == OPLOCK_BATCH


# --- rename ---


def test_rename(tree: Tree) -> None:
    put(tree, "file", b"own")
    put(tree, "file:old", b"data")
    with tree.open("file:old", access=GENERIC_ALL) as stream, tree.open("file:old") as other:
        assert rename(stream, ":OLD:$DATA") == 0
        assert rename(stream, ":new") == 0
        assert other.read(0, 4) == b"data"
        assert other.query(INFO_FILE, 48)[4:].decode("utf-16-le") == "file:new"
        stream.write(0, b"DATA")
        assert other.read(0, 4) == b"DATA"
        assert change(stream, DISPOSITION, b"\1") == 0
        assert change(stream, DISPOSITION, b"\0") == 0
    assert streams(tree, "file") == ["new"]
    assert get(tree, "file:new") == b"DATA"


def test_rename_onto_another(tree: Tree) -> None:
    put(tree, "file:s", b"data")
    put(tree, "file:empty")
    put(tree, "file:full", b"x")
    with tree.open("file:s", access=GENERIC_ALL) as stream:
        assert rename(stream, ":empty") == status.OBJECT_NAME_COLLISION
        assert rename(stream, ":full", replace=True) == status.INVALID_PARAMETER
        with tree.open("file:empty"):
            assert rename(stream, ":empty", replace=True) == status.INVALID_PARAMETER
        assert rename(stream, ":empty", replace=True) == 0
    assert streams(tree, "file") == ["empty", "full"]
    assert get(tree, "file:empty") == b"data"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (":", status.INVALID_PARAMETER),
        (":x:", status.INVALID_PARAMETER),
        (":a:b:c", status.INVALID_PARAMETER),
        (":a/b", status.INVALID_PARAMETER),
        (":" + "x" * 256, status.INVALID_PARAMETER),
        ("::$INDEX_ALLOCATION", status.OBJECT_TYPE_MISMATCH),
        ("file:other", status.OBJECT_NAME_INVALID),
        ("other", status.ACCESS_DENIED),
    ],
)
def test_renames_that_are_none(tree: Tree, name: str, expected: int) -> None:
    put(tree, "file:s", b"data")
    with tree.open("file:s", access=GENERIC_ALL) as stream:
        assert rename(stream, name, replace=True) == expected
    assert streams(tree, "file") == ["s"]


def test_rename_needs_a_stream_and_the_right(tree: Tree) -> None:
    put(tree, "file:s")
    tree.open("dir", disposition=OPEN_IF, options=DIRECTORY_FILE).close()
    with tree.open("file", access=GENERIC_ALL) as file, tree.open("file:s") as reader:
        assert rename(file, ":x") == status.NOT_SUPPORTED
        assert rename(reader, ":x") == status.ACCESS_DENIED
    with tree.open("dir", access=GENERIC_ALL) as directory:
        assert rename(directory, ":x") == status.INVALID_PARAMETER


@pytest.mark.parametrize("size", [4, 100_000])
def test_a_stream_becomes_the_file(tree: Tree, size: int) -> None:
    put(tree, "file:s", b"d" * size)
    put(tree, "file:t", b"other")
    with tree.open("file:s", access=GENERIC_ALL) as stream, tree.open("file:t") as other:
        assert rename(stream, "::$DATA", replace=True) == 0
        stream.write(0, b"D")
        assert change(stream, BASIC, queries.basic_data(attributes=2)) == 0
        with tree.open("file") as file:
            assert listed(file) == {"::$DATA": size, ":t:$DATA": 5}
            assert file.query(INFO_FILE, BASIC) == stream.query(INFO_FILE, BASIC)
        assert stream.query(INFO_FILE, 48)[4:].decode("utf-16-le") == "file"
        assert other.read(0, 5) == b"other"
    assert get(tree, "file") == b"D" + b"d" * (size - 1)
    with tree.open("file:t", access=GENERIC_ALL) as full:
        assert rename(full, "::$DATA", replace=True) == status.INVALID_PARAMETER


def test_a_large_stream_does_not_become_the_file(tree: Tree) -> None:
    with tree.open("file:s", access=GENERIC_ALL, disposition=OPEN_IF) as stream:
        assert change(stream, END_OF_FILE, pack("<Q", MAX_MOVED + 1)) == 0
        assert rename(stream, "::$DATA", replace=True) == status.NOT_SUPPORTED
    assert streams(tree, "file") == ["s"]


# --- watchers ---


def test_watchers_are_told(tree: Tree) -> None:
    looker = Looker(tree)
    with tree.open("file:s", access=GENERIC_ALL, disposition=OPEN_IF) as stream:
        assert looker.news() == [(nt.ACTION_ADDED, "file"), (nt.ACTION_ADDED_STREAM, "file:s")]
        stream.write(0, b"data")
        assert looker.news() == []
    assert (nt.ACTION_MODIFIED_STREAM, "file:s") in looker.news()
    with tree.open("file:s", access=GENERIC_ALL, disposition=OVERWRITE) as stream:
        assert looker.news() == [(nt.ACTION_MODIFIED_STREAM, "file:s")]
        assert rename(stream, ":t") == 0
        assert looker.news() == [(nt.ACTION_REMOVED_STREAM, "file:s"), (nt.ACTION_ADDED_STREAM, "file:t")]
        assert change(stream, DISPOSITION, b"\1") == 0
    assert looker.news()[0] == (nt.ACTION_REMOVED_STREAM, "file:t")


def test_who_looks_for_names_hears_nothing_of_streams(tree: Tree) -> None:
    put(tree, "file")
    names = Looker(tree, matches=nt.FILTER_FILE_NAME)
    sizes = Looker(tree, matches=nt.FILTER_STREAM_SIZE)
    put(tree, "file:s", b"data")
    assert names.news() == []
    assert sizes.news() == [(nt.ACTION_MODIFIED_STREAM, "file:s")]


# --- Apple ---


def test_a_resource_fork_is_emptied_and_not_deleted(tree: Tree) -> None:
    refused(status.OBJECT_NAME_NOT_FOUND, tree, "file:AFP_Resource")
    put(tree, "file:AFP_Resource", b"fork")
    with tree.open("file:AFP_Resource", access=DELETE) as fork:
        assert change(fork, DISPOSITION, b"\1") == 0
    tree.open("file:AFP_Resource", access=DELETE, options=DELETE_ON_CLOSE).close()
    assert get(tree, "file:AFP_Resource") == b"fork"
    with tree.open("file:AFP_Resource", access=GENERIC_ALL) as fork:
        assert change(fork, END_OF_FILE, pack("<Q", 0)) == 0
        refused(status.OBJECT_NAME_NOT_FOUND, tree, "file:AFP_Resource")
        with tree.open("file:AFP_Resource", access=GENERIC_WRITE, disposition=OPEN_IF) as other:
            assert other.created.action == CREATED
            other.write(0, b"foo")
        assert fork.read(0, 3) == b"foo"
    assert streams(tree, "file") == ["AFP_Resource"]


def test_the_finders_information_has_one_size(tree: Tree) -> None:
    with tree.open("file:AFP_AfpInfo", access=GENERIC_ALL, disposition=OPEN_IF) as info:
        assert change(info, END_OF_FILE, pack("<Q", 61)) == status.ALLOTTED_SPACE_EXCEEDED
        assert change(info, END_OF_FILE, pack("<Q", 0)) == 0
        assert info.read(0, 60)[:8] == b"AFP\0\0\0\1\0"
        with pytest.raises(StatusFailure) as failure:
            info.write(0, bytes(60))
        assert failure.value.status == status.INVALID_PARAMETER
    assert streams(tree, "file") == []


def test_apples_client_finds_no_empty_stream(world: World, tree: Tree) -> None:
    """It empties a stream to be rid of it; everybody else has empty streams."""
    mac = world.tree()
    mac.open("", options=DIRECTORY_FILE, contexts=[(b"AAPL", pack("<IIQQ", 1, 0, 7, 0x3F))]).close()
    put(tree, "file:s", b"data")
    with mac.open("file:s", access=GENERIC_ALL) as stream:
        assert change(stream, END_OF_FILE, pack("<Q", 0)) == 0
        refused(status.OBJECT_NAME_NOT_FOUND, mac, "file:s")
    assert streams(mac, "file") == []
    assert streams(tree, "file") == ["s"]
    tree.open("file:s").close()
    with mac.open("file:s", access=GENERIC_ALL, disposition=OPEN_IF) as stream:
        stream.write(0, b"again")
    assert get(mac, "file:s") == b"again"


# --- ends ---


def test_a_cut_line_deletes_what_was_to_be_deleted(world: World, tree: Tree) -> None:
    gone = world.tree()
    gone.open("file:s", access=DELETE, disposition=OPEN_IF, options=DELETE_ON_CLOSE | NON_DIRECTORY_FILE)
    gone.open("file:t", disposition=OPEN_IF, share=SHARE_ALL)
    gone.session.connection.close()
    assert streams(tree, "file") == ["t"]
