"""Bytes that are not ours: requests that smbclient and rpcclient 4.17 sent to smbd 4.17, and what smbd answered."""

from __future__ import annotations

import re
from struct import pack, unpack_from

import pytest

from smbserver.rpc.pipes import open_pipe

from .client import ALICE, ANONYMOUS, BIND_SRVSVC, BIND_WKSSVC, Server, drain

BIND_ACK = bytes.fromhex(
    "05000c03100000004400000001000000b810b8104b8500000d005c706970655c73727673766300000100000000000000045d888aeb1cc911"
    "9fe808002b10486002000000"
)
# the two ServerNames, from the upper half of their referent id
HOST = "02000a000000000000000a0000003100320037002e0030002e0030002e0031000000"  # "127.0.0.1"
UNC = "02000c000000000000000c0000005c005c003100320037002e0030002e0030002e0031000000"  # "\\127.0.0.1"

# opnum 15, level 1, by smbclient -L
SHARE_ENUM = bytes.fromhex(
    "05000003100000005c000000020000004400000000000f000000" + HOST + "01000000010000000400020000000000"
    "00000000ffffffff0800020000000000"
)
SHARE_ENUM_REPLY = bytes.fromhex(
    "05000203100000002801000002000000100100000000000001000000010000000c0002000300000010000200030000001400020000000000"
    "180002001c00020000000000200002002400020003000080280002000500000000000000050000006400610074006100000000000a000000"
    "000000000a00000073006f006d006500200064006100740061000000080000000000000008000000680069006400640065006e0024000000"
    "010000000000000001000000000000000500000000000000050000004900500043002400000000001d000000000000001d00000049005000"
    "43002000530065007200760069006300650020002800"
    "67006f006c00640065006e00200063006f006d006d0065006e007400290000000000030000002c0002000000000000000000"
)
# opnum 21, level 101, by rpcclient srvinfo
SERVER_GET_INFO = bytes.fromhex("050000031000000044000000020000002c000000000015000000" + UNC + "65000000")
SERVER_GET_INFO_REPLY = bytes.fromhex(
    "050002031000000084000000020000006c000000000000006500000004000200f4010000080002000600000001000000039a80000c000200"
    "07000000000000000700000047004f004c00440045004e00000000000f000000000000000f00000067006f006c00640065006e0020006300"
    "6f006d006d0065006e0074000000000000000000"
)
# opnum 36, level 501, by rpcclient netshareenum 501
STICKY_501 = bytes.fromhex(
    "050000031000000058000000020000004000000000002400" + "0000" + HOST + "f5010000f5010000040002000000000000000000"
    "ffffffff00000000"
)
# opnum 16, level 1, by rpcclient netsharegetinfo data 1
SHARE_GET_INFO = bytes.fromhex(
    "0500000310000000580000000200000040000000000010000000" + HOST + "05000000000000000500000064006100740061000000"
    "000001000000"
)
SHARE_GET_INFO_REPLY = bytes.fromhex(
    "050002031000000068000000020000005000000000000000010000000400020008000200000000000c000200050000000000000005000000"
    "6400610074006100000000000a000000000000000a00000073006f006d00650020006400610074006100000000000000"
)
# opnum 28, by rpcclient netremotetod
REMOTE_TOD = bytes.fromhex("050000031000000040000000020000002800000000001c000000" + UNC)
REMOTE_TOD_REPLY = bytes.fromhex(
    "05000203100000005000000002000000380000000000000004000200"
    "2e0e026b00000000150000002100000022000000000000000000000010270000150000000b000000ea0700000600000000000000"
)
# opnum 33, share name, by rpcclient netnamevalidate data
NAME_VALIDATE = bytes.fromhex(
    "05000003100000005c0000000200000044000000000021000000" + HOST + "050000000000000005000000"
    "640061007400610000000000" + "0900000000000000"
)
NAME_VALIDATE_REPLY = bytes.fromhex("05000203100000001c00000002000000040000000000000000000000")
# wkssvc opnum 0, level 100, by rpcclient wkssvc_wkstagetinfo
WKSTA_GET_INFO = bytes.fromhex("050000031000000040000000020000002800000000000000" + "0000" + HOST + "64000000")
WKSTA_GET_INFO_REPLY = bytes.fromhex(
    "0500020310000000700000000200000058000000000000006400000004000200f4010000080002000c000200060000000100000007000000"
    "000000000700000047004f004c00440045004e000000000008000000000000000800000054004500530054004700520050000000"
    "00000000"
)
# wkssvc opnum 2, level 0, anonymous, by rpcclient wkssvc_enumerateusers
USER_ENUM = bytes.fromhex(
    "050000031000000054000000020000003c00000000000200" + "0000" + HOST + "0000000000000000"
    "0000000" + "0e8030000040002004f560000"
)
USER_ENUM_REPLY = bytes.fromhex(
    "050002031000000034000000020000001c0000000000000000000000000000000000000000000000080002004f56000005000000"
)


def alike(message: bytes) -> bytes:
    """Referent ids numbered in order: their values are the writer's own choice, their order is not."""
    words = list(unpack_from(f"<{(len(message) - 16) // 4}I", message, 16))
    seen = 0
    for i, word in enumerate(words):
        if 0x20000 <= word < 0x20100:
            words[i] = 0x20000 + 4 * seen
            seen += 1
    return message[:16] + pack(f"<{len(words)}I", *words)


def answer(message: bytes, pipe_name: str = "srvsvc", *, anonymous: bool = False) -> bytes:
    pipe = open_pipe(pipe_name, Server(), ANONYMOUS if anonymous else ALICE)
    assert pipe is not None
    pipe.write(BIND_SRVSVC if pipe_name == "srvsvc" else BIND_WKSSVC)
    pipe.write(message)
    _ack, reply = drain(pipe)
    return alike(reply)


def patched(message: bytes, changes: dict[int, bytes]) -> bytes:
    """smbd's reply with what our server means to say differently; offsets are the message's."""
    for offset, new in changes.items():
        message = message[:offset] + new + message[offset + len(new) :]
    return alike(message)


def test_our_bind_is_the_captured_one() -> None:
    captured = bytes.fromhex(
        "05000b03100000004800000001000000b810b810000000000100000000000100c84f324b7016d30112785a47bf6ee18803000000"
        "045d888aeb1cc9119fe808002b10486002000000"
    )
    assert captured == BIND_SRVSVC


def test_bind_ack() -> None:
    pipe = open_pipe("srvsvc", Server(), ALICE)
    assert pipe is not None
    pipe.write(BIND_SRVSVC)
    ours = drain(pipe)[0]
    # the association group is each server's own, and Windows writes \PIPE\ in capitals
    assert ours[:20] + BIND_ACK[20:24] + ours[24:] == BIND_ACK.replace(rb"\pipe", rb"\PIPE")


def test_share_enum() -> None:
    assert answer(SHARE_ENUM) == patched(SHARE_ENUM_REPLY, {})


def test_server_get_info() -> None:
    # the last: our server type, without print queue, Xenix and time source
    assert answer(SERVER_GET_INFO) == patched(SERVER_GET_INFO_REPLY, {48: pack("<I", 0x9003)})


def test_share_get_info() -> None:
    assert answer(SHARE_GET_INFO) == patched(SHARE_GET_INFO_REPLY, {})


def test_remote_tod() -> None:
    # tod_msecs counts from anywhere, tod_tinterval is ours
    changes = {32: pack("<I", 1_795_296_814_000 & 0xFFFFFFFF), 56: pack("<I", 100)}
    assert answer(REMOTE_TOD) == patched(REMOTE_TOD_REPLY, changes)


def test_name_validate() -> None:
    assert answer(NAME_VALIDATE) == NAME_VALIDATE_REPLY


def test_wksta_get_info() -> None:
    assert answer(WKSTA_GET_INFO, "wkssvc") == alike(WKSTA_GET_INFO_REPLY)


def test_refused_user_enum() -> None:
    assert answer(USER_ENUM, "wkssvc", anonymous=True) == alike(USER_ENUM_REPLY)


def test_sticky_enum_knows_no_level_501() -> None:
    # smbd answers it all the same; [MS-SRVS] 3.1.4.9 says it must not
    assert answer(STICKY_501)[-4:] == pack("<I", 124)


@pytest.mark.parametrize("message", [SHARE_ENUM, SERVER_GET_INFO, SHARE_GET_INFO, REMOTE_TOD, WKSTA_GET_INFO])
def test_captures_are_whole(message: bytes) -> None:
    assert unpack_from("<H", message, 8)[0] == len(message)
    assert re.search(rb"1\0002\0007\000", message)
