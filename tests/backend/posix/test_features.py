"""What a share promises: what its file system did when it was asked, and nothing where it could not be asked."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend, dos_attributes, features, file_ioctls
from smbserver.nt.metadata import NO_FEATURES, VolumeFeatures


def asked(folder: Path) -> VolumeFeatures:
    """By way of a backend, which is closed again."""
    backend = PosixBackend(folder)
    backend.close()
    return backend.features


def failing(code: int) -> Callable[..., None]:
    """A call that ends with this errno."""

    def call(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_nothing_is_left_behind(share_folder: Path) -> None:
    before = share_folder.stat().st_mtime_ns, len(os.listdir("/proc/self/fd"))
    asked(share_folder)
    assert (share_folder.stat().st_mtime_ns, len(os.listdir("/proc/self/fd"))) == before
    assert list(share_folder.iterdir()) == []


def test_each_is_told_when_it_was_done(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_ioctls, "fallocate", lambda *_: None)
    monkeypatch.setattr(file_ioctls, "clone_range", lambda *_: None)
    monkeypatch.setattr(file_ioctls, "compresses", lambda _: True)
    monkeypatch.setattr(dos_attributes, "store", lambda *_: None)
    assert asked(share_folder) == VolumeFeatures(True, True, True, True)
    monkeypatch.setattr(dos_attributes, "store", failing(errno.EOPNOTSUPP))
    assert asked(share_folder) == VolumeFeatures(False, True, True, False)
    monkeypatch.setattr(file_ioctls, "fallocate", failing(errno.EOPNOTSUPP))
    monkeypatch.setattr(file_ioctls, "clone_range", failing(errno.EXDEV))
    assert asked(share_folder) == NO_FEATURES


def test_a_full_disk_is_no_answer_to_the_question(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fallocate", "clone_range"):
        monkeypatch.setattr(file_ioctls, name, failing(errno.ENOSPC))
    monkeypatch.setattr(dos_attributes, "store", failing(errno.ENOSPC))
    assert asked(share_folder)._replace(compression=False) == VolumeFeatures(True, True, True, False)
    monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC))
    assert asked(share_folder)._replace(compression=False) == NO_FEATURES


def test_where_nothing_can_be_written_nothing_is_promised(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_O_TMPFILE", 0)
    assert asked(share_folder)._replace(compression=False) == NO_FEATURES
    monkeypatch.setattr(features, "_O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)  # any that no file system takes
    assert asked(share_folder)._replace(compression=False) == NO_FEATURES


def test_a_kernel_without_the_calls(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_ioctls, "_fallocate", None)
    monkeypatch.setattr(file_ioctls, "_fstatfs", None)
    assert not asked(share_folder).sparse_files
    assert not asked(share_folder).compression
    monkeypatch.setattr(file_ioctls, "_fstatfs", lambda *_: -1)
    assert not asked(share_folder).compression
    with pytest.raises(OSError) as caught:
        file_ioctls.fallocate(0, 0, 0, 1)
    assert caught.value.errno == errno.EOPNOTSUPP


def test_shared_blocks_on_a_file_system_that_does_not_know_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", failing(errno.ENOTTY))
    with pytest.raises(OSError) as caught:
        file_ioctls.clone_range(0, 0, 1, 0, 1)
    assert caught.value.errno == errno.EOPNOTSUPP
    monkeypatch.setattr(fcntl, "ioctl", failing(errno.EXDEV))
    with pytest.raises(OSError) as caught:
        file_ioctls.clone_range(0, 0, 1, 0, 1)
    assert caught.value.errno == errno.EXDEV
