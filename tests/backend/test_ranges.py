"""Ranges of every store: copies like slices, zeros inside the file, ranges that tell no lie, marks that stay."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smbserver.backend.base import Backend, Handle
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.plain_ranges import PlainRanges
from smbserver.backend.posix import PosixBackend
from smbserver.nt import attributes
from smbserver.nt.metadata import NO_FEATURES
from tests.backend.test_contract import fails, make, opened

BLOCK = 4096
SIZE = 16 * BLOCK  # of the files of the properties


@pytest.fixture
def store(backend: Backend) -> Iterator[Callable[[str, bytes], Handle]]:
    """Makes files and opens them; closes them at the end."""
    handles: list[Handle] = []

    def add(name: str, data: bytes) -> Handle:
        make(backend, name, data=data)
        handle = opened(backend, name)
        handles.append(handle)
        return handle

    yield add
    for handle in handles:
        handle.close()


Store = Callable[[str, bytes], Handle]


def all_of(handle: Handle) -> bytes:
    """Every byte."""
    return bytes(handle.read_blocking(1 << 22, 0))


def copied(source: Handle, target: Handle, offset: int, target_offset: int, length: int) -> int:
    """All that can be had, as the handler of copies asks for it."""
    count = 0
    while count < length:
        step = source.ranges().copy_to(target, offset + count, target_offset + count, length - count)
        if not step:
            break
        count += step
    return count


def zeroed(handle: Handle, offset: int, length: int, deallocate: bool) -> None:
    """All of it."""
    while length:
        count = handle.ranges().zero(offset, length, deallocate)
        assert 0 < count <= length
        offset, length = offset + count, length - count


def test_copy_between_files(store: Store) -> None:
    data = os.urandom(3 << 20)
    source, target = store("a", data), store("b", b"")
    assert copied(source, target, 0, 0, len(data)) == len(data)
    assert all_of(target) == data
    assert copied(source, target, 5, 1, 7) == 7
    assert all_of(target)[:10] == data[:1] + data[5:12] + data[8:10]


def test_copy_ends_with_the_source(store: Store) -> None:
    source, target = store("a", b"12345"), store("b", b"")
    assert copied(source, target, 2, 4, 100) == 3
    assert all_of(target) == b"\0\0\0\x00345"
    assert source.ranges().copy_to(target, 5, 0, 1) == 0
    assert source.ranges().copy_to(target, 1 << 40, 0, 1) == 0


@pytest.mark.parametrize(("offset", "target_offset"), [(0, 10), (10, 0), (0, 0), (3, 60_000)])
def test_copy_inside_a_file_keeps_what_it_reads(store: Store, offset: int, target_offset: int) -> None:
    data = os.urandom(200_000)
    handle = store("a", data)
    length = 100_000
    assert copied(handle, handle, offset, target_offset, length) == length
    expected = bytearray(data)
    expected[target_offset : target_offset + length] = data[offset : offset + length]
    assert all_of(handle) == expected


def test_copy_between_two_handles_of_one_file(backend: Backend) -> None:
    make(backend, "a", data=bytes(range(256)) * 4)
    source, target = opened(backend, "a", write=False), opened(backend, "a")
    assert copied(source, target, 0, 1, 1000) == 1000
    assert all_of(target)[1:1001] == (bytes(range(256)) * 4)[:1000]
    with fails(errno.EBADF):
        target.ranges().copy_to(source, 0, 0, 1)
    source.close()
    target.close()


def test_copy_between_stores(store: Store) -> None:
    other = MemoryBackend(lambda: 1)
    make(other, "a", data=b"other")
    handle = opened(other, "a")
    mine = store("b", b"mine")
    assert copied(handle, mine, 0, 4, 5) == 5
    assert all_of(mine) == b"mineother"
    assert copied(mine, handle, 0, 0, 4) == 4
    assert all_of(handle) == b"miner"
    with pytest.raises(OSError) as caught:
        mine.ranges().clone_to(handle, 0, 0, 5)
    assert caught.value.errno in (errno.EXDEV, errno.EOPNOTSUPP)
    handle.close()
    other.close()


def test_copy_until_the_store_is_full() -> None:
    small = MemoryBackend(lambda: 1, 4 << 20)
    make(small, "a", data=bytes(2 << 20))
    make(small, "b")
    source, target = opened(small, "a"), opened(small, "b")
    assert source.ranges().copy_to(target, 0, 0, 1 << 20) == 1 << 20
    with fails(errno.ENOSPC):
        source.ranges().copy_to(target, 1 << 20, 1 << 20, 1 << 20)
    assert len(all_of(target)) == 1 << 20
    source.close()
    target.close()


@pytest.mark.parametrize("deallocate", [False, True])
def test_zero(store: Store, deallocate: bool) -> None:
    data = os.urandom(3 << 20)
    handle = store("a", data)
    zeroed(handle, 1000, 2 << 20, deallocate)
    assert all_of(handle) == data[:1000] + bytes(2 << 20) + data[1000 + (2 << 20) :]
    zeroed(handle, 0, len(data), deallocate)
    assert all_of(handle) == bytes(len(data))


def test_zero_wants_a_handle_that_writes(backend: Backend) -> None:
    make(backend, "a", data=b"data")
    handle = opened(backend, "a", write=False)
    for deallocate in (False, True):
        with fails(errno.EBADF):
            handle.ranges().zero(0, 4, deallocate)
    handle.close()


def test_allocated_ranges_of_a_file_without_holes(store: Store) -> None:
    ranges = store("a", os.urandom(10_000)).ranges()
    assert ranges.allocated(0, 10_000, 10) == [(0, 10_000)]
    assert ranges.allocated(1, 20_000, 1) == [(1, 9_999)]
    assert ranges.allocated(0, 1, 10) == [(0, 1)]
    assert ranges.allocated(0, 10_000, 0) == []
    assert ranges.allocated(10_000, 1, 10) == []
    assert store("empty", b"").ranges().allocated(0, 1, 10) == []


def test_holes_are_found_and_filled(backend: Backend, store: Store) -> None:
    if not backend.features.trim:
        pytest.skip("no holes here")
    handle = store("a", os.urandom(SIZE))
    zeroed(handle, BLOCK, BLOCK, True)
    zeroed(handle, 4 * BLOCK, 2 * BLOCK, True)
    found = [(0, BLOCK), (2 * BLOCK, 2 * BLOCK), (6 * BLOCK, 10 * BLOCK)]
    ranges = handle.ranges()
    assert ranges.allocated(0, SIZE, 10) == found
    assert ranges.allocated(0, SIZE, 2) == found[:2]
    assert ranges.allocated(BLOCK, BLOCK, 10) == []
    assert handle.metadata().allocation_size <= SIZE - 3 * BLOCK
    before = all_of(handle)
    ranges.fill()
    assert handle.metadata().allocation_size >= SIZE
    assert all_of(handle) == before
    empty = store("empty", b"")
    empty.ranges().fill()
    assert empty.metadata().end_of_file == 0


def test_filling_needs_no_handle_that_writes(backend: Backend, store: Store) -> None:
    """FSCTL_SET_SPARSE asks for the right to attributes, and such an open is not open for writing."""
    store("a", b"").truncate(SIZE)
    handle = opened(backend, "a", read=False, write=False)
    handle.ranges().fill()
    assert not backend.features.sparse_files or handle.metadata().allocation_size >= SIZE
    handle.close()


def test_marks_are_kept_beside_what_clients_set(backend: Backend, store: Store) -> None:
    handle = store("a", b"data")
    assert not handle.metadata().attributes & attributes.SPARSE_FILE
    handle.set_attributes(attributes.SPARSE_FILE | attributes.COMPRESSED | attributes.HIDDEN)
    assert handle.metadata().attributes == attributes.HIDDEN
    handle.ranges().mark(attributes.SPARSE_FILE, False)
    if not backend.features.sparse_files:
        with fails(errno.EOPNOTSUPP):
            handle.ranges().mark(attributes.SPARSE_FILE, True)
        return
    created = handle.metadata().creation_time
    handle.ranges().mark(attributes.SPARSE_FILE, True)
    assert handle.metadata().attributes == attributes.HIDDEN | attributes.SPARSE_FILE
    assert handle.metadata().creation_time == created
    handle.set_attributes(attributes.SYSTEM)
    handle.set_times(created + 10, None, None, None)
    other = opened(backend, "a", write=False)
    assert other.metadata().attributes == attributes.SYSTEM | attributes.SPARSE_FILE
    assert other.metadata().creation_time == created + 10
    other.ranges().mark(attributes.SPARSE_FILE, False)
    other.close()
    assert handle.metadata().attributes == attributes.SYSTEM


@pytest.mark.parametrize("deallocate", [False, True])
def test_held_times_stay(store: Store, deallocate: bool) -> None:
    source, target = store("a", b"source"), store("b", b"target")
    target.set_times(None, None, 131_000_000_000_000_000, None)
    target.hold_times(False, True, True)
    before = target.metadata()
    assert copied(source, target, 0, 3, 6) == 6
    zeroed(target, 0, 2, deallocate)
    after = target.metadata()
    assert (after.last_write_time, after.change_time) == (before.last_write_time, before.change_time)
    assert all_of(target) == b"\0\0rsource"


def test_shared_blocks_or_the_truth(backend: Backend, store: Store) -> None:
    data = os.urandom(SIZE)
    source, target = store("a", data), store("b", bytes(SIZE))
    if not backend.features.block_refcounting:
        with fails(errno.EOPNOTSUPP):
            source.ranges().clone_to(target, 0, 0, SIZE)
        return
    source.ranges().clone_to(target, 0, BLOCK, BLOCK)
    assert all_of(target) == bytes(BLOCK) + data[:BLOCK] + bytes(SIZE - 2 * BLOCK)
    with fails(errno.EINVAL):
        source.ranges().clone_to(target, 1, 0, BLOCK)


def test_compression_or_the_truth(backend: Backend, store: Store) -> None:
    handle = store("a", b"data")
    ranges = handle.ranges()
    assert not backend.features.compression or not ranges.is_compressed()
    if backend.features.compression:
        ranges.compress(True)
        assert ranges.is_compressed()
        assert handle.metadata().attributes & attributes.COMPRESSED
        ranges.compress(False)
        assert not ranges.is_compressed()
    assert not handle.metadata().attributes & attributes.COMPRESSED


def test_a_handle_that_only_reads_and_writes(store: Store) -> None:
    """What a store has that offers nothing better."""
    handle = store("a", b"0123456789")
    plain = PlainRanges(handle)
    assert plain.copy_to(handle, 0, 2, 5) == 5
    assert all_of(handle) == b"0101234789"
    assert plain.zero(1, 2, True) == 2
    assert all_of(handle)[:3] == b"0\0\0"
    assert plain.allocated(1, 100, 5) == [(1, 9)]
    assert plain.allocated(1, 100, 0) == []
    plain.fill()
    assert not plain.is_compressed()
    plain.compress(False)
    plain.mark(attributes.SPARSE_FILE, False)
    with fails(errno.EOPNOTSUPP):
        plain.compress(True)
    with fails(errno.EOPNOTSUPP):
        plain.mark(attributes.SPARSE_FILE, True)
    with fails(errno.EOPNOTSUPP):
        plain.clone_to(handle, 0, 0, 1)


def test_memory_promises_nothing() -> None:
    assert MemoryBackend(lambda: 1).features == NO_FEATURES


# --- properties ---


@pytest.fixture(params=["disk", "memory"], scope="module")
def lasting(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One store for all examples of a property."""
    if request.param == "memory":
        yield MemoryBackend(lambda: 1)
        return
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    store = PosixBackend(folder)
    yield store
    store.close()
    shutil.rmtree(folder)


_places = st.integers(0, SIZE + BLOCK)
_lengths = st.integers(1, SIZE)
_copies = st.lists(st.tuples(st.booleans(), st.booleans(), _places, _places, _lengths), max_size=6)
_common = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def anew(backend: Backend, name: str, data: bytes) -> Handle:
    """The file with just this content."""
    located = backend.locate((name,))
    try:
        if located.identity is None:
            handle = backend.create_file(located, 0, 1)
        else:
            handle = backend.open(located, True, True)
    finally:
        located.close()
    handle.truncate(0)
    handle.write(data, 0)
    return handle


@given(_copies)
@_common
def test_copies_are_slices(lasting: Backend, copies: list[tuple[bool, bool, int, int, int]]) -> None:
    start = bytes(index * 7 % 251 for index in range(SIZE))
    models = [bytearray(start), bytearray(start[::-1][: SIZE // 2])]
    handles = [anew(lasting, name, bytes(model)) for name, model in zip("xy", models, strict=True)]
    for which, where, offset, target_offset, length in copies:
        piece = bytes(models[which][offset : offset + length])  # a copy within one file must not run after itself
        assert copied(handles[which], handles[where], offset, target_offset, len(piece)) == len(piece)
        target = models[where]
        if piece:
            target.extend(bytes(max(0, target_offset - len(target))))
            target[target_offset : target_offset + len(piece)] = piece
    assert [all_of(handle) for handle in handles] == models
    for handle in handles:
        handle.close()


_zeros = st.tuples(st.just("zero"), st.integers(0, SIZE - 1), _lengths, st.booleans())
_writes = st.tuples(st.just("write"), st.integers(0, SIZE - 1), _lengths, st.booleans())
_fills = st.tuples(st.just("fill"), st.just(0), st.just(1), st.booleans())


@given(st.lists(st.one_of(_zeros, _writes, _fills), max_size=8), st.integers(0, SIZE), _lengths)
@_common
def test_a_sparse_file_is_its_bytes_and_tells_of_all_that_are_not_zero(
    lasting: Backend, deeds: list[tuple[str, int, int, bool]], offset: int, length: int
) -> None:
    model = bytearray(SIZE)
    handle = anew(lasting, "sparse", b"")
    handle.truncate(SIZE)
    for deed, place, count, flag in deeds:
        end = min(place + count, SIZE)
        if deed == "zero":
            zeroed(handle, place, end - place, flag)
            model[place:end] = bytes(end - place)
        elif deed == "write":
            handle.write(b"x" * (end - place), place)
            model[place:end] = b"x" * (end - place)
        else:
            handle.ranges().fill()
    assert all_of(handle) == model
    found = handle.ranges().allocated(offset, length, 1000)
    handle.close()
    beyond = min(offset + length, SIZE)
    position = offset
    for start, size in found:
        assert position <= start
        assert size > 0
        assert not any(model[position:start]), "what is not told has only zeros"
        position = start + size
    assert position <= beyond or not found
    assert not any(model[position:beyond])
