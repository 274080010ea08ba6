"""Looking at names for the kernel's sake: everywhere below the root, nowhere else, and nothing is left open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix.look_ahead import look_ahead, look_at_entries
from smbserver.backend.posix.volume import PosixBackend


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """Of a tree; nothing but its own descriptor is open in the end."""
    (tmp_path / "folder" / "Inner").mkdir(parents=True)
    for name in ("one", "two", "three"):
        (tmp_path / "folder" / "Inner" / name).touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("folder")
    os.mkfifo(tmp_path / "fifo")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    before = os.listdir("/proc/self/fd")
    yield descriptor
    assert os.listdir("/proc/self/fd") == before
    os.close(descriptor)


def nothing_known(directory: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ((), 0),
        (("file",), 1),
        (("folder", "Inner", "one"), 3),
        (("folder", "inner", "ONE"), 2 + 1),  # the directory in which the loop will look for another spelling
        (("folder", "Inner", "no"), 3 + 3),
        (("no", "such"), 1 + 4),
        (("file", "below"), 2),
        (("fifo",), 1),
        (("link", "Inner"), 2),  # no link is followed
        (("bad/name",), 1),
        (("..", "etc"), 1),
        (("a" * 300,), 1),
    ],
)
def test_a_path(root: int, path: tuple[str, ...], names: int) -> None:
    assert look_ahead(root, path, nothing_known) == names


def test_what_the_loop_knows_is_not_read(root: int) -> None:
    asked: list[str] = []

    def is_known(directory: int) -> bool:
        asked.append(os.path.basename(os.readlink(f"/proc/self/fd/{directory}")))
        return True

    assert look_ahead(root, ("folder", "Inner", "no"), is_known) == 3
    assert asked == ["Inner"]


def test_the_cache_says_what_it_knows(tmp_path: Path) -> None:
    backend = PosixBackend(tmp_path)
    (tmp_path / "one").touch()
    for known, names in ((False, 1 + 1), (True, 1)):
        assert backend.look_ahead(("no",)) == names, known
        backend.locate(("no",)).close()
    os.utime(tmp_path, ns=(1, 1))
    assert backend.look_ahead(("no",)) == 1 + 1
    backend.close()


@pytest.mark.parametrize(
    ("path", "start", "count", "names"),
    [
        (("folder", "Inner"), 0, 10, 3),
        (("folder", "Inner"), 1, 1, 1),
        (("folder", "Inner"), 2, 10, 1),
        (("folder", "Inner"), 3, 10, 0),
        ((), 0, 10, 4),
        (("file",), 0, 10, 0),
        (("no",), 0, 10, 0),
        (("link",), 0, 10, 0),
    ],
)
def test_entries(root: int, path: tuple[str, ...], start: int, count: int, names: int) -> None:
    assert look_at_entries(root, path, start, count) == names


def test_what_it_looks_at(root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes, and the list of their names, of what is on the way and of each entry."""
    stats: list[str] = []
    lists: list[str] = []

    def seen(target: str, follow_symlinks: bool = True) -> list[str]:
        lists.append(os.readlink(target) if follow_symlinks else os.path.basename(target))
        return []

    monkeypatch.setattr(os, "stat", lambda name, **_: stats.append(name))
    monkeypatch.setattr(os, "listxattr", seen)
    look_ahead(root, ("folder", "Inner"), nothing_known)
    look_at_entries(root, ("folder", "Inner"), 0, 10)
    at = os.readlink(f"/proc/self/fd/{root}")
    assert lists[:2] == [f"{at}/folder", f"{at}/folder/Inner"]
    assert sorted(lists[2:]) == sorted(stats) == ["one", "three", "two"]


def test_a_root_that_is_closed() -> None:
    assert look_ahead(-1, ("file",), nothing_known) == 0
    assert look_at_entries(-1, (), 0, 1) == 0
