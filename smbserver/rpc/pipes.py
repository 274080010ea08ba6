"""The table of pipe names. A name that is not in it does not exist; no name ever becomes a path (CVE-2023-3961)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from smbserver.rpc.interface import Interface
from smbserver.rpc.lsarpc import LSARPC
from smbserver.rpc.pipe import RpcPipe
from smbserver.rpc.samr import SAMR
from smbserver.rpc.server_view import Caller, ServerView
from smbserver.rpc.srvsvc import SRVSVC
from smbserver.rpc.wkssvc import WKSSVC


class PipeService(NamedTuple):
    """A pipe's proper name and the interfaces that may be bound on it."""

    name: str
    interfaces: tuple[Interface, ...]


PIPES: Final[Mapping[str, PipeService]] = {
    service.name: service
    for service in (
        PipeService("srvsvc", (SRVSVC,)),
        PipeService("wkssvc", (WKSSVC,)),
        PipeService("lsarpc", (LSARPC,)),
        PipeService("samr", (SAMR,)),
    )
}


def find_pipe(name: str) -> PipeService | None:
    """The service behind a name that a client opens on IPC$, in any case. Names have no backslash in front: those that
    SMB1 had are not found, as with Windows.
    """
    if not name.isascii():  # the Kelvin sign would become a k
        return None
    return PIPES.get(name.lower())


def open_pipe(name: str, view: ServerView, caller: Caller) -> RpcPipe | None:
    """A fresh pipe for this caller, or None: answer STATUS_OBJECT_NAME_NOT_FOUND."""
    service = find_pipe(name)
    if service is None:
        return None
    return RpcPipe(service.name, service.interfaces, view, caller)
