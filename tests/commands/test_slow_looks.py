"""Names on a slow disk: a thread looks before CREATE and QUERY_DIRECTORY do, which then begin anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from conformance.client import commands, contexts, queries
from conformance.client.protocol import (
    DIRECTORY_FILE,
    GENERIC_ALL,
    OPEN,
    OPEN_IF,
    OPLOCK_BATCH,
    RELATED_FILE_ID,
    NoAnswer,
    StatusFailure,
)
from conformance.client.session import File, Tree
from smbserver.backend.base import Backend, Handle, Located
from smbserver.commands import create as create_command
from smbserver.commands import query_directory
from smbserver.commands.query_directory import SLICE
from smbserver.nt import names, status
from smbserver.waiter import Waiter
from tests.harness import FILETIME_SECOND, World

SEEK = FILETIME_SECOND // 50  # longer than SLOW
LISTED = 3 * SLICE


class SlowHandle:
    """A directory whose entries the loop waits for."""

    def __init__(self, handle: Handle, disk: SlowDisk, path: names.Path) -> None:
        self._handle, self._disk, self._path = handle, disk, path

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the contract has
        return getattr(self._handle, name)

    def scan(self, owned: bool = False) -> Iterator[object]:
        """As the handle's own, each entry late unless a thread has looked."""
        for number, entry in enumerate(self._handle.scan(owned)):
            if number >= self._disk.listed.get(self._path, 0) or self._disk.is_busy:
                self._disk.loop_waits((*self._path, entry[0]))
            yield entry


class SlowDisk:
    """A store that takes SEEK of the runtime's time for a name that nobody has looked at before."""

    def __init__(self, world: World) -> None:
        backend = world.shares[0].backend
        assert backend is not None
        self._backend, self._world = backend, world
        world.shares[0].backend = cast(Backend, self)
        self.cached: set[names.Path] = set()
        self.listed: dict[names.Path, int] = {}
        """To which of their entries threads have looked."""
        self.is_broken = False
        self.is_busy = False
        """The loop takes long whatever was looked at."""
        self.waited: list[names.Path] = []
        """What the loop waited for."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the contract has
        return getattr(self._backend, name)

    def loop_waits(self, path: names.Path) -> None:
        """For a seek."""
        self.waited.append(path)
        self._world.runtime.time += SEEK

    def locate(self, path: names.Path, *more: Any, **named: Any) -> Located:  # noqa: ANN401 - as it came
        """See `backend.base.Backend`."""
        if path not in self.cached or self.is_busy:
            self.cached.add(path)
            self.loop_waits(path)
        return self._backend.locate(path, *more, **named)

    def look_ahead(self, path: names.Path) -> int:
        """See `backend.base.Backend`."""
        if self.is_broken:
            raise PermissionError("who looks may not")
        if path not in self.cached:
            self._world.runtime.time += SEEK
        self.cached.add(path)
        return self._backend.look_ahead(path)

    def look_at_entries(self, path: names.Path, start: int, count: int) -> int:
        """See `backend.base.Backend`."""
        if self.is_broken:
            raise PermissionError("who looks may not")
        self._world.runtime.time += count * SEEK
        self.listed[path] = start + count
        return self._backend.look_at_entries(path, start, count)

    def open(self, located: Located, read: bool, write: bool) -> Handle:
        """See `backend.base.Backend`."""
        handle = self._backend.open(located, read, write)
        return cast(Handle, SlowHandle(handle, self, located.path)) if handle.is_directory else handle


@pytest.fixture
def disk(world: World) -> SlowDisk:
    """Slow, and known to be."""
    for name in ("first", "cold", "other"):
        (world.data / name).write_text(name)
    disk = SlowDisk(world)
    world.tree().open("first").close()
    assert disk.waited == [("first",)]
    disk.waited.clear()
    world.runtime.hold_offloaded = True
    return disk


def asked(tree: Tree, name: str, **more: Any) -> int:  # noqa: ANN401 - as `commands.create` has them
    """The message id of a CREATE that nobody waits for."""
    return tree.submit(commands.create(name, access=GENERIC_ALL, disposition=OPEN, **more))


def answered(tree: Tree, message: int) -> File:
    return File(tree, commands.decode_create(tree.session.connection.wait(message).check()))


def code(tree: Tree, message: int) -> int:
    return tree.session.connection.wait(message).status


def waits(tree: Tree, message: int) -> bool:
    try:
        tree.session.connection.wait(message)
    except NoAnswer:
        return True
    return False


def test_a_thread_looks_and_the_loop_does_not_wait(world: World, disk: SlowDisk) -> None:
    tree = world.tree()
    message = asked(tree, "cold")
    assert waits(tree, message)
    world.runtime.run_offloaded()
    with answered(tree, message) as file:
        assert file.read(0, 9) == b"cold"
    assert disk.waited == []


def test_what_is_quick_needs_no_thread(world: World) -> None:
    (world.data / "file").touch()
    world.runtime.hold_offloaded = True
    tree = world.tree()
    tree.open("file").close()
    tree.list_directory()
    assert not world.runtime.offloaded


def test_slow_looks_in_threads_prolong_it_and_quick_ones_do_not(world: World, disk: SlowDisk) -> None:
    tree = world.tree()
    for name in ("cold", "other"):
        world.runtime.advance(0.9)
        message = asked(tree, name)
        assert waits(tree, message)
        world.runtime.run_offloaded()
        answered(tree, message).close()
    world.runtime.advance(0.9)
    message = asked(tree, "other")
    world.runtime.run_offloaded()
    answered(tree, message).close()
    world.runtime.advance(0.2)
    tree.open("other").close()
    assert not world.runtime.offloaded


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.rename(path.with_name("moved"))])
def test_what_is_there_in_the_end_counts(world: World, disk: SlowDisk, change: Callable[[Path], object]) -> None:
    tree = world.tree()
    absent, present = asked(tree, "late"), asked(tree, "cold")
    (world.data / "late").touch()
    change(world.data / "cold")
    world.runtime.run_offloaded()
    answered(tree, absent).close()
    assert code(tree, present) == status.OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize("name", ["no", "no\\such", "cold\\below", "bad\x01", "..\\up", "a" * 300, "folder\\no"])
def test_refused_as_ever(world: World, disk: SlowDisk, name: str) -> None:
    tree = world.tree()
    (world.data / "folder").mkdir()
    message = asked(tree, name)
    world.runtime.run_offloaded()
    told = code(tree, message)
    world.runtime.hold_offloaded = False
    world.runtime.advance(5)
    with pytest.raises(StatusFailure) as quick:
        tree.open(name)
    assert told == quick.value.status


def test_in_a_compound(world: World, disk: SlowDisk) -> None:
    tree = world.tree()
    requests = [
        commands.create("cold", access=GENERIC_ALL, disposition=OPEN),
        commands.read(RELATED_FILE_ID, 0, 9),
        commands.close(RELATED_FILE_ID),
    ]
    messages = tree.session.connection.submit_compound([tree.request(request) for request in requests])
    assert waits(tree, messages[0])
    world.runtime.run_offloaded()
    replies = [tree.session.connection.wait(message).check() for message in messages]
    assert commands.decode_read(replies[1]) == b"cold"


def test_cancelled_it_is_opened_all_the_same(world: World, disk: SlowDisk) -> None:
    """Else a client could leave looks behind without end."""
    tree = world.tree()
    message = asked(tree, "cold")
    tree.session.connection.cancel(message)
    world.runtime.run_offloaded()
    answered(tree, message).close()


def test_too_many_at_a_time_are_looked_at_by_the_loop(
    world: World, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_command, "MAX_PENDING", 1)
    tree = world.tree()
    message = asked(tree, "cold")
    tree.open("other").close()
    assert disk.waited == [("other",)]
    world.runtime.run_offloaded()
    answered(tree, message).close()


def test_what_takes_long_behind_a_look_is_not_the_disk(world: World, disk: SlowDisk) -> None:
    """Else a busy server would find its disk slow for ever."""
    disk.is_busy = True
    disk.cached |= {("cold",), ("other",)}
    tree = world.tree()
    until = world.shares[0].looks_slow_until
    message = asked(tree, "cold")
    world.runtime.run_offloaded()
    answered(tree, message).close()
    assert world.shares[0].looks_slow_until == until


def test_as_long_as_a_thread_looks_it_is_slow(world: World, disk: SlowDisk) -> None:
    tree = world.tree()
    first = asked(tree, "cold")
    for _ in range(10):
        world.runtime.advance(0.5)
    second = asked(tree, "other")
    assert world.runtime.offloaded == 2
    world.runtime.run_offloaded()
    for message in (first, second):
        answered(tree, message).close()
    assert disk.waited == []


def test_a_look_that_fails(world: World, disk: SlowDisk) -> None:
    disk.is_broken = True
    tree = world.tree()
    message = asked(tree, "cold")
    world.runtime.run_offloaded()
    answered(tree, message).close()
    assert disk.waited == [("cold",)]


def test_reads_wait_for_no_look_and_opens_for_no_listing(
    world: World, disk: SlowDisk, folder: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores: list[object] = []
    offload = world.runtime.offload

    # Any: whatever the call gives.
    def seen(call: Callable[[], Any], store: object = None, client: object = None, line: object = None) -> Waiter[Any]:
        stores.append(store)
        return offload(call, store, client, line)

    monkeypatch.setattr(world.runtime, "offload", seen)
    tree = world.tree()
    listing(opened(tree))
    tree.create("new").flush()
    share = world.shares[0]
    assert set(stores) - {None} == {(share, "names"), (share, "entries"), share}


def test_a_replay_meanwhile_is_told_to_come_again(world: World, disk: SlowDisk) -> None:
    tree = world.tree()
    request = commands.create(
        "cold", access=GENERIC_ALL, disposition=OPEN_IF, oplock=OPLOCK_BATCH, contexts=(contexts.durable_v2(b"g" * 16),)
    )
    message = tree.submit(request)
    request.flags |= 0x20000000  # SMB2_FLAGS_REPLAY_OPERATION
    assert tree.call(request).status == status.FILE_NOT_AVAILABLE
    world.runtime.run_offloaded()
    first = answered(tree, message)
    assert commands.decode_create(tree.call(request).check()).file_id == first.file_id


def disconnect_it(tree: Tree) -> None:
    tree.disconnect()


def log_off(tree: Tree) -> None:
    tree.session.log_off()


def cut(tree: Tree) -> None:
    tree.session.connection.close()


@pytest.mark.parametrize("end", [disconnect_it, log_off, cut])
def test_nobody_is_there_any_more(world: World, disk: SlowDisk, end: Callable[[Tree], None]) -> None:
    tree = world.tree()
    asked(tree, "cold")
    end(tree)
    world.runtime.run_offloaded()
    assert len(world.state.files) == 0
    assert (("cold",) in disk.cached) == (end is not cut)


# --- listings ---


@pytest.fixture
def folder(world: World, disk: SlowDisk) -> set[str]:
    """The names in it, with "." and ".."."""
    (world.data / "folder").mkdir()
    found = {f"{number:03}" for number in range(LISTED)}
    for name in found:
        (world.data / "folder" / name).touch()
    disk.cached.add(("folder",))
    world.runtime.hold_offloaded = False
    return found | {".", ".."}


def opened(tree: Tree) -> File:
    return tree.open("folder", options=DIRECTORY_FILE)


def listing(file: File, pattern: str = "*", length: int = 65536) -> list[str]:
    return [entry.name for entry in file.list_directory(pattern, length=length)]


@pytest.mark.parametrize("length", [65536, 2048])
def test_a_listing(world: World, disk: SlowDisk, folder: set[str], length: int) -> None:
    found = listing(opened(world.tree()), length=length)
    assert set(found) == folder
    assert len(found) == len(folder)
    assert disk.waited == []


@pytest.mark.parametrize("length", [65536, 2048])
def test_a_listing_that_finds_out(world: World, disk: SlowDisk, folder: set[str], length: int) -> None:
    """The loop waits for some entries and no more."""
    file = opened(world.tree())
    world.runtime.advance(5)
    found = listing(file, length=length)
    assert set(found) == folder
    assert len(found) == len(folder)
    assert 0 < len(disk.waited) < 10


def test_what_takes_long_behind_a_look_at_entries_is_not_the_disk(
    world: World, disk: SlowDisk, folder: set[str]
) -> None:
    file = opened(world.tree())
    disk.is_busy = True
    until = world.shares[0].looks_slow_until
    assert set(listing(file, length=2048)) == folder
    assert world.shares[0].looks_slow_until == until


@pytest.mark.parametrize("pattern", [".", ".."])
def test_the_directory_itself_is_looked_for_among_all(
    world: World, disk: SlowDisk, folder: set[str], pattern: str
) -> None:
    assert listing(opened(world.tree()), pattern) == [pattern]
    assert disk.waited == []


def test_looks_grow_to_a_limit_and_end_with_their_client(
    world: World, disk: SlowDisk, folder: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_directory, "FIRST_LOOK", SLICE)
    monkeypatch.setattr(query_directory, "MOST_LOOKED_AT", 2 * SLICE)
    for number in range(8 * SLICE):
        (world.data / "folder" / f"more {number}").touch()
    tree = world.tree()
    file = opened(tree)
    world.runtime.hold_offloaded = True
    query(file, pattern="zz*")
    looked = []
    while disk.listed.get(("folder",), 0) < 6 * SLICE:
        world.runtime.run_one_offloaded()
        looked.append(disk.listed[("folder",)] // SLICE)
    assert sorted(set(looked)) == [1, 2, 4, 6]
    tree.session.connection.close()
    world.runtime.run_offloaded()
    assert disk.listed[("folder",)] <= 8 * SLICE
    assert len(world.state.files) == 0


def test_one_name(world: World, disk: SlowDisk, folder: set[str]) -> None:
    file = opened(world.tree())
    assert listing(file, "007") == ["007"]
    assert disk.waited == []
    assert disk.listed == {}


def test_one_name_and_then_all(world: World, disk: SlowDisk, folder: set[str]) -> None:
    """That a thread has looked at the one says nothing of the others."""
    tree = world.tree()
    file = opened(tree)
    world.runtime.hold_offloaded = True
    messages = [query(file, pattern="007"), query(file, queries.REOPEN)]
    assert all(waits(tree, message) for message in messages)
    world.runtime.run_offloaded()
    assert [code(tree, message) for message in messages] == [0, 0]
    assert disk.waited == []


def test_a_listing_whose_looks_fail(world: World, disk: SlowDisk, folder: set[str]) -> None:
    file = opened(world.tree())
    disk.is_broken = True
    assert set(listing(file)) == folder


def query(file: File, flags: int = 0, pattern: str = "*") -> int:
    return file.tree.submit(queries.query_directory(file.file_id, length=2048, flags=flags, pattern=pattern))


def test_who_waits_for_a_look_takes_no_turns(world: World, disk: SlowDisk, folder: set[str]) -> None:
    """Of a listing that has found out in its middle."""
    tree = world.tree()
    file = opened(tree)
    world.runtime.advance(5)
    world.runtime.hold_offloaded = True
    messages = [query(file, queries.RESTART_SCANS)]
    turns = world.runtime.turns
    messages.append(query(file))
    assert world.runtime.turns == turns
    assert world.runtime.offloaded == 1
    world.runtime.run_offloaded()
    assert [code(tree, message) for message in messages] == [0, 0]


def test_requests_that_come_meanwhile_go_on_in_their_order(world: World, disk: SlowDisk, folder: set[str]) -> None:
    tree = world.tree()
    file = opened(tree)
    world.runtime.hold_offloaded = True
    messages = [query(file, queries.RESTART_SCANS), query(file)]
    world.runtime.advance(5)  # it is not slow any more
    messages.append(query(file))
    assert all(waits(tree, message) for message in messages)
    world.runtime.run_offloaded()
    found: list[str] = []
    for message in messages:
        reply = tree.session.connection.wait(message).check()
        found += [entry.name for entry in queries.decode_entries(queries.decode_buffer(reply))]
    assert len(set(found)) == len(found) > 10
    assert disk.waited == []


def test_closed_meanwhile(world: World, disk: SlowDisk, folder: set[str]) -> None:
    tree = world.tree()
    file = opened(tree)
    world.runtime.hold_offloaded = True
    message = query(file)
    file.close()
    world.runtime.run_offloaded()
    assert code(tree, message) == 0
    assert len(world.state.files) == 0


def test_closed_while_one_name_is_looked_at(world: World, disk: SlowDisk, folder: set[str]) -> None:
    tree = world.tree()
    file = opened(tree)
    world.runtime.hold_offloaded = True
    message = query(file, pattern="007")
    file.close()
    world.runtime.run_offloaded()
    assert code(tree, message) == status.FILE_CLOSED
