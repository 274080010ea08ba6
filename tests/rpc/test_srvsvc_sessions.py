"""srvsvc's sessions, files and connections: levels, filters, who may, and what is refused whatever it says."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from smbserver.rpc.server_view import Caller, ConnectionView, FileView, SessionView
from smbserver.rpc.win32 import (
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_LEVEL,
    ERROR_INVALID_PARAMETER,
    NERR_CLIENT_NAME_NOT_FOUND,
    NERR_DEVICE_NOT_SHARED,
    NERR_FILE_ID_NOT_FOUND,
    NERR_NET_NAME_NOT_FOUND,
    NERR_USER_NOT_FOUND,
)

from .captured_stubs import STUBS
from .client import ANONYMOUS, GUEST, Server, call, code, opened, server_name, text

CONNECTIONS, FILES, FILE_INFO, FILE_CLOSE, SESSIONS, SESSION_DEL = 8, 9, 10, 11, 12, 13
SHARE_CHECK, DISKS = 20, 23


def optional(value: str | None) -> bytes:
    return pack("<I", 0) if value is None else pack("<I", 0x20010) + text(value)


def enum(level: int, *filters: str | None) -> bytes:
    head = server_name() + b"".join(map(optional, filters))
    return head + pack("<IIIII", level, level, 0x20004, 0, 0) + pack("<III", 0xFFFFFFFF, 0x20008, 0)


def count(stub: bytes) -> int:
    """Entries of a reply that has some container."""
    return int(unpack_from("<I", stub, 12)[0])


def crowd() -> Server:
    server = Server()
    server.session_list = [SessionView("10.0.0.1", "alice", 2, 60), SessionView("10.0.0.2", "alice", 0, 5)]
    server.file_list = [
        FileView(number, 3, 0, path, "alice") for number, path in enumerate(["C:\\data\\a", "C:\\data\\b", "\\PIPE\\x"])
    ]
    server.connection_list = [
        ConnectionView(1, 0, 1, 60, "alice", "data", "10.0.0.1"),
        ConnectionView(2, 3, 0, 5, "alice", "IPC$", "10.0.0.2"),
    ]
    return server


@pytest.mark.parametrize("level", [0, 1, 2, 10, 502])
def test_sessions(level: int) -> None:
    stub = call(opened(server=crowd()), SESSIONS, enum(level, None, None))
    assert (count(stub), code(stub)) == (2, 0)
    assert "10.0.0.2\0".encode("utf-16-le") in stub


@pytest.mark.parametrize(
    ("client", "user", "expected"),
    [
        ("\\\\10.0.0.2", None, 1),
        ("10.0.0.2", "ALICE", 1),
        ("", "", 2),
        (None, "alice", 2),
        ("\\\\10.0.0.9", None, NERR_CLIENT_NAME_NOT_FOUND),
        (None, "bob", NERR_USER_NOT_FOUND),
    ],
)
def test_sessions_by_client_and_user(client: str | None, user: str | None, expected: int) -> None:
    stub = call(opened(server=crowd()), SESSIONS, enum(10, client, user))
    assert (code(stub) or count(stub)) == expected


def test_what_a_session_row_says() -> None:
    stub = call(opened(), SESSIONS, enum(1, None, None))
    assert unpack_from("<IIII", stub, 32) == (2, 60, 0, 0)  # opens, seconds, idle, flags


@pytest.mark.parametrize(
    ("path", "user", "expected"),
    [(None, None, 3), ("c:\\DATA", None, 2), ("C:\\data\\b", "Alice", 1), (None, "bob", 0), ("D:", None, 0)],
)
@pytest.mark.parametrize("level", [2, 3])
def test_files(level: int, path: str | None, user: str | None, expected: int) -> None:
    stub = call(opened(server=crowd()), FILES, enum(level, path, user))
    assert (count(stub), code(stub)) == (expected, 0)


def test_one_file() -> None:
    stub = call(opened(), FILE_INFO, server_name() + pack("<II", 7, 3))
    assert unpack_from("<I4xIII", stub) == (3, 7, 3, 1)
    assert code(stub) == 0
    assert code(call(opened(), FILE_INFO, server_name() + pack("<II", 8, 3))) == NERR_FILE_ID_NOT_FOUND
    assert code(call(opened(), FILE_INFO, server_name() + pack("<II", 7, 4))) == ERROR_INVALID_LEVEL
    assert code(call(opened(caller=GUEST), FILE_INFO, server_name() + pack("<II", 7, 3))) == ERROR_ACCESS_DENIED


@pytest.mark.parametrize(
    ("qualifier", "expected"),
    [
        ("data", 1),
        ("ipc$", 1),
        ("\\\\10.0.0.1", 1),
        ("\\\\10.0.0.9", 0),
        ("nothing", NERR_NET_NAME_NOT_FOUND),
        ("", ERROR_INVALID_PARAMETER),
        (None, ERROR_INVALID_PARAMETER),
    ],
)
@pytest.mark.parametrize("level", [0, 1])
def test_connections(level: int, qualifier: str | None, expected: int) -> None:
    stub = call(opened(server=crowd()), CONNECTIONS, enum(level, qualifier))
    assert (code(stub) or count(stub)) == expected


@pytest.mark.parametrize(("opnum", "filters"), [(SESSIONS, 2), (FILES, 2), (CONNECTIONS, 1)])
def test_levels_and_callers_that_are_refused(opnum: int, filters: int) -> None:
    asked = [None] * filters
    unknown = server_name() + b"".join(map(optional, asked)) + pack("<II", 77, 77)
    assert call(opened(), opnum, unknown) == pack("<IIIII", 77, 77, 0, 0, ERROR_INVALID_LEVEL)
    level = {SESSIONS: 1, FILES: 3, CONNECTIONS: 1}[opnum]
    for caller in (GUEST, ANONYMOUS):
        assert code(call(opened(caller=caller), opnum, enum(level, *asked))) == ERROR_ACCESS_DENIED


@pytest.mark.parametrize("opnum", [CONNECTIONS, FILES, SESSIONS, DISKS])
def test_the_captured_client(opnum: int) -> None:
    assert code(call(opened(), opnum, bytes.fromhex(STUBS["srvsvc", opnum]))) == 0


@pytest.mark.parametrize(("opnum", "with_parameter"), [(11, 0), (13, 0), (14, 1), (17, 1), (18, 0), (19, 0), (22, 1)])
@pytest.mark.parametrize("stub", [b"", b"\xff" * 50])
def test_what_would_change_something_is_refused(opnum: int, with_parameter: int, stub: bytes) -> None:
    assert call(opened(), opnum, stub) == bytes(4 * with_parameter) + pack("<I", ERROR_ACCESS_DENIED)


def test_disks() -> None:
    stub = call(opened(), DISKS, bytes.fromhex(STUBS["srvsvc", DISKS]))
    assert unpack_from("<I4x3I2I", stub) == (1, 1, 0, 1, 0, 3)
    assert stub[28:34].decode("utf-16-le") == "C:\0"
    again = server_name() + pack("<IIIIII", 0, 0, 0, 99, 1, 1)
    assert unpack_from("<II", call(opened(), DISKS, again)) == (0, 0)
    other = server_name() + pack("<IIIII", 1, 0, 0, 99, 0)
    assert code(call(opened(), DISKS, other)) == ERROR_INVALID_LEVEL
    for caller in (GUEST, ANONYMOUS):
        assert code(call(opened(caller=caller), DISKS, bytes.fromhex(STUBS["srvsvc", DISKS]))) == ERROR_ACCESS_DENIED


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\data", (0, 0)),
        ("c:\\DATA\\", (0, 0)),
        ("", (0x80000003, 0)),  # IPC$ has no path
        ("C:\\elsewhere", (0, NERR_DEVICE_NOT_SHARED)),
    ],
)
def test_share_check(path: str, expected: tuple[int, int]) -> None:
    assert unpack_from("<II", call(opened(), SHARE_CHECK, server_name() + text(path))) == expected


def test_share_check_is_for_those_who_may_list() -> None:
    caller: Caller = ANONYMOUS
    stub = call(opened(caller=caller), SHARE_CHECK, server_name() + text("C:\\data"))
    assert unpack_from("<II", stub) == (0, ERROR_ACCESS_DENIED)
