"""CREATE ([MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1): open or make a file or a directory, or open a named pipe.

The order: arguments, name, what is there, access, share mode, then the deed. Between the look and the deed nothing else
runs, except local programs; for those the backend compares identities and the open is tried again.
"""

import errno
from functools import partial
from typing import Final, TypeVar

from smbserver.backend.base import Backend, Handle, Located, StoppedOnLink, StreamHandle
from smbserver.commands.apple_double import double_of_stream, first
from smbserver.commands.create_access import (
    check_delete_on_close,
    check_overwrite,
    descriptor_of_new,
    granted_access,
    maximal_access,
    maximal_of_new,
    refused_by_host,
)
from smbserver.commands.create_apple import apple_context
from smbserver.commands.create_arguments import (
    ACTION_OF,
    DELEGATE,
    OVERWRITES,
    check_arguments,
    check_existing,
    check_new,
    check_overwritten,
    check_who,
    new_attributes,
)
from smbserver.commands.create_caching import (
    CachingRequest,
    MustWait,
    caching_request,
    caching_response,
    grant,
    oplock_state,
)
from smbserver.commands.create_durable import (
    DurableRequest,
    can_be_replayed,
    displace,
    durable_request,
    durable_response,
    grant_durable,
    known_open,
)
from smbserver.commands.create_ea import check_knowledge, requested_eas
from smbserver.commands.create_links import check_link, stopped_on_symlink
from smbserver.commands.create_names import is_quota_file, wanted_path
from smbserver.commands.create_posix import (
    deletes_readonly,
    is_posix,
    posix_answer,
    posix_context,
    posix_request,
    wanted_mode,
)
from smbserver.commands.create_response import create_response
from smbserver.commands.create_size import (
    MustResize,
    allocate,
    check_client,
    finish_overwrite,
    large_room,
    resize_first,
)
from smbserver.commands.create_stream import apply_kind, for_the_file, open_stream, stream_of_new_file
from smbserver.commands.previous_version import version_of
from smbserver.commands.resize import is_long_cut
from smbserver.commands.slow_looks import SLOW, MustLookAhead, found_slow, look_ahead
from smbserver.connection.connection import MAX_PENDING
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, names, status
from smbserver.nt.metadata import Metadata
from smbserver.nt.stream_names import UNNAMED, StreamName
from smbserver.objects.changes import report_created, report_made
from smbserver.objects.open import Open
from smbserver.objects.pipe import connect_pipe
from smbserver.objects.server_view import caller_of
from smbserver.objects.tree import Tree
from smbserver.sharing.file_state import FileState
from smbserver.sharing.holder import Holder
from smbserver.waiter import Waiter
from smbserver.wire import create as wire

T = TypeVar("T")

_READS: Final = access.FILE_READ_DATA | access.FILE_EXECUTE
_WRITES: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA
_ARCHIVE_OR_DIRECTORY: Final = attributes.ARCHIVE | attributes.DIRECTORY

MAX_OPENS: Final = 65536  # of one session; each costs a descriptor
_TRIES: Final = 3  # when a local program swaps the file between look and open


def create(
    request: wire.CreateRequest, work: Work, looked_ahead: bool = False
) -> Reply | Pending[None] | Pending[Reply]:
    """Open what the request names. `looked_ahead`: a thread has been there."""
    tree = work.need_tree()
    session = work.need_session()
    if len(session.opens) >= MAX_OPENS:
        raise StatusError(status.INSUFFICIENT_RESOURCES)
    asked = request
    if request.contexts and is_posix(request):
        request = posix_request(request, work, tree)
    if tree.share.apple_double:
        slices = double_of_stream(request, work)
        if slices is not None:  # and then there is no double, or one that stays
            return first(slices, work, [], partial(_go_on, asked, work, tree, False))
    durable = durable_request(request, work) if request.contexts and tree.share.backend is not None else None
    if durable is not None:
        known = known_open(durable, request, work)
        if known is not None:
            return _answer_again(request, durable, known, work)
    check_who(request)
    backend = tree.share.backend
    if backend is None:
        opened, action, meta = _open_pipe(request, work, tree)
    else:
        work.check_user()
        try:
            opened, action, meta = _open_file(request, work, tree, backend, durable, looked_ahead)
        except MustLookAhead as look:
            _hold_replays(look.waiter, work, durable)
            can_replay = can_be_replayed(durable)
            return Pending(look.waiter, lambda _: _go_on(asked, work, tree, can_replay, True), can_cancel=False)
        except MustWait as stop:
            return _wait(stop.waiter, asked, work, tree, durable)
        except MustResize as large:
            answer = partial(_answer_resized, request, work, tree, durable, large)
            pending = resize_first(work, tree, can_be_replayed(durable), large, answer)
            _hold_replays(pending.waiter, work, durable)
            return pending
    return _opened(request, work, tree, durable, opened, action, meta)


def _opened(
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    durable: DurableRequest | None,
    opened: Open,
    action: int,
    meta: Metadata,
) -> Reply:
    """The open is the client's from here on."""
    session = work.need_session()
    opened.sequence.number = work.channel_sequence
    opened.session = session
    session.opens[opened.volatile_id] = opened
    work.opened = opened
    work.looked = meta
    if action != attributes.OPENED:
        report_created(work.connection.server.files.watches, opened, action)
    level, told = caching_response(opened)
    if durable is not None and not opened.backend.read_only:
        grant_durable(durable, work, opened, action)
        told += durable_response(durable, opened)
    if request.contexts and opened.pipe is None:
        told += apple_context(request, session, tree.share)
        told += posix_context(request, opened, meta)
    return Reply([create_response(request, opened, action, meta, level, told)])


def _answer_resized(
    request: wire.CreateRequest, work: Work, tree: Tree, durable: DurableRequest | None, large: MustResize
) -> Reply:
    meta = large.finish()
    return _opened(request, work, tree, durable, large.opened, large.action, meta)


def _go_on(
    asked: wire.CreateRequest, work: Work, tree: Tree, can_replay: bool, looked_ahead: bool = False
) -> Reply | Pending[None] | Pending[Reply]:
    """Everything once more, if there still is somebody to open for: nothing would ever close an open without a tree."""
    check_client(work, tree, can_replay)
    return create(asked, work, looked_ahead)


def _wait(
    waiter: Waiter[None], asked: wire.CreateRequest, work: Work, tree: Tree, durable: DurableRequest | None
) -> Pending[None]:
    """Everything is looked at again when the waiter resolves; until then a replay is told to come again."""
    _hold_replays(waiter, work, durable)
    outlives = can_be_replayed(durable)
    return Pending(waiter, lambda _: _go_on(asked, work, tree, outlives), can_cancel=True, outlives_channel=outlives)


def _hold_replays(waiter: Waiter[T], work: Work, durable: DurableRequest | None) -> None:
    if durable is not None:
        creates, key = work.connection.server.files.creates, durable.key
        creates.begin(key)
        waiter.when_done(lambda _: creates.end(key))


def _answer_again(request: wire.CreateRequest, durable: DurableRequest, opened: Open, work: Work) -> Reply:
    """The reply for an open that is taken back, or whose CREATE is replayed."""
    session = work.need_session()
    opened.session = session
    session.opens[opened.volatile_id] = opened
    work.opened = opened
    meta = opened.metadata()
    durability = opened.holder.durability
    if durable.reconnects is not None or durability is None:
        level, told = caching_response(opened)
        told += posix_answer(opened, meta)
        return Reply([create_response(request, opened, attributes.OPENED, meta, level, told)])
    level, told = caching_response(opened, oplock_state(request.requested_oplock_level))
    told += posix_answer(opened, meta)
    if level in (wire.OPLOCK_LEVEL_BATCH, wire.OPLOCK_LEVEL_LEASE):
        told += durable_response(durable, opened)
    return Reply([create_response(request, opened, durability.action, meta, level, told)])


def _open_pipe(request: wire.CreateRequest, work: Work, tree: Tree) -> tuple[Open, int, Metadata]:
    """A new instance of a pipe. Disposition, attributes, share access and options mean nothing here ([MS-SMB2] 2.2.13);
    so nothing of delete-on-close reaches a pipe.
    """
    if request.impersonation_level == DELEGATE:
        raise StatusError(status.BAD_IMPERSONATION_LEVEL)
    server = work.connection.server
    granted = granted_access(request, tree.maximal_access)
    number = server.new_open_id()
    caller = caller_of(work.need_session().identity, work.connection.address)
    handle = connect_pipe(request.name, server.view, caller, number, server.runtime.now())
    holder = Holder(granted, 0, (handle.name,), server.pipe_store)
    state = server.files.enter(handle.identity, holder)
    opened = Open(number, tree, server.pipe_store, handle, state, holder, 0, False)
    return opened, attributes.OPENED, handle.metadata()


def _open_file(
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    backend: Backend,
    durable: DurableRequest | None,
    looked_ahead: bool,
) -> tuple[Open, int, Metadata]:
    if "/" in request.name:  # in no name ([MS-FSCC] 2.1.5), so it is meant as "\\"; Samba takes it as that too
        request = request.but(name=request.name.replace("/", "\\"))
    check_arguments(request)
    name = request.name
    if request.contexts or tree.share.snapshots is not None:
        name, backend = version_of(request, tree, backend)
    quota_store = work.connection.server.quota_store
    if quota_store is not None and is_quota_file(name):
        backend, name = quota_store, ""
    path, stream = wanted_path(name, tree.share.has_streams)
    if backend.read_only:
        durable = None  # there is nothing to lose, and its name could not be told from the live file's
    clock, share = work.connection.server.runtime.seconds, tree.share
    begun = clock()
    if begun < share.looks_slow_until and not looked_ahead and len(work.connection.pending) < MAX_PENDING:
        raise MustLookAhead(look_ahead(work, backend, path))
    try:
        for _ in range(_TRIES):
            try:
                return _open(request, work, tree, backend, path, stream, durable)
            except StoppedOnLink as stop:
                raise stopped_on_symlink(request.name, stop) from None
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
    finally:
        ended = clock()
        if ended - begun > SLOW and not looked_ahead:  # a thread was just there: whatever it is, it is not the disk
            found_slow(share, ended)
    raise StatusError(status.SHARING_VIOLATION)


def _open(
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    backend: Backend,
    path: names.Path,
    stream: StreamName,
    durable: DurableRequest | None,
) -> tuple[Open, int, Metadata]:
    named = stream.name
    exact = is_posix(request) if request.contexts else False
    located = backend.locate(path, request.create_disposition != attributes.FILE_CREATE, exact)
    try:
        resizes = work.connection.server.files.resizes
        if resizes.under_way:
            wait = resizes.wait(located.identity)
            if wait is not None:
                raise MustWait(wait)
        found = located.metadata
        if found is not None and found.reparse_tag:
            check_link(request, located, backend)
        if stream is not UNNAMED:
            request = apply_kind(request, stream, found)
        caching = caching_request(request, work, located, named)
        if durable is not None and durable.app_instance is not None and located.identity is not None:
            displace(durable, work, tree, located.identity, named)
        if found is None:
            made = for_the_file(request) if named else request
            handle, action, granted, maximal = _make(made, work, tree, backend, located)
            if named:
                handle = stream_of_new_file(backend, located, handle, named)
        elif named:
            handle, action, granted, maximal = open_stream(request, work, tree, backend, located, named, caching)
        else:
            handle, action, granted, maximal = _open_existing(request, work, tree, backend, located, caching)
        try:
            if named and action != attributes.OPENED:
                allocate(request, handle)
            is_as_found = action == attributes.OPENED and not named
            meta = found if found is not None and is_as_found else handle.metadata()
            opened = _enter(request, work, tree, backend, located, handle, granted, named)
            opened.maximal_access = maximal
        except BaseException:
            handle.close()
            raise
        if action != attributes.OPENED:
            cuts = action != attributes.CREATED and found is not None and not named and is_long_cut(found, 0)
            room = large_room(request, handle)
            if cuts or room:
                rest = partial(finish_overwrite, request, tree, backend, handle, located.path, opened.state)
                finish = partial(_finish_resized, work, opened, caching, found is None)
                raise MustResize(opened, action, rest if cuts else None, room, finish)
        _finish(work, opened, meta, caching, found is None)
    finally:
        located.close()
    return opened, action, meta if opened.state.deferred is None else opened.shown(meta)


def _finish_resized(work: Work, opened: Open, caching: CachingRequest | None, is_new: bool) -> Metadata:
    """Goes on behind the thread: what was looked at before it is not looked at again."""
    meta = opened.handle.metadata()
    _finish(work, opened, meta, caching, is_new)
    return opened.shown(meta)


def _finish(work: Work, opened: Open, meta: Metadata, caching: CachingRequest | None, is_new: bool) -> None:
    """`is_new`: so is the file, of which this may be a stream."""
    opened.state.lacks_archive = not meta.attributes & _ARCHIVE_OR_DIRECTORY
    if caching is not None:
        grant(caching, work, opened)
    if is_new and opened.holder.stream:
        report_made(work.connection.server.files.watches, opened)


def _open_existing(
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    backend: Backend,
    located: Located,
    caching: CachingRequest | None,
) -> tuple[Handle, int, int, int]:
    meta, identity = located.metadata, located.identity
    assert meta is not None
    assert identity is not None
    disposition, options = request.create_disposition, request.create_options
    check_existing(request, meta, not located.path)
    overwrite = disposition in OVERWRITES
    is_readonly = meta.attributes & attributes.READONLY != 0 and not meta.is_directory
    maximal = maximal_access(tree, located, work)
    refused = refused_by_host(request, located, work)
    granted = granted_access(request, maximal, is_readonly, refused)
    if overwrite:
        check_overwrite(disposition, maximal, is_readonly)
        check_overwritten(request, meta, backend.hides(located.path[-1]))
    deletes = options & attributes.FILE_DELETE_ON_CLOSE != 0
    if deletes:
        check_delete_on_close(request, granted, meta, deletes_readonly(request, maximal))
        if not located.path:
            raise StatusError(status.CANNOT_DELETE)  # the root of the share
        located.check_remove()
    state = work.connection.server.files.find(identity)
    if state is not None:
        wanted = granted | (access.FILE_WRITE_DATA if overwrite else 0)
        key = caching.key if caching is not None and caching.key.lease_key else None
        wait = state.settle_open(key, wanted, request.share_access, overwrite, deletes)
        if wait is not None:
            raise MustWait(wait)
    eas = requested_eas(request, backend.supports_eas) if overwrite else []
    reads = granted & _READS != 0
    writes = overwrite or granted & _WRITES != 0
    handle = backend.open(located, reads, writes and not meta.is_directory)
    try:
        if options & attributes.FILE_NO_EA_KNOWLEDGE:
            check_knowledge(handle)
        if overwrite:
            if eas:
                handle.set_eas(eas)
            if not is_long_cut(meta, 0):
                handle.truncate(0)
                finish_overwrite(request, tree, backend, handle, located.path, state)
    except BaseException:
        handle.close()
        raise
    return handle, ACTION_OF.get(disposition, attributes.OPENED), granted, maximal & ~refused


def _make(
    request: wire.CreateRequest, work: Work, tree: Tree, backend: Backend, located: Located
) -> tuple[Handle, int, int, int]:
    check_new(request)
    is_directory = request.create_options & attributes.FILE_DIRECTORY_FILE != 0
    token = work.token()
    descriptor = descriptor_of_new(request, tree, backend, located, token)
    granted = granted_access(request, tree.maximal_access)
    check_delete_on_close(request, granted, None)
    eas = requested_eas(request, backend.supports_eas)
    if is_directory:
        handle = backend.create_directory(
            located, new_attributes(request), descriptor=descriptor, mode=wanted_mode(request)
        )
    else:
        handle = backend.create_file(located, new_attributes(request), descriptor=descriptor, mode=wanted_mode(request))
    try:
        if request.create_options & attributes.FILE_NO_COMPRESSION and backend.features.compression:
            handle.ranges().compress(False)  # what the directory would have passed on ([MS-FSA] 2.1.5.1.1)
        if eas:
            handle.set_eas(eas)
        if not is_directory:
            allocate(request, handle)
    except BaseException:  # a refused CREATE leaves nothing
        handle.close()
        backend.remove(located.path, handle.identity)
        raise
    return handle, attributes.CREATED, granted, maximal_of_new(tree, descriptor, token)


def _enter(
    request: wire.CreateRequest,
    work: Work,
    tree: Tree,
    backend: Backend,
    located: Located,
    handle: Handle,
    granted: int,
    stream: str,
) -> Open:
    server = work.connection.server
    options = request.create_options
    if stream and isinstance(handle, StreamHandle):
        stream = handle.stream  # as it is stored
    holder = Holder(granted, request.share_access, located.path, backend, stream)
    state: FileState = server.files.enter(handle.identity, holder)
    return Open(
        server.new_open_id(),
        tree,
        backend,
        handle,
        state,
        holder,
        options & attributes.MODE_OPTIONS,
        options & attributes.FILE_DELETE_ON_CLOSE != 0,
    )
