"""Named streams, of every backend: what `backend.base.Streams` promises."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from smbserver.backend.memory import MemoryBackend
from smbserver.nt import attributes
from smbserver.nt.metadata import StreamFacts
from tests.backend.test_contract import LATER, content, listing, make, make_directory, opened, remove, rename
from tests.records import values, varied

if TYPE_CHECKING:
    from collections.abc import Callable

    from smbserver.backend.base import Backend, StreamHandle

LARGE = 65535  # the most that an attribute can hold
SIZES = [0, 1, 60, LARGE - 1, LARGE, LARGE + 1, 200_000]


@pytest.fixture(autouse=True)
def _streams(backend: Backend) -> None:
    if not backend.has_streams:
        pytest.skip("no attributes for users here")


def refused(code: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as raised:
        call()
    assert raised.value.errno == code


def put(backend: Backend, file: str, stream: str, data: bytes) -> None:
    """Make a stream with these bytes."""
    base = opened(backend, file, write=False)
    handle = base.streams().create(stream)
    base.close()
    if data:
        handle.write(data, 0)
    handle.close()


def get(backend: Backend, file: str, stream: str) -> bytes:
    """All bytes of a stream."""
    base = opened(backend, file, write=False)
    try:
        handle = base.streams().open(stream, False)
    finally:
        base.close()
    data = bytes(handle.read_blocking(1 << 21, 0))
    handle.close()
    return data


def names(backend: Backend, file: str) -> list[str]:
    base = opened(backend, file, write=False)
    found = sorted(base.streams().names())
    assert found == sorted(facts.name for facts in base.streams().all() if facts.name)
    base.close()
    return found


def one(backend: Backend, write: bool = True) -> StreamHandle:
    """An open handle of the stream `s` of a new file `f`."""
    make(backend, "f")
    put(backend, "f", "s", b"")
    base = opened(backend, "f", write=False)
    handle = base.streams().open("s", write)
    base.close()
    return handle


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read(backend: Backend, size: int) -> None:
    make(backend, "f", data=b"own")
    data = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    put(backend, "f", "s", data)
    assert get(backend, "f", "S") == data
    assert content(backend, "f") == b"own"
    base = opened(backend, "f")
    facts = base.streams().all()
    base.close()
    assert facts[0][:2] == ("", 3)
    assert facts[1][:2] == ("s", size)
    assert facts[1].allocation_size >= size
    assert facts[1].allocation_size % 512 == 0


def test_names_are_folded_and_kept(backend: Backend) -> None:
    make(backend, "f")
    put(backend, "f", "\u00c4pfel ?*", b"1")
    base = opened(backend, "f")
    streams = base.streams()
    assert streams.find("\u00e4PFEL ?*") == "\u00c4pfel ?*"
    assert streams.find("a\u0308pfel ?*") == "\u00c4pfel ?*"
    assert streams.find("other") is None
    refused(errno.EEXIST, lambda: streams.create("\u00e4pfel ?*"))
    refused(errno.ENOENT, lambda: streams.open("other", True))
    refused(errno.ENOENT, lambda: streams.remove("other"))
    refused(errno.ENOENT, lambda: streams.rename("other", "x"))
    base.close()
    assert names(backend, "f") == ["\u00c4pfel ?*"]


def test_a_stream_is_the_files(backend: Backend) -> None:
    """Times, attributes and descriptor are one; sizes are two."""
    handle = one(backend)
    base = opened(backend, "f")
    assert handle.identity == base.identity
    handle.set_attributes(attributes.HIDDEN)
    handle.set_times(LATER, LATER + 10, LATER + 20, None)
    meta = base.metadata()
    assert meta.attributes & attributes.HIDDEN
    assert meta.times[:3] == (LATER, LATER + 10, LATER + 20)
    handle.write(b"12345", 2)
    assert base.metadata().end_of_file == 0
    assert base.metadata().last_write_time != LATER + 20, "a stream that was written to is a modified file"
    assert handle.metadata().end_of_file == 7
    as_file = varied(handle.metadata(), end_of_file=0, allocation_size=base.metadata().allocation_size)
    assert values(as_file) == values(base.metadata())
    assert handle.ownership() == base.ownership()
    assert handle.descriptor() == base.descriptor()
    assert handle.lock_mirror() is None
    assert handle.cached(7, 0) is None
    handle.sync()
    for directory_call in (handle.is_empty, lambda: list(handle.scan())):
        refused(errno.ENOTDIR, directory_call)
    base.close()
    handle.close()
    handle.close()


def test_a_directory_has_streams_and_is_none(backend: Backend) -> None:
    make_directory(backend, "d")
    put(backend, "d", "s", b"x")
    base = opened(backend, "d", write=False)
    assert [facts.name for facts in base.streams().all()] == ["s"]
    handle = base.streams().open("s", False)
    base.close()
    meta = handle.metadata()
    assert not meta.is_directory
    assert not meta.attributes & attributes.DIRECTORY
    assert not handle.is_directory
    handle.close()
    assert listing(backend) == ["d"]
    remove(backend, "d")


def test_the_root_has_streams(backend: Backend) -> None:
    located = backend.locate(())
    root = backend.open(located, True, False)
    located.close()
    handle = root.streams().create("s")
    handle.write(b"x" * 60, 0)
    handle.close()
    assert root.streams().all() == [StreamFacts("s", 60, 4096)]
    root.close()


@pytest.mark.parametrize("size", SIZES)
def test_rename(backend: Backend, size: int) -> None:
    make(backend, "f")
    put(backend, "f", "old", b"d" * size)
    put(backend, "f", "other", b"o")
    base = opened(backend, "f")
    handle = base.streams().open("old", True)
    refused(errno.EEXIST, lambda: base.streams().rename("old", "Other"))
    base.streams().rename("OLD", "new")
    base.close()
    handle.renamed("new")
    handle.write(b"!", size)
    assert handle.stream == "new"
    handle.close()
    assert names(backend, "f") == ["new", "other"]
    assert get(backend, "f", "new") == b"d" * size + b"!"
    assert get(backend, "f", "other") == b"o"


@pytest.mark.parametrize("size", SIZES)
def test_remove_and_make_again(backend: Backend, size: int) -> None:
    make(backend, "f")
    put(backend, "f", "s", b"d" * size)
    base = opened(backend, "f")
    base.streams().remove("S")
    base.close()
    assert names(backend, "f") == []
    put(backend, "f", "s", b"again")
    assert get(backend, "f", "s") == b"again"


@pytest.mark.parametrize("size", SIZES)
def test_replace_empties(backend: Backend, size: int) -> None:
    make(backend, "f")
    put(backend, "f", "s", b"d" * size)
    base = opened(backend, "f")
    watching = base.streams().open("s", False)
    handle = base.streams().replace("S")
    assert handle.stream == "s"
    assert handle.metadata().end_of_file == 0
    handle.write(b"new", 0)
    assert bytes(watching.read(10, 0) or b"") == b"new"
    for each in (handle, watching, base):
        each.close()


@pytest.mark.parametrize("size", SIZES)
def test_a_file_takes_its_streams_along(backend: Backend, size: int) -> None:
    make_directory(backend, "d")
    make(backend, "f")
    make(backend, "target")
    put(backend, "f", "s", b"d" * size)
    put(backend, "target", "t", b"d" * size)
    rename(backend, ("f",), ("d", "g"))
    rename(backend, ("d", "g"), ("target",), replace=True)
    assert names(backend, "target") == ["s"]
    assert get(backend, "target", "s") == b"d" * size


def test_two_handles_see_one_stream(backend: Backend) -> None:
    """Also when it moves to another place under one of them."""
    first = one(backend)
    base = opened(backend, "f")
    second = base.streams().open("s", True)
    reader = base.streams().open("s", False)
    base.close()
    first.write(b"begin", 0)
    second.write(b"end", LARGE)
    first.write(b"more", LARGE + 3)
    assert bytes(second.read_blocking(100, LARGE)) == b"endmore"
    assert bytes(reader.read_blocking(5, 0)) == b"begin"
    reader_meta, first_meta = reader.metadata(), first.metadata()
    assert values(reader_meta) == values(first_meta)
    assert first_meta.end_of_file == LARGE + 7
    for handle in (first, second, reader):
        handle.close()


@pytest.mark.parametrize(("size", "to"), [(0, 5), (5, 0), (5, 3), (5, LARGE), (5, LARGE + 1), (LARGE + 9, 2)])
def test_truncate(backend: Backend, size: int, to: int) -> None:
    handle = one(backend)
    if size:
        handle.write(b"d" * size, 0)
    handle.truncate(to)
    assert bytes(handle.read_blocking(1 << 20, 0)) == (b"d" * size)[:to].ljust(to, b"\0")
    handle.close()


def test_a_gap_is_zeros(backend: Backend) -> None:
    handle = one(backend)
    handle.write(b"x", 10)
    assert bytes(handle.read_blocking(100, 0)) == bytes(10) + b"x"
    handle.close()


def test_far_away(backend: Backend) -> None:
    """An offset is no reason to keep that many bytes in memory."""
    handle = one(backend)
    if isinstance(backend, MemoryBackend):
        refused(errno.ENOSPC, lambda: handle.write(b"x", 1 << 40))
        assert handle.metadata().end_of_file == 0
    else:
        handle.write(b"x", 1 << 40)
        assert handle.metadata().end_of_file == (1 << 40) + 1
        assert bytes(handle.read_blocking(5, (1 << 40) - 1)) == b"\0x"
    handle.close()


def test_reserved_room(backend: Backend) -> None:
    handle = one(backend)
    handle.write(b"x", 0)
    handle.allocate(10)
    handle.allocate(1 << 20)
    meta = handle.metadata()
    assert meta.end_of_file == 1
    assert bytes(handle.read_blocking(5, 0)) == b"x"
    handle.close()


def test_reading_is_not_writing(backend: Backend) -> None:
    handle = one(backend, write=False)
    for call in (lambda: handle.write(b"x", 0), lambda: handle.truncate(0), lambda: handle.allocate(5)):
        refused(errno.EBADF, call)
    handle.close()


def test_a_stream_outlives_its_files_name(backend: Backend) -> None:
    handle = one(backend)
    remove(backend, "f")
    handle.write(b"still here", 0)
    assert bytes(handle.read_blocking(100, 0)) == b"still here"
    handle.close()
    assert listing(backend) == []


def test_closed_is_closed(backend: Backend) -> None:
    handle = one(backend)
    handle.close()
    refused(errno.EBADF, lambda: handle.read(1, 0))
    refused(errno.EBADF, handle.metadata)
    refused(errno.EBADF, handle.sync)


@pytest.mark.parametrize("size", [1, LARGE + 1])
def test_held_times_stay(backend: Backend, size: int) -> None:
    handle = one(backend)
    handle.set_times(LATER, LATER + 10, LATER + 20, LATER + 30)
    handle.hold_times(True, True, True)
    handle.write(b"x" * size, 0)
    handle.truncate(0)
    assert handle.metadata().times == (LATER, LATER + 10, LATER + 20, LATER + 30)
    handle.hold_times(False, False, False)
    handle.write(b"x", 0)
    assert handle.metadata().last_write_time != LATER + 20
    handle.close()
