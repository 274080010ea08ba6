"""The part of CREATE that is about named streams ([MS-FSA] 2.1.5.1.1, 2.1.5.1.2)."""

import logging

from smbserver.backend.base import Backend, Handle, Located, StreamHandle, Streams
from smbserver.commands.create_access import (
    check_delete_on_close,
    check_overwrite,
    granted_access,
    maximal_access,
    refused_by_host,
)
from smbserver.commands.create_arguments import ACTION_OF, MAKES, OVERWRITES
from smbserver.commands.create_caching import CachingRequest, MustWait
from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path, fold
from smbserver.nt.stream_names import StreamKind, StreamName
from smbserver.objects.tree import Tree
from smbserver.sharing.file_state import FileState
from smbserver.wire import create as wire

log = logging.getLogger(__name__)


def apply_kind(request: wire.CreateRequest, stream: StreamName, meta: Metadata | None) -> wire.CreateRequest:
    """The request as it stands for the kind of stream that the name asks for ([MS-FSA] 2.1.5.1 phase 7).

    Raises StatusError NOT_A_DIRECTORY, FILE_IS_A_DIRECTORY, INVALID_PARAMETER.
    """
    options = request.create_options
    if meta is None and request.create_disposition not in MAKES:
        return request  # what is not there is not of the wrong kind (phase 6)
    if stream.kind is StreamKind.INDEX:
        if options & attributes.FILE_NON_DIRECTORY_FILE or request.create_disposition in OVERWRITES:
            raise StatusError(status.INVALID_PARAMETER)
        return request.but(create_options=options | attributes.FILE_DIRECTORY_FILE)
    if stream.kind is StreamKind.ANY:
        return request
    if options & attributes.FILE_DIRECTORY_FILE:
        raise StatusError(status.NOT_A_DIRECTORY)
    if not stream.name and meta is not None and meta.is_directory:
        raise StatusError(status.FILE_IS_A_DIRECTORY)
    return request


def for_the_file(request: wire.CreateRequest) -> wire.CreateRequest:
    """What a file is made with when a stream of it is wanted: the room is for the stream."""
    contexts = {name: data for name, data in request.contexts.items() if name != wire.ALLOCATION_SIZE}
    return request.but(contexts=contexts)


def stream_of_new_file(backend: Backend, located: Located, file: Handle, name: str) -> StreamHandle:
    """The first stream of a file that was just made, and whose handle is closed here. A failure leaves no file."""
    try:
        return file.streams().create(name)
    except OSError:
        try:
            backend.remove(located.path, file.identity)
        except (OSError, StatusError) as error:
            log.warning("%r stays though its stream could not be made: %s", "\\".join(located.path), error)
        raise
    finally:
        file.close()


def open_stream(
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    backend: Backend,
    located: Located,
    stream: str,
    caching: CachingRequest | None,
) -> tuple[StreamHandle, int, int, int]:
    """A stream of a file or directory that is there: handle, create action, granted and maximal access.

    Raises StatusError, OSError as the store does, and MustWait.
    """
    base = backend.open(located, False, False)
    try:
        return _of(base, request, work, tree, located, stream, caching)
    finally:
        base.close()


def _of(
    base: Handle,
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    located: Located,
    stream: str,
    caching: CachingRequest | None,
) -> tuple[StreamHandle, int, int, int]:
    meta = located.metadata
    assert meta is not None
    disposition, options = request.create_disposition, request.create_options
    streams = base.streams()
    found = streams.find(stream)
    if found is not None and disposition == attributes.FILE_OPEN and work.need_session().is_apple:
        found = _unless_empty(streams, found)
    if found is None and disposition in (attributes.FILE_OPEN, attributes.FILE_OVERWRITE):
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    if found is not None and disposition == attributes.FILE_CREATE:
        raise StatusError(status.OBJECT_NAME_COLLISION)
    overwrite = disposition in OVERWRITES
    is_readonly = meta.attributes & attributes.READONLY != 0 and not meta.is_directory
    maximal = maximal_access(tree, located, work)
    granted = granted_access(request, maximal, is_readonly, refused_by_host(request, located, work))
    if found is None:
        check_overwrite(attributes.FILE_OVERWRITE, maximal, is_readonly)
    elif overwrite:
        check_overwrite(disposition, maximal, is_readonly)
    check_delete_on_close(request, granted, meta)
    deletes = options & attributes.FILE_DELETE_ON_CLOSE != 0
    state = work.connection.server.files.prepare(base.identity, stream)
    if state is not None:
        wanted = granted | (access.FILE_WRITE_DATA if overwrite else 0)
        key = caching.key if caching is not None and caching.key.lease_key else None
        wait = state.settle_open(key, wanted, request.share_access, overwrite, deletes)
        if wait is not None:
            raise MustWait(wait)
    if found is None:
        return streams.create(stream), attributes.CREATED, granted, maximal
    if overwrite:
        return streams.replace(found), ACTION_OF[disposition], granted, maximal
    writes = granted & (access.FILE_WRITE_DATA | access.FILE_APPEND_DATA) != 0
    return streams.open(found, writes), attributes.OPENED, granted, maximal


def _unless_empty(streams: Streams, name: str) -> str | None:
    """Apple's client empties a stream to delete it, and does not want to find it then; others have empty streams."""
    try:
        handle = streams.open(name, False)
    except OSError:
        return name  # whatever it is, the open will say
    try:
        return name if handle.metadata().end_of_file else None
    finally:
        handle.close()


def clear_streams(file: Handle, path: Path, state: FileState | None, backend: Backend, tree: Tree) -> None:
    """An overwritten file has its unnamed stream only. One that is open is emptied and goes with its last close."""
    streams = file.streams()
    for name in streams.names():
        opened = None if state is None else state.streams.get(fold(name))
        if opened is None:
            streams.remove(name)
        else:
            streams.replace(name).close()
            opened.set_delete(path, backend, tree.acting)
