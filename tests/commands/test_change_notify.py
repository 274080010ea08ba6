"""CHANGE_NOTIFY: what is told of every kind of change, when it is told, how a wait ends, and what is refused."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator

import pytest

from conformance.client import commands, queries
from conformance.client.message import Reply, Request
from conformance.client.ntlm import Credentials
from conformance.client.protocol import (
    CREATE,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    FLAG_ASYNC,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN_IF,
    PENDING,
    RELATED_FILE_ID,
    NoAnswer,
)
from conformance.client.session import File, Options, Tree
from smbserver.backend.posix import LocalChanges
from smbserver.backend.posix.inotify import Inotify
from smbserver.nt import changes as nt
from smbserver.nt import status
from smbserver.wire import change_notify as wire
from tests.harness import PASSWORD, USER, World

ADDED, REMOVED, MODIFIED = nt.ACTION_ADDED, nt.ACTION_REMOVED, nt.ACTION_MODIFIED
OLD, NEW = nt.ACTION_RENAMED_OLD_NAME, nt.ACTION_RENAMED_NEW_NAME
ANY = 0xFFF
ALL = 0x1F01FF
BASIC, RENAME, LINK, DISPOSITION, END_OF_FILE = 4, 10, 11, 13, 20


def request(file_id: bytes, matches: int = ANY, *, tree: bool = False, room: int = 4096) -> Request:
    """A CHANGE_NOTIFY."""
    return Request(15, struct.pack("<HHI16sII", 32, int(tree), room, file_id, matches, 0))


class Looker:
    """An open directory and the way to ask what has changed in it."""

    def __init__(self, tree: Tree, name: str = "", matches: int = ANY, *, below: bool = False) -> None:
        self.tree = tree
        self.open = tree.open(name, options=DIRECTORY_FILE)
        self.matches, self.below = matches, below
        self.waiting = self.ask()

    def ask(self, room: int = 4096) -> int:
        """Send a request; its message id."""
        return self.tree.submit(request(self.open.file_id, self.matches, tree=self.below, room=room))

    def reply(self, waiting: int | None = None) -> Reply:
        """The reply to the request that waits. Raises NoAnswer."""
        return self.tree.session.connection.wait(self.waiting if waiting is None else waiting)

    def news(self) -> list[tuple[int, str]]:
        """What has changed; [] when nothing has. Then another request waits."""
        try:
            reply = self.reply()
        except NoAnswer:
            return []
        assert reply.status == status.SUCCESS
        self.waiting = self.ask()
        entries = wire.decode_response(memoryview(reply.raw))
        return [*((entry.action, entry.name) for entry in entries), *self.news()]


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


@pytest.fixture
def looker(world: World) -> Looker:
    """Another client, which looks at the root."""
    return Looker(world.tree())


def made(tree: Tree, name: str) -> File:
    """An empty file, open with all rights."""
    return tree.open(name, access=ALL, disposition=OPEN_IF)


def test_a_file_lives_and_dies(tree: Tree, looker: Looker) -> None:
    file = made(tree, "file")
    assert looker.news() == [(ADDED, "file")]
    file.write(0, b"content")
    file.write(7, b"content")
    assert looker.news() == []  # at the close, [MS-FSA] 2.1.5.5
    file.close()
    assert looker.news() == [(MODIFIED, "file")]
    tree.open("file").close()
    assert looker.news() == []
    tree.open("file", access=DELETE, options=DELETE_ON_CLOSE).close()
    assert looker.news() == [(REMOVED, "file")]


def test_overwritten(tree: Tree, looker: Looker) -> None:
    made(tree, "file").close()
    assert looker.news() == [(ADDED, "file")]
    tree.create("file").close()
    assert looker.news() == [(MODIFIED, "file")]


def test_deleted_with_what_was_written(tree: Tree, looker: Looker) -> None:
    file = made(tree, "file")
    file.write(0, b"content")
    file.set(1, DISPOSITION, b"\1")
    file.close()
    assert looker.news() == [(ADDED, "file"), (REMOVED, "file")]


@pytest.mark.parametrize(
    ("kind", "data", "matches"),
    [
        (BASIC, struct.pack("<QQQQII", 0, 0, 0, 0, 2, 0), nt.FILTER_ATTRIBUTES),
        (BASIC, struct.pack("<QQQQII", 1 << 56, 0, 0, 0, 0, 0), nt.FILTER_CREATION),
        (BASIC, struct.pack("<QQQQII", 0, 1 << 56, 0, 0, 0, 0), nt.FILTER_LAST_ACCESS),
        (BASIC, struct.pack("<QQQQII", 0, 0, 1 << 56, 0, 0, 0), nt.FILTER_LAST_WRITE),
        (BASIC, struct.pack("<QQQQII", 0, 0, 0, 1 << 56, 0, 0), 0),
        (END_OF_FILE, struct.pack("<Q", 100), nt.FILTER_SIZE | nt.FILTER_LAST_WRITE),
    ],
)
def test_what_matches_which_filter(world: World, tree: Tree, kind: int, data: bytes, matches: int) -> None:
    made(tree, "file").close()
    lookers = {1 << bit: Looker(world.tree(), matches=1 << bit) for bit in range(12)}
    file = made(tree, "file")
    file.set(1, kind, data)
    file.close()
    assert sum(bit for bit, looker in lookers.items() if looker.news() == [(MODIFIED, "file")]) == matches


def test_files_and_directories_are_told_apart(world: World, tree: Tree) -> None:
    files = Looker(world.tree(), matches=nt.FILTER_FILE_NAME)
    directories = Looker(world.tree(), matches=nt.FILTER_DIR_NAME)
    made(tree, "file").close()
    tree.open("folder", access=ALL, disposition=OPEN_IF, options=DIRECTORY_FILE).close()
    assert files.news() == [(ADDED, "file")]
    assert directories.news() == [(ADDED, "folder")]


def test_renames(world: World, tree: Tree, looker: Looker) -> None:
    world.data.joinpath("folder").mkdir()
    inside = Looker(world.tree(), "folder")
    file = made(tree, "file")
    assert looker.news() == [(ADDED, "file")]
    file.set(1, RENAME, queries.rename_data("File"))
    assert looker.news() == [(OLD, "file"), (NEW, "File")]
    file.set(1, RENAME, queries.rename_data("folder\\moved"))
    assert looker.news() == [(REMOVED, "File")]
    assert inside.news() == [(ADDED, "moved")]
    file.close()
    assert inside.news() == [(MODIFIED, "moved")]  # its ARCHIVE attribute
    assert looker.news() == []


def test_a_rename_over_another_file(tree: Tree, looker: Looker) -> None:
    made(tree, "other").close()
    file = made(tree, "file")
    assert looker.news() == [(ADDED, "other"), (ADDED, "file")]
    file.set(1, RENAME, queries.rename_data("other", replace=True))
    assert looker.news() == [(REMOVED, "file"), (MODIFIED, "other")]


def test_a_link(tree: Tree, looker: Looker) -> None:
    file = made(tree, "file")
    file.set(1, LINK, queries.rename_data("link"))
    assert looker.news() == [(ADDED, "file"), (ADDED, "link")]


def test_a_tree(world: World, tree: Tree) -> None:
    (world.data / "a" / "b").mkdir(parents=True)
    looker = Looker(world.tree(), "a", below=True)
    made(tree, "a\\b\\file").close()
    made(tree, "a\\file").close()
    made(tree, "file").close()
    assert looker.news() == [(ADDED, "b\\file"), (ADDED, "file")]


def test_what_happens_while_nobody_waits_is_kept(tree: Tree, looker: Looker) -> None:
    made(tree, "a").close()
    assert looker.reply().status == status.SUCCESS
    made(tree, "b").close()
    made(tree, "c").close()
    looker.waiting = looker.ask()
    assert looker.news() == [(ADDED, "b"), (ADDED, "c")]


def test_the_first_request_fixes_filter_and_tree(world: World, tree: Tree) -> None:
    (world.data / "folder").mkdir()
    looker = Looker(world.tree(), matches=nt.FILTER_FILE_NAME)
    looker.matches, looker.below = ANY, True
    looker.tree.session.connection.cancel(looker.waiting)
    assert looker.reply().status == status.CANCELLED
    looker.waiting = looker.ask()
    made(tree, "folder\\file").close()
    made(tree, "folder2\\..\\file").close()
    assert looker.news() == [(ADDED, "file")]


def test_what_does_not_fit(tree: Tree, looker: Looker) -> None:
    made(tree, "a").close()
    assert looker.news() == [(ADDED, "a")]
    made(tree, "b").close()
    looker.reply()
    made(tree, "c").close()
    reply = looker.reply(looker.ask(room=8))
    assert reply.status == status.NOTIFY_ENUM_DIR
    assert wire.decode_response(memoryview(reply.raw)) == ()


def test_it_is_told_at_once_that_it_waits(looker: Looker) -> None:
    interim = looker.tree.session.connection.wait_interim(looker.waiting)
    assert interim.status == PENDING
    assert interim.flags & FLAG_ASYNC


@pytest.mark.parametrize("end", ["close", "tree", "logoff"])
def test_the_end_of_what_it_belongs_to(world: World, looker: Looker, end: str) -> None:
    if end == "close":
        looker.open.close()
    elif end == "tree":
        looker.tree.disconnect()
    else:
        looker.tree.session.log_off()
    assert looker.reply().status == status.NOTIFY_CLEANUP
    assert not len(world.state.files.watches)


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_session_before(world: World, encrypted: bool) -> None:
    """It is answered, signed or sealed with the keys of the session that ends."""
    looker = Looker(world.tree(options=Options(encryption=encrypted)))
    old = looker.tree.session
    new = world.negotiated()
    new.log_on(Credentials(USER, PASSWORD), previous_session_id=old.session_id)
    assert looker.reply().status == status.NOTIFY_CLEANUP


def test_the_end_of_the_connection(world: World, looker: Looker) -> None:
    looker.tree.session.connection.close()
    assert not len(world.state.files.watches)


@pytest.mark.parametrize("way", ["disposition", "delete on close"])
def test_the_end_of_the_directory(world: World, tree: Tree, way: str) -> None:
    (world.data / "folder").mkdir()
    looker = Looker(world.tree(), "folder")
    root = Looker(world.tree())
    options = DIRECTORY_FILE | (DELETE_ON_CLOSE if way == "delete on close" else 0)
    going = tree.open("folder", access=DELETE, options=options)
    if way == "disposition":
        going.set(1, DISPOSITION, b"\1")
        assert looker.reply().status == status.DELETE_PENDING
    going.close()
    if way == "delete on close":
        assert looker.reply().status == status.DELETE_PENDING
    assert looker.reply(looker.ask()).status == status.DELETE_PENDING
    assert root.news() == []
    looker.open.close()
    assert root.news() == [(REMOVED, "folder")]


def test_refused(tree: Tree) -> None:
    root = tree.open("", options=DIRECTORY_FILE)
    too_much = request(root.file_id, room=(8 << 20) + 1)
    assert tree.call(too_much).status == status.INVALID_PARAMETER
    file = made(tree, "file")
    assert tree.call(request(file.file_id)).status == status.INVALID_PARAMETER
    # CVE-2020-14318: the right to list is needed, also by one who only waits.
    blind = tree.open("", access=ALL & ~0x1, options=DIRECTORY_FILE)
    assert tree.call(request(blind.file_id)).status == status.ACCESS_DENIED


def test_without_a_valid_bit_it_waits_for_its_end(tree: Tree, world: World) -> None:
    looker = Looker(world.tree(), matches=0x80000000)
    made(tree, "file").close()
    assert looker.news() == []
    looker.open.close()
    assert looker.reply().status == status.NOTIFY_CLEANUP


def folder(name: str) -> Request:
    return commands.create(name, access=GENERIC_READ, disposition=OPEN_IF, options=DIRECTORY_FILE)


def test_in_the_middle_of_a_compound(tree: Tree) -> None:
    replies = tree.call_compound([folder("folder"), request(RELATED_FILE_ID), commands.close(RELATED_FILE_ID)])
    assert [reply.status for reply in replies] == [0, status.INTERNAL_ERROR, 0]


def test_at_the_end_of_a_compound(tree: Tree) -> None:
    """What was before it is answered without waiting."""
    connection = tree.session.connection
    first, waiting = connection.submit_compound(
        [tree.request(folder("folder")), tree.request(request(RELATED_FILE_ID))]
    )
    created = connection.wait(first)
    assert created.status == 0
    assert created.command == CREATE
    connection.cancel(waiting)
    assert connection.wait(waiting).status == status.CANCELLED


class Loop:
    """The event loop's part in hearing of local changes, by hand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.readers: dict[int, Callable[[], None]] = {}
        watches = world.state.files.watches
        self.local = LocalChanges(watches, world.runtime.later, self.readers.__setitem__, self.readers.__delitem__)
        watches.local = self.local

    def turn(self) -> None:
        """Let it hear."""
        for call in list(self.readers.values()):
            call()
        self.world.runtime.advance(1)


@pytest.fixture
def loop(world: World) -> Iterator[Loop]:
    try:
        Inotify().close()
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EMFILE):
            pytest.skip("no inotify here")
        raise
    made = Loop(world)
    yield made
    made.local.close()


def test_local_programs(loop: Loop, world: World) -> None:
    looker = Looker(world.tree())
    (world.data / "local").mkdir()
    loop.turn()
    assert looker.news() == [(ADDED, "local")]


def test_everything_is_told_once(loop: Loop, world: World, tree: Tree) -> None:
    """With inotify listening: own changes of every kind, foreign ones between them."""
    (world.data / "folder").mkdir()
    looker = Looker(world.tree(), below=True)
    loop.turn()
    file = made(tree, "file")
    file.write(0, b"content")
    file.set(1, BASIC, struct.pack("<QQQQII", 1 << 56, 1 << 56, 1 << 56, 0, 0x20, 0))
    (world.data / "one").mkdir()
    file.close()
    (world.data / "two").mkdir()
    tree.create("file").close()
    loop.turn()
    assert looker.news() == [(ADDED, "file"), (ADDED, "one"), (MODIFIED, "file"), (ADDED, "two"), (MODIFIED, "file")]
    file = made(tree, "file")
    file.set(1, LINK, queries.rename_data("folder\\link"))
    file.set(1, RENAME, queries.rename_data("folder\\link2"))
    file.set(1, END_OF_FILE, struct.pack("<Q", 100))
    file.set(1, DISPOSITION, b"\1")
    file.close()
    loop.turn()
    expected = [(ADDED, "folder\\link"), (REMOVED, "file"), (ADDED, "folder\\link2"), (REMOVED, "folder\\link2")]
    assert looker.news() == expected
    above = tree.open("new", access=ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    below = tree.open("new\\sub", access=ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    (world.data / "new" / "sub" / "local").mkdir()
    loop.turn()
    assert looker.news() == [(ADDED, "new"), (ADDED, "new\\sub"), (ADDED, "new\\sub\\local")]
    below.close()
    above.set(1, RENAME, queries.rename_data("newer"))
    (world.data / "newer" / "sub" / "local2").mkdir()
    loop.turn()
    assert looker.news() == [(OLD, "new"), (NEW, "newer"), (ADDED, "newer\\sub\\local2")]


def test_a_replaced_link_leaves_no_trace_of_how_it_was_done(loop: Loop, world: World, tree: Tree) -> None:
    made(tree, "other").close()
    file = made(tree, "file")
    looker = Looker(world.tree())
    file.set(1, LINK, queries.rename_data("other", replace=True))
    loop.turn()
    assert looker.news() == [(MODIFIED, "other")]


def test_a_foreign_write_after_our_close_is_told(loop: Loop, world: World, tree: Tree) -> None:
    file = tree.open("file", access=GENERIC_WRITE, disposition=OPEN_IF)
    looker = Looker(world.tree())
    file.write(0, b"ours")
    file.close()
    (world.data / "file").write_bytes(b"theirs")
    assert looker.news() == [(MODIFIED, "file")]
    loop.turn()
    assert looker.news() == [(MODIFIED, "file")]


def test_nothing_listens_when_nobody_watches(loop: Loop, world: World) -> None:
    looker = Looker(world.tree())
    assert len(loop.local) == 1
    looker.open.close()
    assert not len(loop.local)
    assert not loop.readers


def test_an_ea_is_told_of(tree: Tree, world: World) -> None:
    file = made(tree, "file")
    looker = Looker(world.tree(), matches=nt.FILTER_EA)
    file.set(1, 15, struct.pack("<IBBH", 0, 0, 1, 1) + b"a\0x")
    file.close()
    assert looker.news() == [(MODIFIED, "file")]
