"""Large files whose last name goes: a thread frees them, small ones and files with a name are closed at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend, late_close


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Descriptors that were left to the thread; here they are closed at once."""
    closed: list[int] = []

    def close(fd: int) -> None:
        closed.append(fd)
        os.close(fd)

    monkeypatch.setattr(late_close, "close", close)
    monkeypatch.setattr(late_close, "LARGE", 1 << 20)
    return closed


@pytest.fixture
def backend(tmp_path: Path, no_leak: None) -> Iterator[PosixBackend]:
    """A store with a large file and a small one."""
    (tmp_path / "large").write_bytes(bytes(2 << 20))
    (tmp_path / "small").write_bytes(b"small")
    store = PosixBackend(tmp_path)
    yield store
    store.close()


def removed(backend: PosixBackend, name: str) -> None:
    """Opened, unlinked, closed, as a delete on close is done."""
    located = backend.locate((name,))
    handle = backend.open(located, True, False)
    located.close()
    backend.remove((name,), handle.identity)
    handle.close()
    handle.close()


def test_the_last_close_of_a_large_file_is_late(backend: PosixBackend, late: list[int], tmp_path: Path) -> None:
    removed(backend, "large")
    assert len(late) == 1
    assert not (tmp_path / "large").exists()


def test_small_files_and_those_with_another_name_are_not(
    backend: PosixBackend, late: list[int], tmp_path: Path
) -> None:
    os.link(tmp_path / "large", tmp_path / "second")
    removed(backend, "large")
    removed(backend, "small")
    assert not late


def test_the_inode_has_another_file_now(backend: PosixBackend, late: list[int], tmp_path: Path) -> None:
    state = (tmp_path / "large").stat()
    nameless = late_close.Nameless()
    nameless.add(state)
    fd = os.open(tmp_path / "small", os.O_RDONLY)
    nameless.close(fd, (state.st_dev, state.st_ino))
    assert not late


def test_what_a_rename_replaces_is_freed_late(backend: PosixBackend, late: list[int], tmp_path: Path) -> None:
    small, target = backend.locate(("small",)), backend.locate(("large",))
    assert small.identity is not None
    backend.rename(("small",), small.identity, target, True)
    small.close()
    target.close()
    assert len(late) == 1
    assert (tmp_path / "large").read_bytes() == b"small"


def test_the_thread_closes(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    late_close.close(fd)
    late_close._closer.submit(int).result(20.0)  # behind it in the same thread
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
