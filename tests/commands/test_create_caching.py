"""CREATE and caching: what is asked for, what is granted and told, what waits for a break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.client import contexts
from conformance.client.protocol import (
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    OPEN,
    OPLOCK_BATCH,
    OPLOCK_EXCLUSIVE,
    OPLOCK_II,
    OPLOCK_LEASE,
    OPLOCK_NONE,
    OVERWRITE,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_1_1,
    NoAnswer,
    StatusFailure,
)
from conformance.client.session import Options
from smbserver.driver import INTERIM_DELAY
from smbserver.nt import access, status
from tests.cachers import RH, RW, RWH, Cacher, R, granted

if TYPE_CHECKING:
    from tests.harness import World


@pytest.mark.parametrize("level", [OPLOCK_II, OPLOCK_EXCLUSIVE, OPLOCK_BATCH])
def test_who_is_alone_gets_the_oplock_it_asks_for(world: World, level: int) -> None:
    assert Cacher(world).open("file", oplock=level).created.oplock == level


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("state", [0, R, RH, RW, RWH])
def test_who_is_alone_gets_the_lease_it_asks_for(world: World, state: int, version: int) -> None:
    file = Cacher(world).open("file", lease=1, wanted=state, version=version)
    assert file.created.oplock == OPLOCK_LEASE
    assert granted(file).state == state
    assert granted(file).epoch == (0x11 if version == 2 else None)


@pytest.mark.parametrize("state", [2, 4, 6])
def test_a_lease_without_read_is_nothing(world: World, state: int) -> None:
    assert granted(Cacher(world).open("file", lease=1, wanted=state)).state == 0


def test_there_are_no_leases_before_their_dialects(world: World) -> None:
    old = Cacher(world, Options(dialects=(SMB_2_0_2,)))
    assert old.open("old", lease=1, wanted=RWH, version=1).created.oplock == OPLOCK_NONE
    newer = Cacher(world, Options(dialects=(SMB_2_1,)))
    assert newer.open("newest", lease=1, wanted=RWH, version=2).created.oplock == OPLOCK_NONE
    assert granted(newer.open("newer", lease=1, wanted=RWH, version=1)).state == RWH


def test_a_key_means_one_file(world: World) -> None:
    client = Cacher(world)
    client.open("one", lease=1, wanted=R)
    with pytest.raises(StatusFailure) as caught:
        client.open("two", lease=1, wanted=R)
    assert caught.value.status == status.INVALID_PARAMETER
    other = Cacher(world)
    assert granted(other.open("two", lease=1, wanted=R)).state == R  # its keys are its own


@pytest.mark.parametrize(
    ("held", "wanted", "left", "second"),
    [(R, RWH, R, RH), (RH, RW, RH, R), (RW, RH, R, RH), (RWH, RWH, RH, RH), (RWH, R, RH, R)],
)
def test_a_second_lease(world: World, held: int, wanted: int, left: int, second: int) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("file", lease=1, wanted=held)
    message = two.create("file", lease=2, wanted=wanted)
    if left != held:
        told = one.next_break()
        assert (told.current_state, told.new_state, told.flags) == (held, left, 1)
        with pytest.raises(NoAnswer):
            two.opened(message)
        assert one.answer_lease(1, left) == status.SUCCESS
    assert granted(two.opened(message)).state == second
    assert not one.is_told()


def test_a_lease_is_widened_only_to_just_what_is_asked(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("file", lease=1, wanted=R)
    two.open("file", lease=2, wanted=R)
    assert granted(one.open("file", lease=1, wanted=RWH)).state == R
    assert granted(one.open("file", lease=1, wanted=RH)).state == RH
    assert granted(one.open("file", lease=1, wanted=R)).state == RH


def test_the_same_key_opens_during_a_break(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("file", lease=1, wanted=RWH)
    message = two.create("file")
    again = granted(one.open("file", lease=1, wanted=RWH))
    assert (again.state, again.flags) == (RWH, contexts.BREAK_IN_PROGRESS)
    one.answer_lease(1, RH)
    two.opened(message).close()


@pytest.mark.parametrize(
    ("rights", "passes_lease", "passes_oplock"),
    [
        (access.FILE_READ_ATTRIBUTES, True, True),
        (access.FILE_WRITE_ATTRIBUTES, True, True),
        (access.SYNCHRONIZE, True, True),
        (access.READ_CONTROL, True, False),
        (access.FILE_READ_DATA, False, False),
        (access.DELETE, False, False),
    ],
)
def test_who_only_looks_breaks_nothing(world: World, rights: int, passes_lease: bool, passes_oplock: bool) -> None:
    leased, locked, looking = Cacher(world), Cacher(world), Cacher(world)
    leased.open("leased", lease=1, wanted=RWH)
    locked.open("locked", oplock=OPLOCK_BATCH)
    looking.create("leased", access=rights, disposition=OPEN)
    looking.create("locked", access=rights, disposition=OPEN)
    assert leased.is_told() is not passes_lease
    assert locked.is_told() is not passes_oplock


def test_an_open_that_must_wait_is_told_so_and_can_be_cancelled(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    first = one.open("file", oplock=OPLOCK_BATCH)
    message = two.create("file")
    world.runtime.advance(INTERIM_DELAY)
    assert two.connection.wait_interim(message).status == status.PENDING
    two.connection.cancel(message)
    assert two.connection.wait(message).status == status.CANCELLED
    assert one.answer_oplock(first, OPLOCK_II) == status.SUCCESS
    first.close()
    assert not len(world.state.files)


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_an_open_that_waits_and_has_no_tree_any_more_is_none(world: World, whose: str) -> None:
    """Found by the fuzzer: the end of the tree let it go on, and then nothing ever closed it."""
    one, two = Cacher(world), Cacher(world)
    waits = one if whose == "its own" else two
    file = one.open("file", oplock=OPLOCK_BATCH)
    message = waits.create("file", disposition=OVERWRITE)
    waits.tree.disconnect()
    if waits is two:
        file.close()
    assert waits.connection.wait(message).status == status.FILE_CLOSED
    assert not len(world.state.files)


def test_a_share_conflict_is_over_when_the_answer_is_a_close(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    first = one.open("file", oplock=OPLOCK_BATCH, share=0)
    message = two.create("file", oplock=OPLOCK_BATCH)
    assert one.is_told()
    first.close()
    assert two.opened(message).created.oplock == OPLOCK_BATCH


def test_a_share_conflict_that_stays(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("file", lease=1, wanted=RWH, share=0)
    message = two.create("file")
    told = one.next_break()
    assert (told.current_state, told.new_state) == (RWH, RW)
    one.answer_lease(1, RW)
    assert two.connection.wait(message).status == status.SHARING_VIOLATION


def test_deleting_asks_others_to_let_go(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    file = one.open("file", lease=1, wanted=RH)
    message = two.create("file", access=access.DELETE, disposition=OPEN, options=DELETE_ON_CLOSE)
    told = one.next_break()
    assert (told.current_state, told.new_state) == (RH, R)
    file.close()
    two.opened(message).close()
    assert not (world.data / "file").exists()


def test_an_overwrite_leaves_nothing_in_two_steps(world: World) -> None:
    one, two, three = Cacher(world), Cacher(world), Cacher(world)
    one.open("file", lease=1, wanted=RWH)
    opening = two.create("file")
    emptying = three.create("file", disposition=OVERWRITE)
    epochs = []
    for current, left in ((RWH, RH), (RH, R), (R, 0)):
        told = one.next_break()
        assert (told.current_state, told.new_state) == (current, left)
        epochs.append(told.epoch)
        if current != R:
            assert one.answer_lease(1, left) == status.SUCCESS
    assert epochs == [0x12] * 3  # what follows an answer does not count
    two.opened(opening).close()
    three.opened(emptying).close()


def test_an_oplock_and_a_lease_with_handle_exclude_each_other(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("leased", lease=1, wanted=RH)
    assert two.open("leased", oplock=OPLOCK_II).created.oplock == OPLOCK_NONE
    one.open("locked", oplock=OPLOCK_II)
    assert granted(two.open("locked", lease=1, wanted=RWH)).state == R


def test_a_parent_key_is_told_again(world: World) -> None:
    lease = granted(Cacher(world).open("file", lease=1, wanted=RWH, parent=2))
    assert (lease.flags, lease.parent_key) == (contexts.PARENT_LEASE_KEY_SET, (2).to_bytes(16, "little"))


@pytest.mark.parametrize(("wanted", "state"), [(RWH, RH), (RW, R), (RH, RH), (R, R), (2, 0)])
def test_a_directory_can_be_cached_but_not_written(world: World, wanted: int, state: int) -> None:
    folder = Cacher(world).open("folder", lease=1, wanted=wanted, options=DIRECTORY_FILE)
    assert granted(folder).state == state


def test_what_a_directory_does_not_get(world: World) -> None:
    client = Cacher(world)
    for name in ("new", "new"):
        assert client.open(name, oplock=OPLOCK_BATCH, options=DIRECTORY_FILE).created.oplock == OPLOCK_NONE
        old = client.open(name, lease=1, wanted=RH, version=1, options=DIRECTORY_FILE)
        assert old.created.oplock == OPLOCK_NONE


def test_directory_leases_are_offered_where_they_are_had(world: World) -> None:
    from conformance.client.protocol import CAP_DIRECTORY_LEASING

    for dialect, offered in ((SMB_2_1, False), (SMB_3_1_1, True)):
        session = world.log_on(Options(dialects=(dialect,)))
        assert bool(session.negotiated.capabilities & CAP_DIRECTORY_LEASING) is offered


def test_who_only_looks_leaves_a_lease_whole(world: World) -> None:
    looking, client = Cacher(world), Cacher(world)
    looking.open("file").close()
    looking.open("file", access=access.FILE_READ_ATTRIBUTES | access.READ_CONTROL)
    assert granted(client.open("file", lease=1, wanted=RWH)).state == RWH
