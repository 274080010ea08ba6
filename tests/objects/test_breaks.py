"""Breaks through a whole server: who waits for one, and what goes on when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.client import commands, queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_READ, INFO_FILE, OPEN_IF, OPLOCK_BATCH
from conformance.client.session import Options
from smbserver.nt import access, status
from smbserver.objects.breaks import ANSWER_WITHIN
from tests.cachers import READ_WRITE, RH, RW, RWH, Cacher, R, granted

if TYPE_CHECKING:
    import pytest

    from tests.harness import World

PREVIOUS = b"\xff" * 16  # the open of the request before, in a compound


def test_a_chain_of_compounds_that_wait_for_each_others_oplocks(world: World) -> None:
    """One inside the other they would not fit on the stack."""
    holder = world.tree().open("file", access=READ_WRITE, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
    waiting = []
    for _ in range(8):
        tree = world.tree()
        connection = tree.session.connection
        for _ in range(20):
            create = commands.create("file", access=READ_WRITE, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
            pair = [tree.request(create), tree.request(commands.close(PREVIOUS))]
            waiting.append((connection, connection.submit_compound(pair)))
    holder.close()
    for connection, messages in waiting:
        assert [connection.wait(message).status for message in messages] == [0, 0]
    assert not len(world.state.files)


def test_a_break_that_nobody_answers(world: World, caplog: pytest.LogCaptureFixture) -> None:
    one, two = Cacher(world), Cacher(world)
    file = one.open("file", lease=1, wanted=RWH)
    message = two.create("file", lease=1, wanted=RH)
    world.runtime.advance(ANSWER_WITHIN)
    assert granted(two.opened(message)).state == RH
    assert [record.getMessage() for record in caplog.records if "no answer" in record.message] == [
        "no answer to the break of a lease on ['file']"
    ]
    assert one.answer_lease(1, RH) == status.UNSUCCESSFUL
    assert granted(one.open("file", lease=1)).state == 0
    assert world.runtime.timers == 0
    file.write(0, b"late")


def test_a_client_that_is_gone_holds_nobody(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("file", oplock=OPLOCK_BATCH)
    message = two.create("file", oplock=OPLOCK_BATCH)
    one.connection.close()
    assert two.opened(message).created.oplock == OPLOCK_BATCH


def test_a_log_off_or_a_tree_disconnect_ends_the_break(world: World) -> None:
    for leave in ("logoff", "disconnect"):
        one, two = Cacher(world), Cacher(world)
        one.open(leave, lease=1, wanted=RWH)
        message = two.create(leave, lease=1, wanted=RWH)
        assert one.is_told()
        if leave == "logoff":
            one.tree.session.log_off()
        else:
            one.tree.disconnect()
        assert granted(two.opened(message)).state == RWH
        assert world.runtime.timers == 0


def test_a_break_goes_over_another_connection_of_the_client(world: World) -> None:
    options = Options(client_guid=bytes(range(16)))
    first, second, other = Cacher(world, options), Cacher(world, options), Cacher(world)
    first.open("file", lease=1, wanted=RWH)
    second.open("file", lease=1, wanted=RWH)
    first.connection.close()
    message = other.create("file")
    assert second.is_told()
    assert second.answer_lease(1, RH) == status.SUCCESS
    other.opened(message).close()


def test_a_rename_waits_until_others_have_closed_what_they_only_keep(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    inside = one.open("folder", options=DIRECTORY_FILE)
    inside.close()
    kept = one.open("folder\\kept", lease=1, wanted=RH)
    folder = two.open("folder", access=GENERIC_READ | access.DELETE, options=DIRECTORY_FILE)
    message = two.tree.submit(
        queries.set_info(folder.file_id, INFO_FILE, queries.FILE_RENAME, queries.rename_data("moved"))
    )
    told = one.next_break()
    assert (told.current_state, told.new_state) == (RH, R)
    kept.close()
    assert two.connection.wait(message).status == status.SUCCESS
    assert (world.data / "moved" / "kept").exists()


def test_a_rename_over_a_file_that_stays_open(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("target", lease=1, wanted=RWH)
    source = two.open("source", access=READ_WRITE | access.DELETE)
    replace = queries.set_info(
        source.file_id, INFO_FILE, queries.FILE_RENAME, queries.rename_data("target", replace=True)
    )
    message = two.tree.submit(replace)
    told = one.next_break()
    assert (told.current_state, told.new_state) == (RWH, RW)
    one.answer_lease(1, RW)
    assert two.connection.wait(message).status == status.ACCESS_DENIED
