"""The Server service: which shares there are, what the server is, what time it has. [MS-SRVS]"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from smbserver.errors import WireError
from smbserver.rpc import srvsvc_paths, srvsvc_sessions
from smbserver.rpc.enumeration import answer_enumeration, read_enumeration, refuse_enumeration
from smbserver.rpc.interface import Call, Interface
from smbserver.rpc.levels import Level, LevelTable
from smbserver.rpc.ndr import BYTES, DWORD, STRING, NdrReader, NdrWriter, Row
from smbserver.rpc.server_view import SHARE_IPC, ServerView, ShareView
from smbserver.rpc.win32 import (
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_LEVEL,
    ERROR_INVALID_NAME,
    ERROR_INVALID_PARAMETER,
    NERR_DEVICE_NOT_SHARED,
    NERR_NET_NAME_NOT_FOUND,
    NERR_SUCCESS,
)

PLATFORM_ID_NT: Final = 500
"""[MS-SRVS] 2.2.2.6."""

STYPE_SPECIAL: Final = 0x80000000
"""[MS-SRVS] 2.2.2.4; set on IPC$."""

SHI1005_FLAGS_ENCRYPT_DATA: Final = 0x00008000
"""[MS-SRVS] 2.2.4.29."""

SV_TYPE_WORKSTATION: Final = 0x00000001
SV_TYPE_SERVER: Final = 0x00000002
SV_TYPE_NT: Final = 0x00001000
SV_TYPE_SERVER_NT: Final = 0x00008000
SERVER_TYPE: Final = SV_TYPE_WORKSTATION | SV_TYPE_SERVER | SV_TYPE_NT | SV_TYPE_SERVER_NT
"""[MS-SRVS] 2.2.2.7: answers wkssvc and srvsvc, is no domain controller, and announces nothing."""

SV_NODISC: Final = -1
"""sv102_disc: idle sessions are not disconnected for a client's sake."""
SV_USERS_UNLIMITED: Final = 0xFFFFFFFF
SV_ANNOUNCE_SECONDS: Final = 240
SV_ANNOUNCE_DELTA: Final = 3000
"""sv102_announce must be at least 1; Windows's defaults, for a browser protocol that we do not speak."""

TICK_UNITS: Final = 100
"""tod_tinterval in units of 0.0001 s: a hundredth, the finest that the structure shows."""

DEFAULT_INVALID: Final = frozenset('"/\\[]:|<>+=;,?') | frozenset(map(chr, range(1, 0x20)))
"""Characters that most names may not have. [MS-SRVS] 2.2.2.8."""


# --- shares -----------------------------------------------------------------------------------------------------------


def _type(share: ShareView) -> int:
    return share.kind | STYPE_SPECIAL if share.kind == SHARE_IPC else share.kind


def _path(share: ShareView) -> str:
    """A path that looks as clients expect, and tells nothing: never where the share really is."""
    return "" if share.kind == SHARE_IPC else "C:\\" + share.name


def _share_0(share: ShareView) -> Row:
    return (share.name,)


def _share_1(share: ShareView) -> Row:
    return share.name, _type(share), share.comment


def _share_2(share: ShareView) -> Row:
    # permissions and passwd are unused (2.2.4.26); an unused password is empty, not null
    return *_share_1(share), 0, share.max_users, share.current_users, _path(share), ""


def _share_501(share: ShareView) -> Row:
    return *_share_1(share), 0


def _share_502(share: ShareView) -> Row:
    # no security descriptor is told: length 0, null
    return *_share_2(share), 0, None


def _share_503(share: ShareView) -> Row:
    return *_share_2(share), "*", 0, None


def _share_1005(share: ShareView) -> Row:
    return (SHI1005_FLAGS_ENCRYPT_DATA if share.encrypt else 0,)


_LAYOUT_1 = (STRING, DWORD, STRING)
_LAYOUT_2 = (*_LAYOUT_1, DWORD, DWORD, DWORD, STRING, STRING)
_SHARE_LEVELS: Final = {
    0: Level((STRING,), _share_0),
    1: Level(_LAYOUT_1, _share_1),
    2: Level(_LAYOUT_2, _share_2),
    501: Level((*_LAYOUT_1, DWORD), _share_501),
    502: Level((*_LAYOUT_2, DWORD, BYTES), _share_502),
    503: Level((*_LAYOUT_2, STRING, DWORD, BYTES), _share_503),
}
_ENUM_ARMS: Final = frozenset({0, 1, 2, 501, 502, 503})
SHARE_ENUM: Final = LevelTable(_SHARE_LEVELS, _ENUM_ARMS)
"""[MS-SRVS] 2.2.3.5, which has no default arm."""
STICKY_ENUM: Final = LevelTable({n: level for n, level in _SHARE_LEVELS.items() if n != 501}, _ENUM_ARMS)
"""The same without level 501 (3.1.4.9)."""
SHARE_INFO: Final = LevelTable(
    _SHARE_LEVELS | {1005: Level((DWORD,), _share_1005)}, _ENUM_ARMS | {1004, 1005, 1006, 1501}
)
"""[MS-SRVS] 2.2.3.6: some arms serve NetrShareSetInfo only."""


def _visible(view: ServerView) -> Sequence[ShareView]:
    return [share for share in view.shares() if not share.hidden]


def _enumerate(call: Call, request: NdrReader, reply: NdrWriter, table: LevelTable[ShareView]) -> None:
    asked = read_enumeration(request, table)
    if not call.view.may_list(call.caller):
        refuse_enumeration(reply, asked, table, ERROR_ACCESS_DENIED)
        return
    answer_enumeration(reply, asked, table, _visible(call.view))


def netr_share_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 15 ([MS-SRVS] 3.1.4.8): the shares that are not hidden."""
    _enumerate(call, request, reply, SHARE_ENUM)


def netr_share_enum_sticky(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 36 (3.1.4.9): the same; every share of ours comes back after a restart."""
    _enumerate(call, request, reply, STICKY_ENUM)


def netr_share_get_info(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 16 (3.1.4.10): one share by name, hidden ones too."""
    request.optional_string()  # ServerName
    name = request.string()
    level = request.u32()
    code, share = _find_share(call, name, level)
    if share is None:
        SHARE_INFO.write_nothing(reply, level)
    else:
        SHARE_INFO.write_info(reply, level, share)
    reply.u32(code)


def _find_share(call: Call, name: str, level: int) -> tuple[int, ShareView | None]:
    if not call.view.may_list(call.caller):
        return ERROR_ACCESS_DENIED, None
    if level not in SHARE_INFO.levels:
        return ERROR_INVALID_LEVEL, None
    if not name:
        return ERROR_INVALID_PARAMETER, None
    for share in call.view.shares():
        if share.name.lower() == name.lower():
            return NERR_SUCCESS, share
    return NERR_NET_NAME_NOT_FOUND, None


def netr_share_check(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 20 (3.1.4.13): the kind of the share over a path; paths are those of `_path`, which exist nowhere."""
    request.optional_string()  # ServerName
    path = request.string().lower().removesuffix("\\")
    code, kind = NERR_DEVICE_NOT_SHARED, 0
    if not call.view.may_list(call.caller):
        code = ERROR_ACCESS_DENIED
    for share in _visible(call.view) if code != ERROR_ACCESS_DENIED else ():
        if _path(share).lower() == path:
            code, kind = NERR_SUCCESS, _type(share)
    reply.u32(kind)
    reply.u32(code)


DISK: Final = "C:"
"""The one disk that the made-up paths are on."""


def netr_server_disk_enum(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 23 (3.1.4.19): the disk of the made-up paths. Clients that look for shares' paths begin here."""
    request.optional_string()  # ServerName
    level = request.u32()
    request.u32()
    if request.pointer():
        raise WireError("disks in a request")  # [in, out], and clients leave it empty
    request.u32()  # PreferedMaximumLength: one disk always fits
    resume = request.optional_u32()
    code = NERR_SUCCESS
    if level != 0:
        code = ERROR_INVALID_LEVEL
    elif not call.caller.is_known:
        code = ERROR_ACCESS_DENIED
    disks = [DISK] if code == NERR_SUCCESS and not resume else []
    reply.u32(len(disks))
    reply.pointer(bool(disks))
    if disks:
        # a conformant varying array of DISK_INFO, whose text is varying and in the structure itself
        for value in (len(disks), 0, len(disks)):
            reply.u32(value)
        for disk in disks:
            reply.u32(0)
            reply.u32(len(disk) + 1)
            reply.raw(f"{disk}\0".encode("utf-16-le"))
    reply.u32(len(disks))
    reply.optional_u32(resume)
    reply.u32(code)


# --- the server -------------------------------------------------------------------------------------------------------


def _server_100(view: ServerView) -> Row:
    # our own name, whatever the client called us: its text is not reflected (3.1.4.17 would have it)
    return PLATFORM_ID_NT, view.name


def _server_101(view: ServerView) -> Row:
    return *_server_100(view), *view.os_version, SERVER_TYPE, view.comment


def _server_102(view: ServerView) -> Row:
    hidden = licenses = 0
    announce = (SV_ANNOUNCE_SECONDS, SV_ANNOUNCE_DELTA)
    return *_server_101(view), SV_USERS_UNLIMITED, SV_NODISC, hidden, *announce, licenses, "c:\\"


_SERVER_101 = (DWORD, STRING, DWORD, DWORD, DWORD, STRING)
SERVER_INFO: Final = LevelTable(
    {
        100: Level((DWORD, STRING), _server_100),
        101: Level(_SERVER_101, _server_101),
        102: Level((*_SERVER_101, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD, STRING), _server_102),
    },
    frozenset({100, 101, 102, 103, 502, 503, 599, 1005, 1107, 1010, *range(1016, 1019), *range(1501, 1504), 1506})
    | frozenset({*range(1510, 1517), 1518, 1523, *range(1528, 1531), *range(1533, 1537), *range(1538, 1551)})
    | frozenset(range(1552, 1557)),
)
"""[MS-SRVS] 2.2.3.7: most arms serve NetrServerSetInfo only."""


def netr_server_get_info(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 21 (3.1.4.17). Level 100 and 101 tell nothing that NTLM did not tell before; 102 is for those who are
    known.
    """
    request.optional_string()  # ServerName
    level = request.u32()
    code = NERR_SUCCESS
    if level not in SERVER_INFO.levels:
        code = ERROR_INVALID_LEVEL
    elif level == 102 and call.caller.is_anonymous:
        code = ERROR_ACCESS_DENIED
    if code == NERR_SUCCESS:
        SERVER_INFO.write_info(reply, level, call.view)
    else:
        SERVER_INFO.write_nothing(reply, level)
    reply.u32(code)


def netr_remote_tod(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 28 (3.1.4.21): the time in UTC, and the zone in minutes west of it. For everybody: SMB2 NEGOTIATE tells
    it too.
    """
    request.optional_string()  # ServerName
    clock = call.view.now()
    utc = datetime.fromtimestamp(clock.unix_seconds, UTC)
    reply.pointer()
    for value in (
        int(clock.unix_seconds),
        int(clock.unix_seconds * 1000),  # tod_msecs: from an arbitrary start, and wrapping
        utc.hour,
        utc.minute,
        utc.second,
        utc.microsecond // 10_000,
        -clock.offset_minutes,
        TICK_UNITS,
        utc.day,
        utc.month,
        utc.year,
        utc.isoweekday() % 7,
    ):
        reply.u32(value)
    reply.u32(NERR_SUCCESS)


# --- names ------------------------------------------------------------------------------------------------------------


class NameRule(NamedTuple):
    """What a name of one type may look like. [MS-SRVS] 2.2.2.8."""

    shortest: int
    longest: int
    invalid: frozenset[str] = DEFAULT_INVALID


_NO_NUL: Final = frozenset("\0")
NAMETYPE_COMPUTER: Final = 4
NAMETYPE_MESSAGEDEST: Final = 11
NAME_RULES: Final = {
    1: NameRule(1, 256),  # user
    2: NameRule(0, 256, _NO_NUL),  # password
    3: NameRule(1, 256),  # group
    NAMETYPE_COMPUTER: NameRule(1, 260, DEFAULT_INVALID | {"*"}),
    5: NameRule(1, 16),  # event
    6: NameRule(1, 15, DEFAULT_INVALID | {"*", " "}),  # domain
    7: NameRule(1, 80),  # service
    8: NameRule(1, 260),  # net
    9: NameRule(1, 80),  # share
    10: NameRule(1, 15),  # message
    NAMETYPE_MESSAGEDEST: NameRule(1, 260),
    12: NameRule(0, 8, _NO_NUL),  # share password
    13: NameRule(1, 15),  # workgroup
}


def netpr_name_validate(_call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 33 (3.1.4.32): whether a name could be one of its type. For everybody: the answer is in the
    specification.
    """
    request.optional_string()  # ServerName
    name = request.string()
    name_type = request.u32()
    flags = request.u32()
    rule = NAME_RULES.get(name_type)
    if rule is None or flags != 0:
        reply.u32(ERROR_INVALID_PARAMETER)
    elif _is_valid_name(name, name_type, rule):
        reply.u32(NERR_SUCCESS)
    else:
        reply.u32(ERROR_INVALID_NAME)


def _is_valid_name(name: str, name_type: int, rule: NameRule) -> bool:
    if not rule.shortest <= len(name) <= rule.longest or not rule.invalid.isdisjoint(name):
        return False
    if name_type == NAMETYPE_COMPUTER:
        return name.strip(" ") == name
    if name_type == NAMETYPE_MESSAGEDEST:
        return "*" not in name[:-1] and (len(name) < rule.longest or name.endswith("*"))
    return True


SRVSVC: Final = Interface(
    name="srvsvc",
    uuid=UUID("4b324fc8-1670-01d3-1278-5a47bf6ee188"),
    major=3,
    minor=0,
    methods={
        8: srvsvc_sessions.netr_connection_enum,
        9: srvsvc_sessions.netr_file_enum,
        10: srvsvc_sessions.netr_file_get_info,
        11: srvsvc_sessions.refuse,  # NetrFileClose
        12: srvsvc_sessions.netr_session_enum,
        13: srvsvc_sessions.refuse,  # NetrSessionDel
        14: srvsvc_sessions.refuse_with_parameter,  # NetrShareAdd
        15: netr_share_enum,
        16: netr_share_get_info,
        17: srvsvc_sessions.refuse_with_parameter,  # NetrShareSetInfo
        18: srvsvc_sessions.refuse,  # NetrShareDel
        19: srvsvc_sessions.refuse,  # NetrShareDelSticky
        20: netr_share_check,
        21: netr_server_get_info,
        22: srvsvc_sessions.refuse_with_parameter,  # NetrServerSetInfo
        23: netr_server_disk_enum,
        28: netr_remote_tod,
        30: srvsvc_paths.netpr_path_type,
        31: srvsvc_paths.netpr_path_canonicalize,
        32: srvsvc_paths.netpr_path_compare,
        33: netpr_name_validate,
        36: netr_share_enum_sticky,
    },
)
