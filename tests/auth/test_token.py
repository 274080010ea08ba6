"""Which SIDs somebody is known by."""

from __future__ import annotations

from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.auth.sids import UserSids, machine_sid
from smbserver.auth.token import token_of
from smbserver.nt import sid

SIDS = UserSids(machine_sid(b"seed"), ["alice", "bob"])
ALICE = Identity("alice", "DOMAIN")


def test_a_user() -> None:
    token = token_of(ALICE, SIDS, 1000, (100, 27))
    assert token.user == SIDS.sid_of("ALICE")
    assert token.group == SIDS.users_group
    assert token.uid == 1000
    assert token.sids == {
        token.user,
        token.group,
        sid.EVERYONE,
        sid.NETWORK,
        sid.AUTHENTICATED_USERS,
        sid.BUILTIN_USERS,
        sid.unix_user(1000),
        sid.unix_group(100),
        sid.unix_group(27),
    }


def test_nobody_is_root() -> None:
    token = token_of(ALICE, SIDS, 0, (0, 4))
    assert sid.unix_user(0) not in token.sids
    assert sid.unix_group(0) not in token.sids
    assert token_of(ALICE, SIDS, 1000, (0,)).sids & {sid.unix_group(0)} == set()
    assert token.uid == 0  # what the kernel lets him own is shown as his


def test_guests_and_nobody_are_no_local_user() -> None:
    guest = token_of(Identity("whoever", "", is_guest=True), SIDS, 1000, (100,))
    assert guest.sids == {SIDS.guest, sid.BUILTIN_GUESTS, sid.EVERYONE, sid.NETWORK}
    assert guest.uid is None
    nobody = token_of(ANONYMOUS, SIDS, 1000, (100,))
    assert nobody.sids == {sid.ANONYMOUS, sid.EVERYONE, sid.NETWORK}
    assert nobody.uid is None
