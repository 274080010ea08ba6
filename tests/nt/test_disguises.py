"""Plain and disguised names: one form for every file, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import names
from smbserver.nt.disguises import PlainPattern, disguised, disguised_path, plain

POSIX_NAME = st.text(st.characters(blacklist_characters="/\0", max_codepoint=0xD7FF), min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..")
)


@given(POSIX_NAME)
def test_there_and_back(name: str) -> None:
    form = disguised(name)
    names.check_component(form)
    assert len(form) == len(name)
    assert plain(form) == name
    assert disguised(form) == form, "who disguises it himself means the same file"


def test_some_names() -> None:
    assert disguised('a:b\\c"<>|?*') == "a\uf022b\uf026c\uf020\uf023\uf024\uf027\uf025\uf021"
    assert disguised("end. ") == "end.\uf028"
    assert disguised("end.") == "end\uf029"
    assert disguised(".end") == ".end"
    assert [disguised(name) for name in ("", ".", "..")] == ["", ".", ".."]


def test_a_path() -> None:
    assert disguised_path("a/b\\c/d.") == "a\\b\uf026c\\d\uf029"
    assert disguised_path("") == ""
    with pytest.raises(StatusError):
        disguised_path("/a")


@pytest.mark.parametrize("path", ["a/../b", "a//b", "./a", "a\0b", "..", "a/" * 300 + "b"])
def test_what_is_still_no_path(path: str) -> None:
    with pytest.raises(StatusError):
        names.split(disguised_path(path))


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "anything", True),
        ("a*", "ab", True),
        ("a*", "Ab", False),
        ("?b", "ab", True),
        ("<", "<", True),
        ("<", "x", False),
        ("a.", "a.", True),
        ("a\uf029", "a.", True),
        ("*>", "a>", True),
        ("*.*", "a", False),
    ],
)
def test_a_pattern(pattern: str, name: str, matches: bool) -> None:
    assert PlainPattern(pattern).matches(name) is matches


@given(POSIX_NAME)
def test_a_name_is_its_own_pattern(name: str) -> None:
    assert PlainPattern(name).matches(name)
