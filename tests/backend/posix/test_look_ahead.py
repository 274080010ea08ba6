"""Looking at names for the kernel's sake: everywhere below the root, nowhere else, and nothing is left open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import look_ahead as module
from smbserver.backend.posix.look_ahead import look_ahead


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


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ((), 0),
        (("file",), 1),
        (("folder", "Inner", "one"), 3),
        (("folder", "inner", "ONE"), 1 + 2 + 1 + 3),  # a directory is listed for each other spelling
        (("folder", "no"), 1 + 2),
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
    assert look_ahead(root, path, False) == names


def test_entries(root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_ahead(root, ("folder", "Inner"), True) == 2 + 3
    assert look_ahead(root, (), True) == 4
    assert look_ahead(root, ("file",), True) == 1
    monkeypatch.setattr(module, "MOST_ENTRIES", 1)
    assert look_ahead(root, (), True) == 4


def test_what_it_looks_at(root: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes, and the list of their names, of what is on the way and of each entry."""
    stats: list[str] = []
    lists: list[str] = []

    def seen(target: str, follow_symlinks: bool = True) -> list[str]:
        lists.append(os.readlink(target) if follow_symlinks else os.path.basename(target))
        return []

    monkeypatch.setattr(os, "stat", lambda name, **_: stats.append(name))
    monkeypatch.setattr(os, "listxattr", seen)
    look_ahead(root, ("folder", "Inner"), True)
    at = os.readlink(f"/proc/self/fd/{root}")
    assert lists[:2] == [f"{at}/folder", f"{at}/folder/Inner"]
    assert sorted(lists[2:]) == sorted(stats) == ["one", "three", "two"]


def test_a_root_that_is_closed() -> None:
    assert look_ahead(-1, ("file",), False) == 0
