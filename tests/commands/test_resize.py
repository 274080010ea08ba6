"""Long changes of a file's size: in a thread, with everything else that is asked of the file before or after them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from struct import pack, unpack_from

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    DELETE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    INFO_FILE,
    NON_DIRECTORY_FILE,
    OPEN,
    OPEN_IF,
    OVERWRITE,
    OVERWRITE_IF,
    SHARE_ALL,
    SUPERSEDE,
    NoAnswer,
)
from conformance.client.session import File, Tree
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix.handle import PosixHandle
from smbserver.backend.size_limit import SizeLimited
from smbserver.commands.resize import LARGE
from smbserver.nt import status
from smbserver.nt.metadata import Metadata
from smbserver.objects.share import Share
from smbserver.waiter import Waiter
from tests.harness import START, World

SIZE = LARGE + 4096
ALLOCATION, END_OF_FILE, STANDARD = 19, 20, 5
RELATED = b"\xff" * 16


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


@pytest.fixture
def large(world: World) -> str:
    """Its bytes are there: what a hole has cannot be freed."""
    (world.data / "large").write_bytes(b"x" * SIZE)
    return "large"


def end_of_file(file: File, size: int) -> Request:
    return queries.set_info(file.file_id, INFO_FILE, END_OF_FILE, pack("<Q", size))


def allocation(file: File, size: int) -> Request:
    return queries.set_info(file.file_id, INFO_FILE, ALLOCATION, pack("<Q", size))


def overwriting(disposition: int = OVERWRITE, access: int = GENERIC_ALL) -> Request:
    return commands.create("large", access=access, disposition=disposition)


def size_of(file: File) -> int:
    return int(unpack_from("<8xQ", file.query(INFO_FILE, STANDARD))[0])


def answered(tree: Tree) -> list[int]:
    """The message ids of the replies there are, in their order."""
    client = tree.session.connection
    before = len(client.replies)
    while True:
        try:
            client.pump()
        except NoAnswer:
            return list(client.replies)[before:]


class Held:
    """A cut under way: the thread has not begun, or has it, until `finish`."""

    def __init__(self, world: World, tree: Tree) -> None:
        self.world, self.tree = world, tree
        self.file = tree.open("large", access=GENERIC_ALL)
        world.runtime.hold_offloaded = True
        self.message_id = tree.submit(end_of_file(self.file, 10))
        assert world.runtime.offloaded == 1
        world.runtime.hold_offloaded = True

    def finish(self) -> None:
        self.world.runtime.hold_offloaded = False
        self.world.runtime.run_offloaded()
        assert not self.world.state.files.resizes.under_way


@pytest.fixture
def held(world: World, tree: Tree, large: str) -> Held:
    return Held(world, tree)


# --- what goes to a thread ---


@pytest.mark.parametrize(
    ("size", "request_of", "threads"),
    [(10, end_of_file, 1), (10, allocation, 1), (8192, end_of_file, 0), (SIZE * 2, end_of_file, 0),
     (SIZE + LARGE * 2, allocation, 1), (SIZE + 4096, allocation, 0)],
)  # fmt: skip
def test_what_is_small_is_done_at_once(
    world: World, tree: Tree, large: str, size: int, request_of: Callable[[File, int], Request], threads: int
) -> None:
    file = tree.open("large", access=GENERIC_ALL)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(request_of(file, size))
    assert world.runtime.offloaded == threads
    assert (message_id in answered(tree)) is (threads == 0)
    world.runtime.run_offloaded()
    world.runtime.hold_offloaded = False
    assert tree.session.connection.wait(message_id).status == 0
    expected = size if request_of is end_of_file or size < SIZE else SIZE
    assert (world.data / "large").stat().st_size == size_of(file) == expected


def test_a_hole_costs_nothing(world: World, tree: Tree) -> None:
    with (world.data / "large").open("wb") as file:
        file.truncate(1 << 30)
    world.runtime.hold_offloaded = True
    tree.call(end_of_file(tree.open("large", access=GENERIC_ALL), 10)).check()
    tree.call(overwriting()).check()


def test_what_is_reserved_beyond_the_end_is_freed_by_a_thread_too(world: World, tree: Tree) -> None:
    file = tree.open("large", access=GENERIC_ALL, disposition=OPEN_IF)
    tree.call(allocation(file, SIZE)).check()
    if (world.data / "large").stat().st_blocks * 512 < SIZE:
        pytest.skip("nothing can be reserved here")
    world.runtime.hold_offloaded = True
    tree.submit(end_of_file(file, 0))
    assert world.runtime.offloaded == 1


# --- the order ---


def test_what_comes_during_a_cut_is_done_after_it_and_in_its_order(world: World, held: Held) -> None:
    tree, other = held.tree, world.tree()
    world.runtime.hold_offloaded = False
    own = [tree.submit(commands.read(held.file.file_id, 0, 100)), tree.submit(commands.close(held.file.file_id))]
    opening = other.submit(commands.create("large", access=GENERIC_ALL, disposition=OPEN))
    assert answered(tree) == answered(other) == []
    held.finish()
    assert answered(tree) == [held.message_id, *own]
    assert commands.decode_read(tree.session.connection.replies[own[0]].check()) == b"x" * 10
    made = commands.decode_create(other.session.connection.wait(opening).check())
    assert made.end_of_file == 10, "a size that he may cache is the one that stays"


def test_a_write_during_a_cut_is_not_cut(world: World, tree: Tree, large: str) -> None:
    other = tree.open("large", access=GENERIC_ALL)
    held = Held(world, tree)
    writing = tree.submit(commands.write(other.file_id, SIZE - 1, b"last"))
    asking = tree.submit(queries.query_info(other.file_id, INFO_FILE, STANDARD))
    held.finish()
    assert tree.session.connection.wait(writing).status == 0
    [size] = unpack_from("<8xQ", queries.decode_buffer(tree.session.connection.wait(asking).check()))
    assert size == SIZE + 3
    data = (world.data / "large").read_bytes()
    assert data == (b"x" * 10).ljust(SIZE - 1, b"\0") + b"last"


def test_a_stream_is_of_the_file(world: World, tree: Tree, large: str) -> None:
    stream = tree.open("large:s", access=GENERIC_ALL, disposition=OPEN_IF)
    held = Held(world, tree)
    writing = tree.submit(commands.write(stream.file_id, 0, b"more"))
    opening = tree.submit(commands.create("large:t", access=GENERIC_ALL, disposition=OPEN_IF))
    assert answered(tree) == []
    held.finish()
    assert answered(tree) == [held.message_id, writing, opening]


def test_other_files_are_not_concerned(world: World, held: Held) -> None:
    file = held.tree.open("small", access=GENERIC_ALL, disposition=OPEN_IF)
    file.write(0, b"1234")
    assert file.read(0, 4) == b"1234"
    file.close()
    held.finish()


def test_a_second_cut_waits_for_the_first(world: World, tree: Tree, large: str) -> None:
    other = tree.open("large", access=GENERIC_ALL)
    held = Held(world, tree)
    second = tree.submit(end_of_file(other, SIZE * 2))
    third = tree.submit(commands.write(other.file_id, SIZE * 2, b"!"))
    assert world.runtime.offloaded == 1
    held.finish()
    assert answered(tree) == [held.message_id, second, third]
    assert (world.data / "large").stat().st_size == SIZE * 2 + 1


def test_two_overwrites_one_after_the_other(world: World, tree: Tree, large: str) -> None:
    world.runtime.hold_offloaded = True
    first, second = tree.submit(overwriting()), tree.submit(overwriting())
    assert world.runtime.offloaded == 1
    world.runtime.run_offloaded()
    client = tree.session.connection
    assert client.wait(first).status == client.wait(second).status == 0


def test_a_share_mode_is_looked_at_when_the_cut_is_done(world: World, tree: Tree, large: str) -> None:
    world.runtime.hold_offloaded = True
    first = tree.submit(commands.create("large", access=GENERIC_ALL, disposition=OVERWRITE, share=0))
    second = tree.submit(commands.create("large", access=GENERIC_READ, disposition=OPEN))
    assert answered(tree) == []
    world.runtime.run_offloaded()
    client = tree.session.connection
    assert client.wait(first).status == 0
    assert client.wait(second).status == status.SHARING_VIOLATION


def test_a_folder_is_not_renamed_below_an_overwrite(world: World, tree: Tree) -> None:
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    (world.data / "folder" / "large").write_bytes(b"x" * SIZE)
    world.runtime.hold_offloaded = True
    cutting = tree.submit(commands.create("folder\\large", access=GENERIC_ALL, disposition=OVERWRITE))
    rename = queries.set_info(folder.file_id, INFO_FILE, 10, queries.rename_data("elsewhere"))
    assert tree.call(rename).status == status.ACCESS_DENIED
    world.runtime.run_offloaded()
    assert tree.session.connection.wait(cutting).status == 0


# --- CREATE ---


@pytest.mark.parametrize(("disposition", "action"), [(OVERWRITE, 3), (OVERWRITE_IF, 3), (SUPERSEDE, 0)])
def test_an_overwrite_is_the_same_by_a_thread(
    world: World, tree: Tree, large: str, disposition: int, action: int
) -> None:
    tree.open("large:stream", access=GENERIC_ALL, disposition=OPEN_IF).close()
    world.runtime.hold_offloaded = True
    message_id = tree.submit(overwriting(disposition))
    assert world.runtime.offloaded == 1
    assert (world.data / "large").stat().st_size == SIZE
    world.runtime.hold_offloaded = False
    world.runtime.run_offloaded()
    created = commands.decode_create(tree.session.connection.wait(message_id).check())
    assert (created.action, created.end_of_file, created.allocation_size) == (action, 0, 0)
    file = File(tree, created)
    file.write(0, b"new")
    assert file.query(INFO_FILE, 22).count("stream".encode("utf-16-le")) == 0
    file.close()
    assert (world.data / "large").read_bytes() == b"new"


def test_a_refused_overwrite_has_cut_nothing(world: World, tree: Tree, large: str) -> None:
    tree.open("large", access=GENERIC_READ, share=1)
    world.runtime.hold_offloaded = True
    assert tree.call(overwriting()).status == status.SHARING_VIOLATION
    assert tree.call(commands.create("large", access=GENERIC_ALL, disposition=OVERWRITE, options=DIRECTORY_FILE)).status
    assert (world.data / "large").stat().st_size == SIZE
    assert not world.state.files.resizes.under_way


def test_a_compound_goes_on_behind_a_cut(world: World, tree: Tree, large: str) -> None:
    world.runtime.hold_offloaded = True
    client = tree.session.connection
    requests = [
        overwriting(),
        commands.write(RELATED, 0, b"new"),
        queries.set_info(RELATED, INFO_FILE, END_OF_FILE, pack("<Q", 2)),
        commands.close(RELATED),
    ]
    ids = client.submit_compound([tree.request(each) for each in requests])
    assert answered(tree) == []
    world.runtime.run_offloaded()
    assert [client.wait(each).status for each in ids] == [0] * 4
    assert (world.data / "large").read_bytes() == b"ne"
    assert not len(world.state.files)


def test_in_the_middle_of_a_compound(world: World, tree: Tree, large: str) -> None:
    world.runtime.hold_offloaded = True
    client = tree.session.connection
    requests = [
        commands.create("large", access=GENERIC_ALL, disposition=OPEN),
        queries.set_info(RELATED, INFO_FILE, END_OF_FILE, pack("<Q", 2)),
        commands.read(RELATED, 0, 100),
        commands.close(RELATED),
    ]
    ids = client.submit_compound([tree.request(each) for each in requests])
    world.runtime.run_offloaded()
    replies = [client.wait(each) for each in ids]
    assert [each.status for each in replies] == [0] * 4
    assert commands.decode_read(replies[2]) == b"xx"


# --- failures ---


ERRORS = [
    (errno.EIO, status.IO_DEVICE_ERROR),
    (errno.ENOSPC, status.DISK_FULL),
    (errno.EDQUOT, status.DISK_FULL),
    (errno.EFBIG, status.DISK_FULL),
]


def failing(number: int) -> Callable[[PosixHandle, int], None]:
    def fail(self: PosixHandle, size: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(("number", "expected"), ERRORS)
@pytest.mark.parametrize("by", ["truncate", "allocate", "create"])
def test_an_error_is_told_as_what_it_is_and_leaves_nothing(
    world: World, tree: Tree, large: str, monkeypatch: pytest.MonkeyPatch, number: int, expected: int, by: str
) -> None:
    file = tree.open("large", access=GENERIC_ALL)
    if by == "create":
        file.close()
        request = overwriting()
    else:
        request = end_of_file(file, 10) if by == "truncate" else allocation(file, SIZE + LARGE)
    world.runtime.hold_offloaded = True
    monkeypatch.setattr(PosixHandle, "allocate" if by == "allocate" else "truncate", failing(number))
    message_id = tree.submit(request)
    opening = tree.submit(commands.create("large", access=GENERIC_READ, disposition=OPEN))
    world.runtime.run_offloaded()
    client = tree.session.connection
    assert client.wait(message_id).status == expected
    assert client.wait(opening).status == 0, "who waited goes on"
    assert not world.state.files.resizes.under_way
    assert sum(len(state.holders) for state in world.state.files._all()) == (1 if by == "create" else 2)


def test_attributes_that_cannot_be_set_after_the_cut(
    world: World, tree: Tree, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: PosixHandle, wanted: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(PosixHandle, "set_attributes", refuse)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(overwriting())
    world.runtime.run_offloaded()
    assert tree.session.connection.wait(message_id).status
    assert not len(world.state.files)


# --- clients that leave, or change their minds ---


@pytest.mark.parametrize("how", ["lost", "logoff", "disconnect"])
@pytest.mark.parametrize("by", ["set", "create"])
def test_the_client_goes_while_its_file_is_cut(world: World, tree: Tree, large: str, how: str, by: str) -> None:
    file = tree.open("large", access=GENERIC_ALL)
    other = world.tree()
    world.runtime.hold_offloaded = True
    tree.submit(overwriting() if by == "create" else end_of_file(file, 0))
    tree.submit(commands.read(file.file_id, 0, 1))
    opening = other.submit(commands.create("large", access=GENERIC_READ, disposition=OPEN))
    if how == "lost":
        tree.session.close()
    else:
        tree.session.call(commands.logoff()) if how == "logoff" else tree.disconnect()
    assert (world.data / "large").stat().st_size == SIZE
    world.runtime.hold_offloaded = False
    world.runtime.run_offloaded()
    assert (world.data / "large").stat().st_size == 0, "what was begun is done"
    opened = commands.decode_create(other.session.connection.wait(opening).check())
    assert opened.end_of_file == 0
    assert sum(len(state.holders) for state in world.state.files._all()) == 1, "nothing of the lost one is left"


def test_who_waits_goes_and_the_cut_is_done(world: World, held: Held) -> None:
    other = world.tree()
    other.submit(commands.create("large", access=GENERIC_READ, disposition=OPEN))
    other.session.close()
    held.finish()
    assert held.tree.session.connection.wait(held.message_id).status == 0


@pytest.mark.parametrize("by", ["set", "create"])
def test_cancel_does_not_undo_a_cut(world: World, tree: Tree, large: str, by: str) -> None:
    file = tree.open("large", access=GENERIC_ALL)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(overwriting() if by == "create" else end_of_file(file, 0))
    tree.session.connection.cancel(message_id)
    assert answered(tree) == []
    world.runtime.run_offloaded()
    assert tree.session.connection.wait(message_id).status == 0
    assert (world.data / "large").stat().st_size == 0


def test_who_waits_can_be_cancelled(world: World, held: Held) -> None:
    client = held.tree.session.connection
    reading = held.tree.submit(commands.read(held.file.file_id, 0, 1))
    opening = held.tree.submit(commands.create("large", access=GENERIC_READ, disposition=OPEN))
    client.cancel(reading)
    client.cancel(opening)
    assert client.wait(reading).status == client.wait(opening).status == status.CANCELLED
    held.finish()
    assert client.wait(held.message_id).status == 0


def test_the_threads_end_before_it_was_begun(
    world: World, tree: Tree, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `IoThreads.close` does it."""
    waiters: list[Waiter[None]] = []

    def offload(call: Callable[[], None], *_: object) -> Waiter[None]:
        waiters.append(Waiter())
        return waiters[-1]

    monkeypatch.setattr(world.runtime, "offload", offload)
    message_id = tree.submit(overwriting())
    waiters[0].cancel()
    assert tree.session.connection.wait(message_id).status == status.CANCELLED
    assert (world.data / "large").stat().st_size == SIZE
    assert not len(world.state.files)
    assert not world.state.files.resizes.under_way


def test_what_is_deleted_meanwhile_goes_with_the_last_open(world: World, tree: Tree, large: str) -> None:
    """Its other open ends with its connection, and was to delete it."""
    other = world.tree()
    other.open("large", access=DELETE, options=NON_DIRECTORY_FILE | 0x1000, share=SHARE_ALL)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(overwriting())
    other.session.close()
    world.runtime.hold_offloaded = False
    world.runtime.run_offloaded()
    created = commands.decode_create(tree.session.connection.wait(message_id).check())
    assert (world.data / "large").exists()
    File(tree, created).close()
    assert not (world.data / "large").exists()


def test_the_size_is_looked_at_once(world: World, tree: Tree, large: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files pay one look for a SET_INFO, and nothing for a CREATE."""
    looks = []
    plain = PosixHandle.metadata

    def counted(self: PosixHandle) -> Metadata:
        looks.append(self)
        return plain(self)

    file = tree.open("small", access=GENERIC_ALL, disposition=OPEN_IF)
    monkeypatch.setattr(PosixHandle, "metadata", counted)
    tree.call(end_of_file(file, 10)).check()
    assert len(looks) == 1


# --- room asked for by CREATE ---


def with_room(name: str, room: int, disposition: int = OVERWRITE_IF, options: int = 0) -> Request:
    context = (b"AlSi", pack("<Q", room))
    return commands.create(name, access=GENERIC_ALL, disposition=disposition, options=options, contexts=[context])


@pytest.mark.parametrize(("name", "calls"), [("new", 1), ("large", 2), ("small", 1), ("new:stream", 1)])
def test_much_room_is_reserved_by_a_thread(world: World, tree: Tree, large: str, name: str, calls: int) -> None:
    (world.data / "small").write_bytes(b"1")
    world.runtime.hold_offloaded = True
    message_id = tree.submit(with_room(name, LARGE))
    for _ in range(calls):
        assert answered(tree) == []
        assert world.runtime.offloaded == 1
        world.runtime._offloaded.popleft()()
    created = commands.decode_create(tree.session.connection.wait(message_id).check())
    assert created.end_of_file == 0
    assert created.allocation_size in (0, LARGE)  # not every file system reserves
    world.runtime.hold_offloaded = False
    File(tree, created).write(0, b"data")
    tree.call(with_room(name, 4096)).check()  # little is reserved at once


@pytest.mark.parametrize("name", ["new", "large", "small"])
@pytest.mark.parametrize("options", [0, 0x1000])
def test_there_is_no_such_room(
    world: World, tree: Tree, large: str, monkeypatch: pytest.MonkeyPatch, name: str, options: int
) -> None:
    """What was not there is not there then; what was stays, empty, also when it was to go with the close."""
    (world.data / "small").write_bytes(b"1")
    monkeypatch.setattr(PosixHandle, "allocate", failing(errno.ENOSPC))
    watched = tree.open("", options=DIRECTORY_FILE)
    watching = tree.submit(queries.change_notify(watched.file_id, completion_filter=0x1))  # names
    reply = tree.call(with_room(name, LARGE, options=options))
    assert reply.status == status.DISK_FULL
    assert (world.data / name).exists() is (name != "new")
    assert watching not in answered(tree)
    assert not world.state.files.resizes.under_way
    watched.close()
    assert not len(world.state.files)


def test_a_refused_overwrite_deletes_nothing(
    world: World, tree: Tree, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PosixHandle, "truncate", failing(errno.EIO))
    request = commands.create("large", access=GENERIC_ALL, disposition=OVERWRITE, options=0x1000)
    assert tree.call(request).status == status.IO_DEVICE_ERROR
    assert (world.data / "large").stat().st_size == SIZE


def test_the_client_of_a_new_file_goes(world: World, tree: Tree) -> None:
    world.runtime.hold_offloaded = True
    tree.submit(with_room("new", LARGE))
    tree.session.close()
    world.runtime.run_offloaded()
    assert not (world.data / "new").exists()
    assert not len(world.state.files)


@pytest.mark.parametrize("kind", ["memory", "limited"])
def test_other_stores(share_folder: Path, kind: str) -> None:
    """One that keeps everything in memory, and one with a limit, whose account is right behind a thread too."""
    memory = MemoryBackend(lambda: START)
    store = memory if kind == "memory" else SizeLimited(memory, SIZE * 2, memory.measure, lambda: START)
    world = World(share_folder, shares=[Share("data", store)])
    try:
        tree = world.tree()
        file = tree.create("large")
        file.write(0, bytes(SIZE))
        world.runtime.hold_offloaded = True
        cutting = tree.submit(end_of_file(file, 10))
        opening = tree.submit(commands.create("large", access=GENERIC_READ, disposition=OPEN))
        assert world.runtime.offloaded == 1
        world.runtime.run_offloaded()
        client = tree.session.connection
        assert client.wait(cutting).status == 0
        assert commands.decode_create(client.wait(opening).check()).end_of_file == 10
        world.runtime.hold_offloaded = False
        tree.call(end_of_file(file, SIZE * 2)).check()
        tree.call(overwriting()).check()
        if isinstance(store, SizeLimited):
            assert store.usage.used == 0
            assert tree.call(with_room("large", SIZE * 3)).status == status.DISK_FULL
    finally:
        world.close()
