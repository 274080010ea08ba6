"""WRITE: where bytes go, which rights they need, and when the answer waits for the disk."""

from __future__ import annotations

import errno

import pytest

from conformance.client import commands
from conformance.client.protocol import APPEND_DATA, DIRECTORY_FILE, GENERIC_ALL, GENERIC_READ, OPEN_IF, NoAnswer
from conformance.client.session import File
from smbserver.backend.posix.handle import PosixHandle
from smbserver.commands import write as write_command
from smbserver.nt import status
from smbserver.sharing.caching import READ
from tests.cachers import Cacher
from tests.harness import FILETIME_SECOND, World

WRITE_THROUGH = 1


@pytest.fixture
def file(world: World) -> File:
    return world.tree().create("file")


def asked(file: File, offset: int, data: bytes, flags: int = 0) -> int:
    return file.tree.call(commands.write(file.file_id, offset, data, flags)).status


def test_bytes_go_where_they_belong(world: World, file: File) -> None:
    assert file.write(0, b"0123") == 4
    assert file.write(4, b"45") == 2
    assert file.write(1, b"") == 0
    assert file.write(8, b"89") == 2
    assert (world.data / "file").read_bytes() == b"012345\0\x0089"


def test_the_right_to_append_is_no_right_to_overwrite(world: World, file: File) -> None:
    file.write(0, b"0123")
    appender = file.tree.open("file", access=APPEND_DATA)
    assert asked(appender, 0, b"x") == status.ACCESS_DENIED
    assert asked(appender, 4, b"4") == 0
    assert asked(appender, 5, b"5") == 0
    assert (world.data / "file").read_bytes() == b"012345"


def test_rights_kinds_and_places(file: File) -> None:
    assert asked(file.tree.open("file", access=GENERIC_READ), 0, b"x") == status.ACCESS_DENIED
    folder = file.tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert asked(folder, 0, b"x") == status.INVALID_DEVICE_REQUEST


@pytest.mark.parametrize("offset", [0xFFFFFFF0000, 0x7FFFFFFFFFFFFFFF, 1 << 63, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF])
def test_beyond_the_largest_file(file: File, offset: int) -> None:
    """The last two mean "here" and "at the end" to a local program of Windows, and nothing over the network."""
    assert asked(file, offset, b"x") == status.INVALID_PARAMETER
    assert asked(file, offset, b"") == (0 if offset < 1 << 63 else status.INVALID_PARAMETER)
    assert file.write(0xFFFFFFF0000 - 1, b"x") == 1


@pytest.mark.parametrize(("flags", "options"), [(WRITE_THROUGH, 0), (0, 2)])
def test_write_through_waits_for_the_disk(world: World, flags: int, options: int) -> None:
    file = world.tree().open("file", access=GENERIC_ALL, disposition=OPEN_IF, options=options)
    world.runtime.hold_offloaded = True
    message = file.tree.submit(commands.write(file.file_id, 0, b"x", flags))
    with pytest.raises(NoAnswer):
        file.tree.session.connection.wait(message)
    world.runtime.run_offloaded()
    assert commands.decode_write(file.tree.session.connection.wait(message).check()) == 1


@pytest.fixture
def behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that holds every write back for a twentieth of a second."""
    write = PosixHandle.write

    def slow(self: PosixHandle, data: memoryview | bytes, offset: int) -> None:
        world.runtime.time += FILETIME_SECOND // 20
        write(self, data, offset)

    monkeypatch.setattr(PosixHandle, "write", slow)


def test_where_the_disk_is_behind_writes_wait_in_threads(world: World, behind: None) -> None:
    file = world.tree().open("file", access=GENERIC_ALL, disposition=OPEN_IF)
    connection = file.tree.session.connection
    world.runtime.hold_offloaded = True
    assert file.write(0, b"first") == 5
    share = world.shares[0]
    for _ in range(30):  # longer than a second: a slow write in a thread says that it goes on
        message = file.tree.submit(commands.write(file.file_id, 0, b"second"))
        assert share.behind == 6
        with pytest.raises(NoAnswer):
            connection.wait(message)
        world.runtime.run_offloaded()
        assert commands.decode_write(connection.wait(message).check()) == 6
    assert (world.data / "file").read_bytes() == b"second"
    assert share.behind == 0
    world.runtime.advance(2.0)
    assert file.write(0, b"third ") == 6
    assert not world.runtime.offloaded


def test_too_much_behind_is_written_at_once(world: World, behind: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_command, "MAX_BEHIND", 10)
    file = world.tree().open("file", access=GENERIC_ALL, disposition=OPEN_IF)
    world.runtime.hold_offloaded = True
    file.write(0, b"first")
    waiting = [file.tree.submit(commands.write(file.file_id, 0, b"waits")) for _ in range(2)]
    assert file.write(5, b"at once") == 7
    world.runtime.run_offloaded()
    for message in waiting:
        file.tree.session.connection.wait(message).check()
    assert (world.data / "file").read_bytes() == b"waitsat once"


def test_closed_and_failed_behind(world: World, behind: None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world.tree().open("file", access=GENERIC_ALL, disposition=OPEN_IF)
    world.runtime.hold_offloaded = True
    file.write(0, b"first")
    last = file.tree.submit(commands.write(file.file_id, 0, b"last!", WRITE_THROUGH))
    closing = file.tree.submit(commands.close(file.file_id))
    world.runtime.run_offloaded()
    for message in (last, closing):
        file.tree.session.connection.wait(message).check()
    assert (world.data / "file").read_bytes() == b"last!"

    def full(self: PosixHandle, data: memoryview | bytes, offset: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    again = file.tree.open("file", access=GENERIC_ALL, disposition=OPEN_IF)
    monkeypatch.setattr(PosixHandle, "write", full)
    failing = again.tree.submit(commands.write(again.file_id, 0, b"x"))
    world.runtime.run_offloaded()
    assert again.tree.session.connection.wait(failing).status == status.DISK_FULL
    assert world.shares[0].behind == 0


def test_who_opens_during_a_write_in_a_thread_does_not_keep_what_he_read(world: World, behind: None) -> None:
    """He came behind the break, and had his lease before the bytes were there."""
    file = world.tree().open("file", access=GENERIC_ALL, disposition=OPEN_IF)
    file.write(0, b"first")
    world.runtime.hold_offloaded = True
    message = file.tree.submit(commands.write(file.file_id, 0, b"later"))
    reader = Cacher(world)
    opened = reader.open("file", lease=1, wanted=READ)
    assert opened.read(0, 5) == b"first"
    world.runtime.run_offloaded()
    assert commands.decode_write(file.tree.session.connection.wait(message).check()) == 5
    assert reader.next_break().new_state == 0
    assert opened.read(0, 5) == b"later"
