"""A copy without chunks in a session of Apple's client: the whole file, in both stores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import pack, unpack_from

import pytest

from conformance.client import queries
from conformance.client.protocol import (
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    OPEN_IF,
    OPLOCK_II,
    SHARE_READ,
    NoAnswer,
)
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.memory_handle import MemoryHandle
from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix.handle import PosixHandle
from smbserver.backend.stream_handle import StreamHandle
from smbserver.nt import access, attributes, changes, status
from smbserver.nt.extended_attributes import Ea
from smbserver.objects.share import Share
from smbserver.wire import copychunk as wire
from smbserver.wire import ea, file_info
from smbserver.wire.ioctl import FSCTL_SRV_COPYCHUNK, FSCTL_SRV_COPYCHUNK_WRITE
from smbserver.wire.lock import EXCLUSIVE_LOCK, FAIL_IMMEDIATELY
from tests.cachers import RWH, Cacher
from tests.commands.data_codes import Answer, answer_of, asked, opened, resume_key
from tests.commands.test_apple import asks
from tests.commands.test_change_notify import Looker
from tests.harness import START, World

READS, WRITES = access.FILE_READ_DATA, access.FILE_WRITE_DATA
BASIC, STANDARD, FULL_EA, STREAMS = 4, 5, 15, 22
MEBIBYTE = 1 << 20
EXCLUSIVE_NOW = EXCLUSIVE_LOCK | FAIL_IMMEDIATELY
EAS = [Ea(b"FIRST", b"1"), Ea(b"SECOND", b"two")]


@pytest.fixture(params=["posix", "memory"])
def world(request: pytest.FixtureRequest, share_folder: Path) -> Iterator[World]:
    """A server whose shares are on a disk, or in memory; `plain` has no streams."""
    if request.param == "posix":
        (share_folder / "files").mkdir()
        disk = [PosixBackend(share_folder / "files") for _ in range(2)]
        shares = [Share("data", disk[0]), Share("plain", disk[1], streams=False)]
        if not disk[0].has_streams:
            pytest.skip("no attributes for users here")
    else:
        memory = [MemoryBackend(lambda: START) for _ in range(2)]
        shares = [Share("data", memory[0]), Share("plain", memory[1], streams=False)]
    made = World(share_folder, shares=shares)
    yield made
    made.close()


@pytest.fixture
def tree(world: World) -> Tree:
    """Of a session that has asked for the extensions."""
    tree = world.tree()
    assert asks(tree) is not None
    return tree


def put(tree: Tree, name: str, data: bytes = b"") -> None:
    """A file or stream with these bytes."""
    with tree.open(name, access=GENERIC_WRITE, disposition=OPEN_IF) as file:
        for offset in range(0, len(data), MEBIBYTE):
            file.write(offset, data[offset : offset + MEBIBYTE])


def get(tree: Tree, name: str) -> bytes:
    """All of a file or stream."""
    with tree.open(name) as file:
        size = unpack_from("<QQ", file.query(INFO_FILE, STANDARD))[1]
        return b"".join(file.read(offset, min(MEBIBYTE, size - offset)) for offset in range(0, size, MEBIBYTE))


def streams(tree: Tree, name: str) -> list[str]:
    """Names of a file's named streams."""
    with tree.open(name) as file:
        found = file_info.decode_streams(memoryview(file.query(INFO_FILE, STREAMS)))
    return sorted(each.name[1:-6] for each in found if each.name != "::$DATA")


def eas(tree: Tree, name: str) -> list[Ea]:
    with tree.open(name, access=GENERIC_READ) as file:
        reply = tree.call(queries.query_info(file.file_id, INFO_FILE, FULL_EA))
    return ea.decode_full(memoryview(queries.decode_buffer(reply))) if reply.status == status.SUCCESS else []


def attributes_of(tree: Tree, name: str) -> int:
    with tree.open(name) as file:
        found: int = unpack_from("<32xI", file.query(INFO_FILE, BASIC))[0]
        return found


def set_attributes(tree: Tree, name: str, wanted: int) -> None:
    with tree.open(name, access=GENERIC_ALL) as file:
        file.set(INFO_FILE, BASIC, pack("<qqqqI4x", 0, 0, 0, 0, wanted))


def set_eas(tree: Tree, name: str, wanted: list[Ea]) -> None:
    with tree.open(name, access=GENERIC_ALL) as file:
        file.set(INFO_FILE, FULL_EA, ea.encode_full(wanted))


def pair(tree: Tree, source_rights: int = READS, target_rights: int = READS | WRITES) -> tuple[File, File]:
    """Both open for their data and nothing else."""
    return opened(tree, "source", source_rights), opened(tree, "target", target_rights)


def copied(source: File, target: File, code: int = FSCTL_SRV_COPYCHUNK) -> Answer:
    return asked(target, code, wire.encode(resume_key(source), ()))


def result(answer: Answer) -> tuple[int, wire.CopyResponse]:
    return answer.status, wire.decode_response(memoryview(answer.output))


def whole(length: int) -> tuple[int, wire.CopyResponse]:
    """The answer to a copy of so many bytes."""
    return status.SUCCESS, wire.CopyResponse(0, 0, length)


def test_the_data_and_all_else(world: World, tree: Tree) -> None:
    data, fork = os.urandom(2 * MEBIBYTE + 77), os.urandom(200_000)
    put(tree, "source", data)
    put(tree, "source:AFP_Resource", fork)
    put(tree, "source:empty")
    set_eas(tree, "source", EAS)
    put(tree, "target", b"x")
    assert result(copied(*pair(tree))) == whole(len(data))
    assert get(tree, "target") == data
    assert streams(world.tree(), "target") == ["AFP_Resource", "empty"], "Apple's client itself sees no empty ones"
    assert get(tree, "target:AFP_Resource") == fork
    assert eas(tree, "target") == EAS


@pytest.mark.parametrize("code", [FSCTL_SRV_COPYCHUNK, FSCTL_SRV_COPYCHUNK_WRITE])
@pytest.mark.parametrize("length", [0, 10])
def test_a_target_that_is_longer_is_cut(tree: Tree, code: int, length: int) -> None:
    put(tree, "source", bytes(length))
    put(tree, "source:fork", b"12")
    put(tree, "target", b"x" * 5000)
    put(tree, "target:FORK", b"longer than it was")
    put(tree, "target:own", b"stays")
    assert result(copied(*pair(tree), code)) == whole(length)
    assert get(tree, "target") == bytes(length)
    assert get(tree, "target:fork") == b"12"
    assert get(tree, "target:own") == b"stays"


def test_attributes(tree: Tree) -> None:
    put(tree, "source", b"data")
    put(tree, "source:fork", b"12")
    set_attributes(tree, "source", attributes.READONLY | attributes.SYSTEM | attributes.OFFLINE)
    put(tree, "target")
    set_attributes(tree, "target", attributes.HIDDEN)
    assert result(copied(*pair(tree))) == whole(4)
    assert attributes_of(tree, "target") == attributes.READONLY | attributes.SYSTEM | attributes.ARCHIVE
    assert get(tree, "target:fork") == b"12"


def test_a_name_with_a_dot_hides_its_own_file_only(tree: Tree) -> None:
    put(tree, ".source", b"data")
    put(tree, "target")
    source, target = opened(tree, ".source", READS), opened(tree, "target", READS | WRITES)
    assert result(copied(source, target)) == whole(4)
    assert attributes_of(tree, "target") == attributes.ARCHIVE


def test_who_has_not_asked_copies_nothing(world: World) -> None:
    tree = world.tree()
    put(tree, "source", b"data")
    put(tree, "target", b"kept")
    assert result(copied(*pair(tree))) == whole(0)
    assert get(tree, "target") == b"kept"


@pytest.mark.parametrize(
    ("source_rights", "target_rights", "code"),
    [
        (WRITES, READS | WRITES, FSCTL_SRV_COPYCHUNK),
        (access.FILE_READ_ATTRIBUTES, READS | WRITES, FSCTL_SRV_COPYCHUNK),
        (READS, WRITES, FSCTL_SRV_COPYCHUNK),
        (READS, READS, FSCTL_SRV_COPYCHUNK),
        (READS, READS, FSCTL_SRV_COPYCHUNK_WRITE),
        (READS, READS | access.FILE_APPEND_DATA, FSCTL_SRV_COPYCHUNK),
    ],
)
def test_rights(tree: Tree, source_rights: int, target_rights: int, code: int) -> None:
    put(tree, "source", b"data")
    put(tree, "target", b"kept")
    assert copied(*pair(tree, source_rights, target_rights), code).status == status.ACCESS_DENIED
    assert get(tree, "target") == b"kept"


@pytest.mark.parametrize(
    ("name", "right"),
    [("source", access.FILE_READ_EA), ("target", access.FILE_WRITE_EA), ("target", access.FILE_WRITE_ATTRIBUTES)],
)
def test_what_could_not_have_been_granted(world: World, tree: Tree, name: str, right: int) -> None:
    """Then nothing is copied at all: half a copy would be taken for a whole one."""
    put(tree, "source", b"data")
    set_eas(tree, "source", EAS)
    set_attributes(tree, "source", attributes.SYSTEM)
    put(tree, "target", b"kept")
    source, target = pair(tree)
    number = int.from_bytes((source if name == "source" else target).file_id[8:], "little")
    held = world.state.sessions[tree.session.session_id].opens[number]
    held.maximal_access &= ~right
    assert copied(source, target).status == status.ACCESS_DENIED
    assert get(tree, "target") == b"kept"
    held.maximal_access |= right
    assert result(copied(source, target)) == whole(4)


def test_a_share_without_streams_is_no_place_for_it(tree: Tree) -> None:
    put(tree, "source", b"data")
    plain = tree.session.tree("plain")
    target = opened(plain, "other", READS | WRITES)
    source = opened(tree, "source", READS)
    assert result(copied(source, target)) == whole(4)
    put(tree, "source:fork", b"12")
    assert copied(source, target) == (status.NOT_SUPPORTED, b"")


def test_locks_of_others(tree: Tree) -> None:
    put(tree, "source", b"data")
    put(tree, "source:fork", b"12")
    put(tree, "target", b"kept" * 10)
    put(tree, "target:fork", b"kept")
    source, target = pair(tree)
    for name, offset, expected, data in [
        ("source", 3, 0, b"kept" * 10),
        ("target", 39, 0, b"kept" * 10),
        ("source:fork", 0, 4, b"data"),
        ("target:fork", 100, 4, b"data"),
    ]:
        with tree.open(name, access=GENERIC_ALL) as other:
            other.lock(offset, 1, EXCLUSIVE_NOW)
            assert result(copied(source, target)) == (
                status.FILE_LOCK_CONFLICT,
                wire.CopyResponse(0, 0, expected),
            ), name
        assert get(tree, "target") == data
        assert get(tree, "target:fork") == b"kept"
    assert result(copied(source, target)) == whole(4)


def test_a_stream_that_others_do_not_share(tree: Tree) -> None:
    put(tree, "source:fork", b"12")
    put(tree, "target:fork", b"kept")
    source, target = pair(tree)
    with tree.open("target:fork", access=GENERIC_READ, share=SHARE_READ):
        assert copied(source, target).status == status.SHARING_VIOLATION
    assert get(tree, "target:fork") == b"kept"
    assert result(copied(source, target)) == whole(0)


def test_a_stream_that_others_cache_is_waited_for(world: World, tree: Tree) -> None:
    put(tree, "source:fork", b"12")
    put(tree, "target")
    cacher = Cacher(world)
    cacher.create("source:fork", lease=1, wanted=RWH)
    source, target = pair(tree)
    number = tree.submit(queries.ioctl(FSCTL_SRV_COPYCHUNK, wire.encode(resume_key(source), ()), target.file_id, 4096))
    with pytest.raises(NoAnswer):
        tree.session.connection.wait(number)
    world.runtime.advance(60)  # its client does not answer
    assert result(answer_of(tree.session.connection.wait(number))) == whole(0)
    assert get(tree, "target:fork") == b"12"


def started(world: World, source: File, target: File) -> int:
    """A copy whose first slice waits in a thread; its message id."""
    data = wire.encode(resume_key(source), ())
    world.runtime.hold_offloaded = True
    number = target.tree.submit(queries.ioctl(FSCTL_SRV_COPYCHUNK, data, target.file_id, 4096))
    assert world.runtime.offloaded == 1
    with pytest.raises(NoAnswer):
        target.tree.session.connection.wait(number)
    return number


@pytest.mark.parametrize("name", ["source", "source:fork"])
def test_cancel(world: World, tree: Tree, name: str) -> None:
    """In the data, and in a stream."""
    put(tree, "source")
    put(tree, name, bytes(MEBIBYTE + 1))
    put(tree, "target")
    source, target = pair(tree)
    number = started(world, source, target)
    tree.session.connection.cancel(number)
    world.runtime.run_offloaded()
    assert answer_of(tree.session.connection.wait(number)).status == status.CANCELLED
    world.runtime.hold_offloaded = False
    assert len(get(tree, name.replace("source", "target"))) == MEBIBYTE
    assert copied(source, target).status == status.SUCCESS


def test_a_close_ends_it_with_the_slice(world: World, tree: Tree) -> None:
    put(tree, "source", bytes(MEBIBYTE + 1))
    source, target = pair(tree)
    number = started(world, source, target)
    source.close()
    world.runtime.run_offloaded()
    world.runtime.hold_offloaded = False
    assert answer_of(tree.session.connection.wait(number)).status == status.FILE_CLOSED
    assert len(get(tree, "target")) == MEBIBYTE


def test_a_source_that_is_cut_under_the_copy(world: World, tree: Tree) -> None:
    put(tree, "source", bytes(MEBIBYTE + 1))
    source, target = pair(tree)
    number = started(world, source, target)
    world.runtime.hold_offloaded = False
    with tree.open("source", access=GENERIC_ALL) as other:
        other.set(INFO_FILE, 20, pack("<q", MEBIBYTE))
    world.runtime.run_offloaded()
    answer = answer_of(tree.session.connection.wait(number))
    assert result(answer) == (status.INVALID_VIEW_SIZE, wire.CopyResponse(0, 0, MEBIBYTE))


def test_a_stream_is_copied_alone(tree: Tree) -> None:
    put(tree, "source:fork", b"12")
    put(tree, "source:other", b"34")
    put(tree, "target", b"x" * 10)
    source, target = opened(tree, "source:fork", READS), opened(tree, "target", READS | WRITES)
    assert result(copied(source, target)) == whole(2)
    assert get(tree, "target") == b"12"
    assert streams(tree, "target") == []


def test_onto_itself(tree: Tree) -> None:
    put(tree, "source", b"data")
    put(tree, "source:fork", b"12")
    source = opened(tree, "source", READS)
    assert result(copied(source, opened(tree, "source", READS | WRITES))) == whole(4)
    assert get(tree, "source") == b"data"
    assert get(tree, "source:fork") == b"12"


def test_who_caches_hears_of_it(world: World, tree: Tree) -> None:
    put(tree, "source", b"data")
    put(tree, "source:fork", b"12")
    put(tree, "target:fork", b"old")
    others = [world.tree().open(name, access=GENERIC_ALL, oplock=OPLOCK_II) for name in ("target", "target:fork")]
    assert result(copied(*pair(tree))) == whole(4)
    files = world.state.files
    states = [state for state in files._all() if len(state.holders) > (state.base is None)]
    assert len(states) == len(others)
    assert all(cache.state == 0 for state in states for cache in state.caches)
    for other in others:
        other.close()


def test_write_through_syncs_the_streams_too(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tree, "source:fork", b"12")
    source = opened(tree, "source", READS)
    target = tree.open("target", access=GENERIC_ALL, disposition=OPEN_IF, options=attributes.FILE_WRITE_THROUGH)
    synced: list[str] = []
    for kind in (StreamHandle, PosixHandle, MemoryHandle):
        monkeypatch.setattr(kind, "sync", lambda handle: synced.append(type(handle).__name__))
    assert result(copied(source, target)) == whole(0)
    assert get(tree, "target:fork") == b"12"
    assert len(synced) == 2
    assert synced[0] == "StreamHandle"


def test_who_watches_hears_of_it(tree: Tree) -> None:
    put(tree, "source:new", b"12")
    put(tree, "source:old", b"34")
    put(tree, "target:old", b"x")
    source, target = pair(tree)
    looker = Looker(tree)
    assert result(copied(source, target)) == whole(0)
    added, modified = (changes.ACTION_ADDED_STREAM, "target:new"), (changes.ACTION_MODIFIED_STREAM, "target:old")
    news = looker.news()
    assert added in news
    assert modified in news
