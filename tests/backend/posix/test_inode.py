"""The bytes of statx, field by field against os.stat, and what stands in for them where there is no statx."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.backend.posix import attribute_list, inode

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = st.integers(0, (1 << 31) - 1)  # more os.makedev does not take


@pytest.fixture(params=["statx", "os.stat"])
def area(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One entry of each kind, looked at in one of the two ways."""
    (tmp_path / "file").write_bytes(bytes(70_000))
    (tmp_path / "file").chmod(0o2641)
    (tmp_path / "second").hardlink_to(tmp_path / "file")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    os.mkfifo(tmp_path / "fifo")
    os.utime(tmp_path / "file", ns=(-1, 1_234_567_890_123_456_789))
    if request.param == "os.stat":
        monkeypatch.setattr(inode, "_statx_name", None)
        monkeypatch.setattr(inode, "_statx_open", None)
    elif inode._statx_name is None:
        pytest.skip("no statx here")
    return tmp_path


def is_as(found: bytes, state: os.stat_result) -> bool:
    """Whether all but the time of birth is what os.stat says."""
    fields, expected = list(inode.LAYOUT.unpack(found)), list(inode.LAYOUT.unpack(inode.packed(state)))
    for each in (fields, expected):
        each[0] = each[10] = each[11] = 0
    return fields == expected


@pytest.mark.parametrize("name", ["file", "second", "directory", "link", "fifo", "."])
def test_as_os_stat(area: Path, name: str) -> None:
    directory = os.open(area, os.O_RDONLY)
    try:
        found = inode.look(directory, name.encode())
        assert found is not None
        state = os.stat(name, dir_fd=directory, follow_symlinks=False)
        assert len(found) == 256
        assert is_as(found, state)
        assert inode.identity(found) == (state.st_dev, state.st_ino)
        assert inode.whose(found) == (state.st_uid, state.st_gid, state.st_mode, state.st_nlink, state.st_dev)
        assert inode.kind(found) == state.st_mode >> 8 & 0xF0
        assert inode.look(directory, name.encode()) == found
    finally:
        os.close(directory)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH])
def test_of_a_descriptor(area: Path, flags: int) -> None:
    directory, fd = os.open(area, os.O_RDONLY), os.open(area / "file", flags)
    try:
        assert is_as(inode.look_at(fd), os.fstat(fd))
        assert inode.look_at(fd) == inode.look(directory, b"file")
    finally:
        os.close(fd)
        os.close(directory)


def test_what_is_not_there(area: Path) -> None:
    directory, file = os.open(area, os.O_RDONLY), os.open(area / "file", os.O_RDONLY)
    assert inode.look(directory, b"nothing") is None
    assert inode.look(directory, b"file/below") is None
    assert inode.look(file, b"below") is None
    os.close(directory)
    os.close(file)
    for wrong in (file, -1):
        with pytest.raises(OSError) as caught:
            inode.look_at(wrong)
        assert caught.value.errno == errno.EBADF
        with pytest.raises(OSError) as caught:
            inode.look(wrong, b"x")
        assert caught.value.errno == errno.EBADF


def test_a_name_is_never_shortened(area: Path) -> None:
    directory = os.open(area, os.O_RDONLY)
    for name in (b"file\0", b"file\0x", b"\0"):
        with pytest.raises(OSError) as caught:
            inode.look(directory, name)
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError) as caught:
        inode.look(directory, b"x" * 256)
    assert caught.value.errno == errno.ENAMETOOLONG
    os.close(directory)


@given(NUMBERS, NUMBERS)
def test_device_numbers(major: int, minor: int) -> None:
    assert inode.device(major, minor) == os.makedev(major, minor)


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_an_identity_survives_being_packed(device: int, number: int) -> None:
    """On systems whose device numbers are made otherwise, too."""
    state = os.stat_result(
        (0o100644, number, device, 1, 0, 0, 0, 0, 0, 0),
        {"st_atime_ns": 0, "st_mtime_ns": 0, "st_ctime_ns": 0, "st_blocks": 0},
    )
    assert inode.identity(inode.packed(state)) == (device, number)


def test_threads_do_not_get_each_others_answers(area: Path) -> None:
    """A buffer for all was read after another thread had had its turn: the size of another file, or no descriptor."""
    directory = os.open(area, os.O_RDONLY)
    names = [f"{number}" for number in range(4)]
    for name in names:
        (area / name).write_bytes(b"x" * int(name))
        with contextlib.suppress(OSError):
            for attribute in range(int(name)):
                os.setxattr(area / name, f"user.{name}{attribute}", name.encode() * 9)
    problems: list[str] = []

    def ask(name: str) -> None:
        path, entry = str(area / name), name.encode()
        fd, expected = os.open(path, os.O_RDONLY), os.stat(path)
        listed = attribute_list.of_target(path)
        value = os.getxattr(path, f"user.{name}0") if listed else None
        for _ in range(400):
            if not is_as(inode.look_at(fd), expected) or inode.identity(inode.look(directory, entry) or b"") != (
                expected.st_dev,
                expected.st_ino,
            ):
                problems.append(f"{name}: statx")
            if attribute_list.of_entry(directory, entry) != listed:
                problems.append(f"{name}: list")
            if value and attribute_list.value_of_entry(directory, entry, f"user.{name}0".encode()) not in (value, None):
                problems.append(f"{name}: value")
        os.close(fd)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
        os.close(directory)
    assert not problems
