"""samr's lists: enumerations, display information, names and RIDs of many at once. [MS-SAMR] 3.1.5.2, 3.1.5.3"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smbserver.errors import WireError
from smbserver.nt import status
from smbserver.rpc.interface import Call
from smbserver.rpc.ndr import BYTES, DWORD, UNICODE, WORD, Layout, NdrReader, NdrWriter, Row
from smbserver.rpc.sam import GROUP_ATTRIBUTES, SamDomain, SamEntry, SamUser
from smbserver.rpc.well_known import USE_UNKNOWN

MAX_LOOKUP: Final = 1000
"""Names or RIDs in one call ([MS-SAMR] 3.1.5.11.2)."""
MAX_SIDS: Final = 1024
"""SIDs of SamrGetAliasMembership; Windows's limit for the RIDs that come back (2.2.7.4)."""
MAX_ENTRIES: Final = 1000
"""Rows of one page, whatever the client has room for."""
_ENTRY_BYTES: Final = 32
"""What an entry takes besides its name: what PreferedMaximumLength is compared with (3.1.5.2.1)."""

_ENTRY: Final[Layout] = (DWORD, UNICODE)


def _page(entries: Sequence[Row], start: int, length: int, name_at: int) -> Sequence[Row]:
    """The entries from `start` on that fit into `length` bytes; one at least, or a client would ask for ever."""
    chosen: list[Row] = []
    for row in entries[start : start + MAX_ENTRIES]:
        name = row[name_at]
        length -= _ENTRY_BYTES + 2 * (len(name) if isinstance(name, str) else 0)
        if length < 0 and chosen:
            break
        chosen.append(row)
    return chosen


def write_entries(reply: NdrWriter, entries: Sequence[Row], resume: int, length: int) -> None:
    """EnumerationContext, SAMPR_ENUMERATION_BUFFER, CountReturned and the return code."""
    page = _page(entries, resume, length, 1)
    following = resume + len(page)
    more = following < len(entries)
    reply.u32(following if more else 0)
    reply.pointer()
    reply.counted_rows(_ENTRY, page)
    reply.u32(len(page))
    reply.u32(status.MORE_ENTRIES if more else status.SUCCESS)


def _enumerate(reply: NdrWriter, entries: Sequence[SamEntry], resume: int, length: int) -> None:
    write_entries(reply, [(each.rid, each.name) for each in entries], resume, length)


def samr_enumerate_groups(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 11 (3.1.5.2.3)."""
    domain = call.handles.find(request.handle(), SamDomain)
    _enumerate(reply, domain.groups, request.u32(), request.u32())


def samr_enumerate_users(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 13 (3.1.5.2.5): of the kinds that UserAccountControl names, all when it names none."""
    domain = call.handles.find(request.handle(), SamDomain)
    resume, control = request.u32(), request.u32()
    users = [each for each in domain.users if not control or control & _user(domain, each).control]
    _enumerate(reply, users, resume, request.u32())


def samr_enumerate_aliases(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 15 (3.1.5.2.4)."""
    domain = call.handles.find(request.handle(), SamDomain)
    _enumerate(reply, domain.aliases, request.u32(), request.u32())


def _user(domain: SamDomain, entry: SamEntry) -> SamUser:
    return SamUser(domain, entry)


# --- many at once -----------------------------------------------------------------------------------------------------


def _write_ids(reply: NdrWriter, values: Sequence[int]) -> None:
    """SAMPR_ULONG_ARRAY."""
    reply.counted_rows((DWORD,), [(value,) for value in values])


def _outcome(mapped: int, asked: int) -> int:
    if mapped == asked:
        return status.SUCCESS
    return status.SOME_NOT_MAPPED if mapped else status.NONE_MAPPED


def _varying(request: NdrReader) -> int:
    """The count of a conformant varying array with its own parameter in front, all of them alike."""
    count = request.u32()
    maximum, offset, actual = request.u32(), request.u32(), request.u32()
    if offset or actual != count or actual > maximum:
        raise WireError(f"{actual} elements at {offset} of {maximum}, said to be {count}")
    return count


def samr_get_alias_membership(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 16 (3.1.5.9.2): the aliases of this domain that any of the SIDs is in."""
    domain = call.handles.find(request.handle(), SamDomain)
    _write_ids(reply, domain.aliases_of(request.sid_array(MAX_SIDS)))
    reply.u32(status.SUCCESS)


def samr_lookup_names(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 17 (3.1.5.11.2)."""
    domain = call.handles.find(request.handle(), SamDomain)
    names = request.unicode_array(_varying(request), MAX_LOOKUP)
    found = [domain.find(name or "") for name in names]
    _write_ids(reply, [0 if each is None else each.rid for each in found])
    _write_ids(reply, [USE_UNKNOWN if each is None else each.use for each in found])
    reply.u32(_outcome(sum(each is not None for each in found), len(names)))


def samr_lookup_ids(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 18 (3.1.5.11.3)."""
    domain = call.handles.find(request.handle(), SamDomain)
    rids = request.u32_array(_varying(request), MAX_LOOKUP)
    found = [domain.find_rid(rid) for rid in rids]
    reply.counted_rows((UNICODE,), [(None if each is None else each.name,) for each in found])
    _write_ids(reply, [USE_UNKNOWN if each is None else each.use for each in found])
    reply.u32(_outcome(sum(each is not None for each in found), len(rids)))


# --- display information ----------------------------------------------------------------------------------------------

_DISPLAY: Final[dict[int, Layout]] = {
    1: (DWORD, DWORD, DWORD, UNICODE, UNICODE, UNICODE),
    2: (DWORD, DWORD, DWORD, UNICODE, UNICODE),
    3: (DWORD, DWORD, DWORD, UNICODE, UNICODE),
    4: (DWORD, WORD, WORD, BYTES),
    5: (DWORD, WORD, WORD, BYTES),
}
"""DOMAIN_DISPLAY_INFORMATION ([MS-SAMR] 2.2.8.12): users, machines, groups; users and groups in single bytes."""
_NAME_AT: Final = 3


def _display_rows(domain: SamDomain, level: int) -> list[Row]:
    if level == 1:
        users = enumerate(domain.users, 1)
        return [(n, each.rid, _user(domain, each).control, each.name, "", "") for n, each in users]
    if level == 3:
        return [(n, each.rid, GROUP_ATTRIBUTES, each.name, "") for n, each in enumerate(domain.groups, 1)]
    if level in (4, 5):
        entries = domain.users if level == 4 else domain.groups
        names = [each.name.encode("ascii", "replace") for each in entries]
        return [(n, len(name), len(name) + 1, name) for n, name in enumerate(names, 1)]
    return []  # there are no machine accounts


def samr_query_display_information(call: Call, request: NdrReader, reply: NdrWriter) -> None:
    """Opnum 40, 48 and 51 (3.1.5.3.1 to 3.1.5.3.3)."""
    domain = call.handles.find(request.handle(), SamDomain)
    level, start, count, length = request.u16(), request.u32(), request.u32(), request.u32()
    if level not in _DISPLAY:
        raise WireError(f"display information of level {level}")  # its union has no such arm
    rows = _display_rows(domain, level)
    page = _page(rows[: start + min(count, MAX_ENTRIES)], start, length, _NAME_AT)
    reply.u32(_size(rows))
    reply.u32(_size(page))
    reply.u16(level)
    if level in (4, 5):
        _write_short_names(reply, page)
    else:
        reply.counted_rows(_DISPLAY[level], page)
    reply.u32(status.MORE_ENTRIES if start + len(page) < len(rows) else status.SUCCESS)


def _size(rows: Sequence[Row]) -> int:
    """TotalAvailable and TotalReturned, in bytes as good as any: clients compare them with nothing."""
    return sum(_ENTRY_BYTES + 2 * len(str(row[_NAME_AT])) for row in rows)


def _write_short_names(reply: NdrWriter, page: Sequence[Row]) -> None:
    """RPC_STRINGs: arrays of bytes that are conformant and varying, which no other structure here has."""
    reply.u32(len(page))
    reply.pointer(bool(page))
    if not page:
        return
    reply.u32(len(page))
    for index, length, maximum, _name in page:
        assert isinstance(index, int)
        assert isinstance(length, int)
        assert isinstance(maximum, int)
        reply.u32(index)
        reply.u16(length)
        reply.u16(maximum)
        reply.pointer()
    for _index, length, maximum, name in page:
        assert isinstance(name, bytes)
        assert isinstance(length, int)
        assert isinstance(maximum, int)
        for value in (maximum, 0, length):
            reply.u32(value)
        reply.raw(name)
