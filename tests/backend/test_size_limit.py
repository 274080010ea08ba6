"""A store with a limit, over each of the others: what is told, what is refused, and that nothing is lost by it."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.backend.limited_handle import Reach
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend, measure
from smbserver.backend.size_limit import UNIT, SizeLimited, SizeLimitedDisk
from smbserver.backend.sparse_bundles import band_size, is_band, is_bundle
from smbserver.backend.usage import FRESH, Usage
from tests.backend.conftest import Clock
from tests.backend.test_contract import content, exists, make, make_directory, opened, remove, rename

LIMIT = 32 * 1024
PLIST = b"<dict>\n        <key>band-size</key>\n        <integer>8192</integer>\n</dict>\n"


@pytest.fixture(params=["posix", "memory"])
def store(request: pytest.FixtureRequest, share_folder: Path, clock: Clock) -> Iterator[SizeLimited]:
    """32 KiB."""
    if request.param == "memory":
        memory = MemoryBackend(clock)
        made = SizeLimited(memory, LIMIT, memory.measure, lambda: 0)
    else:
        made = SizeLimitedDisk(PosixBackend(share_folder), LIMIT, partial(measure, str(share_folder)), lambda: 0)
    yield made
    made.close()


def used(store: SizeLimited) -> int:
    """Bytes by the account, which must be what a walk finds."""
    return store.usage.used


def counted(store: SizeLimited) -> int:
    """What a walk finds."""
    return store.usage.measure()  # the walk that this store was made with


def test_what_is_told(store: SizeLimited) -> None:
    space = store.space()
    assert (space.unit, space.total_units, space.available_units, space.free_units) == (1024, 32, 32, 32)
    make(store, "f", data=bytes(5000))
    assert store.space().available_units == 32 - 5000 // UNIT
    make(store, "g", data=bytes(LIMIT - 5000))
    assert (store.space().available_units, store.space().free_units) == (0, 0)
    assert used(store) == counted(store) == LIMIT


def test_no_more_than_the_disk_has(clock: Clock) -> None:
    memory = MemoryBackend(clock, 64 * 1024)
    store = SizeLimited(memory, 1 << 40, memory.measure, lambda: 0)
    space = store.space()
    assert (space.unit, space.total_units, space.available_units) == (1024, 64, 64)


def full(store: SizeLimited, change: Callable[[], object]) -> None:
    """It is refused, and nothing has changed."""
    before = used(store)
    with pytest.raises(OSError) as failure:
        change()
    assert failure.value.errno == errno.ENOSPC
    assert used(store) == before == counted(store)


def test_a_write_beyond_it_is_refused_whole(store: SizeLimited) -> None:
    make(store, "f", data=b"x" * 30_000)
    handle = opened(store, "f")
    full(store, lambda: handle.write(bytes(4096), 30_000))
    assert handle.metadata().end_of_file == 30_000
    handle.write(b"y" * 4096, 20_000)  # inside the file: nothing grows
    handle.write(b"z" * 2768, 30_000)
    full(store, lambda: handle.write(b"!", LIMIT))
    handle.close()
    assert content(store, "f")[19_999:20_001] == b"xy"
    assert used(store) == counted(store) == LIMIT


def test_threads_that_write_one_file_count_it_once(store: SizeLimited) -> None:
    make(store, "f")
    handle = opened(store, "f")
    refused: list[int] = []

    def write(first: int) -> None:
        for offset in range(first * 1024, 48 * 1024, 4 * 1024):
            try:
                handle.write(bytes(1024), offset)
            except OSError:
                refused.append(offset)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == list(range(LIMIT, 48 * 1024, 1024))
    assert used(store) == counted(store) == LIMIT
    handle.close()


def test_room_that_came_to_no_use_is_not_taken_from_another() -> None:
    reach = Reach(Usage(LIMIT, lambda: 0, lambda: 0), 0, 0)
    before = reach.need(1000)
    reach.need(3000)  # by another thread, and before the first one fails
    reach.give_back(1000, before)
    assert reach.usage.used == reach.counted == 3000
    reach.give_back(3000, 1000)
    assert reach.usage.used == reach.counted == 1000


def test_an_end_and_an_allocation_beyond_it(store: SizeLimited) -> None:
    make(store, "f", data=b"x")
    handle = opened(store, "f")
    full(store, lambda: handle.truncate(LIMIT + 1))
    full(store, lambda: handle.allocate(LIMIT + 1))
    assert handle.metadata().end_of_file == 1
    handle.truncate(LIMIT)
    other = opened(store, "f")
    other.truncate(10)
    assert used(store) == counted(store) == 10
    handle.write(b"x" * 100, 5)  # what another handle has cut off is asked for again
    assert used(store) == counted(store) == 105
    other.close()
    handle.close()


def test_reserved_room_counts(store: SizeLimited) -> None:
    make(store, "f")
    handle = opened(store, "f")
    handle.allocate(LIMIT - 4096)
    make(store, "g")
    other = opened(store, "g")
    with pytest.raises(OSError):
        other.write(bytes(8192), 0)
    handle.write(bytes(LIMIT - 4096), 0)
    other.write(bytes(4096), 0)
    handle.close()
    other.close()


def test_what_goes_is_given_back(store: SizeLimited) -> None:
    for name in "abc":
        make(store, name, data=bytes(10_000))
    remove(store, "a")
    assert used(store) == counted(store) == 20_000
    rename(store, ("b",), ("c",), replace=True)
    assert used(store) == counted(store) == 10_000
    handle = opened(store, "c")
    remove(store, "c")
    handle.close()
    assert used(store) == counted(store) == 0


def test_another_name_costs_nothing(store: SizeLimited) -> None:
    make(store, "f", data=bytes(10_000))
    source = store.locate(("f",))
    target = store.locate(("g",))
    assert source.identity is not None
    store.link(("f",), source.identity, target, False)
    source.close()
    target.close()
    assert used(store) == counted(store) == 10_000
    remove(store, "f")
    assert used(store) == counted(store) == 10_000
    remove(store, "g")
    assert used(store) == counted(store) == 0


def test_a_copy_is_counted(store: SizeLimited) -> None:
    make(store, "from", data=b"x" * 20_000)
    make(store, "to")
    source, target = opened(store, "from"), opened(store, "to")
    full(store, lambda: source.ranges().copy_to(target, 0, 0, 20_000))
    assert source.ranges().copy_to(target, 0, 0, 10_000) == 10_000
    assert used(store) == counted(store) == 30_000
    assert source.ranges().copy_to(target, 19_000, 10_000, 2000) == 1000, "less than was asked for"
    assert used(store) == counted(store) == 31_000
    source.close()
    target.close()


def test_a_copy_from_another_share_is_counted(store: SizeLimited, clock: Clock) -> None:
    other = MemoryBackend(clock)
    make(other, "from", data=b"x" * 40_000)
    make(store, "to")
    source, target = opened(other, "from"), opened(store, "to")
    full(store, lambda: source.ranges().copy_to(target, 0, 0, 40_000))
    assert source.ranges().copy_to(target, 0, 0, 10_000) == 10_000
    back = opened(other, "from")
    assert target.ranges().copy_to(back, 0, 50_000, 10_000) == 10_000, "and one to it is not"
    assert used(store) == counted(store) == 10_000
    for handle in (source, target, back):
        handle.close()


def test_streams_are_counted(store: SizeLimited) -> None:
    if not store.has_streams:
        pytest.skip("no attributes for users here")
    make(store, "f", data=bytes(1000))
    base = opened(store, "f")
    stream = base.streams().create("s")
    with pytest.raises(OSError) as failure:
        stream.write(bytes(LIMIT), 0)
    assert failure.value.errno == errno.ENOSPC
    assert stream.metadata().end_of_file == 0
    stream.write(bytes(20_000), 0)
    assert used(store) == 21_000
    stream.truncate(100)
    assert used(store) == 1100
    with pytest.raises(OSError):
        stream.truncate(LIMIT)
    assert isinstance(stream.stream, str)
    stream.close()
    base.close()


def bundle(store: SizeLimited) -> None:
    make_directory(store, "Mac.sparsebundle")
    make(store, "Mac.sparsebundle", "Info.plist", data=PLIST)
    make_directory(store, "Mac.sparsebundle", "bands")


def test_a_band_counts_as_a_whole_one(store: SizeLimited) -> None:
    """What Samba's vfs.fruit_timemachine asks: 32 KiB, two bands of 8, and 16 units of 1 KiB are left."""
    bundle(store)
    for number in range(2):
        make(store, "Mac.sparsebundle", "bands", str(number), data=b"x" * 12)
    space = store.space()
    assert (space.unit, space.total_units, space.available_units) == (1024, 32, 16)
    assert used(store) == counted(store) == 2 * 8192 + len(PLIST)
    handle = opened(store, "mac.SPARSEBUNDLE", "Bands", "1")
    handle.write(bytes(8192), 0)
    assert used(store) == counted(store) == 2 * 8192 + len(PLIST)
    handle.truncate(0)
    handle.close()
    make(store, "Mac.sparsebundle", "bands", "2")
    full(store, lambda: make(store, "Mac.sparsebundle", "bands", "3"))
    assert not exists(store, "Mac.sparsebundle", "bands", "3")
    remove(store, "Mac.sparsebundle", "bands", "2")
    assert used(store) == counted(store) == 2 * 8192 + len(PLIST)


def test_what_is_no_bundle_counts_what_it_has(store: SizeLimited) -> None:
    make_directory(store, "Mac.sparsebundle")
    make_directory(store, "Mac.sparsebundle", "bands")
    make(store, "Mac.sparsebundle", "bands", "0", data=b"x")
    make_directory(store, "Mac.sparsebundle", "Info.plist")
    assert used(store) == counted(store) == 1


def test_the_first_count_is_of_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_bytes(bytes(3000))
    os.link(tmp_path / "d" / "e" / "f", tmp_path / "again")
    (tmp_path / "outward").symlink_to("/etc")
    os.mkfifo(tmp_path / "fifo")
    assert measure(str(tmp_path)) == 3000
    with pytest.raises(FileNotFoundError):
        measure(str(tmp_path / "missing"))


def test_a_deep_tree_is_counted(tmp_path: Path) -> None:
    """No recursion, and no descriptor per level."""
    (tmp_path / "d").mkdir()
    fd = os.open(tmp_path / "d", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    deepest = os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(deepest, b"6")
    os.close(deepest)
    os.close(fd)
    (tmp_path / "x").write_bytes(b"12345")
    found = measure(str(tmp_path))
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # shutil's way would be too deep for Python
    assert found == 6


class Account:
    """A Usage whose clock, thread and disk the test has."""

    def __init__(self, limit: int = 1000) -> None:
        self.time = 0
        self.found = 0
        self.begun: list[Callable[[], None]] = []
        self.usage = Usage(limit, lambda: self.found, lambda: self.time, self.begun.append)


def test_an_old_count_is_made_anew_by_who_looks() -> None:
    account = Account()
    account.usage.take(900)
    account.found = 100  # a local program has deleted something
    assert account.usage.used == 900
    assert not account.begun
    account.time += FRESH + 1
    with pytest.raises(OSError):
        account.usage.take(200)
    assert account.usage.used == 900
    [count] = account.begun
    account.usage.take(50)  # meanwhile
    count()
    assert account.usage.used == 150
    account.usage.take(200)
    assert len(account.begun) == 1


@given(st.lists(st.tuples(st.integers(-100, 100), st.booleans()), max_size=20))
def test_what_changes_during_a_count_is_counted_once(changes: list[tuple[int, bool]]) -> None:
    """Whether the walk came by before or after it (`is_seen`)."""
    account = Account(10_000)
    account.usage.take(5_000)
    account.time += FRESH + 1
    assert account.usage.used == account.found + 5_000
    account.found = 5_000
    for size, is_seen in changes:
        account.usage.take(size)
        account.found += size if is_seen else 0
    account.begun.pop()()
    assert account.usage.used == 5_000 + sum(size for size, _ in changes)


def test_a_count_that_fails_changes_nothing() -> None:
    account = Account()
    account.usage.take(10)
    account.time += FRESH + 1

    def fails() -> int:
        raise OSError(errno.EIO, "no disk")

    account.usage.measure = fails
    assert account.usage.used == 10
    account.begun.pop()()
    assert account.usage.used == 10
    assert not account.begun


def test_threads_take_no_more_than_there_is() -> None:
    usage = Usage(1000, lambda: 0, lambda: 0)
    taken: list[int] = []

    def take() -> None:
        for _ in range(200):
            try:
                usage.take(1)
            except OSError:
                return
            taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == usage.used == 1000


@given(st.lists(st.integers(-500, 500)))
def test_the_account_never_leaves_its_bounds(sizes: list[int]) -> None:
    usage = Account().usage
    for size in sizes:
        try:
            usage.take(size)
        except OSError:
            pass
        assert 0 <= usage.used <= 1000


@pytest.mark.parametrize(
    ("plist", "size"),
    [
        (PLIST, 8192),
        (b"<key>band-size</key><integer>1</integer>", 1),
        (b"<key>band-size</key><integer>-1</integer>", 0),
        (b"<key>band-size</key><integer>99999999999999</integer>", 0),
        (b"<key>band-size</key>" + b" " * 65 + b"<integer>1</integer>", 0),
        (b"", 0),
    ],
)
def test_band_sizes(plist: bytes, size: int) -> None:
    assert band_size(plist) == size


@given(st.binary())
def test_whatever_a_client_writes_there(data: bytes) -> None:
    assert band_size(b"<key>band-size</key><integer>" + data) >= 0


def test_where_bands_are() -> None:
    assert is_bundle("Ann's Mac.SparseBundle")
    assert not is_bundle("sparsebundle")
    assert is_band(("a.sparsebundle", "bands", "0"))
    assert not is_band(("d", "a.sparsebundle", "bands", "0"))
    assert not is_band(("a.sparsebundle", "bands"))
