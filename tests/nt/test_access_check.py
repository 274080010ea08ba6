"""The access check against one written another way: right by right, straight from [MS-DTYP] 2.5.3.2."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.nt import access, sid
from smbserver.nt import descriptor as sd
from smbserver.nt.access_check import allowed_rights, map_generic
from smbserver.nt.descriptor import Ace, Acl, Descriptor
from smbserver.nt.token import Token
from tests.nt.descriptors import ACLS, OWNERS, USERS, tokens

ALICE, BOB, CAROL = USERS
TOKEN = Token(ALICE, BOB, frozenset((ALICE, sid.EVERYONE)))
ALL = access.FILE_ALL_ACCESS


def naive(descriptor: Descriptor, token: Token, wanted: int) -> bool:
    """The specification's loop in its ordinary mode: whether all of `wanted` is granted."""
    if descriptor.dacl is None:
        return True
    remaining = wanted
    effective = [ace for ace in descriptor.dacl if not ace.flags & sd.INHERIT_ONLY_ACE]
    owns = descriptor.owner in token.sids
    if owns and not [ace for ace in effective if ace.sid == sid.OWNER_RIGHTS]:
        remaining &= ~(access.READ_CONTROL | access.WRITE_DAC)
    for ace in effective:
        concerned = ace.sid in token.sids or (owns and ace.sid == sid.OWNER_RIGHTS)
        mask = access.expand_generic(ace.mask)
        if concerned and ace.kind == 0:
            remaining &= ~mask
        if concerned and ace.kind in (1, 6, 0xA, 0xC) and remaining & mask:
            return False
    return not remaining


def allowed(*dacl: Ace, owner: bytes = BOB, token: Token = TOKEN) -> int:
    """The rights that these entries give."""
    return allowed_rights(Descriptor(sd.SE_DACL_PRESENT, owner, None, dacl), token)


def allow(who: bytes, mask: int, flags: int = 0) -> Ace:
    return Ace(sd.ACCESS_ALLOWED, flags, mask, who)


def deny(who: bytes, mask: int, flags: int = 0) -> Ace:
    return Ace(sd.ACCESS_DENIED, flags, mask, who)


@settings(max_examples=400)
@given(OWNERS, ACLS, tokens(), st.integers(0, ALL).map(lambda mask: mask & ALL))
def test_as_the_specification(owner: bytes, dacl: Acl, token: Token, wanted: int) -> None:
    descriptor = Descriptor(sd.SE_DACL_PRESENT, owner, None, dacl)
    granted = allowed_rights(descriptor, token)
    assert granted & ~ALL == 0
    assert (not wanted & ~granted) == naive(descriptor, token, wanted)
    assert naive(descriptor, token, granted)


@given(OWNERS, ACLS, tokens())
def test_stored_generic_rights_mean_what_mapped_ones_do(owner: bytes, dacl: Acl, token: Token) -> None:
    descriptor = Descriptor(sd.SE_DACL_PRESENT, owner, None, dacl)
    assert allowed_rights(descriptor._replace(dacl=map_generic(dacl)), token) == allowed_rights(descriptor, token)


def test_null_and_empty() -> None:
    assert allowed_rights(Descriptor(sd.SE_DACL_PRESENT, BOB, None, None), TOKEN) == ALL
    assert allowed_rights(Descriptor(0, BOB, None, None), TOKEN) == ALL
    assert allowed() == 0
    assert allowed(owner=ALICE) == access.READ_CONTROL | access.WRITE_DAC


def test_order_decides() -> None:
    assert allowed(deny(ALICE, 2), allow(ALICE, 3)) == 1
    assert allowed(allow(ALICE, 3), deny(ALICE, 2)) == 3
    assert allowed(allow(CAROL, 3)) == 0


def test_owner_rights_replace_what_is_implied() -> None:
    assert allowed(allow(sid.OWNER_RIGHTS, 2), owner=ALICE) == 2
    assert allowed(allow(sid.OWNER_RIGHTS, 2), owner=BOB) == 0
    implied = access.READ_CONTROL | access.WRITE_DAC
    assert allowed(allow(sid.OWNER_RIGHTS, 2, sd.INHERIT_ONLY_ACE), owner=ALICE) == implied
    assert allowed(deny(sid.OWNER_RIGHTS, implied), owner=ALICE) == 0
    # A deny for the owner by name does not take what is implied.
    assert allowed(deny(ALICE, implied), owner=ALICE) == implied


def test_inherit_only_is_not_effective() -> None:
    assert allowed(allow(ALICE, 1, sd.INHERIT_ONLY_ACE)) == 0
    assert allowed(deny(ALICE, 1, sd.INHERIT_ONLY_ACE), allow(ALICE, 1)) == 1


def test_a_condition_is_never_true_for_the_asker() -> None:
    everything = allow(ALICE, 1)
    assert allowed(everything._replace(kind=sd.ACCESS_ALLOWED_CALLBACK)) == 0
    assert allowed(everything._replace(kind=sd.ACCESS_DENIED_CALLBACK), everything) == 0
    assert allowed(everything._replace(kind=sd.ACCESS_ALLOWED_OBJECT, guids=bytes(4))) == 0
    assert allowed(everything._replace(kind=sd.ACCESS_DENIED_OBJECT, guids=bytes(4)), everything) == 0


def test_what_only_hands_down_stays_generic() -> None:
    below = allow(ALICE, access.GENERIC_ALL, sd.INHERIT_ONLY_ACE | sd.OBJECT_INHERIT_ACE)
    assert map_generic((allow(ALICE, access.GENERIC_READ), below)) == (allow(ALICE, access.FILE_GENERIC_READ), below)
    assert map_generic(None) is None
