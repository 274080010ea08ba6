"""Set times that the disk does not keep: what is stored of them, how long it is believed, what a disk can do to us."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.backend.posix import PosixBackend, dos_attributes
from smbserver.backend.posix.handle import PosixHandle
from smbserver.backend.posix.kept_times import (
    NOTHING,
    SIZE,
    TOLERANCE,
    DiskTimes,
    KeptTimes,
    believed,
    decode,
    encode,
    to_keep,
)
from smbserver.nt import attributes
from smbserver.nt.filetime import MAXIMUM
from tests.records import values

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_MEMORY = Path("/dev/shm")
NOW = 134_000_000_000_000_000
DAY = 864_000_000_000

filetimes = st.integers(1, MAXIMUM)
signed = st.integers(-(1 << 63), (1 << 63) - 1)
edges = st.sampled_from(
    [
        1,
        2,
        9,
        10,
        116_444_736_000_000_000 - 1,
        116_444_736_000_000_000,
        95_616_000_000_000_000,
        NOW,
        MAXIMUM - 1,
        MAXIMUM,
    ]
)


# --- the form ---


@given(
    st.builds(
        KeptTimes, signed, *[st.integers(0, MAXIMUM), st.integers(0, MAXIMUM), signed, st.integers(0, MAXIMUM)], signed
    )
)
def test_round_trip(kept: KeptTimes) -> None:
    assert decode(encode(kept)) == kept


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=120), st.binary(min_size=SIZE - 8, max_size=SIZE - 8).map(lambda b: b"SMBTIME1" + b))
)
def test_hostile_bytes(data: bytes) -> None:
    kept = decode(data)
    if kept is not None:
        assert len(data) == SIZE
        assert all(0 <= each <= MAXIMUM for each in (kept.change_time, kept.write_time, kept.access_time))


def test_beside_what_samba_reads() -> None:
    """smbd stops after its own 24 bytes, and its buffer has 256."""
    kept = KeptTimes(NOW, NOW + 1, NOW + 2, 3, 4, 5)
    blob = dos_attributes.encode(0x22, 7, kept)
    assert blob[:24] == dos_attributes.encode(0x22, 7)
    assert len(blob) == 24 + SIZE <= 256
    assert dos_attributes.decode(blob) == (0x22, 7, kept)
    assert dos_attributes.decode(blob[:-1]) == (0x22, 7, None)
    assert dos_attributes.decode(blob + b"\0") == (0x22, 7, None)


# --- how long it is believed ---


def test_a_change_time_ends_with_the_next_change() -> None:
    kept = KeptTimes(stamp=NOW, change_time=7)
    for moved, holds in ((0, 7), (TOLERANCE, 7), (TOLERANCE + 1, 0), (-1, 0), (DAY, 0)):
        assert believed(kept, DiskTimes(1, 2, NOW + moved)).change_time == holds


def test_write_and_access_time_end_when_the_disk_says_another() -> None:
    kept = KeptTimes(write_time=7, write_on_disk=100, access_time=8, access_on_disk=200)
    assert believed(kept, DiskTimes(200, 100, NOW))[2:] == (7, 100, 8, 200)
    assert believed(kept, DiskTimes(201, 100, NOW)).access_time == 0
    assert believed(kept, DiskTimes(200, 101, NOW)).write_time == 0


def test_what_the_disk_keeps_is_not_kept_twice() -> None:
    assert to_keep(NOTHING, DiskTimes(5, 6, 7), 5, 6, None) == NOTHING
    assert to_keep(NOTHING, DiskTimes(5, 6, 7), None, None, None) == NOTHING
    assert to_keep(NOTHING, DiskTimes(50, 6, 7), 5, 6, None) == KeptTimes(0, 0, 0, 0, 5, 50)


def test_one_that_is_not_set_again_stays() -> None:
    before = KeptTimes(0, 0, 7, 100, 8, 200)
    assert to_keep(before, DiskTimes(200, 100, NOW), None, None, 9) == KeptTimes(NOW, 9, 7, 100, 8, 200)
    assert to_keep(before, DiskTimes(200, 6, NOW), None, 6, None) == KeptTimes(0, 0, 0, 0, 8, 200)


# --- on a disk ---


@pytest.fixture(params=["disk", "shared memory"], scope="module")
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PosixBackend, Path]]:
    """A share that holds extended attributes."""
    if request.param == "disk":
        root = tmp_path_factory.mktemp("share")
    elif SHARED_MEMORY.is_dir():
        root = Path(tempfile.mkdtemp(dir=SHARED_MEMORY))
    else:
        pytest.skip("no /dev/shm here")
    backend = PosixBackend(root)
    try:
        (root / "probe").touch()
        try:
            dos_attributes.store(str(root / "probe"), 0, 1)
        except OSError:
            pytest.skip("no user attributes on this file system")
        yield backend, root
    finally:
        backend.close()
        if request.param != "disk":
            shutil.rmtree(root)


def opened(backend: PosixBackend, name: str) -> PosixHandle:
    """A file, made when it is not there."""
    located = backend.locate((name,))
    try:
        if located.identity is None:
            return backend.create_file(located, 0, NOW)
        handle = backend.open(located, True, True)
        assert isinstance(handle, PosixHandle)
        return handle
    finally:
        located.close()


times = st.one_of(edges, filetimes, st.none())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(times, times, times, times), min_size=1, max_size=4))
def test_every_time_is_shown_as_it_was_set(
    store: tuple[PosixBackend, Path], changes: list[tuple[int | None, int | None, int | None, int | None]]
) -> None:
    """Whatever the file system's range is; by the handle, by a lookup, and in a listing."""
    backend, _ = store
    file = opened(backend, "range")
    shown = list(file.metadata().times)
    for change in changes:
        file.set_times(*change)
        for index, time_set in enumerate(change):
            if time_set is not None:
                shown[index] = time_set
        expected = shown if change[3] is not None else shown[:3]
        assert list(file.metadata().times[: len(expected)]) == expected
        located = backend.locate(("range",))
        located.close()
        assert located.metadata is not None
        assert list(located.metadata.times[: len(expected)]) == expected
        root = opened_root(backend)
        assert list(dict(root.scan())["range"].times[: len(expected)]) == expected
        root.close()
    file.close()


def opened_root(backend: PosixBackend) -> PosixHandle:
    """The share's root."""
    located = backend.locate(())
    handle = backend.open(located, True, False)
    located.close()
    assert isinstance(handle, PosixHandle)
    return handle


def until_past_tolerance(file: PosixHandle, path: Path, act: object) -> None:
    """Let a local program act until the kernel's change time has left the stamp: the clock has ticks."""
    assert callable(act)
    deadline = time.monotonic() + 10
    while file.metadata().change_time == 5 and time.monotonic() < deadline:
        act(path)


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_bytes(b"x"),
        lambda path: path.chmod(0o600),
        lambda path: os.setxattr(path, "user.test", time.time_ns().to_bytes(8, "big")),  # ext4 skips an equal one
        lambda path: os.utime(path, (1, 1)),
    ],
    ids=["write", "chmod", "setxattr", "touch"],
)
def test_a_local_program_ends_a_change_time(store: tuple[PosixBackend, Path], act: object) -> None:
    backend, root = store
    file = opened(backend, "local")
    file.set_times(None, None, None, 5)
    assert file.metadata().change_time == 5
    until_past_tolerance(file, root / "local", act)
    assert file.metadata().change_time > NOW
    file.close()


def test_a_local_program_ends_a_write_time_outside_the_range(store: tuple[PosixBackend, Path]) -> None:
    backend, root = store
    file = opened(backend, "clamped")
    file.set_times(None, 1, 1, None)
    assert file.metadata().times[1:3] == (1, 1)
    os.utime(root / "clamped", (10, 10))
    assert file.metadata().times[1:3] == (116_444_736_100_000_000,) * 2
    file.close()


def test_attributes_and_set_times_leave_each_other_alone(store: tuple[PosixBackend, Path]) -> None:
    backend, _ = store
    file = opened(backend, "both")
    file.set_attributes(attributes.HIDDEN)
    file.set_times(1, 2, 3, 4)
    assert file.metadata().attributes == attributes.HIDDEN
    file.set_attributes(attributes.SYSTEM)
    meta = file.metadata()
    assert (meta.attributes, *meta.times[:3]) == (attributes.SYSTEM, 1, 2, 3)
    file.close()


def test_what_is_hidden_by_its_name_is_not_stored_so(store: tuple[PosixBackend, Path]) -> None:
    """A time is set on `.a`; renamed to `a` it must not be hidden."""
    backend, root = store
    file = opened(backend, ".a")
    file.set_times(1, None, None, 4)
    assert file.metadata().attributes & attributes.HIDDEN
    assert dos_attributes.load(str(root / ".a")).attributes == 0
    file.close()


def test_bits_of_others_stay(store: tuple[PosixBackend, Path]) -> None:
    """smbd stores SPARSE and REPARSE_POINT there too."""
    backend, root = store
    file = opened(backend, "sparse")
    dos_attributes.store(str(root / "sparse"), attributes.SPARSE_FILE | attributes.HIDDEN, NOW)
    file.set_attributes(attributes.ARCHIVE)
    file.set_times(1, None, None, None)
    assert dos_attributes.load(str(root / "sparse")) == (attributes.SPARSE_FILE | attributes.ARCHIVE, 1, None)
    file.close()


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.binary(min_size=SIZE, max_size=SIZE).map(lambda tail: dos_attributes.encode(2, NOW) + tail),
        st.binary(min_size=SIZE - 8, max_size=SIZE - 8).map(lambda b: dos_attributes.encode(2, NOW) + b"SMBTIME1" + b),
        st.builds(lambda cut: dos_attributes.encode(2, NOW, KeptTimes(NOW, 1, 2, 3, 4, 5))[:cut], st.integers(0, 80)),
    )
)
def test_hostile_values_on_a_file(store: tuple[PosixBackend, Path], blob: bytes) -> None:
    """Looked at, listed, set: never an exception, never a time outside the range."""
    backend, root = store
    file = opened(backend, "hostile")
    os.setxattr(root / "hostile", dos_attributes.XATTR, blob)
    meta = file.metadata()
    assert all(0 < each <= MAXIMUM for each in meta.times)
    root_handle = opened_root(backend)
    assert values(dict(root_handle.scan())["hostile"]) == values(meta)
    root_handle.close()
    file.set_times(None, None, NOW, 7)
    file.set_attributes(attributes.ARCHIVE)
    assert file.metadata().last_write_time == NOW
    file.close()


def test_a_foreign_file_keeps_its_creation_time(store: tuple[PosixBackend, Path]) -> None:
    """It was the older of write and change, and moved with every save."""
    backend, root = store
    before = time.time_ns()
    (root / "foreign").write_bytes(b"1")
    file = opened(backend, "foreign")
    created = file.metadata().creation_time
    if dos_attributes.load(str(root / "foreign")) == dos_attributes.NONE and created != file.metadata().last_write_time:
        assert abs(created - before // 100 - 116_444_736_000_000_000) < 10 * 10_000_000
    os.utime(root / "foreign", (1, 1))
    assert file.metadata().creation_time == created
    file.write(b"2", 0)
    assert file.metadata().creation_time == created
    listed = opened_root(backend)
    assert dict(listed.scan())["foreign"].creation_time == created
    listed.close()
    file.close()


# --- held times ---


def test_held_times_stay_through_this_handle_only(store: tuple[PosixBackend, Path]) -> None:
    backend, _ = store
    file, other = opened(backend, "held"), opened(backend, "held")
    file.set_times(None, None, 3, 4)
    file.hold_times(False, True, True)
    file.write(b"abc", 0)
    assert file.metadata().times[2:4] == (3, 4)
    file.truncate(1)
    assert file.metadata().times[2:4] == (3, 4)
    file.allocate(100_000)
    assert file.metadata().times[2:4] == (3, 4)
    file.set_attributes(attributes.HIDDEN)
    file.set_times(None, 9, None, None)
    assert file.metadata().times[1:4] == (9, 3, 4)
    other.write(b"x", 0)
    assert file.metadata().last_write_time > NOW
    file.hold_times(False, False, False)
    file.set_times(None, None, 3, None)
    file.write(b"y", 0)
    assert file.metadata().last_write_time > NOW
    file.close()
    other.close()


def test_a_held_access_time_is_not_moved_by_reading(store: tuple[PosixBackend, Path]) -> None:
    backend, _ = store
    file = opened(backend, "read")
    file.write(b"abc", 0)
    file.set_times(None, NOW, None, None)  # older than the write: also a relatime mount would move it
    file.hold_times(True, False, False)
    assert file.read_blocking(3, 0) == b"abc"
    assert file.metadata().last_access_time == NOW
    file.hold_times(False, False, False)
    file.close()
