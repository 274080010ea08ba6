"""Local changes: what inotify tells in words of change notification, and what the server did itself left out."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.backend.posix import LocalChanges, PosixBackend, local_changes
from smbserver.backend.posix.disk_names import LINK_PREFIX
from smbserver.backend.posix.inotify import IN_Q_OVERFLOW, Event, Inotify
from smbserver.nt import changes as nt
from smbserver.nt.changes import Change
from tests.conftest import MEMORY_FOLDER
from tests.harness import ManualRuntime

FILE, DIRECTORY = nt.FILTER_FILE_NAME, nt.FILTER_DIR_NAME
ADDED, REMOVED, MODIFIED = nt.ACTION_ADDED, nt.ACTION_REMOVED, nt.ACTION_MODIFIED
OLD, NEW = nt.ACTION_RENAMED_OLD_NAME, nt.ACTION_RENAMED_NEW_NAME

Told = tuple[int, tuple[str, ...]]


class Watched:
    """A share, its LocalChanges, and what they told; the event loop is the test's hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtime = ManualRuntime()
        self.volume = PosixBackend(root)
        self.told: list[tuple[object, Change]] = []
        self.overflows = 0
        self.ledger: LocalChanges | None = None
        self.readers: dict[int, Callable[[], None]] = {}
        self.local = LocalChanges(self, self.runtime.later, self.readers.__setitem__, self.readers.__delitem__)

    def report_local(self, volume: object, changes: Sequence[Change]) -> None:
        self.told += [(volume, change) for change in changes]

    def overflow(self) -> None:
        self.overflows += 1

    def listening(self, ledger: LocalChanges | None) -> None:
        self.ledger = ledger

    def news(self, volume: object = None) -> list[Told]:
        """What was told since the last call; the loop runs until nothing is left to do."""
        for _ in range(3):
            for call in list(self.readers.values()):
                call()
            self.runtime.advance(1)
        told, self.told = self.told, []
        return [(change.action, change.path) for of, change in told if volume is None or of is volume]

    def news_to(self, view: View) -> None:
        """What was told since the last call, to somebody who keeps count."""
        for call in list(self.readers.values()):
            call()
        self.runtime.advance(1)
        told, self.told = self.told, []
        for _, change in told:
            view.hear(change)

    def begin(self, *path: str, tree: bool = False) -> None:
        """Somebody watches; a tree is walked to its end."""
        self.local.begin(self.volume, path, tree)
        self.runtime.advance(1)

    def end(self, *path: str, tree: bool = False) -> None:
        """The one does not watch any more."""
        self.local.end(self.volume, path, tree)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    try:
        Inotify().close()
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EMFILE):
            pytest.skip("no inotify here")
        raise
    made = Watched(tmp_path)
    yield made
    made.local.close()
    made.volume.close()
    assert not made.readers
    assert not made.runtime.timers
    assert not len(made.local)


def test_names_contents_and_attributes(watched: Watched) -> None:
    watched.begin()
    file = watched.root / "a"
    file.touch()
    (watched.root / "d").mkdir()
    assert [told for told in watched.news() if told[0] != MODIFIED] == [(ADDED, ("a",)), (ADDED, ("d",))]
    file.write_bytes(b"text")
    assert watched.news() == [(MODIFIED, ("a",))]
    file.chmod(0o600)
    assert watched.news() == [(MODIFIED, ("a",))]
    file.rename(watched.root / "b")
    assert watched.news() == [(OLD, ("a",)), (NEW, ("b",))]
    (watched.root / "b").unlink()
    (watched.root / "d").rmdir()
    assert watched.news() == [(REMOVED, ("b",)), (REMOVED, ("d",))]


def test_the_kind_of_a_change_is_told(watched: Watched) -> None:
    watched.begin()
    (watched.root / "a").touch()
    (watched.root / "d").mkdir()
    for call in list(watched.readers.values()):
        call()
    matches = {change.path: change.matches for _, change in watched.told if change.action == ADDED}
    assert matches == {("a",): FILE, ("d",): DIRECTORY}
    watched.told.clear()
    watched.runtime.advance(1)
    with (watched.root / "a").open("ab") as file:
        file.write(b"x")
    for call in list(watched.readers.values()):
        call()
    assert [change.matches for _, change in watched.told] == [nt.FILTER_WRITTEN]


def test_only_what_is_watched(watched: Watched) -> None:
    (watched.root / "in").mkdir()
    (watched.root / "out").mkdir()
    watched.begin("in")
    (watched.root / "out" / "x").mkdir()
    (watched.root / "in" / "x").mkdir()
    (watched.root / "in" / "x" / "deep").mkdir()
    assert watched.news() == [(ADDED, ("in", "x"))]


def test_moves_across_the_border(watched: Watched) -> None:
    (watched.root / "in").mkdir()
    (watched.root / "out").mkdir()
    (watched.root / "out" / "x").mkdir()
    watched.begin("in")
    (watched.root / "out" / "x").rename(watched.root / "in" / "y")
    assert watched.news() == [(ADDED, ("in", "y"))]
    (watched.root / "in" / "y").rename(watched.root / "out" / "z")
    assert watched.news() == [(REMOVED, ("in", "y"))]
    watched.begin("out")
    (watched.root / "out" / "z").rename(watched.root / "in" / "z")
    assert watched.news() == [(REMOVED, ("out", "z")), (ADDED, ("in", "z"))]


def test_a_tree_grows_and_shrinks(watched: Watched) -> None:
    (watched.root / "t" / "a" / "b").mkdir(parents=True)
    watched.begin("t", tree=True)
    assert len(watched.local) == 3
    (watched.root / "t" / "a" / "b" / "c").mkdir()
    assert watched.news() == [(ADDED, ("t", "a", "b", "c"))]
    (watched.root / "t" / "a" / "b" / "c" / "d").mkdir()
    assert watched.news() == [(ADDED, ("t", "a", "b", "c", "d"))]
    (watched.root / "t" / "a").rename(watched.root / "t" / "A")
    assert watched.news() == [(OLD, ("t", "a")), (NEW, ("t", "A"))]
    (watched.root / "t" / "A" / "b" / "c" / "e").mkdir()
    assert watched.news() == [(ADDED, ("t", "A", "b", "c", "e"))]
    shutil.rmtree(watched.root / "t" / "A")
    assert {path for action, path in watched.news() if action == REMOVED} >= {("t", "A"), ("t", "A", "b", "c", "d")}
    assert len(watched.local) == 1


def test_directories_made_all_at_once(watched: Watched) -> None:
    """The deeper ones are there before anybody can watch the upper one: each is told, and once."""
    watched.begin(tree=True)
    (watched.root / "a" / "b" / "c").mkdir(parents=True)
    (watched.root / "a" / "b" / "f").mkdir()
    news = watched.news()
    assert sorted(news) == [
        (ADDED, ("a",)),
        (ADDED, ("a", "b")),
        (ADDED, ("a", "b", "c")),
        (ADDED, ("a", "b", "f")),
    ]


def test_a_tree_that_moves_out_is_left_alone(watched: Watched) -> None:
    (watched.root / "t" / "a" / "b").mkdir(parents=True)
    watched.begin("t", tree=True)
    (watched.root / "t" / "a").rename(watched.root / "a")
    assert watched.news() == [(REMOVED, ("t", "a"))]
    (watched.root / "a" / "b" / "c").mkdir()
    assert watched.news() == []
    assert len(watched.local) == 1


def test_a_tree_has_a_bound(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(local_changes, "TREE_DIRECTORIES", 5)
    for number in range(20):
        (watched.root / str(number)).mkdir()
    with caplog.at_level(logging.WARNING):
        watched.begin(tree=True)
    assert len(watched.local) == 5
    assert len(caplog.records) == 1


def test_the_limits_of_the_kernel(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(self: Inotify, directory: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (watched.root / "d").mkdir()
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Inotify, "add", no_room)
        watched.begin()
        watched.begin("d")
    [record] = caplog.records
    assert "max_user_watches" in record.getMessage()
    watched.end()
    watched.end("d")
    assert watched.ledger is None


def test_no_inotify(watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def none_left(self: Inotify) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Inotify, "__init__", none_left)
    with caplog.at_level(logging.WARNING):
        watched.begin()
        watched.begin(tree=True)
        watched.end()
        watched.end(tree=True)
    [record] = caplog.records
    assert os.strerror(errno.EMFILE) in record.getMessage()


def test_a_full_queue_is_an_overflow(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.begin(tree=True)
    real = Inotify.read

    def overflowed(self: Inotify) -> list[Event]:
        monkeypatch.setattr(Inotify, "read", real)
        return [Event(-1, IN_Q_OVERFLOW, 0, "")]

    monkeypatch.setattr(Inotify, "read", overflowed)
    watched.news()
    assert watched.overflows == 1


def test_the_last_one_closes_the_door(watched: Watched) -> None:
    watched.begin()
    watched.begin()
    watched.begin(tree=True)
    assert watched.ledger is watched.local
    watched.end()
    watched.end(tree=True)
    assert watched.ledger is watched.local
    watched.end()
    assert watched.ledger is None
    assert not watched.readers
    watched.end()  # one too many is nothing


def test_own_changes_are_not_told(watched: Watched) -> None:
    watched.begin()
    (watched.root / "a").touch()
    watched.local.own(watched.volume, [Change(ADDED, FILE, ("a",))])
    (watched.root / "a").rename(watched.root / "b")
    watched.local.own(watched.volume, nt.renamed(("a",), ("b",), False))
    (watched.root / "b").write_bytes(b"text")
    watched.local.own_content(watched.volume, ("b",))
    (watched.root / "b").write_bytes(b"more text")
    watched.local.own_content(watched.volume, ("b",))
    watched.local.settle()
    (watched.root / "b").unlink()
    watched.local.own(watched.volume, [Change(REMOVED, FILE, ("b",))])
    assert watched.news() == []


def test_own_and_foreign_changes_mixed(watched: Watched) -> None:
    watched.begin()
    (watched.root / "a").mkdir()
    watched.local.own(watched.volume, [Change(ADDED, DIRECTORY, ("a",))])
    (watched.root / "a").rmdir()
    (watched.root / "a").mkdir()
    assert watched.news() == [(REMOVED, ("a",)), (ADDED, ("a",))]
    (watched.root / "f").mkdir()  # foreign, before our own
    (watched.root / "g").mkdir()
    watched.local.own(watched.volume, [Change(ADDED, DIRECTORY, ("g",))])
    assert watched.news() == [(ADDED, ("f",))]


def test_the_last_event_that_fits_is_our_own(watched: Watched) -> None:
    watched.begin()
    (watched.root / "a").mkdir()
    (watched.root / "a").rmdir()
    (watched.root / "a").mkdir()
    watched.local.own(watched.volume, [Change(ADDED, DIRECTORY, ("a",))])
    assert watched.news() == [(ADDED, ("a",)), (REMOVED, ("a",))]


def test_what_was_expected_and_did_not_come_is_forgotten(watched: Watched) -> None:
    watched.begin()
    watched.local.own(watched.volume, [Change(ADDED, DIRECTORY, ("a",))])
    watched.local.own_content(watched.volume, ("b",))
    assert watched.news() == []
    (watched.root / "a").mkdir()
    (watched.root / "b").touch()
    assert {path for _, path in watched.news()} == {("a",), ("b",)}


def test_two_shares_over_one_directory(watched: Watched) -> None:
    """What one of them did itself is news to those who watch through the other."""
    (watched.root / "d").mkdir()
    other = PosixBackend(watched.root / "d")
    try:
        watched.begin("d")
        watched.local.begin(other, (), False)
        assert len(watched.local) == 1
        (watched.root / "d" / "x").mkdir()
        watched.local.own(other, [Change(ADDED, DIRECTORY, ("x",))])
        told = [(volume, change.path) for volume, change in watched.told]
        assert told == [(watched.volume, ("d", "x"))]
        watched.local.end(other, (), False)
        assert len(watched.local) == 1
    finally:
        other.close()


def test_names_that_no_client_sees(watched: Watched) -> None:
    watched.begin()
    (watched.root / f"{LINK_PREFIX}1-2").mkdir()
    assert watched.news() == []


def test_a_writer_that_does_not_stop_wakes_nobody_more_than_it_must(watched: Watched) -> None:
    watched.begin()
    [fd] = watched.readers
    watched.readers[fd]()
    assert not watched.readers  # it rests
    watched.runtime.advance(local_changes.REST)
    assert list(watched.readers) == [fd]


class View:
    """The directories below a watched root, as somebody knows them who only listens."""

    def __init__(self) -> None:
        self.known: set[tuple[str, ...]] = set()

    def hear(self, change: Change) -> None:
        """Take in a change; nothing comes twice, and nothing goes that was not there."""
        if change.action in (ADDED, NEW):
            assert change.path not in self.known, f"{change.path} is there already"
            self.known.add(change.path)
        elif change.action in (REMOVED, OLD):
            assert change.path in self.known, f"{change.path} was not there"
            self.known.remove(change.path)


NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=2).map(tuple)
STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(("make", "remove", "rename")), PATHS, PATHS, st.booleans()), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_who_only_listens_knows_the_directory(
    steps: list[tuple[bool, str, tuple[str, ...], tuple[str, ...], bool]],
) -> None:
    """Two flat directories, both watched; own and foreign changes in any order, heard now or later."""
    with tempfile.TemporaryDirectory(dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None) as folder:
        root = Path(folder)
        for name in ("x", "y"):
            (root / name).mkdir()
        watched = Watched(root)
        view = View()
        try:
            watched.begin("x")
            watched.begin("y")
            for own, kind, first, second, listen in steps:
                one, two = (("xy"[len(path) % 2], path[0]) for path in (first, second))
                made: tuple[Change, ...] = ()
                try:
                    if kind == "make":
                        root.joinpath(*one).mkdir()
                        made = (Change(ADDED, DIRECTORY, one),)
                    elif kind == "remove":
                        root.joinpath(*one).rmdir()
                        made = (Change(REMOVED, DIRECTORY, one),)
                    elif one != two and not root.joinpath(*two).exists():
                        root.joinpath(*one).rename(root.joinpath(*two))
                        made = nt.renamed(one, two, True)
                except OSError:
                    continue
                if own:
                    watched.local.own(watched.volume, made)
                    watched.told += [(watched.volume, change) for change in made]
                if listen:
                    watched.news_to(view)
            watched.news_to(view)
            assert view.known == {(at, entry.name) for at in ("x", "y") for entry in (root / at).iterdir()}
        finally:
            watched.local.close()
            watched.volume.close()
