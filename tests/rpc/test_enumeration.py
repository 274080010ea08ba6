"""enumeration.py and levels.py: paging, resume handles, refusals, containers that a client filled."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.rpc.enumeration import (
    MAX_ENUMERATION_BYTES,
    Enumeration,
    answer_enumeration,
    read_enumeration,
    refuse_enumeration,
)
from smbserver.rpc.levels import Level, LevelTable
from smbserver.rpc.ndr import DWORD, STRING, NdrReader, NdrWriter

from .client import enum_stub, server_name, text

LAYOUT = (STRING, DWORD)
ROW_BYTES = 8 + 12 + 4  # two fields, a string of one character
TABLE: LevelTable[str] = LevelTable({7: Level(LAYOUT, lambda item: (item, 1))}, frozenset({7, 8}))
ITEMS = list("abcde")


def answer(preferred: int, resume: int | None, level: int = 7, items: list[str] | None = None) -> NdrReader:
    reply = NdrWriter()
    answer_enumeration(reply, Enumeration(level, preferred, resume), TABLE, ITEMS if items is None else items)
    return NdrReader(reply.stub())


def page(reader: NdrReader) -> tuple[list[str], int, int | None, int]:
    """(names, TotalEntries, ResumeHandle, code) of a reply at level 7."""
    assert (reader.u32(), reader.u32(), reader.pointer()) == (7, 7, True)
    count = reader.u32()
    rows = reader.rows(LAYOUT, count) if reader.pointer() else []
    assert len(rows) == count
    answered = [str(row[0]) for row in rows], reader.u32(), reader.optional_u32(), reader.u32()
    assert reader.remaining == 0
    return answered


@pytest.mark.parametrize(
    ("preferred", "resume", "names", "total", "handle", "code"),
    [
        (0xFFFFFFFF, 0, "abcde", 5, 0, 0),
        (0xFFFFFFFF, None, "abcde", 5, None, 0),
        (5 * ROW_BYTES, 0, "abcde", 5, 0, 0),
        (5 * ROW_BYTES - 1, 0, "abcd", 5, 4, 234),
        (2 * ROW_BYTES, 0, "ab", 5, 2, 234),
        (2 * ROW_BYTES, 2, "cd", 3, 4, 234),
        (2 * ROW_BYTES, 4, "e", 1, 0, 0),
        (2 * ROW_BYTES, None, "ab", 5, None, 234),
        (ROW_BYTES - 1, 0, "", 5, 0, 2123),  # not one fits: no endless "more data"
        (0, 3, "", 2, 3, 2123),
        (0xFFFFFFFF, 5, "", 0, 0, 0),  # beyond the end: success and nothing (3.1.4.8)
        (0xFFFFFFFF, 0xFFFFFFFF, "", 0, 0, 0),
    ],
)
def test_pages(preferred: int, resume: int | None, names: str, total: int, handle: int | None, code: int) -> None:
    assert page(answer(preferred, resume)) == (list(names), total, handle, code)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=9), max_size=20), st.integers(0, 400))
def test_resuming_reaches_everything_once(items: list[str], preferred: int) -> None:
    seen: list[str] = []
    handle: int | None = 0
    for _ in range(len(items) + 1):
        names, total, handle, code = page(answer(preferred, handle, items=items))
        assert total == len(items) - len(seen)
        seen += names
        if code != 234:
            break
    assert code in (0, 2123)
    assert seen == items[: len(seen)]
    assert (seen == items) == (code == 0)


def test_one_reply_is_bounded_whatever_the_client_wants() -> None:
    many = ["x" * 1000] * 1000
    names, total, handle, code = page(answer(0xFFFFFFFF, 0, items=many))
    assert 0 < len(names) * 2000 <= MAX_ENUMERATION_BYTES
    assert (total, handle, code) == (1000, len(names), 234)


@pytest.mark.parametrize(("level", "arm"), [(8, bytes(4)), (9, b"")])
def test_refused_levels_differ_by_their_arm(level: int, arm: bytes) -> None:
    reply = NdrWriter()
    answer_enumeration(reply, Enumeration(level, 0, None), TABLE, ITEMS)
    assert reply.stub() == pack("<II", level, level) + arm + pack("<III", 0, 0, 124)


def test_refusal_gives_the_handle_back() -> None:
    reply = NdrWriter()
    refuse_enumeration(reply, Enumeration(7, 0, 99), TABLE, 5)
    assert reply.stub() == pack("<IIIIIII", 7, 7, 0, 0, 0x20000, 99, 5)


def test_parameters() -> None:
    assert read_enumeration(NdrReader(enum_stub(7, 1000, 3)), TABLE) == Enumeration(7, 1000, 3)
    assert read_enumeration(NdrReader(enum_stub(7, 1000, None)), TABLE) == Enumeration(7, 1000, None)


def test_unknown_level_is_not_read_beyond() -> None:
    assert read_enumeration(NdrReader(enum_stub(9)[:-20]), TABLE) == Enumeration(9, 0, None)


def test_tag_must_be_the_level() -> None:
    with pytest.raises(WireError):
        read_enumeration(NdrReader(server_name() + pack("<II", 7, 1) + bytes(32)), TABLE)


def container(count: int, rows: bytes) -> bytes:
    head = server_name(None) + pack("<IIIII", 7, 7, 0x20004, count, 0x20008)
    return head + rows + pack("<III", 500, 0x2000C, 2)


def test_a_filled_container_is_read_and_dropped() -> None:
    rows = pack("<IIIII", 2, 0x20010, 5, 0, 6) + text("odd")
    assert read_enumeration(NdrReader(container(2, rows)), TABLE) == Enumeration(7, 500, 2)


def test_no_container_at_all() -> None:
    stub = server_name(None) + pack("<IIIIII", 7, 7, 0, 500, 0x20000, 1)
    assert read_enumeration(NdrReader(stub), TABLE) == Enumeration(7, 500, 1)


@pytest.mark.parametrize("count", [1, 3, 1000, 0xFFFFFFFF])
def test_containers_that_lie(count: int) -> None:
    with pytest.raises(WireError):
        read_enumeration(NdrReader(container(count, pack("<I", count) + pack("<IIII", 1, 5, 1, 6))), TABLE)
