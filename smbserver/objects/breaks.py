"""Delivers break notices, and ends the breaks that nobody answers ([MS-SMB2] 3.3.4.6, 3.3.4.7)."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from smbserver.objects.open import Open
from smbserver.objects.runtime import Runtime
from smbserver.sharing.caching import HANDLE, Cache, Notice, Outbox
from smbserver.sharing.holder import Holder
from smbserver.waiter import Waiter

if TYPE_CHECKING:
    from smbserver.objects.session import Session

log = logging.getLogger(__name__)

ANSWER_WITHIN: Final = 35.0  # seconds, as Windows does ([MS-SMB2] <246>, <247>)

# Seconds until another channel is tried: some retransmissions of TCP on a good network, and far from ANSWER_WITHIN.
RETRY_AFTER: Final = 1.0


class Peer(Protocol):
    """A connection as far as a break is concerned. Both breaks are False when nothing can be sent any more."""

    def break_oplock(self, session: "Session", opened: Open, state: int) -> bool:
        """Tell the owner of an oplock what is left of it."""

    def break_lease(self, notice: Notice) -> bool:
        """Tell the owner of a lease what is left of it."""

    def is_stuck(self) -> bool:
        """Whether the other side has not acknowledged all that was sent."""


class _Sent:
    """A notice that waits for its answer: the connections it went to, the end of the wait and of the next look."""

    __slots__ = ("notice", "stop_look", "stop_wait", "tried")

    def __init__(self, notice: Notice, peer: Peer) -> None:
        self.notice = notice
        self.tried = [peer]
        self.stop_wait: Callable[[], None] | None = None
        self.stop_look: Callable[[], None] | None = None


class BreakSender:
    """Empties a FileTable's outbox. `peers` are the connections of each client, by its ClientGuid.

    `purge` ends the opens that a client has left behind, and that keep a cache from others.
    """

    def __init__(self, outbox: Outbox, runtime: Runtime, purge: Callable[[Cache], None]) -> None:
        self._outbox = outbox
        self._runtime = runtime
        self._purge = purge
        self._sent: dict[Cache, _Sent] = {}
        self.woken: deque[Waiter[None]] = deque()  # who may go on, beside what the outbox has
        self._waking = False
        self.peers: dict[bytes, list[Peer]] = {}

    def deliver(self) -> None:
        """Send what is to be told, then wake who may go on.

        Who goes on may come back here. Then the rest is left to the first call: a chain of requests that wake each
        other would not fit on the stack.
        """
        while self._outbox or self.woken:
            while self._outbox:
                first = self._outbox.pop(0)
                if isinstance(first, Waiter):
                    self.woken.append(first)
                else:
                    self._tell(first)
            if self._waking or not self.woken:
                return
            self._waking = True
            try:
                self.woken.popleft().resolve(None)
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
        peer = self._send(notice, ())
        if not notice.answer_needed:
            return
        if peer is not None:
            sent = self._sent[cache] = _Sent(notice, peer)
            sent.stop_wait = self._runtime.later(ANSWER_WITHIN, partial(self._expired, cache, sent))
            cache.stop_clock = partial(self._settled, cache, sent)
            self._watch(cache, sent)
        else:
            self._purge(cache)
            cache.expire()

    def _watch(self, cache: Cache, sent: _Sent) -> None:
        """Look after a while whether the notice has arrived, if there is another way to send it."""
        sent.stop_look = None
        if any(peer not in sent.tried for peer in self._ways(sent.notice)):
            sent.stop_look = self._runtime.later(RETRY_AFTER, partial(self._look_again, cache, sent))

    def _look_again(self, cache: Cache, sent: _Sent) -> None:
        if sent.tried[-1].is_stuck():
            self._send_again(cache, sent)

    def lost(self, peer: Peer) -> None:
        """A connection has ended: what it carried and nobody has answered goes another way, if there is one."""
        for cache, sent in list(self._sent.items()):
            if sent.tried[-1] is peer and self._sent.get(cache) is sent:
                self._send_again(cache, sent)

    def _send_again(self, cache: Cache, sent: _Sent) -> None:
        if not cache.breaking or not cache.holders:
            return
        peer = self._send(sent.notice, sent.tried)
        if peer is None:
            return  # the time for the answer runs on
        log.info("a break that was not answered goes over another channel")
        sent.tried.append(peer)
        if sent.stop_look is not None:
            sent.stop_look()
        self._watch(cache, sent)

    def _send(self, notice: Notice, tried: Sequence[Peer]) -> Peer | None:
        """The first connection that takes the notice."""
        send = _send_lease if notice.cache.is_lease else _send_oplock
        ways = [peer for peer in self._ways(notice) if peer not in tried]
        return next((peer for peer in ways if send(peer, notice)), None)

    def _ways(self, notice: Notice) -> list[Peer]:
        if notice.cache.is_lease:
            return list(self.peers.get(notice.cache.key.client_guid, ()))
        session = _owner(notice).session
        return [] if session is None else list(session.channels)

    def _settled(self, cache: Cache, sent: _Sent) -> None:
        if self._sent.get(cache) is sent:
            del self._sent[cache]
        for stop in (sent.stop_wait, sent.stop_look):
            if stop is not None:
                stop()

    def _expired(self, cache: Cache, sent: _Sent) -> None:
        cache.stop_clock = None
        self._settled(cache, sent)
        if cache.breaking:
            paths = {"\\".join(holder.path) for holder in cache.holders if isinstance(holder, Holder)}
            log.warning(
                "no answer to the break of %s on %r", "a lease" if cache.is_lease else "an oplock", sorted(paths)
            )
            cache.expire()
        self.deliver()


def _owner(notice: Notice) -> Open:
    """The only open that has an oplock."""
    [holder] = notice.cache.holders
    assert isinstance(holder, Holder)
    opened = holder.owner
    assert isinstance(opened, Open)
    return opened


def _send_lease(peer: Peer, notice: Notice) -> bool:
    return peer.break_lease(notice)


def _send_oplock(peer: Peer, notice: Notice) -> bool:
    opened = _owner(notice)
    return opened.session is not None and peer.break_oplock(opened.session, opened, notice.new_state)


def _is_left_behind(cache: Cache) -> bool:
    """Whether no open of this cache has a connection."""
    return all(
        isinstance(holder, Holder) and holder.durability is not None and holder.durability.is_detached
        for holder in cache.holders
    )
