"""Snapshot directories: found, opened, kept, lost; and that nothing a client puts there leads anywhere else."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.base import Backend, Handle, Symlinks
from smbserver.backend.posix import PosixBackend, PosixSnapshots, SnapshotPattern, snapshots
from smbserver.nt.snapshot_names import parse_token

NAMES = ("2026-01-01", "2026-03-01", "2026-02-01")
CREATED = 132_000_000_000_000_000


def time_of(name: str) -> int:
    """The FILETIME of a day."""
    time = parse_token(f"@GMT-{name.replace('-', '.')}-00.00.00")
    assert time is not None
    return time


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where three snapshots are, inside the share."""
    for name in NAMES:
        (tmp_path / "share" / ".snapshots" / name / "root").mkdir(parents=True)
        (tmp_path / "share" / ".snapshots" / name / "root" / "file").write_text(name)
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "share" / ".snapshots"


@pytest.fixture
def versions(kept: Path, tmp_path: Path, no_leak: None) -> Iterator[PosixSnapshots]:
    made = PosixSnapshots(str(tmp_path / "share"), SnapshotPattern(".snapshots/%Y-%m-%d/root"), PosixBackend)
    yield made
    made.close()


def opened(store: Backend, *path: str) -> Handle:
    located = store.locate(path)
    try:
        return store.open(located, True, False)
    finally:
        located.close()


def content(store: Backend, *path: str) -> str:
    handle = opened(store, *path)
    try:
        return bytes(handle.read_blocking(100, 0)).decode()
    finally:
        handle.close()


def test_listed_and_opened(versions: PosixSnapshots, kept: Path) -> None:
    for junk in ("2026-13-01", "latest", "2026-01-01.tmp"):
        (kept / junk).mkdir()
    assert versions.times() == [time_of(name) for name in sorted(NAMES, reverse=True)]
    for name in NAMES:
        store = versions.open(time_of(name))
        assert store is not None
        assert store.read_only
        assert content(store, "file") == name
    assert versions.open(time_of("2026-01-02")) is None


def test_no_directory_of_snapshots(versions: PosixSnapshots, kept: Path) -> None:
    shutil.rmtree(kept)
    assert versions.times() == []
    assert versions.open(time_of(NAMES[0])) is None
    kept.write_text("a file")
    assert versions.times() == []
    kept.unlink()
    kept.symlink_to("/")
    assert versions.times() == []


@pytest.mark.parametrize("place", ["snapshot", "root", "directory"])
@pytest.mark.parametrize("leads_to", ["/", "..", "../../..", "2026-03-01"])
def test_links_on_the_way_in(versions: PosixSnapshots, kept: Path, tmp_path: Path, place: str, leads_to: str) -> None:
    """A client may write where the snapshots are: no link there is a way anywhere, not even to another snapshot."""
    if place == "snapshot":
        shutil.rmtree(kept / "2026-01-01")
        (kept / "2026-01-01").symlink_to(leads_to)
    elif place == "root":
        shutil.rmtree(kept / "2026-01-01" / "root")
        (kept / "2026-01-01" / "root").symlink_to(leads_to)
    else:
        kept.rename(tmp_path / "share" / "elsewhere")
        kept.symlink_to("elsewhere" if leads_to == "2026-03-01" else leads_to)
    assert versions.open(time_of("2026-01-01")) is None


def test_links_within(versions: PosixSnapshots, kept: Path, tmp_path: Path) -> None:
    (kept / "2026-01-01" / "root" / "up").symlink_to("../../2026-02-01/root/file")
    (kept / "2026-01-01" / "root" / "out").symlink_to(tmp_path / "secret")
    (kept / "2026-01-01" / "root" / "in").symlink_to("file")
    store = versions.open(time_of("2026-01-01"))
    assert store is not None
    assert content(store, "in") == "2026-01-01"
    for name in ("up", "out"):
        located = store.locate((name,))
        located.close()
        assert located.identity is None


@pytest.mark.parametrize("symlinks", list(Symlinks))
def test_everything_is_refused(kept: Path, tmp_path: Path, no_leak: None, symlinks: Symlinks) -> None:
    made = PosixSnapshots(
        str(tmp_path / "share"),
        SnapshotPattern(str(kept) + "/%Y-%m-%d/root"),
        lambda root: PosixBackend(root, symlinks=symlinks),
    )
    store = made.open(time_of("2026-01-01"))
    assert store is not None
    there, free = store.locate(("file",)), store.locate(("new",))
    handle = store.open(there, True, True)
    identity = handle.identity
    calls = [
        lambda: handle.write(b"x", 0),
        lambda: handle.truncate(0),
        lambda: handle.allocate(10),
        lambda: handle.set_times(CREATED, None, None, None),
        lambda: handle.set_attributes(1),
        lambda: handle.set_eas(()),
        lambda: store.create_file(free, 0, CREATED),
        lambda: store.create_directory(free, 0, CREATED),
        lambda: store.remove(("file",), identity),
        lambda: store.rename(("file",), identity, free, True),
        lambda: store.link(("file",), identity, free, True),
    ]
    if store.links is not None:
        links = store.links
        calls += [
            lambda: links.make(("file",), identity, ("x",)),
            lambda: links.unmake(("file",), identity),
        ]
    for call in calls:
        with pytest.raises(OSError) as caught:
            call()  # type: ignore[no-untyped-call]  # each is one of many shapes
        assert caught.value.errno == errno.EROFS
    assert bytes(handle.read_blocking(100, 0)) == b"2026-01-01"
    handle.close()
    handle.close()
    there.close()
    free.close()
    made.close()
    assert [path.name for path in (kept / "2026-01-01" / "root").iterdir()] == ["file"]


def test_identities_of_the_same_inode(versions: PosixSnapshots, kept: Path) -> None:
    for name in NAMES[1:]:
        (kept / name / "root" / "file").unlink()
        (kept / name / "root" / "file").hardlink_to(kept / NAMES[0] / "root" / "file")
    seen = set()
    ids = set()
    for name in NAMES:
        store = versions.open(time_of(name))
        assert store is not None
        located = store.locate(("file",))
        located.close()
        assert located.metadata is not None
        seen.add(located.identity)
        ids.add(located.metadata.file_id)
        handle = opened(store)
        [listed] = [meta for entry, meta in handle.scan() if entry == "file"]
        assert listed.file_id == located.metadata.file_id
        handle.close()
    assert len(seen) == len(ids) == len(NAMES)
    state = (kept / NAMES[0] / "root" / "file").stat()
    assert (state.st_dev, state.st_ino) not in seen
    assert state.st_ino not in ids


def test_a_snapshot_made_anew(versions: PosixSnapshots, kept: Path) -> None:
    """Deleted and made again under its name: another one, and who has the old one open keeps it."""
    first = versions.open(time_of("2026-01-01"))
    assert first is not None
    assert versions.open(time_of("2026-01-01")) is first
    handle = opened(first, "file")
    (kept / "2026-01-01").rename(kept / "old")
    assert versions.open(time_of("2026-01-01")) is None
    (kept / "2026-01-01" / "root").mkdir(parents=True)
    (kept / "2026-01-01" / "root" / "file").write_text("new")
    second = versions.open(time_of("2026-01-01"))
    assert second is not None
    assert second is not first
    assert content(second, "file") == "new"
    assert bytes(handle.read_blocking(100, 0)) == b"2026-01-01"
    handle.close()


def test_few_are_kept_open(versions: PosixSnapshots, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 1)
    before = len(os.listdir("/proc/self/fd"))
    used = versions.open(time_of(NAMES[0]))
    assert used is not None
    handle = opened(used)
    for name in (*NAMES, *NAMES):
        assert versions.open(time_of(name)) is not None
    assert len(os.listdir("/proc/self/fd")) <= before + 2 + 2, "two roots, and an open directory"
    assert {name for name, _ in handle.scan()} == {".", "..", "file"}, "what is in use stays"
    handle.close()


def test_bounds(versions: PosixSnapshots, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_LISTED", 2)
    assert versions.times() == [time_of("2026-03-01"), time_of("2026-02-01")]
    monkeypatch.setattr(snapshots, "MAX_LOOKED_AT", 1)
    assert len(versions.times()) == 1


def test_two_names_of_one_time(kept: Path, tmp_path: Path, no_leak: None) -> None:
    for name in ("b-2026-05-05", "a-2026-05-05"):
        (kept / name).mkdir()
        (kept / name / "file").write_text(name)
    made = PosixSnapshots(str(tmp_path / "share"), SnapshotPattern(".snapshots/*-%Y-%m-%d"), PosixBackend)
    assert made.times() == [time_of("2026-05-05")]
    store = made.open(time_of("2026-05-05"))
    assert store is not None
    assert content(store, "file") == "a-2026-05-05"
    made.close()


def test_an_absolute_pattern(kept: Path, tmp_path: Path, no_leak: None) -> None:
    """Outside the share the operator's own links are followed; inside it is as a relative one."""
    kept.rename(tmp_path / "snapshots")
    (tmp_path / "by-link").symlink_to("snapshots")
    made = PosixSnapshots(str(tmp_path / "share"), SnapshotPattern(f"{tmp_path}/by-link/%Y-%m-%d/root"), PosixBackend)
    assert len(made.times()) == 3
    made.close()
    kept.symlink_to("../snapshots")
    made = PosixSnapshots(str(tmp_path / "share"), SnapshotPattern(f"{kept}/%Y-%m-%d/root"), PosixBackend)
    assert made.times() == []
    made.close()


def test_no_share(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PosixSnapshots(str(tmp_path / "absent"), SnapshotPattern("%Y%m%d"), PosixBackend)
