"""Large reads, to be signed or sealed, of a client that does not wait: a thread reads them."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.client import commands
from conformance.client.protocol import GENERIC_ALL
from conformance.client.session import File, Options
from smbserver.backend.posix.handle import PosixHandle
from smbserver.commands import read as read_command
from smbserver.commands.read import WHOLE_FROM
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from tests.harness import World, frames_of

SIGNED = Options(signing=True)
SEALED = Options(encryption=True)
CONTENT = random.Random(42).randbytes(4 * WHOLE_FROM)
both = pytest.mark.parametrize("options", [SIGNED, SEALED])


@pytest.fixture
def world(share_folder: Path) -> Iterator[World]:
    made = World(share_folder, policy=Policy(signing_required=False))
    (made.data / "large").write_bytes(CONTENT)
    made.runtime.hold_offloaded = True
    yield made
    made.close()
    assert made.shares[0].behind == 0


def opened(world: World, options: Options | None, more: bool = True) -> File:
    """The file on a connection whose transport says whether more has come."""
    file = world.tree(options=options).open("large", access=GENERIC_ALL)
    frames_of(file.tree.session.connection).transport.more = more
    return file


def asked(file: File, *offsets: int, length: int = WHOLE_FROM) -> list[int]:
    """The message ids of READs that nobody waits for."""
    return [file.tree.submit(commands.read(file.file_id, offset, length)) for offset in offsets]


def in_order(file: File, messages: list[int], offsets: list[int]) -> None:
    """The answers that have come are to these, in this order, and right."""
    frames = frames_of(file.tree.session.connection).transport.frames
    assert len(frames) == len(messages)
    for message, offset in zip(messages, offsets, strict=True):
        there = len(frames)
        assert answers(file, [message]) == [CONTENT[offset : offset + WHOLE_FROM]]
        assert len(frames) == there - 1


def answers(file: File, messages: list[int]) -> list[bytes]:
    """What was read; all must be there, and are checked by the client."""
    return [commands.decode_read(file.tree.session.connection.wait(message).check()) for message in messages]


@both
def test_in_the_order_of_the_requests(world: World, options: Options) -> None:
    """smbclient, with two of 8 MiB under way: it keeps what it cannot write yet, and asks for nothing meanwhile."""
    file = opened(world, options)
    connection = file.tree.session.connection
    messages = asked(file, 0, WHOLE_FROM, 5)
    frames_of(connection).transport.more = False
    messages += asked(file, 7)
    assert world.shares[0].behind == 4 * WHOLE_FROM
    assert world.runtime.offloaded == 3  # the last is read by the loop
    assert not frames_of(connection).buffered()
    world.runtime.run_one_offloaded()
    in_order(file, messages[:1], [0])
    world.runtime.run_offloaded()
    in_order(file, messages[1:], [WHOLE_FROM, 5, 7])
    assert world.shares[0].behind == 0
    assert answers(file, asked(file, 9)) == [CONTENT[9 : 9 + WHOLE_FROM]]  # nobody is ahead any more
    file.close()


@both
def test_a_burst_behind_a_burst(world: World, options: Options) -> None:
    file = opened(world, options)
    messages = asked(file, 0)
    transport = frames_of(file.tree.session.connection).transport
    transport.more = False
    messages += asked(file, 1)
    transport.more = True
    messages += asked(file, 2)
    transport.more = False
    messages += asked(file, 3)
    world.runtime.run_offloaded()
    in_order(file, messages, [0, 1, 2, 3])


def test_another_open_does_not_wait(world: World) -> None:
    file = opened(world, SIGNED)
    messages = asked(file, 0)
    with file.tree.open("large", access=GENERIC_ALL) as other:
        frames_of(file.tree.session.connection).transport.more = False
        assert other.read(1, WHOLE_FROM) == CONTENT[1 : 1 + WHOLE_FROM]
    world.runtime.run_offloaded()
    assert answers(file, messages) == [CONTENT[:WHOLE_FROM]]


@pytest.mark.parametrize(
    ("options", "more", "length"),
    [
        (SIGNED, False, WHOLE_FROM),  # who waits for his answers
        (SIGNED, True, WHOLE_FROM - 1),
        (None, True, WHOLE_FROM),  # sent from the file
    ],
)
def test_what_gains_nothing_is_read_at_once(world: World, options: Options | None, more: bool, length: int) -> None:
    file = opened(world, options, more)
    assert answers(file, asked(file, 3, length=length)) == [CONTENT[3 : 3 + length]]
    assert not world.runtime.offloaded


@both
def test_beyond_the_limit_the_loop_reads(world: World, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_command, "MAX_AHEAD", 2 * WHOLE_FROM)
    file = opened(world, options)
    messages = asked(file, 0, 1, 2)
    assert world.runtime.offloaded == 2
    assert answers(file, messages[2:]) == [CONTENT[2 : 2 + WHOLE_FROM]]
    world.runtime.run_offloaded()
    assert answers(file, messages[:2]) == [CONTENT[0:WHOLE_FROM], CONTENT[1 : 1 + WHOLE_FROM]]


@both
def test_one_that_would_be_held_beyond_the_limit(
    world: World, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_command, "MAX_AHEAD", 2 * WHOLE_FROM)
    file = opened(world, options)
    messages = asked(file, 0)
    frames_of(file.tree.session.connection).transport.more = False
    messages += asked(file, 1, 2)
    in_order(file, messages[2:], [2])
    world.runtime.run_offloaded()
    in_order(file, messages[:2], [0, 1])


@both
def test_behind_one_that_fails(world: World, options: Options) -> None:
    file = opened(world, options)
    messages = asked(file, len(CONTENT))
    frames_of(file.tree.session.connection).transport.more = False
    messages += asked(file, 1)
    world.runtime.run_offloaded()
    assert file.tree.session.connection.wait(messages[0]).status == status.END_OF_FILE
    in_order(file, messages[1:], [1])


@both
def test_the_end_of_the_file(world: World, options: Options) -> None:
    file = opened(world, options)
    messages = asked(file, len(CONTENT) - 3, len(CONTENT))
    world.runtime.run_offloaded()
    assert answers(file, messages[:1]) == [CONTENT[-3:]]
    assert file.tree.session.connection.wait(messages[1]).status == status.END_OF_FILE


def test_a_disk_that_must_be_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PosixHandle, "read_between", lambda *_: None)
    monkeypatch.setattr(PosixHandle, "read", lambda *_: None)
    file = opened(world, SEALED)
    messages = asked(file, 0, 9)
    world.runtime.run_offloaded()  # among them the reads that the first ones led to
    assert answers(file, messages) == [CONTENT[:WHOLE_FROM], CONTENT[9 : 9 + WHOLE_FROM]]


def test_an_error_of_the_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(PosixHandle, "read_between", broken)
    file = opened(world, SIGNED)
    messages = asked(file, 0)
    world.runtime.run_offloaded()
    assert file.tree.session.connection.wait(messages[0]).status == status.IO_DEVICE_ERROR
    monkeypatch.undo()
    assert file.read(0, 1) == CONTENT[:1]


def close_it(file: File) -> None:
    file.close()


def disconnect_its_tree(file: File) -> None:
    file.tree.disconnect()


def log_off(file: File) -> None:
    file.tree.session.log_off()


@both
@pytest.mark.parametrize("end", [close_it, disconnect_its_tree, log_off])
def test_what_was_asked_before_the_end_is_read(world: World, options: Options, end: Callable[[File], None]) -> None:
    """The descriptor stays until it was; what then needs a second look meets a closed file."""
    file = opened(world, options)
    asked(file, 0, len(CONTENT) - 3)
    frames_of(file.tree.session.connection).transport.more = False
    asked(file, 1)
    end(file)
    assert world.shares[0].behind == 3 * WHOLE_FROM
    world.runtime.run_offloaded()
    assert world.shares[0].behind == 0
    assert len(world.state.files) == 0


def test_closed_before_its_answers(world: World) -> None:
    file = opened(world, SIGNED)
    messages = asked(file, 0, len(CONTENT) - 3)
    file.close()
    world.runtime.run_offloaded()
    assert answers(file, messages) == [CONTENT[:WHOLE_FROM], CONTENT[-3:]]


def test_a_cut_line(world: World) -> None:
    file = opened(world, SIGNED)
    asked(file, 0, 1)
    frames_of(file.tree.session.connection).transport.more = False
    asked(file, 2)
    file.tree.session.connection.close()
    world.runtime.run_offloaded()
    assert len(world.state.files) == 0
