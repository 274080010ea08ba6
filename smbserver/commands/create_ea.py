"""The part of CREATE that is about EAs: those that a new file is to have, and those that must be understood."""

from smbserver.backend.base import Handle
from smbserver.errors import StatusError
from smbserver.nt import attributes, status
from smbserver.nt.extended_attributes import FILE_NEED_EA, Ea
from smbserver.wire import create as wire
from smbserver.wire import ea as ea_wire


def requested_eas(request: wire.CreateRequest, is_supported: bool) -> list[Ea]:
    """What the context ExtA of a CREATE wants a new file to have; judged before anything is made.

    Raises StatusError as `set_ea`, and ACCESS_DENIED from a client that says it knows nothing of EAs.
    """
    data = request.contexts.get(wire.EA_BUFFER)
    if not data:
        return []
    if not is_supported:
        raise StatusError(status.EAS_NOT_SUPPORTED)
    if request.create_options & attributes.FILE_NO_EA_KNOWLEDGE:
        raise StatusError(status.ACCESS_DENIED)
    return ea_wire.wanted_changes(memoryview(data))


def check_knowledge(handle: Handle) -> None:
    """Who knows nothing of EAs may not open what cannot be understood without ([MS-FSA] 2.1.5.1.2)."""
    if any(ea.flags & FILE_NEED_EA for ea in handle.get_eas()):
        raise StatusError(status.ACCESS_DENIED)
