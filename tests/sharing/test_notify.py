"""Watches: what gathers, who is answered, bounds and ends, against a model that keeps every event for ever."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smbserver.errors import StatusError
from smbserver.nt import changes as nt
from smbserver.nt import status
from smbserver.nt.changes import Change
from smbserver.nt.names import Path
from smbserver.sharing import notify
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.holder import Holder
from smbserver.sharing.notify import MAX_BUFFER, Outcome, Watch, WatchTable
from smbserver.waiter import Waiter

VOLUME, OTHER = object(), object()
ANY = 0xFFF


def added(*path: str) -> Change:
    return Change(nt.ACTION_ADDED, nt.FILTER_FILE_NAME, path)


def modified(*path: str) -> Change:
    return Change(nt.ACTION_MODIFIED, nt.FILTER_SIZE, path)


def names(waiter: Waiter[Outcome]) -> list[str]:
    """The names in an answer."""
    outcome = waiter.result()
    assert outcome.status == status.SUCCESS
    return [name for _, name in outcome.entries]


def test_who_hears_of_what() -> None:
    table = WatchTable()
    here = table.begin(VOLUME, ("a",), ANY, False, 1000)
    tree = table.begin(VOLUME, (), ANY, True, 1000)
    elsewhere = table.begin(OTHER, ("a",), ANY, True, 1000)
    only_directories = table.begin(VOLUME, ("a",), nt.FILTER_DIR_NAME, True, 1000)
    nothing = table.begin(VOLUME, ("a",), 0, True, 1000)
    table.report(VOLUME, [added("a", "x"), added("a", "b", "y"), added("z"), added("a")])
    assert names(here.wait(1000)) == ["x"]
    assert names(tree.wait(1000)) == ["a\\x", "a\\b\\y", "z", "a"]
    for watch in (elsewhere, only_directories, nothing):
        assert not watch.wait(1000).done
    for watch in (here, tree, elsewhere, only_directories, nothing):
        watch.end(status.NOTIFY_CLEANUP)
    assert not len(table)
    assert not table.buffered


def test_both_names_of_a_rename_come_together() -> None:
    table = WatchTable()
    watch = table.begin(VOLUME, (), ANY, False, 1000)
    waiter = watch.wait(1000)
    table.report(VOLUME, nt.renamed(("a",), ("b",), False))
    assert waiter.result().entries == ((nt.ACTION_RENAMED_OLD_NAME, "a"), (nt.ACTION_RENAMED_NEW_NAME, "b"))


def test_a_move_between_directories_is_two_changes() -> None:
    assert [change.action for change in nt.renamed(("a", "x"), ("b", "x"), True)] == [
        nt.ACTION_REMOVED,
        nt.ACTION_ADDED,
    ]


def test_oldest_first() -> None:
    watch = WatchTable().begin(VOLUME, (), ANY, False, 1000)
    first, second = watch.wait(1000), watch.wait(1000)
    watch._table.report(VOLUME, [added("x")])
    assert names(first) == ["x"]
    assert not second.done
    watch._table.report(VOLUME, [added("y")])
    assert names(second) == ["y"]


def test_a_cancelled_request_takes_nothing_along() -> None:
    table = WatchTable()
    watch = table.begin(VOLUME, (), ANY, False, 1000)
    gone, stays = watch.wait(1000), watch.wait(1000)
    gone.cancel()
    table.report(VOLUME, [added("x")])
    assert gone.cancelled
    assert names(stays) == ["x"]


def test_what_does_not_fit_is_to_be_looked_up() -> None:
    table = WatchTable()
    watch = table.begin(VOLUME, (), ANY, False, 1000)
    waiter = watch.wait(15)
    table.report(VOLUME, [added("x")])  # 12 + 2, padded to 16
    assert waiter.result() == Outcome(status.NOTIFY_ENUM_DIR)
    waiter = watch.wait(16)
    table.report(VOLUME, [added("x")])
    assert names(waiter) == ["x"]


def test_the_first_request_says_how_much_gathers() -> None:
    table = WatchTable()
    small = table.begin(VOLUME, (), ANY, False, 1)
    assert not small.wait(1).done
    table.report(VOLUME, [added("x"), added("y")])
    table.report(VOLUME, [added("z")])
    assert small.wait(1000).result() == Outcome(status.NOTIFY_ENUM_DIR)
    assert not small.wait(1000).done
    large = table.begin(VOLUME, (), ANY, False, 1 << 23)
    for number in range(MAX_BUFFER // 16 + 1):
        table.report(VOLUME, [added("xy"[number % 2])])
    assert large.wait(1 << 23).result() == Outcome(status.NOTIFY_ENUM_DIR)
    assert not table.buffered


def test_all_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    table = WatchTable()
    watches = [table.begin(VOLUME, (), ANY, False, 1000) for _ in range(10)]
    monkeypatch.setattr(notify, "MAX_BUFFERED", 64)
    table.report(VOLUME, [added("x")])
    answers = [watch.wait(1000).result().status for watch in watches]
    assert answers == [status.SUCCESS] * 4 + [status.NOTIFY_ENUM_DIR] * 6
    assert not table.buffered


def test_modified_twice_is_modified() -> None:
    table = WatchTable()
    watch = table.begin(VOLUME, (), ANY, False, 1000)
    table.report(VOLUME, [modified("x"), modified("x"), modified("y"), modified("x")])
    assert names(watch.wait(1000)) == ["x", "y", "x"]


def test_the_end_of_an_open_and_of_a_directory() -> None:
    table = FileTable()
    holders = [Holder(1, 7, ("d",), VOLUME) for _ in range(2)]
    for holder in holders:
        state = table.enter((1, 1), holder)
        holder.watch = table.watches.begin(VOLUME, ("d",), ANY, False, 1000)
    watches = [holder.watch for holder in holders if holder.watch is not None]
    first, second = (watch.wait(1000) for watch in watches)
    table.leave(state, holders[0])
    assert first.result() == Outcome(status.NOTIFY_CLEANUP)
    assert not second.done
    state.set_delete(("d",), VOLUME)
    assert second.result() == Outcome(status.DELETE_PENDING)
    assert holders[1].watch is None
    assert not len(table.watches)


def test_the_end_of_a_session() -> None:
    watch = WatchTable().begin(VOLUME, (), ANY, False, 1000)
    waiter = watch.wait(1000)
    waiter.end()
    with pytest.raises(StatusError) as refusal:
        waiter.result()
    assert refusal.value.status == status.NOTIFY_CLEANUP


def test_a_renamed_directory_takes_its_watches_along() -> None:
    table = FileTable()
    watch = table.watches.begin(VOLUME, ("a", "b"), ANY, False, 1000)
    table.renamed(VOLUME, ("a",), ("c",))
    table.watches.report(VOLUME, [added("a", "b", "old"), added("c", "b", "new")])
    assert names(watch.wait(1000)) == ["new"]


def test_listeners_hear_of_names_and_of_losses() -> None:
    heard: list[tuple[object, list[Change], object]] = []
    table = WatchTable()
    table.listeners.append(lambda volume, changes, by: heard.append((volume, list(changes), by)))
    table.report(VOLUME, [added("x")], by="holder")
    table.report_content(VOLUME, modified("x"))
    table.report_local(VOLUME, [added("y")])
    table.overflow()
    assert heard == [
        (VOLUME, [added("x")], "holder"),
        (VOLUME, [added("y")], None),
        (None, [], None),
    ]


def test_whether_anybody_would_hear() -> None:
    table = WatchTable()
    assert not table.is_heard
    watch = table.begin(VOLUME, (), ANY, False, 1000)
    assert table.is_heard
    watch.end(status.NOTIFY_CLEANUP)
    assert not table.is_heard
    table.listeners.append(lambda volume, changes, by: None)
    assert table.is_heard


def test_lost_local_changes() -> None:
    table = WatchTable()
    waiting, idle = (table.begin(volume, (), ANY, False, 1000) for volume in (VOLUME, OTHER))
    waiter = waiting.wait(1000)
    table.overflow()
    assert waiter.result() == idle.wait(1000).result() == Outcome(status.NOTIFY_ENUM_DIR)


PATHS = st.lists(st.sampled_from("ab"), max_size=3).map(tuple)
FILTERS = (nt.FILTER_FILE_NAME, nt.FILTER_DIR_NAME, nt.FILTER_SIZE)


class Model:
    """A watch as a list of all that it should have seen, and the requests that wait for it."""

    def __init__(self, watch: Watch, path: Path, matches: int, tree: bool) -> None:
        self.watch, self.path, self.matches, self.tree = watch, path, matches, tree
        self.events: list[tuple[int, str]] = []
        self.waiting: list[Waiter[Outcome]] = []
        self.live = True

    def sees(self, change: Change) -> bool:
        below = change.path[: len(self.path)] == self.path and len(change.path) > len(self.path)
        near = len(change.path) == len(self.path) + 1
        return self.live and below and (near or self.tree) and bool(change.matches & self.matches)


class Watching(RuleBasedStateMachine):
    """Any order of watches, changes, requests, cancels, renames and ends."""

    @initialize()
    def begin_table(self) -> None:
        self.table = WatchTable()
        self.models: list[Model] = []

    @rule(path=PATHS, matches=st.integers(0, 7).map(lambda bits: bits & 3 | (bits & 4) << 1), tree=st.booleans())
    def watch(self, path: Path, matches: int, tree: bool) -> None:
        watch = self.table.begin(VOLUME, path, matches, tree, MAX_BUFFER)
        self.models.append(Model(watch, path, matches, tree))

    @rule(
        changes=st.lists(
            st.builds(Change, st.sampled_from((1, 2)), st.sampled_from(FILTERS), PATHS.filter(bool)), max_size=3
        )
    )
    def report(self, changes: list[Change]) -> None:
        expected: list[tuple[Waiter[Outcome], list[tuple[int, str]]]] = []
        for model in self.models:
            seen = [
                (change.action, "\\".join(change.path[len(model.path) :])) for change in changes if model.sees(change)
            ]
            model.events += seen
            if seen and model.waiting:
                expected.append((model.waiting.pop(0), model.events))
                model.events = []
        self.table.report(VOLUME, changes)
        for waiter, events in expected:
            assert waiter.result() == Outcome(status.SUCCESS, tuple(events))

    @precondition(lambda self: any(model.live for model in self.models))
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from([model for model in self.models if model.live]))
        waiter = model.watch.wait(MAX_BUFFER)
        if model.events:
            assert waiter.result() == Outcome(status.SUCCESS, tuple(model.events))
            model.events = []
        else:
            model.waiting.append(waiter)

    @precondition(lambda self: any(model.waiting for model in self.models))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from([model for model in self.models if model.waiting]))
        waiter = data.draw(st.sampled_from(model.waiting))
        waiter.cancel()
        model.waiting.remove(waiter)

    @precondition(lambda self: any(model.live for model in self.models))
    @rule(data=st.data(), code=st.sampled_from((status.NOTIFY_CLEANUP, status.DELETE_PENDING)))
    def end(self, data: st.DataObject, code: int) -> None:
        model = data.draw(st.sampled_from([model for model in self.models if model.live]))
        model.watch.end(code)
        assert all(waiter.result() == Outcome(code) for waiter in model.waiting)
        model.live, model.waiting, model.events = False, [], []

    @rule(old=PATHS.filter(bool), name=st.sampled_from("xy"))
    def rename(self, old: Path, name: str) -> None:
        new = (*old[:-1], name)
        self.table.renamed(VOLUME, old, new)
        for model in self.models:
            if model.path[: len(old)] == old:
                model.path = new + model.path[len(old) :]

    @invariant()
    def nothing_is_lost_or_left(self) -> None:
        assert len(self.table) == sum(model.live for model in self.models)
        assert all(not waiter.done for model in self.models for waiter in model.waiting)
        assert bool(self.table.buffered) == any(model.events for model in self.models)


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_watch_is_told_only_what_it_may_see_and_asks_once_for_each_report() -> None:
    table = FileTable()
    watch = table.watches.begin(VOLUME, (), ANY, True, 1000)
    asked: list[Path] = []

    def may_see(directory: Path) -> bool:
        asked.append(directory)
        return directory != ("closed",)

    watch.may_see = may_see
    waiting = watch.wait(1000)
    table.watches.report(
        VOLUME,
        [added("closed", "a"), added("open", "b"), added("closed", "c"), added("open", "d"), added("e")],
    )
    assert names(waiting) == ["open\\b", "open\\d", "e"]
    assert asked == [("closed",), ("open",)]
    watch.end(0)
