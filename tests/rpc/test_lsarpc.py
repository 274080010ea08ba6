"""lsarpc: handles, what the server is, who the caller is, names and SIDs in both directions."""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

import pytest

from smbserver.nt import status
from smbserver.nt.sid import sid
from smbserver.rpc import pdu
from smbserver.rpc.handles import FAULT_CONTEXT_MISMATCH, MAX_HANDLES
from smbserver.rpc.host_names import HostAnswer
from smbserver.rpc.pipe import RpcPipe
from smbserver.rpc.translate import account_sid, text
from smbserver.rpc.well_known import WELL_KNOWN
from smbserver.waiter import Waiter

from .captured_stubs import STUBS
from .client import (
    ALICE,
    ANONYMOUS,
    GUEST,
    LSARPC,
    NDR,
    Server,
    bind,
    call,
    fault_status,
    joined,
    opened,
    replies,
    request,
    server_name,
)
from .reply_reader import HANDLE, Reply, sid_array, unicode_array

CLOSE, OPEN_POLICY, QUERY, LOOKUP_NAMES, LOOKUP_SIDS = 0, 6, 7, 14, 15
OPEN_POLICY_2, GET_USER_NAME, QUERY_2 = 44, 45, 46
LOOKUP_SIDS_2, LOOKUP_NAMES_2, LOOKUP_NAMES_3, LOOKUP_SIDS_3, LOOKUP_NAMES_4, OPEN_POLICY_3 = 57, 58, 68, 76, 77, 130
ATTRIBUTES = pack("<IIIIII", 24, 0, 0, 0, 0, 0)
MAXIMUM_ALLOWED = 0x02000000
NO_TRANSLATIONS = pack("<II", 0, 0)


def policy(pipe: RpcPipe, desired: int = MAXIMUM_ALLOWED) -> bytes:
    """A handle from OpenPolicy2."""
    reply = Reply(call(pipe, OPEN_POLICY_2, server_name() + ATTRIBUTES + pack("<I", desired)))
    handle = reply.handle()
    assert reply.end() == status.SUCCESS
    return handle


# --- handles ---


@pytest.mark.parametrize("opnum", [OPEN_POLICY, OPEN_POLICY_2])
def test_the_captured_client_opens_and_closes(opnum: int) -> None:
    pipe = opened("lsarpc")
    reply = Reply(call(pipe, opnum, bytes.fromhex(STUBS["lsarpc", opnum])))
    handle = reply.handle()
    assert reply.end() == status.SUCCESS
    assert any(handle)
    assert bytes.fromhex(STUBS["lsarpc", CLOSE]) == handle
    reply = Reply(call(pipe, CLOSE, handle))
    assert reply.handle() == bytes(HANDLE)
    assert reply.end() == status.SUCCESS
    pipe.write(request(CLOSE, handle))
    assert fault_status(replies(pipe)[0]) == FAULT_CONTEXT_MISMATCH


def test_open_policy_3_tells_its_revision() -> None:
    stub = server_name() + ATTRIBUTES + pack("<IIIII", MAXIMUM_ALLOWED, 1, 1, 1, 7)
    reply = Reply(call(opened("lsarpc"), OPEN_POLICY_3, stub))
    assert [reply.u32() for _ in range(4)] == [1, 1, 1, 0]
    assert any(reply.handle())
    assert reply.end() == status.SUCCESS
    other = call(opened("lsarpc"), OPEN_POLICY_3, server_name() + ATTRIBUTES + pack("<II", MAXIMUM_ALLOWED, 2))
    assert other[-4:] == pack("<I", status.NOT_SUPPORTED)


@pytest.mark.parametrize("desired", [0x2, 0x10, 0x20, 0x400, 0x000F0FFF, 0x10000000, 0x40000000])
def test_rights_that_change_something_are_refused(desired: int) -> None:
    reply = Reply(call(opened("lsarpc"), OPEN_POLICY_2, server_name() + ATTRIBUTES + pack("<I", desired)))
    assert reply.handle() == bytes(HANDLE)
    assert reply.end() == status.ACCESS_DENIED


def test_anonymous_callers_get_no_policy() -> None:
    for caller, expected in ((ANONYMOUS, status.ACCESS_DENIED), (GUEST, status.SUCCESS)):
        reply = Reply(call(opened("lsarpc", caller=caller), OPEN_POLICY_2, STUB_OPEN))
        reply.handle()
        assert reply.end() == expected


STUB_OPEN = server_name() + ATTRIBUTES + pack("<I", MAXIMUM_ALLOWED)


def test_handles_are_limited_and_belong_to_their_pipe() -> None:
    pipe, other = opened("lsarpc"), opened("lsarpc")
    handles = [policy(pipe) for _ in range(MAX_HANDLES)]
    assert len(set(handles)) == MAX_HANDLES
    reply = Reply(call(pipe, OPEN_POLICY_2, STUB_OPEN))
    assert reply.handle() == bytes(HANDLE)
    assert reply.end() == status.INSUFFICIENT_RESOURCES
    other.write(request(QUERY, handles[0] + pack("<H", 5)))
    assert fault_status(replies(other)[0]) == FAULT_CONTEXT_MISMATCH
    call(pipe, CLOSE, handles[0])
    assert policy(pipe) not in handles


def test_a_handle_of_a_big_endian_client() -> None:
    pipe = opened("lsarpc", bind_with=bind((0, LSARPC, [NDR]), order=">"))
    attributes = pack(">IIIIII", 24, 0, 0, 0, 0, 0)
    pipe.write(request(OPEN_POLICY_2, server_name(order=">") + attributes + pack(">I", MAXIMUM_ALLOWED), order=">"))
    handle = Reply(joined(replies(pipe))).handle()
    low, middle, high = (int.from_bytes(handle[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    pipe.write(request(CLOSE, bytes(4) + pack(">IHH", low, middle, high) + handle[12:], order=">"))
    assert joined(replies(pipe))[-4:] == pack("<I", status.SUCCESS)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_attributes_with_something_in_them_are_not_believed(at: int) -> None:
    fields = [24, 0, 0, 0, 0, 0]
    fields[at] = 1
    pipe = opened("lsarpc")
    pipe.write(request(OPEN_POLICY_2, server_name() + pack("<IIIIII", *fields) + bytes(64)))
    assert fault_status(replies(pipe)[0]) == 0x6F7


# --- what the server is, who the caller is ---


def test_domains() -> None:
    server = Server()
    pipe = opened("lsarpc", server)
    handle = policy(pipe)
    for opnum in (QUERY, QUERY_2):
        for level, name, domain in (
            (3, "TESTGRP", None),
            (5, "GOLDEN", server.accounts.domain),
            (14, "GOLDEN", server.accounts.domain),
        ):
            reply = Reply(call(pipe, opnum, handle + pack("<H", level)))
            assert reply.u32()
            assert reply.u16() == level
            head, has_sid = reply.head(), bool(reply.u32())
            assert reply.units(head) == name
            assert (reply.sid() if has_sid else None) == domain
            assert reply.end() == status.SUCCESS


def test_role_and_dns() -> None:
    pipe = opened("lsarpc")
    handle = policy(pipe)
    reply = Reply(call(pipe, QUERY, handle + pack("<H", 6)))
    assert (reply.u32() != 0, reply.u16(), reply.u16()) == (True, 6, 3)
    assert reply.end() == status.SUCCESS
    reply = Reply(call(pipe, QUERY_2, bytes.fromhex(STUBS["lsarpc", QUERY_2])))
    assert (reply.u32() != 0, reply.u16()) == (True, 12)
    heads = [reply.head() for _ in range(3)]
    assert reply.raw(16) == bytes(16)
    assert reply.u32() == 0
    assert [reply.units(head) for head in heads] == ["TESTGRP", None, None]
    assert reply.end() == status.SUCCESS


@pytest.mark.parametrize("level", [0, 1, 2, 4, 7, 13, 15, 0xFFFF])
def test_other_levels(level: int) -> None:
    pipe = opened("lsarpc")
    reply = Reply(call(pipe, QUERY, policy(pipe) + pack("<H", level)))
    assert reply.u32() == 0
    assert reply.end() == status.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("caller", "name", "domain"),
    [(ALICE, "alice", "GOLDEN"), (GUEST, "nobody", "GOLDEN"), (ANONYMOUS, "ANONYMOUS LOGON", "NT AUTHORITY")],
)
def test_get_user_name(caller: object, name: str, domain: str) -> None:
    pipe = opened("lsarpc", caller=caller)  # type: ignore[arg-type]  # three Callers
    reply = Reply(call(pipe, GET_USER_NAME, bytes.fromhex(STUBS["lsarpc", GET_USER_NAME])))
    assert reply.u32()
    assert reply.text() == name
    assert reply.u32()
    assert reply.u32()
    assert reply.text() == domain
    assert reply.end() == status.SUCCESS
    reply = Reply(call(pipe, GET_USER_NAME, server_name() + pack("<II", 0, 0)))
    assert reply.u32()
    assert reply.text() == name
    assert reply.u32() == 0
    assert reply.end() == status.SUCCESS


# --- SIDs to names ---


class Name(NamedTuple):
    use: int
    domain: str | None
    name: str | None


def read_domains(reply: Reply) -> list[tuple[str | None, bytes]]:
    assert reply.u32()
    count, has_array, _maximum = reply.u32(), reply.u32(), reply.u32()
    if not has_array:
        assert count == 0
        return []
    assert reply.u32() == count
    heads = [(reply.head(), reply.u32()) for _ in range(count)]
    return [(reply.units(head), reply.sid()) for head, _pointer in heads]


def read_names(stub: bytes, *, extended: bool) -> tuple[list[Name], int, int]:
    reply = Reply(stub)
    domains = read_domains(reply)
    rows = []
    for _ in range(reply.array()):
        use, head, index = reply.u16(), reply.head(), reply.u32()
        assert not extended or reply.u32() == 0
        rows.append((use, head, index))
    names = [
        Name(use, None if index == 0xFFFFFFFF else domains[index][0], reply.units(head)) for use, head, index in rows
    ]
    return names, reply.u32(), reply.end()


def lookup_sids(server: Server, sids: list[bytes], opnum: int = LOOKUP_SIDS_2) -> tuple[list[Name], int, int]:
    pipe = opened("lsarpc", server)
    stub = policy(pipe) + sid_array(sids) + NO_TRANSLATIONS + pack("<HxxI", 1, 0)
    extended = opnum == LOOKUP_SIDS_2
    return read_names(call(pipe, opnum, stub + (bytes(8) if extended else b"")), extended=extended)


@pytest.mark.parametrize(("entries", "length", "is_right"), [(0, 0, True), (0, 1, False), (1, 0, False)])
def test_an_array_of_no_translations_is_none(entries: int, length: int, is_right: bool) -> None:
    """So asks libsmb2."""
    pipe = opened("lsarpc", Server())
    stub = policy(pipe) + sid_array([sid(5, 18)]) + pack("<III", entries, 0x20000, length)
    pipe.write(request(LOOKUP_SIDS_2, stub + pack("<HxxI", 1, 0) + bytes(8)))
    answer = replies(pipe)
    if is_right:
        assert read_names(joined(answer), extended=True)[0] == [Name(5, "NT AUTHORITY", "SYSTEM")]
    else:
        assert fault_status(answer[0]) == 0x6F7


@pytest.mark.parametrize("opnum", [LOOKUP_SIDS, LOOKUP_SIDS_2])
def test_names_of_sids(opnum: int) -> None:
    server = Server()
    domain = server.accounts.domain
    alice = server.accounts.sid_of("alice")
    assert alice is not None
    expected = {
        sid(1, 0): Name(5, "", "Everyone"),
        sid(5, 18): Name(5, "NT AUTHORITY", "SYSTEM"),
        sid(5, 32, 544): Name(4, "BUILTIN", "Administrators"),
        sid(5, 32): Name(3, "BUILTIN", "BUILTIN"),
        sid(22, 1, 1000): Name(1, "Unix User", "ann"),
        sid(22, 1, 77): Name(1, "Unix User", "77"),
        sid(22, 2, 100): Name(2, "Unix Group", "staff"),
        sid(22, 2, 0xFFFFFFFF): Name(2, "Unix Group", "4294967295"),
        alice: Name(1, "GOLDEN", "alice"),
        domain: Name(3, "GOLDEN", "GOLDEN"),
        server.accounts.guest: Name(1, "GOLDEN", "Guest"),
        account_sid(domain, 513): Name(2, "GOLDEN", "None"),
        account_sid(domain, 0xABCDE): Name(8, "GOLDEN", "000ABCDE"),
        sid(5, 21, 1, 2, 3, 500): Name(8, None, "S-1-5-21-1-2-3-500"),
    }
    names, mapped, code = lookup_sids(server, list(expected), opnum)
    assert dict(zip(expected, names, strict=True)) == expected
    assert (mapped, code) == (len(expected) - 2, status.SOME_NOT_MAPPED)


def test_every_well_known_sid_comes_back_from_its_name() -> None:
    sids = [each.sid for each in WELL_KNOWN]
    assert len(set(sids)) == len(sids)
    names, mapped, code = lookup_sids(Server(), sids)
    assert (mapped, code) == (len(sids), status.SUCCESS)
    texts = [f"{each.domain}\\{each.name}" if each.domain else str(each.name) for each in names]
    texts = ["BUILTIN" if each == "BUILTIN\\BUILTIN" else each for each in texts]
    found = [each for at in range(0, len(texts), 10) for each in lookup_names(Server(), texts[at : at + 10])[0]]
    assert found == [(each.use, each.sid) for each in WELL_KNOWN]


def test_no_sid_at_all_and_none_that_is_known() -> None:
    assert lookup_sids(Server(), [])[1:] == (0, status.SUCCESS)
    assert lookup_sids(Server(), [sid(9, 9)])[1:] == (0, status.NONE_MAPPED)


def test_the_captured_lookups() -> None:
    pipe = opened("lsarpc")
    policy(pipe)
    names, mapped, code = read_names(call(pipe, LOOKUP_SIDS, captured(LOOKUP_SIDS)), extended=False)
    assert (names, mapped, code) == ([Name(5, "", "Everyone"), Name(1, "Unix User", "ann")], 2, status.SUCCESS)
    assert call(pipe, LOOKUP_NAMES, captured(LOOKUP_NAMES))[-4:] == pack("<I", status.SOME_NOT_MAPPED)


def captured(opnum: int) -> bytes:
    return bytes.fromhex(STUBS["lsarpc", opnum])


@pytest.mark.parametrize("opnum", [LOOKUP_SIDS_3, LOOKUP_NAMES_4])
def test_what_is_for_domain_controllers(opnum: int) -> None:
    stub = call(opened("lsarpc"), opnum, b"")
    assert stub == bytes(16) + pack("<I", status.INVALID_SERVER_STATE)


@pytest.mark.parametrize("level", [0, 2, 3, 7, 0xFFFF])
def test_lookup_levels_of_domain_controllers(level: int) -> None:
    pipe = opened("lsarpc")
    stub = policy(pipe) + sid_array([sid(1, 0)]) + NO_TRANSLATIONS + pack("<HxxI", level, 0)
    assert call(pipe, LOOKUP_SIDS, stub)[-4:] == pack("<I", status.INVALID_PARAMETER)


def test_a_host_that_takes_its_time() -> None:
    server = Server()
    server.host_waiter = Waiter()
    told = []
    pipe = opened("lsarpc", server)
    pipe.on_output = lambda: told.append(pipe.pending)
    handle = policy(pipe)
    pipe.write(request(LOOKUP_SIDS, handle + sid_array([sid(22, 1, 5)]) + NO_TRANSLATIONS + pack("<HxxI", 1, 0)))
    pipe.write(request(CLOSE, handle))
    assert not pipe.pending
    server.host_waiter.resolve(HostAnswer({5: "games"}))
    first, second = replies(pipe)
    assert told == [len(first.body) + len(second.body) + 32]
    assert read_names(first.body[8:], extended=False)[0] == [Name(1, "Unix User", "games")]
    assert second.body[8:] == bytes(HANDLE) + pack("<I", status.SUCCESS)


def test_a_pipe_that_is_closed_meanwhile() -> None:
    server = Server()
    server.host_waiter = Waiter()
    pipe = opened("lsarpc", server)
    pipe.write(request(LOOKUP_SIDS, policy(pipe) + sid_array([sid(22, 1, 5)]) + NO_TRANSLATIONS + pack("<HxxI", 1, 0)))
    pipe.close()
    server.host_waiter.resolve(HostAnswer())
    assert not pipe.pending


def test_what_is_cancelled_and_what_fails_is_a_fault() -> None:
    stub = sid_array([sid(22, 1, 5)]) + NO_TRANSLATIONS + pack("<HxxI", 1, 0)
    for failing in (False, True):
        server = Server()
        waiter: Waiter[HostAnswer] = Waiter()
        server.host_waiter = waiter
        pipe = opened("lsarpc", server)
        pipe.write(request(LOOKUP_SIDS, policy(pipe) + stub))
        if failing:
            with pytest.raises(OSError, match="a bug"):
                waiter.fail(OSError("a bug"))
        else:
            waiter.cancel()
        assert fault_status(replies(pipe)[0]) == (pdu.FAULT_UNSPEC if failing else pdu.FAULT_CANCEL)
        assert any(policy(pipe))


# --- names to SIDs ---


def lookup_names(
    server: Server, names: list[str], opnum: int = LOOKUP_NAMES_3
) -> tuple[list[tuple[int, bytes | None]], int, int]:
    """Use and SID of each name."""
    pipe = opened("lsarpc", server)
    stub = policy(pipe) + pack("<II", len(names), len(names)) + unicode_array(names)
    stub += NO_TRANSLATIONS + pack("<HxxI", 1, 0)
    reply = Reply(call(pipe, opnum, stub + (b"" if opnum == LOOKUP_NAMES else bytes(8))))
    domains = read_domains(reply)
    rows = []
    for _ in range(reply.array()):
        rows.append((reply.u16(), reply.u32(), reply.u32()))
        assert opnum == LOOKUP_NAMES or reply.u32() == 0
    found: list[tuple[int, bytes | None]] = []
    for use, value, index in rows:
        if opnum == LOOKUP_NAMES_3:
            found.append((use, reply.sid() if value else None))
        elif index == 0xFFFFFFFF:
            found.append((use, None))
        else:
            domain = domains[index][1]
            found.append((use, domain if use == 3 else account_sid(domain, value)))
    return found, reply.u32(), reply.end()


@pytest.mark.parametrize("opnum", [LOOKUP_NAMES, LOOKUP_NAMES_2, LOOKUP_NAMES_3])
def test_sids_of_names(opnum: int) -> None:
    server = Server()
    alice = server.accounts.sid_of("alice")
    expected = {
        "everyone": (5, sid(1, 0)),
        "SYSTEM": (5, sid(5, 18)),
        "nt authority\\system": (5, sid(5, 18)),
        "Administrators": (4, sid(5, 32, 544)),
        "BUILTIN\\users": (4, sid(5, 32, 545)),
        "BUILTIN": (3, sid(5, 32)),
        "Alice": (1, alice),
        "golden\\ALICE": (1, alice),
        "alice@golden": (1, alice),
        "GOLDEN": (3, server.accounts.domain),
        "GOLDEN\\None": (2, account_sid(server.accounts.domain, 513)),
        "Unix User\\ann": (1, sid(22, 1, 1000)),
        "unix group\\staff": (2, sid(22, 2, 100)),
        "ann": (8, None),
        "Unix User\\zed": (8, None),
        "ELSEWHERE\\alice": (8, None),
        "GOLDEN\\Administrators": (8, None),
        "": (8, None),
        "\\": (8, None),
        "@": (8, None),
        "a\ud800": (8, None),
    }
    found, mapped, code = lookup_names(server, list(expected), opnum)
    assert dict(zip(expected, found, strict=True)) == expected
    assert (mapped, code) == (sum(each[1] is not None for each in expected.values()), status.SOME_NOT_MAPPED)


# --- lies ---


@pytest.mark.parametrize("count", [2, 1001, 0x10000000, 0xFFFFFFFF])
def test_counts_that_lie(count: int) -> None:
    pipe = opened("lsarpc")
    handle = policy(pipe)
    for opnum, body in (
        (LOOKUP_SIDS, pack("<III", count, 1, count) + pack("<I", 1) + bytes(40)),
        (LOOKUP_NAMES, pack("<II", count, count) + bytes(12)),
        (LOOKUP_SIDS, pack("<III", 1, 1, count) + bytes(40)),
        (LOOKUP_NAMES, pack("<II", 1, count) + bytes(40)),
    ):
        pipe.write(request(opnum, handle + body))
        assert fault_status(replies(pipe)[0]) == 0x6F7


def test_a_sid_whose_two_counts_differ() -> None:
    pipe = opened("lsarpc")
    handle = policy(pipe)
    for lie in (
        pack("<I", 2) + sid(1, 0),
        pack("<I", 16) + b"\1\x10" + bytes(70),
        pack("<I", 1) + b"\2" + sid(1, 0)[1:],
    ):
        pipe.write(request(LOOKUP_SIDS, handle + pack("<IIII", 1, 1, 1, 1) + lie + bytes(80)))
        assert fault_status(replies(pipe)[0]) == 0x6F7


def test_texts_of_sids() -> None:
    assert text(sid(5, 32, 544)) == "S-1-5-32-544"
    assert text(sid(1, 0)) == "S-1-1-0"
    assert text(sid(5)) == "S-1-5"
