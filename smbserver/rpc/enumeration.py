"""Methods that return a list by level, in pages: their common parameters, the paging, their common reply.

Used by NetrShareEnum ([MS-SRVS] 3.1.4.8) and NetrWkstaUserEnum ([MS-WKST] 3.2.4.3), which have the same shape:
ServerName, {Level, union of containers}, PreferredMaximumLength, TotalEntries, ResumeHandle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from smbserver.errors import WireError
from smbserver.rpc.levels import LevelTable
from smbserver.rpc.ndr import NdrReader, NdrWriter, Row, wire_size
from smbserver.rpc.win32 import ERROR_INVALID_LEVEL, ERROR_MORE_DATA, NERR_BUF_TOO_SMALL, NERR_SUCCESS

MAX_ENUMERATION_BYTES: Final = 512 * 1024
"""Rows of one reply, also when the client sets no limit (MAX_PREFERRED_LENGTH): some thousand shares, then
ERROR_MORE_DATA.
"""

T = TypeVar("T")


class Enumeration(NamedTuple):
    """The [in] parameters that matter; ServerName and what the client put into the container are dropped."""

    level: int
    preferred_length: int
    """Bytes of rows that the client wants at most."""
    resume: int | None
    """How many items to leave out; None when the client gave no ResumeHandle."""
    filters: tuple[str, ...] = ()
    """The texts between ServerName and Level; a null one is empty."""


def read_enumeration(request: NdrReader, table: LevelTable[T], filters: int = 0) -> Enumeration:
    """Reads the parameters as far as they can be read: behind an unknown level nobody knows where the others are.

    `filters` is how many texts stand between ServerName and Level.
    """
    request.optional_string()  # ServerName
    chosen = tuple([request.optional_string() or "" for _ in range(filters)])
    level = request.u32()
    if request.u32() != level:
        raise WireError("the union's tag is not its Level")
    known = table.levels.get(level)
    if known is None:
        return Enumeration(level, 0, None, chosen)
    if request.pointer():
        count = request.u32()
        if request.pointer():
            request.rows(known.layout, count)
    return Enumeration(level, request.u32(), request.optional_u32(), chosen)


def answer_enumeration(reply: NdrWriter, asked: Enumeration, table: LevelTable[T], items: Sequence[T]) -> None:
    """Writes the page that was asked for, or the refusal of its level."""
    known = table.levels.get(asked.level)
    if known is None:
        refuse_enumeration(reply, asked, table, ERROR_INVALID_LEVEL)
        return
    start = min(asked.resume or 0, len(items))
    budget = min(asked.preferred_length, MAX_ENUMERATION_BYTES)
    rows: list[Row] = []
    for item in items[start:]:
        row = known.row(item)
        budget -= wire_size(known.layout, row)
        if budget < 0:
            break
        rows.append(row)
    status, resume = NERR_SUCCESS, 0
    if start + len(rows) < len(items):
        # A page without a single row must not say "more data": a client would ask for it for ever.
        status = ERROR_MORE_DATA if rows else NERR_BUF_TOO_SMALL
        resume = start + len(rows)
    reply.u32(asked.level)
    reply.u32(asked.level)
    reply.pointer()
    reply.u32(len(rows))
    reply.pointer(bool(rows))
    if rows:
        reply.rows(known.layout, rows)
    reply.u32(len(items) - start)
    reply.optional_u32(None if asked.resume is None else resume)
    reply.u32(status)


def refuse_enumeration(reply: NdrWriter, asked: Enumeration, table: LevelTable[T], code: int) -> None:
    """Writes the reply of a failed call: no container, no entries, the client's handle unchanged."""
    reply.u32(asked.level)
    table.write_nothing(reply, asked.level)
    reply.u32(0)
    reply.optional_u32(asked.resume)
    reply.u32(code)
