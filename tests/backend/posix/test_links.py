"""Links that are shown: nobody gets outside by them, whoever moves what and when. With openat2 and without.

The rest of what clients see of them is in tests/commands/test_links.py.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smbserver.backend.base import Handle, StoppedOnLink, Symlinks
from smbserver.backend.posix import PosixBackend
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.link_targets import PARENT
from smbserver.nt.reparse_tags import IO_REPARSE_TAG_SYMLINK

SECRET = b"outside"
CREATED = 132_000_000_000_000_000


@pytest.fixture(params=[True, False], ids=["openat2", "component by component"])
def backend(request: pytest.FixtureRequest, tmp_path: Path, no_leak: None) -> Iterator[PosixBackend]:
    """A share that shows links, beside a secret."""
    (tmp_path / "share" / "dir" / "deep").mkdir(parents=True)
    (tmp_path / "share" / "file").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(SECRET)
    store = PosixBackend(tmp_path / "share", kernel_walk=request.param, symlinks=Symlinks.SHOWN)
    yield store
    store.close()
    assert (tmp_path / "secret").read_bytes() == SECRET
    assert {path.name for path in tmp_path.iterdir()} <= {"share", "secret"}


@pytest.fixture
def share(tmp_path: Path) -> Path:
    return tmp_path / "share"


def stops(backend: PosixBackend, *path: str) -> tuple[tuple[str, ...], int]:
    """Where a lookup is stopped, and behind how many components."""
    with pytest.raises(StoppedOnLink) as caught:
        backend.locate(path)
    assert caught.value.status == status.OBJECT_PATH_NOT_FOUND, "to whom it is nothing special"
    return caught.value.target, caught.value.parsed


def found(backend: PosixBackend, *path: str) -> bool:
    located = backend.locate(path)
    located.close()
    return located.identity is not None


def opened(backend: PosixBackend, *path: str) -> Handle:
    located = backend.locate(path)
    try:
        return backend.open(located, True, True)
    finally:
        located.close()


def make(backend: PosixBackend, path: tuple[str, ...], target: tuple[str, ...]) -> None:
    located = backend.locate(path)
    handle = backend.create_file(located, 0, CREATED)
    located.close()
    assert backend.links is not None
    try:
        backend.links.make(path, handle.identity, target).close()
    finally:
        handle.close()


def rename(backend: PosixBackend, path: tuple[str, ...], new: tuple[str, ...]) -> None:
    source = backend.locate(path)
    source.close()
    target = backend.locate(new)
    try:
        assert source.identity is not None
        backend.rename(path, source.identity, target, False)
    finally:
        target.close()


def test_a_walk_stops_at_the_first_link(backend: PosixBackend, share: Path) -> None:
    (share / "Link").symlink_to("dir")
    (share / "dir" / "second").symlink_to("../dir/deep")
    assert stops(backend, "Link", "x") == (("dir",), 1)
    assert stops(backend, "LINK", "deep", "x") == (("dir",), 1)
    assert stops(backend, "dir", "second", "a", "b") == (("..", "dir", "deep"), 2)
    assert found(backend, "Link")


def test_links_outside_are_absent_on_the_way(backend: PosixBackend, share: Path) -> None:
    (share / "link").symlink_to("..")
    (share / "absolute").symlink_to(share)
    for name in ("link", "absolute"):
        with pytest.raises(StatusError) as caught:
            backend.locate((name, "secret"))
        assert not isinstance(caught.value, StoppedOnLink)
        assert not found(backend, name)


@pytest.mark.parametrize("swap", ["link to outside", "link elsewhere", "file", "directory", "gone"])
def test_what_changes_between_look_and_open(backend: PosixBackend, share: Path, swap: str) -> None:
    (share / "thing").symlink_to("file")
    located = backend.locate(("thing",))
    (share / "thing").rename(share / "before")  # deleted, its inode might be used again
    if swap == "link to outside":
        (share / "thing").symlink_to("../secret")
    elif swap == "link elsewhere":
        (share / "thing").symlink_to("dir")
    elif swap == "file":
        (share / "thing").write_bytes(b"x")
    elif swap == "directory":
        (share / "thing").mkdir()
    try:
        with pytest.raises(OSError) as caught:
            backend.open(located, True, True).close()
        assert caught.value.errno in (errno.ESTALE, errno.ENOENT)
    finally:
        located.close()


def test_a_link_swapped_in_for_a_file(backend: PosixBackend, share: Path) -> None:
    located = backend.locate(("file",))
    (share / "file").rename(share / "elsewhere")
    (share / "file").symlink_to("../secret")
    try:
        with pytest.raises(OSError):
            backend.open(located, True, True).close()
        assert located.identity is not None
        with pytest.raises(OSError):
            backend.remove(("file",), located.identity)
        assert backend.links is not None
        with pytest.raises(OSError):
            backend.links.make(("file",), located.identity, ("dir",))
    finally:
        located.close()
    assert os.readlink(share / "file") == "../secret"


def test_a_directory_on_the_way_becomes_a_link(backend: PosixBackend, share: Path) -> None:
    """Between two requests, not within one: the descriptor of the first lookup stays where it was."""
    located = backend.locate(("dir", "new"))
    (share / "dir").rename(share / "was")
    (share / "dir").symlink_to("..")
    try:
        backend.create_file(located, 0, CREATED).close()
    finally:
        located.close()
    assert (share / "was" / "new").exists()
    assert not (share.parent / "new").exists()


def test_make_and_unmake(backend: PosixBackend, share: Path) -> None:
    make(backend, ("dir", "Link"), ("..", "file"))
    assert os.readlink(share / "dir" / "Link") == "../file"
    handle = opened(backend, "DIR", "LINK")
    links = backend.links
    assert links is not None
    try:
        meta = handle.metadata()
        assert (meta.reparse_tag, meta.end_of_file) == (IO_REPARSE_TAG_SYMLINK, 0)
        assert links.target(("dir", "Link"), handle.identity) == ("..", "file")
        file = links.unmake(("dir", "Link"), handle.identity)
        file.write(b"data", 0)
        with pytest.raises(OSError) as caught:
            links.target(("dir", "Link"), file.identity)
        assert caught.value.errno == errno.EINVAL
        with pytest.raises(OSError) as caught:
            links.unmake(("dir", "Link"), file.identity)
        assert caught.value.errno == errno.EINVAL
        with pytest.raises(OSError) as caught:
            links.unmake(("dir", "Link"), handle.identity)
        assert caught.value.errno == errno.ESTALE
        file.close()
    finally:
        handle.close()
    assert (share / "dir" / "Link").read_bytes() == b"data"
    assert [path.name for path in (share / "dir").iterdir() if path.name.startswith(".")] == []


def test_a_failure_leaves_what_was(backend: PosixBackend, share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (share / "empty").touch()
    (share / "hollow").mkdir()
    (share / "link").symlink_to("file")
    (share / "to-dir").symlink_to("dir")
    links = backend.links
    assert links is not None

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    identities = {}
    for name in ("empty", "hollow", "link", "to-dir"):
        located = backend.locate((name,))
        located.close()
        assert located.identity is not None
        identities[name] = located.identity
    monkeypatch.setattr(os, "rename", fail)
    calls: list[Callable[[], object]] = [
        lambda: links.make(("empty",), identities["empty"], ("file",)),
        lambda: links.make(("hollow",), identities["hollow"], ("file",)),
        lambda: links.unmake(("link",), identities["link"]),
    ]
    for call in calls:
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EIO
    monkeypatch.setattr(os, "mkdir", fail)
    with pytest.raises(OSError):
        links.unmake(("to-dir",), identities["to-dir"])
    monkeypatch.undo()
    assert (share / "empty").is_file()
    assert (share / "hollow").is_dir()
    assert os.readlink(share / "link") == "file"
    assert os.readlink(share / "to-dir") == "dir"
    assert {path.name for path in share.iterdir()} == {"dir", "file", "empty", "hollow", "link", "to-dir"}


def test_text_is_no_measure_of_a_walk(backend: PosixBackend, share: Path) -> None:
    """`../s/../x` never leaves as text, and does when `s` is a link to its own directory."""
    make(backend, ("s",), ())
    (share / "dir" / "trap").symlink_to("../s/../secret")
    assert (share / "dir" / "trap").read_bytes() == SECRET, "a local program's link does lead there"
    assert not found(backend, "dir", "trap")
    with pytest.raises(StatusError):
        backend.locate(("dir", "trap", "x"))


DEPTH = ("a", "a/b", "a/b/c", "a/b/c/d")
# What is done, to which of the entries or directories there are, where to, how many levels up a link leads.
STEPS = st.lists(
    st.tuples(st.sampled_from(["link", "move"]), st.integers(0, 50), st.integers(0, 50), st.integers(0, 4)), max_size=10
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(steps=[("link", 4, 0, 4), ("move", 2, 0, 0)])
def test_no_history_leads_outside(steps: list[tuple[str, int, int, int]], tmp_path: Path) -> None:
    """Whatever clients make and move: the kernel, walking any link as a local program would, stays in the share."""
    share = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "share"
    for name in DEPTH:
        (share / name).mkdir(parents=True)
    backend = PosixBackend(share, symlinks=Symlinks.SHOWN)
    try:
        for number, (kind, which, where, up) in enumerate(steps):
            entries = sorted(tuple(path.relative_to(share).parts) for path in share.rglob("*"))
            directories = [(), *(each for each in entries if (share.joinpath(*each)).is_dir())]
            directories = [each for each in directories if not share.joinpath(*each).is_symlink()]
            try:
                if kind == "link":
                    below = entries[where % len(entries)]
                    make(backend, (*directories[which % len(directories)], f"l{number}"), (PARENT,) * up + below)
                else:
                    rename(
                        backend, entries[which % len(entries)], (*directories[where % len(directories)], f"m{number}")
                    )
            except (StatusError, OSError):
                pass  # refused is as good
        for entry in share.rglob("*"):
            if entry.is_symlink():
                real = os.path.realpath(entry)
                assert real == str(share) or real.startswith(f"{share}/"), (entry, os.readlink(entry))
    finally:
        backend.close()
