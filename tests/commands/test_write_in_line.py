"""Large writes of a client that does not wait: threads make them, in order, and what follows them waits."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.client import commands
from conformance.client.message import Request
from conformance.client.protocol import APPEND_DATA, GENERIC_ALL, OPEN_IF, NoAnswer
from conformance.client.session import File, Options
from smbserver.backend.posix.handle import PosixHandle
from smbserver.commands import write as write_command
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from tests.harness import World, frames_of

LARGE = 512 * 1024
POSTQUERY_ATTRIB = 1


@pytest.fixture
def world(share_folder: Path) -> Iterator[World]:
    made = World(share_folder, policy=Policy(signing_required=False))
    made.runtime.hold_offloaded = True
    yield made
    made.close()


def opened(world: World, access: int = GENERIC_ALL, options: Options | None = None) -> File:
    """A file on a connection whose transport says that more has come."""
    file = world.tree(options=options).open("file", access=access, disposition=OPEN_IF)
    frames_of(file.tree.session.connection).transport.more = True
    return file


def sent(file: File, *requests: Request) -> list[int]:
    """Their message ids."""
    return [file.tree.submit(request) for request in requests]


def filled(file: File, number: int, size: int = LARGE) -> Request:
    """WRITE of one block."""
    return commands.write(file.file_id, number * size, bytes([number + 1]) * size)


def answered(file: File, messages: list[int]) -> list[int]:
    """Their statuses; all must be there."""
    return [file.tree.session.connection.wait(message).status for message in messages]


def order(file: File) -> list[int]:
    """The message ids of the replies that have come, as they came."""
    return [
        int.from_bytes(frame[24:32], "little") for frame in frames_of(file.tree.session.connection).transport.frames
    ]


def test_who_waits_for_his_answers_never_meets_a_thread(world: World) -> None:
    file = opened(world)
    frames_of(file.tree.session.connection).transport.more = False
    for number in range(3):
        assert file.write(number * LARGE, bytes(LARGE)) == LARGE
    assert not world.runtime.offloaded


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (LARGE - 1, None),
        (LARGE, Options(signing=True)),  # signatures cost more than the thread gains
        (LARGE, Options(encryption=True)),
    ],
)
def test_what_gains_nothing_is_written_at_once(world: World, size: int, options: Options | None) -> None:
    file = opened(world, options=options)
    assert file.write(0, bytes(size)) == size
    assert not world.runtime.offloaded


def test_the_right_to_append_waits_for_the_end_of_the_file(world: World) -> None:
    file = opened(world, access=APPEND_DATA)
    assert file.write(0, bytes(LARGE)) == LARGE
    assert file.tree.call(commands.write(file.file_id, 0, bytes(LARGE))).status == status.ACCESS_DENIED


def test_what_follows_is_done_behind_them(world: World) -> None:
    file = opened(world)
    messages = sent(
        file,
        filled(file, 0),
        filled(file, 1),
        commands.flush(file.file_id),
        filled(file, 2),
        commands.write(file.file_id, 3 * LARGE, b"short"),
        commands.read(file.file_id, 2 * LARGE, 1),
        commands.close(file.file_id, POSTQUERY_ATTRIB),
    )
    with pytest.raises(NoAnswer):
        file.tree.session.connection.wait(messages[-1])
    world.runtime.run_offloaded()
    assert order(file) == messages
    connection = file.tree.session.connection
    for message in messages[:5]:
        connection.wait(message).check()
    assert commands.decode_read(connection.wait(messages[5]).check()) == b"\3"
    assert commands.decode_close(connection.wait(messages[6]).check()).end_of_file == 3 * LARGE + 5
    found = (world.data / "file").read_bytes()
    assert found == b"\1" * LARGE + b"\2" * LARGE + b"\3" * LARGE + b"short"
    assert world.shares[0].behind == 0


def test_another_client_is_not_held_back(world: World) -> None:
    file = opened(world)
    messages = sent(file, filled(file, 0), commands.flush(file.file_id))
    other = world.tree().open("file", access=GENERIC_ALL)
    assert other.tree.call(commands.read(other.file_id, 0, 1)).status == status.END_OF_FILE
    world.runtime.run_offloaded()
    assert answered(file, messages) == [0, 0]
    assert other.read(0, 1) == b"\1"


def test_an_error_is_the_answer_to_its_own_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(world)
    messages = sent(file, *(filled(file, number) for number in range(3)))
    write = PosixHandle.write

    def full(self: PosixHandle, data: memoryview | bytes, offset: int) -> None:
        if offset == LARGE:
            raise OSError(errno.ENOSPC, "full")
        write(self, data, offset)

    monkeypatch.setattr(PosixHandle, "write", full)
    world.runtime.run_offloaded()
    assert answered(file, messages) == [0, status.DISK_FULL, 0]
    assert world.shares[0].behind == 0
    file.close()


def test_a_cut_line_ends_the_open_behind_its_writes(world: World) -> None:
    file = opened(world)
    sent(file, filled(file, 0), filled(file, 1), commands.flush(file.file_id))
    file.tree.session.connection.close()
    world.runtime.run_offloaded()
    assert (world.data / "file").read_bytes() == b"\1" * LARGE + b"\2" * LARGE
    assert len(world.state.files) == 0
    assert world.shares[0].behind == 0


def test_who_gives_up_waiting_is_answered_and_the_rest_goes_on(world: World) -> None:
    file = opened(world)
    connection = file.tree.session.connection
    messages = sent(file, filled(file, 0), commands.flush(file.file_id), commands.flush(file.file_id))
    connection.cancel(messages[1])
    assert connection.wait(messages[1]).status == status.CANCELLED
    world.runtime.run_offloaded()
    assert answered(file, [messages[0], messages[2]]) == [0, 0]


def test_too_much_behind_is_written_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_command, "MAX_AHEAD", LARGE)
    file = opened(world)
    [message] = sent(file, filled(file, 0))
    assert file.write(LARGE, b"at once") == 7
    world.runtime.run_offloaded()
    assert answered(file, [message]) == [0]
