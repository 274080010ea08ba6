"""Short names made of long ones: always 8.3, always the same, recognised again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.nt.names import FORBIDDEN, check_component, fold_case, is_short
from smbserver.nt.short_names import looks_made, short_name

NAMES = st.text(
    st.characters(exclude_characters="".join(FORBIDDEN), exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", ".."))


@pytest.mark.parametrize("name", ["", "file", "README.TXT", "a.b", "12345678.123"])
def test_what_is_short_stays(name: str) -> None:
    assert short_name(name) == name
    assert not looks_made(name)


@given(NAMES)
def test_a_made_name_is_legal_and_made_in_one_way(name: str) -> None:
    short = short_name(name)
    check_component(short)
    assert is_short(short)
    if short != name:
        assert looks_made(short)
        assert looks_made(short.lower())
        assert short == short.upper()
    assert is_short(name) or short == short_name(fold_case(name))


def test_a_dot_at_the_end_in_both_its_forms() -> None:
    assert short_name("name.") == short_name("name\uf029")
    assert short_name("name ") == short_name("name\uf028")


@pytest.mark.parametrize(
    "name", ["a~1", "LONGNAM~1.TXT", "A12345~", "A12345~77", "A12345~7.text", "A1 345~7", "A12345-7"]
)
def test_what_was_not_made_here(name: str) -> None:
    assert not looks_made(name)


def test_long_names_that_differ_at_the_end_differ() -> None:
    assert len({short_name(f"a long name, the {number}th of many.txt") for number in range(1000)}) == 1000
