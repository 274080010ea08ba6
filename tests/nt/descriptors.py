"""Random descriptors, ACLs and tokens for the tests of what judges them."""

from __future__ import annotations

from hypothesis import strategies as st

from smbserver.nt import descriptor as sd
from smbserver.nt import sid
from smbserver.nt.descriptor import Ace, Descriptor
from smbserver.nt.token import Token

USERS = [sid.sid(5, 21, 1, 2, 3, rid) for rid in (1000, 1001, 1002)]
KNOWN = [*USERS, sid.EVERYONE, sid.AUTHENTICATED_USERS, sid.OWNER_RIGHTS, sid.CREATOR_OWNER, sid.CREATOR_GROUP]
MASKS = st.one_of(
    st.sampled_from([0x80000000, 0x40000000, 0x20000000, 0x10000000, 0x1F01FF, 0x120089, 0x2, 0x40000]),
    st.integers(0, 0xFFFFFFFF),
)
FLAGS = st.integers(0, 0x1F)
WHO = st.sampled_from(KNOWN)
SIMPLE_KINDS = st.sampled_from([0, 0, 0, 1, 1, 2, 9, 0xA, 0x11])
ALLOW_OR_DENY = st.sampled_from([sd.ACCESS_ALLOWED, sd.ACCESS_DENIED])


@st.composite
def aces(draw: st.DrawFn, kinds: st.SearchStrategy[int] = SIMPLE_KINDS) -> Ace:
    """An entry that a file can have."""
    return Ace(draw(kinds), draw(FLAGS), draw(MASKS), draw(WHO))


@st.composite
def any_aces(draw: st.DrawFn) -> Ace:
    """Any entry that can be written, object entries and application data too."""
    if draw(st.booleans()):
        return draw(aces())._replace(data=draw(st.binary(max_size=5)).ljust(8, b"\0"))
    present = draw(st.integers(0, 3))
    guids = present.to_bytes(4, "little") + bytes(16 * present.bit_count())
    return Ace(draw(st.sampled_from([5, 6, 7, 0xB, 0xC])), draw(FLAGS), draw(MASKS), draw(WHO), guids)


ACLS = st.lists(aces(), max_size=8).map(tuple)
DACLS = st.lists(aces(ALLOW_OR_DENY), max_size=8).map(tuple)
OWNERS = st.sampled_from(USERS)


@st.composite
def descriptors(draw: st.DrawFn) -> Descriptor:
    """Any descriptor that its bytes can carry: flags and parts agree."""
    control = draw(st.integers(0, 0x3FFF))
    acl = st.none() | st.lists(any_aces(), max_size=6).map(tuple)
    return Descriptor(
        control,
        draw(st.none() | OWNERS),
        draw(st.none() | OWNERS),
        draw(acl) if control & sd.SE_DACL_PRESENT else None,
        draw(acl) if control & sd.SE_SACL_PRESENT else None,
    )


@st.composite
def tokens(draw: st.DrawFn) -> Token:
    """Somebody with a few of the known SIDs."""
    user = draw(OWNERS)
    others = draw(st.frozensets(st.sampled_from([*USERS, sid.EVERYONE, sid.AUTHENTICATED_USERS])))
    return Token(user, USERS[0], others | {user})
