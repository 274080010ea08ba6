"""A thread that is somebody else in file systems: what the kernel then lets it do, and what a failing switch leaves."""

from __future__ import annotations

import os
import platform
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbserver.backend.acting import LocalUser
from smbserver.backend.posix import FsUsers, PosixBackend, fs_user, own_user
from smbserver.backend.posix.fs_user import REST

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")

ANN = LocalUser("ann", 61001, 61001, (61001, 61050))
BOB = LocalUser("bob", 61002, 61002, (61002,))
DAC_OVERRIDE = 1 << 1
SYS_RESOURCE = 1 << 24


def of_thread() -> dict[str, list[str]]:
    """The lines of the kernel about the calling thread."""
    text = Path("/proc/thread-self/status").read_text(encoding="ascii")
    return {key: value.split() for key, _, value in (line.partition(":") for line in text.splitlines())}


def fs_ids() -> tuple[int, int, set[int]]:
    """fsuid, fsgid and groups of the calling thread."""
    lines = of_thread()
    return int(lines["Uid"][3]), int(lines["Gid"][3]), set(map(int, lines["Groups"]))


def effective() -> int:
    """The capabilities in force."""
    return int(of_thread()["CapEff"][0], 16)


@pytest.fixture
def private(share_folder: Path) -> Path:
    """A file of root alone in a folder that everybody may enter."""
    share_folder.chmod(0o755)
    path = share_folder / "private"
    path.write_bytes(b"secret")
    path.chmod(0o600)
    return path


@pytest.fixture
def users(private: Path) -> Iterator[FsUsers]:
    """This thread is nobody between contexts; afterwards it is as it was. The folder was made before, by root."""
    before = (fs_ids(), effective())
    made = FsUsers()
    made.begin()
    yield made
    made.end()
    assert (fs_ids(), effective()) == before


def test_who_is_not_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermissionError):
        FsUsers()


def test_an_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with pytest.raises(OSError, match="not implemented"):
        FsUsers()


def test_own_user_is_who_runs_this() -> None:
    own = own_user()
    assert (own.uid, own.gid) == (os.geteuid(), os.getegid())
    assert own.groups == tuple(os.getgroups())


@needs_root
def test_at_rest_a_thread_is_nobody(users: FsUsers, private: Path) -> None:
    assert fs_ids()[0] == REST.uid
    assert not effective() & DAC_OVERRIDE
    with pytest.raises(PermissionError):
        private.read_bytes()
    with users.as_server:
        assert private.read_bytes() == b"secret"
        assert effective() & DAC_OVERRIDE
    with pytest.raises(PermissionError):
        private.read_bytes()


@needs_root
def test_quotas_and_reserved_blocks_count_for_root_too(users: FsUsers) -> None:
    assert not effective() & SYS_RESOURCE
    with users.as_server:
        assert not effective() & SYS_RESOURCE


@needs_root
def test_files_belong_to_who_made_them(users: FsUsers, share_folder: Path) -> None:
    with users.as_server:
        share_folder.chmod(0o777)
    with users.acting(ANN):
        assert fs_ids() == (ANN.uid, ANN.gid, set(ANN.groups))
        (share_folder / "ann").write_bytes(b"")
        (share_folder / "ann").chmod(0o600)
    with users.acting(BOB):
        assert fs_ids() == (BOB.uid, BOB.gid, set(BOB.groups))
        with pytest.raises(PermissionError):
            (share_folder / "ann").read_bytes()
    state = (share_folder / "ann").stat()
    assert (state.st_uid, state.st_gid) == (ANN.uid, ANN.gid)


@needs_root
def test_supplementary_groups_count(users: FsUsers, private: Path) -> None:
    with users.as_server:
        os.chown(private, 0, 61050)
        private.chmod(0o640)
    with users.acting(ANN):
        assert private.read_bytes() == b"secret"
    with users.acting(BOB), pytest.raises(PermissionError):
        private.read_bytes()


@needs_root
def test_contexts_nest_and_exceptions_leave_them(users: FsUsers) -> None:
    with users.acting(ANN):
        with pytest.raises(ZeroDivisionError), users.acting(BOB):
            _ = 1 // (fs_ids()[0] - BOB.uid)
        assert fs_ids() == (ANN.uid, ANN.gid, set(ANN.groups))
        with users.acting(ANN):
            assert fs_ids()[0] == ANN.uid
        assert fs_ids()[0] == ANN.uid
    assert fs_ids()[0] == REST.uid


@needs_root
@pytest.mark.parametrize("failing", ["setgroups", "setfsgid", "setfsuid"])
def test_a_switch_that_fails_is_never_root_and_never_half_a_user(
    users: FsUsers, private: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    with users.acting(ANN):
        pass
    with monkeypatch.context() as patch:
        if failing == "setgroups":
            patch.setattr(fs_user, "_syscall", lambda *_: -1)
        else:
            real: Callable[[int], int] = getattr(fs_user, f"_{failing}")
            patch.setattr(fs_user, f"_{failing}", lambda wanted: real(0xFFFFFFFF if wanted == BOB.uid else wanted))
        with pytest.raises(OSError), users.acting(BOB):
            pytest.fail("the context must not be entered")
        assert fs_ids()[0] == REST.uid
        with pytest.raises(PermissionError):
            private.read_bytes()
    with users.acting(BOB):  # nothing of the failure is remembered
        assert fs_ids() == (BOB.uid, BOB.gid, set(BOB.groups))


@needs_root
def test_a_switch_that_fails_inside_another_goes_back_to_that_one(
    users: FsUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fs_user._setfsuid
    assert real is not None
    monkeypatch.setattr(fs_user, "_setfsuid", lambda wanted: real(0xFFFFFFFF if wanted == BOB.uid else wanted))
    with users.acting(ANN):
        with pytest.raises(PermissionError), users.acting(BOB):
            pytest.fail("the context must not be entered")
        assert fs_ids() == (ANN.uid, ANN.gid, set(ANN.groups))
    assert fs_ids()[0] == REST.uid


@needs_root
def test_a_thread_does_its_work_as_who_gave_it_away_and_is_nobody_afterwards(users: FsUsers) -> None:
    seen: list[tuple[int, int, set[int]]] = []
    with users.acting(ANN):
        as_ann = users.carried(lambda: seen.append(fs_ids()))
    as_nobody = users.carried(lambda: seen.append(fs_ids()))

    def work() -> None:
        as_ann()
        seen.append(fs_ids())
        as_nobody()

    with users.acting(BOB):  # who makes a thread hands his identity down: nobody may rely on it
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert fs_ids()[0] == BOB.uid
    assert seen[0] == (ANN.uid, ANN.gid, set(ANN.groups))
    assert [each[0] for each in seen[1:]] == [REST.uid, REST.uid]


@needs_root
def test_one_that_the_kernel_does_not_know_is_found_at_the_start() -> None:
    with pytest.raises(OSError):
        FsUsers().check([ANN, LocalUser("?", 0xFFFFFFFF, 0xFFFFFFFF, ())])
    assert fs_ids()[0] == 0


@needs_root
def test_descriptors_by_way_of_proc_work_and_ask_again(users: FsUsers, private: Path) -> None:
    """/proc/self belongs to root for a process that has switched; a process may look at itself all the same."""
    readable = private.with_name("readable")
    with users.as_server:
        readable.write_bytes(b"all")
        readable.chmod(0o644)
    with users.acting(ANN):
        for path in (private, readable):
            place = os.open(path, os.O_PATH)
            try:
                if path == readable:
                    os.close(os.open(f"/proc/self/fd/{place}", os.O_RDONLY))
                else:
                    with pytest.raises(PermissionError):
                        os.open(f"/proc/self/fd/{place}", os.O_RDONLY)
            finally:
                os.close(place)


@needs_root
def test_what_one_user_has_listed_another_one_does_not_learn(users: FsUsers, share_folder: Path) -> None:
    """The cache of names: bob may enter ann's folder and not list it; and his failing must not hide it from her."""
    home = share_folder / "home"
    with users.as_server:
        share_folder.chmod(0o755)
        home.mkdir()
        (home / "Secret.TXT").write_bytes(b"")
        os.chown(home, ANN.uid, ANN.gid)
        home.chmod(0o711)
        backend = PosixBackend(share_folder, many_users=True)

    def found(user: LocalUser, name: str) -> bool:
        with users.acting(user):
            located = backend.locate(("home", name))
            located.close()
            return located.identity is not None

    try:
        assert not found(BOB, "secret.txt")
        assert found(ANN, "secret.txt")
        assert not found(BOB, "secret.txt")
        assert found(BOB, "Secret.TXT")  # the kernel tells him that much
    finally:
        backend.close()


@needs_root
def test_a_write_takes_the_setuid_bit_away_as_it_does_from_ann(users: FsUsers, share_folder: Path) -> None:
    """Writes are not switched; at rest the thread has no CAP_FSETID either, so the kernel does as for anybody."""
    path = share_folder / "program"
    with users.as_server:
        share_folder.chmod(0o755)
        path.write_bytes(b"old")
        path.chmod(0o4777)
    with users.acting(ANN):
        fd = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(fd, b"new", 0)
        assert not os.fstat(fd).st_mode & stat.S_ISUID
    finally:
        os.close(fd)


@needs_root
def test_a_second_one_in_the_same_thread_is_refused_and_harms_nothing(users: FsUsers) -> None:
    second = FsUsers()
    with pytest.raises(OSError, match="another server in this thread"):
        second.begin()
    with pytest.raises(OSError, match="another server in this thread"):
        second.check([ANN])
    second.end()
    assert fs_ids()[0] == REST.uid
    with users.acting(ANN):
        assert fs_ids() == (ANN.uid, ANN.gid, set(ANN.groups))
    with second.acting(BOB):  # and would not know less of the thread than the first one
        assert fs_ids() == (BOB.uid, BOB.gid, set(BOB.groups))
    with users.acting(ANN):
        assert fs_ids() == (ANN.uid, ANN.gid, set(ANN.groups))
