"""lsarpc's translations: SIDs to names, names to SIDs. [MS-LSAT] 3.1.4.5 to 3.1.4.11"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt import status
from smbserver.rpc import translate
from smbserver.rpc.host_names import HostAnswer
from smbserver.rpc.interface import Call, afterwards
from smbserver.rpc.lsa_policy import Policy
from smbserver.rpc.ndr import DWORD, SID, UNICODE, UNICODE_LARGE, WORD, Layout, NdrReader, NdrWriter, Row
from smbserver.rpc.well_known import USE_DOMAIN, USE_UNKNOWN, Principal
from smbserver.waiter import Waiter

MAX_LOOKUP: Final = 1000
"""SIDs or names in one call: [MS-LSAT] 2.2.17 lets 20480 SIDs in, 1000 names; Windows's own limit for both is here."""
_NO_DOMAIN: Final = 0xFFFFFFFF
_MAX_ENTRIES: Final = 32
"""LSAPR_REFERENCED_DOMAIN_LIST.MaxEntries, which is to be ignored (2.2.12)."""
_LEVEL_WKSTA: Final = 1
"""LsapLookupWksta (2.2.16): everywhere. The other levels are for domain controllers, and refused (3.1.4.10)."""

_DOMAIN_LAYOUT: Final[Layout] = (UNICODE_LARGE, SID)


class _Domains:
    """LSAPR_REFERENCED_DOMAIN_LIST under construction."""

    def __init__(self) -> None:
        self._index: dict[bytes, int] = {}
        self._rows: list[Row] = []

    def add(self, found: Principal | None) -> int:
        """The index of a principal's domain."""
        if found is None or not found.domain_sid:
            return _NO_DOMAIN
        index = self._index.setdefault(found.domain_sid, len(self._rows))
        if index == len(self._rows):
            self._rows.append((found.domain, found.domain_sid))
        return index

    def write(self, reply: NdrWriter) -> None:
        reply.pointer()
        reply.u32(len(self._rows))
        reply.pointer(bool(self._rows))
        reply.u32(_MAX_ENTRIES)
        if self._rows:
            reply.rows(_DOMAIN_LAYOUT, self._rows)


def _outcome(mapped: int, asked: int) -> int:
    if mapped == asked:
        return status.SUCCESS
    return status.SOME_NOT_MAPPED if mapped else status.NONE_MAPPED


def _refuse(reply: NdrWriter, code: int) -> None:
    """No domains, no translations, nothing mapped."""
    reply.pointer(False)
    reply.u32(0)
    reply.pointer(False)
    reply.u32(0)
    reply.u32(code)


def _read_tail(request: NdrReader, is_extended: bool) -> int:
    """TranslatedNames or TranslatedSids, LookupLevel, MappedCount, and of later versions LookupOptions and
    ClientRevision. Returns the level.
    """
    entries = request.u32()
    # [in, out] for no reason, and clients leave it empty: by a null, or as libsmb2 does by an array of none.
    if request.pointer() and (entries or request.u32()):
        raise WireError("translations in a request")
    level = request.u16()
    request.u32()
    if is_extended:
        request.u32()
        request.u32()
    return level


# --- SIDs to names ----------------------------------------------------------------------------------------------------


def _lookup_sids(call: Call, request: NdrReader, reply: NdrWriter, is_extended: bool) -> Waiter[None] | None:
    call.handles.find(request.handle(), Policy)
    sids = request.sid_array(MAX_LOOKUP)
    level = _read_tail(request, is_extended)
    if level != _LEVEL_WKSTA:
        _refuse(reply, status.INVALID_PARAMETER)
        return None
    host = call.view.ask_host(translate.question_of_sids(sids))
    return afterwards(host, partial(_write_names, call, reply, sids, is_extended))


def _write_names(
    call: Call, reply: NdrWriter, sids: Sequence[bytes], is_extended: bool, host: Waiter[HostAnswer]
) -> None:
    domains = _Domains()
    rows: list[Row] = []
    mapped = 0
    for who in sids:
        found = translate.by_sid(call.view, who, host.result())
        mapped += found is not None
        shown = found or translate.unknown(call.view, who)
        name = shown.domain if shown.use == USE_DOMAIN else shown.name
        row: Row = (shown.use, name, domains.add(shown))
        rows.append((*row, 0) if is_extended else row)
    domains.write(reply)
    reply.counted_rows((WORD, UNICODE, DWORD, DWORD) if is_extended else (WORD, UNICODE, DWORD), rows)
    reply.u32(mapped)
    reply.u32(_outcome(mapped, len(sids)))


def lsar_lookup_sids(call: Call, request: NdrReader, reply: NdrWriter) -> Waiter[None] | None:
    """Opnum 15 ([MS-LSAT] 3.1.4.11)."""
    return _lookup_sids(call, request, reply, is_extended=False)


def lsar_lookup_sids_2(call: Call, request: NdrReader, reply: NdrWriter) -> Waiter[None] | None:
    """Opnum 57 (3.1.4.10): what Explorer's Security page asks."""
    return _lookup_sids(call, request, reply, is_extended=True)


def lsar_lookup_sids_3(_call: Call, _request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 76 (3.1.4.9): only for domain controllers."""
    _refuse(reply, status.INVALID_SERVER_STATE)


# --- names to SIDs ----------------------------------------------------------------------------------------------------


class _Form(NamedTuple):
    """One of the three forms in which a translated name is told."""

    layout: Layout
    is_extended: bool
    whole_sid: bool


_FORM_1: Final = _Form((WORD, DWORD, DWORD), is_extended=False, whole_sid=False)
_FORM_2: Final = _Form((WORD, DWORD, DWORD, DWORD), is_extended=True, whole_sid=False)
_FORM_3: Final = _Form((WORD, SID, DWORD, DWORD), is_extended=True, whole_sid=True)
_NO_RID: Final = 0xFFFFFFFF


def _lookup_names(call: Call, request: NdrReader, reply: NdrWriter, form: _Form) -> Waiter[None] | None:
    call.handles.find(request.handle(), Policy)
    count = request.u32()
    if request.u32() != count:
        raise WireError("names of two different numbers")
    names = [name or "" for name in request.unicode_array(count, MAX_LOOKUP)]
    level = _read_tail(request, form.is_extended)
    if level != _LEVEL_WKSTA:
        _refuse(reply, status.INVALID_PARAMETER)
        return None
    host = call.view.ask_host(translate.question_of_names(names))
    return afterwards(host, partial(_write_sids, call, reply, names, form))


def _write_sids(call: Call, reply: NdrWriter, names: Sequence[str], form: _Form, host: Waiter[HostAnswer]) -> None:
    domains = _Domains()
    rows: list[Row] = []
    mapped = 0
    for name in names:
        found = translate.by_name(call.view, name, host.result())
        mapped += found is not None
        use = USE_UNKNOWN if found is None else found.use
        index = domains.add(found)
        if form.whole_sid:
            rows.append((use, None if found is None else found.sid, index, 0))
        else:
            rows.append((use, _rid(found), index, 0) if form.is_extended else (use, _rid(found), index))
    domains.write(reply)
    reply.counted_rows(form.layout, rows)
    reply.u32(mapped)
    reply.u32(_outcome(mapped, len(names)))


def _rid(found: Principal | None) -> int:
    if found is None:
        return 0
    return _NO_RID if found.use == USE_DOMAIN else int.from_bytes(found.sid[-4:], "little")


def lsar_lookup_names(call: Call, request: NdrReader, reply: NdrWriter) -> Waiter[None] | None:
    """Opnum 14 ([MS-LSAT] 3.1.4.8)."""
    return _lookup_names(call, request, reply, _FORM_1)


def lsar_lookup_names_2(call: Call, request: NdrReader, reply: NdrWriter) -> Waiter[None] | None:
    """Opnum 58 (3.1.4.7)."""
    return _lookup_names(call, request, reply, _FORM_2)


def lsar_lookup_names_3(call: Call, request: NdrReader, reply: NdrWriter) -> Waiter[None] | None:
    """Opnum 68 (3.1.4.6)."""
    return _lookup_names(call, request, reply, _FORM_3)


def lsar_lookup_names_4(_call: Call, _request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 77 (3.1.4.5): only for domain controllers."""
    _refuse(reply, status.INVALID_SERVER_STATE)
