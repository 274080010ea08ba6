"""The Security Account Manager: the server's accounts as lists, to look at, and one's own password to change. [MS-SAMR]

For callers who have proven who they are; guests and anonymous ones get no handle at all. This file has the server and
its domains; users, groups and aliases are in `samr_users`, lists in `samr_lists`, the password in `samr_password`.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from smbserver.errors import WireError
from smbserver.nt import status
from smbserver.rpc import rights, samr_lists, samr_password, samr_users
from smbserver.rpc.interface import Call, Interface
from smbserver.rpc.ndr import (
    BYTES,
    DWORD,
    HYPER,
    LONGS,
    UNICODE,
    WORD,
    NdrReader,
    NdrWriter,
    Row,
)
from smbserver.rpc.sam import MIN_PASSWORD_LENGTH, SamAlias, SamDomain, SamGroup, SamServer, SamUser
from smbserver.rpc.sam_security import readable_descriptor
from smbserver.rpc.samr_reply import open_object, write_info
from smbserver.rpc.translate import account_sid
from smbserver.rpc.well_known import BUILTIN, BUILTIN_SID

# --- handles ----------------------------------------------------------------------------------------------------------


def samr_close_handle(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 1 ([MS-SAMR] 3.1.5.13.1)."""
    call.handles.close(request.handle())
    reply.handle()
    reply.u32(status.SUCCESS)


def samr_connect(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 0 (3.1.5.1.4): ServerName is one character by mistake."""
    if request.pointer():
        request.u16()
    open_object(call, reply, SamServer(), request.u32(), rights.SERVER)


def samr_connect_2(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 57 (3.1.5.1.3)."""
    request.optional_string()
    open_object(call, reply, SamServer(), request.u32(), rights.SERVER)


def samr_connect_4(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 62 (3.1.5.1.2): with the client's revision."""
    request.optional_string()
    request.u32()
    open_object(call, reply, SamServer(), request.u32(), rights.SERVER)


_REVISION: Final = 3


def samr_connect_5(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 64 (3.1.5.1.1): both tell their revision."""
    request.optional_string()
    desired = request.u32()
    version = request.u32()
    if version == 1:
        for _ in range(3):  # the union's tag, Revision, SupportedFeatures
            request.u32()
    for value in (1, 1, _REVISION, 0):
        reply.u32(value)
    if version != 1:
        reply.handle()
        reply.u32(status.NOT_SUPPORTED)
        return
    open_object(call, reply, SamServer(), desired, rights.SERVER)


_BUFFER: Final = (DWORD, BYTES)


def samr_query_security_object(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 3 (3.1.5.12.2): everybody may read, and nobody may do anything else. Samba's `net rpc user` asks."""
    call.handles.find(request.handle(), object)
    parts = request.u32()
    descriptor = readable_descriptor(parts)
    reply.pointer()
    reply.structure(_BUFFER, (len(descriptor), descriptor))
    reply.u32(status.SUCCESS)


# --- domains ----------------------------------------------------------------------------------------------------------


def samr_lookup_domain(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 5 (3.1.5.11.1): a domain's SID by its name."""
    call.handles.find(request.handle(), SamServer)
    name = (request.unicode() or "").lower()
    if name == BUILTIN.lower():
        found = BUILTIN_SID
    elif name == call.view.name.lower():
        found = call.view.accounts.domain
    else:
        reply.pointer(False)
        reply.u32(status.NO_SUCH_DOMAIN)
        return
    reply.pointer()
    reply.sid(found)
    reply.u32(status.SUCCESS)


def samr_enumerate_domains(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 6 (3.1.5.2.1)."""
    call.handles.find(request.handle(), SamServer)
    resume = request.u32()
    names = [call.view.name, BUILTIN]
    samr_lists.write_entries(reply, [(index, name) for index, name in enumerate(names)], resume, request.u32())


def samr_open_domain(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 7 (3.1.5.1.5)."""
    call.handles.find(request.handle(), SamServer)
    desired = request.u32()
    who = request.sid()
    if who not in (BUILTIN_SID, call.view.accounts.domain):
        reply.handle()
        reply.u32(status.NO_SUCH_DOMAIN)
        return
    open_object(call, reply, SamDomain(call.view, who == BUILTIN_SID), desired, rights.DOMAIN)


_NEVER: Final = -(1 << 63)
_NO_LOCKOUT: Final = (0, 0, 0)
_ROLE_PRIMARY: Final = 3  # DomainServerRolePrimary: a server without a domain stands alone
_STATE_ENABLED: Final = 1
_GENERAL: Final = (LONGS, UNICODE, UNICODE, UNICODE, LONGS, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD)


def _password(_domain: SamDomain) -> Row:
    # length, history, properties; longest and shortest age
    return MIN_PASSWORD_LENGTH, 0, 0, _NEVER, 0


def _general(domain: SamDomain) -> Row:
    counts = len(domain.users), len(domain.groups), len(domain.aliases)
    return _NEVER, "", domain.name, "", 1, _STATE_ENABLED, _ROLE_PRIMARY, 0, *counts


DOMAIN_INFO: Final = {
    1: ((WORD, WORD, DWORD, LONGS, LONGS), _password),
    2: (_GENERAL, _general),
    3: ((LONGS,), lambda _domain: (_NEVER,)),
    4: ((UNICODE,), lambda _domain: ("",)),
    5: ((UNICODE,), lambda domain: (domain.name,)),
    6: ((UNICODE,), lambda _domain: ("",)),
    7: ((DWORD,), lambda _domain: (_ROLE_PRIMARY,)),
    8: ((HYPER, LONGS), lambda _domain: (1, 0)),
    9: ((DWORD,), lambda _domain: (_STATE_ENABLED,)),
    11: ((*_GENERAL, HYPER, HYPER, WORD), lambda domain: (*_general(domain), *_NO_LOCKOUT)),
    12: ((HYPER, HYPER, WORD), lambda _domain: _NO_LOCKOUT),
    13: ((HYPER, LONGS, HYPER), lambda _domain: (1, 0, 0)),
}
"""DOMAIN_INFORMATION_CLASS ([MS-SAMR] 2.2.3)."""


def samr_query_information_domain(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 8 and 46 (3.1.5.5.2, 3.1.5.5.1)."""
    domain = call.handles.find(request.handle(), SamDomain)
    write_info(reply, DOMAIN_INFO, request.u16(), domain)


def samr_rid_to_sid(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 65 (3.1.5.13.5), of any domain, user, group or alias handle."""
    found = call.handles.find(request.handle(), object)
    if isinstance(found, SamUser | SamGroup | SamAlias):
        found = found.domain
    if not isinstance(found, SamDomain):
        raise WireError("the server itself has no RIDs")
    reply.pointer()
    reply.sid(account_sid(found.sid, request.u32()))
    reply.u32(status.SUCCESS)


SAMR: Final = Interface(
    name="samr",
    uuid=UUID("12345778-1234-abcd-ef00-0123456789ac"),
    major=1,
    minor=0,
    methods={
        0: samr_connect,
        1: samr_close_handle,
        3: samr_query_security_object,
        5: samr_lookup_domain,
        6: samr_enumerate_domains,
        7: samr_open_domain,
        8: samr_query_information_domain,
        11: samr_lists.samr_enumerate_groups,
        13: samr_lists.samr_enumerate_users,
        15: samr_lists.samr_enumerate_aliases,
        16: samr_lists.samr_get_alias_membership,
        17: samr_lists.samr_lookup_names,
        18: samr_lists.samr_lookup_ids,
        19: samr_users.samr_open_group,
        20: samr_users.samr_query_information_group,
        25: samr_users.samr_get_members_in_group,
        27: samr_users.samr_open_alias,
        28: samr_users.samr_query_information_alias,
        33: samr_users.samr_get_members_in_alias,
        34: samr_users.samr_open_user,
        36: samr_users.samr_query_information_user,
        39: samr_users.samr_get_groups_for_user,
        40: samr_lists.samr_query_display_information,
        44: samr_password.samr_get_user_domain_password_information,
        46: samr_query_information_domain,
        47: samr_users.samr_query_information_user,
        48: samr_lists.samr_query_display_information,
        51: samr_lists.samr_query_display_information,
        55: samr_password.samr_unicode_change_password_user_2,
        56: samr_password.samr_get_domain_password_information,
        57: samr_connect_2,
        62: samr_connect_4,
        64: samr_connect_5,
        65: samr_rid_to_sid,
    },
)
