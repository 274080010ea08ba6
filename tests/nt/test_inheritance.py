"""What a directory hands down: the table of [MS-DTYP] 2.5.3.4.4, and what a maker's descriptor changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.nt import access, sid
from smbserver.nt import descriptor as sd
from smbserver.nt.descriptor import Ace, Acl, Descriptor
from smbserver.nt.inheritance import default_acl, inherited_acl, new_descriptor
from smbserver.nt.token import Token
from tests.nt.descriptors import DACLS, USERS

ALICE, BOB, GROUP = USERS
TOKEN = Token(ALICE, GROUP, frozenset((ALICE, sid.EVERYONE)))
OI, CI, NP, IO, ID = 0x01, 0x02, 0x04, 0x08, 0x10


def hand_down(flags: int, is_directory: bool, who: bytes = BOB, mask: int = 2) -> list[tuple[int, bytes, int]]:
    """Flags, SID and mask of what becomes of one entry."""
    acl = inherited_acl((Ace(0, flags, mask, who),), ALICE, GROUP, is_directory, marks=False)
    return [(ace.flags, ace.sid, ace.mask) for ace in acl]


@pytest.mark.parametrize("inherit_only", [0, IO])
@pytest.mark.parametrize(
    ("flags", "directory", "file"),
    [
        (0, None, None),
        (OI, OI | IO, 0),
        (OI | NP, None, 0),
        (CI, CI, None),
        (CI | NP, 0, None),
        (CI | OI, CI | OI, 0),
        (CI | OI | NP, 0, 0),
        (NP, None, None),
    ],
)
def test_the_table(flags: int, directory: int | None, file: int | None, inherit_only: int) -> None:
    """INHERIT_ONLY plays no part in what is handed down."""
    for expected, is_directory in ((directory, True), (file, False)):
        found = hand_down(flags | inherit_only, is_directory)
        assert found == ([] if expected is None else [(expected, BOB, 2)])


def test_creator_owner_is_the_owner_and_goes_on_being_creator_owner() -> None:
    assert hand_down(CI | OI, False, sid.CREATOR_OWNER) == [(0, ALICE, 2)]
    assert hand_down(CI | OI, False, sid.CREATOR_GROUP) == [(0, GROUP, 2)]
    assert hand_down(CI, True, sid.CREATOR_OWNER) == [(0, ALICE, 2), (CI | IO, sid.CREATOR_OWNER, 2)]
    assert hand_down(OI, True, sid.CREATOR_OWNER) == [(OI | IO, sid.CREATOR_OWNER, 2)]
    assert hand_down(CI | NP, True, sid.CREATOR_OWNER) == [(0, ALICE, 2)]


def test_generic_rights_are_mapped_where_they_work_and_kept_where_they_go_on() -> None:
    read = access.GENERIC_READ
    assert hand_down(CI, True, BOB, read) == [(0, BOB, access.FILE_GENERIC_READ), (CI | IO, BOB, read)]
    assert hand_down(OI, False, BOB, read) == [(0, BOB, access.FILE_GENERIC_READ)]


def directory(*dacl: Ace, control: int = sd.SE_DACL_PRESENT) -> Descriptor:
    return Descriptor(control, BOB, GROUP, dacl)


INHERITABLE = Ace(0, OI | CI | ID, 1, BOB)
AUTO = sd.SE_DACL_PRESENT | sd.SE_DACL_AUTO_INHERITED


def test_nobody_says_anything() -> None:
    assert new_descriptor(None, None, TOKEN, False) is None
    assert new_descriptor(None, Descriptor(0, None, None, None), TOKEN, False) is None


def test_inherited_is_marked_only_by_a_directory_that_knows_of_it() -> None:
    plain = new_descriptor(directory(INHERITABLE), None, TOKEN, False)
    assert plain == Descriptor(sd.SE_DACL_PRESENT, ALICE, GROUP, (Ace(0, 0, 1, BOB),))
    marked = new_descriptor(directory(INHERITABLE, control=AUTO), None, TOKEN, False)
    assert marked == Descriptor(AUTO, ALICE, GROUP, (Ace(0, ID, 1, BOB),))


def test_a_directory_that_hands_nothing_down_gives_the_default() -> None:
    made = new_descriptor(directory(Ace(0, 0, 1, BOB)), None, TOKEN, True)
    assert made == Descriptor(sd.SE_DACL_PRESENT, ALICE, GROUP, default_acl(ALICE))


def test_a_given_dacl_takes_the_place_of_what_is_handed_down() -> None:
    given = Descriptor(sd.SE_DACL_PRESENT, None, None, (Ace(0, 0, access.GENERIC_ALL, sid.EVERYONE),))
    everyone = Ace(0, 0, access.FILE_ALL_ACCESS, sid.EVERYONE)
    assert new_descriptor(None, given, TOKEN, False) == Descriptor(4, ALICE, GROUP, (everyone,))
    assert new_descriptor(directory(INHERITABLE), given, TOKEN, False) == Descriptor(4, ALICE, GROUP, (everyone,))
    both = new_descriptor(directory(INHERITABLE, control=AUTO), given, TOKEN, False)
    assert both == Descriptor(AUTO, ALICE, GROUP, (everyone, Ace(0, ID, 1, BOB)))
    protected = given._replace(control=given.control | sd.SE_DACL_PROTECTED)
    alone = new_descriptor(directory(INHERITABLE, control=AUTO), protected, TOKEN, False)
    assert alone == Descriptor(4 | sd.SE_DACL_PROTECTED, ALICE, GROUP, (everyone,))


def test_given_null_and_empty_dacls_are_kept() -> None:
    for dacl in (None, ()):
        made = new_descriptor(None, Descriptor(sd.SE_DACL_PRESENT, sid.EVERYONE, BOB, dacl), TOKEN, False)
        assert made == Descriptor(sd.SE_DACL_PRESENT, sid.EVERYONE, BOB, dacl)


def test_only_an_owner_is_given() -> None:
    owned = Descriptor(0, sid.EVERYONE, None, None)
    made = new_descriptor(directory(INHERITABLE), owned, TOKEN, False)
    assert made == Descriptor(4, sid.EVERYONE, GROUP, (Ace(0, 0, 1, BOB),))
    assert new_descriptor(None, owned, TOKEN, False) == Descriptor(4, sid.EVERYONE, GROUP, default_acl(sid.EVERYONE))


@given(DACLS, st.booleans(), st.booleans())
def test_no_generic_right_works_and_nothing_grows_for_ever(dacl: Acl, is_directory: bool, marks: bool) -> None:
    acl = inherited_acl(dacl, ALICE, GROUP, is_directory, marks)
    assert len(acl) <= 2 * len(dacl)
    for ace in acl:
        assert bool(ace.flags & ID) == marks
        if not ace.flags & IO:
            assert not ace.mask & 0xF0000000
            assert ace.sid not in (sid.CREATOR_OWNER, sid.CREATOR_GROUP)
    # One generation later the same entries are handed down.
    again = inherited_acl(acl, ALICE, GROUP, is_directory, marks)
    if is_directory:
        assert set(inherited_acl(again, ALICE, GROUP, True, marks)) == set(again)
