"""Names with colons, as [MS-FSCC] 2.1.5 and [MS-FSA] 2.1.5.1 have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.stream_names import StreamKind, StreamName, full_name, parse_suffix, split_stream, stream_path

ANY, DATA, INDEX = StreamKind.ANY, StreamKind.DATA, StreamKind.INDEX


@pytest.mark.parametrize(
    ("name", "file", "stream"),
    [
        ("", "", StreamName("", ANY)),
        ("a\\b", "a\\b", StreamName("", ANY)),
        ("a\\b:s", "a\\b", StreamName("s", DATA)),
        ("a\\b:s:$data", "a\\b", StreamName("s", DATA)),
        ("b::$DATA", "b", StreamName("", DATA)),
        (":s", "", StreamName("s", DATA)),  # of the share's root
        ("b::$Index_Allocation", "b", StreamName("", INDEX)),
        ("b:$i30:$INDEX_ALLOCATION\\", "b", StreamName("", INDEX)),
        ("a:$I30:$INDEX_ALLOCATION\\b:s", "a\\b", StreamName("s", DATA)),
        ("a::$INDEX_ALLOCATION\\b\\", "a\\b\\", StreamName("", ANY)),
        ('b:\x05?Stream*\n "<>|', "b", StreamName('\x05?Stream*\n "<>|', DATA)),
        ("b:" + "x" * 255, "b", StreamName("x" * 255, DATA)),
    ],
)
def test_what_is_meant(name: str, file: str, stream: StreamName) -> None:
    assert split_stream(name) == (file, stream)


@pytest.mark.parametrize(
    "name",
    [
        "b:",
        "b:s:",
        "b::",
        "b:s:$FOO",
        "b:s:?D*a",
        "b:s:$DATA:",
        "b:s:$DATA:x",
        "b:a/b",
        "b:s\0",
        "b:s\\",
        "b::$DATA\\",
        "a:s\\b",
        "a::$DATA\\b",
        "b:" + "x" * 256,
        "b:" + "\U0001f600" * 128,
        "b:s:$EA",
    ],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(StatusError) as refused:
        split_stream(name)
    assert refused.value.status == status.OBJECT_NAME_INVALID


def test_an_index_that_no_directory_has() -> None:
    with pytest.raises(StatusError) as refused:
        split_stream("b:s:$INDEX_ALLOCATION")
    assert refused.value.status == status.INVALID_PARAMETER


@given(st.text(max_size=300))
def test_nothing_else_is_raised(name: str) -> None:
    try:
        file, stream = split_stream(name)
    except StatusError:
        return
    assert stream.kind is ANY or ":" in name
    assert stream.name in name
    if stream.kind is DATA and stream.name:
        assert split_stream(full_name(file, stream.name) + ":$DATA") == (file, stream)
        assert parse_suffix(stream.name) == stream


def test_names_for_watchers() -> None:
    assert stream_path(("a", "b"), "s") == ("a", "b:s")
    assert stream_path((), "s") == (":s",)
    assert full_name("a\\b", "") == "a\\b"
