"""What the host refuses, through a whole server: a full disk, a limit, a read-only or vanished place, a broken disk.

Nothing that was acknowledged is lost, every refusal has its status, and the server goes on.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.client import commands, connect, queries
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    INFO_FILESYSTEM,
    OPEN_IF,
    StatusFailure,
)
from conformance.client.session import File, Tree
from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix.handle import PosixHandle
from smbserver.nt import status
from smbserver.objects.share import Share
from smbserver.wire import fs_info
from tests.cli.test_serve import running
from tests.harness import World

MIB = 1 << 20
READ_WRITE = GENERIC_READ | GENERIC_WRITE
DISPOSITION, END_OF_FILE, ALLOCATION, BASIC, RENAME, LINK = 13, 20, 19, 4, 10, 11


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A tmpfs; the test is skipped where nothing can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system with a limit")
    command = ["mount", "-t", "tmpfs", "-o", options, "smb-test", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def limit(kind: int, soft: int) -> Iterator[None]:
    """A limit of this process."""
    old, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (old, hard))


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Tree]:
    """A share of 1 MiB."""
    place = tmp_path / "place"
    place.mkdir()
    with mounted(place, "size=1m"):
        (tmp_path / "world").mkdir()
        made = World(tmp_path / "world", shares=[Share("data", PosixBackend(place))])
        yield made.tree()
        made.close()


def status_of(call: Callable[[], object]) -> int:
    try:
        call()
    except StatusFailure as failure:
        return failure.status
    return 0


def change(file: File, level: int, data: bytes) -> int:
    return file.tree.call(queries.set_info(file.file_id, INFO_FILE, level, data)).status


def fill(file: File) -> bytes:
    """Write until the disk is full; what was acknowledged."""
    told = b""
    for number in range(100):
        block = bytes([number]) * 65536
        if file.tree.call(commands.write(file.file_id, len(told), block)).status == status.DISK_FULL:
            return told
        told += block
    raise AssertionError("the disk is never full")


def test_a_full_disk(small: Tree) -> None:
    file = small.create("big")
    told = fill(file)
    assert len(told) > MIB // 2
    assert b"".join(file.read(at, 65536) for at in range(0, len(told), 65536)) == told
    for more in (lambda: file.write(len(told), b"x" * 65536), lambda: small.create("other").write(0, b"x" * 65536)):
        assert status_of(more) == status.DISK_FULL
    assert change(file, ALLOCATION, (8 * MIB).to_bytes(8, "little")) == status.DISK_FULL
    room = fs_info.decode_full_size(memoryview(file.query(INFO_FILESYSTEM, fs_info.FULL_SIZE)))
    assert room.caller_available_units == room.available_units == 0
    file.close()
    with small.open("big", access=DELETE) as gone:
        gone.set(INFO_FILE, DISPOSITION, b"\1")
    small.create("again").write(0, b"y" * (MIB // 2))


def test_a_create_that_there_is_no_room_for_leaves_nothing(small: Tree) -> None:
    """[MS-SMB2] 3.3.5.9.3."""
    wanted = [(b"AlSi", (8 * MIB).to_bytes(8, "little"))]
    refused = status_of(lambda: small.open("new", access=READ_WRITE, disposition=CREATE_NEW, contexts=wanted))
    assert refused == status.DISK_FULL
    assert [entry.name for entry in small.list_directory()] == [".", ".."]


def test_no_inode_left(tmp_path: Path) -> None:
    with mounted(tmp_path, "nr_inodes=8"), tree_over(PosixBackend(tmp_path)) as tree:
        made = [status_of(lambda name=name: tree.create(name).close()) for name in "abcdefghij"]  # type: ignore[misc]  # bound
        assert made[:2] == [0, 0]
        assert made[-1] == status.DISK_FULL
        assert status_of(lambda: folder(tree, "z")) == status.DISK_FULL


def folder(tree: Tree, name: str) -> None:
    tree.open(name, disposition=OPEN_IF, options=DIRECTORY_FILE).close()


@contextmanager
def tree_over(backend: PosixBackend) -> Iterator[Tree]:
    """A world whose folders do not matter, over this store."""
    with tempfile.TemporaryDirectory() as place:
        made = World(Path(place), shares=[Share("data", backend)])
        try:
            yield made.tree()
        finally:
            made.close()


def test_a_read_only_mount(small: Tree, tmp_path: Path) -> None:
    small.create("file").close()
    subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "place")], check=True)
    for call in (
        lambda: small.create("new"),
        lambda: folder(small, "new"),
        lambda: small.open("file", access=READ_WRITE),
        lambda: small.open("file", access=DELETE | GENERIC_READ, options=DELETE_ON_CLOSE),
    ):
        assert status_of(call) == status.MEDIA_WRITE_PROTECTED
    with small.open("file", access=DELETE | 0x100 | GENERIC_READ) as file:
        assert change(file, DISPOSITION, b"\1") == status.MEDIA_WRITE_PROTECTED
        assert change(file, BASIC, bytes(32) + b"\2\0\0\0" + bytes(4)) == status.MEDIA_WRITE_PROTECTED
    assert [entry.name for entry in small.list_directory()] == [".", "..", "file"]


def test_over_a_mount_inside_the_share(small: Tree, tmp_path: Path) -> None:
    """A client that hears of another device copies; and a mount is not a folder that could be removed."""
    small.create("file").close()
    folder(small, "disk")
    with mounted(tmp_path / "place" / "disk", "size=1m"):
        target = "disk\\file".encode("utf-16-le")
        moved = bytes(16) + len(target).to_bytes(4, "little") + target
        with small.open("file", access=DELETE | READ_WRITE) as file:
            assert change(file, RENAME, moved) == status.NOT_SAME_DEVICE
            assert change(file, LINK, moved) == status.NOT_SAME_DEVICE
        disk = small.open("disk", access=DELETE | GENERIC_READ, options=DIRECTORY_FILE)
        elsewhere = (bytes(16) + b"\2\0\0\0" + "x".encode("utf-16-le")).ljust(24, b"\0")
        assert change(disk, RENAME, elsewhere) == status.SHARING_VIOLATION
        disk.close()


def test_a_file_that_may_not_grow(tree: Tree, world: World) -> None:
    """RLIMIT_FSIZE, and any file system with a largest file."""
    file = tree.create("file")
    with limit(resource.RLIMIT_FSIZE, 4096):
        file.write(0, b"a" * 4000)
        assert status_of(lambda: file.write(4096, b"b" * 100)) == status.DISK_FULL
        assert change(file, END_OF_FILE, (8192).to_bytes(8, "little")) == status.DISK_FULL
    assert file.read(0, 8192) == b"a" * 4000
    assert (world.data / "file").read_bytes() == b"a" * 4000


def test_no_descriptor_left(tree: Tree) -> None:
    file = tree.create("file")
    low = max(map(int, os.listdir("/proc/self/fd"))) + 1
    with limit(resource.RLIMIT_NOFILE, low):
        held: list[int] = []
        while len(held) < low:
            try:
                held.append(os.dup(0))
            except OSError:
                break
        try:
            assert status_of(lambda: tree.open("file")) == status.TOO_MANY_OPENED_FILES
            assert status_of(lambda: tree.create("new")) == status.TOO_MANY_OPENED_FILES
            file.write(0, b"those who are here go on")
        finally:
            for descriptor in held:
                os.close(descriptor)
    assert tree.open("file").read(0, 100) == b"those who are here go on"


def test_a_program_that_runs_cannot_be_written(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copy(os.path.realpath("/bin/sleep"), program)
    process = subprocess.Popen([str(program), "60"])
    try:
        with tree_over(PosixBackend(tmp_path)) as tree:
            assert status_of(lambda: tree.open("program", access=READ_WRITE)) == status.SHARING_VIOLATION
            tree.open("program", access=GENERIC_READ).close()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EIO, status.IO_DEVICE_ERROR),
        (errno.EDQUOT, status.DISK_FULL),
        (errno.EROFS, status.MEDIA_WRITE_PROTECTED),
        (errno.EACCES, status.ACCESS_DENIED),
        (errno.ENOTCONN, status.DEVICE_NOT_CONNECTED),
    ],
)
@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "setxattr"])
def test_what_the_system_says_is_what_the_client_hears(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, call: str, number: int, expected: int
) -> None:
    file = tree.create("file")

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    if call == "pwrite":
        assert status_of(lambda: file.write(0, b"x")) == expected
    elif call == "ftruncate":
        assert change(file, END_OF_FILE, bytes(8)) == expected
    else:
        assert change(file, BASIC, bytes(32) + b"\2\0\0\0" + bytes(4)) == expected


def test_a_failed_flush_is_not_fine_the_next_time(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells it once and takes the data for written; a client that flushes again must not be told so."""
    file, other = tree.create("file"), tree.create("other")
    file.write(0, b"x")
    other.write(0, b"x")

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert status_of(file.flush) == status.IO_DEVICE_ERROR
    assert status_of(file.flush) == status.IO_DEVICE_ERROR
    through = commands.write(file.file_id, 0, b"y", flags=1)
    assert tree.call(through).status == status.IO_DEVICE_ERROR
    other.flush()
    file.close()
    tree.create("file").flush()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EROFS, errno.EINTR])
def test_a_flush_that_was_not_done_is_no_loss(tree: Tree, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    file = tree.create("file")

    def fail(fd: int) -> None:
        raise OSError(number, "not done")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert status_of(file.flush) != 0
    file.flush()


@pytest.fixture
def close_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a network file system below does when the data does not fit at last."""
    real = PosixHandle.close

    def close(self: PosixHandle) -> None:
        was_open = self._fd >= 0
        real(self)
        if was_open and not self.is_directory:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(PosixHandle, "close", close)


@pytest.mark.usefixtures("close_fails")
def test_data_lost_at_the_close_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    tree = world.tree()
    file = tree.create("file")
    assert status_of(file.close) == status.DISK_FULL
    assert tree.call(commands.close(file.file_id)).status == status.FILE_CLOSED
    assert not len(world.state.files)
    assert "what was written to 'file' may be lost" in caplog.text


@pytest.mark.usefixtures("close_fails")
def test_a_line_that_is_cut_ends_all_opens_though_one_fails(world: World) -> None:
    tree = world.tree()
    for name in ("a", "b", "c"):
        tree.create(name)
    tree.session.connection.close()
    assert not len(world.state.files)


def calls_on(tree: Tree, file: File) -> list[int]:
    """The statuses of one of each operation."""
    return [
        status_of(call)
        for call in (
            lambda: tree.open("file"),
            lambda: tree.create("new"),
            lambda: folder(tree, "new"),
            lambda: tree.open("a\\b\\c"),
            lambda: tree.list_directory(),
            lambda: file.query(INFO_FILESYSTEM, fs_info.FULL_SIZE),
            lambda: file.query(INFO_FILE, 18),
            lambda: file.set(INFO_FILE, RENAME, bytes(16) + b"\2\0\0\0" + "x".encode("utf-16-le")),
            lambda: file.set(INFO_FILE, DISPOSITION, b"\1"),
            lambda: file.write(0, b"still"),
            file.close,
        )
    ]


def test_the_folder_of_a_share_goes_and_comes_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    tree = world.tree()
    file = tree.open("file", access=READ_WRITE | DELETE, disposition=OPEN_IF)
    shutil.rmtree(world.data)
    assert status.INTERNAL_ERROR not in calls_on(tree, file)
    refused = status_of(world.tree)
    assert refused == status.BAD_NETWORK_NAME
    assert "share 'data': its directory cannot be opened any more: No such file" in caplog.text
    world.data.mkdir()
    (world.data / "file").write_bytes(b"new")
    fresh = world.tree()
    assert fresh.open("FILE").read(0, 10) == b"new"
    assert tree.open("file").read(0, 10) == b"new"  # a tree from before sees it too
    assert "Traceback" not in caplog.text


def test_a_disk_that_is_mounted_late_is_served(world: World) -> None:
    (world.data / "below").write_bytes(b"")
    early = world.tree()
    kept = early.create("below")
    with mounted(world.data, "size=1m"):
        assert [entry.name for entry in early.list_directory()][2:] == ["below"]
        late = world.tree()
        assert [entry.name for entry in late.list_directory()][2:] == []
        late.create("above").close()
        assert (world.data / "above").exists()
        kept.write(0, b"where it was opened")
        kept.close()
        late.session.connection.close()
    world.tree()
    assert (world.data / "below").read_bytes() == b"where it was opened"


def test_a_killed_server_loses_nothing_acknowledged(share_folder: Path, tmp_path: Path) -> None:
    """A WRITE is answered when the page cache has it, which outlives the process."""
    told = b""
    with running(tmp_path, ["--share", f"data={share_folder}", "--user", "ann:secret"]) as server:
        session = connect("127.0.0.1", server.port, "ann", "secret")
        tree = session.tree("data")
        file = tree.create("file")
        for number in range(64):
            block = bytes([number]) * 5000
            file.write(len(told), block)
            told += block
        folder(tree, "folder")
        tree.create("folder\\inside").close()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        session.close()
    assert (share_folder / "file").read_bytes() == told
    assert (share_folder / "folder" / "inside").exists()


def test_a_delete_that_the_folder_forbids_is_refused_when_it_is_asked_for(world: World) -> None:
    """The last close could not say it, and the client would believe the file gone."""
    closed = world.data / "closed"
    closed.mkdir()
    (closed / "file").write_bytes(b"")
    closed.chmod(0o555)
    if os.access(closed, os.W_OK):
        pytest.skip("root is forbidden nothing; tests/test_acting.py asks as somebody else")
    tree = world.tree()
    with tree.open("closed\\file", access=DELETE) as file:
        assert change(file, DISPOSITION, b"\1") == status.ACCESS_DENIED
    asked = status_of(lambda: tree.open("closed\\file", access=DELETE, options=DELETE_ON_CLOSE))
    assert asked == status.ACCESS_DENIED
    assert (closed / "file").exists()


def test_names_and_paths_that_are_too_long(tree: Tree) -> None:
    assert status_of(lambda: tree.create("\N{SNOWMAN}" * 200)) == status.OBJECT_NAME_INVALID
    deep = "\\".join(["d" * 250] * 20)  # more than the kernel takes in one piece
    assert status_of(lambda: tree.open(deep)) == status.OBJECT_NAME_INVALID
