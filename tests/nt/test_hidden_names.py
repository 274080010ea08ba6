"""Names hidden by pattern."""

import pytest

from smbserver.nt.hidden_names import HiddenNames


@pytest.mark.parametrize(
    ("patterns", "name", "hidden"),
    [
        ((".*",), ".profile", True),
        ((".*",), "a.b", False),
        ((), ".profile", False),
        (("Thumbs.db",), "THUMBS.DB", True),
        (("Thumbs.db",), "Thumbs.dbx", False),
        (("~$*",), "~$letter.docx", True),
        (("~$*",), ".profile", False),
        ((".*", "?.tmp"), "a.tmp", True),
        ((".*", "?.tmp"), "ab.tmp", False),
    ],
)
def test_hides(patterns: tuple[str, ...], name: str, hidden: bool) -> None:
    assert HiddenNames(patterns).hides(name) is hidden


def test_dot_files_by_default() -> None:
    assert HiddenNames().hides(".a")
    assert not HiddenNames().hides("a")
