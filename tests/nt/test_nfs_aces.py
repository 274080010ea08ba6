"""The mode in a DACL: put in, taken out, never confused with other entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smbserver.nt.descriptor import ACCESS_ALLOWED, SE_DACL_PRESENT, Ace, Descriptor, build, parse
from smbserver.nt.nfs_aces import with_mode, without_mode
from smbserver.nt.sid import sid

OTHERS = st.lists(
    st.sampled_from([sid(1, 0), sid(5, 88), sid(5, 88, 3), sid(5, 88, 3, 4, 5), sid(5, 89, 3, 4), sid(22, 1, 0)]).map(
        lambda who: Ace(ACCESS_ALLOWED, 0, 1, who)
    ),
    max_size=4,
)


@given(OTHERS, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0o7777))
def test_what_is_put_in_is_taken_out(aces: list[Ace], uid: int, gid: int, mode: int) -> None:
    plain = Descriptor(SE_DACL_PRESENT, sid(22, 1, uid), None, tuple(aces))
    shown = with_mode(plain, uid, gid, mode)
    assert parse(build(shown)) == shown
    assert without_mode(shown) == (plain, mode & 0o777)
    assert without_mode(plain) == (plain, None)


def test_the_three_entries() -> None:
    shown = with_mode(Descriptor(SE_DACL_PRESENT, None, None, ()), 1000, 100, 0o640)
    assert shown.dacl is not None
    assert [ace.sid for ace in shown.dacl] == [sid(5, 88, 1, 1000), sid(5, 88, 2, 100), sid(5, 88, 3, 0o640)]
    assert not any(ace.mask for ace in shown.dacl)


def test_a_null_dacl_stays_one() -> None:
    null = Descriptor(SE_DACL_PRESENT, None, None, None)
    assert with_mode(null, 1, 1, 0o600) == null
    assert without_mode(null) == (null, None)
