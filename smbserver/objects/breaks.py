"""Delivers break notices, and ends the breaks that nobody answers ([MS-SMB2] 3.3.4.6, 3.3.4.7)."""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from smbserver.objects.open import Open
from smbserver.objects.runtime import Runtime
from smbserver.sharing.caching import HANDLE, Cache, Notice, Outbox
from smbserver.sharing.file_state import Holder
from smbserver.waiter import Waiter

if TYPE_CHECKING:
    from smbserver.objects.session import Session

log = logging.getLogger(__name__)

ANSWER_WITHIN: Final = 35.0  # seconds, as Windows does ([MS-SMB2] <246>, <247>)


class Peer(Protocol):
    """A connection as far as a break is concerned. Both calls are False when nothing can be sent any more."""

    def break_oplock(self, session: "Session", opened: Open, state: int) -> bool:
        """Tell the owner of an oplock what is left of it."""

    def break_lease(self, notice: Notice) -> bool:
        """Tell the owner of a lease what is left of it."""


class BreakSender:
    """Empties a FileTable's outbox. `peers` are the connections of each client, by its ClientGuid.

    `purge` ends the opens that a client has left behind, and that keep a cache from others.
    """

    def __init__(self, outbox: Outbox, runtime: Runtime, purge: Callable[[Cache], None]) -> None:
        self._outbox = outbox
        self._runtime = runtime
        self._purge = purge
        self._woken: deque[Waiter[None]] = deque()
        self._waking = False
        self.peers: dict[bytes, list[Peer]] = {}

    def deliver(self) -> None:
        """Send what is to be told, then wake who may go on.

        Who goes on may come back here. Then the rest is left to the first call: a chain of requests that wake each
        other would not fit on the stack.
        """
        while self._outbox or self._woken:
            while self._outbox:
                first = self._outbox.pop(0)
                if isinstance(first, Waiter):
                    self._woken.append(first)
                else:
                    self._tell(first)
            if self._waking or not self._woken:
                return
            self._waking = True
            try:
                self._woken.popleft().resolve(None)
            finally:
                self._waking = False

    def _tell(self, notice: Notice) -> None:
        """A notice that needs an answer and cannot be sent has expired."""
        cache = notice.cache
        if not cache.holders:
            return  # closed since, in the same compound
        if not notice.new_state & HANDLE and _is_left_behind(cache):
            self._purge(cache)  # nobody is there who could come back to it ([MS-SMB2] 3.3.4.7)
            return
        sent = self._send_lease(notice) if cache.is_lease else self._send_oplock(notice)
        if not notice.answer_needed:
            return
        if sent:
            cache.stop_clock = self._runtime.later(ANSWER_WITHIN, partial(self._expired, cache))
        else:
            self._purge(cache)
            cache.expire()

    def _send_lease(self, notice: Notice) -> bool:
        peers = self.peers.get(notice.cache.key.client_guid, ())
        return any(peer.break_lease(notice) for peer in peers)

    def _send_oplock(self, notice: Notice) -> bool:
        [holder] = notice.cache.holders
        assert isinstance(holder, Holder)
        opened = holder.owner
        assert isinstance(opened, Open)
        session = opened.session
        if session is None:
            return False
        return any(peer.break_oplock(session, opened, notice.new_state) for peer in list(session.channels))

    def _expired(self, cache: Cache) -> None:
        cache.stop_clock = None
        if cache.breaking:
            paths = {"\\".join(holder.path) for holder in cache.holders if isinstance(holder, Holder)}
            log.warning(
                "no answer to the break of %s on %r", "a lease" if cache.is_lease else "an oplock", sorted(paths)
            )
            cache.expire()
        self.deliver()


def _is_left_behind(cache: Cache) -> bool:
    """Whether no open of this cache has a connection."""
    return all(
        isinstance(holder, Holder) and holder.durability is not None and holder.durability.is_detached
        for holder in cache.holders
    )
