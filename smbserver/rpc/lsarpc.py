"""The Local Security Authority: the server's domains, and names for SIDs. [MS-LSAD], [MS-LSAT]

Only to look at: no secrets, no accounts, no trusts. A policy handle stands for nothing but the right to ask, so none
but its existence is checked.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from smbserver.errors import StatusError, WireError
from smbserver.nt import status
from smbserver.rpc import lsa_lookup, rights
from smbserver.rpc.interface import Call, Interface
from smbserver.rpc.lsa_policy import Policy
from smbserver.rpc.ndr import GUID, NO_HANDLE, SID, UNICODE, UNICODE_LARGE, WORD, Layout, NdrReader, NdrWriter, Row
from smbserver.rpc.server_view import ServerView
from smbserver.rpc.well_known import ANONYMOUS_LOGON

# --- handles ----------------------------------------------------------------------------------------------------------


def lsar_close(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 0 ([MS-LSAD] 3.1.4.9.4)."""
    call.handles.close(request.handle())
    reply.handle()
    reply.u32(status.SUCCESS)


def _read_attributes(request: NdrReader) -> None:
    """LSAPR_OBJECT_ATTRIBUTES ([MS-LSAD] 2.2.2.4): ignored but for a root directory, which must be null. Of what may
    hang on it clients send the quality of service only.
    """
    request.u32()  # Length
    root, name = request.pointer(), request.pointer()
    request.u32()  # Attributes
    descriptor, quality = request.pointer(), request.pointer()
    if root or name or descriptor:
        raise WireError("object attributes with a root, a name or a descriptor")
    if quality:
        request.u32()  # Length
        request.u16()  # ImpersonationLevel
        request.raw(2)  # ContextTrackingMode, EffectiveOnly


def _open_policy(call: Call, desired: int) -> tuple[bytes, int]:
    """A handle and SUCCESS, or none and why."""
    if call.caller.is_anonymous or not rights.may_have(desired, rights.POLICY):
        return NO_HANDLE, status.ACCESS_DENIED
    try:
        return call.handles.open(Policy()), status.SUCCESS
    except StatusError as error:
        return NO_HANDLE, error.status


def lsar_open_policy(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 6 ([MS-LSAD] 3.1.4.4.2): like OpenPolicy2 but for SystemName, one character by mistake."""
    if request.pointer():
        request.u16()
    _read_attributes(request)
    handle, code = _open_policy(call, request.u32())
    reply.handle(handle)
    reply.u32(code)


def lsar_open_policy_2(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 44 (3.1.4.4.1)."""
    request.optional_string()  # SystemName
    _read_attributes(request)
    handle, code = _open_policy(call, request.u32())
    reply.handle(handle)
    reply.u32(code)


def lsar_open_policy_3(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 130 (3.1.4.4.9): the same between two that tell each other what they can, here nothing."""
    request.optional_string()  # SystemName
    _read_attributes(request)
    desired = request.u32()
    version = request.u32()
    handle, code = NO_HANDLE, status.NOT_SUPPORTED
    if version == _REVISION:
        # the union's tag, Revision, SupportedFeatures
        if request.u32() != version:
            raise WireError("the union's tag is not InVersion")
        request.u32()
        request.u32()
        handle, code = _open_policy(call, desired)
    for value in (_REVISION, _REVISION, _REVISION, 0):
        reply.u32(value)
    reply.handle(handle)
    reply.u32(code)


_REVISION: Final = 1
"""LSAPR_REVISION_INFO_V1, the only one there is."""


# --- what the server is -----------------------------------------------------------------------------------------------


def _primary_domain(view: ServerView) -> Row:
    return view.workgroup, None  # a workgroup has no SID


def _account_domain(view: ServerView) -> Row:
    return view.name, view.accounts.domain


def _dns_domain(view: ServerView) -> Row:
    return view.workgroup, None, None, bytes(16), None


def _role(_view: ServerView) -> Row:
    return (3,)  # PolicyServerRolePrimary: nobody stands above us


_DOMAIN: Final = (UNICODE_LARGE, SID)
POLICY_INFO: Final = {
    3: (_DOMAIN, _primary_domain),
    5: (_DOMAIN, _account_domain),
    6: ((WORD,), _role),
    12: ((UNICODE_LARGE, UNICODE_LARGE, UNICODE_LARGE, GUID, SID), _dns_domain),
    14: (_DOMAIN, _account_domain),
}
"""POLICY_INFORMATION_CLASS ([MS-LSAD] 2.2.4.1): layout and content of what can be told; the rest is about auditing,
replication and quotas, of which there are none.
"""


def lsar_query_information_policy(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 7 and 46 ([MS-LSAD] 3.1.4.4.4, 3.1.4.4.3)."""
    call.handles.find(request.handle(), Policy)
    level = request.u16()
    known = POLICY_INFO.get(level)
    if known is None:
        reply.pointer(False)
        reply.u32(status.INVALID_PARAMETER)
        return
    layout, row = known
    reply.pointer()
    reply.u16(level)
    reply.structure(layout, row(call.view))
    reply.u32(status.SUCCESS)


_NAME: Final[Layout] = (UNICODE,)


def lsar_get_user_name(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 45 ([MS-LSAT] 3.1.4.4): who the caller is. For everybody, and without a handle."""
    request.optional_string()  # SystemName
    request.optional_unicode()  # UserName, which is to be ignored
    wants_domain = request.pointer()
    if wants_domain:
        request.optional_unicode()
    if call.caller.is_anonymous:
        name, domain = ANONYMOUS_LOGON.name, ANONYMOUS_LOGON.domain
    else:
        name, domain = call.caller.user_name, call.view.name
    reply.pointer()
    reply.structure(_NAME, (name,))
    reply.pointer(wants_domain)
    if wants_domain:
        reply.pointer()
        reply.structure(_NAME, (domain,))
    reply.u32(status.SUCCESS)


LSARPC: Final = Interface(
    name="lsarpc",
    uuid=UUID("12345778-1234-abcd-ef00-0123456789ab"),
    major=0,
    minor=0,
    methods={
        0: lsar_close,
        6: lsar_open_policy,
        7: lsar_query_information_policy,
        14: lsa_lookup.lsar_lookup_names,
        15: lsa_lookup.lsar_lookup_sids,
        44: lsar_open_policy_2,
        45: lsar_get_user_name,
        46: lsar_query_information_policy,
        57: lsa_lookup.lsar_lookup_sids_2,
        58: lsa_lookup.lsar_lookup_names_2,
        68: lsa_lookup.lsar_lookup_names_3,
        76: lsa_lookup.lsar_lookup_sids_3,
        77: lsa_lookup.lsar_lookup_names_4,
        130: lsar_open_policy_3,
    },
)
