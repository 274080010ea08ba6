"""Descriptors and the kernel together: what clients that act as local users are told and given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import unpack

import pytest

from conformance.client import contexts
from conformance.client.protocol import CREATE_NEW, DIRECTORY_FILE, StatusFailure
from conformance.client.session import Tree
from smbserver.nt import access, sid, status
from smbserver.nt import descriptor as sd
from smbserver.nt.descriptor import Ace, Descriptor, build, parse
from tests.harness import OTHER_USER
from tests.test_acting import ALICE, BOB, Acting, needs_root

WRITING = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA


@pytest.fixture
def acting(share_folder: Path) -> Iterator[Acting]:
    made = Acting(share_folder)
    yield made
    made.close()


def told(tree: Tree, name: str) -> tuple[int, int]:
    """What MAXIMUM_ALLOWED gives, and what MxAc says."""
    with tree.open(name, access=access.MAXIMUM_ALLOWED, contexts=[(contexts.MAXIMAL_ACCESS, b"")]) as file:
        (granted,) = unpack("<I", file.query(1, 8))
        code, maximal = unpack("<II", file.created.contexts[contexts.MAXIMAL_ACCESS])
        assert code == 0
        return granted, maximal


@needs_root
@pytest.mark.parametrize(
    ("owner", "mode", "refused"),
    [
        (ALICE, 0o600, 0),
        (ALICE, 0o200, access.FILE_READ_DATA | access.FILE_EXECUTE),
        (BOB, 0o666, 0),
        (BOB, 0o644, WRITING),
        (BOB, 0o600, WRITING | access.FILE_READ_DATA | access.FILE_EXECUTE),
    ],
)
def test_what_the_kernel_refuses_is_not_promised(acting: Acting, owner: object, mode: int, refused: int) -> None:
    assert owner in (ALICE, BOB)
    acting.owned("file", ALICE if owner == ALICE else BOB, mode)
    expected = access.FILE_ALL_ACCESS & ~refused
    assert told(acting.tree(), "file") == (expected, expected)
    if refused & access.FILE_WRITE_DATA:
        with pytest.raises(StatusFailure) as failure:
            acting.tree().open("file", access=access.FILE_WRITE_DATA)
        assert failure.value.status == status.ACCESS_DENIED


@needs_root
def test_a_folder_of_another(acting: Acting) -> None:
    acting.owned("folder", BOB, 0o755, directory=True)
    expected = access.FILE_ALL_ACCESS & ~(WRITING | access.FILE_DELETE_CHILD)
    assert told(acting.tree(), "folder") == (expected, expected)


@needs_root
def test_descriptors_are_kept_and_obeyed_as_local_users(acting: Acting) -> None:
    alice, bob = acting.tree(), acting.tree(OTHER_USER)
    read = Ace(sd.ACCESS_ALLOWED, 3, access.FILE_GENERIC_READ, sid.unix_user(BOB.uid))
    mine = Ace(sd.ACCESS_ALLOWED, 3, access.FILE_ALL_ACCESS, sid.unix_user(ALICE.uid))
    given = build(Descriptor(sd.SE_DACL_PRESENT, None, None, (read, mine)))
    with alice.open("d", access=access.FILE_ALL_ACCESS, disposition=CREATE_NEW, options=DIRECTORY_FILE) as folder:
        folder.set(3, 0, given, 4)
    alice.open("d\\file", access=access.FILE_ALL_ACCESS, disposition=CREATE_NEW).close()
    with bob.open("d\\file", access=access.FILE_GENERIC_READ) as file:
        shown = parse(file.query(3, 0, additional=7))
    assert shown.owner == acting.world.state.sids.sid_of("alice")
    assert [ace.sid for ace in shown.dacl or ()] == [read.sid, mine.sid]
    for wanted in (access.FILE_WRITE_DATA, access.WRITE_DAC):
        with pytest.raises(StatusFailure) as failure:
            bob.open("d\\file", access=wanted)
        assert failure.value.status == status.ACCESS_DENIED
    with pytest.raises(StatusFailure) as failure:
        bob.open("d\\other", access=access.FILE_ALL_ACCESS, disposition=CREATE_NEW)
    assert failure.value.status == status.ACCESS_DENIED
