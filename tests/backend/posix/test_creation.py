"""Modes of new files and directories: as a share says, as the directory has, and otherwise as the umask leaves them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import Creation, PosixBackend
from smbserver.backend.posix.creation import INHERIT


@pytest.fixture(params=[0o022, 0o077, 0o000], ids=lambda mask: f"umask {mask:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def made(folder: Path, creation: Creation | None) -> tuple[int, int]:
    """The modes of a file and a directory that a client makes."""
    backend = PosixBackend(folder, creation=creation)
    try:
        for name, create in (("file", backend.create_file), ("folder", backend.create_directory)):
            located = backend.locate((name,))
            create(located, 0, 0).close()
            located.close()
    finally:
        backend.close()
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for name in ("file", "folder")]
    (folder / "file").unlink()
    (folder / "folder").rmdir()
    return modes[0], modes[1]


def test_without_a_word_the_umask_decides(tmp_path: Path, umask: int) -> None:
    assert made(tmp_path, None) == (0o666 & ~umask, 0o777 & ~umask)


@pytest.mark.parametrize(("file", "directory"), [(0o664, 0o775), (0o600, 0o700), (0o777, 0o1777)])
def test_a_mode_is_meant_as_it_is_said(tmp_path: Path, umask: int, file: int, directory: int) -> None:
    assert made(tmp_path, Creation(file, directory)) == (file, directory)


def test_inherited_from_the_directory(tmp_path: Path, umask: int) -> None:
    tmp_path.chmod(0o2751)
    try:
        assert made(tmp_path, Creation(INHERIT, INHERIT)) == (0o640, 0o2751)
        tmp_path.chmod(0o777)
        assert made(tmp_path, Creation(INHERIT, INHERIT)) == (0o666, 0o777)
    finally:
        tmp_path.chmod(0o700)


def test_what_a_client_has_made_it_can_open_again(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes something in a directory that is closed to its owner")
    tmp_path.chmod(0o070)
    try:
        assert made(tmp_path, Creation(INHERIT, INHERIT)) == (0o660, 0o770)
    finally:
        tmp_path.chmod(0o700)


def test_a_setgid_bit_that_the_kernel_hands_down_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o2755)
    assert made(tmp_path, Creation(None, 0o750))[1] == 0o2750


def test_a_refused_create_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = PosixBackend(tmp_path, creation=Creation(0o664, 0o775))

    def refuse(fd: int, mode: int) -> None:
        raise PermissionError(1, "no")

    old = os.umask(0o077)
    monkeypatch.setattr(os, "fchmod", refuse)
    try:
        for create in (backend.create_file, backend.create_directory):
            located = backend.locate(("new",))
            with pytest.raises(PermissionError):
                create(located, 0, 0)
            located.close()
            assert list(tmp_path.iterdir()) == []
    finally:
        os.umask(old)
        backend.close()
