"""Link targets: what a client may say, what the disk may say, and that none of it climbs higher than it counts."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.link_targets import PARENT, from_host, from_substitute, highest, rise, to_substitute

NAMES = st.text(st.characters(exclude_characters='"*/:<>?\\|', min_codepoint=32), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
TARGETS = st.builds(lambda up, down: (PARENT,) * up + tuple(down), st.integers(0, 5), st.lists(NAMES, max_size=5))
HOST_TEXT = st.lists(st.sampled_from(["..", ".", "", "a", "b", "s"]), min_size=1, max_size=12).map("/".join)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", ("a",)),
        ("a\\b", ("a", "b")),
        ("a\\b\\", ("a", "b")),
        (".", ()),
        (".\\a\\.\\b", ("a", "b")),
        ("..", ("..",)),
        ("..\\..\\a", ("..", "..", "a")),
        (".\\..\\a", ("..", "a")),
        ("...", ("...",)),
        ("a b.txt", ("a b.txt",)),
    ],
)
def test_what_a_client_may_say(name: str, expected: tuple[str, ...]) -> None:
    assert from_substitute(name, True) == expected


@pytest.mark.parametrize(
    "name",
    ["C:\\x", "c:x", "\\x", "\\\\server\\share", "\\??\\C:\\x", "\\??\\UNC\\server\\share", "/etc", "\\"],
)
def test_absolute_ones_are_denied(name: str) -> None:
    for is_relative in (True, False):
        with pytest.raises(StatusError) as caught:
            from_substitute(name, is_relative)
        assert caught.value.status == status.ACCESS_DENIED


def test_a_relative_one_without_the_flag_is_absolute() -> None:
    with pytest.raises(StatusError) as caught:
        from_substitute("a", False)
    assert caught.value.status == status.ACCESS_DENIED


@pytest.mark.parametrize(
    "name",
    ["", "a\\\\b", "a\\..\\b", "a\\..", "..\\a\\..", "a/b", "ab:c", "a\0", "a*", "x" * 256, "a\\" * 300, "a\\\n"],
)
def test_what_is_no_path(name: str) -> None:
    with pytest.raises(StatusError) as caught:
        from_substitute(name, True)
    assert caught.value.status == status.IO_REPARSE_DATA_INVALID


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", ("a", "b")),
        ("./a//b/", ("a", "b")),
        ("../../a", ("..", "..", "a")),
        (".", ()),
        ("/a", None),
        ("", None),
        ("a/..", None),
        ("../s/s/s/../../..", None),
        ("a/../b", None),
    ],
)
def test_what_the_disk_may_say(text: str, expected: tuple[str, ...] | None) -> None:
    assert from_host(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", 0), ("../a", 1), ("a/..", 0), ("a/../..", 1), ("../a/../../..", 3), ("/../..", 0), ("./.././/..", 2)],
)
def test_how_high_a_text_goes(text: str, expected: int) -> None:
    assert highest(text) == expected


@given(TARGETS)
def test_a_client_reads_what_it_wrote(target: tuple[str, ...]) -> None:
    name = to_substitute(target)
    if name.find(":") == 1 or name.endswith("\\"):
        return
    assert from_substitute(name, True) == target
    assert rise(target) == highest("/".join(target))


@given(HOST_TEXT)
def test_plain_text_means_what_it_says(text: str) -> None:
    """What passes goes to the same place as by the rules of paths, and never above what it counts."""
    target = from_host(text)
    if target is None:
        return
    start = "/1/2/3/4/5/6/7/8/9/10/11/12"
    assert posixpath.normpath(f"{start}/{text}") == posixpath.normpath("/".join((start, *target)))
    assert rise(target) == highest(text)


@given(st.text(max_size=40), st.booleans())
def test_anything_a_client_sends(name: str, is_relative: bool) -> None:
    refused = 0
    try:
        target = from_substitute(name, is_relative)
    except StatusError as refusal:
        target, refused = (), refusal.status
    assert refused in (0, status.ACCESS_DENIED, status.IO_REPARSE_DATA_INVALID)
    assert PARENT not in target[rise(target) :]
    assert all("\\" not in each and "/" not in each and each for each in target)
