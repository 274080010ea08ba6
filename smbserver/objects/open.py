"""An open file or directory ([MS-SMB2] 3.3.1.10) and how it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING, Final

from smbserver.backend.acting import ActsAs
from smbserver.backend.base import Backend, Handle, StreamHandle
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.changes import (
    ACTION_MODIFIED,
    ACTION_MODIFIED_STREAM,
    ACTION_REMOVED,
    ACTION_REMOVED_STREAM,
    FILTER_STREAM_NAME,
    FILTER_WRITTEN,
    Change,
    name_filter,
)
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path, Pattern, fold
from smbserver.nt.stream_names import AFP_RESOURCE, full_name, stream_path
from smbserver.objects.pipe import PipeHandle
from smbserver.objects.tree import Tree
from smbserver.sharing.caching import ALL
from smbserver.sharing.channel_sequence import ChannelSequence
from smbserver.sharing.deferred_write import DeferredWrite
from smbserver.sharing.file_state import FileState
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.held_back import HeldBack
from smbserver.sharing.holder import Holder
from smbserver.waiter import Waiter

if TYPE_CHECKING:
    from smbserver.objects.session import Session

log = logging.getLogger(__name__)

_RESOURCE: Final = fold(AFP_RESOURCE)


class Cursor:
    """Where a directory enumeration stands. `waiting` is an entry that did not fit into the last reply; `is_in_use`
    says that a reply is being made, with pauses for other clients. `seen` entries were given by the directory, and at
    `looked` of them a thread has looked before.
    """

    __slots__ = ("entries", "is_in_use", "looked", "pattern", "seen", "started", "waiting")

    def __init__(self, entries: Iterator[tuple[str, Metadata]], pattern: Pattern) -> None:
        self.entries = entries
        self.pattern = pattern
        self.waiting: tuple[str, Metadata] | None = None
        self.started = False
        self.is_in_use = False
        self.seen = 0
        self.looked = 0

    def end(self) -> None:
        """There is nothing more, and the generator gives back the descriptor it has."""
        self.entries = iter(())


class Open:
    """Belongs to one session. `hold` and `release` bracket work in threads: the handle outlives it.

    `pipe` is the handle once more when it is a named pipe's, None for files and directories. `behind_writes` is there
    while threads write what its client has sent, and holds back what else it asks of the open: whoever was told that a
    FLUSH or a CLOSE is done has all in it that he had sent before. `ahead` is the last READ that a thread has.
    """

    __slots__ = (
        "_closed",
        "_running",
        "ahead",
        "backend",
        "behind_writes",
        "cursor",
        "delete_on_close",
        "ea_index",
        "granted",
        "handle",
        "held_times",
        "holder",
        "is_posix",
        "looking",
        "maximal_access",
        "mode",
        "pattern_text",
        "pipe",
        "position",
        "posix_delete",
        "sequence",
        "session",
        "state",
        "tree",
        "volatile_id",
    )

    def __init__(
        self,
        volatile_id: int,
        tree: Tree,
        backend: Backend,
        handle: Handle,
        state: FileState,
        holder: Holder,
        mode: int,
        delete_on_close: bool,
    ) -> None:
        self.volatile_id = volatile_id
        self.tree = tree
        self.backend = backend
        self.handle = handle
        self.pipe = handle if isinstance(handle, PipeHandle) else None
        self.state = state
        self.holder = holder
        self.granted = holder.granted
        self.maximal_access = tree.maximal_access  # what its user could have been granted
        self.mode = mode
        self.delete_on_close = delete_on_close
        self.position = 0
        self.is_posix = False  # opened with the context of the POSIX extensions
        self.posix_delete = False  # when it is to be deleted, its name goes with this open
        self.held_times = (False, False, False)  # access, write, change: those its client has set or stopped
        self.ea_index = 0  # how many EAs an enumeration has given
        self.session: Session | None = None  # who must hear of a break
        holder.owner = self
        holder.number = volatile_id
        self.sequence = ChannelSequence()
        self.behind_writes: HeldBack | None = None
        self.ahead: Waiter[object] | None = None
        self.cursor: Cursor | None = None
        self.looking: Waiter[None] | None = None  # a thread looks at names that a listing will give
        self.pattern_text = "*"
        self._running = 0
        self._closed = False

    @property
    def path(self) -> Path:
        """Where the file is below the share's root now."""
        return self.holder.path

    def need(self, rights: int) -> None:
        """Refuse what this open was granted none of `rights` for. Raises StatusError ACCESS_DENIED."""
        if not self.granted & rights:
            raise StatusError(status.ACCESS_DENIED)

    @property
    def is_closed(self) -> bool:
        """Whether it has ended; a thread may still have its handle."""
        return self._closed

    def metadata(self) -> Metadata:
        """What the file's clients are shown."""
        meta = self.handle.metadata()
        return meta if self.state.deferred is None else self.shown(meta)

    def shown(self, meta: Metadata) -> Metadata:
        """The same with the write time that may be seen."""
        deferred = self.state.deferred
        if deferred is None:
            return meta
        shown = meta.copy()
        shown.last_write_time = deferred.shown(meta.last_write_time)
        return shown

    def defer_write_time(self, clock: Callable[[], int]) -> None:
        """A write begins whose time is to be seen late. See `sharing.deferred_write`."""
        deferred = self.state.deferred
        if self.held_times[1]:
            return
        if deferred is None:
            self.state.deferred = DeferredWrite(self, self.handle.metadata().last_write_time, clock)
        elif deferred.wants_time():
            deferred.note(self.handle.metadata().last_write_time)

    def settle_write_time(self) -> None:
        """What was not seen becomes the present: a flush, a change of size, times or attributes."""
        deferred, self.state.deferred = self.state.deferred, None
        if deferred is not None:
            self.state.altered = True
            self.handle.set_times(None, None, deferred.clock(), None)

    def end_deferral(self) -> None:
        """This open ends; with it the wait for what it wrote."""
        deferred = self.state.deferred
        if deferred is None or deferred.owner is not self:
            return
        if deferred.ends_now:
            self.settle_write_time()
        self.state.deferred = None

    @property
    def lock_count(self) -> int:
        """Byte ranges that this open holds or waits for."""
        return 0 if self.state.locks is None else self.state.locks.count_of(self.holder)

    def shown_file_id(self, meta: Metadata) -> int:
        """0 for Apple's client, "do not use it": it mixes up files when an id is used again for another one."""
        return 0 if self.session is not None and self.session.is_apple else meta.file_id

    def changed(self, matches: int) -> None:
        """Data or attributes were changed through this open (filter bits of `nt.changes`)."""
        if self.state.lacks_archive and matches == FILTER_WRITTEN:
            self._mark_archive()
        self.state.changed(self.holder, matches)

    def changed_late(self, matches: int) -> None:
        """A thread has changed data: who opened the file meanwhile, and may cache, may have read what was before."""
        if self.state.caches:
            self.state.contend(self.holder.key, ALL)
        if not self._closed:
            self.changed(matches)

    @property
    def is_alone(self) -> bool:
        """Whether this is the only open of its file, streams included, and no thread works on it."""
        state = self.state
        return state.base is None and not state.streams and len(state.holders) == 1 and not self._running

    def become(self, handle: Handle, files: FileTable) -> None:
        """Go on with another file in the place of this one, of which this is the only open (`is_alone`)."""
        files.moved(self.state, handle.identity)
        before, self.handle = self.handle, handle
        if any(self.held_times):
            handle.hold_times(*self.held_times)
        self.cursor = None
        before.close()

    def _mark_archive(self) -> None:
        """A file whose data have changed wants to be backed up ([MS-FSA] 2.1.4.17)."""
        self.state.lacks_archive = False
        try:
            self.handle.mark_changed()
        except OSError as error:  # no room for attributes, or not ours to change: the data are written all the same
            log.info("%r is not marked as changed: %s", "\\".join(self.path), error)

    @property
    def name(self) -> str:
        """Path and stream as information classes tell them ([MS-FSCC] 2.4.32)."""
        return full_name("\\".join(self.path), self.holder.stream)

    def stream_renamed(self, name: str) -> None:
        """The named stream that is open here has another name from now on."""
        if isinstance(self.handle, StreamHandle):
            self.handle.renamed(name)

    def exchange_handle(self, handle: Handle) -> None:
        """Go on with another handle, of the same file; the old one must not be in use by a thread."""
        old, self.handle = self.handle, handle
        old.close()

    @property
    def is_in_use(self) -> bool:
        """Whether a thread works on the handle."""
        return self._running > 0

    def hold(self) -> None:
        """A thread is about to use the handle."""
        self._running += 1

    def release(self) -> None:
        """The thread is done; a close that waited for it happens now."""
        self._running -= 1
        if self._closed and not self._running:
            self._close_handle()

    def close(self, files: FileTable) -> OSError | None:
        """End the open, and the file with it when it was to be deleted and nobody else has it open.

        What is returned is what became of data that had been written (a network file system tells it now): it is
        logged, and the open has ended all the same.
        """
        if self._closed:
            return None
        self._closed = True
        if self.tree.acting is None:
            return self._end(files)
        with _entered(self.tree.acting):
            return self._end(files)

    def _close_handle(self) -> OSError | None:
        try:
            self.handle.close()
        except OSError as error:
            log.error("what was written to %r may be lost: %s", "\\".join(self.path), error.strerror)
            return error
        return None

    def _end(self, files: FileTable) -> OSError | None:
        self.session = None
        state, holder = self.state, self.holder
        if holder.watch is not None:
            state.end_watch(holder, status.NOTIFY_CLEANUP)
        try:
            if state.deferred is not None:
                self.end_deferral()
        except OSError as error:
            log.info("no write time at the close of %r: %s", "\\".join(self.path), error)
        if self.delete_on_close and state.delete_path is None and not holder.unlinked:
            state.set_delete(holder.path, self.backend, self.tree.acting)
        if state.delete_path is not None and state.is_shared and (self.posix_delete or self._only_posix_stay()):
            self._unlink(files)
        if self.cursor is not None:
            if not self.cursor.is_in_use:  # else the request that uses it will end it
                self.cursor.end()
            self.cursor = None
        gone = files.leave(state, holder)
        if gone is not None and not self._remove(gone):
            gone = None
        problem = None if self._running else self._close_handle()
        if (gone is not None or state.changes or (state.base or state).changes) and not holder.unlinked:
            self._report(files, gone)
        if holder.has_written and (gone is None or gone.base is not None) and not holder.unlinked:
            files.directory_leases.changed(self.backend, holder.path, holder)
        holder.owner = None  # else the two would keep each other until the garbage collector comes
        return problem

    def _remove(self, gone: FileState) -> bool:
        """Whether the file or the stream that was to go with its last open is gone now."""
        if gone.stream == _RESOURCE:
            return False  # macOS's server ignores that (vfs.fruit); its client empties a fork to be rid of it
        try:
            if gone.delete_as is None:
                self._take_away(gone)
            else:
                with gone.delete_as:
                    self._take_away(gone)
        except (OSError, StatusError) as error:
            # The client is not told: CLOSE has no such answer. A directory that was filled meanwhile stays, and
            # the directory above may be gone (StatusError).
            log.info("not deleted at its last close: %r: %s", self.name, error)
            return False
        return True

    def _take_away(self, gone: FileState) -> None:
        if gone.base is not None:
            self.handle.streams().remove(self.holder.stream)
        elif gone.delete_path is not None:
            self.backend.remove(gone.delete_path, self.handle.identity)

    def _report(self, files: FileTable, gone: FileState | None) -> None:
        """Tell the watches what the end of this open means, in the order of [MS-FSA] 2.1.5.5 phase 5."""
        if not files.watches.is_heard:
            self.state.changes = self.state.file.changes = 0
            return
        if gone is not None and gone.base is None and gone.delete_path is not None:
            removed = Change(ACTION_REMOVED, name_filter(self.handle.is_directory), gone.delete_path)
            files.watches.report(self.backend, (removed,), self.holder)
            return
        if gone is not None and gone.base is not None:
            stream = stream_path(self.holder.path, self.holder.stream)
            files.watches.report(
                self.backend, (Change(ACTION_REMOVED_STREAM, FILTER_STREAM_NAME, stream),), self.holder
            )
        file = self.state.file
        if file.changes:
            change = Change(ACTION_MODIFIED, file.changes, self.holder.path)
            file.changes = 0
            files.watches.report_content(self.backend, change)
        if self.state is not file and self.state.changes and gone is not self.state:
            stream = stream_path(self.holder.path, self.holder.stream)
            change = Change(ACTION_MODIFIED_STREAM, self.state.changes, stream)
            self.state.changes = 0
            files.watches.report_content(self.backend, change)

    def _only_posix_stay(self) -> bool:
        """Whether all others who have the file open are of POSIX: those do not keep its name (as Samba has it)."""
        others = (holder.owner for holder in self.state.holders if holder is not self.holder)
        return not self.state.streams and all(isinstance(other, Open) and other.is_posix for other in others)

    def _unlink(self, files: FileTable) -> None:
        """The name goes with this open; the others go on without it ([MS-FSCC] 2.4.12, POSIX semantics)."""
        path, delete_as = self.state.delete_path, self.state.delete_as
        if path is None:
            return
        try:
            with delete_as or nullcontext():
                self.backend.remove(path, self.handle.identity)
        except (OSError, StatusError) as error:
            log.info("not deleted at the close that was to: %r: %s", "\\".join(path), error)
            return  # it is tried again at the last close
        self.state.name_gone(path, self.backend)
        gone = Change(ACTION_REMOVED, name_filter(self.handle.is_directory), path)
        files.watches.report(self.backend, (gone,), self.holder)


def _entered(acting: ActsAs) -> ExitStack:
    """The context of a local user, or none when it cannot be entered: an open ends even then, as nobody."""
    stack = ExitStack()
    with suppress(OSError):  # it is in the log
        stack.enter_context(acting)
    return stack
