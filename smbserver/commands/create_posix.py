"""The part of CREATE that is about POSIX extensions: what the context makes of a name, and the context of the reply.

It says how names are read and what an answer holds; rights are asked as for every open (transcript 0025).
"""

from typing import Final

from smbserver.connection.work import Work
from smbserver.errors import StatusError, WireError
from smbserver.nt import access, attributes, status
from smbserver.nt.disguises import disguised_path
from smbserver.nt.metadata import Metadata
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.wire import create as wire
from smbserver.wire import posix

_GIVEN: Final = 0o1777  # of a mode that is asked for; nobody makes a file setuid this way


def posix_request(request: wire.CreateRequest, work: Work, tree: Tree) -> wire.CreateRequest:
    """The request with its name as any other client would write it; without the context where that means nothing.

    Raises StatusError INVALID_PARAMETER for a context that is no mode.
    """
    backend = tree.share.backend
    if not work.connection.posix or backend is None or not backend.posix_semantics:
        contexts = {name: data for name, data in request.contexts.items() if name != posix.CONTEXT}
        return request.but(contexts=contexts)
    try:
        mode = posix.decode_mode(request.contexts[posix.CONTEXT])
    except WireError:
        raise StatusError(status.INVALID_PARAMETER) from None
    # Linux says READONLY beside a mode that nobody may write with; a chmod would not take it away again.
    kept = ~attributes.READONLY if mode is not None else ~0
    return request.but(name=disguised_path(request.name), file_attributes=request.file_attributes & kept)


def is_posix(request: wire.CreateRequest) -> bool:
    """Whether a request that was settled so is one of POSIX."""
    return posix.CONTEXT in request.contexts


def wanted_mode(request: wire.CreateRequest) -> int | None:
    """The mode of what is made, None for the usual one."""
    if posix.CONTEXT not in request.contexts:
        return None
    mode = posix.decode_mode(request.contexts[posix.CONTEXT])
    return None if mode is None else mode & _GIVEN


def deletes_readonly(request: wire.CreateRequest, maximal: int) -> bool:
    """Whether READONLY does not keep this one from deleting: in POSIX it does not, and he could take it away."""
    return posix.CONTEXT in request.contexts and maximal & access.FILE_WRITE_ATTRIBUTES != 0


def posix_context(request: wire.CreateRequest, opened: Open, meta: Metadata) -> list[tuple[bytes, bytes]]:
    """Make the open one of POSIX, if it was asked for; the context of the reply."""
    if posix.CONTEXT not in request.contexts:
        return []
    opened.is_posix = True
    opened.posix_delete = opened.delete_on_close
    return posix_answer(opened, meta)


def posix_answer(opened: Open, meta: Metadata) -> list[tuple[bytes, bytes]]:
    """The context of a reply for an open of POSIX; none for others."""
    return [(posix.CONTEXT, posix.created(meta, opened.handle.ownership()))] if opened.is_posix else []
