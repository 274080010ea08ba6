"""srvsvc's sessions, open files and connections: the caller's own, to look at. [MS-SRVS] 3.1.4.1 to 3.1.4.6

Windows shows an administrator everybody's, and lets them be closed. Nobody is an administrator here: those of other
users are left out as if they did not exist, and nothing is closed for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from smbserver.rpc.enumeration import answer_enumeration, read_enumeration, refuse_enumeration
from smbserver.rpc.interface import Call
from smbserver.rpc.levels import Level, LevelTable
from smbserver.rpc.ndr import DWORD, STRING, NdrReader, NdrWriter, Row
from smbserver.rpc.server_view import ConnectionView, FileView, SessionView
from smbserver.rpc.win32 import (
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_LEVEL,
    ERROR_INVALID_PARAMETER,
    NERR_CLIENT_NAME_NOT_FOUND,
    NERR_FILE_ID_NOT_FOUND,
    NERR_NET_NAME_NOT_FOUND,
    NERR_SUCCESS,
    NERR_USER_NOT_FOUND,
)

T = TypeVar("T")

SESS_GUEST: Final = 1
"""sesi1_user_flags ([MS-SRVS] 2.2.4.11)."""
_UNKNOWN_IDLE: Final = 0
"""Idle seconds: nobody counts them, a clock per request would cost every READ."""


def _enumerate(
    call: Call,
    request: NdrReader,
    reply: NdrWriter,
    table: LevelTable[T],
    filters: int,
    find: Callable[[Call, tuple[str, ...]], Iterable[T] | int],
) -> None:
    """`find` gives the items for the texts in front of the level, or the code that refuses them."""
    asked = read_enumeration(request, table, filters)
    if not call.caller.is_known:
        refuse_enumeration(reply, asked, table, ERROR_ACCESS_DENIED)
        return
    if asked.level not in table.levels:
        refuse_enumeration(reply, asked, table, ERROR_INVALID_LEVEL)
        return
    found = find(call, asked.filters)
    if isinstance(found, int):
        refuse_enumeration(reply, asked, table, found)
    else:
        answer_enumeration(reply, asked, table, list(found))


# --- sessions ---------------------------------------------------------------------------------------------------------


def _flags(session: SessionView) -> int:
    return SESS_GUEST if session.is_guest else 0


def _session_1(session: SessionView) -> Row:
    return session.client, session.user, session.opens, session.seconds, _UNKNOWN_IDLE, _flags(session)


def _session_10(session: SessionView) -> Row:
    return session.client, session.user, session.seconds, _UNKNOWN_IDLE


_LAYOUT_1 = (STRING, STRING, DWORD, DWORD, DWORD, DWORD)
SESSION_ENUM: Final = LevelTable(
    {
        0: Level((STRING,), lambda session: (session.client,)),
        1: Level(_LAYOUT_1, _session_1),
        2: Level((*_LAYOUT_1, STRING), lambda session: (*_session_1(session), "")),
        10: Level((STRING, STRING, DWORD, DWORD), _session_10),
        502: Level((*_LAYOUT_1, STRING, STRING), lambda session: (*_session_1(session), "", "")),
    },
    frozenset({0, 1, 2, 10, 502}),
)
"""[MS-SRVS] 2.2.3.4. Clients do not tell what they are, so their type is empty, like the transport."""


def _find_sessions(call: Call, filters: tuple[str, ...]) -> Iterable[SessionView] | int:
    client, user = filters[0].removeprefix("\\\\"), filters[1].lower()
    found = [each for each in call.view.sessions(call.caller) if not client or each.client == client]
    if client and not found:
        return NERR_CLIENT_NAME_NOT_FOUND
    found = [each for each in found if not user or each.user.lower() == user]
    return found if found or not user else NERR_USER_NOT_FOUND


def netr_session_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 12 ([MS-SRVS] 3.1.4.5): ClientName and UserName choose."""
    _enumerate(call, request, reply, SESSION_ENUM, 2, _find_sessions)


# --- files ------------------------------------------------------------------------------------------------------------


def _file_3(file: FileView) -> Row:
    return file.number, file.permissions, file.locks, file.path, file.user


FILE_INFO: Final = LevelTable(
    {
        2: Level((DWORD,), lambda file: (file.number,)),
        3: Level((DWORD, DWORD, DWORD, STRING, STRING), _file_3),
    },
    frozenset({2, 3}),
)
"""[MS-SRVS] 2.2.3.3."""


def _find_files(call: Call, filters: tuple[str, ...]) -> Iterable[FileView]:
    path, user = filters[0].lower(), filters[1].lower()
    for file in call.view.files(call.caller):
        if file.path.lower().startswith(path) and user in ("", file.user.lower()):
            yield file


def netr_file_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 9 (3.1.4.2): BasePath and UserName choose."""
    _enumerate(call, request, reply, FILE_INFO, 2, _find_files)


def netr_file_get_info(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 10 (3.1.4.3)."""
    request.optional_string()  # ServerName
    number, level = request.u32(), request.u32()
    code, found = NERR_SUCCESS, None
    if not call.caller.is_known:
        code = ERROR_ACCESS_DENIED
    elif level not in FILE_INFO.levels:
        code = ERROR_INVALID_LEVEL
    else:
        found = next((file for file in call.view.files(call.caller) if file.number == number), None)
    if found is not None:
        FILE_INFO.write_info(reply, level, found)
    else:
        FILE_INFO.write_nothing(reply, level)
        code = code or NERR_FILE_ID_NOT_FOUND
    reply.u32(code)


# --- connections ------------------------------------------------------------------------------------------------------


def _connection_1(connection: ConnectionView) -> Row:
    one_user = 1
    numbers = connection.number, connection.kind, connection.opens, one_user, connection.seconds
    return *numbers, connection.user, connection.share


CONNECTION_ENUM: Final = LevelTable(
    {
        0: Level((DWORD,), lambda connection: (connection.number,)),
        1: Level((DWORD, DWORD, DWORD, DWORD, DWORD, STRING, STRING), _connection_1),
    },
    frozenset({0, 1}),
)
"""[MS-SRVS] 2.2.3.2."""


def _find_connections(call: Call, filters: tuple[str, ...]) -> Iterable[ConnectionView] | int:
    qualifier = filters[0]
    if not qualifier:
        return ERROR_INVALID_PARAMETER
    found = call.view.connections(call.caller)
    if qualifier.startswith("\\\\"):
        return [each for each in found if each.client == qualifier[2:]]
    share = qualifier.lower()
    if all(each.name.lower() != share for each in call.view.shares()):
        return NERR_NET_NAME_NOT_FOUND
    return [each for each in found if each.share.lower() == share]


def netr_connection_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 8 (3.1.4.1): to the share, or from the client, that Qualifier names."""
    _enumerate(call, request, reply, CONNECTION_ENUM, 1, _find_connections)


# --- what would change something --------------------------------------------------------------------------------------


def refuse(_call: Call, _request: NdrReader, reply: NdrWriter) -> None:
    """Methods that only return a code: NetrFileClose, NetrSessionDel, NetrShareDel and NetrShareDelSticky."""
    reply.u32(ERROR_ACCESS_DENIED)


def refuse_with_parameter(_call: Call, _request: NdrReader, reply: NdrWriter) -> None:
    """Methods that also tell which parameter was wrong, here none: NetrShareAdd, NetrShareSetInfo,
    NetrServerSetInfo.
    """
    reply.pointer(False)
    reply.u32(ERROR_ACCESS_DENIED)
