"""srvsvc.py: what the methods answer, and to whom."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from smbserver.rpc.ndr import BYTES, DWORD, STRING, NdrReader, Row
from smbserver.rpc.server_view import SHARE_IPC, Caller, ServerClock, ShareView
from smbserver.rpc.srvsvc import NAME_RULES, SRVSVC

from .captured_stubs import STUBS as CAPTURED
from .client import ALICE, ANONYMOUS, GUEST, Server, call, code, enum_stub, info_stub, opened, server_name, text

DISK_1 = ("data", 0, "some data")
DISK_2 = (*DISK_1, 0, 10, 2, "C:\\data", "")
LAYOUTS = {
    0: (STRING,),
    1: (STRING, DWORD, STRING),
    2: (STRING, DWORD, STRING, DWORD, DWORD, DWORD, STRING, STRING),
    501: (STRING, DWORD, STRING, DWORD),
    502: (STRING, DWORD, STRING, DWORD, DWORD, DWORD, STRING, STRING, DWORD, BYTES),
    503: (STRING, DWORD, STRING, DWORD, DWORD, DWORD, STRING, STRING, STRING, DWORD, BYTES),
    1005: (DWORD,),
}
DISK = {
    0: ("data",),
    1: DISK_1,
    2: DISK_2,
    501: (*DISK_1, 0),
    502: (*DISK_2, 0, None),
    503: (*DISK_2, "*", 0, None),
    1005: (0,),
}


def server() -> Server:
    return Server(
        [
            ShareView("data", comment="some data", max_users=10, current_users=2),
            ShareView("secret", hidden=True),
            ShareView("IPC$", SHARE_IPC),
        ]
    )


def shares(level: int, opnum: int = 15, caller: Caller = ALICE) -> list[Row]:
    reader = NdrReader(call(opened(server=server(), caller=caller), opnum, enum_stub(level)))
    assert (reader.u32(), reader.u32(), reader.pointer()) == (level, level, True)
    count = reader.u32()
    assert reader.pointer()
    rows = reader.rows(LAYOUTS[level], count)
    assert (reader.u32(), reader.optional_u32(), reader.u32(), reader.remaining) == (count, 0, 0, 0)
    return rows


def get_info(name: str, level: int, caller: Caller = ALICE) -> bytes:
    stub = server_name() + text(name) + pack("<I", level)
    return call(opened(server=server(), caller=caller), 16, stub)


@pytest.mark.parametrize("level", [0, 1, 2, 501, 502, 503])
def test_enumeration(level: int) -> None:
    rows = shares(level)
    assert [row[0] for row in rows] == ["data", "IPC$"]  # the hidden one is not shown
    assert rows[0] == DISK[level]


def test_ipc_is_special_and_has_no_path() -> None:
    assert shares(2)[1] == ("IPC$", 0x80000003, "", 0, 0xFFFFFFFF, 0, "", "")


@pytest.mark.parametrize("level", [0, 1, 2, 502, 503])
def test_sticky_enumeration(level: int) -> None:
    assert shares(level, 36) == shares(level)


@pytest.mark.parametrize(("opnum", "level", "arm"), [(15, 3, b""), (15, 1005, b""), (36, 501, bytes(4))])
def test_levels_that_are_not_enumerated(opnum: int, level: int, arm: bytes) -> None:
    reply = call(opened(), opnum, enum_stub(level))
    assert reply == pack("<II", level, level) + arm + pack("<III", 0, 0, 124)


@pytest.mark.parametrize("level", DISK)
def test_one_share(level: int) -> None:
    reader = NdrReader(get_info("DATA", level))
    assert (reader.u32(), reader.pointer()) == (level, True)
    kinds = LAYOUTS[level]
    words = [reader.u32() for _ in kinds]
    row = tuple(
        word if kind == DWORD else reader.string() if word else None for kind, word in zip(kinds, words, strict=True)
    )
    assert row == DISK[level]
    assert (reader.u32(), reader.remaining) == (0, 0)


def test_a_hidden_share_is_found_by_name() -> None:
    assert code(get_info("secret", 1)) == 0


@pytest.mark.parametrize(
    ("name", "level", "arm", "expected"),
    [
        ("nothing", 1, bytes(4), 2310),
        ("", 1, bytes(4), 87),
        ("data", 1004, bytes(4), 124),  # an arm for NetrShareSetInfo
        ("data", 3, b"", 124),  # no arm
        ("\ud800", 1, bytes(4), 2310),
    ],
)
def test_share_that_is_not_told(name: str, level: int, arm: bytes, expected: int) -> None:
    assert get_info(name, level) == pack("<I", level) + arm + pack("<I", expected)


def test_no_path_of_ours_is_ever_sent() -> None:
    assert "path" not in ShareView._fields


def test_server_info() -> None:
    reader = NdrReader(call(opened(), 21, info_stub(102)))
    assert (reader.u32(), reader.pointer()) == (102, True)
    words = [reader.u32() for _ in range(13)]
    assert (words[0], words[2], words[3], words[4]) == (500, 6, 1, 0x9003)
    assert words[6:12] == [0xFFFFFFFF, 0xFFFFFFFF, 0, 240, 3000, 0]
    assert [reader.string() for _ in range(3)] == ["GOLDEN", "golden comment", "c:\\"]
    assert reader.u32() == 0


@pytest.mark.parametrize(("level", "arm"), [(103, bytes(4)), (502, bytes(4)), (1017, bytes(4)), (7, b""), (1551, b"")])
def test_server_levels_that_are_not_told(level: int, arm: bytes) -> None:
    assert call(opened(), 21, info_stub(level)) == pack("<I", level) + arm + pack("<I", 124)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        # 2026-11-21 21:33:34.56, a Saturday, one hour east of Greenwich
        (ServerClock(1_795_296_814.56, 60), (21, 33, 34, 56, -60, 100, 21, 11, 2026, 6)),
        # a Sunday, in the west
        (ServerClock(1_795_305_600.0, -300), (0, 0, 0, 0, 300, 100, 22, 11, 2026, 0)),
    ],
)
def test_time_of_day(clock: ServerClock, expected: tuple[int, ...]) -> None:
    given = server()
    given.clock = clock
    reply = call(opened(server=given), 28, server_name(None))
    assert reply[:8] == pack("<II", 0x20000, int(clock.unix_seconds))
    assert reply[12:] == pack("<IIIIiIIIIII", *expected, 0)


@pytest.mark.parametrize(
    ("name", "name_type", "flags", "expected"),
    [
        ("data", 9, 0, 0),
        ("a" * 80, 9, 0, 0),
        ("a" * 81, 9, 0, 123),
        ("", 9, 0, 123),
        ("da/ta", 9, 0, 123),
        ("da\x01ta", 9, 0, 123),
        ("data", 9, 1, 87),
        ("data", 0, 0, 87),
        ("data", 14, 0, 87),
        ("", 2, 0, 0),
        ("a b", 4, 0, 0),
        (" ab", 4, 0, 123),
        ("a*", 4, 0, 123),
        ("a b", 6, 0, 123),
        ("ab*", 11, 0, 0),
        ("a*b", 11, 0, 123),
        ("a" * 260, 11, 0, 123),
        ("a" * 259 + "*", 11, 0, 0),
        ("a:b", 12, 0, 0),
    ],
)
def test_name_validation(name: str, name_type: int, flags: int, expected: int) -> None:
    stub = server_name() + text(name) + pack("<II", name_type, flags)
    assert call(opened(), 33, stub) == pack("<I", expected)


def test_every_name_type_has_a_rule() -> None:
    assert set(NAME_RULES) == set(range(1, 14))


STUBS = {
    15: enum_stub(1),
    16: server_name() + text("data") + pack("<I", 1),
    21: info_stub(101),
    28: server_name(),
    33: server_name() + text("data") + pack("<II", 9, 0),
    36: enum_stub(1),
    20: server_name() + text("C:\\data"),
    23: bytes.fromhex(CAPTURED["srvsvc", 23]),
    30: server_name() + text("a") + pack("<I", 0),
    31: server_name() + text("a") + pack("<I", 99) + text("") + pack("<II", 0, 0),
    32: server_name() + text("a") + text("a") + pack("<II", 0, 0),
}
PEOPLE = {
    8: bytes.fromhex(CAPTURED["srvsvc", 8]),
    9: bytes.fromhex(CAPTURED["srvsvc", 9]),
    10: server_name() + pack("<II", 7, 3),
    12: bytes.fromhex(CAPTURED["srvsvc", 12]),
}
"""What tells of sessions: not for guests."""
CHANGES = dict.fromkeys((11, 13, 14, 17, 18, 19, 22), b"")
"""What would change something: for nobody."""


def test_a_share_that_is_only_served_encrypted_says_so() -> None:
    given = Server([ShareView("data", encrypt=True)])
    stub = call(opened(server=given), 16, server_name() + text("data") + pack("<I", 1005))
    assert unpack_from("<I4xII", stub) == (1005, 0x8000, 0)


def test_what_anonymous_callers_may_ask() -> None:
    # Read this aloud: name and version, the time, and whether a name or path could be one. Nothing else.
    harmless = {21, 28, 30, 31, 32, 33}
    stubs = STUBS | PEOPLE | CHANGES
    assert set(stubs) == set(SRVSVC.methods)
    answered = {opnum for opnum, stub in stubs.items() if code(call(opened(caller=ANONYMOUS), opnum, stub)) == 0}
    assert answered == harmless
    refused = {opnum for opnum, stub in stubs.items() if code(call(opened(caller=ANONYMOUS), opnum, stub)) == 5}
    assert refused == set(stubs) - harmless
    assert code(call(opened(caller=ANONYMOUS), 21, info_stub(102))) == 5


def test_who_is_known_may_ask_everything_and_change_nothing() -> None:
    for opnum, stub in (STUBS | PEOPLE | CHANGES).items():
        assert code(call(opened(), opnum, stub)) == (5 if opnum in CHANGES else 0)


def test_guests_hear_of_shares_and_not_of_people() -> None:
    for opnum, stub in (STUBS | PEOPLE).items():
        assert code(call(opened(caller=GUEST), opnum, stub)) == (5 if opnum in {*PEOPLE, 23} else 0)


def test_the_administrator_may_let_anonymous_callers_list() -> None:
    given = server()
    given.anonymous_may_list = True
    assert code(call(opened(server=given, caller=ANONYMOUS), 15, enum_stub(1))) == 0


def test_refusal_comes_before_the_level_and_the_name_are_judged() -> None:
    assert get_info("nothing", 1, ANONYMOUS) == get_info("data", 1, ANONYMOUS)
    assert code(get_info("data", 3, ANONYMOUS)) == 5
    assert code(call(opened(caller=ANONYMOUS), 15, enum_stub(3))) == 5
