"""@GMT tokens: there and back, what is none, and where in a path they may stand."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.filetime import from_unix_ns
from smbserver.nt.snapshot_names import TOKEN_BYTES, filetime, format_token, parse_token, take_token

TOKEN = "@GMT-2026.01.02-03.04.05"
DATES = st.datetimes(datetime(1601, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda when: when.replace(microsecond=0)
)


def test_a_token() -> None:
    time = parse_token(TOKEN)
    assert time == from_unix_ns(1767323045 * 10**9)
    assert format_token(time) == TOKEN
    assert len(TOKEN.encode("utf-16-le")) == TOKEN_BYTES


@given(DATES)
def test_there_and_back(when: datetime) -> None:
    token = format_token(filetime(when))
    assert token == f"@GMT-{when.year:04}" + when.strftime(".%m.%d-%H.%M.%S")
    assert parse_token(token) == filetime(when)


@given(st.integers(0, filetime(datetime(9999, 12, 31, 23, 59, 59))))
def test_fractions_are_lost(time: int) -> None:
    assert parse_token(format_token(time)) == time - time % 10_000_000


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@GMT-",
        "@gmt-2026.01.02-03.04.05",
        "@GMT-2026.01.02-03.04.0",
        "@GMT-2026.01.02-03.04.055",
        "@GMT-2026.13.02-03.04.05",
        "@GMT-2026.02.30-03.04.05",
        "@GMT-2026.01.02-24.04.05",
        "@GMT-1600.01.02-03.04.05",
        "@GMT-0000.01.02-03.04.05",
        "@GMT-\uff12026.01.02-03.04.05",
        "x" + TOKEN,
        TOKEN + "\n",
    ],
)
def test_ordinary_names(name: str) -> None:
    assert parse_token(name) is None
    assert take_token(f"a\\{name}") == (f"a\\{name}", None)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        (TOKEN, ""),
        (f"{TOKEN}\\a\\b", "a\\b"),
        (f"a\\{TOKEN}\\b", "a\\b"),
        (f"a\\b\\{TOKEN}", "a\\b"),
        (f"{TOKEN}\\", ""),
    ],
)
def test_a_token_anywhere(name: str, left: str) -> None:
    assert take_token(name) == (left, parse_token(TOKEN))


def test_two_tokens() -> None:
    with pytest.raises(StatusError) as caught:
        take_token(f"{TOKEN}\\a\\{TOKEN}")
    assert caught.value.status == status.OBJECT_NAME_INVALID
