"""Locks that local programs see, on a real file: another open file description stands for another program."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest

from smbserver.backend.base import LOCK_EXCLUSIVE, LOCK_FREE, LOCK_SHARED
from smbserver.backend.posix.lock_mirror import PosixLockMirror

F_OFD_SETLK = 37


def local_lock(descriptor: int, kind: int, start: int, length: int) -> bool:
    try:
        fcntl.fcntl(descriptor, F_OFD_SETLK, pack("@hhqqi", kind, os.SEEK_SET, start, length, 0))
    except BlockingIOError:
        return False
    return True


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def mirror(file: int) -> Iterator[PosixLockMirror]:
    made = PosixLockMirror(file)
    yield made
    made.close()


def test_local_programs_are_stopped_as_clients_are(file: int, mirror: PosixLockMirror) -> None:
    assert mirror.set(0, 9, LOCK_EXCLUSIVE)
    assert mirror.set(10, 19, LOCK_SHARED)
    assert not local_lock(file, fcntl.F_RDLCK, 5, 1)
    assert not local_lock(file, fcntl.F_WRLCK, 10, 1)
    assert local_lock(file, fcntl.F_RDLCK, 10, 1)
    assert mirror.set(5, 5, LOCK_FREE)
    assert local_lock(file, fcntl.F_WRLCK, 5, 1)
    assert not mirror.set(0, 9, LOCK_SHARED)


def test_closing_gives_all_back(file: int) -> None:
    mirror = PosixLockMirror(file)
    assert mirror.set(0, 99, LOCK_EXCLUSIVE)
    mirror.close()
    assert local_lock(file, fcntl.F_WRLCK, 0, 100)


def test_offsets_beyond_the_host_are_cut(file: int, mirror: PosixLockMirror) -> None:
    assert mirror.set(1 << 63, (1 << 64) - 1, LOCK_EXCLUSIVE)
    assert local_lock(file, fcntl.F_WRLCK, 0, 0)
    assert local_lock(file, fcntl.F_UNLCK, 0, 0)
    assert mirror.set(100, (1 << 64) - 1, LOCK_EXCLUSIVE)
    assert local_lock(file, fcntl.F_WRLCK, 0, 100)
    assert not local_lock(file, fcntl.F_RDLCK, (1 << 63) - 1, 1)


def test_a_file_that_may_only_be_read_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    mirror = PosixLockMirror(descriptor)
    mirror._writable = False  # root may write to everything; the description decides
    assert mirror.set(0, 9, LOCK_EXCLUSIVE)
    assert local_lock(descriptor, fcntl.F_RDLCK, 0, 1)
    mirror.close()
    os.close(descriptor)
