"""What the posix backend leaves behind when something fails: no descriptor, no half-made file, no lost one."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend, inode
from smbserver.nt import attributes

CREATED = 132_000_000_000_000_000


@pytest.fixture
def backend(tmp_path: Path, no_leak: None) -> Iterator[PosixBackend]:
    """A share with a few things in it."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("1")
    (tmp_path / "Other").write_text("2")
    (tmp_path / "link").symlink_to("d/f")
    store = PosixBackend(tmp_path)
    yield store
    store.close()
    store.close()


def everything(backend: PosixBackend, fresh: str) -> None:
    """Each operation once, closing what it opened; any of them may be stopped by a failing call."""
    for path in (("d", "f"), ("D", "F"), ("link",), ("d",), ()):
        located = backend.locate(path)
        try:
            if located.metadata is not None:
                opened = backend.open(located, True, not located.metadata.is_directory)
                try:
                    opened.metadata()
                    if opened.is_directory:
                        list(opened.scan())
                        opened.is_empty()
                finally:
                    opened.close()
        finally:
            located.close()
    for create in (backend.create_file, backend.create_directory):
        located = backend.locate((fresh,))
        try:
            made = create(located, attributes.ARCHIVE, CREATED)
            made.close()
            target = backend.locate(("d", "moved"))
            try:
                backend.rename((fresh,), made.identity, target, False)
                backend.remove(("d", "moved"), made.identity)
            finally:
                target.close()
        finally:
            located.close()


@pytest.mark.parametrize(
    "name", ["open", "fstat", "stat", "dup", "getxattr", "setxattr", "mkdir", "unlink", "rmdir", "rename", "scandir"]
)
def test_no_descriptor_is_left_when_a_call_fails(
    backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Every call of every kind fails once. The descriptors are counted after each, and by the fixture at the end."""
    real: Callable[..., object] = getattr(os, name)
    descriptors = len(os.listdir("/proc/self/fd"))
    for failing in range(200):
        calls = 0

        def call(*args: object, failing: int = failing, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == failing + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*args, **named)

        monkeypatch.setattr(os, name, call)
        failed = False
        try:
            everything(backend, f"fresh{failing}")
        except OSError:
            failed = True
        monkeypatch.setattr(os, name, real)
        assert len(os.listdir("/proc/self/fd")) == descriptors
        for left in (tmp_path / "d" / "moved", tmp_path / f"fresh{failing}"):
            if left.exists():
                left.rmdir() if left.is_dir() else left.unlink()
        if calls <= failing:
            break
        assert failed
    else:
        pytest.fail("the calls have no end")


@pytest.mark.parametrize("way", ["_statx_name", "_statx_open"])
def test_no_descriptor_is_left_when_statx_fails(
    backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """As above, for calls that are not the os module's."""
    real = getattr(inode, way)
    if real is None:
        pytest.skip("no statx here")
    descriptors = len(os.listdir("/proc/self/fd"))
    for failing in range(200):
        calls = 0

        def call(*args: object, failing: int = failing) -> object:
            nonlocal calls
            calls += 1
            if calls == failing + 1:
                ctypes.set_errno(errno.EIO)
                return -1
            return real(*args)

        monkeypatch.setattr(inode, way, call)
        failed = False
        try:
            everything(backend, f"fresh{failing}")
        except OSError as error:
            failed = error.errno == errno.EIO
        monkeypatch.setattr(inode, way, real)
        assert len(os.listdir("/proc/self/fd")) == descriptors
        for left in (tmp_path / "d" / "moved", tmp_path / f"fresh{failing}"):
            if left.exists():
                left.rmdir() if left.is_dir() else left.unlink()
        if calls <= failing:
            break
        assert failed
    else:
        pytest.fail("the calls have no end")


@pytest.mark.parametrize("read", [True, False])
def test_another_kind_of_file_with_the_same_number(backend: PosixBackend, tmp_path: Path, read: bool) -> None:
    """An inode number is used again at once: what took the file's place may be a FIFO that has it."""
    located = backend.locate(("Other",))
    (tmp_path / "Other").unlink()
    os.mkfifo(tmp_path / "Other")
    state = os.stat(tmp_path / "Other")
    located.identity = (state.st_dev, state.st_ino)
    with pytest.raises(OSError) as caught:
        backend.open(located, read, False)
    assert caught.value.errno == errno.ESTALE
    located.close()


@pytest.mark.parametrize("code", [errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("directory", [False, True])
def test_refused_create_leaves_nothing(
    backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: bool, code: int
) -> None:
    """Attributes that find no room are not worth a refusal; a broken disk is."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    located = backend.locate(("new",))
    monkeypatch.setattr(os, "setxattr", fail)
    create = backend.create_directory if directory else backend.create_file
    if code == errno.EDQUOT:
        create(located, 0, CREATED).close()
    else:
        with pytest.raises(OSError):
            create(located, 0, CREATED)
    assert (tmp_path / "new").exists() == (code == errno.EDQUOT)
    located.close()


def locate_and_close(backend: PosixBackend, *path: str) -> tuple[int, int]:
    """Which file is there."""
    located = backend.locate(path)
    located.close()
    assert located.identity is not None
    return located.identity


@pytest.mark.parametrize("what", ["rename", "link"])
def test_failed_replacement_keeps_what_was_there(
    backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A target spelled differently was removed first; then the rename failed, and it was gone."""
    identity = locate_and_close(backend, "d", "f")
    target = backend.locate(("OTHER",))

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError):
        (backend.rename if what == "rename" else backend.link)(("d", "f"), identity, target, True)
    target.close()
    assert (tmp_path / "Other").read_text() == "2"
    assert (tmp_path / "d" / "f").read_text() == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Other", "d", "link"]


def test_free_place_that_is_taken_meanwhile(backend: PosixBackend, tmp_path: Path) -> None:
    """A local program was quicker: nothing of its is replaced."""
    identity = locate_and_close(backend, "d", "f")
    for call in (backend.rename, backend.link):
        target = backend.locate(("quick",))
        (tmp_path / "quick").write_text("local")
        with pytest.raises(FileExistsError):
            call(("d", "f"), identity, target, False)
        target.close()
        assert (tmp_path / "quick").read_text() == "local"
        (tmp_path / "quick").unlink()


def test_rename_without_an_atomic_form(backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that does not know RENAME_NOREPLACE."""
    from smbserver.backend.posix import name_changes

    def unknown(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(name_changes, "rename_no_replace", unknown)
    target = backend.locate(("new",))
    assert backend.rename(("d", "f"), locate_and_close(backend, "d", "f"), target, False) == ("new",)
    target.close()
    assert (tmp_path / "new").read_text() == "1"


def test_look_at_a_file_that_may_not_be_read(
    backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attributes need no right to the data: an O_PATH descriptor does."""
    real = os.open

    def refuse(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == "Other" and not flags & os.O_PATH:
            raise PermissionError(errno.EACCES, "")
        return real(path, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    located = backend.locate(("Other",))
    with pytest.raises(PermissionError):
        backend.open(located, True, False)
    opened = backend.open(located, False, False)
    located.close()
    opened.set_times(CREATED, CREATED + 10, CREATED + 20, None)
    opened.set_attributes(attributes.HIDDEN)
    meta = opened.metadata()
    assert meta.times[:3] == (CREATED, CREATED + 10, CREATED + 20)
    assert meta.attributes == attributes.HIDDEN
    opened.close()


def test_root_must_be_a_directory(tmp_path: Path, no_leak: None) -> None:
    (tmp_path / "f").touch()
    for name, error in (("f", NotADirectoryError), ("absent", FileNotFoundError)):
        with pytest.raises(error):
            PosixBackend(tmp_path / name)


def test_serial_number_tells_volumes_apart(backend: PosixBackend, tmp_path: Path) -> None:
    other, same = PosixBackend(tmp_path / "d"), PosixBackend(tmp_path)
    assert same.serial_number == backend.serial_number != other.serial_number
    other.close()
    same.close()
