"""Frame -> connection -> dispatch -> connection -> transport. Read this first.

A frame holds one request or several (a compound). They run in order; when one must wait, the compound stops there and
goes on when its result has come. A request that waits longer than INTERIM_DELAY is told so (STATUS_PENDING), if it is
the last of its compound.
"""

import logging
from collections.abc import Callable
from typing import Final

from smbserver.connection.connection import MAX_PENDING, Connection
from smbserver.connection.pending import Pending
from smbserver.connection.work import Compound, Reply, Work
from smbserver.dispatch import complete, dispatch, dispatch_smb1, error_reply
from smbserver.errors import ProtocolViolation, WireError
from smbserver.nt import status
from smbserver.transport.tcp import FrameTransport
from smbserver.wire import header

log = logging.getLogger(__name__)

_SMB1: Final = header.SMB1_ID[0]
INTERIM_DELAY: Final = 0.1  # seconds; sooner than any client's timeout, later than nearly every disk


class Driver:
    """Joins one transport and one connection."""

    def __init__(self, connection: Connection, transport: FrameTransport, ended: Callable[["Driver"], None]) -> None:
        self.connection = connection
        self.transport = transport
        self._ended = ended
        self.lost = False
        connection.push = transport.send
        connection.unacknowledged = transport.unacknowledged
        connection.more_waits = transport.more_waits
        connection.drop = self._drop
        connection.sends_tails = transport.sends_tails

    @property
    def max_frame(self) -> int:
        """See FrameReceiver."""
        return self.connection.max_frame

    @property
    def busy(self) -> bool:
        """Whether a request is still waiting for its result."""
        return bool(self.connection.pending)

    def cancel_waiting(self) -> None:
        """Answer what waits for somebody else (a lock, a change) with CANCELLED; what works is left to finish."""
        for work in list(self.connection.pending.values()):
            if work.pending is not None:
                work.pending.cancel()

    def frame_received(self, frame: memoryview, wider: memoryview | None = None) -> None:
        """Handle a frame; a breach of the protocol ends this connection and nothing else."""
        try:
            if len(frame) and frame[0] == _SMB1:
                answered = dispatch_smb1(self.connection, frame)
                self.transport.send(self.connection.wrap([answered], None))
                return
            self._run(self.connection.receive(frame, wider))
        except (ProtocolViolation, WireError) as problem:
            self._drop(str(problem))
        except Exception:  # our bug: this connection ends, the others go on
            log.exception("%s: internal error", self.connection.name)
            self._drop("internal error")

    def connection_lost(self, reason: str) -> None:
        """The transport has ended: give back everything."""
        self.lost = True
        log.info("%s: connection ended: %s", self.connection.name, reason)
        self.connection.end()
        self.connection.server.settle()
        self._ended(self)

    def _drop(self, reason: str) -> None:
        log.warning("%s: dropped: %s", self.connection.name, reason)
        self.transport.abort(reason)

    def _run(self, compound: Compound) -> None:
        works = compound.works
        while compound.position < len(works):
            work = works[compound.position]
            outcome = dispatch(work, compound)
            if isinstance(outcome, Reply):
                self._answer(compound, work, outcome)
            elif outcome is None:
                compound.position += 1
            elif not self._settled(compound, work, outcome):
                return
        self._send(compound)

    def _settled(self, compound: Compound, work: Work, outcome: object) -> bool:
        """Note the answer; False when it must be waited for, perhaps not for the first time."""
        while isinstance(outcome, Pending):
            if outcome.may_never_end and not outcome.waiter.done and compound.position + 1 < len(compound.works):
                # As Windows: what follows it, and the answers there are already, shall not wait for ever.
                outcome.waiter.cancel()
                outcome = error_reply(status.INTERNAL_ERROR)
                break
            if self._wait(compound, work, outcome):
                self.connection.server.settle()
                return False
            outcome = complete(work, outcome)
        if isinstance(outcome, Reply):
            self._answer(compound, work, outcome)
        else:
            compound.position += 1
        return True

    def _answer(self, compound: Compound, work: Work, reply: Reply) -> None:
        """Note a finished request and what the next related one inherits from it."""
        compound.answered.append((work, reply))
        compound.position += 1
        if compound.position == len(compound.works):
            return
        if not work.flags & header.RELATED_OPERATIONS:
            compound.last_open, compound.last_failure = None, status.SUCCESS
        if work.opened is not None or work.command == header.CREATE:
            compound.last_open = work.opened  # a CREATE that failed leaves nothing to go on with
        if reply.status & 0xC0000000 == 0xC0000000:
            compound.last_failure = reply.status

    def _send(self, compound: Compound) -> None:
        # First what others must know, then that it is done.
        self.connection.server.settle()
        if compound.answered:
            answered, compound.answered = compound.answered, []
            if not self.lost:
                parts = self.connection.wrap(answered, compound.sealed_by)
                tail = answered[-1][1].tail
                if tail is None:
                    self.transport.send(parts)
                else:
                    self.transport.send(parts, tail)
                return
            for _, reply in answered:
                if reply.tail is not None:
                    reply.tail.done()

    def _wait(self, compound: Compound, work: Work, pending: Pending[object]) -> bool:
        """Park the compound until the result is there. False when it is there already."""
        if pending.waiter.done:
            return False
        waiting = self.connection.pending
        if len(waiting) >= MAX_PENDING and pending.can_cancel:
            pending.waiter.cancel()
            return False
        waiting[work.message_id] = work
        work.pending = pending
        is_last = compound.position + 1 == len(compound.works) and not work.async_id
        stop_timer = (
            self.connection.server.runtime.later(INTERIM_DELAY, lambda: self._interim(compound, work))
            if is_last and not pending.may_never_end
            else None
        )

        def resume(_: object) -> None:
            if stop_timer is not None:
                stop_timer()
            self._resume(compound, work, pending)

        pending.waiter.when_done(resume)
        if is_last and pending.may_never_end:
            self._interim(compound, work)
        return True

    def _interim(self, compound: Compound, work: Work) -> None:
        if self.lost:
            return
        try:
            self._send(compound)
            if work.pending is not None:  # else it was answered while others were told
                self.transport.send(self.connection.interim(work))
        except ProtocolViolation as problem:
            self._drop(str(problem))
        except Exception:  # as in frame_received
            log.exception("%s: internal error", self.connection.name)
            self._drop("internal error")

    def _resume(self, compound: Compound, work: Work, pending: Pending[object]) -> None:
        self.connection.pending.pop(work.message_id, None)
        work.pending = None
        if self.lost and (work.session is None or not work.session.channels):
            return  # else it goes on for the other channels of its session, who may ask for the outcome
        try:
            if self._settled(compound, work, complete(work, pending)):
                self._run(compound)
        except ProtocolViolation as problem:
            self._drop(str(problem))
        except Exception:  # as in frame_received
            log.exception("%s: internal error", self.connection.name)
            self._drop("internal error")
        if self.lost and work.session is not None:
            self.connection.finished_late(work.session)
