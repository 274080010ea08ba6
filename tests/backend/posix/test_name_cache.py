"""The map from spellings to stored names: how often it reads, what it sees, what it forgets."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend, name_cache
from smbserver.backend.posix.name_cache import NameCache

CREATED = 132_000_000_000_000_000


@pytest.fixture
def backend(tmp_path: Path, no_leak: None) -> Iterator[PosixBackend]:
    """An empty share."""
    store = PosixBackend(tmp_path)
    yield store
    store.close()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for every directory that is read."""
    calls: list[object] = []
    real = os.listdir

    def counted(path: int) -> list[str]:
        calls.append(path)
        return real(path)

    monkeypatch.setattr("smbserver.backend.posix.name_cache.os.listdir", counted)
    return calls


def touch(backend: PosixBackend, *path: str) -> None:
    """Make a file the way a client does."""
    located = backend.locate(path)
    backend.create_file(located, 0, CREATED).close()
    located.close()


def stored(backend: PosixBackend, *path: str) -> str | None:
    """The stored name that this spelling means."""
    located = backend.locate(path)
    located.close()
    return located.path[-1] if located.identity is not None else None


def remove(backend: PosixBackend, *path: str) -> None:
    """Remove the way a client does."""
    located = backend.locate(path)
    located.close()
    assert located.identity is not None
    backend.remove(located.path, located.identity)


def change_outside(directory: Path, moment: int) -> None:
    """Make sure that the directory's time says "changed", however coarse the file system's clock is."""
    os.utime(directory, ns=(moment * 10**9, moment * 10**9))


def test_many_creates_read_the_directory_once(backend: PosixBackend, reads: list[object]) -> None:
    """The cost of the n-th create does not depend on n: by count, not by clock."""
    for number in range(2000):
        touch(backend, f"File{number}")
    for number in range(0, 2000, 97):
        assert stored(backend, f"FILE{number}") == f"File{number}"
        assert stored(backend, f"absent{number}") is None
    for number in range(0, 2000, 101):
        remove(backend, f"fILE{number}")
        assert stored(backend, f"file{number}") is None
    assert len(reads) <= 2  # the first look, and one more if the clock stood still at first


def test_a_hundred_thousand_names_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a directory that is large already; names only, for making the files would take the time."""
    names = [f"Name{number}" for number in range(100_000)]
    reads: list[int] = []

    def listdir(path: int) -> list[str]:
        reads.append(path)
        return names

    monkeypatch.setattr("smbserver.backend.posix.name_cache.os.listdir", listdir)
    cache = NameCache()
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        assert cache.find(directory, "name99999") == "Name99999"
        for number in range(1000):
            before = cache.before_change(directory)
            (tmp_path / f"New{number}").touch()
            cache.after_change(directory, before, added=f"New{number}")
            assert cache.find(directory, f"NEW{number}") == f"New{number}"
        assert len(reads) == 1
    finally:
        os.close(directory)


def test_exact_spelling_reads_nothing(backend: PosixBackend, tmp_path: Path, reads: list[object]) -> None:
    (tmp_path / "Name").touch()
    assert stored(backend, "Name") == "Name"
    assert reads == []


def test_changes_from_outside_are_seen(backend: PosixBackend, tmp_path: Path) -> None:
    assert stored(backend, "NAME") is None
    (tmp_path / "Name").touch()
    change_outside(tmp_path, 1_000_000)
    assert stored(backend, "NAME") == "Name"
    (tmp_path / "Name").rename(tmp_path / "nAME")
    change_outside(tmp_path, 1_000_001)
    assert stored(backend, "NAME") == "nAME"
    (tmp_path / "nAME").unlink()
    assert stored(backend, "NAME") is None  # the map may be old: the file itself is always asked


def test_a_change_from_outside_is_not_taken_for_our_own(backend: PosixBackend, tmp_path: Path) -> None:
    assert stored(backend, "X") is None
    (tmp_path / "Outside").touch()
    change_outside(tmp_path, 1_000_000)
    touch(backend, "ours")
    assert stored(backend, "OUTSIDE") == "Outside"
    assert stored(backend, "OURS") == "ours"


def test_our_own_changes_are_kept(backend: PosixBackend, reads: list[object]) -> None:
    assert stored(backend, "x") is None
    touch(backend, "One")
    located, target = backend.locate(("ONE",)), backend.locate(("Two",))
    assert located.identity is not None
    backend.link(("One",), located.identity, target, False)
    target.close()
    target = backend.locate(("tHREE",))
    backend.rename(("One",), located.identity, target, False)
    target.close()
    located.close()
    assert [stored(backend, name) for name in ("one", "two", "THREE")] == [None, "Two", "tHREE"]
    assert len(reads) <= 2


def test_twins_from_outside(backend: PosixBackend, tmp_path: Path) -> None:
    """Two names that are one to a client: each exact spelling is found, and the other one when the first is gone."""
    (tmp_path / "Name").touch()
    (tmp_path / "NAME").touch()
    assert stored(backend, "Name") == "Name"
    assert stored(backend, "NAME") == "NAME"
    first = stored(backend, "name")
    assert first in ("Name", "NAME")
    remove(backend, "name")
    assert stored(backend, "name") == ({"Name", "NAME"} - {first}).pop()


def test_two_names_that_look_alike_on_the_wire(backend: PosixBackend, tmp_path: Path) -> None:
    """A Samba share used by Macs has U+F022 on disk where we would have written a colon: it can be used and removed."""
    (tmp_path / "a\uf022b").write_text("samba")
    assert stored(backend, "a\uf022b") == "a\uf022b"
    located = backend.locate(("A\uf022B",))
    backend.open(located, True, False).close()
    target = backend.locate(("c",))
    assert located.identity is not None
    assert backend.rename(located.path, located.identity, target, False) == ("c",)
    located.close()
    target.close()
    (tmp_path / "c").rename(tmp_path / "a\uf022b")
    change_outside(tmp_path, 1_000_000)
    remove(backend, "a\uf022b")
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_cache, "MAX_DIRECTORIES", 3)
    monkeypatch.setattr(name_cache, "MAX_NAMES", 10)
    cache = NameCache()
    descriptors: list[int] = []
    try:
        for number in range(6):
            directory = tmp_path / f"{number}"
            directory.mkdir()
            for name in range(number):
                (directory / f"{name}").touch()
            descriptors.append(os.open(directory, os.O_RDONLY))
            assert cache.find(descriptors[-1], "0") == ("0" if number else None)
            assert len(cache._known) <= 3
            assert cache._total == sum(len(known) for known in cache._known.values()) <= 10
        before = cache.before_change(descriptors[-1])
        for number in range(20):
            (tmp_path / "5" / f"new{number}").touch()
            cache.after_change(descriptors[-1], before, added=f"new{number}")
        assert len(cache._known) == 1
        assert cache._total == 25
    finally:
        for each in descriptors:
            os.close(each)


def test_a_directory_that_may_not_be_read(
    backend: PosixBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the right to enter and to write, but not to list, exact names go on working."""
    (tmp_path / "Name").touch()
    real = os.open

    def refuse(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == ".":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert stored(backend, "NAME") is None
    assert stored(backend, "Name") == "Name"
    touch(backend, "new")
