"""Patterns of snapshot names: what they read, against strftime, and what an operator is told of wrong ones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.backend.posix import SnapshotPattern
from smbserver.nt.snapshot_names import filetime

DATES = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(
    lambda when: when.replace(microsecond=0)
)
WHOLE = ["auto-%Y-%m-%d_%H-%M-%S", "%Y%m%dT%H%M%S", "@GMT-%Y.%m.%d-%H.%M.%S", "100%%_%d.%m.%Y %H:%M:%S", "%s", "x%s"]


@pytest.mark.parametrize("text", WHOLE)
@given(when=DATES)
def test_what_strftime_writes_is_read(text: str, when: datetime) -> None:
    name = when.replace(tzinfo=UTC).strftime(text.replace("%s", str(int(when.replace(tzinfo=UTC).timestamp()))))
    assert SnapshotPattern(text).time_of(name) == filetime(when)


@given(when=DATES, minutes=st.integers(-14 * 60, 14 * 60))
def test_a_zone(when: datetime, minutes: int) -> None:
    zoned = when.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    for local in (False, True):
        found = SnapshotPattern("btr.%Y%m%dT%H%M%S%z", local).time_of(zoned.strftime("btr.%Y%m%dT%H%M%S%z"))
        assert found == filetime(when)


@given(when=DATES)
def test_less_than_seconds(when: datetime) -> None:
    day = datetime(when.year, when.month, when.day)
    assert SnapshotPattern("%Y-%m-%d").time_of(when.strftime("%Y-%m-%d")) == filetime(day)


@given(st.text(max_size=40))
def test_any_name(name: str) -> None:
    for text in WHOLE:
        SnapshotPattern(text, local=True).time_of(name)


@pytest.fixture
def berlin() -> Iterator[None]:
    """A zone with summer time."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def test_local_time(berlin: None) -> None:
    pattern = SnapshotPattern("%Y-%m-%d_%H:%M:%S", local=True)
    assert pattern.time_of("2026-01-02_03:04:05") == filetime(datetime(2026, 1, 2, 2, 4, 5))
    assert pattern.time_of("2026-07-02_03:04:05") == filetime(datetime(2026, 7, 2, 1, 4, 5))
    assert SnapshotPattern("%Y-%m-%d_%H:%M:%S").time_of("2026-07-02_03:04:05") == filetime(
        datetime(2026, 7, 2, 3, 4, 5)
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("%Y-%m-%d", "2026-02-30"),
        ("%Y-%m-%d", "2026-13-01"),
        ("%Y-%m-%d", "0000-01-01"),
        ("%Y-%m-%d", "1600-12-31"),
        ("%Y-%m-%d", "2026-01-01x"),
        ("%Y-%m-%d", "2026-01-01\n"),
        ("%Y-%m-%d", "x2026-01-01"),
        ("%Y-%m-%d", "２０２６-01-01"),  # noqa: RUF001 - digits, but not those of a name
        ("%Y-%m-%d_%H", "2026-01-01_24"),
        ("%s", "999999999999"),
        ("%s", "-1"),
        ("a.%Y%m%d", "ab20260101"),
    ],
)
def test_names_that_do_not_fit(text: str, name: str) -> None:
    assert SnapshotPattern(text).time_of(name) is None


def test_stars() -> None:
    """Programs that make several kinds: sanoid puts the kind behind the date, zfs-auto-snapshot before it."""
    pattern = SnapshotPattern("auto*_%Y-%m-%d_%H:%M:%S_*")
    assert pattern.time_of("autosnap_2026-01-02_03:04:05_daily") == filetime(datetime(2026, 1, 2, 3, 4, 5))
    assert pattern.time_of("auto_2026-01-02_03:04:05_") is not None
    assert pattern.time_of("other_2026-01-02_03:04:05_daily") is None


def test_where_it_is() -> None:
    pattern = SnapshotPattern(".zfs/snapshot/auto-%Y-%m-%d/docs/./100%%")
    assert (pattern.is_absolute, pattern.prefix, pattern.suffix) == (False, (".zfs", "snapshot"), ("docs", "100%"))
    pattern = SnapshotPattern("/%y%m%d")
    assert (pattern.is_absolute, pattern.prefix, pattern.suffix) == (True, (), ())
    assert pattern.time_of("260102") == filetime(datetime(2026, 1, 2))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one component"),
        ("snapshots", "one component"),
        ("%Y/%m%d", "one component"),
        ("../%Y%m%d", "no '..'"),
        ("%Y%m%d/..", "no '..'"),
        ("%Y%m%d\0", "no '..'"),
        ("*/%Y%m%d", r"\*"),
        ("%Y%m%d/*", r"\*"),
        ("%Y%m", "needs"),
        ("%m%d", "needs"),
        ("%Y%y%m%d", "needs"),
        ("%s%Y%m%d", "needs"),
        ("%s%m%d%Y", "needs"),
        ("%Y%Y%m%d", "twice"),
        ("%Y%m%d%j", "no field"),
        ("%Y%m%d%", "no field"),
        ("*****%Y%m%d", "at most"),
    ],
)
def test_wrong_patterns(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SnapshotPattern(text)
