"""The test hook FSCTL_SMBTORTURE: refused by default; with the policy it pads, sleeps and fails a channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import GENERIC_READ, GENERIC_WRITE, OPEN, OPLOCK_BATCH, NoAnswer
from conformance.client.session import Tree
from smbserver.commands.ioctl_torture import UNACKED_SECONDS
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from smbserver.wire import ioctl as ioctl_wire
from smbserver.wire import ioctl_torture as wire
from tests.harness import World, frames_of

CODES = [wire.FORCE_UNACKED_TIMEOUT, wire.IOCTL_RESPONSE_PADDING, wire.READ_RESPONSE_PADDING, wire.ASYNC_SLEEP]


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[World]:
    """A world with `--torture`."""
    made = World(tmp_path, policy=Policy(signing_required=False, torture=True))
    yield made
    made.close()


def ask(tree: Tree, code: int, file_id: bytes = queries.NO_FILE_ID, data: bytes = b"") -> int:
    return tree.call(queries.ioctl(code, data, file_id)).status


def bare(code: int) -> Request:
    """As a client sends it that has neither session nor tree in mind."""
    return queries.ioctl(code, b"", queries.NO_FILE_ID, 0)


@pytest.mark.parametrize("code", CODES)
def test_by_default_nobody_can_make_this_server_misbehave(world: World, code: int) -> None:
    tree = world.tree()
    file = tree.create("file")
    file_id = file.file_id if code == wire.ASYNC_SLEEP else queries.NO_FILE_ID
    assert ask(tree, code, file_id, b"\1" if code == wire.ASYNC_SLEEP else b"") == status.INVALID_DEVICE_REQUEST
    assert tree.session.connection.call(bare(code)).status == status.USER_SESSION_DELETED


def test_only_the_code_that_fails_a_channel_needs_no_session(hooked: World) -> None:
    found = {code: hooked.tree().session.connection.call(bare(code)).status for code in CODES}
    assert found.pop(wire.FORCE_UNACKED_TIMEOUT) == status.SUCCESS
    assert set(found.values()) == {status.USER_SESSION_DELETED}


@pytest.mark.parametrize("code", sorted(wire.WITHOUT_OPEN))
def test_input_is_not_taken(hooked: World, code: int) -> None:
    assert ask(hooked.tree(), code, data=b"x") == status.INVALID_PARAMETER


def test_a_padded_reply_has_its_output_eight_bytes_later(hooked: World) -> None:
    tree = hooked.tree()
    reply = tree.call(queries.ioctl(wire.IOCTL_RESPONSE_PADDING, b"", queries.NO_FILE_ID, 3)).check()
    assert queries.decode_ioctl(reply) == b"\x08" * 3
    assert len(reply.body) == ioctl_wire.RESPONSE.size + 8 + 3


def test_padded_reads_say_where_the_data_is(hooked: World) -> None:
    (hooked.data / "file").write_bytes(b"content")
    tree = hooked.tree()
    file = tree.open("file")
    usual = tree.call(commands.read(file.file_id, 0, 100)).check()
    assert ask(tree, wire.READ_RESPONSE_PADDING) == status.SUCCESS
    padded = tree.call(commands.read(file.file_id, 0, 100)).check()
    assert commands.decode_read(padded) == commands.decode_read(usual) == b"content"
    assert len(padded.body) == len(usual.body) + 8
    assert tree.call(commands.read(file.file_id, 100, 1)).status == status.END_OF_FILE


def test_a_sleep_outlives_the_close_of_its_file(hooked: World) -> None:
    tree = hooked.tree()
    file = tree.create("file")
    assert ask(tree, wire.ASYNC_SLEEP, file.file_id, b"\1\1") == status.INVALID_PARAMETER
    message = tree.submit(queries.ioctl(wire.ASYNC_SLEEP, b"\xc8", file.file_id))
    file.close()
    hooked.runtime.advance(0.199)
    with pytest.raises(NoAnswer):
        tree.session.connection.wait(message)
    hooked.runtime.advance(0.001)
    assert tree.session.connection.wait(message).status == status.SUCCESS


def test_a_notice_that_counts_as_lost_ends_its_connection(hooked: World) -> None:
    """The reply to the hook itself is no notice; the break is; whoever waited for it goes on at once."""
    holder = hooked.tree()
    holder.open("file", access=GENERIC_READ | GENERIC_WRITE, disposition=3, oplock=OPLOCK_BATCH)
    assert holder.session.connection.call(bare(wire.FORCE_UNACKED_TIMEOUT)).status == status.SUCCESS
    hooked.runtime.advance(2 * UNACKED_SECONDS)
    assert not frames_of(holder.session.connection).closed_by_peer(0)
    other = hooked.tree()
    message = other.submit(commands.create("file", access=GENERIC_READ, disposition=OPEN))
    hooked.runtime.advance(UNACKED_SECONDS)
    assert frames_of(holder.session.connection).closed_by_peer(0)
    assert other.session.connection.wait(message).status == status.SUCCESS
