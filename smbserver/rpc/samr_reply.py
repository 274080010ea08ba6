"""Two shapes in which many methods of samr answer: a handle that was opened, and a level of information."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.rpc import rights
from smbserver.rpc.interface import Call
from smbserver.rpc.ndr import NO_HANDLE, Layout, NdrWriter, Row

T = TypeVar("T")


def open_object(call: Call, reply: NdrWriter, value: object, desired: int, readable: int) -> None:
    """Writes a handle and the return code. Callers who have proven nothing get none."""
    handle, code = NO_HANDLE, status.SUCCESS
    if not call.caller.is_known or not rights.may_have(desired, readable):
        code = status.ACCESS_DENIED
    else:
        try:
            handle = call.handles.open(value)
        except StatusError as error:
            code = error.status
    reply.handle(handle)
    reply.u32(code)


def write_info(reply: NdrWriter, levels: Mapping[int, tuple[Layout, Callable[[T], Row]]], level: int, item: T) -> None:
    """A pointer to a union with a 16-bit tag, and the return code."""
    known = levels.get(level)
    if known is None:
        reply.pointer(False)
        reply.u32(status.INVALID_INFO_CLASS)
        return
    layout, row = known
    reply.pointer()
    reply.u16(level)
    reply.structure(layout, row(item))
    reply.u32(status.SUCCESS)
