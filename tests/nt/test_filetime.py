"""FILETIMEs to and from Unix nanoseconds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.nt import filetime

quick = settings(deadline=None)


def test_known_moments() -> None:
    assert filetime.from_unix_ns(0) == 116444736000000000
    assert filetime.to_unix_ns(0) == -11644473600 * 10**9  # 1601-01-01
    assert filetime.from_unix_ns(946684800 * 10**9) == 125911584000000000  # 2000-01-01
    assert filetime.from_unix_ns(99) == filetime.from_unix_ns(0)
    assert filetime.from_unix_ns(-1) == filetime.from_unix_ns(0) - 1  # down, not towards 1970


def test_outside_the_range() -> None:
    assert filetime.from_unix_ns(-(2**63)) >= 0
    assert filetime.from_unix_ns(-(10**21)) == 0
    assert filetime.from_unix_ns(10**30) == filetime.MAXIMUM == 2**63 - 1


@quick
@given(st.integers(0, filetime.MAXIMUM))
def test_every_filetime_comes_back(time: int) -> None:
    assert filetime.from_unix_ns(filetime.to_unix_ns(time)) == time


@quick
@given(st.integers(-(2**63), 2**63 - 1))
def test_at_most_100_ns_are_lost(nanoseconds: int) -> None:
    """What st_mtime_ns can hold is all after 1601 and before the last FILETIME."""
    assert 0 <= nanoseconds - filetime.to_unix_ns(filetime.from_unix_ns(nanoseconds)) < 100


@quick
@given(st.integers(), st.integers())
def test_order_is_kept(one: int, other: int) -> None:
    if one <= other:
        assert filetime.from_unix_ns(one) <= filetime.from_unix_ns(other)
