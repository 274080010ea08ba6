"""The host's word in a CREATE: of what MAXIMUM_ALLOWED asks for, what the file's permissions refuse is left out."""

from collections.abc import Iterator
from typing import Final

from smbserver.backend.base import Backend, Handle, Located
from smbserver.nt import access
from smbserver.wire import create as wire

_READS: Final = access.FILE_READ_DATA | access.FILE_EXECUTE
_WRITES: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA
# What needs the same permission of the host as to write, and as to read, the data.
_LIKE_WRITING: Final = _WRITES | access.FILE_WRITE_EA | access.FILE_WRITE_ATTRIBUTES
_LIKE_READING: Final = _READS | access.FILE_READ_EA


def open_allowed(
    request: wire.CreateRequest, backend: Backend, located: Located, granted: int, overwrites: bool
) -> tuple[Handle, int]:
    """Open what was located; the handle and the rights of the open, `granted` or, when all that is allowed was asked
    for, as many of them as the host allows. Raises StatusError and OSError as `Backend.open`.
    """
    is_directory = located.metadata is not None and located.metadata.is_directory
    refused: PermissionError | None = None
    for rights in _from_most(request, granted, overwrites):
        writes = (overwrites or rights & _WRITES != 0) and not is_directory
        try:
            return backend.open(located, rights & _READS != 0, writes), rights
        except PermissionError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _from_most(request: wire.CreateRequest, granted: int, overwrites: bool) -> Iterator[int]:
    """The rights to try, each less than the one before; what was asked for by name is in all of them."""
    yield granted
    if overwrites or not request.desired_access & access.MAXIMUM_ALLOWED:
        return
    named = access.expand_generic(request.desired_access & ~access.MAXIMUM_ALLOWED)
    tried = granted
    for without in (_LIKE_WRITING, _LIKE_WRITING | _LIKE_READING):
        less = granted & ~(without & ~named)
        if less != tried:
            tried = less
            yield less
