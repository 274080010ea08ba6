"""OPLOCK_BREAK: answers that fit, answers that do not, answers to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.client.protocol import OPLOCK_BATCH, OPLOCK_EXCLUSIVE, OPLOCK_II, OPLOCK_LEASE, OPLOCK_NONE
from smbserver.nt import status
from tests.cachers import RH, RW, RWH, Cacher, R, granted

if TYPE_CHECKING:
    from tests.harness import World


@pytest.mark.parametrize(
    ("held", "answer", "outcome", "second"),
    [
        (OPLOCK_BATCH, OPLOCK_II, status.SUCCESS, OPLOCK_II),
        (OPLOCK_BATCH, OPLOCK_NONE, status.SUCCESS, OPLOCK_II),
        (OPLOCK_EXCLUSIVE, OPLOCK_II, status.SUCCESS, OPLOCK_II),
        (OPLOCK_EXCLUSIVE, OPLOCK_EXCLUSIVE, status.INVALID_OPLOCK_PROTOCOL, OPLOCK_II),
        (OPLOCK_BATCH, OPLOCK_BATCH, status.INVALID_OPLOCK_PROTOCOL, OPLOCK_II),
        (OPLOCK_BATCH, OPLOCK_LEASE, status.INVALID_PARAMETER, OPLOCK_II),
    ],
)
def test_answers_to_the_break_of_an_oplock(world: World, held: int, answer: int, outcome: int, second: int) -> None:
    one, two = Cacher(world), Cacher(world)
    file = one.open("file", oplock=held)
    message = two.create("file", oplock=OPLOCK_BATCH)
    told = one.next_oplock_break()
    assert (told.level, told.file_id) == (OPLOCK_II, file.file_id)
    assert one.answer_oplock(file, answer) == outcome
    assert two.opened(message).created.oplock == second  # whatever the answer was, the break is over


def test_an_oplock_that_is_not_breaking(world: World) -> None:
    client = Cacher(world)
    held = client.open("held", oplock=OPLOCK_BATCH)
    assert client.answer_oplock(held, OPLOCK_II) == status.INVALID_DEVICE_STATE
    leased = client.open("leased", lease=1, wanted=RWH)
    assert client.answer_oplock(leased, OPLOCK_II) == status.INVALID_DEVICE_STATE
    bare = client.open("bare")
    assert client.answer_oplock(bare, OPLOCK_II) == status.INVALID_OPLOCK_PROTOCOL


def test_level_two_ends_by_its_own_write_and_has_nothing_to_answer(world: World) -> None:
    client = Cacher(world)
    file = client.open("file", oplock=OPLOCK_II)
    file.write(0, b"x")
    told = client.next_oplock_break()
    assert told.level == OPLOCK_NONE
    assert client.answer_oplock(file, OPLOCK_NONE) == status.INVALID_OPLOCK_PROTOCOL
    file.write(0, b"x")
    assert not client.is_told()


def test_an_oplock_of_somebody_else(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    file = one.open("file", oplock=OPLOCK_BATCH)
    waiting = two.create("file")
    assert two.answer_oplock(file, OPLOCK_NONE) == status.FILE_CLOSED
    assert one.answer_oplock(file, OPLOCK_NONE) == status.SUCCESS
    two.opened(waiting).close()


def test_answers_to_the_break_of_a_lease(world: World) -> None:
    one, two = Cacher(world), Cacher(world)
    one.open("file", lease=1, wanted=RWH)
    assert one.answer_lease(1, R) == status.UNSUCCESSFUL
    message = two.create("file", lease=1, wanted=R)
    assert one.answer_lease(1, RW) == status.REQUEST_NOT_ACCEPTED
    assert one.answer_lease(7, R) == status.OBJECT_NAME_NOT_FOUND
    assert two.answer_lease(1, RH) == status.OBJECT_NAME_NOT_FOUND  # the same key, another client
    assert one.answer_lease(1, R) == status.SUCCESS
    assert granted(two.opened(message)).state == R
    assert granted(one.open("file", lease=1)).state == R
