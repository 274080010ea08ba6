"""The part of SET_INFO that gives a stream another name ([MS-FSA] 2.1.5.15.12.1)."""

from typing import Final

from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import changes, status
from smbserver.nt.names import fold
from smbserver.nt.stream_names import StreamKind, StreamName, parse_suffix
from smbserver.objects.changes import report_stream_renamed
from smbserver.objects.durable import open_of
from smbserver.objects.open import Open
from smbserver.sharing.file_state import FileState
from smbserver.waiter import Waiter
from smbserver.wire import file_info

_COPY_STEP: Final = 1 << 20  # bytes
MAX_MOVED: Final = 16 << 20  # bytes of a stream that becomes the file's data: it is copied while everybody waits


def rename_stream(target: file_info.RenameTarget, opened: Open, work: Work) -> Waiter[None] | None:
    """Rename to `:name` or `:name:$DATA`. What must be waited for first, if anything.

    Raises StatusError INVALID_PARAMETER, OBJECT_TYPE_MISMATCH, OBJECT_NAME_COLLISION, NOT_SUPPORTED.
    """
    to = _wanted(target.name)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_PARAMETER)
    state = opened.state
    if state is state.file:
        # The file's own data would become a stream and the file be empty. No client is known to do that.
        raise StatusError(status.NOT_SUPPORTED)
    if fold(to.name) == state.stream:
        return None
    wait = state.break_handles(opened.holder.key)
    if wait is not None:
        return wait
    if to.name:
        _free(state.file, to.name, target.replace_if_exists, opened)
        _move(opened, to.name, work)
    else:
        _become_unnamed(opened, work)
    return None


def _wanted(name: str) -> StreamName:
    """The algorithm calls invalid parameters what CREATE calls invalid names. Real clients leave the type out."""
    try:
        to = parse_suffix(name.removeprefix(":"))
    except StatusError:
        raise StatusError(status.INVALID_PARAMETER) from None
    if to.kind is not StreamKind.DATA:
        raise StatusError(status.OBJECT_TYPE_MISMATCH)
    return to


def _free(file: FileState, name: str, replace: bool, opened: Open) -> None:
    """Only an empty stream that nobody has open is replaced."""
    streams = opened.handle.streams()
    other = streams.find(name)
    if other is None:
        return
    if not replace:
        raise StatusError(status.OBJECT_NAME_COLLISION)
    if fold(name) in file.streams:
        raise StatusError(status.INVALID_PARAMETER)
    standing = streams.open(other, False)
    try:
        size = standing.metadata().end_of_file
    finally:
        standing.close()
    if size:
        raise StatusError(status.INVALID_PARAMETER)
    streams.remove(other)


def _move(opened: Open, name: str, work: Work) -> None:
    files = work.connection.server.files
    old = opened.holder.stream
    opened.handle.streams().rename(old, name)
    files.stream_renamed(opened.state, name)
    for holder in opened.state.holders:
        open_of(holder).stream_renamed(name)
    opened.changed(changes.FILTER_ATTRIBUTES)
    report_stream_renamed(files.watches, opened, old)


def _become_unnamed(opened: Open, work: Work) -> None:
    """The stream's data become the file's own, which must be empty and not open, as for any other target."""
    files = work.connection.server.files
    state, old = opened.state, opened.holder.stream
    located = opened.backend.locate(opened.path)
    try:
        meta = located.metadata
        if meta is None or located.identity != opened.handle.identity:
            raise StatusError(status.SHARING_VIOLATION)  # a local program was faster
        if meta.is_directory or meta.end_of_file or state.file.holders or len(state.holders) > 1 or opened.is_in_use:
            raise StatusError(status.INVALID_PARAMETER)
        if opened.handle.metadata().end_of_file > MAX_MOVED:
            raise StatusError(status.NOT_SUPPORTED)
        handle = opened.backend.open(located, True, True)
    finally:
        located.close()
    try:
        offset = 0
        while data := opened.handle.read_blocking(_COPY_STEP, offset):
            handle.write(memoryview(data), offset)
            offset += len(data)
    except BaseException:
        handle.truncate(0)
        handle.close()
        raise
    opened.handle.streams().remove(old)
    files.stream_renamed(state, "")
    opened.exchange_handle(handle)
    opened.changed(changes.FILTER_WRITTEN)
    report_stream_renamed(files.watches, opened, old)
