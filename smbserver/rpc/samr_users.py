"""samr's users, groups and aliases: open one, ask about it. [MS-SAMR] 3.1.5.1, 3.1.5.5, 3.1.5.8, 3.1.5.9"""

from __future__ import annotations

from typing import Final

from smbserver.nt import status
from smbserver.rpc import rights
from smbserver.rpc.interface import Call
from smbserver.rpc.ndr import BYTE, BYTES, DWORD, HOURS, LONGS, SID, UNICODE, WORD, NdrReader, NdrWriter, Row
from smbserver.rpc.sam import GROUP_ATTRIBUTES, SamAlias, SamDomain, SamGroup, SamUser
from smbserver.rpc.samr_reply import open_object, write_info
from smbserver.rpc.well_known import USE_ALIAS, USE_GROUP, USE_USER

_NEVER: Final = 0x7FFFFFFFFFFFFFFF
_ALWAYS: Final = b"\xff" * 21
"""Every hour of the week."""
_DEFAULT_PAGE: Final = 0
_SHOWN: Final = 0x00FFFFFF
"""WhichFields of UserAllInformation: everything but passwords and private data ([MS-SAMR] 2.2.1.8)."""


def _open(
    call: Call,
    request: NdrReader,
    reply: NdrWriter,
    kind: type[SamUser | SamGroup | SamAlias],
    use: int,
    missing: int,
    readable: int,
) -> None:
    """A handle of the domain's entry with the RID that is asked for, if that is one of this kind."""
    domain = call.handles.find(request.handle(), SamDomain)
    desired = request.u32()
    entry = domain.find_rid(request.u32())
    if entry is None or entry.use != use:
        reply.handle()
        reply.u32(missing)
        return
    open_object(call, reply, kind(domain, entry), desired, readable)


# --- users ------------------------------------------------------------------------------------------------------------


def samr_open_user(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 34 (3.1.5.1.9)."""
    _open(call, request, reply, SamUser, USE_USER, status.NO_SUCH_USER, rights.USER)


def _general(user: SamUser) -> Row:
    return user.account.name, "", user.group, "", ""


def _logon(user: SamUser) -> Row:
    account = user.account
    times = (0, 0, 0, 0, _NEVER)
    return account.name, "", account.rid, user.group, "", "", "", "", "", *times, _ALWAYS, 0, 0, user.control


def _account(user: SamUser) -> Row:
    account = user.account
    ids = account.rid, user.group
    return account.name, "", *ids, "", "", "", "", "", "", 0, 0, _ALWAYS, 0, 0, 0, _NEVER, user.control


def _all(user: SamUser) -> Row:
    """UserAllInformation ([MS-SAMR] 2.2.6.6). Passwords and private data are never told."""
    account = user.account
    times = (0, 0, 0, _NEVER, 0, _NEVER)
    texts = (account.name, "", "", "", "", "", "", "", "", None)
    nothing = (None, None, None, 0, None)  # two hashes, private data, security descriptor
    ids = (account.rid, user.group, user.control, _SHOWN)
    return *times, *texts, *nothing, *ids, _ALWAYS, 0, 0, 0, _DEFAULT_PAGE, 0, 0, 0, 0


_TEXT: Final = (UNICODE,)
_TEXTS_5: Final = (UNICODE,) * 5
USER_INFO: Final = {
    1: ((UNICODE, UNICODE, DWORD, UNICODE, UNICODE), _general),
    2: ((UNICODE, UNICODE, WORD, WORD), lambda _user: ("", "", 0, _DEFAULT_PAGE)),
    3: ((UNICODE, UNICODE, DWORD, DWORD, *_TEXTS_5, *(LONGS,) * 5, HOURS, WORD, WORD, DWORD), _logon),
    4: ((HOURS,), lambda _user: (_ALWAYS,)),
    5: (
        (UNICODE, UNICODE, DWORD, DWORD, *_TEXTS_5, UNICODE, LONGS, LONGS, HOURS, WORD, WORD, LONGS, LONGS, DWORD),
        _account,
    ),
    6: ((UNICODE, UNICODE), lambda user: (user.account.name, "")),
    7: (_TEXT, lambda user: (user.account.name,)),
    8: (_TEXT, lambda _user: ("",)),
    9: ((DWORD,), lambda user: (user.group,)),
    10: ((UNICODE, UNICODE), lambda _user: ("", "")),
    11: (_TEXT, lambda _user: ("",)),
    12: (_TEXT, lambda _user: ("",)),
    13: (_TEXT, lambda _user: ("",)),
    14: (_TEXT, lambda _user: ("",)),
    16: ((DWORD,), lambda user: (user.control,)),
    17: ((LONGS,), lambda _user: (_NEVER,)),
    20: (_TEXT, lambda _user: (None,)),
    21: (
        (
            *(LONGS,) * 6,
            *(UNICODE,) * 13,
            DWORD,
            BYTES,
            *(DWORD,) * 4,
            HOURS,
            *(WORD,) * 4,
            *(BYTE,) * 4,
        ),
        _all,
    ),
}
"""USER_INFORMATION_CLASS ([MS-SAMR] 2.2.6.28) without the levels that hold passwords."""


def samr_query_information_user(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 36 and 47 (3.1.5.5.6, 3.1.5.5.5)."""
    user = call.handles.find(request.handle(), SamUser)
    write_info(reply, USER_INFO, request.u16(), user)


def samr_get_groups_for_user(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 39 (3.1.5.9.1)."""
    user = call.handles.find(request.handle(), SamUser)
    reply.pointer()
    reply.counted_rows((DWORD, DWORD), [(user.group, GROUP_ATTRIBUTES)])
    reply.u32(status.SUCCESS)


# --- groups -----------------------------------------------------------------------------------------------------------


def samr_open_group(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 19 (3.1.5.1.7)."""
    _open(call, request, reply, SamGroup, USE_GROUP, status.NO_SUCH_GROUP, rights.GROUP)


_GROUP_ALL: Final = (UNICODE, DWORD, DWORD, UNICODE)
GROUP_INFO: Final = {
    1: (_GROUP_ALL, lambda group: (group.entry.name, GROUP_ATTRIBUTES, len(group.members), "")),
    2: (_TEXT, lambda group: (group.entry.name,)),
    3: ((DWORD,), lambda _group: (GROUP_ATTRIBUTES,)),
    4: (_TEXT, lambda _group: ("",)),
    5: (_GROUP_ALL, lambda group: (group.entry.name, GROUP_ATTRIBUTES, 0, "")),
}
"""GROUP_INFORMATION_CLASS ([MS-SAMR] 2.2.4.6)."""


def samr_query_information_group(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 20 (3.1.5.5.3)."""
    group = call.handles.find(request.handle(), SamGroup)
    write_info(reply, GROUP_INFO, request.u16(), group)


def samr_get_members_in_group(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 25 (3.1.5.8.3)."""
    members = call.handles.find(request.handle(), SamGroup).members
    reply.pointer()
    reply.u32(len(members))
    reply.pointer(bool(members))
    reply.pointer(bool(members))
    if members:
        reply.rows((DWORD,), [(rid,) for rid in members])
        reply.rows((DWORD,), [(GROUP_ATTRIBUTES,) for _ in members])
    reply.u32(status.SUCCESS)


# --- aliases ----------------------------------------------------------------------------------------------------------


def samr_open_alias(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 27 (3.1.5.1.8)."""
    _open(call, request, reply, SamAlias, USE_ALIAS, status.NO_SUCH_ALIAS, rights.ALIAS)


def _alias_all(alias: SamAlias) -> Row:
    return alias.entry.name, len(alias.domain.members_of(alias.entry.rid)), ""


ALIAS_INFO: Final = {
    1: ((UNICODE, DWORD, UNICODE), _alias_all),
    2: (_TEXT, lambda alias: (alias.entry.name,)),
    3: (_TEXT, lambda _alias: ("",)),
}
"""ALIAS_INFORMATION_CLASS ([MS-SAMR] 2.2.5.5)."""


def samr_query_information_alias(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 28 (3.1.5.5.4)."""
    alias = call.handles.find(request.handle(), SamAlias)
    write_info(reply, ALIAS_INFO, request.u16(), alias)


def samr_get_members_in_alias(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 33 (3.1.5.8.7)."""
    alias = call.handles.find(request.handle(), SamAlias)
    reply.counted_rows((SID,), [(who,) for who in alias.domain.members_of(alias.entry.rid)])
    reply.u32(status.SUCCESS)
