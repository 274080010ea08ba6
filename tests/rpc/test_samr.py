"""samr: handles, domains, lists, users, groups, aliases, and the password change as far as it is bytes."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

import pytest

from smbserver.nt import status
from smbserver.nt.sid import sid
from smbserver.rpc.handles import FAULT_CONTEXT_MISMATCH
from smbserver.rpc.pipe import RpcPipe
from smbserver.rpc.rights import DOMAIN, SERVER, USER
from smbserver.rpc.sam import GUEST_RID
from smbserver.rpc.server_view import Caller, PasswordChange
from smbserver.rpc.translate import account_sid
from smbserver.rpc.well_known import BUILTIN_SID

from .captured_stubs import STUBS
from .client import ALICE, ANONYMOUS, GUEST, Server, call, fault_status, opened, replies, request, server_name
from .reply_reader import HANDLE, Reply, sid_array, sid_bytes, unicode_array, unicode_string

MAXIMUM_ALLOWED = 0x02000000
CONNECT, CLOSE, QUERY_SECURITY, LOOKUP_DOMAIN, ENUM_DOMAINS, OPEN_DOMAIN, QUERY_DOMAIN = 0, 1, 3, 5, 6, 7, 8
ENUM_GROUPS, ENUM_USERS, ENUM_ALIASES, ALIAS_MEMBERSHIP, LOOKUP_NAMES, LOOKUP_IDS = 11, 13, 15, 16, 17, 18
OPEN_GROUP, QUERY_GROUP, GROUP_MEMBERS, OPEN_ALIAS, QUERY_ALIAS, ALIAS_MEMBERS = 19, 20, 25, 27, 28, 33
OPEN_USER, QUERY_USER, GROUPS_OF_USER, DISPLAY, USER_RULES = 34, 36, 39, 40, 44
CHANGE_PASSWORD, RULES, CONNECT_2, CONNECT_4, CONNECT_5, RID_TO_SID = 55, 56, 57, 62, 64, 65


def handle_of(pipe: RpcPipe, opnum: int, stub: bytes) -> bytes:
    """The handle that a method opens."""
    reply = Reply(call(pipe, opnum, stub))
    handle = reply.handle()
    assert reply.end() == status.SUCCESS
    return handle


class Sam:
    """A pipe with both domains open."""

    def __init__(self, server: Server | None = None) -> None:
        self.server = server or Server()
        self.pipe = opened("samr", self.server)
        self.sam = handle_of(self.pipe, CONNECT_2, server_name() + pack("<I", MAXIMUM_ALLOWED))
        self.domain = self.open_domain(self.server.accounts.domain)
        self.builtin = self.open_domain(BUILTIN_SID)

    def open_domain(self, who: bytes, desired: int = MAXIMUM_ALLOWED) -> bytes:
        return handle_of(self.pipe, OPEN_DOMAIN, self.sam + pack("<I", desired) + sid_bytes(who))

    def open(self, opnum: int, rid: int, domain: bytes | None = None) -> bytes:
        return handle_of(self.pipe, opnum, (domain or self.domain) + pack("<II", MAXIMUM_ALLOWED, rid))

    def rid(self, name: str) -> int:
        account = self.server.accounts.find(name)
        assert account is not None
        return account.rid

    def call(self, opnum: int, stub: bytes) -> Reply:
        return Reply(call(self.pipe, opnum, stub))


def entries(reply: Reply) -> tuple[list[tuple[int, str | None]], int, int]:
    """(RID, name) of an enumeration, where to go on, and its code."""
    resume = reply.u32()
    assert reply.u32()
    heads = [(reply.u32(), reply.head()) for _ in range(reply.array())]
    found = [(rid, reply.units(head)) for rid, head in heads]
    assert reply.u32() == len(found)
    return found, resume, reply.end()


# --- handles ---


def test_every_connect() -> None:
    pipe = opened("samr")
    for opnum, stub in (
        (CONNECT, pack("<IHxxI", 1, 92, SERVER)),
        (CONNECT, pack("<II", 0, SERVER)),
        (CONNECT_2, server_name() + pack("<I", SERVER)),
        (CONNECT_4, server_name() + pack("<II", 2, SERVER)),
    ):
        assert any(handle_of(pipe, opnum, stub))
    reply = Reply(call(pipe, CONNECT_5, bytes.fromhex(STUBS["samr", CONNECT_5])))
    assert [reply.u32() for _ in range(4)] == [1, 1, 3, 0]
    assert any(reply.handle())
    assert reply.end() == status.SUCCESS
    assert call(pipe, CONNECT_5, server_name() + pack("<II", SERVER, 2))[-4:] == pack("<I", status.NOT_SUPPORTED)


@pytest.mark.parametrize("caller", [GUEST, ANONYMOUS])
def test_only_who_is_known_gets_a_handle(caller: Caller) -> None:
    reply = Reply(call(opened("samr", caller=caller), CONNECT_2, server_name() + pack("<I", MAXIMUM_ALLOWED)))
    assert reply.handle() == bytes(HANDLE)
    assert reply.end() == status.ACCESS_DENIED


@pytest.mark.parametrize("desired", [0x2, 0x8, 0x10000000, 0x40000000, 0x000F003F])
def test_rights_that_change_something_are_refused(desired: int) -> None:
    reply = Reply(call(opened("samr"), CONNECT_2, server_name() + pack("<I", desired)))
    assert reply.handle() == bytes(HANDLE)
    assert reply.end() == status.ACCESS_DENIED


def test_a_handle_of_another_kind() -> None:
    sam = Sam()
    for opnum, stub in ((ENUM_USERS, sam.sam + bytes(12)), (ENUM_DOMAINS, sam.domain + bytes(8)), (CLOSE, bytes(20))):
        sam.pipe.write(request(opnum, stub))
        assert fault_status(replies(sam.pipe)[0]) == FAULT_CONTEXT_MISMATCH
    reply = sam.call(CLOSE, sam.domain)
    assert reply.handle() == bytes(HANDLE)
    assert reply.end() == status.SUCCESS


def test_the_captured_client() -> None:
    """In the order in which its handles were opened."""
    server = Server()
    pipe = opened("samr", server)
    for opnum in (CONNECT_5, OPEN_DOMAIN, OPEN_USER):
        stub = bytes.fromhex(STUBS["samr", opnum])
        if opnum == OPEN_DOMAIN:
            stub = stub[:24] + sid_bytes(server.accounts.domain)
        assert call(pipe, opnum, stub)[-4:] == bytes(4)
    calls = (QUERY_USER, GROUPS_OF_USER, USER_RULES, DISPLAY, QUERY_DOMAIN, ENUM_USERS, ENUM_GROUPS, LOOKUP_IDS)
    for opnum in (*calls, ENUM_DOMAINS, QUERY_SECURITY, RULES, CLOSE):
        assert call(pipe, opnum, bytes.fromhex(STUBS["samr", opnum]))[-4:] == bytes(4), opnum


# --- domains ---


def test_domains() -> None:
    sam = Sam()
    found, resume, code = entries(sam.call(ENUM_DOMAINS, sam.sam + pack("<II", 0, 0xFFFF)))
    assert (found, resume, code) == ([(0, "GOLDEN"), (1, "BUILTIN")], 0, status.SUCCESS)
    for name, expected in (("golden", sam.server.accounts.domain), ("Builtin", BUILTIN_SID)):
        reply = sam.call(LOOKUP_DOMAIN, sam.sam + unicode_string(name))
        assert reply.u32()
        assert reply.sid() == expected
        assert reply.end() == status.SUCCESS
    reply = sam.call(LOOKUP_DOMAIN, sam.sam + unicode_string("TESTGRP"))
    assert (reply.u32(), reply.end()) == (0, status.NO_SUCH_DOMAIN)
    reply = sam.call(OPEN_DOMAIN, sam.sam + pack("<I", DOMAIN) + sid_bytes(sid(5, 21, 1, 2, 3)))
    assert (reply.handle(), reply.end()) == (bytes(HANDLE), status.NO_SUCH_DOMAIN)
    reply = sam.call(RID_TO_SID, sam.domain + pack("<I", 77))
    assert reply.u32()
    assert (reply.sid(), reply.end()) == (account_sid(sam.server.accounts.domain, 77), status.SUCCESS)


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13])
def test_every_level_of_a_domain(level: int) -> None:
    sam = Sam()
    for opnum in (QUERY_DOMAIN, 46):
        reply = sam.call(opnum, sam.domain + pack("<H", level))
        assert reply.u32()
        assert reply.u16() == level
        assert reply.stub[-4:] == bytes(4)
    if level == 1:
        reply = sam.call(QUERY_DOMAIN, sam.domain + pack("<H", level))
        reply.u32()
        reply.u16()
        assert (reply.u16(), reply.u16(), reply.u32()) != (0, 0, 0)


def test_counts_of_a_domain() -> None:
    sam = Sam()
    reply = sam.call(QUERY_DOMAIN, sam.domain + pack("<H", 2))
    reply.u32()
    reply.u16()
    assert (reply.u32(), reply.u32()) == (0, 0x80000000)  # never
    heads = [reply.head() for _ in range(3)]
    assert [reply.u32() for _ in range(8)] == [1, 0, 1, 3, 0, 3, 1, 0]
    assert [reply.units(head) for head in heads] == ["", "GOLDEN", ""]
    assert reply.end() == status.SUCCESS


@pytest.mark.parametrize("level", [0, 10, 14, 0xFFFF])
def test_levels_that_do_not_exist(level: int) -> None:
    sam = Sam()
    user = sam.open(OPEN_USER, GUEST_RID)
    for opnum, handle in ((QUERY_DOMAIN, sam.domain), (QUERY_USER, user)):
        if (opnum, level) not in ((QUERY_USER, 10), (QUERY_USER, 14)):
            reply = sam.call(opnum, handle + pack("<H", level))
            assert (reply.u32(), reply.end()) == (0, status.INVALID_INFO_CLASS)


# --- lists ---


def test_enumerations() -> None:
    sam = Sam()
    users = [(each.rid, each.name) for each in sam.server.accounts.accounts]
    assert [name for _rid, name in users[:1]] == ["Guest"]
    assert entries(sam.call(ENUM_USERS, sam.domain + pack("<III", 0, 0, 0xFFFF))) == (users, 0, status.SUCCESS)
    assert entries(sam.call(ENUM_USERS, sam.domain + pack("<III", 0, 0x10, 0xFFFF))) == (users, 0, status.SUCCESS)
    assert entries(sam.call(ENUM_USERS, sam.domain + pack("<III", 0, 0x80, 0xFFFF)))[0] == []  # machines
    assert entries(sam.call(ENUM_GROUPS, sam.domain + pack("<II", 0, 0xFFFF)))[0] == [(513, "None")]
    assert entries(sam.call(ENUM_ALIASES, sam.domain + pack("<II", 0, 0xFFFF)))[0] == []
    assert entries(sam.call(ENUM_USERS, sam.builtin + pack("<III", 0, 0, 0xFFFF)))[0] == []
    aliases = entries(sam.call(ENUM_ALIASES, sam.builtin + pack("<II", 0, 0xFFFF)))[0]
    assert aliases[:3] == [(544, "Administrators"), (545, "Users"), (546, "Guests")]


def test_pages_come_together() -> None:
    sam = Sam()
    whole = entries(sam.call(ENUM_ALIASES, sam.builtin + pack("<II", 0, 0xFFFF)))[0]
    pages: list[tuple[int, str | None]] = []
    resume, code, count = 0, status.MORE_ENTRIES, 0
    while code == status.MORE_ENTRIES:
        page, resume, code = entries(sam.call(ENUM_ALIASES, sam.builtin + pack("<II", resume, 200)))
        pages += page
        count += 1
    assert code == status.SUCCESS
    assert pages == whole
    assert count > 5
    assert entries(sam.call(ENUM_ALIASES, sam.builtin + pack("<II", 0xFFFFFFFF, 0))) == ([], 0, status.SUCCESS)


def ids(reply: Reply) -> list[int]:
    return [reply.u32() for _ in range(reply.array())]


def varying(count: int) -> bytes:
    return pack("<IIII", count, 1000, 0, count)


def test_names_and_rids() -> None:
    sam = Sam()
    names = ["alice", "GUEST", "None", "zed"]
    reply = sam.call(LOOKUP_NAMES, sam.domain + varying(4) + unicode_array(names))
    assert ids(reply) == [sam.rid("alice"), GUEST_RID, 513, 0]
    assert ids(reply) == [1, 1, 2, 8]
    assert reply.end() == status.SOME_NOT_MAPPED
    reply = sam.call(LOOKUP_IDS, sam.domain + varying(3) + pack("<III", GUEST_RID, 513, 7))
    heads = [reply.head() for _ in range(reply.array())]
    assert [reply.units(head) for head in heads] == ["Guest", "None", None]
    assert ids(reply) == [1, 2, 8]
    assert reply.end() == status.SOME_NOT_MAPPED
    reply = sam.call(LOOKUP_IDS, sam.builtin + varying(1) + pack("<I", 77))
    reply.array()
    assert reply.stub[-4:] == pack("<I", status.NONE_MAPPED)


@pytest.mark.parametrize("counts", [(2, 1000, 0, 1), (1, 0, 0, 1), (1, 9, 1, 1), (1001, 2000, 0, 1001), (9, 9, 0, 9)])
def test_counts_that_lie(counts: Sequence[int]) -> None:
    sam = Sam()
    for opnum in (LOOKUP_NAMES, LOOKUP_IDS):
        sam.pipe.write(request(opnum, sam.domain + pack("<IIII", *counts) + bytes(8)))
        assert fault_status(replies(sam.pipe)[0]) == 0x6F7


def test_members_of_aliases() -> None:
    sam = Sam()
    own = sam.server.accounts.domain
    for sids, expected in (
        ([account_sid(own, sam.rid("alice"))], [545]),
        ([account_sid(own, GUEST_RID)], [546]),
        ([account_sid(own, 513), account_sid(own, GUEST_RID)], [545, 546]),
        ([sid(5, 11)], [545]),
        ([sid(5, 18), account_sid(own, 5), sid(5)], []),
        ([], []),
    ):
        reply = sam.call(ALIAS_MEMBERSHIP, sam.builtin + sid_array(sids))
        assert (ids(reply), reply.end()) == (expected, status.SUCCESS)
        reply = sam.call(ALIAS_MEMBERSHIP, sam.domain + sid_array(sids))
        assert (ids(reply), reply.end()) == ([], status.SUCCESS)


def test_display_information() -> None:
    sam = Sam()
    users = sam.server.accounts.accounts
    for opnum in (DISPLAY, 48, 51):
        reply = sam.call(opnum, sam.domain + pack("<HxxIII", 1, 0, 100, 0xFFFF))
        total, returned = reply.u32(), reply.u32()
        assert total == returned > 0
        assert reply.u16() == 1
        rows = [([reply.u32() for _ in range(3)], [reply.head() for _ in range(3)]) for _ in range(reply.array())]
        texts = [[reply.units(head) for head in heads] for _numbers, heads in rows]
        assert [numbers[:2] for numbers, _ in rows] == [[n, each.rid] for n, each in enumerate(users, 1)]
        assert texts == [[each.name, "", ""] for each in users]
        assert reply.end() == status.SUCCESS
    reply = sam.call(DISPLAY, sam.domain + pack("<HxxIII", 1, 1, 1, 0xFFFF))
    assert reply.stub[-4:] == pack("<I", status.MORE_ENTRIES)
    for level in (2, 3, 4, 5):
        assert sam.call(DISPLAY, sam.domain + pack("<HxxIII", level, 0, 9, 0xFFFF)).stub[-4:] == bytes(4)
    sam.pipe.write(request(DISPLAY, sam.domain + pack("<HxxIII", 6, 0, 9, 9)))
    assert fault_status(replies(sam.pipe)[0]) == 0x6F7


def test_short_names_of_users() -> None:
    sam = Sam()
    reply = sam.call(DISPLAY, sam.domain + pack("<HxxIII", 4, 0, 1, 0xFFFF))
    assert reply.u32() > reply.u32()
    assert (reply.u16(), reply.array()) == (4, 1)
    assert (reply.u32(), reply.u16(), reply.u16()) == (1, 5, 6)
    assert reply.u32()
    assert (reply.u32(), reply.u32(), reply.u32(), reply.raw(5)) == (6, 0, 5, b"Guest")
    assert reply.end() == status.MORE_ENTRIES


# --- users, groups, aliases ---


@pytest.mark.parametrize("level", [*range(1, 15), 16, 17, 20, 21])
def test_every_level_of_a_user(level: int) -> None:
    sam = Sam()
    user = sam.open(OPEN_USER, sam.rid("alice"))
    for opnum in (QUERY_USER, 47):
        reply = sam.call(opnum, user + pack("<H", level))
        assert reply.u32()
        assert reply.u16() == level
        assert reply.stub[-4:] == bytes(4)


@pytest.mark.parametrize("level", [18, 23, 24, 25, 26, 31, 32])
def test_passwords_are_not_told(level: int) -> None:
    sam = Sam()
    reply = sam.call(QUERY_USER, sam.open(OPEN_USER, sam.rid("alice")) + pack("<H", level))
    assert (reply.u32(), reply.end()) == (0, status.INVALID_INFO_CLASS)


def test_all_of_a_user() -> None:
    sam = Sam()
    reply = sam.call(QUERY_USER, sam.open(OPEN_USER, sam.rid("alice")) + pack("<H", 21))
    reply.u32()
    reply.u16()
    never = [0xFFFFFFFF, 0x7FFFFFFF]
    assert [reply.u32() for _ in range(12)] == [0] * 6 + never + [0, 0] + never
    heads = [reply.head() for _ in range(13)]
    assert [reply.u32() for _ in range(6)] == [0, 0, sam.rid("alice"), 513, 0x210, 0xFFFFFF]
    assert (reply.u16(), reply.u32() != 0) == (168, True)
    assert [reply.u16() for _ in range(4)] == [0, 0, 0, 0]
    assert reply.raw(4) == bytes(4)
    assert [reply.units(head) for head in heads] == ["alice", *[""] * 8, None, None, None, None]
    assert (reply.u32(), reply.u32(), reply.u32(), reply.raw(21)) == (1260, 0, 21, b"\xff" * 21)
    assert reply.end() == status.SUCCESS


def test_groups_of_a_user_and_members_of_a_group() -> None:
    sam = Sam()
    reply = sam.call(GROUPS_OF_USER, sam.open(OPEN_USER, sam.rid("alice")))
    assert (reply.u32() != 0, reply.array(), reply.u32(), reply.u32(), reply.end()) == (True, 1, 513, 7, 0)
    group = sam.open(OPEN_GROUP, 513)
    reply = sam.call(GROUP_MEMBERS, group)
    assert (reply.u32() != 0, reply.u32(), reply.u32() != 0, reply.u32() != 0) == (True, 2, True, True)
    assert reply.u32() == 2
    assert {reply.u32(), reply.u32()} == {sam.rid("alice"), sam.rid("bob")}
    assert [reply.u32() for _ in range(3)] == [2, 7, 7]
    assert reply.end() == status.SUCCESS
    for level in (1, 2, 3, 4, 5):
        assert sam.call(QUERY_GROUP, group + pack("<H", level)).stub[-4:] == bytes(4)


def test_aliases() -> None:
    sam = Sam()
    for rid, count in ((545, 2), (546, 1), (544, 0)):
        alias = sam.open(OPEN_ALIAS, rid, sam.builtin)
        reply = sam.call(ALIAS_MEMBERS, alias)
        pointers = [reply.u32() for _ in range(reply.array())]
        assert len([reply.sid() for _ in pointers]) == count
        assert reply.end() == status.SUCCESS
        for level in (1, 2, 3):
            assert sam.call(QUERY_ALIAS, alias + pack("<H", level)).stub[-4:] == bytes(4)


@pytest.mark.parametrize(
    ("opnum", "rid", "code"),
    [
        (OPEN_USER, 513, status.NO_SUCH_USER),
        (OPEN_USER, 7, status.NO_SUCH_USER),
        (OPEN_GROUP, GUEST_RID, status.NO_SUCH_GROUP),
        (OPEN_ALIAS, 545, status.NO_SUCH_ALIAS),
    ],
)
def test_what_is_not_there_is_not_opened(opnum: int, rid: int, code: int) -> None:
    sam = Sam()
    reply = sam.call(opnum, sam.domain + pack("<II", USER, rid))
    assert (reply.handle(), reply.end()) == (bytes(HANDLE), code)


@pytest.mark.parametrize("parts", range(16))
def test_the_descriptor_that_everything_has(parts: int) -> None:
    sam = Sam()
    reply = sam.call(QUERY_SECURITY, sam.domain + pack("<I", parts))
    assert reply.u32()
    length, _pointer = reply.u32(), reply.u32()
    assert reply.u32() == length
    descriptor = reply.raw(length)
    offsets = [int.from_bytes(descriptor[at : at + 4], "little") for at in (4, 8, 12, 16)]
    assert [bool(each) for each in offsets] == [bool(parts & bit) for bit in (1, 2)] + [False, bool(parts & 4)]
    assert reply.end() == status.SUCCESS


# --- password ---


def test_the_rules_for_passwords() -> None:
    sam = Sam()
    user = sam.open(OPEN_USER, sam.rid("alice"))
    for opnum, stub in ((USER_RULES, user), (RULES, bytes(4)), (RULES, pack("<I", 1) + unicode_string("x"))):
        reply = sam.call(opnum, stub)
        assert (reply.u16(), reply.u32(), reply.end()) == (1, 0, status.SUCCESS)


CHANGE = pack("<I", 1) + unicode_string("\\\\server") + unicode_string("alice")
SECRETS = pack("<I", 1) + bytes(516) + pack("<I", 2) + bytes(range(16)) + bytes(12)


def test_a_password_change_waits_for_the_disk() -> None:
    server = Server()
    pipe = opened("samr", server)
    pipe.write(request(CHANGE_PASSWORD, CHANGE + SECRETS))
    assert server.password_changes == [PasswordChange("alice", bytes(516), bytes(range(16)))]
    assert not pipe.pending
    server.password_answer.resolve(status.WRONG_PASSWORD)
    assert replies(pipe)[0].body[8:] == pack("<I", status.WRONG_PASSWORD)


def test_a_password_change_that_is_refused_at_once() -> None:
    assert call(opened("samr"), CHANGE_PASSWORD, CHANGE + bytes(20)) == pack("<I", status.INVALID_PARAMETER)
    for caller in (GUEST, ANONYMOUS):
        assert call(opened("samr", caller=caller), CHANGE_PASSWORD, CHANGE + SECRETS) == pack(
            "<I", status.ACCESS_DENIED
        )
    assert ALICE.is_known
