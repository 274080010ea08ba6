"""ndr.py: hand-made bytes, round trips, every truncation, random stubs."""

from __future__ import annotations

from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.rpc.ndr import (
    BYTE,
    BYTES,
    DWORD,
    GUID,
    HANDLE,
    HOURS,
    HYPER,
    LONGS,
    MAX_STRING_UNITS,
    SID,
    STRING,
    UNICODE,
    UNICODE_LARGE,
    WORD,
    NdrReader,
    NdrWriter,
    Row,
    wire_size,
)

from .client import text

LAYOUT = (STRING, DWORD, STRING, BYTES)
# two structures: the fixed parts of both, then the referents of both in order; a null and an empty string differ
TWO_ROWS = (
    pack("<I", 2)
    + pack("<IIII", 0x20000, 7, 0x20004, 0)
    + pack("<IIII", 0x20008, 8, 0, 0x2000C)
    + text("ab")
    + text("")
    + text("c")
    + pack("<I3s", 3, b"xyz")
)
ROWS: list[Row] = [("ab", 7, "", None), ("c", 8, None, b"xyz")]

names = st.text(st.characters(exclude_characters="\0"), max_size=30)
rows = st.lists(
    st.tuples(st.none() | names, st.integers(0, 0xFFFFFFFF), st.none() | names, st.none() | st.binary(max_size=9)),
    max_size=5,
)


def test_rows_written() -> None:
    writer = NdrWriter()
    writer.rows(LAYOUT, ROWS)
    assert writer.stub() == TWO_ROWS
    assert len(writer) == len(TWO_ROWS)


def test_rows_read() -> None:
    assert NdrReader(TWO_ROWS).rows(LAYOUT, 2) == ROWS


@pytest.mark.parametrize("length", range(len(TWO_ROWS)))
def test_rows_truncated(length: int) -> None:
    with pytest.raises(WireError):
        NdrReader(TWO_ROWS[:length]).rows(LAYOUT, 2)


@given(rows)
def test_rows_round_trip(given_rows: list[Row]) -> None:
    writer = NdrWriter()
    writer.rows(LAYOUT, given_rows)
    reader = NdrReader(writer.stub())
    assert reader.rows(LAYOUT, len(given_rows)) == given_rows
    assert reader.remaining == 0
    padding = -len(writer) % 4
    assert 4 + sum(wire_size(LAYOUT, row) for row in given_rows) == len(writer) + padding


def test_alignment_counts_from_the_stub() -> None:
    reader = NdrReader(b"\x01\xff\x02\x03\x04\x00\x00\x00")
    assert reader.raw(1) == b"\x01"
    assert reader.u16() == 0x0302
    assert reader.u32() == 4
    with pytest.raises(WireError):
        reader.u16()


def test_big_endian() -> None:
    stub = pack(">IHH", 0x20000, 0, 0) + text("é", ">") + pack(">H", 5)
    reader = NdrReader(stub, big_endian=True)
    assert reader.pointer()
    assert reader.raw(4) == bytes(4)
    assert reader.string() == "é"
    assert reader.u16() == 5


@pytest.mark.parametrize(
    ("maximum", "offset", "actual"),
    [(3, 1, 2), (1, 0, 3), (3, 0, 0), (0xFFFFFFFF, 0, 0xFFFFFFFF), (MAX_STRING_UNITS + 1, 0, MAX_STRING_UNITS + 1)],
)
def test_strings_that_lie(maximum: int, offset: int, actual: int) -> None:
    with pytest.raises(WireError):
        NdrReader(pack("<III", maximum, offset, actual) + bytes(0x4000)).string()


def test_string_needs_its_terminator() -> None:
    with pytest.raises(WireError):
        NdrReader(pack("<III", 2, 0, 2) + "ab".encode("utf-16-le")).string()


def test_text_ends_at_the_first_nul() -> None:
    assert NdrReader(pack("<III", 4, 0, 4) + "a\0b\0".encode("utf-16-le")).string() == "a"


@pytest.mark.parametrize("value", ["\ud800", "a\udfff", "\U0001f600"])
def test_surrogates_come_back_as_they_came(value: str) -> None:
    writer = NdrWriter()
    writer.string(value)
    assert NdrReader(writer.stub()).string() == value


def test_written_string_is_cut_to_the_limit() -> None:
    writer = NdrWriter()
    writer.string("x" * (2 * MAX_STRING_UNITS))
    assert NdrReader(writer.stub()).string() == "x" * (MAX_STRING_UNITS - 1)


@pytest.mark.parametrize("count", [3, 4097, 0xFFFFFFFF])
def test_row_counts_that_lie(count: int) -> None:
    with pytest.raises(WireError):
        NdrReader(pack("<I", count) + bytes(16)).rows(LAYOUT, count)


def test_row_count_must_be_the_containers() -> None:
    with pytest.raises(WireError):
        NdrReader(TWO_ROWS).rows(LAYOUT, 1)


@pytest.mark.parametrize("row", [("a", "b", "c", None), (1, 1, "c", None), ("a", 1, "c", 5)])
def test_a_wrong_value_of_ours_is_a_bug(row: Row) -> None:
    with pytest.raises(TypeError):
        NdrWriter().structure(LAYOUT, row)


@pytest.mark.parametrize("method", ["string", "octets", "optional_string", "rows"])
@given(stub=st.binary(max_size=200))
def test_random_stub(method: str, stub: bytes) -> None:
    reader = NdrReader(stub)
    try:
        if method == "rows":
            reader.rows(LAYOUT, reader.u32())
        else:
            getattr(reader, method)()
    except WireError:
        pass
    assert 0 <= reader.remaining <= len(stub)


# --- the kinds of lsarpc and samr ---

KINDS = (BYTE, WORD, UNICODE, LONGS, SID, UNICODE_LARGE, GUID, HANDLE, HOURS)
WHO = b"\1\2\0\0\0\0\0\5\x20\0\0\0\x20\2\0\0"


def test_every_kind_in_its_place() -> None:
    writer = NdrWriter()
    row = (1, 2, "ab", -1, WHO, "c", bytes(range(16)), bytes(range(20)), b"\xff" * 3)
    writer.structure(KINDS, row)
    assert writer.stub() == (
        pack("<BxH", 1, 2)
        + pack("<HHI", 4, 4, 0x20000)
        + pack("<II", 0xFFFFFFFF, 0xFFFFFFFF)
        + pack("<I", 0x20004)
        + pack("<HHI", 2, 4, 0x20008)
        + bytes(range(16))
        + bytes(range(20))
        + pack("<HxxI", 24, 0x2000C)
        + pack("<III4s", 2, 0, 2, "ab".encode("utf-16-le"))
        + pack("<I", 2)
        + WHO
        + pack("<III2s2x", 2, 0, 1, "c".encode("utf-16-le"))
        + pack("<III3s", 1260, 0, 3, b"\xff" * 3)
    )


def test_null_pointers_of_every_kind() -> None:
    writer = NdrWriter()
    writer.structure((UNICODE, UNICODE_LARGE, SID, HOURS), (None, None, None, None))
    assert writer.stub() == bytes(8 + 8 + 4 + 8)


def test_a_hyper_is_aligned_and_so_is_its_structure() -> None:
    writer = NdrWriter()
    writer.u32(7)
    writer.structure((WORD, HYPER), (1, 2))
    assert writer.stub() == pack("<I4xH6xQ", 7, 1, 2)


@pytest.mark.parametrize(("kind", "value"), [(WORD, "a"), (SID, 5), (UNICODE, b"x"), (GUID, None), (HOURS, "x")])
def test_a_wrong_value_for_a_kind_is_a_bug(kind: int, value: int | str | bytes | None) -> None:
    with pytest.raises(TypeError):
        NdrWriter().structure((kind,), (value,))


@pytest.mark.parametrize("order", ["<", ">"])
def test_strings_and_sids_are_read_in_both_orders(order: str) -> None:
    encoding = "utf-16-le" if order == "<" else "utf-16-be"
    stub = (
        pack(order + "HHI", 4, 4, 1)
        + pack(order + "HHI", 0, 0, 0)
        + pack(order + "III4s", 2, 0, 2, "ab".encode(encoding))
        + pack(order + "I", 2)
        + b"\1\2\0\0\0\0\0\5"
        + pack(order + "II", 32, 544)
        + pack(order + "IIHH8s", 0, 1, 2, 3, b"12345678")
    )
    reader = NdrReader(stub, big_endian=order == ">")
    assert reader.unicode_array(2, 2) == ["ab", None]
    assert reader.sid() == WHO
    assert reader.handle() == pack("<IIHH8s", 0, 1, 2, 3, b"12345678")
    assert reader.remaining == 0


@pytest.mark.parametrize(
    "stub",
    [
        pack("<HHI", 3, 4, 1) + pack("<III", 2, 0, 2) + bytes(4),
        pack("<HHI", 6, 4, 1) + pack("<III", 3, 0, 3) + bytes(6),
        pack("<HHI", 4, 4, 1) + pack("<III", 2, 1, 2) + bytes(8),
        pack("<HHI", 4, 4, 1) + pack("<III", 2, 0, 1) + bytes(8),
        pack("<HHI", 4, 4, 1) + pack("<III", 1, 0, 2) + bytes(8),
        pack("<HHI", 4, 4, 0),
        pack("<HHI", 4, 4, 1) + pack("<III", 2, 0, 2) + bytes(3),
    ],
)
def test_counted_strings_that_lie(stub: bytes) -> None:
    with pytest.raises(WireError):
        NdrReader(stub).unicode()


@pytest.mark.parametrize("method", ["unicode", "optional_unicode", "sid", "handle"])
@given(stub=st.binary(max_size=100), big_endian=st.booleans())
def test_random_stubs_of_kinds(method: str, stub: bytes, big_endian: bool) -> None:
    with suppress(WireError):
        getattr(NdrReader(stub, big_endian=big_endian), method)()


@given(st.binary(max_size=100), st.integers(0, 0xFFFFFFFF), st.integers(0, 5))
def test_random_arrays(stub: bytes, count: int, limit: int) -> None:
    with suppress(WireError):
        assert len(NdrReader(stub).unicode_array(count, limit)) <= limit
    with suppress(WireError):
        assert len(NdrReader(stub).sid_array(limit)) <= limit
    with suppress(WireError):
        assert len(NdrReader(stub).u32_array(count, limit)) <= limit
