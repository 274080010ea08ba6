"""QUERY_DIRECTORY ([MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3)."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Final

from smbserver.backend.base import Backend, Located
from smbserver.commands.apple_double import doubles_of_directory, first
from smbserver.commands.apple_entries import apple_entries
from smbserver.commands.posix_info import posix_entries
from smbserver.commands.slow_looks import SLOW, found_slow, look_ahead, look_at_entries
from smbserver.commands.visible_entries import visible_entries
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, names, status
from smbserver.nt.disguises import PlainPattern, disguised
from smbserver.nt.metadata import Metadata
from smbserver.nt.short_names import short_name
from smbserver.objects.open import Cursor, Open
from smbserver.waiter import Waiter
from smbserver.wire import query_directory as wire
from smbserver.wire.directory_info import CLASSES, ID_BOTH_DIRECTORY, POSIX, WITH_EA_SIZE, EntryList

MAX_BATCH: Final = 256 * 1024  # of one reply, whatever its client has room for
SLICE: Final = 64  # entries looked at before the other clients have their turn: some two milliseconds
FIRST_LOOK: Final = 256  # entries that a thread looks at first, where that is slow
MOST_LOOKED_AT: Final = 1024  # and at a time
_CLOCKED: Final = 8  # of them, between two looks at the clock: each may be on a slow disk


def query_directory(request: wire.QueryDirectoryRequest, work: Work) -> Reply | Pending[None] | Pending[Reply]:
    """The next entries that match, as many as fit; NO_SUCH_FILE or NO_MORE_FILES when there are none."""
    opened = work.need_open()
    if opened.tree.share.apple_double and _begins(request, opened) and work.need_session().is_apple:
        return first(doubles_of_directory(opened, work), work, [opened], lambda: _query(request, work, opened))
    return _query(request, work, opened)


def _begins(request: wire.QueryDirectoryRequest, opened: Open) -> bool:
    """Whether a listing of a directory, more than a look for one name, begins with this request."""
    is_new = opened.cursor is None or request.flags & (wire.RESTART_SCANS | wire.REOPEN) != 0
    may = opened.handle.is_directory and opened.granted & access.FILE_LIST_DIRECTORY != 0
    return is_new and may and names.has_wildcard(request.pattern or opened.pattern_text)


def _query(
    request: wire.QueryDirectoryRequest, work: Work, opened: Open, looked: bool = False
) -> Reply | Pending[None]:
    if not opened.handle.is_directory:
        raise StatusError(status.NOT_SUPPORTED if request.flags & wire.REOPEN else status.INVALID_PARAMETER)
    if not opened.granted & access.FILE_LIST_DIRECTORY:
        raise StatusError(status.ACCESS_DENIED)
    if request.file_information_class not in CLASSES or (
        request.file_information_class == POSIX and not opened.is_posix
    ):
        raise StatusError(status.INVALID_INFO_CLASS)
    dialect = work.connection.dialect
    room = request.output_buffer_length
    if dialect is None or room > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(room)
    if opened.is_closed:  # while this one waited
        raise StatusError(status.FILE_CLOSED)
    if opened.looking is not None:  # for the request before
        return Pending(opened.looking, lambda _: _query(request, work, opened), can_cancel=False)
    if opened.cursor is not None and opened.cursor.is_in_use:  # by the request before, which makes a pause
        return Pending(work.connection.server.runtime.turn(), lambda _: _query(request, work, opened), can_cancel=False)
    if not looked and _is_slow(work, opened):
        name = _only_name(request, opened)
        if name:
            looking = _look(opened, look_ahead(work, opened.backend, (*opened.path, name)))
            return Pending(looking, lambda _: _query(request, work, opened, True), can_cancel=False)
    cursor = _cursor(request, opened, work)
    entries = EntryList(request.file_information_class, min(room, MAX_BATCH))
    single = request.flags & wire.RETURN_SINGLE_ENTRY != 0
    if not _must_look(cursor, work, opened) and _fill(entries, cursor, single, work, opened):
        return _reply(work, opened, cursor, entries)
    filled = _fill_with_pauses(entries, cursor, single, work, opened)
    return Pending(filled, lambda _: _reply(work, opened, cursor, entries), can_cancel=False)


def _fill_with_pauses(entries: EntryList, cursor: Cursor, single: bool, work: Work, opened: Open) -> Waiter[None]:
    """The rest of the reply's entries, a slice in each turn of the loop.

    Until then the open keeps its handle and the cursor is this request's: a CLOSE that came behind it changes nothing.
    """
    filled: Waiter[None] = Waiter()
    acting = work.need_tree().acting
    cursor.is_in_use = True
    opened.hold()

    def slice_(pause: Waiter[None]) -> None:
        failure: Exception | None = None
        try:
            if pause.cancelled or (opened.is_closed and not work.need_session().trees):
                raise StatusError(status.FILE_CLOSED)  # the server ends, or nobody is there to be told
            with acting or nullcontext():  # as the handler had begun
                if not _fill(entries, cursor, single, work, opened):
                    _pause(cursor, work, opened).when_done(slice_)
                    return
        except Exception as error:  # noqa: BLE001 - the reply of this request, made where all replies of failures are
            failure = error
        cursor.is_in_use = False
        if opened.is_closed:
            cursor.end()
        opened.release()
        if failure is None:
            filled.resolve(None)
        else:
            filled.fail(failure)

    _pause(cursor, work, opened).when_done(slice_)
    return filled


def _pause(cursor: Cursor, work: Work, opened: Open) -> Waiter[None]:
    """Until the others have had their turn; where the disk is slow, until a thread has looked at what comes next."""
    if not _must_look(cursor, work, opened):
        return work.connection.server.runtime.turn()
    # More each time, for each begins at the first; but others wait for a thread.
    start, count = cursor.looked, min(max(FIRST_LOOK, cursor.looked), MOST_LOOKED_AT)
    cursor.looked += count
    return _look(opened, look_at_entries(work, opened.backend, opened.path, start, count))


def _is_slow(work: Work, opened: Open) -> bool:
    return work.connection.server.runtime.seconds() < opened.tree.share.looks_slow_until


def _must_look(cursor: Cursor, work: Work, opened: Open) -> bool:
    """Whether a thread should look at the next entries before the loop does."""
    return cursor.seen + SLICE > cursor.looked and _is_slow(work, opened) and _is_walk(opened.pattern_text)


def _is_walk(pattern: str) -> bool:
    """Whether all entries are looked at for this pattern, and not one name."""
    return names.has_wildcard(pattern) or pattern in (".", "..")


def _only_name(request: wire.QueryDirectoryRequest, opened: Open) -> str:
    """The one name that a listing which begins with this request looks for; "" for any other request."""
    if opened.cursor is not None and not request.flags & (wire.RESTART_SCANS | wire.REOPEN):
        return ""
    text = request.pattern or opened.pattern_text
    return "" if _is_walk(text) else text


def _look(opened: Open, looking: Waiter[None]) -> Waiter[None]:
    """Who comes for this listing meanwhile waits for the same, and goes on behind who waits already."""

    def done(_: object) -> None:
        opened.looking = None

    opened.looking = looking
    looking.when_done(done)
    return looking


def _reply(work: Work, opened: Open, cursor: Cursor, entries: EntryList) -> Reply:
    if not entries:
        if cursor.waiting is not None:
            raise StatusError(status.INFO_LENGTH_MISMATCH)
        first, cursor.started = not cursor.started, True
        raise StatusError(status.NO_SUCH_FILE if first else status.NO_MORE_FILES)
    cursor.started = True
    # Apple's client has other uses for the room of a short name.
    has_none = work.need_session().is_apple or names.has_wildcard(opened.pattern_text)
    data = entries.encode(None if has_none else _short_name)
    return Reply([wire.encode_response(len(data)), data])


def _short_name(name: str) -> str:
    """For who asks for one name, as Windows' GetShortPathName does; in a listing it would be a hash for each entry."""
    return "" if names.is_short(name) else short_name(name)


def _cursor(request: wire.QueryDirectoryRequest, opened: Open, work: Work) -> Cursor:
    """Where the enumeration goes on, or a new one: at first, or when the client restarts it."""
    restart = request.flags & (wire.RESTART_SCANS | wire.REOPEN)
    if opened.cursor is None or restart:
        if request.pattern and (opened.cursor is None or request.flags & wire.REOPEN or restart):
            opened.pattern_text = request.pattern
        entries = _entries(opened, request.file_information_class)
        if opened.tree.share.hide_unreadable:
            entries = visible_entries(entries, opened, work.token())
        session = work.need_session()
        if session.is_apple:
            is_rich = request.file_information_class == ID_BOTH_DIRECTORY
            entries = apple_entries(entries, opened, work.token(), is_rich)
        if opened.is_posix:
            opened.cursor = Cursor(posix_entries(entries, opened), PlainPattern(opened.pattern_text))
        else:
            opened.cursor = Cursor(entries, names.Pattern(opened.pattern_text))
    return opened.cursor


def _entries(opened: Open, info_class: int) -> Iterator[tuple[str, Metadata]]:
    """A pattern without wildcards is one lookup, not a walk through the directory."""
    text = opened.pattern_text
    if _is_walk(text):
        return opened.handle.scan(opened.is_posix)
    try:
        if opened.is_posix:
            text = disguised(text)
        names.check_component(text)
        located = opened.backend.locate((*opened.path, text), exact=opened.is_posix)
    except (StatusError, OSError):
        return iter(())
    try:
        if located.metadata is None:
            return iter(())
        meta = located.metadata
        if opened.is_posix:
            meta = meta.copy()
            meta.owner = located.ownership()
        if info_class in WITH_EA_SIZE:
            meta = meta.copy()
            meta.ea_size = _ea_size(opened.backend, located)
        return iter([(located.path[-1], meta)])
    finally:
        located.close()


def _ea_size(backend: Backend, located: Located) -> int:
    """0 for a file that cannot be opened: it is listed nevertheless."""
    try:
        handle = backend.open(located, False, False)
    except OSError:
        return 0
    try:
        return handle.ea_size()
    except OSError:
        return 0
    finally:
        handle.close()


def _fill(entries: EntryList, cursor: Cursor, single: bool, work: Work, opened: Open) -> bool:
    """Take up to SLICE entries, fewer where that is slow; whether the reply is complete."""
    pattern, found = cursor.pattern, cursor.entries
    clock = work.connection.server.runtime.seconds
    begun = clock()
    for number in range(1, SLICE + 1):
        if number % _CLOCKED == 0 and (ended := clock()) - begun > SLOW:
            if cursor.seen > cursor.looked:  # else a thread was just there: whatever it is, it is not the disk
                found_slow(opened.tree.share, ended)
            return False
        entry = cursor.waiting
        if entry is None:
            entry = next(found, None)
            if entry is None:
                return True
            cursor.seen += 1
            if not pattern.matches(entry[0]):
                continue
        else:
            cursor.waiting = None
        name, meta = entry
        if not entries.add(name, meta):
            cursor.waiting = entry
            return True
        if single:
            return True
    return False
