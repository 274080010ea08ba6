"""Open files and directories: reads that do not wait, short writes, full disks, attributes, streaming lists."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend, file_ioctls, handle
from smbserver.backend.posix.handle import PosixHandle
from smbserver.nt import attributes

CREATED = 132_000_000_000_000_000
SIZE = 100_000


@pytest.fixture
def backend(tmp_path: Path, no_leak: None) -> Iterator[PosixBackend]:
    """A share with one file, `f`, of SIZE bytes."""
    (tmp_path / "f").write_bytes(bytes(range(250)) * (SIZE // 250))
    store = PosixBackend(tmp_path)
    yield store
    store.close()


def open_at(backend: PosixBackend, *path: str, write: bool = True) -> PosixHandle:
    """A handle of what is there."""
    located = backend.locate(path)
    try:
        assert located.metadata is not None
        handle = backend.open(located, True, write and not located.metadata.is_directory)
        assert isinstance(handle, PosixHandle)
        return handle
    finally:
        located.close()


@pytest.fixture
def opened(backend: PosixBackend) -> Iterator[PosixHandle]:
    """`f`, open."""
    found = open_at(backend, "f")
    yield found
    found.close()


def answer(code: int) -> Callable[..., int]:
    """A system call that fails."""

    def call(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    return call


# --- read ---


def test_read_that_would_wait(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "preadv", answer(errno.EAGAIN))
    monkeypatch.setattr(handle, "_NOWAIT", 8)
    opened._nowait = True
    assert opened.read(10, 0) is None
    monkeypatch.undo()
    assert bytes(opened.read_blocking(10, 0)) == bytes(range(10))


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_file_system_that_cannot_say(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Asked once, then never again for this handle."""
    asked: list[int] = []
    real = os.preadv

    def preadv(fd: int, buffers: list[bytearray], offset: int, flags: int = 0) -> int:
        if flags:
            asked.append(flags)
            raise OSError(code, os.strerror(code))
        return real(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)
    opened._nowait = True
    for length in (10, SIZE, 2 * SIZE):
        data = opened.read(length, 0)
        assert data is not None
        assert len(data) == min(length, SIZE)
    assert len(asked) == 1


def test_other_errors_of_a_read_are_errors(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "preadv", answer(errno.EIO))
    opened._nowait = True
    with pytest.raises(OSError) as caught:
        opened.read(10, 0)
    assert caught.value.errno == errno.EIO


def test_read_of_which_only_the_beginning_is_cached(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short answer that is not the end of the file must not become a short reply: it looks like the end."""
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, offset, flags=0: 4096)
    opened._nowait = True
    assert opened.read(8192, 0) is None
    assert opened.read(8192, SIZE - 8192) is None
    found = opened.read(8192, SIZE - 4096)
    assert found is not None
    assert len(found) == 4096


def test_read_with_room_around_it(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    for offset, length in ((0, SIZE), (3, SIZE - 3), (SIZE - 1, 1)):
        found = opened.read_between(80, length, offset, 16)
        assert found is not None
        assert len(found) == 80 + length + 16
        assert found[80 : 80 + length] == opened.read_blocking(length, offset)
    assert opened.read_between(80, SIZE + 1, 0, 16) is None
    assert opened.read_between(80, SIZE, SIZE, 16) is None
    opened._nowait = True
    monkeypatch.setattr(os, "preadv", answer(errno.EAGAIN))
    assert opened.read_between(80, SIZE, 0, 16) is None
    monkeypatch.setattr(os, "preadv", answer(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        opened.read_between(80, SIZE, 0, 16)


@pytest.mark.parametrize("length", [1, 4096, 32 * 1024, SIZE, SIZE + 1])
@pytest.mark.parametrize("offset", [0, 1, SIZE - 1, SIZE, SIZE + 1])
def test_read_at_and_over_the_end(opened: PosixHandle, length: int, offset: int) -> None:
    expected = (bytes(range(250)) * (SIZE // 250))[offset : offset + length]
    assert bytes(opened.read_blocking(length, offset)) == expected
    found = opened.read(length, offset)
    assert found is None or bytes(found) == expected


# --- write ---


def test_short_writes_go_on(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    real, sizes = os.pwrite, [3, 1, 5, 100]
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[: sizes.pop(0)], offset))
    opened.write(b"0123456789", 5)
    monkeypatch.undo()
    assert bytes(opened.read_blocking(20, 0)) == b"\0\1\2\3\x040123456789\x0f\x10\x11\x12\x13"


def test_short_write_because_the_disk_is_full(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error that the short write announced is the client's answer; a part without an error never is."""
    real, calls = os.pwrite, 0

    def pwrite(fd: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, bytes(data)[:3], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OSError) as caught:
        opened.write(memoryview(b"0123456789"), 0)
    assert caught.value.errno == errno.ENOSPC


def test_write_that_makes_no_progress_ends(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: 0)
    with pytest.raises(OSError) as caught:
        opened.write(b"x", 0)
    assert caught.value.errno == errno.EIO


def test_allocate_that_is_interrupted_or_impossible(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = [errno.EINTR, errno.EINTR, 0]

    def fallocate(*_: object) -> int:
        code = codes.pop(0)
        monkeypatch.setattr("smbserver.backend.posix.file_ioctls.ctypes.get_errno", lambda: code)
        return -1 if code else 0

    monkeypatch.setattr(file_ioctls, "_fallocate", fallocate)
    opened.allocate(10)
    assert codes == []
    codes[:] = [errno.EOPNOTSUPP]
    opened.allocate(10)
    codes[:] = [errno.ENOSPC]
    with pytest.raises(OSError) as caught:
        opened.allocate(10)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.setattr(file_ioctls, "_fallocate", None)
    opened.allocate(10)


def test_holes_read_as_zeros(opened: PosixHandle) -> None:
    """CVE-2025-9640: never what was in the buffer before."""
    opened.truncate(10)
    opened.write(b"x", 50_000)
    assert bytes(opened.read_blocking(60_000, 10)) == bytes(49_990) + b"x"
    opened.truncate(5)
    opened.truncate(100)
    assert bytes(opened.read_blocking(200, 5)) == bytes(95)


# --- attributes and times ---


def test_readonly_from_the_mode_can_be_taken_away(backend: PosixBackend, tmp_path: Path) -> None:
    """It did nothing and said success; the file could then not be deleted."""
    (tmp_path / "f").chmod(0o444)
    opened = open_at(backend, "f", write=False)
    assert opened.metadata().attributes & attributes.READONLY
    opened.set_attributes(attributes.NORMAL)
    assert opened.metadata().attributes == attributes.NORMAL
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644
    opened.set_attributes(attributes.READONLY)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o644
    opened.close()


def test_creation_time_stays_when_the_file_is_written(backend: PosixBackend) -> None:
    located = backend.locate(("new",))
    opened = backend.create_file(located, 0, CREATED)
    located.close()
    opened.write(b"x", 0)
    opened.set_times(None, 1, CREATED + 5, None)
    opened.set_attributes(attributes.HIDDEN)
    opened.truncate(0)
    assert opened.metadata().creation_time == CREATED
    opened.close()


def test_file_system_without_attributes(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times a client sends together are not refused for the one that has no place; lost attributes are said."""
    monkeypatch.setattr(os, "setxattr", answer(errno.EOPNOTSUPP))
    opened.set_times(CREATED, CREATED + 10, CREATED + 20, None)
    assert opened.metadata().last_write_time == CREATED + 20
    opened.set_attributes(attributes.ARCHIVE)
    for wanted in (attributes.READONLY, attributes.HIDDEN, attributes.SYSTEM):
        with pytest.raises(OSError) as caught:
            opened.set_attributes(wanted)
        assert caught.value.errno == errno.EOPNOTSUPP


def test_times_that_only_an_owner_can_put_back(opened: PosixHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write was refused after it was done."""
    opened.hold_times(False, True, False)
    monkeypatch.setattr(os, "utime", answer(errno.EPERM))
    opened.write(b"new", 0)
    assert bytes(opened.read_blocking(3, 0)) == b"new"
    opened.allocate(2 * SIZE)
    opened.write(b"NEW", 0)
    assert bytes(opened.read_blocking(3, 0)) == b"NEW"


def test_times_before_1970(opened: PosixHandle) -> None:
    opened.set_times(1, None, 116_444_736_000_000_000 - 10_000_000, None)
    meta = opened.metadata()
    assert meta.creation_time == 1
    assert meta.last_write_time == 116_444_736_000_000_000 - 10_000_000


def test_closed_handle_never_touches_who_has_its_number_now(backend: PosixBackend, tmp_path: Path) -> None:
    """The attributes' target was a number, or its name in /proc, that lived on after the close."""
    opened = open_at(backend, "f")
    number = opened._fd
    opened.close()
    source = os.open(tmp_path / "f", os.O_RDWR)
    other = source if source == number else os.dup2(source, number)
    if source != other:
        os.close(source)
    try:
        for call in (
            opened.metadata,
            lambda: opened.set_attributes(attributes.HIDDEN),
            lambda: opened.set_times(1, 1, 1, None),
            opened.sync,
        ):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.EBADF
    finally:
        os.close(other)


# --- directories ---


@pytest.mark.pure(reason="replaces a method of a compiled class")
def test_scan_is_a_stream(backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are looked at as they are asked for: a directory of a million costs what the client takes of it."""
    for number in range(500):
        (tmp_path / f"{number}").touch()
    root = open_at(backend)
    looked: list[str] = []
    real = PosixHandle._entry_metadata

    def counted(self: PosixHandle, entry: "os.DirEntry[str]", wire: str, fd: int, owned: bool) -> object:
        looked.append(wire)
        return real(self, entry, wire, fd, owned)

    monkeypatch.setattr(PosixHandle, "_entry_metadata", counted)
    entries = root.scan()
    taken = [next(entries) for _ in range(12)]
    assert len(looked) == 10
    assert len(taken) == 12
    assert len(list(entries)) == 491  # with `f`
    root.close()


def test_scan_gives_its_descriptor_back(backend: PosixBackend) -> None:
    root = open_at(backend)
    before = len(os.listdir("/proc/self/fd"))
    entries = root.scan()
    for _ in range(3):
        next(entries)
    assert len(os.listdir("/proc/self/fd")) > before
    del entries
    assert len(os.listdir("/proc/self/fd")) == before
    root.close()


def test_scan_does_not_disturb_another(backend: PosixBackend, tmp_path: Path) -> None:
    """Two enumerations of one handle have a position each."""
    for number in range(20):
        (tmp_path / f"{number}").touch()
    root = open_at(backend)
    first, second = root.scan(), root.scan()
    pairs = list(zip(first, second, strict=True))
    assert [one[0] for one, _ in pairs] == [two[0] for _, two in pairs]
    assert len(pairs) == 23
    root.close()


@pytest.mark.pure(reason="replaces a method of a compiled class")
def test_scan_while_entries_go(backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is removed between its name and its attributes is left out; the rest is still told."""
    for number in range(5):
        (tmp_path / f"{number}").touch()
    root = open_at(backend)
    real = PosixHandle._entry_metadata

    def removing(self: PosixHandle, entry: "os.DirEntry[str]", wire: str, fd: int, owned: bool) -> object:
        if wire == "3":
            (tmp_path / "3").unlink()
        return real(self, entry, wire, fd, owned)

    monkeypatch.setattr(PosixHandle, "_entry_metadata", removing)
    assert sorted(name for name, _ in root.scan()) == [".", "..", "0", "1", "2", "4", "f"]
    root.close()


def test_scan_of_names_that_are_no_text(backend: PosixBackend, tmp_path: Path) -> None:
    """A name with a newline, a backslash, bytes that are no UTF-8: shown in a form that leads back to the file."""
    raw = [b"new\nline", b"back\\slash", b"\xff\xfe", b"\xed\xb2\x80", b"colon:", b"dot.", b"\x7f"]
    for number, stored in enumerate(raw):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), stored))).write_bytes(b"x" * number)
    root = open_at(backend)
    names = {name: meta for name, meta in root.scan() if name not in (".", "..", "f")}
    root.close()
    assert len(names) == len(raw)
    for name, meta in names.items():
        assert "\\" not in name
        assert "\n" not in name
        located = backend.locate((name,))
        located.close()
        assert located.metadata is not None
        assert located.metadata.file_id == meta.file_id
