"""Names: splitting, refusing, folding, wildcards (against a model)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import names, status
from smbserver.nt.names import Pattern, fold, split

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex


def test_split_gives_components() -> None:
    assert split("") == ()
    assert split("a\\b\\c.txt") == ("a", "b", "c.txt")
    assert split("a\\") == ("a",)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("\\a", status.INVALID_PARAMETER),
        ("a\\\\b", status.OBJECT_NAME_INVALID),
        ("..\\a", status.OBJECT_PATH_SYNTAX_BAD),
        ("a\\..\\..\\etc", status.OBJECT_PATH_SYNTAX_BAD),
        ("a/b", status.OBJECT_NAME_INVALID),
        ("a\0b", status.OBJECT_NAME_INVALID),
        ("a:stream", status.OBJECT_NAME_INVALID),
        ("x" * 256, status.OBJECT_NAME_INVALID),
    ],
)
def test_split_refuses(name: str, code: int) -> None:
    with pytest.raises(StatusError) as caught:
        split(name)
    assert caught.value.status == code


NAME_LIKE = st.text(st.sampled_from("ab. \\:*\0\x1f\u00e9\U0001f600"), min_size=1, max_size=8) | st.sampled_from(
    ["x" * 255, "x" * 256, "d\\" + "x" * 255, "d\\" + "x" * 256, "\U0001f600" * 128, "a\\" * 200 + "b"]
)


def refusal(call: Callable[[], object]) -> int:
    """The status, or SUCCESS."""
    try:
        call()
    except StatusError as error:
        return error.status
    return status.SUCCESS


@given(NAME_LIKE.filter(lambda name: name[0] != "\\" and name[-1] != "\\"))
def test_a_name_is_refused_for_its_first_bad_component(name: str) -> None:
    codes = [refusal(lambda each=each: names.check_component(each)) for each in name.split("\\")]  # type: ignore[misc]
    assert refusal(lambda: split(name)) == next((code for code in codes if code), status.SUCCESS)
    if not any(codes):
        assert split(name) == tuple(name.split("\\"))


def test_fold_is_case_and_composition() -> None:
    assert fold("Stra\u00dfe") == "STRA\u00dfE"
    assert fold("e\u0301") == fold("\u00c9")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "anything", True),
        ("*.txt", "a.TXT", True),
        ("*.txt", "a.txt.bak", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("<", "noextension", True),
        ("<", "a.b", False),
        ("<.b", "x.a.b", True),
        ('a"', "a", True),
        ("a>>", "a", True),
        ("a>>.c", "a.c", True),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    assert Pattern(pattern).matches(name) is matches


@pytest.mark.parametrize("name", ["a", "a.b", ".b", "a.", "..."])
def test_star_dot_star_is_everything(name: str) -> None:
    """[MS-FSA] 2.1.4.4 part 1: also a name without a dot."""
    assert Pattern("*.*").matches(name)
    assert Pattern("*").matches(name)


# The matcher against [MS-FSA] 2.1.4.4, written as its sentences stand there; exponential, so only for short texts.


def model(pattern: str, name: str) -> bool:
    """Whether `name` is in the expression `pattern`; both are upper case already."""
    if pattern in ("*", "*.*"):
        return bool(name)
    return _model(pattern, name)


def _model(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    head, rest = pattern[0], pattern[1:]
    if head == "*":  # zero or more characters
        return any(_model(rest, name[taken:]) for taken in range(len(name) + 1))
    if head == "<":  # DOS_STAR: zero or more, but the final dot of the name is not among them
        last_dot = name.rfind(".")
        limit = last_dot if last_dot >= 0 else len(name)
        # Behind the final dot there is none left, so a run may not reach over it at all.
        return any(_model(rest, name[taken:]) for taken in range(limit + 1))
    if head == ">":  # DOS_QM: any single character; at a dot or the end all DOS_QMs in a row stand for nothing
        if not name or name[0] == ".":
            return _model(pattern.lstrip(">"), name)
        return _model(rest, name[1:])
    if head == '"':  # DOS_DOT: a dot, or nothing beyond the name
        return _model(rest, name[1:]) if name[:1] == "." else not name and _model(rest, name)
    if not name:
        return False
    return (head in ("?", name[0])) and _model(rest, name[1:])


@settings(max_examples=600, deadline=None)
@given(st.text('AB.*?<>"', max_size=7), st.text("AB.", min_size=1, max_size=7))
def test_the_matcher_is_the_model(pattern: str, name: str) -> None:
    assert Pattern(pattern).matches(name) == model(pattern, name)


class CountedPattern(str):
    """A pattern that counts how often one of its characters is looked at."""

    looks = 0

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        self.looks += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("unit", ["*", "*A", "<", "<A", "<.", ">", ">*", '"', "*?", '<>"*?', "*.*"])
def test_hostile_patterns_take_steps_in_proportion(unit: str) -> None:
    """A position is looked at twice for each character of the name: to consume it, to skip what matches nothing."""
    for size in (20, 40):
        pattern = CountedPattern((unit * size)[: size * 2] + "B")
        name = "A." * size
        names.match_folded(pattern, name)
        assert pattern.looks <= 2 * len(pattern) * (len(name) + 1)


# Splitting and folding.

COMPONENT = st.text(
    st.characters(codec="utf-8", exclude_characters=sorted(names.FORBIDDEN)), min_size=1, max_size=30
).filter(lambda text: text not in (".", ".."))


@settings(deadline=None)
@given(st.lists(COMPONENT, max_size=6))
def test_components_come_back(components: list[str]) -> None:
    joined = "\\".join(components)
    assert split(joined) == tuple(components)


@settings(deadline=None)
@given(st.text("ab.\\:/*\0<", max_size=12))
def test_what_is_split_can_only_lie_below_the_share(name: str) -> None:
    try:
        components = split(name)
    except StatusError:
        return
    for component in components:
        assert component not in ("", ".", "..")
        assert names.FORBIDDEN.isdisjoint(component)


def test_lengths_count_utf16_units() -> None:
    assert split("\U0001f600" * 127) == ("\U0001f600" * 127,)
    for name in ("\U0001f600" * 128, "\\".join(["a"] * (names.MAX_COMPONENTS + 1))):
        with pytest.raises(StatusError) as caught:
            split(name)
        assert caught.value.status == status.OBJECT_NAME_INVALID
    assert len(split("\\".join(["a"] * names.MAX_COMPONENTS))) == names.MAX_COMPONENTS


@settings(deadline=None)
@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=20))
def test_folding_ascii_ignores_case(name: str) -> None:
    assert fold(name) == fold(name.lower()) == fold(name.upper()) == fold(name.swapcase())


def test_folding_keeps_lone_surrogates() -> None:
    assert fold("\ud800a") == "\ud800A"


@pytest.mark.parametrize(
    ("name", "resolved"),
    [
        ("a\\b\\..", "a"),
        ("a\\..", ""),
        ("a\\..\\b", "b"),
        ("a\\b\\..\\..\\c", "c"),
        ("a..\\b", "a..\\b"),
        ("a\\b", "a\\b"),
    ],
)
def test_parents_are_resolved_as_text(name: str, resolved: str) -> None:
    assert names.resolve_parents(name) == resolved


@pytest.mark.parametrize(
    "name", ["..", "..\\a", "a\\..\\..", "a\\..\\..\\b", "\\..", "\\..\\a", "a\\\\..", "a\\.\\..\\..\\.."]
)
def test_nothing_leads_above_the_root(name: str) -> None:
    with pytest.raises(StatusError):
        names.split(names.resolve_parents(name))
