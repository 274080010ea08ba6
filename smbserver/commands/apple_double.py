"""AppleDouble files taken apart: what `._NAME` holds becomes streams of NAME, and then it goes (transcript 0024).

On shares whose option says so; when a stream of NAME is opened, or Apple's client lists the directory. Whoever looks
does it with his rights, so it is only done where both files are the same owner's. The file is removed when all of it is
on stable storage as streams, and is what it was. What cannot be taken apart stays, and is left alone until it changes.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from smbserver.backend.base import Handle, Located, StreamHandle, Streams
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError, WireError
from smbserver.nt import access, attributes, names, status
from smbserver.nt.changes import ACTION_ADDED_STREAM, ACTION_REMOVED, FILTER_STREAM_NAME, Change, name_filter
from smbserver.nt.disguises import TO_DISGUISED
from smbserver.nt.finder_info import AFP_INFO_SIZE, afp_info, finder_info
from smbserver.nt.names import Path, fold
from smbserver.nt.stream_names import AFP_INFO, AFP_RESOURCE, check_stream_name, split_stream, stream_path
from smbserver.nt.stream_names import UNNAMED as NO_STREAM
from smbserver.objects.file_access import file_rights
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.wire import apple_double as wire
from smbserver.wire import create as create_wire

log = logging.getLogger(__name__)

PREFIX: Final = "._"
MAX_SIZE: Final = 16 << 20  # bytes of a file that is taken apart; resource forks are measured in KiB
MAX_LEFT: Final = 10_000  # files that are remembered as staying
_AT_ONCE: Final = 64  # names of a directory that are looked at before others get their turn
_TAKES: Final = access.FILE_READ_DATA | access.DELETE
_GIVES: Final = access.FILE_WRITE_DATA | access.FILE_WRITE_ATTRIBUTES
# Their data are elsewhere in the file, or in no other form: as attributes they are somebody's mistake or malice.
_NOT_ATTRIBUTES: Final = frozenset(
    fold(name) for name in (AFP_INFO, AFP_RESOURCE, "com.apple.FinderInfo", "com.apple.ResourceFork")
)
Slice = Callable[[], object]
Slices = Generator[Slice, object, None]


class _Double(NamedTuple):
    """What was found: the file, and when it was written and how long it was then."""

    path: Path
    identity: tuple[int, int]
    written: int
    size: int


def double_of_stream(request: create_wire.CreateRequest, work: Work) -> Slices | None:
    """For a CREATE that names a stream: what is to be done first, None for nothing."""
    if ":" not in request.name or create_wire.TIMEWARP in request.contexts:
        return None
    try:
        name, stream = split_stream(request.name.replace("/", "\\"))
        path = names.split(names.resolve_parents(name))
    except StatusError:
        return None  # CREATE will say so
    if stream is NO_STREAM or not path:
        return None
    found = _find(work, path)
    return None if found is None else _take_apart(work, path, found)


def doubles_of_directory(opened: Open, work: Work) -> Slices:
    """For a listing that begins: the files of the directory, one after the other."""
    for number, (name, meta) in enumerate(opened.handle.scan()):
        if number % _AT_ONCE == _AT_ONCE - 1:
            yield _pause
        if not name.startswith(PREFIX) or meta.is_directory or len(name) == len(PREFIX):
            continue
        path = (*opened.path, name[len(PREFIX) :])
        found = _find(work, path)
        if found is not None:
            yield from _take_apart(work, path, found)


def first(
    slices: Slices, work: Work, opens: list[Open], then: Callable[[], "Reply | Pending[None] | Pending[Reply]"]
) -> "Reply | Pending[None] | Pending[Reply]":
    """Do it, and then what was asked for."""
    done = steps.run(work, _to_the_end(slices), opens)
    if not isinstance(done, Pending):
        return then()
    return Pending(done.waiter, lambda _: then(), can_cancel=False, stop=done.stop)


def _to_the_end(slices: Slices) -> "steps.Steps[object]":
    yield from slices
    return Reply([])


def _pause() -> None:
    """Nothing, in a thread: meanwhile others are served."""


def _find(work: Work, path: Path) -> _Double | None:
    """The double of this file, if it may be taken apart: by what it is, whose, and by whom."""
    tree = work.need_tree()
    backend = tree.share.backend
    if backend is None or backend.read_only or work.need_session().identity.is_anonymous:
        return None
    if not path or path[-1].startswith(PREFIX):
        return None
    try:
        double = backend.locate((*path[:-1], PREFIX + path[-1]))
    except (StatusError, OSError):
        return None
    try:
        if double.metadata is None:
            return None
        file = backend.locate(path)
        try:
            return _checked(work, tree, double, file)
        finally:
            file.close()
    except (StatusError, OSError):
        return None
    finally:
        double.close()


def _checked(work: Work, tree: Tree, double: Located, file: Located) -> _Double | None:
    meta, above = double.metadata, file.metadata
    if meta is None or above is None or double.identity is None or file.identity is None:
        return None
    is_plain = not meta.is_directory and not meta.reparse_tag and meta.number_of_links == 1
    if not is_plain or above.reparse_tag or not wire.HEADER.size <= meta.end_of_file <= MAX_SIZE:
        return None
    if tree.share.doubles_left.get(double.identity) == meta.last_write_time:
        return None
    files = work.connection.server.files
    state = files.find(file.identity)
    if files.find(double.identity) is not None or (state is not None and state.delete_pending):
        return None
    readonly = attributes.READONLY
    if meta.attributes & readonly or (above.attributes & readonly and not above.is_directory):
        return None
    # Who may write into the directory could lay a double beside another's file, and wait for its owner to look.
    if _owner(double) != _owner(file):
        return None
    token, most = work.token(), tree.maximal_access
    if _TAKES & ~(file_rights(double, token) & most) or _GIVES & ~(file_rights(file, token) & most):
        return None
    return _Double(double.path, double.identity, meta.last_write_time, meta.end_of_file)


def _owner(located: Located) -> tuple[bytes | None, int]:
    stored = located.descriptor()
    return None if stored is None else stored.owner, located.ownership().uid


def _take_apart(work: Work, path: Path, double: _Double) -> Slices:
    """Read, store, sync, look again, remove. Whatever fails, the double stays."""
    stored: list[StreamHandle] = []
    try:
        yield from _steps(work, path, double, stored)
    except (OSError, StatusError, WireError) as error:
        log.info("%r is not taken apart: %s", "\\".join(double.path), error)
        left = work.need_tree().share.doubles_left
        if len(left) >= MAX_LEFT:
            left.clear()
        left[double.identity] = double.written
    finally:
        for handle in stored:
            handle.close()


def _steps(work: Work, path: Path, double: _Double, stored: list[StreamHandle]) -> Slices:
    backend = work.need_tree().share.backend
    assert backend is not None
    data = yield partial(_content, _opened(work, double.path, True), double.size)
    if _find(work, path) != double:
        return
    assert isinstance(data, bytes)
    wanted = list(_streams_of(wire.decode(data)))
    file = _opened(work, path, False)
    try:
        streams = file.streams()
        missing = [(name, value) for name, value in wanted if not _has(streams, name, value, stored)]
        made: list[str] = []
        try:
            for name, value in missing:
                handle = streams.create(name)
                stored.append(handle)
                made.append(name)
                handle.hold_times(True, True, False)  # the file itself is as old as before
                handle.write(value, 0)
            yield partial(_sync, list(stored))
        except (OSError, StatusError):
            for name in made:
                with suppress(OSError):  # the Finder's information is only there once it is written
                    streams.remove(name)
            raise
    finally:
        file.close()
    if _find(work, path) != double:
        return  # it is another one now, or somebody has it open; the next look finds equal streams
    backend.remove(double.path, double.identity)
    changes = [Change(ACTION_ADDED_STREAM, FILTER_STREAM_NAME, stream_path(path, name)) for name in made]
    changes.append(Change(ACTION_REMOVED, name_filter(False), double.path))
    work.connection.server.files.watches.report(backend, changes)


def _streams_of(double: wire.AppleDouble) -> Iterator[tuple[str, bytes]]:
    """Names and data. Raises WireError for two of one name, StatusError for what no stream is called."""
    if double.finder_info is not None:
        yield AFP_INFO, afp_info(double.finder_info)
    if double.resource_fork:
        yield AFP_RESOURCE, double.resource_fork
    seen: set[str] = set()
    for name, value in double.attributes:
        wired = name.translate(TO_DISGUISED)
        check_stream_name(wired)
        folded = fold(wired)
        if folded in seen or folded in _NOT_ATTRIBUTES:
            raise WireError(f"the attribute {name!r} has no place of its own")
        seen.add(folded)
        yield wired, value


def _has(streams: Streams, name: str, value: bytes, stored: list[StreamHandle]) -> bool:
    """Whether the file has this stream already, as it should be; then it is in `stored`: nobody knows it synced.

    Raises WireError when it has another one.
    """
    found = streams.find(name)
    if found is None:
        return False
    handle = streams.open(found, False)
    stored.append(handle)
    if name == AFP_INFO:
        kept = bytes(handle.read_blocking(AFP_INFO_SIZE, 0))
        is_same = finder_info(kept) == finder_info(value)
    else:
        is_same = handle.metadata().end_of_file == len(value)
        is_same = is_same and bytes(handle.read_blocking(len(value), 0)) == value
    if not is_same:
        raise WireError(f"the file has a stream {name!r} of its own")
    return True


def _opened(work: Work, path: Path, read: bool) -> Handle:
    backend = work.need_tree().share.backend
    assert backend is not None
    located = backend.locate(path)
    try:
        if located.metadata is None:
            raise StatusError(status.OBJECT_NAME_NOT_FOUND)
        return backend.open(located, read, False)
    finally:
        located.close()


def _content(handle: Handle, size: int) -> bytes:
    """All of the file, which is closed. For a thread."""
    try:
        return bytes(handle.read_blocking(size, 0))
    finally:
        handle.close()


def _sync(handles: list[StreamHandle]) -> None:
    """All of them on stable storage. For a thread."""
    for handle in handles:
        handle.sync()
