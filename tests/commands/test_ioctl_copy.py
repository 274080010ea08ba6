"""Copies within the server: keys, limits, rights, locks, slices, and how they end early."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.client import queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_ALL, OPEN_IF, OPLOCK_II, NoAnswer, StatusFailure
from conformance.client.session import File, Options, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.plain_ranges import PlainRanges
from smbserver.backend.posix import ranges
from smbserver.nt import access, attributes, status
from smbserver.objects.server_state import Encryption, Policy
from smbserver.objects.share import Share
from smbserver.wire import copychunk as wire
from smbserver.wire.ioctl import FSCTL_SRV_COPYCHUNK, FSCTL_SRV_COPYCHUNK_WRITE, FSCTL_SRV_REQUEST_RESUME_KEY
from smbserver.wire.lock import EXCLUSIVE_LOCK, FAIL_IMMEDIATELY, UNLOCK
from tests.commands.data_codes import Answer, answer_of, asked, done, opened, resume_key
from tests.harness import World, frames_of

Chunks = tuple[tuple[int, int, int], ...]
MEBIBYTE = 1 << 20
EXCLUSIVE_NOW = EXCLUSIVE_LOCK | FAIL_IMMEDIATELY


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


def made(tree: Tree, name: str, data: bytes = b"") -> File:
    file = tree.create(name)
    if data:
        file.write(0, data)
    return file


def encoded(source: File, chunks: Chunks) -> bytes:
    return wire.encode(resume_key(source), tuple(wire.Chunk(*chunk) for chunk in chunks))


def copied(source: File, target: File, *chunks: tuple[int, int, int], code: int = FSCTL_SRV_COPYCHUNK) -> Answer:
    return asked(target, code, encoded(source, chunks))


def result(answer: Answer) -> tuple[int, wire.CopyResponse]:
    return answer.status, wire.decode_response(memoryview(answer.output))


def test_a_copy(world: World, tree: Tree) -> None:
    data = os.urandom(100_000)
    source, target = made(tree, "source", data), made(tree, "target", b"x" * 10)
    answer = copied(source, target, (0, 0, 60_000), (60_000, 70_000, 40_000))
    assert result(answer) == (status.SUCCESS, wire.CopyResponse(2, 0, 100_000))
    assert (world.data / "target").read_bytes() == data[:60_000] + bytes(10_000) + data[60_000:]
    assert result(copied(source, target)) == (status.SUCCESS, wire.CopyResponse(0, 0, 0))


def test_a_copy_across_shares_of_one_session(world: World, share_folder: Path) -> None:
    session = world.log_on()
    source, target = made(session.tree("data"), "source", b"data"), made(session.tree("data"), "target")
    assert copied(source, target, (0, 0, 4)).status == status.SUCCESS
    assert (world.data / "target").read_bytes() == b"data"


def test_a_key_is_good_for_its_session_and_its_open(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"data"), made(tree, "target")
    key = resume_key(source)
    assert resume_key(source) == key != resume_key(target)
    chunk = (wire.Chunk(0, 0, 4),)
    stranger = made(world.tree(), "other")
    assert asked(stranger, FSCTL_SRV_COPYCHUNK, wire.encode(key, chunk)).status == status.OBJECT_NAME_NOT_FOUND
    wrong = [
        b"deadbeefdeadbeefdeadbeef",
        bytes(24),
        key[:8] + bytes(8) + key[16:],
        key[:16] + bytes(8),
    ]
    for other in wrong:
        assert asked(target, FSCTL_SRV_COPYCHUNK, wire.encode(other, chunk)).status == status.OBJECT_NAME_NOT_FOUND
    source.close()
    assert asked(target, FSCTL_SRV_COPYCHUNK, wire.encode(key, chunk)).status == status.OBJECT_NAME_NOT_FOUND
    assert asked(target, FSCTL_SRV_REQUEST_RESUME_KEY, room=31).status == status.INVALID_PARAMETER
    assert (world.data / "target").read_bytes() == b""


@pytest.mark.parametrize(
    "chunks",
    [
        ((0, 0, wire.MAX_CHUNK_SIZE + 1),),
        ((0, 0, 0),),
        ((0, 0, 1), (0, 0, 0)),
        ((0, 0, 0xFFFFFFFF),),
        ((0, 0, wire.MAX_CHUNK_SIZE),) * 17,
        ((0, 0, 1),) * (wire.MAX_CHUNKS + 1),
        ((0, -2, 1),),
        ((0, 2**63 - 1, 1),),
        ((-1, 0, 1),),
    ],
)
def test_limits_are_told(world: World, tree: Tree, chunks: Chunks) -> None:
    source, target = made(tree, "source", b"data"), made(tree, "target")
    assert result(copied(source, target, *chunks)) == (status.INVALID_PARAMETER, wire.LIMITS)
    assert (world.data / "target").read_bytes() == b""


def test_what_is_cut_short_is_told_the_limits(tree: Tree) -> None:
    source, target = made(tree, "source", b"data"), made(tree, "target")
    data = encoded(source, ((0, 0, 1), (0, 0, 1)))
    for length in (0, 23, 31, 32, len(data) - 1):
        answer = asked(target, FSCTL_SRV_COPYCHUNK, data[:length])
        assert result(answer) == (status.INVALID_PARAMETER, wire.LIMITS)
        assert asked(target, FSCTL_SRV_COPYCHUNK, data[:length], room=11) == (status.INVALID_PARAMETER, b"")
    assert asked(target, FSCTL_SRV_COPYCHUNK, data, room=11) == (status.INVALID_PARAMETER, b"")
    assert result(asked(target, FSCTL_SRV_COPYCHUNK, data, room=12))[0] == status.SUCCESS


READS = access.FILE_READ_DATA
WRITES = access.FILE_WRITE_DATA


@pytest.mark.parametrize(
    ("source_rights", "target_rights", "code", "expected"),
    [
        (READS, READS | WRITES, FSCTL_SRV_COPYCHUNK, status.SUCCESS),
        (access.FILE_EXECUTE, READS | WRITES, FSCTL_SRV_COPYCHUNK, status.SUCCESS),
        (access.FILE_READ_ATTRIBUTES, READS | WRITES, FSCTL_SRV_COPYCHUNK, status.ACCESS_DENIED),
        (WRITES, READS | WRITES, FSCTL_SRV_COPYCHUNK, status.ACCESS_DENIED),
        (READS, WRITES, FSCTL_SRV_COPYCHUNK, status.ACCESS_DENIED),
        (READS, WRITES | access.FILE_EXECUTE, FSCTL_SRV_COPYCHUNK, status.ACCESS_DENIED),
        (READS, WRITES, FSCTL_SRV_COPYCHUNK_WRITE, status.SUCCESS),
        (READS, READS, FSCTL_SRV_COPYCHUNK, status.ACCESS_DENIED),
        (READS, READS, FSCTL_SRV_COPYCHUNK_WRITE, status.ACCESS_DENIED),
        (READS, access.FILE_WRITE_ATTRIBUTES, FSCTL_SRV_COPYCHUNK_WRITE, status.ACCESS_DENIED),
    ],
)
def test_rights(world: World, tree: Tree, source_rights: int, target_rights: int, code: int, expected: int) -> None:
    (world.data / "source").write_bytes(b"data")
    (world.data / "target").write_bytes(b"")
    source, target = opened(tree, "source", source_rights), opened(tree, "target", target_rights)
    assert copied(source, target, (0, 0, 4), code=code).status == expected
    assert (world.data / "target").read_bytes() == (b"data" if expected == status.SUCCESS else b"")


def test_the_right_to_append_is_no_right_to_overwrite(world: World, tree: Tree) -> None:
    source = made(tree, "source", b"data")
    (world.data / "target").write_bytes(b"12345")
    target = opened(tree, "target", READS | access.FILE_APPEND_DATA)
    assert result(copied(source, target, (0, 4, 4))) == (status.ACCESS_DENIED, wire.CopyResponse(0, 0, 0))
    assert copied(source, target, (0, 5, 2)).status == status.SUCCESS
    assert copied(source, target, (2, wire.AT_END_OF_FILE, 2)).status == status.SUCCESS
    assert (world.data / "target").read_bytes() == b"12345data"


def test_behind_the_end_of_the_file(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"data"), made(tree, "target", b"1")
    answer = copied(source, target, (0, wire.AT_END_OF_FILE, 4), (0, wire.AT_END_OF_FILE, 2))
    assert result(answer) == (status.SUCCESS, wire.CopyResponse(2, 0, 6))
    assert (world.data / "target").read_bytes() == b"1datada"


def test_what_the_source_does_not_have(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"data"), made(tree, "target")
    answer = copied(source, target, (0, 0, 4), (2, 4, 3), (0, 8, 4))
    assert result(answer) == (status.INVALID_VIEW_SIZE, wire.CopyResponse(1, 0, 4))
    assert (world.data / "target").read_bytes() == b"data"
    assert copied(source, target, (2**63 - 1, 0, 1)).status == status.INVALID_VIEW_SIZE


def test_directories_and_pipes(world: World, tree: Tree) -> None:
    file = made(tree, "file", b"data")
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert copied(folder, file, (0, 0, 1)).status == status.INVALID_DEVICE_REQUEST
    assert copied(file, folder, (0, 0, 1)).status == status.INVALID_DEVICE_REQUEST
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_ALL)
    assert asked(pipe, FSCTL_SRV_REQUEST_RESUME_KEY).status == status.INVALID_DEVICE_REQUEST
    assert result(copied(file, pipe, (0, 0, 1))) == (status.INVALID_PARAMETER, wire.LIMITS)
    number = int.from_bytes(pipe.file_id[8:], "little")
    key = wire.encode_key(wire.ResumeKey(number, number, tree.session.session_id))
    answer = asked(file, FSCTL_SRV_COPYCHUNK, wire.encode(key, (wire.Chunk(0, 0, 1),)))
    assert answer.status == status.OBJECT_NAME_NOT_FOUND


def test_locks_of_others_stop_all_of_it(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"01234567"), made(tree, "target", b"abcdefgh")
    other = tree.open("source", access=GENERIC_ALL)
    other.lock(4, 1, EXCLUSIVE_NOW)
    nothing = (status.FILE_LOCK_CONFLICT, wire.CopyResponse(0, 0, 0))
    assert result(copied(source, target, (0, 0, 4), (4, 4, 4))) == nothing
    other.lock(4, 1, UNLOCK)
    other = tree.open("target", access=GENERIC_ALL)
    other.lock(7, 1, EXCLUSIVE_NOW)
    assert result(copied(source, target, (0, 0, 4), (4, 4, 4))) == nothing
    assert (world.data / "target").read_bytes() == b"abcdefgh"
    assert result(copied(source, target, (0, 0, 7)))[0] == status.SUCCESS


def test_a_lock_that_comes_between_two_slices(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"01234567"), made(tree, "target", b"abcdefgh")
    other = tree.open("target", access=GENERIC_ALL)
    number = started(world, source, target, (0, 0, 4), (4, 4, 4))
    other.lock(7, 1, EXCLUSIVE_NOW)
    world.runtime.run_offloaded()
    assert result(answered(target, number)) == (status.FILE_LOCK_CONFLICT, wire.CopyResponse(1, 0, 4))
    assert (world.data / "target").read_bytes() == b"0123efgh"


def started(world: World, source: File, target: File, *chunks: tuple[int, int, int]) -> int:
    """A copy whose first slice waits in a thread; its message id."""
    data = encoded(source, chunks)
    world.runtime.hold_offloaded = True
    number = target.tree.submit(queries.ioctl(FSCTL_SRV_COPYCHUNK, data, target.file_id, 4096))
    assert world.runtime.offloaded == 1
    with pytest.raises(NoAnswer):
        target.tree.session.connection.wait(number)
    return number


def answered(file: File, number: int) -> Answer:
    return answer_of(file.tree.session.connection.wait(number))


def test_cancel_is_answered_when_the_slice_is_written(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"01234567"), made(tree, "target")
    number = started(world, source, target, (0, 0, 4), (4, 4, 4))
    tree.session.connection.cancel(number)
    with pytest.raises(NoAnswer):
        tree.session.connection.wait(number)
    world.runtime.run_offloaded()
    assert answered(target, number).status == status.CANCELLED
    assert (world.data / "target").read_bytes() == b"0123"
    assert copied_at_once(world, source, target)


def copied_at_once(world: World, source: File, target: File) -> bool:
    world.runtime.hold_offloaded = False
    return copied(source, target, (0, 0, 8)).status == status.SUCCESS


@pytest.mark.parametrize("closes_source", [True, False])
def test_a_close_ends_it_with_the_slice(world: World, tree: Tree, closes_source: bool) -> None:
    source, target = made(tree, "source", b"01234567"), made(tree, "target")
    number = started(world, source, target, (0, 0, 4), (4, 4, 4))
    (source if closes_source else target).close()
    world.runtime.run_offloaded()
    assert answered(target, number).status == status.FILE_CLOSED
    assert (world.data / "target").read_bytes() == b"0123"


def test_a_connection_that_is_lost_ends_it(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"01234567"), made(tree, "target")
    started(world, source, target, (0, 0, 4), (4, 4, 4))
    frames_of(tree.session.connection).close()
    world.runtime.run_offloaded()
    assert (world.data / "target").read_bytes() == b"0123"


def test_all_sixteen_mebibytes_in_one_request(world: World, tree: Tree) -> None:
    data = os.urandom(16 * MEBIBYTE)
    (world.data / "source").write_bytes(data)
    source, target = opened(tree, "source", READS), made(tree, "target")
    chunks = [(index * MEBIBYTE, index * MEBIBYTE, MEBIBYTE) for index in range(16)]
    assert result(copied(source, target, *chunks)) == (status.SUCCESS, wire.CopyResponse(16, 0, 16 * MEBIBYTE))
    assert (world.data / "target").read_bytes() == data


def test_as_many_chunks_as_there_may_be(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", bytes(range(256))), made(tree, "target", bytes(256))
    chunks = [(index, 255 - index, 1) for index in range(256)]
    assert result(copied(source, target, *chunks)) == (status.SUCCESS, wire.CopyResponse(256, 0, 256))
    assert (world.data / "target").read_bytes() == bytes(range(256))[::-1]


def test_a_full_disk_in_the_middle_of_a_chunk(world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = made(tree, "source", bytes(3000)), made(tree, "target")
    answers: list[int | OSError] = [1000, 600, OSError(errno.ENOSPC, "full")]

    def copy_file_range(*_: object) -> int:
        found = answers.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(os, "copy_file_range", copy_file_range)
    answer = copied(source, target, (0, 0, 1000), (1000, 1000, 1000), (2000, 2000, 1000))
    assert result(answer) == (status.DISK_FULL, wire.CopyResponse(1, 600, 1600))


def test_a_source_that_is_cut_under_the_copy(world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = made(tree, "source", bytes(3000)), made(tree, "target")
    answers = [700, 0]
    monkeypatch.setattr(ranges.PosixRanges, "copy_to", lambda *_: answers.pop(0))
    assert result(copied(source, target, (0, 0, 1000))) == (status.INVALID_VIEW_SIZE, wire.CopyResponse(0, 700, 700))


def test_a_full_store_in_memory(share_folder: Path) -> None:
    small = MemoryBackend(lambda: 1, 4 * MEBIBYTE)
    world = World(share_folder, shares=[Share("data", small)])
    tree = world.tree()
    source, target = made(tree, "source", bytes(2 * MEBIBYTE)), made(tree, "target")
    chunks = [(0, index * MEBIBYTE, MEBIBYTE) for index in range(3)]
    assert result(copied(source, target, *chunks)) == (status.DISK_FULL, wire.CopyResponse(1, 0, MEBIBYTE))
    world.close()


def test_write_through_goes_to_the_disk(world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    source = made(tree, "source", b"data")
    target = tree.open("target", access=GENERIC_ALL, disposition=OPEN_IF, options=attributes.FILE_WRITE_THROUGH)
    assert result(copied(source, target, (0, 0, 4))) == (status.SUCCESS, wire.CopyResponse(1, 0, 4))
    assert len(synced) == 1


def test_who_watches_and_who_caches_hears_of_it(world: World, tree: Tree) -> None:
    source, target = made(tree, "source", b"data"), made(tree, "target", b"")
    target.close()
    cacher = world.tree().open("target", access=GENERIC_ALL, oplock=OPLOCK_II)
    target = tree.open("target", access=GENERIC_ALL)
    assert copied(source, target, (0, 0, 4)).status == status.SUCCESS
    [opened_file] = [each for each in world.state.files._states.values() if len(each.holders) == 2]
    assert all(cache.state == 0 for cache in opened_file.caches)
    assert opened_file.changes
    cacher.close()


def test_a_share_that_is_sealed_is_not_read_by_a_plain_request(share_folder: Path) -> None:
    backends = [MemoryBackend(lambda: 1), MemoryBackend(lambda: 1)]
    world = World(
        share_folder,
        shares=[Share("open", backends[0]), Share("sealed", backends[1], encrypt=True)],
        policy=Policy(encryption=Encryption.OFFERED),
    )
    session = world.log_on()
    source = made(session.tree("sealed"), "source", b"data")
    target = made(session.tree("open"), "target")
    data = encoded(source, ((0, 0, 4),))
    plain = queries.ioctl(FSCTL_SRV_COPYCHUNK, data, target.file_id, 4096)
    plain.encrypt = False  # else everything is sealed from the first share on that wants it
    assert target.tree.call(plain).status == status.ACCESS_DENIED
    same = made(source.tree, "target")
    assert asked(same, FSCTL_SRV_COPYCHUNK, data).status == status.SUCCESS
    world.close()


def test_a_handle_that_only_reads_and_writes(world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stream's: the same answers by way of reading and writing."""
    monkeypatch.setattr("smbserver.backend.posix.handle.PosixHandle.ranges", lambda handle: PlainRanges(handle))
    data = os.urandom(2 * MEBIBYTE)
    (world.data / "source").write_bytes(data)
    source, target = opened(tree, "source", READS), made(tree, "target")
    chunks = [(MEBIBYTE, 0, MEBIBYTE), (0, MEBIBYTE, MEBIBYTE)]
    assert result(copied(source, target, *chunks)) == (status.SUCCESS, wire.CopyResponse(2, 0, 2 * MEBIBYTE))
    assert (world.data / "target").read_bytes() == data[MEBIBYTE:] + data[:MEBIBYTE]


def test_on_a_read_only_share(world: World) -> None:
    (world.ro / "target").write_bytes(b"kept")
    session = world.log_on()
    source = made(session.tree("data"), "source", b"data")
    with pytest.raises(StatusFailure):
        opened(session.tree("ro"), "target", WRITES)
    target = opened(session.tree("ro"), "target", READS)
    assert copied(source, target, (0, 0, 4)).status == status.ACCESS_DENIED
    assert copied(source, target, (0, 0, 4), code=FSCTL_SRV_COPYCHUNK_WRITE).status == status.ACCESS_DENIED
    assert (world.ro / "target").read_bytes() == b"kept"


def test_older_dialects_copy_as_well(world: World) -> None:
    tree = world.tree("data", Options(dialects=(0x0202,)))
    source, target = made(tree, "source", b"data"), made(tree, "target")
    assert copied(source, target, (1, 0, 3)).status == status.SUCCESS
    assert (world.data / "target").read_bytes() == b"ata"


_SIZE = 5000
_places = st.integers(0, _SIZE)
_chunk = st.tuples(_places, _places | st.just(wire.AT_END_OF_FILE), st.integers(1, _SIZE))


@given(chunks=st.lists(_chunk, max_size=5), is_same=st.booleans())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_copies_are_slices(world: World, chunks: list[tuple[int, int, int]], is_same: bool) -> None:
    tree = world.tree()
    data = bytes(index * 7 % 251 for index in range(_SIZE))
    source = made(tree, "source", data)
    target = source if is_same else made(tree, "target", data[::-1][:1000])
    model_source = bytearray(data)
    model_target = model_source if is_same else bytearray(data[::-1][:1000])
    answer = copied(source, target, *chunks)
    count = total = 0
    expected = status.SUCCESS
    for offset, place, length in chunks:
        piece = bytes(model_source[offset : offset + length])
        if len(piece) < length:
            expected = status.INVALID_VIEW_SIZE
            break
        at = len(model_target) if place == wire.AT_END_OF_FILE else place
        model_target.extend(bytes(max(0, at - len(model_target))))
        model_target[at : at + length] = piece
        count, total = count + 1, total + length
    assert result(answer) == (expected, wire.CopyResponse(count, 0, total))
    assert (world.data / ("source" if is_same else "target")).read_bytes() == model_target
    tree.session.close()


def test_the_key_of_an_open_is_the_same_for_all_that_ask(tree: Tree) -> None:
    file = made(tree, "file")
    assert done(file, FSCTL_SRV_REQUEST_RESUME_KEY, room=32) == done(file, FSCTL_SRV_REQUEST_RESUME_KEY)
