"""wkssvc.py: what the methods answer, and to whom."""

from __future__ import annotations

from struct import pack

import pytest

from smbserver.rpc.ndr import STRING, NdrReader, Row
from smbserver.rpc.server_view import Caller
from smbserver.rpc.wkssvc import WKSSVC

from .client import ALICE, ANONYMOUS, GUEST, call, code, enum_stub, info_stub, opened


@pytest.mark.parametrize(("level", "rest"), [(100, []), (101, [0]), (102, [0, 2])])
def test_workstation_info(level: int, rest: list[int]) -> None:
    reader = NdrReader(call(opened("wkssvc"), 0, info_stub(level)))
    assert (reader.u32(), reader.pointer()) == (level, True)
    words = [reader.u32() for _ in range(5 + len(rest))]
    assert (words[0], words[3:]) == (500, [6, 1, *rest])
    assert [reader.string(), reader.string()] == ["GOLDEN", "TESTGRP"]
    assert (reader.u32(), reader.remaining) == (0, 0)


@pytest.mark.parametrize(("level", "arm"), [(502, bytes(4)), (1018, bytes(4)), (0, b""), (503, b"")])
def test_levels_that_are_not_told(level: int, arm: bytes) -> None:
    assert call(opened("wkssvc"), 0, info_stub(level)) == pack("<I", level) + arm + pack("<I", 124)


USERS: dict[int, list[Row]] = {
    0: [("alice",), ("bob",)],
    1: [("alice", "GOLDEN", "", "GOLDEN"), ("bob", "GOLDEN", "", "GOLDEN")],
}


@pytest.mark.parametrize("level", [0, 1])
def test_users(level: int) -> None:
    reader = NdrReader(call(opened("wkssvc"), 2, enum_stub(level)))
    assert (reader.u32(), reader.u32(), reader.pointer(), reader.u32(), reader.pointer()) == (
        level,
        level,
        True,
        2,
        True,
    )
    assert reader.rows((STRING,) * (1 if level == 0 else 4), 2) == USERS[level]
    assert (reader.u32(), reader.optional_u32(), reader.u32(), reader.remaining) == (2, 0, 0, 0)


def test_unknown_user_level() -> None:
    assert call(opened("wkssvc"), 2, enum_stub(2)) == pack("<IIIII", 2, 2, 0, 0, 124)


@pytest.mark.parametrize(
    ("caller", "expected"), [(ALICE, (0, 0, 0, 0)), (GUEST, (0, 0, 5, 5)), (ANONYMOUS, (0, 0, 5, 5))]
)
def test_who_may_ask(caller: Caller, expected: tuple[int, ...]) -> None:
    # the machine's name is for everybody, people are not
    assert set(WKSSVC.methods) == {0, 2, 5}
    asked = [(0, info_stub(100)), (0, info_stub(101)), (0, info_stub(102)), (2, enum_stub(0))]
    assert tuple(code(call(opened("wkssvc", caller=caller), *each)) for each in asked) == expected


def test_transports_of_a_redirector_there_are_none() -> None:
    stub = call(opened("wkssvc"), 5, enum_stub(0))
    assert stub == pack("<IIIIIIII", 0, 0, 0x20000, 0, 0, 0, 0x20004, 0) + pack("<I", 0)
    for caller in (GUEST, ANONYMOUS):
        assert code(call(opened("wkssvc", caller=caller), 5, enum_stub(0))) == 5
