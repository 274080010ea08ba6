"""Finds what local programs have changed of files that clients cache, and takes the caches away ([MS-SMB2] 3.3.1.4).

Nobody tells a server in time, at a price that every request could pay: so it looks, once in LOOK_SECONDS, while
anything is cached. What the server changes itself goes through `FileState.changed` or `FileTable.renamed`, whose flag
makes the next look the truth. A file that was only moved loses HANDLE, as by a client's rename: its content is still
what was cached. Transcripts 0054, 0057.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Final, cast

from smbserver.backend.base import Version
from smbserver.objects.durable import is_detached
from smbserver.objects.open import Open
from smbserver.objects.runtime import Runtime
from smbserver.sharing.caching import ALL
from smbserver.sharing.file_state import FileState
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.holder import Holder

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0  # what NFS's clients live with, too
AT_ONCE: Final = 128  # looks, a millisecond of them; then it is the turn of the clients


class LocalWrites:
    """`settle` is called when caches were taken away: their clients are to be told."""

    def __init__(self, files: FileTable, runtime: Runtime, settle: Callable[[], None]) -> None:
        self._runtime = runtime
        self._settle = settle
        # None is whatever the next look finds. What it is, the table of files need not know.
        self._known = cast("dict[FileState, Version | None]", files.copied)
        self._looking: Iterator[None] | None = None
        self._is_armed = False

    def remember(self, opened: Open) -> None:
        """An open caches its file from now on, and has seen what its handle has looked at."""
        state = opened.state
        if state in self._known or state.base is not None or opened.handle.is_directory:
            return
        content = opened.handle.version(again=False)
        if content is None:
            return
        self._known[state] = content
        state.altered = False
        self._arm(LOOK_SECONDS)

    def _arm(self, seconds: float) -> None:
        if not self._is_armed:
            self._is_armed = True
            self._runtime.later(seconds, self._look)

    def _look(self) -> None:
        """Some of them; the rest after the clients, and then all again later."""
        self._is_armed = False
        if self._looking is None:
            self._looking = self._look_at_all()
        if next(self._looking, self) is self:
            self._looking = None
        if self._known:
            self._arm(LOOK_SECONDS if self._looking is None else 0)
        self._settle()

    def _look_at_all(self) -> Iterator[None]:
        for number, state in enumerate(list(self._known), 1):
            if state in self._known:
                self._look_at(state)
            if number % AT_ONCE == 0:
                yield

    def _look_at(self, state: FileState) -> None:
        if not any(cache.state for cache in state.caches):
            del self._known[state]  # until somebody is given something to cache again
            return
        if _is_waited_for(state):
            return  # what is known stays
        opens = [holder.owner for holder in state.holders if isinstance(holder.owner, Open)]
        if state.altered or any(opened.is_in_use for opened in opens):
            state.altered = False
            self._known[state] = None
            return
        try:
            found = opens[0].handle.version(again=True)
        except OSError as error:
            log.info("%r cannot be looked at: %s", "\\".join(opens[0].path), error)
            return
        known = self._known[state]
        if found is None or known is None or _is_same(found, known):
            self._known[state] = found
            return
        if state.delete_pending or any(holder.unlinked for holder in state.holders):
            return  # it has no name any more by what a client did
        if found[:-1] != known[:-1]:
            log.info("%r was changed by a local program", "\\".join(opens[0].path))
            state.contend(None, ALL)
        else:
            log.info("%r was moved by a local program, to %r", "\\".join(opens[0].path), found[-1])
            state.break_handles(None)
        self._known[state] = found


def _is_same(one: Version, other: Version) -> bool:
    return one[:-1] == other[:-1] and (one[-1] == other[-1] or one[-1] is None or other[-1] is None)


def _is_waited_for(state: FileState) -> bool:
    """Whether the client of a cache has lost its connection and may come back to what it has not written yet."""
    return any(
        isinstance(holder, Holder) and is_detached(holder)
        for cache in state.caches
        if cache.state
        for holder in cache.holders
    )
