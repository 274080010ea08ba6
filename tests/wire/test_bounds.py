"""Fields, text and linked lists: taken whole or refused."""

from __future__ import annotations

from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import bounds
from tests.wire.checks import linked, message, quick


@pytest.mark.parametrize(
    ("offset", "length"), [(63, 1), (0, 1), (64, 11), (74, 1), (2**32 - 1, 1), (64, 2**32 - 1), (2**32 - 1, 2**32 - 1)]
)
def test_a_field_outside_is_refused(offset: int, length: int) -> None:
    with pytest.raises(WireError):
        bounds.field(message(bytes(10)), offset, length, 64)


def test_a_field_at_either_edge_is_taken() -> None:
    whole = message(b"0123456789")
    assert bytes(bounds.field(whole, 64, 10, 64)) == b"0123456789"
    assert bytes(bounds.field(whole, 73, 1, 64)) == b"9"


@pytest.mark.parametrize("offset", [0, 63, 64, 2**32 - 1])
def test_an_empty_field_may_be_anywhere(offset: int) -> None:
    assert len(bounds.field(message(b""), offset, 0, 64)) == 0


@quick
@given(
    st.binary(max_size=30),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 30),
    st.binary(max_size=9),
    st.binary(max_size=9),
)
def test_a_part_is_what_a_field_would_be(
    data: bytes, offset: int, length: int, fixed: int, before: bytes, behind: bytes
) -> None:
    whole, start, end = before + data + behind, len(before), len(before) + len(data)
    try:
        expected = bytes(bounds.field(memoryview(data), offset, length, fixed))
    except WireError:
        with pytest.raises(WireError):
            bounds.part(whole, start, end, offset, length, fixed)
    else:
        assert bounds.part(whole, start, end, offset, length, fixed) == expected


def test_text_keeps_lone_surrogates() -> None:
    assert bounds.text(memoryview(b"\x00\xd8a\x00")) == "\ud800a"


@quick
@given(st.binary(max_size=40).map(lambda raw: raw[: len(raw) & ~1]))
def test_text_is_what_the_codec_of_that_name_makes_of_it(raw: bytes) -> None:
    text = bounds.text(memoryview(raw))
    assert text == raw.decode("utf-16-le", "surrogatepass")
    assert bounds.raw_text(text) == text.encode("utf-16-le", "surrogatepass") == raw


def test_a_byte_order_mark_is_a_character() -> None:
    assert bounds.text(memoryview(b"\xff\xfea\0")) == "\ufeffa"
    assert bounds.raw_text("\ufeffa") == b"\xff\xfea\0"


def test_text_of_odd_length_is_refused() -> None:
    with pytest.raises(WireError):
        bounds.text(memoryview(b"a\0b"))


@pytest.mark.parametrize(("offset", "length"), [(0, 6), (4, 2), (3, 2), (0, 2**32 - 2)])
def test_counted_text_is_never_shortened(offset: int, length: int) -> None:
    with pytest.raises(WireError):
        bounds.counted_text(memoryview(b"a\0b\0"), offset, length)


def test_check_body_wants_all_of_it_and_the_right_size() -> None:
    layout = Struct("<HHI")
    bounds.check_body(message(b"\x09\0" + bytes(6)), layout, 9)
    for body in (b"", b"\x09", b"\x09\0" + bytes(5), b"\x08\0" + bytes(6), b"\0\x09" + bytes(6)):
        with pytest.raises(WireError):
            bounds.check_body(message(body), layout, 9)


def test_a_list_is_cut_at_its_links() -> None:
    data = linked((8, b"one!"), (16, b"two!" + bytes(8)), (0, b"end"))
    assert [bytes(entry[4:]) for entry in bounds.chained(data, 4, 8)] == [b"one!", b"two!" + bytes(8), b"end"]
    assert list(bounds.chained(memoryview(b""), 4, 8)) == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(linked((7, bytes(12))), id="unaligned"),
        pytest.param(linked((4, bytes(12))), id="into its own entry"),
        pytest.param(linked((16, bytes(12))), id="exactly at the end"),
        pytest.param(linked((2**32 - 8, bytes(12))), id="backwards, read as signed"),
        pytest.param(linked((8, bytes(4)), (0, b"")), id="second entry cut short"),
        pytest.param(memoryview(b"\0\0\0"), id="shorter than a link"),
    ],
)
def test_a_list_that_lies_is_refused(data: memoryview) -> None:
    with pytest.raises(WireError):
        list(bounds.chained(data, 8, 4))


@quick
@given(st.binary(max_size=100), st.sampled_from([4, 8]))
def test_a_list_always_ends_and_never_overlaps(data: bytes, alignment: int) -> None:
    taken: list[memoryview] = []
    try:
        taken += bounds.chained(memoryview(data), 8, alignment)
    except WireError:
        return
    assert b"".join(taken) == data
