"""SIDs: the same in every run, different for different people, and back to the name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.auth import sids
from smbserver.auth.accounts import upper_case
from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.auth.sids import GUEST_RID, UserSids, machine_sid, split_rid, user_rid, with_rid
from smbserver.nt.sid import sid

NAMES = st.text(st.characters(exclude_characters='\\/:*?"<>|\0\n\r'), min_size=1, max_size=30)
UNIQUE = st.lists(NAMES, unique_by=upper_case, max_size=20)
DOMAIN = machine_sid(b"TEST\0" + b"0" * 32)


def test_the_machine_sid_is_known() -> None:
    """It stands in descriptors on disks: nobody may change how it is made."""
    assert machine_sid(b"A") == sid(5, 21, 2009292413, 3012530410, 1069317318)
    assert user_rid("ann") == user_rid("ANN") == 1064453929
    assert machine_sid(b"A") != machine_sid(b"B")


@given(NAMES, st.integers(0, 5))
def test_rids_are_in_their_range(name: str, attempt: int) -> None:
    assert sids.FIRST_RID <= user_rid(name, attempt) < sids.END_OF_RIDS


@given(UNIQUE)
def test_there_and_back(names: list[str]) -> None:
    table = UserSids(DOMAIN, names)
    assert table.domain == DOMAIN
    found = set()
    for name in names:
        who = table.sid_of(name)
        assert who is not None
        assert table.name_of(who) == name
        domain, rid = split_rid(who)
        assert (domain, with_rid(domain, rid)) == (DOMAIN, who)
        account = table.find_rid(rid)
        assert account is not None
        assert account == table.find(name.upper() if upper_case(name) == name.upper() else name)
        found.add(who)
    assert len(found) == len(names)
    assert len(table.accounts) == len(names) + 1
    assert table.guest not in found


@given(UNIQUE)
def test_the_order_of_configuration_does_not_matter(names: list[str]) -> None:
    assert UserSids(DOMAIN, names).accounts == UserSids(DOMAIN, sorted(names)).accounts


def test_two_that_collide_get_two_rids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sids, "user_rid", lambda name, attempt=0: 1000 + attempt)
    first = UserSids(DOMAIN, ["bob", "ann", "Zoe"])
    second = UserSids(DOMAIN, ["Zoe", "bob", "ann"])
    assert [(each.name, each.rid) for each in first.accounts[1:]] == [("ann", 1000), ("bob", 1001), ("Zoe", 1002)]
    assert first.accounts == second.accounts


def test_guests_are_nobody_else() -> None:
    table = UserSids(DOMAIN, ["ann"])
    assert table.of_identity(Identity("guest", "", is_guest=True)) == table.guest == with_rid(DOMAIN, GUEST_RID)
    assert table.sid_of("GUEST") == table.guest
    assert table.name_of(table.guest) == "Guest"
    named = UserSids(DOMAIN, ["guest"])
    assert named.of_identity(Identity("guest", "")) != named.guest
    assert named.of_identity(Identity("guest", "", is_guest=True)) == named.guest


def test_identities() -> None:
    table = UserSids(DOMAIN, ["ann"])
    assert table.of_identity(Identity("Ann", "ANYTHING")) == table.sid_of("ann")
    assert table.of_identity(ANONYMOUS) == sid(5, 7)
    assert table.of_identity(Identity("stranger", "")) == sid(5, 7)


def test_strangers_have_no_names() -> None:
    table = UserSids(DOMAIN, ["ann"])
    assert table.sid_of("bob") is None
    for who in (DOMAIN, with_rid(DOMAIN, 7), sid(1, 0), with_rid(machine_sid(b"other"), GUEST_RID), b"", b"\1\0"):
        assert table.name_of(who) is None
