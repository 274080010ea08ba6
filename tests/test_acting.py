"""A root server whose clients act as local users: who makes, reads and deletes what; which requests are switched."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.client import commands, queries
from conformance.client.protocol import (
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_SECURITY,
    OPEN_IF,
    OPLOCK_BATCH,
    StatusFailure,
)
from conformance.client.session import Options, Tree
from smbserver import dispatch
from smbserver.backend.acting import ActsAs, LocalUser
from smbserver.backend.posix import FsUsers, PosixBackend, fs_user, own_user
from smbserver.nt import status
from smbserver.nt.access import FILE_ALL_ACCESS, FILE_READ_DATA, FILE_WRITE_DATA, MAXIMUM_ALLOWED, WRITE_DAC
from smbserver.nt.descriptor import (
    ACCESS_ALLOWED,
    DACL_SECURITY_INFORMATION,
    SE_DACL_PRESENT,
    Ace,
    Descriptor,
    build,
)
from smbserver.nt.sid import EVERYONE
from smbserver.objects.local_users import LocalUsers
from smbserver.objects.share import Share
from smbserver.wire import header
from tests.commands.test_change_notify import Looker
from tests.every_command import requests
from tests.harness import OTHER_USER, USER, World

if TYPE_CHECKING:
    from types import TracebackType

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")

ALICE = LocalUser("alice", 61001, 61001, (61001, 61050))
BOB = LocalUser("bob", 61002, 61002, (61002, 61050))
WWW = LocalUser("www", 61033, 61033, ())
TEAM = 61050
READ_WRITE = GENERIC_READ | GENERIC_WRITE
BASIC, DISPOSITION = 4, 13


class Acting:
    """A World whose clients act as ALICE and BOB; this thread is nobody meanwhile."""

    def __init__(self, folder: Path, owner: LocalUser | None = None, group: int | None = None) -> None:
        self.users = FsUsers()
        mapped = {USER.upper(): ALICE, OTHER_USER.upper(): BOB}
        local = LocalUsers(own_user(), self.users.acting, mapped)
        self.data = folder / "data"
        self.data.mkdir()
        self.data.chmod(0o777)
        backend = PosixBackend(self.data, many_users=True, own_rights=self.users.as_server)
        (folder / "world").mkdir()
        self.world = World(
            folder / "world", shares=[Share("data", backend, owner=owner, group=group)], local_users=local
        )
        self.users.begin()

    def tree(self, user: str = USER, options: Options | None = None) -> Tree:
        return self.world.log_on(options, user=user).tree("data")

    def owned(self, name: str, owner: LocalUser, mode: int, *, directory: bool = False) -> None:
        """Make something as root, and give it away."""
        with self.users.as_server:
            path = self.data / name
            path.mkdir() if directory else path.write_bytes(b"content")
            os.chown(path, owner.uid, owner.gid)
            path.chmod(mode)

    def state(self, name: str) -> os.stat_result:
        with self.users.as_server:
            return (self.data / name).stat()

    def there(self, name: str) -> bool:
        with self.users.as_server:
            return (self.data / name).exists()

    def close(self) -> None:
        self.world.close()  # ends what was left open, each as its user
        self.users.end()


@pytest.fixture
def acting(share_folder: Path) -> Iterator[Acting]:
    made = Acting(share_folder)
    yield made
    made.close()


def refused(failure: pytest.ExceptionInfo[StatusFailure], expected: int) -> None:
    assert failure.value.status == expected


@needs_root
def test_each_user_has_the_files_that_are_his(acting: Acting) -> None:
    acting.owned("hers", ALICE, 0o600)
    acting.owned("his", BOB, 0o600)
    for user, own, other in ((USER, "hers", "his"), (OTHER_USER, "his", "hers")):
        tree = acting.tree(user)
        with tree.open(own, access=READ_WRITE) as file:
            assert file.read(0, 100) == b"content"
            file.write(0, b"changed")
        for access in (GENERIC_READ, GENERIC_WRITE):
            with pytest.raises(StatusFailure) as failure:
                tree.open(other, access=access)
            refused(failure, status.ACCESS_DENIED)


@needs_root
def test_what_is_made_belongs_to_who_made_it(acting: Acting) -> None:
    tree = acting.tree(OTHER_USER)
    tree.create("file").close()
    tree.open("folder", disposition=OPEN_IF, options=DIRECTORY_FILE).close()
    for name in ("file", "folder"):
        assert (acting.state(name).st_uid, acting.state(name).st_gid) == (BOB.uid, BOB.gid)


@needs_root
def test_a_folder_of_another_is_closed_to_every_path_operation(acting: Acting) -> None:
    acting.owned("home", ALICE, 0o700, directory=True)
    acting.owned("home/file", ALICE, 0o666)
    acting.owned("mine", BOB, 0o666)
    tree = acting.tree(OTHER_USER)
    for name in ("home/file", "home/new", "home/NEW"):
        with pytest.raises(StatusFailure) as failure:
            tree.open(name.replace("/", "\\"), access=READ_WRITE, disposition=OPEN_IF)
        refused(failure, status.ACCESS_DENIED)
    with pytest.raises(StatusFailure) as failure:
        tree.open("home", access=GENERIC_READ, options=DIRECTORY_FILE)
    refused(failure, status.ACCESS_DENIED)
    with tree.open("mine", access=DELETE | GENERIC_READ) as file:
        for kind in (10, 11):  # rename, link
            with pytest.raises(StatusFailure) as failure:
                file.set(1, kind, bytes(16) + len("home\\x" * 2).to_bytes(4, "little") + "home\\x".encode("utf-16-le"))
            refused(failure, status.ACCESS_DENIED)


@needs_root
def test_a_shares_owner_and_group_are_everybodys(share_folder: Path) -> None:
    made = Acting(share_folder, owner=WWW, group=TEAM)
    try:
        made.tree(USER).create("a").close()
        made.tree(OTHER_USER).create("b").close()
        for name in ("a", "b"):
            assert (made.state(name).st_uid, made.state(name).st_gid) == (WWW.uid, TEAM)
    finally:
        made.close()


@needs_root
def test_a_group_alone_leaves_each_user_himself(share_folder: Path) -> None:
    made = Acting(share_folder, group=TEAM)
    try:
        made.tree(USER).create("a").close()
        assert (made.state("a").st_uid, made.state("a").st_gid) == (ALICE.uid, TEAM)
    finally:
        made.close()


@needs_root
def test_a_delete_is_done_as_who_asked_for_it_whoever_closes_last(acting: Acting) -> None:
    acting.owned("home", ALICE, 0o755, directory=True)
    acting.owned("home/file", ALICE, 0o666)
    hers, his = acting.tree(USER), acting.tree(OTHER_USER)
    last = his.open("home\\file", access=GENERIC_READ)
    with hers.open("home\\file", access=DELETE) as file:
        file.set(1, DISPOSITION, b"\1")
    assert acting.there("home/file")
    last.close()
    assert not acting.there("home/file")


@needs_root
def test_delete_on_close_is_as_its_user_too(acting: Acting) -> None:
    acting.owned("home", ALICE, 0o755, directory=True)
    acting.owned("home/file", ALICE, 0o666)
    hers, his = acting.tree(USER), acting.tree(OTHER_USER)
    first = hers.open("home\\file", access=DELETE, options=DELETE_ON_CLOSE)
    last = his.open("home\\file", access=GENERIC_READ)
    first.close()
    last.close()
    assert not acting.there("home/file")


@needs_root
@pytest.mark.parametrize("mode", [0o755, 0o1777], ids=["closed", "sticky"])
def test_a_delete_that_will_be_refused_is_refused_when_it_is_asked_for(acting: Acting, mode: int) -> None:
    acting.owned("home", ALICE, mode, directory=True)
    acting.owned("home/file", ALICE, 0o666)
    hers, his = acting.tree(USER), acting.tree(OTHER_USER)
    with his.open("home\\file", access=DELETE | GENERIC_READ) as file, pytest.raises(StatusFailure) as failure:
        file.set(1, DISPOSITION, b"\1")
    refused(failure, status.ACCESS_DENIED)
    with pytest.raises(StatusFailure) as failure:
        his.open("home\\file", access=DELETE, options=DELETE_ON_CLOSE)
    refused(failure, status.ACCESS_DENIED)
    assert acting.there("home/file")
    if mode & stat.S_ISVTX:
        his.create("home\\own").close()
        with his.open("home\\own", access=DELETE) as own:
            own.set(1, DISPOSITION, b"\1")
        assert not acting.there("home/own")
    with hers.open("home\\file", access=DELETE) as file:
        file.set(1, DISPOSITION, b"\1")
    assert not acting.there("home/file")


@needs_root
def test_what_a_lost_line_leaves_is_ended_as_its_user(acting: Acting) -> None:
    tree = acting.tree(OTHER_USER)
    tree.open("file", access=DELETE | READ_WRITE, disposition=OPEN_IF, options=DELETE_ON_CLOSE)
    assert acting.there("file")
    tree.session.connection.close()
    assert not acting.there("file")


@needs_root
def test_an_open_left_behind_ends_in_anothers_request_as_its_own_user(acting: Acting) -> None:
    """Bob's durable open gives way to Alice, in her request; its delete is his, and hers goes on as hers."""
    acting.owned("his", BOB, 0o777, directory=True)
    options = Options(client_guid=b"B" * 16)
    tree = acting.tree(OTHER_USER, options)
    asked = [(b"DHnQ", bytes(16))]
    tree.open("his\\file", access=READ_WRITE, disposition=OPEN_IF, oplock=OPLOCK_BATCH, contexts=asked)
    tree.session.connection.close()
    assert len(acting.world.state.files) == 1
    with acting.users.as_server:
        (acting.data / "his" / "file").chmod(0o666)
    hers = acting.tree(USER)
    hers.open("his\\file", access=READ_WRITE).close()
    hers.create("new").close()
    assert acting.state("new").st_uid == ALICE.uid


@needs_root
def test_a_switch_that_fails_ends_the_request_and_nothing_else(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = acting.tree()
    with monkeypatch.context() as patch:
        patch.setattr(fs_user, "_syscall", lambda *_: -1)
        with pytest.raises(StatusFailure) as failure:
            tree.create("never")
        refused(failure, status.ACCESS_DENIED)
    assert not acting.there("never")
    tree.create("now").close()
    assert acting.state("now").st_uid == ALICE.uid


@needs_root
def test_an_open_ends_even_when_its_user_cannot_be_entered(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = acting.tree()
    acting.owned("home", ALICE, 0o700, directory=True)
    acting.owned("home/file", ALICE, 0o600)
    tree.open("home\\file", access=DELETE, options=DELETE_ON_CLOSE)
    acting.tree(OTHER_USER).create("other").close()
    with monkeypatch.context() as patch:
        patch.setattr(fs_user, "_syscall", lambda *_: -1)
        tree.session.connection.close()
    assert not len(acting.world.state.files)
    assert acting.there("home/file")  # nobody was there to delete it


@needs_root
def test_a_write_that_puts_times_back_is_done_as_its_user(acting: Acting) -> None:
    """Setting times is the owner's right, and asked at the call; so this WRITE is no matter of a descriptor alone."""
    file = acting.tree().create("file")
    file.write(0, b"before")
    written = acting.state("file").st_mtime_ns
    file.set(1, BASIC, bytes(16) + b"\xff" * 8 + bytes(16))  # -1: the write time stays from here on
    file.write(0, b"after!")
    file.close()
    assert acting.state("file").st_mtime_ns // 100 == written // 100
    with acting.tree().open("file") as again:
        assert again.read(0, 10) == b"after!"


@needs_root
def test_a_write_that_sets_archive_is_done_as_its_user(acting: Acting) -> None:
    file = acting.tree().create("file")
    file.set(1, BASIC, bytes(32) + b"\x80" + bytes(7))
    file.write(0, b"changed")
    file.close()
    with acting.tree().open("file") as again:
        assert again.created.attributes == 0x20


@needs_root
def test_who_watches_a_tree_hears_nothing_of_folders_he_may_not_list(acting: Acting) -> None:
    acting.owned("open", BOB, 0o755, directory=True)
    acting.owned("closed", BOB, 0o711, directory=True)
    hers, his = acting.tree(USER), acting.tree(OTHER_USER)
    she_hears, he_hears = Looker(hers, below=True), Looker(his, below=True)
    his.create("closed\\secret").close()
    his.create("open\\public").close()
    assert [name for _, name in she_hears.news()] == ["open\\public"]
    assert [name for _, name in he_hears.news()] == ["closed\\secret", "open\\public"]


@needs_root
def test_a_descriptor_is_stored_by_the_owner_of_the_file(acting: Acting) -> None:
    """The kernel would let the server write security.NTACL for anybody: it is privileged for that even as Bob."""
    acting.owned("hers", ALICE, 0o600)
    everybody = build(Descriptor(SE_DACL_PRESENT, None, None, (Ace(ACCESS_ALLOWED, 0, FILE_ALL_ACCESS, EVERYONE),)))
    with acting.tree(OTHER_USER).open("hers", access=WRITE_DAC) as file, pytest.raises(StatusFailure) as failure:
        file.set(INFO_SECURITY, 0, everybody, DACL_SECURITY_INFORMATION)
    refused(failure, status.ACCESS_DENIED)
    with acting.tree().open("hers", access=WRITE_DAC) as file:
        file.set(INFO_SECURITY, 0, everybody, DACL_SECURITY_INFORMATION)
    with pytest.raises(StatusFailure) as failure:  # and the kernel has the last word
        acting.tree(OTHER_USER).open("hers", access=GENERIC_READ)
    refused(failure, status.ACCESS_DENIED)


@needs_root
@pytest.mark.parametrize(
    ("mode", "reads", "writes"), [(0o666, True, True), (0o644, True, False), (0o600, False, False)]
)
def test_all_that_is_allowed_is_what_the_kernel_allows(acting: Acting, mode: int, reads: bool, writes: bool) -> None:
    acting.owned("hers", ALICE, mode)
    tree = acting.tree(OTHER_USER)
    with tree.open("hers", access=MAXIMUM_ALLOWED) as file:
        assert (file.tree.call(commands.read(file.file_id, 0, 10)).status == 0) == reads
        assert (file.tree.call(commands.write(file.file_id, 0, b"x")).status == 0) == writes
        granted = int.from_bytes(file.query(1, 8), "little")
        assert bool(granted & FILE_READ_DATA) == reads
        assert bool(granted & FILE_WRITE_DATA) == writes
    if not writes:
        with pytest.raises(StatusFailure) as failure:
            tree.open("hers", access=MAXIMUM_ALLOWED | GENERIC_WRITE)
        refused(failure, status.ACCESS_DENIED)


@needs_root
@pytest.mark.parametrize("size", [100, 200_000], ids=["in the attribute", "in the store"])
def test_streams_are_as_open_as_their_file(acting: Acting, size: int) -> None:
    hers, his = acting.tree(USER), acting.tree(OTHER_USER)
    data = bytes(range(256)) * (size // 256 + 1)
    for tree, name in ((hers, "hers"), (his, "his")):
        with tree.create(name) as file:
            file.write(0, b"x")
        with tree.create(name + ":stream") as stream:
            for at in range(0, len(data), 65536):
                stream.write(at, data[at : at + 65536])
            assert stream.read(len(data) - 50, 50) == data[-50:]
    with acting.users.as_server:
        (acting.data / "hers").chmod(0o600)
    with hers.open("hers:stream", access=GENERIC_READ) as stream:
        assert stream.read(0, 1000) == data[:1000]
    for access in (GENERIC_READ, GENERIC_WRITE):
        with pytest.raises(StatusFailure) as failure:
            his.open("hers:stream", access=access)
        refused(failure, status.ACCESS_DENIED)
    with his.open("his", access=DELETE) as file:
        file.set(1, DISPOSITION, b"\1")
    assert not acting.there("his")


class Recorder:
    """An ActsAs that only notes."""

    def __init__(self, user: LocalUser) -> None:
        self.user = user
        self.entered = 0
        self.inside = 0

    def __enter__(self) -> None:
        self.entered += 1
        self.inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.inside -= 1


def test_every_command_with_a_tree_is_switched_but_read_and_write(share_folder: Path) -> None:
    """Those two work on a descriptor that was checked when it was opened. A new command is switched by itself."""
    made: list[Recorder] = []

    def enter(user: LocalUser) -> ActsAs:
        made.append(Recorder(user))
        return made[-1]

    local = LocalUsers(own_user(), enter, {USER.upper(): ALICE})
    world = World(share_folder, local_users=local)
    try:
        names = {command.name: number for number, command in enumerate(dispatch.COMMANDS)}
        for name, command in names.items():
            tree = world.tree()
            file = tree.open("file", access=READ_WRITE, disposition=OPEN_IF)
            [recorder] = [each for each in made if each.user == ALICE]
            before = recorder.entered
            if command == header.IOCTL:
                request = queries.ioctl(0x00144064, b"", file_id=file.file_id)
            else:
                request = requests(file.file_id)[name]
            if command not in (header.NEGOTIATE, header.SESSION_SETUP, header.CANCEL, header.CHANGE_NOTIFY):
                tree.call(request)
            elif command == header.CHANGE_NOTIFY:
                tree.submit(request)
            needs_tree = dispatch.COMMANDS[command].needs & dispatch.TREE
            expected = bool(needs_tree) and command not in (header.READ, header.WRITE)
            if name not in ("NEGOTIATE", "SESSION_SETUP", "LOGOFF", "TREE_CONNECT", "CANCEL", "ECHO"):
                assert (recorder.entered > before) == expected, name
            assert recorder.inside == 0, name
            tree.session.connection.close()
    finally:
        world.close()


def test_a_completion_is_switched_too(share_folder: Path) -> None:
    recorder = Recorder(ALICE)
    world = World(share_folder, local_users=LocalUsers(own_user(), lambda _: recorder, {USER.upper(): ALICE}))
    try:
        with world.tree().create("file") as file:
            world.runtime.hold_offloaded = True
            waiting = file.tree.submit(commands.flush(file.file_id))
            before = recorder.entered
            world.runtime.hold_offloaded = False
            world.runtime.run_offloaded()
            assert recorder.entered == before + 1
            file.tree.session.connection.wait(waiting).check()
    finally:
        world.close()


@needs_root
def test_nobody_reaches_files_without_a_context(acting: Acting) -> None:
    acting.owned("private", ALICE, 0o600)
    assert stat.S_IMODE(acting.state("private").st_mode) == 0o600
    with pytest.raises(PermissionError):
        (acting.data / "private").read_bytes()
