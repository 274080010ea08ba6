"""Holes by control code: set, zeroed, listed, trimmed; rights, locks, and numbers that lie."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.client import queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_ALL, GENERIC_READ, OPEN_IF
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.commands import ioctl_sparse
from smbserver.nt import access, attributes, status
from smbserver.objects.share import Share
from smbserver.wire import file_info, fs_info, sparse, trim
from smbserver.wire.ioctl import (
    FSCTL_FILE_LEVEL_TRIM,
    FSCTL_QUERY_ALLOCATED_RANGES,
    FSCTL_QUERY_FILE_REGIONS,
    FSCTL_SET_SPARSE,
    FSCTL_SET_ZERO_DATA,
)
from smbserver.wire.lock import EXCLUSIVE_LOCK, FAIL_IMMEDIATELY
from smbserver.wire.query_info import INFO_FILE, INFO_FILESYSTEM
from tests.commands.data_codes import allocated, answer_of, asked, done, opened, set_sparse
from tests.harness import World

BLOCK = 4096
EXCLUSIVE_NOW = EXCLUSIVE_LOCK | FAIL_IMMEDIATELY


@pytest.fixture
def tree(world: World) -> Tree:
    tree = world.tree()
    if not world.shares[0].backend or not world.shares[0].backend.features.sparse_files:
        pytest.skip("no sparse files here")
    return tree


def made(tree: Tree, name: str = "file", data: bytes = b"") -> File:
    file = tree.create(name)
    if data:
        file.write(0, data)
    return file


def attributes_of(file: File) -> int:
    return file_info.decode_basic(memoryview(file.query(INFO_FILE, file_info.BASIC))).attributes


def zero(file: File, first: int, beyond: int) -> int:
    return asked(file, FSCTL_SET_ZERO_DATA, sparse.encode_zero_data(sparse.Offsets(first, beyond))).status


# --- FSCTL_SET_SPARSE ---


def test_set_and_taken_back(world: World, tree: Tree) -> None:
    file = made(tree, data=bytes(10))
    assert not attributes_of(file) & attributes.SPARSE_FILE
    done(file, FSCTL_SET_SPARSE)
    assert attributes_of(file) & attributes.SPARSE_FILE
    done(file, FSCTL_SET_SPARSE)
    file.close()
    file = tree.open("file", access=GENERIC_ALL)
    assert file.created.attributes & attributes.SPARSE_FILE
    done(file, FSCTL_SET_SPARSE, bytes(100))
    assert not attributes_of(file) & attributes.SPARSE_FILE


def test_to_take_it_back_fills_the_holes(world: World, tree: Tree) -> None:
    file = made(tree, data=b"x" * BLOCK * 4)
    set_sparse(file)
    assert zero(file, BLOCK, 3 * BLOCK) == status.SUCCESS
    path = world.data / "file"
    assert path.stat().st_blocks * 512 == 2 * BLOCK
    world.runtime.hold_offloaded = True
    number = tree.submit(queries.ioctl(FSCTL_SET_SPARSE, b"\0", file.file_id, 0))
    assert attributes_of(file) & attributes.SPARSE_FILE, "until it is done"
    world.runtime.run_offloaded()
    assert tree.session.connection.wait(number).status == status.SUCCESS
    assert not attributes_of(file) & attributes.SPARSE_FILE
    assert path.stat().st_blocks * 512 == 4 * BLOCK
    assert path.read_bytes() == b"x" * BLOCK + bytes(2 * BLOCK) + b"x" * BLOCK


def test_no_room_to_fill_the_holes(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    file = made(tree, data=bytes(10))
    set_sparse(file)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("smbserver.backend.posix.file_ioctls.fallocate", full)
    assert asked(file, FSCTL_SET_SPARSE, b"\0").status == status.DISK_FULL
    assert attributes_of(file) & attributes.SPARSE_FILE


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (access.FILE_WRITE_DATA, status.SUCCESS),
        (access.FILE_WRITE_ATTRIBUTES, status.SUCCESS),
        (access.FILE_APPEND_DATA, status.SUCCESS),
        (access.FILE_WRITE_EA, status.ACCESS_DENIED),
        (access.FILE_READ_DATA, status.ACCESS_DENIED),
        (access.DELETE, status.ACCESS_DENIED),
    ],
)
def test_rights_to_set_it(tree: Tree, rights: int, expected: int) -> None:
    made(tree, data=bytes(10)).close()
    file = opened(tree, "file", rights)
    for is_sparse in (b"\1", b"\0"):
        assert asked(file, FSCTL_SET_SPARSE, is_sparse).status == expected


def test_other_attributes_go_their_own_way(tree: Tree) -> None:
    file = made(tree)
    file.set(INFO_FILE, file_info.BASIC, file_info.encode_basic(file_info.BasicChange(0, 0, 0, 0, 0x200)))
    assert not attributes_of(file) & attributes.SPARSE_FILE
    set_sparse(file)
    file.set(INFO_FILE, file_info.BASIC, file_info.encode_basic(file_info.BasicChange(0, 0, 0, 0, attributes.HIDDEN)))
    assert attributes_of(file) == attributes.HIDDEN | attributes.SPARSE_FILE


# --- FSCTL_SET_ZERO_DATA ---


def test_zeros_keep_their_room_unless_the_file_is_sparse(world: World, tree: Tree) -> None:
    file = made(tree, data=b"x" * BLOCK * 4)
    path = world.data / "file"
    assert zero(file, 10, 3 * BLOCK) == status.SUCCESS
    assert path.read_bytes() == b"x" * 10 + bytes(3 * BLOCK - 10) + b"x" * BLOCK
    assert path.stat().st_blocks * 512 == 4 * BLOCK
    set_sparse(file)
    assert zero(file, 10, 3 * BLOCK) == status.SUCCESS
    assert path.stat().st_blocks * 512 == 2 * BLOCK
    assert path.read_bytes() == b"x" * 10 + bytes(3 * BLOCK - 10) + b"x" * BLOCK


def test_the_file_keeps_its_size(world: World, tree: Tree) -> None:
    file = made(tree, data=b"x" * 100)
    for first, beyond in [(50, 2**63 - 1), (100, 200), (2**62, 2**63 - 1), (7, 7), (0, 0)]:
        assert zero(file, first, beyond) == status.SUCCESS
    assert (world.data / "file").read_bytes() == b"x" * 50 + bytes(50)


@pytest.mark.parametrize(("first", "beyond"), [(-1, 5), (0, -1), (5, 4), (-(2**63), 2**63 - 1)])
def test_numbers_that_lie(world: World, tree: Tree, first: int, beyond: int) -> None:
    file = made(tree, data=b"x" * 10)
    assert zero(file, first, beyond) == status.INVALID_PARAMETER
    assert asked(file, FSCTL_SET_ZERO_DATA, bytes(15)).status == status.INVALID_PARAMETER
    assert (world.data / "file").read_bytes() == b"x" * 10


@pytest.mark.parametrize(
    "rights", [access.FILE_WRITE_ATTRIBUTES, access.FILE_APPEND_DATA, access.FILE_WRITE_EA, access.FILE_READ_DATA]
)
def test_rights_to_zero(world: World, tree: Tree, rights: int) -> None:
    made(tree, data=b"x" * 10).close()
    assert zero(opened(tree, "file", rights), 0, 5) == status.ACCESS_DENIED
    assert zero(opened(tree, "file", access.FILE_WRITE_DATA), 0, 5) == status.SUCCESS
    assert (world.data / "file").read_bytes() == bytes(5) + b"x" * 5


def test_a_lock_between_two_slices(world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ioctl_sparse, "ZERO_SLICE", 10)
    file = made(tree, data=b"x" * 40)
    other = tree.open("file", access=GENERIC_ALL)
    other.lock(35, 1, EXCLUSIVE_NOW)
    assert zero(file, 0, 40) == status.FILE_LOCK_CONFLICT
    assert (world.data / "file").read_bytes() == bytes(30) + b"x" * 10
    world.runtime.hold_offloaded = True
    data = sparse.encode_zero_data(sparse.Offsets(0, 40))
    number = tree.submit(queries.ioctl(FSCTL_SET_ZERO_DATA, data, file.file_id, 0))
    tree.session.connection.cancel(number)
    world.runtime.run_offloaded()
    assert tree.session.connection.wait(number).status == status.CANCELLED


def test_without_buffers_it_goes_to_the_disk(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    made(tree, data=b"x" * 10).close()
    for option in (attributes.FILE_NO_INTERMEDIATE_BUFFERING, attributes.FILE_WRITE_THROUGH):
        file = tree.open("file", access=access.FILE_WRITE_DATA, options=option)
        assert zero(file, 0, 5) == status.SUCCESS
        assert zero(file, 100, 105) == status.SUCCESS
    assert len(synced) == 2


# --- FSCTL_QUERY_ALLOCATED_RANGES ---


def test_ranges_of_a_sparse_file(tree: Tree) -> None:
    file = made(tree, data=b"x" * BLOCK * 6)
    set_sparse(file)
    zero(file, BLOCK, 2 * BLOCK)
    zero(file, 4 * BLOCK, 5 * BLOCK)
    assert allocated(file) == [(0, BLOCK), (2 * BLOCK, 2 * BLOCK), (5 * BLOCK, BLOCK)]
    assert allocated(file, 10, 2 * BLOCK) == [(10, BLOCK - 10), (2 * BLOCK, 10)]
    assert allocated(file, BLOCK, BLOCK) == []
    assert allocated(file, 6 * BLOCK, 10) == []
    assert allocated(file, 0, 0) == []


def test_ranges_of_a_file_that_is_not(tree: Tree) -> None:
    file = made(tree, data=b"x" * 10)
    assert zero(file, 0, 10) == status.SUCCESS
    assert allocated(file) == [(0, 10)]
    assert allocated(file, 3, 4) == [(3, 4)]
    assert allocated(file, 10, 1) == allocated(file, 100, 1) == []


def test_room_for_some_of_them(tree: Tree) -> None:
    file = made(tree, data=b"x" * BLOCK * 4)
    set_sparse(file)
    zero(file, BLOCK, 2 * BLOCK)
    data = sparse.encode_ranges([(0, 1 << 40)])
    both = sparse.encode_ranges([(0, BLOCK), (2 * BLOCK, 2 * BLOCK)])
    for room, code, output in [
        (0, status.BUFFER_TOO_SMALL, b""),
        (15, status.BUFFER_TOO_SMALL, b""),
        (16, status.BUFFER_OVERFLOW, both[:16]),
        (31, status.BUFFER_OVERFLOW, both[:16]),
        (32, status.SUCCESS, both),
    ]:
        assert asked(file, FSCTL_QUERY_ALLOCATED_RANGES, data, room) == (code, output)
    empty = made(tree, "empty")
    assert asked(empty, FSCTL_QUERY_ALLOCATED_RANGES, data, 0) == (status.SUCCESS, b"")


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (1, 2**63 - 1), (2**63 - 1, 1), (512, -1)])
def test_ranges_that_lie(tree: Tree, offset: int, length: int) -> None:
    file = made(tree, data=b"x")
    data = sparse.encode_ranges([(offset, length)])
    assert asked(file, FSCTL_QUERY_ALLOCATED_RANGES, data).status == status.INVALID_PARAMETER
    assert asked(file, FSCTL_QUERY_ALLOCATED_RANGES, data[:15]).status == status.INVALID_PARAMETER
    assert asked(file, FSCTL_QUERY_ALLOCATED_RANGES).status == status.INVALID_PARAMETER
    assert allocated(file, 0, 2**63 - 1) == [(0, 1)]


@pytest.mark.parametrize("rights", [access.FILE_READ_ATTRIBUTES, access.FILE_READ_EA, access.FILE_WRITE_DATA])
def test_rights_to_ask(tree: Tree, rights: int) -> None:
    made(tree, data=b"x").close()
    data = sparse.encode_ranges([(0, 1)])
    answer = asked(opened(tree, "file", rights), FSCTL_QUERY_ALLOCATED_RANGES, data)
    assert answer.status == status.ACCESS_DENIED
    assert allocated(opened(tree, "file", access.FILE_READ_DATA)) == [(0, 1)]


# --- FSCTL_FILE_LEVEL_TRIM ---


def trimmed(file: File, *ranges: tuple[int, int], room: int = 4) -> tuple[int, int | None]:
    answer = asked(file, FSCTL_FILE_LEVEL_TRIM, trim.encode(list(ranges)), room)
    return answer.status, trim.decode_response(memoryview(answer.output)) if answer.output else None


def test_whole_pages_are_given_back(world: World, tree: Tree) -> None:
    file = made(tree, data=b"x" * BLOCK * 8)
    ranges = [(10, 2 * BLOCK), (4 * BLOCK, BLOCK), (5 * BLOCK + 1, BLOCK), (100, 5), (7 * BLOCK, 1 << 40)]
    assert trimmed(file, *ranges) == (status.SUCCESS, 3)
    expected = bytearray(b"x" * BLOCK * 8)
    for page in (1, 4, 7):
        expected[page * BLOCK : (page + 1) * BLOCK] = bytes(BLOCK)
    path = world.data / "file"
    assert path.read_bytes() == expected
    assert path.stat().st_blocks * 512 == 5 * BLOCK
    assert trimmed(file, (1 << 40, 1 << 40)) == (status.SUCCESS, 0)
    assert trimmed(file, (0, BLOCK), room=0) == (status.SUCCESS, None)


def test_trims_that_lie(world: World, tree: Tree) -> None:
    file = made(tree, data=b"x" * BLOCK)
    assert trimmed(file, (2**64 - 1, 2)) == (status.INTEGER_OVERFLOW, None)
    assert trimmed(file, (2**64 - 10, 5)) == (status.INTEGER_OVERFLOW, None)
    assert trimmed(file, (0, 10), room=3) == (status.INVALID_PARAMETER, None)
    assert trimmed(file) == (status.INVALID_PARAMETER, None)
    assert asked(file, FSCTL_FILE_LEVEL_TRIM, b"").status == status.INVALID_PARAMETER
    assert (world.data / "file").read_bytes() == b"x" * BLOCK


def test_rights_and_locks_of_a_trim(world: World, tree: Tree) -> None:
    made(tree, data=b"x" * BLOCK).close()
    for rights in (access.FILE_READ_DATA, access.FILE_APPEND_DATA, access.FILE_WRITE_ATTRIBUTES):
        assert trimmed(opened(tree, "file", rights), (0, BLOCK)) == (status.ACCESS_DENIED, None)
    other = tree.open("file", access=GENERIC_ALL)
    other.lock(0, 1, EXCLUSIVE_NOW)
    file = opened(tree, "file", access.FILE_WRITE_DATA)
    assert trimmed(file, (0, BLOCK)) == (status.FILE_LOCK_CONFLICT, None)
    assert (world.data / "file").read_bytes() == b"x" * BLOCK


# --- FSCTL_QUERY_FILE_REGIONS ---


def regions(file: File, data: bytes = b"") -> list[sparse.Region]:
    output = done(file, FSCTL_QUERY_FILE_REGIONS, data)
    return sparse.decode_regions(memoryview(output)) if output else []


def test_all_bytes_are_valid(tree: Tree) -> None:
    file = made(tree, data=b"x" * 100)
    assert regions(file) == [(0, 100, 1)]
    assert regions(file, sparse.encode_region(sparse.Region(10, 20, 1))) == [(10, 20, 1)]
    assert regions(file, sparse.encode_region(sparse.Region(99, 20, 3))) == [(99, 1, 3)]
    assert regions(file, sparse.encode_region(sparse.Region(100, 20, 1))) == []
    assert regions(made(tree, "empty")) == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("data", "room", "expected"),
    [
        (bytes(23), 4096, status.BUFFER_TOO_SMALL),
        (sparse.encode_region(sparse.Region(0, 0, 1)), 4096, status.INVALID_PARAMETER),
        (sparse.encode_region(sparse.Region(0, -1, 1)), 4096, status.INVALID_PARAMETER),
        (sparse.encode_region(sparse.Region(-1, 1, 1)), 4096, status.INVALID_PARAMETER),
        (sparse.encode_region(sparse.Region(2**63 - 1, 1, 1)), 4096, status.INVALID_PARAMETER),
        (sparse.encode_region(sparse.Region(0, 1, 2)), 4096, status.INVALID_PARAMETER),
        (b"", 39, status.BUFFER_TOO_SMALL),
    ],
)
def test_regions_that_lie(tree: Tree, data: bytes, room: int, expected: int) -> None:
    assert asked(made(tree), FSCTL_QUERY_FILE_REGIONS, data, room) == (expected, b"")


# --- all of them ---

REQUESTS = {
    FSCTL_SET_SPARSE: b"",
    FSCTL_SET_ZERO_DATA: sparse.encode_zero_data(sparse.Offsets(0, 1)),
    FSCTL_QUERY_ALLOCATED_RANGES: sparse.encode_ranges([(0, 1)]),
    FSCTL_FILE_LEVEL_TRIM: trim.encode([(0, BLOCK)]),
    FSCTL_QUERY_FILE_REGIONS: b"",
}


@pytest.mark.parametrize("code", REQUESTS)
def test_directories_and_pipes(tree: Tree, code: int) -> None:
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert asked(folder, code, REQUESTS[code]).status == status.INVALID_PARAMETER
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_ALL)
    assert asked(pipe, code, REQUESTS[code]).status == status.INVALID_DEVICE_REQUEST


@pytest.mark.parametrize("code", [FSCTL_SET_SPARSE, FSCTL_SET_ZERO_DATA, FSCTL_FILE_LEVEL_TRIM])
def test_on_a_read_only_share(world: World, tree: Tree, code: int) -> None:
    (world.ro / "file").write_bytes(b"x" * BLOCK)
    file = tree.session.tree("ro").open("file", access=GENERIC_READ)
    assert asked(file, code, REQUESTS[code]).status == status.MEDIA_WRITE_PROTECTED
    assert (world.ro / "file").read_bytes() == b"x" * BLOCK


def test_what_is_promised(world: World, tree: Tree) -> None:
    file = made(tree)
    flags = fs_info.decode_attribute(memoryview(file.query(INFO_FILESYSTEM, fs_info.ATTRIBUTE))).flags
    assert flags & fs_info.FILE_SUPPORTS_SPARSE_FILES
    sectors = fs_info.decode_sector_size(memoryview(file.query(INFO_FILESYSTEM, fs_info.SECTOR_SIZE)))
    assert sectors.flags & fs_info.SSINFO_FLAGS_TRIM_ENABLED


def test_a_store_that_promises_nothing(share_folder: Path) -> None:
    world = World(share_folder, shares=[Share("data", MemoryBackend(lambda: 1))])
    file = made(world.tree(), data=b"x" * 2 * BLOCK)
    flags = fs_info.decode_attribute(memoryview(file.query(INFO_FILESYSTEM, fs_info.ATTRIBUTE))).flags
    told = fs_info.FILE_SUPPORTS_SPARSE_FILES | fs_info.FILE_FILE_COMPRESSION | fs_info.FILE_SUPPORTS_BLOCK_REFCOUNTING
    assert not flags & told
    sectors = fs_info.decode_sector_size(memoryview(file.query(INFO_FILESYSTEM, fs_info.SECTOR_SIZE)))
    assert not sectors.flags & fs_info.SSINFO_FLAGS_TRIM_ENABLED
    assert asked(file, FSCTL_SET_SPARSE).status == status.INVALID_DEVICE_REQUEST
    assert asked(file, FSCTL_SET_SPARSE, b"\0").status == status.SUCCESS
    assert asked(file, FSCTL_FILE_LEVEL_TRIM, REQUESTS[FSCTL_FILE_LEVEL_TRIM]).status == status.INVALID_DEVICE_REQUEST
    assert zero(file, 1, BLOCK) == status.SUCCESS
    assert file.read(0, 2 * BLOCK) == b"x" + bytes(BLOCK - 1) + b"x" * BLOCK
    assert allocated(file) == [(0, 2 * BLOCK)]
    world.close()


_SIZE = 8 * BLOCK
_deeds = st.lists(
    st.tuples(
        st.sampled_from(["zero", "write", "sparse", "full", "trim"]), st.integers(0, _SIZE), st.integers(0, _SIZE)
    ),
    max_size=8,
)


@given(_deeds)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_sparse_file_is_its_bytes(world: World, deeds: list[tuple[str, int, int]]) -> None:
    backend = world.shares[0].backend
    if backend is None or not backend.features.sparse_files:
        pytest.skip("no sparse files here")
    tree = world.tree()
    model = bytearray(b"x" * _SIZE)
    file = made(tree, data=bytes(model))
    for deed, place, length in deeds:
        end = min(place + length, _SIZE)
        if deed == "zero":
            assert zero(file, place, place + length) == status.SUCCESS
            model[place:end] = bytes(end - place)
        elif deed == "write" and place < end:
            file.write(place, b"y" * (end - place))
            model[place:end] = b"y" * (end - place)
        elif deed == "trim":
            assert trimmed(file, (place, length))[0] == status.SUCCESS
            first, last = -(-place // BLOCK) * BLOCK, min((place + length) // BLOCK * BLOCK, _SIZE)
            model[first:last] = bytes(max(0, last - first))
        else:
            set_sparse(file, deed == "sparse")
    assert (world.data / "file").read_bytes() == model
    is_sparse = attributes_of(file) & attributes.SPARSE_FILE
    position = 0
    for start, size in allocated(file):
        assert not any(model[position:start])
        assert is_sparse or (start, size) == (0, _SIZE)
        position = start + size
    assert not any(model[position:])
    tree.session.close()


def test_answers_are_answers(tree: Tree) -> None:
    """Of the helper: an error without an output has none."""
    file = made(tree)
    assert answer_of(tree.call(queries.ioctl(0x900F4, b"", file.file_id))) == (status.INVALID_DEVICE_REQUEST, b"")
