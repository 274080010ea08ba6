"""Durable opens over a whole server: cut, come back, too late, in the way; replays, channel sequences, instances."""

from __future__ import annotations

import shutil
import struct
import tempfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conformance.client import commands, contexts
from conformance.client.contexts import Context, lease_v1, lease_v2
from conformance.client.message import Reply
from conformance.client.protocol import (
    DELETE,
    DELETE_ON_CLOSE,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN,
    OPEN_IF,
    OPLOCK_BATCH,
    OPLOCK_EXCLUSIVE,
    OPLOCK_LEASE,
    OPLOCK_NONE,
    SMB_2_1,
    SMB_3_1_1,
    NoAnswer,
)
from conformance.client.session import File, Options, Tree
from smbserver.commands.create_durable import MAX_TIMEOUT, TIMEOUT_UNASKED, TIMEOUT_V1
from smbserver.nt import status
from smbserver.sharing import detached
from smbserver.wire import create_contexts, header
from smbserver.wire.lock import EXCLUSIVE_LOCK, FAIL_IMMEDIATELY, UNLOCK
from tests.conftest import MEMORY_FOLDER
from tests.harness import OTHER_USER, USER, World

CLIENT: Final = b"C" * 16
GUID: Final = b"G" * 16
KEY: Final = b"K" * 16
RWH, RH, R = 7, 3, 1
READ_WRITE: Final = GENERIC_READ | GENERIC_WRITE
MINE: Final = Options(client_guid=CLIENT)
OLD: Final = Options(client_guid=CLIENT, dialects=(SMB_2_1,))


def cut(tree: Tree) -> None:
    """The line is gone, without a word."""
    tree.session.connection.close()


def create(
    tree: Tree, *given: Context, name: str = "file", oplock: int = OPLOCK_BATCH, replay: bool = False, options: int = 0
) -> Reply:
    """One CREATE that shares nothing."""
    request = commands.create(
        name, access=READ_WRITE | DELETE, disposition=OPEN_IF, share=0, oplock=oplock, options=options, contexts=given
    )
    request.flags |= header.REPLAY_OPERATION if replay else 0
    return tree.call(request)


def opened(tree: Tree, *given: Context, oplock: int = OPLOCK_BATCH, options: int = 0) -> File:
    return File(tree, commands.decode_create(create(tree, *given, oplock=oplock, options=options).check()))


def v1(file: File) -> Context:
    return contexts.durable_reconnect_v1(file.file_id)


def v2(file: File, guid: bytes = GUID) -> Context:
    return contexts.durable_reconnect_v2(file.file_id, guid)


def told_timeout(file: File) -> int | None:
    data = file.created.contexts.get(contexts.DURABLE_REQUEST_V2)
    return None if data is None else create_contexts.decode_durable_response_v2(data).timeout


@pytest.mark.parametrize("oplock", [OPLOCK_NONE, OPLOCK_EXCLUSIVE, OPLOCK_BATCH])
@pytest.mark.parametrize("asked", [contexts.durable_v1(), contexts.durable_v2(GUID)])
def test_only_a_batch_oplock_makes_it_durable(world: World, oplock: int, asked: Context) -> None:
    file = opened(world.tree(options=MINE), asked, oplock=oplock)
    assert (asked[0] in file.created.contexts) is (oplock == OPLOCK_BATCH)
    cut(file.tree)
    assert len(world.state.files.detached) == (oplock == OPLOCK_BATCH)


@pytest.mark.parametrize("state", [R, RH, RWH])
@pytest.mark.parametrize("lease", [lease_v1, lease_v2])
def test_only_a_lease_with_handle_makes_it_durable(world: World, state: int, lease: object) -> None:
    wanted = lease_v1(KEY, state) if lease is lease_v1 else lease_v2(KEY, state)
    file = opened(world.tree(options=MINE), wanted, contexts.durable_v2(GUID), oplock=OPLOCK_LEASE)
    assert (told_timeout(file) is not None) is (state != R)


@pytest.mark.parametrize(
    ("asked", "told"),
    [(0, TIMEOUT_UNASKED), (1, 1), (5000, 5000), (MAX_TIMEOUT + 1, MAX_TIMEOUT), (2**32 - 1, MAX_TIMEOUT)],
)
def test_the_timeout_is_told_and_kept(world: World, asked: int, told: int) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID, asked))
    assert told_timeout(file) == told
    cut(file.tree)
    world.runtime.advance(told / 1000 - 0.0005)
    assert len(world.state.files) == 1
    world.runtime.advance(0.01)
    assert len(world.state.files) == 0
    assert world.runtime.timers == 0
    assert create(world.tree(options=MINE), v2(file)).status == status.OBJECT_NAME_NOT_FOUND


def test_persistence_is_not_offered(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID, persistent=True))
    data = file.created.contexts[contexts.DURABLE_REQUEST_V2]
    assert create_contexts.decode_durable_response_v2(data).flags == 0
    cut(file.tree)
    back = contexts.durable_reconnect_v2(file.file_id, GUID, persistent=True)
    assert create(world.tree(options=MINE), back).status == status.INVALID_PARAMETER


@pytest.mark.parametrize("version", [1, 2])
def test_taken_back_with_what_it_had(world: World, version: int) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v1() if version == 1 else contexts.durable_v2(GUID))
    file.write(0, b"before")
    file.lock(0, 3, EXCLUSIVE_LOCK | FAIL_IMMEDIATELY)
    cut(file.tree)
    world.runtime.advance(TIMEOUT_UNASKED / 1000 - 1)
    tree = world.tree(options=MINE)
    reply = create(tree, v1(file) if version == 1 else v2(file), name="garbage", oplock=0x78).check()
    again = File(tree, commands.decode_create(reply))
    assert again.created.oplock == OPLOCK_BATCH
    assert again.created.end_of_file == 6
    assert again.created.contexts == {}
    again.write(6, b" after")
    assert again.read(0, 100) == b"before after"
    again.lock(0, 3, UNLOCK)
    assert world.runtime.timers == 0
    again.close()
    assert len(world.state.files) == 0


def test_taken_back_twice_and_by_version_1_after_version_2(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    for back in (v2(file), v1(file), v2(file)):
        cut(file.tree)
        file = opened(world.tree(options=MINE), back)
    file.close()


@pytest.mark.parametrize("dialect", [SMB_2_1, SMB_3_1_1])
def test_taken_back_with_its_lease(world: World, dialect: int) -> None:
    options = Options(client_guid=CLIENT, dialects=(dialect,))
    file = opened(world.tree(options=options), lease_v1(KEY, RWH), contexts.durable_v1(), oplock=OPLOCK_LEASE)
    cut(file.tree)
    again = opened(world.tree(options=options), lease_v1(KEY, 0), v1(file), oplock=OPLOCK_LEASE)
    assert contexts.decode_lease(again.created.contexts[contexts.LEASE]).state == RWH


def test_logoff_keeps_it_and_tree_disconnect_does_not(world: World) -> None:
    tree = world.tree(options=MINE)
    file = opened(tree, contexts.durable_v1())
    tree.session.log_off()
    file = opened(world.tree(options=MINE), v1(file))
    tree = file.tree
    tree.disconnect()
    assert len(world.state.files) == 0
    assert create(tree.session.tree("data"), v1(file)).status == status.OBJECT_NAME_NOT_FOUND


def test_an_open_in_use_is_not_given_away(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v1())
    assert create(world.tree(options=MINE), v1(file)).status == status.OBJECT_NAME_NOT_FOUND
    file.write(0, b"mine")


def leased(world: World) -> File:
    file = opened(world.tree(options=MINE), lease_v2(KEY, RWH), contexts.durable_v2(GUID), oplock=OPLOCK_LEASE)
    cut(file.tree)
    return file


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ([], "file", status.OBJECT_NAME_NOT_FOUND),
        ([lease_v2(b"X" * 16, RWH)], "file", status.OBJECT_NAME_NOT_FOUND),
        ([lease_v1(KEY, RWH)], "file", status.OBJECT_NAME_NOT_FOUND),
        ([lease_v2(KEY, RWH)], "other", status.INVALID_PARAMETER),
        ([lease_v2(KEY, RWH)], "a\\..:*", status.INVALID_PARAMETER),
        ([lease_v2(KEY, RWH)], "FILE", 0),
    ],
)
def test_the_lease_and_the_name_must_agree(world: World, given: list[Context], name: str, expected: int) -> None:
    file = leased(world)
    assert create(world.tree(options=MINE), *given, v2(file), name=name, oplock=OPLOCK_LEASE).status == expected


def test_a_lease_is_its_clients(world: World) -> None:
    file = leased(world)
    other = world.tree(options=Options(client_guid=b"D" * 16))
    reply = create(other, lease_v2(KEY, RWH), v2(file), oplock=OPLOCK_LEASE)
    assert reply.status == status.OBJECT_NAME_NOT_FOUND


def test_an_oplock_has_no_lease(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    cut(file.tree)
    reply = create(world.tree(options=MINE), lease_v2(KEY, RWH), v2(file), oplock=OPLOCK_LEASE)
    assert reply.status == status.OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize("guid", [bytes(16), b"H" * 16])
def test_the_create_guid_must_agree(world: World, guid: bytes) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    cut(file.tree)
    assert create(world.tree(options=MINE), v2(file, guid)).status == status.OBJECT_NAME_NOT_FOUND


def test_another_user_is_refused(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    cut(file.tree)
    assert create(world.log_on(MINE, user=OTHER_USER).tree("data"), v2(file)).status == status.ACCESS_DENIED
    assert create(world.log_on(MINE, user=USER).tree("data"), v2(file)).status == 0


def test_another_share_is_refused(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    cut(file.tree)
    assert create(world.tree("ro", MINE), v2(file)).status == status.OBJECT_NAME_NOT_FOUND
    assert create(world.tree("data", MINE), v2(file)).status == 0


def test_guests_have_none(share_folder: Path) -> None:
    world = World(share_folder, guest=True)
    file = opened(world.log_on(MINE, user="nobody", password="x").tree("data"), contexts.durable_v1())
    assert contexts.DURABLE_REQUEST not in file.created.contexts
    world.close()


@pytest.mark.parametrize(
    "given",
    [
        [contexts.durable_v1(), contexts.durable_v2(GUID)],
        [contexts.durable_v1(), contexts.durable_reconnect_v2(bytes(16), GUID)],
        [contexts.durable_reconnect_v1(bytes(16)), contexts.durable_v2(GUID)],
        [contexts.durable_reconnect_v1(bytes(16)), contexts.durable_reconnect_v2(bytes(16), GUID)],
        [contexts.durable_v2(GUID), contexts.durable_reconnect_v2(bytes(16), GUID)],
        [(contexts.DURABLE_REQUEST_V2, bytes(31))],
        [(contexts.DURABLE_RECONNECT_V2, bytes(35))],
        [(contexts.DURABLE_RECONNECT, bytes(15))],
    ],
)
def test_contexts_that_do_not_go_together(world: World, given: list[Context]) -> None:
    assert create(world.tree(options=MINE), *given).status == status.INVALID_PARAMETER


def test_2_1_does_not_know_version_2(world: World) -> None:
    file = opened(world.tree(options=OLD), contexts.durable_v2(GUID))
    assert file.created.contexts == {}
    cut(file.tree)
    assert len(world.state.files) == 0


def test_version_1_has_its_own_time(world: World) -> None:
    file = opened(world.tree(options=OLD), contexts.durable_v1())
    cut(file.tree)
    world.runtime.advance(TIMEOUT_V1 / 1000 + 1)
    assert len(world.state.files) == 0


def test_who_needs_the_file_gets_it_at_once(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    cut(file.tree)
    other = opened(world.tree())
    assert other.created.oplock == OPLOCK_BATCH
    assert len(world.state.files.detached) == 0
    assert world.runtime.timers == 0
    assert create(world.tree(options=MINE), v2(file)).status == status.OBJECT_NAME_NOT_FOUND


def test_two_who_only_read_and_keep_do_not_disturb_each_other(world: World) -> None:
    tree = world.tree(options=MINE)
    given = (lease_v2(KEY, RH), contexts.durable_v2(GUID))
    file = tree.open("file", access=GENERIC_READ, disposition=OPEN_IF, oplock=OPLOCK_LEASE, contexts=given)
    cut(tree)
    other = world.tree().open("file", access=GENERIC_READ, disposition=OPEN, oplock=OPLOCK_NONE)
    back = world.tree(options=MINE)
    assert create(back, lease_v2(KEY, 0), v2(file), oplock=OPLOCK_LEASE).status == 0
    other.close()


def test_rename_and_delete_by_another_do_not_wait(world: World) -> None:
    tree = world.tree(options=MINE)
    given = (lease_v2(KEY, RH), contexts.durable_v2(GUID))
    tree.open("file", access=GENERIC_READ, disposition=OPEN_IF, oplock=OPLOCK_LEASE, contexts=given)
    cut(tree)
    other = world.tree().open("file", access=GENERIC_READ | DELETE, disposition=OPEN)
    new = "new".encode("utf-16-le")
    other.set(1, 10, struct.pack("<B7xQI", 0, 0, len(new)) + new)
    assert (world.data / "new").exists()
    assert len(world.state.files.detached) == 0


def test_a_directory_is_renamed_from_under_what_was_left(world: World) -> None:
    (world.data / "folder").mkdir()
    tree = world.tree(options=MINE)
    create(tree, contexts.durable_v1(), name="folder\\file").check()
    cut(tree)
    other = world.tree().open("folder", access=GENERIC_READ | DELETE, disposition=OPEN)
    new = "new".encode("utf-16-le")
    other.set(1, 10, struct.pack("<B7xQI", 0, 0, len(new)) + new)
    assert (world.data / "new" / "file").exists()
    assert len(world.state.files.detached) == 0


def test_what_was_left_may_be_replaced(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v1())
    cut(file.tree)
    other = world.tree().open("other", access=GENERIC_READ | DELETE, disposition=OPEN_IF)
    name = "file".encode("utf-16-le")
    other.set(1, 10, struct.pack("<B7xQI", 1, 0, len(name)) + name)
    assert len(world.state.files.detached) == 0


def test_delete_on_close_waits_for_the_end(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v1(), options=DELETE_ON_CLOSE)
    cut(file.tree)
    assert (world.data / "file").exists()
    file = opened(world.tree(options=MINE), v1(file))
    cut(file.tree)
    world.runtime.advance(TIMEOUT_V1 / 1000 + 1)
    assert not (world.data / "file").exists()


def test_a_break_under_way_is_not_survived(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    other = world.tree()
    waiting = other.submit(commands.create("file", access=READ_WRITE, disposition=OPEN, share=7, oplock=OPLOCK_NONE))
    with pytest.raises(NoAnswer):
        other.session.connection.wait(waiting)
    cut(file.tree)
    assert len(world.state.files.detached) == 0
    assert other.session.connection.wait(waiting).status == 0


def test_back_but_asked_first_for_less(world: World) -> None:
    """The break goes to the client's new connection, and leaves HANDLE: the open can be taken back during it."""
    tree = world.tree(options=MINE)
    given = (lease_v2(KEY, RWH), contexts.durable_v2(GUID))
    file = tree.open("file", access=GENERIC_READ, disposition=OPEN_IF, oplock=OPLOCK_LEASE, contexts=given)
    cut(tree)
    back = world.tree(options=MINE)
    other = world.tree()
    waiting = other.submit(commands.create("file", access=GENERIC_READ, disposition=OPEN))
    reply = create(back, lease_v2(KEY, 0), v2(file), oplock=OPLOCK_LEASE).check()
    held = contexts.decode_lease(commands.decode_create(reply).contexts[contexts.LEASE])
    assert (held.state, held.flags) == (RWH, contexts.BREAK_IN_PROGRESS)
    back.call(commands.close(file.file_id)).check()
    assert other.session.connection.wait(waiting).status == 0


def test_too_many_are_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "MAX_DETACHED_PER_CLIENT", 1)
    tree = world.tree(options=MINE)
    for number in range(3):
        create(tree, contexts.durable_v1(), name=f"file{number}").check()
    cut(tree)
    assert len(world.state.files) == len(world.state.files.detached) == 1


def test_a_reconnect_begins_its_channel_sequence_anew(world: World) -> None:
    file = opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    request = commands.write(file.file_id, 0, b"x")
    request.channel_sequence = 5
    assert file.tree.call(request).status == 0
    cut(file.tree)
    again = opened(world.tree(options=MINE), v2(file))
    assert again.write(0, b"y") == 1


# --- replay of CREATE


def test_a_replay_gives_the_same_open(world: World) -> None:
    tree = world.tree(options=MINE)
    first = create(tree, contexts.durable_v2(GUID)).check()
    again = create(tree, contexts.durable_v2(GUID), replay=True).check()
    assert commands.decode_create(again) == commands.decode_create(first)
    assert create(tree, contexts.durable_v2(GUID)).status == status.DUPLICATE_OBJECTID
    assert len(world.state.files) == 1


def test_a_replay_that_asks_for_less_is_told_less(world: World) -> None:
    tree = world.tree(options=MINE)
    file = opened(tree, contexts.durable_v2(GUID))
    again = commands.decode_create(create(tree, contexts.durable_v2(GUID), oplock=OPLOCK_NONE, replay=True).check())
    assert (again.file_id, again.oplock, again.contexts) == (file.file_id, OPLOCK_NONE, {})
    [held] = world.state.files.creates._opens.values()
    assert held.cache is not None
    assert held.cache.state == RWH


@pytest.mark.parametrize("given", [[lease_v2(KEY, RWH)], []])
def test_a_replay_with_another_lease_is_refused(world: World, given: list[Context]) -> None:
    tree = world.tree(options=MINE)
    opened(tree, lease_v2(b"X" * 16, RWH), contexts.durable_v2(GUID), oplock=OPLOCK_LEASE)
    reply = create(tree, *given, contexts.durable_v2(GUID), oplock=OPLOCK_LEASE if given else OPLOCK_BATCH, replay=True)
    assert reply.status == status.ACCESS_DENIED


def test_what_was_used_is_not_replayed(world: World) -> None:
    tree = world.tree(options=MINE)
    file = opened(tree, contexts.durable_v2(GUID))
    file.query(1, 14)
    tree.submit(commands.create("file", access=GENERIC_READ, disposition=OPEN, contexts=[contexts.durable_v2(GUID)]))
    assert len(world.state.files.creates) == 1, "a CREATE of its own, which waits for the oplock"


@pytest.mark.parametrize("replay", [False, True])
def test_another_session_replays_nothing(world: World, replay: bool) -> None:
    opened(world.tree(options=MINE), contexts.durable_v2(GUID))
    other = create(world.tree(options=MINE), contexts.durable_v2(GUID), replay=replay)
    assert other.status == status.DUPLICATE_OBJECTID
    stranger = world.log_on(MINE, user=OTHER_USER).tree("data")
    assert create(stranger, contexts.durable_v2(GUID), replay=True).status == status.ACCESS_DENIED


def test_a_create_that_waits_is_replayed_later(world: World) -> None:
    holder = opened(world.tree())
    tree = world.tree(options=MINE)
    waiting = tree.submit(
        commands.create(
            "file",
            access=READ_WRITE,
            disposition=OPEN,
            share=7,
            oplock=OPLOCK_BATCH,
            contexts=[contexts.durable_v2(GUID)],
        )
    )
    assert create(tree, contexts.durable_v2(GUID), replay=True).status == status.FILE_NOT_AVAILABLE
    assert create(tree, contexts.durable_v2(GUID)).status == status.DUPLICATE_OBJECTID
    holder.close()
    first = commands.decode_create(tree.session.connection.wait(waiting).check())
    again = commands.decode_create(create(tree, contexts.durable_v2(GUID), replay=True).check())
    assert again == first


def test_a_create_whose_client_has_gone_leaves_nothing(world: World) -> None:
    holder = opened(world.tree())
    tree = world.tree(options=MINE)
    tree.submit(
        commands.create("file", access=READ_WRITE, disposition=OPEN, share=7, contexts=[contexts.durable_v2(GUID)])
    )
    assert len(world.state.files.creates) == 1
    cut(tree)
    assert len(world.state.files.creates) == 0
    holder.close()
    assert len(world.state.files) == 0


# --- channel sequences


def sequenced(file: File, number: int, *, replay: bool = False) -> int:
    request = commands.write(file.file_id, 0, b"x")
    request.channel_sequence = number
    request.flags |= header.REPLAY_OPERATION if replay else 0
    return file.tree.call(request).status


def test_a_stale_sequence_changes_nothing(world: World) -> None:
    file = world.tree(options=MINE).create("file")
    assert sequenced(file, 2) == 0
    assert sequenced(file, 1) == status.FILE_NOT_AVAILABLE
    assert sequenced(file, 1, replay=True) == status.FILE_NOT_AVAILABLE
    assert sequenced(file, 2, replay=True) == 0
    reading = commands.read(file.file_id, 0, 1)
    assert file.tree.call(reading).status == 0, "who only looks may be late"


def test_2_1_has_no_sequences(world: World) -> None:
    file = world.tree(options=OLD).create("file")
    assert [sequenced(file, number) for number in (2, 1)] == [0, 0]


# --- application instances


def instance(value: bytes = b"I" * 16) -> Context:
    return contexts.APP_INSTANCE_ID, create_contexts.encode_app_instance_id(value)


def version(high: int, low: int) -> Context:
    name = bytes.fromhex("B982D0B73B56074FA07B524A8116A010")
    return name, create_contexts.AppInstanceVersion(high, low).encode()


def test_an_application_that_moved_closes_what_it_left(world: World) -> None:
    file = opened(world.tree(options=MINE), instance(), contexts.durable_v2(GUID))
    other = opened(world.tree(), instance(), contexts.durable_v2(b"H" * 16))
    assert other.created.oplock == OPLOCK_BATCH
    assert file.tree.call(commands.close(file.file_id)).status == status.FILE_CLOSED


@pytest.mark.parametrize("given", [[], [instance(b"J" * 16)]])
def test_another_application_does_not(world: World, given: list[Context]) -> None:
    file = opened(world.tree(options=MINE), instance(), contexts.durable_v2(GUID), oplock=OPLOCK_NONE)
    assert create(world.tree(), *given, oplock=OPLOCK_NONE).status == status.SHARING_VIOLATION
    file.close()


def test_another_user_or_the_same_client_does_not(world: World) -> None:
    file = opened(world.tree(options=MINE), instance(), oplock=OPLOCK_NONE)
    stranger = world.log_on(user=OTHER_USER).tree("data")
    assert create(stranger, instance(), oplock=OPLOCK_NONE).status == status.SHARING_VIOLATION
    assert create(world.tree(options=MINE), instance(), oplock=OPLOCK_NONE).status == status.SHARING_VIOLATION
    file.close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], status.FILE_FORCED_CLOSED),
        ([version(1, 9)], status.FILE_FORCED_CLOSED),
        ([version(2, 5)], status.FILE_FORCED_CLOSED),
        ([version(2, 6)], 0),
        ([version(3, 0)], 0),
    ],
)
def test_only_a_newer_version_does(world: World, given: list[Context], expected: int) -> None:
    opened(world.tree(options=MINE), instance(), version(2, 5), oplock=OPLOCK_NONE)
    assert create(world.tree(), instance(), *given, oplock=OPLOCK_NONE).status == expected


class Machine(RuleBasedStateMachine):
    """One client with one file, an intruder, and time. `deadline` is when what was left behind ends."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None))
        self.world = World(self.folder)
        self.file: File | None = None
        self.last: File | None = None
        self.deadline: int | None = None

    @property
    def attached(self) -> bool:
        return self.file is not None

    @precondition(lambda self: not self.attached and self.deadline is None)
    @rule(seconds=st.integers(1, 90))
    def open(self, seconds: int) -> None:
        self.seconds = seconds
        self.file = self.last = opened(self.world.tree(options=MINE), contexts.durable_v2(GUID, seconds * 1000))

    @precondition(lambda self: self.attached)
    @rule(politely=st.booleans())
    def leave(self, politely: bool) -> None:
        assert self.file is not None
        if politely:
            self.file.tree.session.log_off()
        cut(self.file.tree)
        self.file = None
        self.deadline = self.world.runtime.now() + self.seconds * 10_000_000

    @precondition(lambda self: not self.attached and self.last is not None)
    @rule()
    def come_back(self) -> None:
        assert self.last is not None
        tree = self.world.tree(options=MINE)
        reply = create(tree, v2(self.last))
        assert reply.status == (0 if self.deadline is not None else status.OBJECT_NAME_NOT_FOUND)
        if reply.status == 0:
            self.file, self.deadline = File(tree, commands.decode_create(reply)), None
            assert self.file.file_id == self.last.file_id
            self.file.write(0, b"still here")

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.world.runtime.advance(seconds + 0.01)
        if self.deadline is not None and self.deadline < self.world.runtime.now() - 20_000:
            self.deadline = None

    @precondition(lambda self: not self.attached)
    @rule()
    def intrude(self) -> None:
        opened(self.world.tree(), oplock=OPLOCK_NONE).close()
        self.deadline = None

    @precondition(lambda self: self.attached)
    @rule(by_tree=st.booleans())
    def end(self, by_tree: bool) -> None:
        assert self.file is not None
        if by_tree:
            self.file.tree.disconnect()
        else:
            self.file.close()
        self.file = None

    @invariant()
    def the_server_agrees(self) -> None:
        files = self.world.state.files
        assert len(files) == (self.attached or self.deadline is not None)
        assert len(files.detached) == (self.deadline is not None)
        if self.deadline is None and not self.attached:
            assert self.world.runtime.timers == 0
            assert len(files.creates) == 0

    def teardown(self) -> None:
        self.world.close()
        shutil.rmtree(self.folder)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
