"""An open file or directory ([MS-SMB2] 3.3.1.10) and how it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING

from smbserver.backend.acting import ActsAs
from smbserver.backend.base import Backend, Handle
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.changes import ACTION_MODIFIED, ACTION_REMOVED, FILTER_WRITTEN, Change, name_filter
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path, Pattern
from smbserver.objects.pipe import PipeHandle
from smbserver.objects.tree import Tree
from smbserver.sharing.channel_sequence import ChannelSequence
from smbserver.sharing.deferred_write import DeferredWrite
from smbserver.sharing.file_state import FileState, FileTable, Holder

if TYPE_CHECKING:
    from smbserver.objects.session import Session

log = logging.getLogger(__name__)


class Cursor:
    """Where a directory enumeration stands. `waiting` is an entry that did not fit into the last reply."""

    __slots__ = ("entries", "pattern", "started", "waiting")

    def __init__(self, entries: Iterator[tuple[str, Metadata]], pattern: Pattern) -> None:
        self.entries = entries
        self.pattern = pattern
        self.waiting: tuple[str, Metadata] | None = None
        self.started = False


class Open:
    """Belongs to one session. `hold` and `release` bracket work in threads: the handle outlives it.

    `pipe` is the handle once more when it is a named pipe's, None for files and directories.
    """

    __slots__ = (
        "_closed",
        "_running",
        "backend",
        "cursor",
        "delete_on_close",
        "ea_index",
        "granted",
        "handle",
        "held_times",
        "holder",
        "maximal_access",
        "mode",
        "pattern_text",
        "pipe",
        "position",
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
        self.held_times = (False, False, False)  # access, write, change: those its client has set or stopped
        self.ea_index = 0  # how many EAs an enumeration has given
        self.session: Session | None = None  # who must hear of a break
        holder.owner = self
        holder.number = volatile_id
        self.sequence = ChannelSequence()
        self.cursor: Cursor | None = None
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
        return meta if deferred is None else meta._replace(last_write_time=deferred.shown(meta.last_write_time))

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

    def changed(self, matches: int) -> None:
        """Data or attributes were changed through this open (filter bits of `nt.changes`)."""
        if self.state.lacks_archive and matches == FILTER_WRITTEN:
            self._mark_archive()
        self.state.changed(self.holder, matches)

    @property
    def is_alone(self) -> bool:
        """Whether this is the only open of its file, and no thread works on it."""
        return len(self.state.holders) == 1 and not self._running

    def become(self, handle: Handle, files: FileTable) -> None:
        """Go on with another file in the place of this one, of which this is the only open (`is_alone`)."""
        files.moved(self.state, handle.identity)
        before, self.handle = self.handle, handle
        self.cursor = None
        before.close()

    def _mark_archive(self) -> None:
        """A file whose data have changed wants to be backed up ([MS-FSA] 2.1.4.17)."""
        self.state.lacks_archive = False
        try:
            self.handle.mark_changed()
        except OSError as error:  # no room for attributes, or not ours to change: the data are written all the same
            log.info("%r is not marked as changed: %s", "\\".join(self.path), error)

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
        self.state.end_watch(self.holder, status.NOTIFY_CLEANUP)
        try:
            if self.state.deferred is not None:
                self.end_deferral()
        except OSError as error:
            log.info("no write time at the close of %r: %s", "\\".join(self.path), error)
        if self.delete_on_close and not self.state.delete_pending:
            self.state.set_delete(self.holder.path, self.backend, self.tree.acting)
        if self.cursor is not None:
            self.cursor.entries = iter(())  # ends the generator, and the descriptor it has
            self.cursor = None
        delete_path, delete_as = self.state.delete_path, self.state.delete_as
        removed = False
        if files.leave(self.state, self.holder) and delete_path is not None:
            try:
                with delete_as or nullcontext():
                    self.backend.remove(delete_path, self.handle.identity)
                removed = True
            except (OSError, StatusError) as error:
                # The client is not told: CLOSE has no such answer. A directory that was filled meanwhile stays, and
                # the directory above may be gone (StatusError).
                log.info("not deleted at its last close: %r: %s", "\\".join(delete_path), error)
        problem = None if self._running else self._close_handle()
        if removed and delete_path is not None:
            gone = Change(ACTION_REMOVED, name_filter(self.handle.is_directory), delete_path)
            files.watches.report(self.backend, (gone,), self.holder)
        elif self.state.changes:
            change = Change(ACTION_MODIFIED, self.state.changes, self.holder.path)
            self.state.changes = 0
            files.watches.report_content(self.backend, change)
        if self.holder.has_written and not removed:
            files.directory_leases.changed(self.backend, self.holder.path, self.holder)
        return problem


def _entered(acting: ActsAs) -> ExitStack:
    """The context of a local user, or none when it cannot be entered: an open ends even then, as nobody."""
    stack = ExitStack()
    with suppress(OSError):  # it is in the log
        stack.enter_context(acting)
    return stack
