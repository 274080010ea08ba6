"""LOCK: arguments, waiting and its ends, replays, what locks forbid, and what they do to caches."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING

import pytest

from conformance.client import commands, contexts
from conformance.client.login import log_on
from conformance.client.ntlm import Credentials
from conformance.client.protocol import (
    DIRECTORY_FILE,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN_IF,
    OPLOCK_BATCH,
    OPLOCK_II,
    OPLOCK_LEASE,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0,
    SMB_3_1_1,
    NoAnswer,
    StatusFailure,
)
from conformance.client.session import File, Options, Tree
from smbserver.driver import INTERIM_DELAY
from smbserver.nt import access, status
from smbserver.objects.server_state import Policy
from smbserver.sharing import byte_locks
from smbserver.wire.lock import EXCLUSIVE_LOCK, FAIL_IMMEDIATELY, SHARED_LOCK, UNLOCK
from tests.harness import PASSWORD, USER, World, frames_of

if TYPE_CHECKING:
    from conformance.client.message import Request

EXCLUSIVE_NOW = EXCLUSIVE_LOCK | FAIL_IMMEDIATELY
SHARED_NOW = SHARED_LOCK | FAIL_IMMEDIATELY
READ_LEASE, READ_HANDLE_LEASE = 1, 3


def opened(tree: Tree, name: str = "file", oplock: int = 0) -> File:
    return tree.open(name, access=GENERIC_READ | GENERIC_WRITE, disposition=OPEN_IF, oplock=oplock)


def request(file: File, *elements: tuple[int, int, int], sequence: int = 0) -> Request:
    return file.tree.request(commands.lock(file.file_id, list(elements), sequence))


def asked(file: File, *elements: tuple[int, int, int], sequence: int = 0) -> int:
    """The status of one LOCK."""
    return file.tree.session.connection.call(request(file, *elements, sequence=sequence)).status


def submitted(file: File, *elements: tuple[int, int, int]) -> int:
    return file.tree.session.connection.submit(request(file, *elements))


def nothing_is_locked(world: World) -> bool:
    return world.state.files.locks.count == 0 and not world.state.files.locks.stirred


@pytest.fixture
def file(world: World) -> File:
    file = opened(world.tree())
    file.write(0, bytes(100))
    return file


@pytest.fixture
def other(world: World, file: File) -> File:
    """The same file, opened by another client."""
    return opened(world.tree())


def test_lock_conflict_unlock(world: World, file: File, other: File) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_NOW)) == 0
    assert asked(other, (5, 10, SHARED_NOW)) == status.LOCK_NOT_GRANTED
    assert asked(other, (0, 10, UNLOCK)) == status.RANGE_NOT_LOCKED
    assert asked(file, (0, 10, UNLOCK)) == 0
    assert asked(file, (0, 10, UNLOCK)) == status.RANGE_NOT_LOCKED
    assert asked(other, (5, 10, EXCLUSIVE_LOCK)) == 0
    other.close()
    assert nothing_is_locked(world)


@pytest.mark.parametrize(
    "flags", [0, SHARED_LOCK | EXCLUSIVE_LOCK, FAIL_IMMEDIATELY, 0x8, 0xFFFFFFE8, UNLOCK | FAIL_IMMEDIATELY, UNLOCK | 1]
)
def test_combinations_that_do_not_exist(world: World, file: File, flags: int) -> None:
    assert asked(file, (0, 10, flags)) == status.INVALID_PARAMETER
    assert asked(file, (0, 10, SHARED_NOW), (20, 1, flags)) == status.INVALID_PARAMETER
    assert nothing_is_locked(world)


def test_ranges_end_at_the_last_byte(file: File) -> None:
    top = (1 << 64) - 1
    assert asked(file, (top, 1, EXCLUSIVE_NOW)) == 0
    assert asked(file, (top, 2, EXCLUSIVE_NOW)) == status.INVALID_LOCK_RANGE
    assert asked(file, (0, 1, EXCLUSIVE_NOW), (top, 2, EXCLUSIVE_NOW)) == status.INVALID_LOCK_RANGE
    assert asked(file, (0, 1, UNLOCK)) == status.RANGE_NOT_LOCKED
    assert asked(file, (top, 2, UNLOCK)) == status.INVALID_LOCK_RANGE


def test_lists(world: World, file: File, other: File) -> None:
    assert asked(file, (0, 1, SHARED_LOCK), (1, 1, SHARED_NOW)) == status.INVALID_PARAMETER
    assert asked(file, (0, 1, SHARED_NOW), (1, 1, SHARED_LOCK)) == status.INVALID_PARAMETER
    assert asked(file, (0, 1, SHARED_NOW), (1, 1, UNLOCK)) == status.INVALID_PARAMETER
    assert asked(other, (20, 1, EXCLUSIVE_NOW)) == 0
    assert asked(file, (0, 1, EXCLUSIVE_NOW), (20, 1, EXCLUSIVE_NOW)) == status.LOCK_NOT_GRANTED
    assert world.state.files.locks.count == 1
    assert asked(file, (0, 1, EXCLUSIVE_NOW), (1, 1, EXCLUSIVE_NOW)) == 0
    # What was unlocked before the element that fails stays unlocked.
    assert asked(file, (0, 1, UNLOCK), (50, 1, UNLOCK)) == status.RANGE_NOT_LOCKED
    assert asked(file, (1, 1, UNLOCK), (0, 1, EXCLUSIVE_NOW)) == status.INVALID_PARAMETER
    assert world.state.files.locks.count == 1


def test_an_empty_list(file: File) -> None:
    assert asked(file) == status.INVALID_PARAMETER


def test_a_bound_is_told_and_logged(
    file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(byte_locks, "MAX_LOCKS_OF_OPEN", 1)
    with caplog.at_level("INFO"):
        assert asked(file, (0, 1, SHARED_NOW), (1, 1, SHARED_NOW)) == status.INSUFFICIENT_RESOURCES
    assert "too many locks" in caplog.text
    assert asked(file, (1, 1, SHARED_NOW)) == 0


def test_what_cannot_be_locked(world: World, file: File) -> None:
    tree = file.tree
    folder = tree.open("folder", disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert asked(folder, (0, 1, SHARED_NOW)) == status.INVALID_PARAMETER
    stat = tree.open("file", access=access.FILE_READ_ATTRIBUTES)
    assert asked(stat, (0, 1, SHARED_NOW)) == status.ACCESS_DENIED
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_READ | GENERIC_WRITE)
    assert asked(pipe, (0, 1, SHARED_NOW)) == status.INVALID_DEVICE_REQUEST


def test_a_reader_may_lock_exclusively(world: World, file: File) -> None:
    reader = world.tree().open("file", access=GENERIC_READ)
    assert asked(reader, (0, 1, EXCLUSIVE_NOW)) == 0


@pytest.mark.parametrize("interim", [False, True])
def test_a_waiting_lock_is_granted_by_an_unlock(world: World, file: File, other: File, interim: bool) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_LOCK)) == 0
    message = submitted(other, (5, 1, SHARED_LOCK))
    connection = other.tree.session.connection
    with pytest.raises(NoAnswer):
        connection.wait(message)
    if interim:
        world.runtime.advance(INTERIM_DELAY)
        assert connection.wait_interim(message).async_id
    assert asked(file, (0, 10, UNLOCK)) == 0
    connection.wait(message).check()
    assert asked(file, (5, 1, EXCLUSIVE_NOW)) == status.LOCK_NOT_GRANTED


@pytest.mark.parametrize("interim", [False, True])
def test_a_cancelled_lock_is_never_granted(world: World, file: File, other: File, interim: bool) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_LOCK)) == 0
    message = submitted(other, (5, 1, SHARED_LOCK))
    connection = other.tree.session.connection
    if interim:
        world.runtime.advance(INTERIM_DELAY)
        connection.wait_interim(message)
    assert asked(other, (5, 1, UNLOCK)) == status.RANGE_NOT_LOCKED, "what waits is not locked"
    connection.cancel(message)
    assert connection.wait(message).status == status.CANCELLED
    assert asked(file, (0, 10, UNLOCK)) == 0
    assert nothing_is_locked(world)


def test_a_cancelled_lock_in_a_compound_is_gone_before_the_compound_goes_on(file: File, other: File) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_LOCK)) == 0
    connection = other.tree.session.connection
    waiting, following = connection.submit_compound(
        [request(other, (5, 1, SHARED_LOCK)), request(other, (5, 1, UNLOCK))]
    )
    connection.cancel(waiting)
    assert connection.wait(waiting).status == status.CANCELLED
    assert connection.wait(following).status == status.RANGE_NOT_LOCKED


@pytest.mark.parametrize("encryption", [False, True])
@pytest.mark.parametrize("end", ["close", "tree disconnect", "log off"])
def test_what_ends_the_open_ends_its_waiting_lock(world: World, file: File, end: str, encryption: bool) -> None:
    tree = world.tree(options=Options(signing=True, encryption=encryption))
    holder, waiting = opened(tree), opened(tree)
    assert asked(holder, (0, 10, EXCLUSIVE_LOCK)) == 0
    connection = tree.session.connection
    message = submitted(waiting, (0, 1, EXCLUSIVE_LOCK))
    if end == "close":
        waiting.close()
    elif end == "tree disconnect":
        tree.disconnect()
    else:
        tree.session.call(commands.logoff()).check()
    reply = connection.wait(message)
    assert reply.status == status.RANGE_NOT_LOCKED
    assert reply.signed or reply.encrypted
    assert world.state.files.locks.count == (1 if end == "close" else 0)


def test_a_lost_connection_frees_its_locks(world: World, file: File, other: File) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_LOCK)) == 0
    message = submitted(other, (0, 10, EXCLUSIVE_LOCK))
    frames_of(file.tree.session.connection).close()
    other.tree.session.connection.wait(message).check()


def test_a_lost_connection_ends_its_waiting_locks(world: World, file: File, other: File) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_LOCK)) == 0
    submitted(other, (0, 10, EXCLUSIVE_LOCK))
    frames_of(other.tree.session.connection).close()
    assert world.state.files.locks.count == 1
    assert asked(file, (0, 10, UNLOCK)) == 0
    assert nothing_is_locked(world)


def test_a_new_session_that_replaces_one_frees_its_locks(world: World, file: File, other: File) -> None:
    assert asked(file, (0, 10, EXCLUSIVE_LOCK)) == 0
    message = submitted(other, (0, 10, EXCLUSIVE_LOCK))
    again = world.negotiated(Options(dialects=(SMB_3_0,)))
    log_on(again.connection, Credentials(USER, PASSWORD), b"", previous_session_id=file.tree.session.session_id)
    other.tree.session.connection.wait(message).check()


def test_a_chain_of_compounds_that_wake_each_other(world: World, file: File) -> None:
    """One inside the other they would not fit on the stack; a connection's credits bound how many it may send."""
    assert asked(file, (0, 1, EXCLUSIVE_LOCK)) == 0
    waiting = []
    for _ in range(8):
        tree = world.tree()
        files = [opened(tree) for _ in range(20)]
        for each in files:
            pair = [request(each, (0, 1, EXCLUSIVE_LOCK)), request(each, (0, 1, UNLOCK))]
            waiting.append((tree.session.connection, tree.session.connection.submit_compound(pair)))
    assert asked(file, (0, 1, UNLOCK)) == 0
    for connection, messages in waiting:
        assert [connection.wait(message).status for message in messages] == [0, 0]
    assert nothing_is_locked(world)


def test_reads_and_writes_of_others(file: File, other: File) -> None:
    assert asked(file, (10, 10, EXCLUSIVE_NOW)) == 0
    for offset, length, expected in ((0, 10, 0), (9, 2, status.FILE_LOCK_CONFLICT), (15, 0, 0), (20, 10, 0)):
        assert other.tree.call(commands.read(other.file_id, offset, length)).status == expected
        assert other.tree.call(commands.write(other.file_id, offset, bytes(length))).status == expected
    assert file.write(9, bytes(4)) == 4
    assert len(file.read(9, 4)) == 4
    assert asked(file, (10, 10, UNLOCK)) == 0
    assert other.write(9, bytes(4)) == 4


def test_a_shared_lock_stops_every_writer(file: File, other: File) -> None:
    assert asked(file, (10, 10, SHARED_NOW)) == 0
    for each in (file, other):
        assert len(each.read(10, 10)) == 10
        assert each.tree.call(commands.write(each.file_id, 19, b"xy")).status == status.FILE_LOCK_CONFLICT


@pytest.mark.parametrize("dialect", [SMB_2_0_2, SMB_2_1, SMB_3_0, SMB_3_1_1])
def test_replays(world: World, file: File, dialect: int) -> None:
    own = opened(world.tree(options=Options(dialects=(dialect,))))
    again = 0 if dialect >= SMB_3_0 else status.LOCK_NOT_GRANTED
    gone = 0 if dialect >= SMB_3_0 else status.RANGE_NOT_LOCKED
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == 0
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == again
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x21) == status.LOCK_NOT_GRANTED
    assert asked(own, (0, 1, UNLOCK), sequence=0x12) == 0
    assert asked(own, (0, 1, UNLOCK), sequence=0x12) == gone
    for nowhere in (0x01, 0x411):
        assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=nowhere) == 0
        assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=nowhere) == status.LOCK_NOT_GRANTED
        assert asked(own, (0, 1, UNLOCK)) == 0


def durable(tree: Tree, name: str = "durable") -> File:
    file = tree.open(
        name,
        access=GENERIC_READ | GENERIC_WRITE,
        disposition=OPEN_IF,
        oplock=OPLOCK_BATCH,
        contexts=[contexts.durable_v1()],
    )
    assert contexts.DURABLE_REQUEST in file.created.contexts
    return file


def test_a_durable_open_has_replays_at_2_1(world: World) -> None:
    own = durable(world.tree(options=Options(dialects=(SMB_2_1,))))
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == 0
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == 0
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x21) == status.LOCK_NOT_GRANTED


def test_locks_and_replays_of_a_durable_open_survive_its_connection(world: World) -> None:
    own = durable(world.tree())
    assert asked(own, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == 0
    frames_of(own.tree.session.connection).close()
    assert world.state.files.locks.count == 1
    tree = world.tree()
    reconnect = [contexts.durable_reconnect_v1(own.file_id)]
    back = tree.open("durable", access=GENERIC_READ | GENERIC_WRITE, oplock=OPLOCK_BATCH, contexts=reconnect)
    assert asked(back, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == 0
    assert asked(back, (0, 1, EXCLUSIVE_NOW), sequence=0x21) == status.LOCK_NOT_GRANTED
    assert asked(back, (0, 1, UNLOCK), sequence=0x31) == 0
    assert nothing_is_locked(world)


def test_a_durable_open_that_gives_way_gives_its_locks_back(world: World) -> None:
    own = durable(world.tree())
    assert asked(own, (0, 1, EXCLUSIVE_NOW)) == 0
    frames_of(own.tree.session.connection).close()
    assert asked(opened(world.tree(), "durable"), (0, 1, EXCLUSIVE_NOW)) == 0


def test_a_refused_request_is_no_replay(file: File, other: File) -> None:
    assert asked(other, (0, 1, EXCLUSIVE_NOW)) == 0
    assert asked(file, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == status.LOCK_NOT_GRANTED
    assert asked(other, (0, 1, UNLOCK)) == 0
    assert asked(file, (0, 1, EXCLUSIVE_NOW), sequence=0x11) == 0
    assert asked(other, (0, 1, EXCLUSIVE_NOW)) == status.LOCK_NOT_GRANTED


def test_locking_ends_level_two_of_others(world: World, file: File) -> None:
    reader = opened(world.tree(), oplock=OPLOCK_II)
    assert reader.created.oplock == OPLOCK_II
    assert asked(file, (0, 1, EXCLUSIVE_NOW)) == 0
    told = commands.decode_break(reader.tree.session.connection.wait_unsolicited())
    assert isinstance(told, commands.OplockBreak)
    assert (told.level, told.file_id) == (0, reader.file_id)


def test_nobody_may_cache_while_data_is_locked(world: World, file: File) -> None:
    assert asked(file, (0, 1, EXCLUSIVE_NOW)) == 0
    tree = world.tree()
    assert opened(tree, oplock=OPLOCK_II).created.oplock == 0
    lease = tree.open(
        "file", access=GENERIC_READ, oplock=OPLOCK_LEASE, contexts=[contexts.lease_v1(b"k" * 16, READ_HANDLE_LEASE)]
    )
    assert contexts.decode_lease(lease.created.contexts[b"RqLs"]).state == 0
    assert asked(file, (0, 1, UNLOCK)) == 0
    assert opened(tree, oplock=OPLOCK_II).created.oplock == OPLOCK_II


def test_a_lock_behind_the_data_leaves_caching_possible(world: World) -> None:
    tree = world.tree()
    empty = opened(tree, "empty")
    assert asked(empty, (0, 1, EXCLUSIVE_NOW)) == 0
    assert opened(world.tree(), "empty", oplock=OPLOCK_II).created.oplock == OPLOCK_II


def test_a_lock_that_was_waited_for_ends_what_was_granted_meanwhile(world: World) -> None:
    one, two = opened(world.tree(), "empty"), opened(world.tree(), "empty")
    assert asked(one, (0, 1, EXCLUSIVE_NOW)) == 0
    message = submitted(two, (0, 1, EXCLUSIVE_LOCK))
    reader = opened(world.tree(), "empty", oplock=OPLOCK_II)
    assert reader.created.oplock == OPLOCK_II
    assert asked(one, (0, 1, UNLOCK)) == 0
    two.tree.session.connection.wait(message).check()
    assert isinstance(commands.decode_break(reader.tree.session.connection.wait_unsolicited()), commands.OplockBreak)


def test_a_file_id_that_is_not_ours(file: File) -> None:
    with pytest.raises(StatusFailure) as failure:
        file.tree.call(commands.lock(b"\1" * 16, [(0, 1, SHARED_NOW)])).check()
    assert failure.value.status == status.FILE_CLOSED


# --- with --host-locks ---


def local_lock(descriptor: int, kind: int) -> bool:
    """Try as a local program does, with a description of its own."""
    try:
        fcntl.fcntl(descriptor, 37, pack("@hhqqi", kind, os.SEEK_SET, 0, 1, 0))  # F_OFD_SETLK
    except BlockingIOError:
        return False
    return True


def test_local_programs_and_clients_lock_each_other_out(share_folder: Path) -> None:
    world = World(share_folder, policy=Policy(host_locks=True))
    file = opened(world.tree())
    descriptor = os.open(world.data / "file", os.O_RDWR)
    assert asked(file, (0, 1, EXCLUSIVE_NOW)) == 0
    assert not local_lock(descriptor, fcntl.F_WRLCK)
    assert asked(file, (0, 1, UNLOCK)) == 0
    assert local_lock(descriptor, fcntl.F_WRLCK)
    assert asked(file, (0, 1, EXCLUSIVE_NOW)) == status.LOCK_NOT_GRANTED
    message = submitted(file, (0, 1, EXCLUSIVE_LOCK))
    world.runtime.advance(1)
    with pytest.raises(NoAnswer):
        file.tree.session.connection.wait(message)
    os.close(descriptor)
    world.runtime.advance(1)
    assert file.tree.session.connection.wait(message).status == 0
    world.runtime.advance(1)
    before = len(os.listdir("/proc/self/fd"))
    world.close()
    assert len(os.listdir("/proc/self/fd")) < before
    assert not world.runtime.timers


def test_by_default_local_programs_see_nothing(world: World, file: File) -> None:
    assert asked(file, (0, 1, EXCLUSIVE_NOW)) == 0
    descriptor = os.open(world.data / "file", os.O_RDWR)
    assert local_lock(descriptor, fcntl.F_WRLCK)
    os.close(descriptor)
