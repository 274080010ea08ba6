"""Names: splitting, refusing, folding, wildcards."""

import pytest

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.names import Pattern, fold, split


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
