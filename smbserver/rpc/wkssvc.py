"""The Workstation service: what this machine is and who is logged on. [MS-WKST]"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from smbserver.rpc.enumeration import answer_enumeration, read_enumeration, refuse_enumeration
from smbserver.rpc.interface import Call, Interface
from smbserver.rpc.levels import Level, LevelTable
from smbserver.rpc.ndr import DWORD, STRING, NdrReader, NdrWriter, Row
from smbserver.rpc.server_view import Caller, ServerView, UserView
from smbserver.rpc.win32 import ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, NERR_SUCCESS

PLATFORM_ID_NT: Final = 500
"""[MS-WKST] 2.2.5.1."""


def _wksta_100(view: ServerView) -> Row:
    return PLATFORM_ID_NT, view.name, view.workgroup, *view.os_version


def _wksta_101(view: ServerView) -> Row:
    return *_wksta_100(view), None  # lanroot: unused, null (2.2.5.2)


def _wksta_102(view: ServerView) -> Row:
    return *_wksta_101(view), view.logged_on_users()


_WKSTA_100 = (DWORD, STRING, STRING, DWORD, DWORD)
WKSTA_INFO: Final = LevelTable(
    {
        100: Level(_WKSTA_100, _wksta_100),
        101: Level((*_WKSTA_100, STRING), _wksta_101),
        102: Level((*_WKSTA_100, STRING, DWORD), _wksta_102),
    },
    frozenset({100, 101, 102, 502, 1013, 1018, 1046}),
)
"""[MS-WKST] 2.2.4.1; 502 describes a redirector, which we are not."""


def _may_know_people(caller: Caller) -> bool:
    """Windows wants an administrator here; until there are some, the view decides which names a known user sees."""
    return not caller.is_anonymous and not caller.is_guest


def netr_wksta_get_info(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 0 ([MS-WKST] 3.2.4.1). Level 100 and 101 tell nothing that NTLM did not tell before; 102 counts people."""
    request.optional_string()  # ServerName
    level = request.u32()
    code = NERR_SUCCESS
    if level not in WKSTA_INFO.levels:
        code = ERROR_INVALID_LEVEL
    elif level == 102 and not _may_know_people(call.caller):
        code = ERROR_ACCESS_DENIED
    if code == NERR_SUCCESS:
        WKSTA_INFO.write_info(reply, level, call.view)
    else:
        WKSTA_INFO.write_nothing(reply, level)
    reply.u32(code)


def _user_0(user: UserView) -> Row:
    return (user.name,)


def _user_1(user: UserView) -> Row:
    # other domains: this server browses none
    return user.name, user.domain, "", user.logon_server


USER_ENUM: Final = LevelTable(
    {0: Level((STRING,), _user_0), 1: Level((STRING, STRING, STRING, STRING), _user_1)}, frozenset({0, 1})
)
"""[MS-WKST] 2.2.5.14."""


def netr_wksta_user_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 2 (3.2.4.3): the users that the view lets this caller see."""
    asked = read_enumeration(request, USER_ENUM)
    if not _may_know_people(call.caller):
        refuse_enumeration(reply, asked, USER_ENUM, ERROR_ACCESS_DENIED)
        return
    answer_enumeration(reply, asked, USER_ENUM, call.view.users(call.caller))


TRANSPORT_ENUM: Final[LevelTable[None]] = LevelTable(
    {0: Level((DWORD, DWORD, STRING, STRING, DWORD), lambda _nothing: (0, 0, "", "", 0))}, frozenset({0})
)
"""[MS-WKST] 2.2.5.13."""


def netr_wksta_transport_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 5 (3.2.4.4): the transports of the redirector, which this machine has none of: an empty list."""
    asked = read_enumeration(request, TRANSPORT_ENUM)
    if not _may_know_people(call.caller):
        refuse_enumeration(reply, asked, TRANSPORT_ENUM, ERROR_ACCESS_DENIED)
        return
    answer_enumeration(reply, asked, TRANSPORT_ENUM, ())


WKSSVC: Final = Interface(
    name="wkssvc",
    uuid=UUID("6bffd098-a112-3610-9833-46c3f87e345a"),
    major=1,
    minor=0,
    methods={0: netr_wksta_get_info, 2: netr_wksta_user_enum, 5: netr_wksta_transport_enum},
)
