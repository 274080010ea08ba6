"""AppleDouble files taken apart, over a whole server: into which streams, for whom, when not; nothing is lost."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.client import posix, queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_READ, NoAnswer, StatusFailure
from conformance.client.session import Options, Tree
from smbserver.backend.base import Backend, Handle
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.backend.stream_handle import StreamHandle
from smbserver.nt import access, status
from smbserver.nt import descriptor as sd
from smbserver.nt.sid import EVERYONE
from smbserver.objects.share import Share
from smbserver.wire.apple_double import AppleDouble, encode
from tests.backend.test_contract import content, exists, listing, make, make_directory, opened
from tests.commands.test_apple import ID_BOTH, asks
from tests.commands.test_change_notify import Looker
from tests.commands.test_streams import get, put, streams
from tests.harness import START, World

INFO = b"TESTSLOW".ljust(32, b"\0")
DOUBLE = AppleDouble(INFO, (("com.apple.metadata:_kMDItemUserTags", b"tags"), ("foo", b"baz")), b"a fork")
NAMES = ["AFP_AfpInfo", "AFP_Resource", "com.apple.metadata\uf022_kMDItemUserTags", "foo"]


@pytest.fixture(params=["posix", "memory"])
def store(request: pytest.FixtureRequest, share_folder: Path) -> Backend:
    """What is behind both shares."""
    backend: Backend = MemoryBackend(lambda: START)
    if request.param == "posix":
        (share_folder / "files").mkdir()
        backend = PosixBackend(share_folder / "files")
        if not backend.has_streams:
            backend.close()
            pytest.skip("no attributes for users here")
    return backend


@pytest.fixture
def world(store: Backend, share_folder: Path) -> Iterator[World]:
    """`data` takes them apart, `plain` does not; `still` may only be read."""
    shares = [
        Share("data", store, apple_double=True),
        Share("plain", store),
        Share("still", store, read_only=True, apple_double=True),
    ]
    made = World(share_folder, shares=shares)
    yield made
    made.close()


def lay(store: Backend, *path: str, double: AppleDouble = DOUBLE, data: bytes = b"data") -> None:
    """A file and its double."""
    make(store, *path, data=data)
    make(store, *path[:-1], "._" + path[-1], data=encode(double))


def list_as_mac(tree: Tree, path: str = "") -> None:
    """What Finder does first."""
    assert asks(tree) is not None
    with tree.open(path, access=GENERIC_READ, options=DIRECTORY_FILE) as folder:
        assert tree.call(queries.query_directory(folder.file_id, "*", kind=ID_BOTH)).status == status.SUCCESS


def look(tree: Tree, name: str = "file:foo") -> None:
    """Open a stream, there or not."""
    with suppress(StatusFailure):
        tree.open(name).close()


def test_who_opens_a_stream_finds_it(world: World, store: Backend) -> None:
    lay(store, "file")
    tree = world.tree("data")
    assert get(tree, "file:AFP_Resource") == b"a fork"
    assert get(tree, "file:AFP_AfpInfo")[16:48] == INFO
    assert get(tree, f"file:{NAMES[2]}") == b"tags"
    assert get(tree, "file:foo") == b"baz"
    assert streams(tree, "file") == NAMES
    assert listing(store) == ["file"]
    assert get(tree, "file") == b"data"


def test_a_listing_for_apples_client(world: World, store: Backend) -> None:
    make_directory(store, "folder")
    for name in ("one", "two"):
        lay(store, "folder", name)
    make(store, "folder", "._alone", data=encode(DOUBLE))
    make(store, "folder", "._", data=encode(DOUBLE))
    tree = world.tree("data")
    with tree.open("folder", access=GENERIC_READ, options=DIRECTORY_FILE) as folder:
        tree.call(queries.query_directory(folder.file_id, "*", kind=ID_BOTH))
    assert "._one" in listing(store, "folder"), "others see the files they know"
    list_as_mac(tree, "folder")
    assert listing(store, "folder") == ["._", "._alone", "one", "two"]
    assert streams(tree, "folder\\one") == streams(tree, "folder\\two") == NAMES


def test_a_directory_has_one_too(world: World, store: Backend) -> None:
    make_directory(store, "folder")
    make(store, "._folder", data=encode(DOUBLE._replace(resource_fork=b"")))
    tree = world.tree("data")
    list_as_mac(tree)
    assert listing(store) == ["folder"]
    assert get(tree, "folder:foo") == b"baz"


def test_only_on_shares_that_say_so(world: World, store: Backend) -> None:
    lay(store, "file")
    for share in ("plain", "still"):
        tree = world.tree(share)
        list_as_mac(tree)
        look(tree)
        assert listing(store) == ["._file", "file"]


def test_a_colon_of_posix_names_no_stream(world: World, store: Backend) -> None:
    if not store.posix_semantics:
        pytest.skip("no POSIX extensions here")
    lay(store, "file")
    tree = world.tree("data", options=Options(extra_contexts=(posix.NEGOTIATE,)))
    with pytest.raises(StatusFailure):
        tree.open("file:foo", access=GENERIC_READ, contexts=[posix.posix_context(posix.NO_MODE)])
    assert exists(store, "._file")


def test_the_file_is_as_old_as_before(world: World, store: Backend) -> None:
    lay(store, "file")
    before = opened(store, "file").metadata().last_write_time
    look(world.tree("data"))
    assert not exists(store, "._file")
    assert opened(store, "file").metadata().last_write_time == before


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no double at all, whatever its name says",
        encode(DOUBLE)[:-1],
        encode(DOUBLE._replace(attributes=(("a/b", b"x"),))),
        encode(DOUBLE._replace(attributes=(("AFP_Resource", b"x"),))),
        encode(DOUBLE._replace(attributes=(("a", b"x"), ("A", b"y")))),
    ],
)
def test_what_is_none_stays_as_it_is(world: World, store: Backend, raw: bytes) -> None:
    make(store, "file")
    make(store, "._file", data=raw)
    tree = world.tree("data")
    list_as_mac(tree)
    look(tree)
    assert content(store, "._file") == raw
    assert streams(tree, "file") == []


def test_what_stays_is_read_again_when_it_has_changed(world: World, store: Backend) -> None:
    make(store, "file")
    make(store, "._file", data=b"half of it, because somebody is still writing")
    tree = world.tree("data")
    look(tree)
    assert len(world.shares[0].doubles_left) == 1
    handle = opened(store, "._file")
    handle.truncate(0)
    handle.write(encode(DOUBLE), 0)
    handle.set_times(None, None, START + 10_000_000, None)
    handle.close()
    look(tree)
    assert listing(store) == ["file"]


def test_a_stream_of_the_files_own_is_not_replaced(world: World, store: Backend) -> None:
    lay(store, "file")
    put(world.tree("plain"), "file:foo", b"mine")
    tree = world.tree("data")
    look(tree)
    assert listing(store) == ["._file", "file"]
    assert streams(tree, "file") == ["foo"]
    assert get(tree, "file:foo") == b"mine"


def test_equal_streams_are_no_obstacle(world: World, store: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a crash leaves them between the sync and the removal."""
    lay(store, "file")
    plain = world.tree("plain")
    put(plain, "file:foo", b"baz")
    put(plain, "file:AFP_AfpInfo", (b"AFP\0\0\0\1\0".ljust(16, b"\0") + INFO).ljust(60, b"\0"))
    synced: list[str] = []
    sync = StreamHandle.sync

    def noted(handle: StreamHandle) -> None:
        synced.append(handle.stream)
        sync(handle)

    monkeypatch.setattr(StreamHandle, "sync", noted)
    look(world.tree("data"))
    assert sorted(synced) == NAMES, "nobody knows how far the ones that were there had come"
    assert listing(store) == ["file"]
    assert streams(plain, "file") == NAMES


def test_an_open_one_is_left_alone(world: World, store: Backend) -> None:
    lay(store, "file")
    tree = world.tree("data")
    with world.tree("plain").open("._file", access=GENERIC_READ):
        look(tree)
        assert exists(store, "._file")
    look(tree)
    assert not exists(store, "._file")


def test_one_that_is_opened_meanwhile_stays(world: World, store: Backend) -> None:
    lay(store, "file")
    tree, other = world.tree("data"), world.tree("plain")
    world.runtime.hold_offloaded = True
    with pytest.raises(NoAnswer):
        tree.open("file:foo")
    world.runtime.hold_offloaded = False
    with other.open("._file", access=GENERIC_READ) as double:
        world.runtime.run_offloaded()
        assert double.read(0, 4) == b"\0\5\x16\7"
    assert exists(store, "._file")


def test_who_is_gone_meanwhile_opens_nothing(world: World, store: Backend) -> None:
    lay(store, "file")
    tree = world.tree("data")
    world.runtime.hold_offloaded = True
    with pytest.raises(NoAnswer):
        tree.open("file:foo")
    tree.disconnect()
    world.runtime.hold_offloaded = False
    world.runtime.run_offloaded()
    assert not len(world.state.files)


def test_somebody_elses_is_left_alone(world: World, store: Backend) -> None:
    """Who may make files beside another's must not get anything into it through its owner."""
    lay(store, "file")
    handle = opened(store, "._file")
    handle.set_descriptor(sd.Descriptor(sd.SE_DACL_PRESENT, EVERYONE, EVERYONE, None))
    handle.close()
    tree = world.tree("data")
    look(tree)
    assert exists(store, "._file")
    assert streams(tree, "file") == []


def test_who_may_not_read_it_leaves_it(world: World, store: Backend) -> None:
    lay(store, "file")
    deletes = sd.Ace(sd.ACCESS_ALLOWED, 0, access.DELETE, EVERYONE)
    for name, dacl in (("file", None), ("._file", (deletes,))):
        handle = opened(store, name)
        handle.set_descriptor(sd.Descriptor(sd.SE_DACL_PRESENT, EVERYONE, EVERYONE, dacl))
        handle.close()
    look(world.tree("data"))
    assert exists(store, "._file")


def test_a_read_only_file_is_left_alone(world: World, store: Backend) -> None:
    lay(store, "file")
    handle = opened(store, "file")
    handle.set_attributes(1)
    handle.close()
    look(world.tree("data"))
    assert exists(store, "._file")


def test_what_cannot_be_stored_whole_is_not_stored(
    world: World, store: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(store, "file")
    written: list[str] = []
    write = StreamHandle.write

    def fails(handle: StreamHandle, data: memoryview | bytes, offset: int) -> None:
        written.append(handle.stream)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "full")
        write(handle, data, offset)

    monkeypatch.setattr(StreamHandle, "write", fails)
    tree = world.tree("data")
    look(tree)
    monkeypatch.undo()
    assert content(store, "._file") == encode(DOUBLE)
    assert streams(tree, "file") == []


def test_what_does_not_reach_the_disk_stays(world: World, store: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(store, "file")

    def fails(handle: Handle) -> None:
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(StreamHandle, "sync", fails)
    tree = world.tree("data")
    look(tree)
    monkeypatch.undo()
    assert content(store, "._file") == encode(DOUBLE)
    assert streams(tree, "file") == []


def test_watchers_hear_of_it(world: World, store: Backend) -> None:
    lay(store, "file", double=AppleDouble(None, (("foo", b"x"),), b""))
    looker = Looker(world.tree("plain"))
    look(world.tree("data"))
    assert (2, "._file") in looker.news()
