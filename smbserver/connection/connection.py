"""One connection's protocol state: frames become work, replies become buffers. Knows no socket and no clock.

Everything that depends on the message as bytes is here: header, credits, signature, seal, preauthentication hash,
compound layout. What a command means is not.
"""

import logging
from collections.abc import Callable
from typing import Final

from smbserver.connection.credits import CreditWindow
from smbserver.connection.dialects import Dialect
from smbserver.connection.work import Buffer, Compound, Reply, Work
from smbserver.crypto import preauth, signing
from smbserver.errors import ProtocolViolation, WireError
from smbserver.nt import status
from smbserver.objects.open import Open
from smbserver.objects.server_state import ServerState
from smbserver.objects.session import Attempt, Session, State
from smbserver.sharing.caching import Notice
from smbserver.wire import error, header, oplock_break, session_setup, transform
from smbserver.wire.negotiate import HMAC_SHA256

log = logging.getLogger(__name__)

MAX_FRAME_BEFORE_LOGIN: Final = 128 * 1024  # a security token has at most 64 KiB
FRAME_OVERHEAD: Final = 64 * 1024  # headers, contexts, and a compound's small members around one large payload
MAX_COMPOUND: Final = 32  # requests in one frame; clients send up to six
MAX_PENDING: Final = 1024  # requests of one connection that may wait at a time
MAX_SESSIONS: Final = 256  # on one connection

_SEALED: Final = header.TRANSFORM_ID[0]
_ALL_ONES: Final = 0xFFFFFFFFFFFFFFFF
_JOIN_UP_TO: Final = 8192  # a signed message of that size is copied without its signature for less than its parts cost


class Connection:
    """`dialect` is None until NEGOTIATE has chosen one. `name` tells the peer in logs."""

    def __init__(self, server: ServerState, name: str) -> None:
        self.server = server
        self.name = name
        self.dialect: Dialect | None = None
        self.client_guid = bytes(16)
        self.client_capabilities = 0
        self.client_security_mode = 0
        self.client_dialects: tuple[int, ...] = ()
        self.signing_algorithm = HMAC_SHA256
        self.cipher = 0
        self.posix = False  # whether the POSIX extensions were negotiated
        self.preauth_hash = preauth.EMPTY
        self.credits = CreditWindow()
        self.sessions: dict[int, Session] = {}
        self.attempts: dict[int, Attempt] = {}  # logins under way, by session id
        self.pending: dict[int, Work] = {}
        self.push: Callable[[list[Buffer]], None] | None = None  # the transport; None when it is gone
        self.unacknowledged: Callable[[], bool] | None = None  # whether the transport waits for its peer
        self.more_waits: Callable[[], bool] | None = None  # whether the transport has more for us
        self.sends_tails = False  # whether the transport can send what is still in a file
        self.drop: Callable[[str], None] | None = None  # end the transport at once, for this reason
        self.distort: Callable[[Work, Reply], None] | None = None  # a test hook: changes replies before they leave
        self._last_async_id = 0

    @property
    def address(self) -> str:
        """Where the peer is, without its port."""
        return self.name.rpartition(":")[0]

    @property
    def max_frame(self) -> int:
        """The largest frame allowed now: small until somebody has logged in."""
        if self.dialect is None or not any(session.state is State.VALID for session in self.sessions.values()):
            return MAX_FRAME_BEFORE_LOGIN
        return self.dialect.max_size + FRAME_OVERHEAD

    # Frames to work

    def receive(self, frame: memoryview, wider: memoryview | None = None) -> Compound:
        """Take a frame apart; `wider` as the transport gives it. Raises ProtocolViolation to end the connection."""
        sealed_by: Session | None = None
        try:
            if len(frame) and frame[0] == _SEALED:
                frame, sealed_by = self._unseal(frame, wider)
            return Compound(self._take_apart(frame, sealed_by), sealed_by)
        except WireError as problem:
            raise ProtocolViolation(str(problem)) from problem

    def _unseal(self, frame: memoryview, wider: memoryview | None) -> tuple[memoryview, Session]:
        _, signature, nonce, _, _, _, session_id = transform.fields(frame)
        session = self.sessions.get(session_id)
        if session is None or session.opener is None:
            raise ProtocolViolation("sealed message for a session without keys")
        associated = frame[transform.AUTHENTICATED_FROM : transform.SIZE].tobytes()
        if wider is not None:
            wider = wider[transform.SIZE :]
        return session.opener.open(nonce, signature, frame[transform.SIZE :], associated, wider), session

    def _take_apart(self, frame: memoryview, sealed_by: Session | None) -> list[Work]:
        works: list[Work] = []
        previous: Work | None = None
        offset = 0
        while True:
            work = Work(self, header.fields(frame, offset), frame, sealed_by)
            following = work.next_command
            if following:
                if following % 8 or following < header.SIZE or offset + following + header.SIZE > len(frame):
                    raise ProtocolViolation("compound chain leaves its frame")
                work.message = frame[offset : offset + following]
                if following < header.END_OF_BODY_SIZE:
                    work.body_size = 0  # what was read there is the next one's
            elif offset:
                work.message = frame[offset:]
            self._accept(work, previous)
            works.append(work)
            if not following:
                return works
            offset += following
            previous = work
            if len(works) == MAX_COMPOUND:
                raise ProtocolViolation("compound too long")

    def _accept(self, work: Work, previous: Work | None) -> None:
        flags, sealed_by = work.flags, work.sealed_by
        if flags & header.SERVER_TO_REDIR:
            raise ProtocolViolation("a reply from a client")
        if work.command != header.CANCEL:
            charge = work.credit_charge or 1
            if charge > 1 and (self.dialect is None or not self.dialect.multi_credit):
                charge = 1
            if not self.credits.take(work.message_id, charge):
                raise ProtocolViolation(f"message id {work.message_id} was not granted")
        if sealed_by is not None:
            # Only the session that sealed it may speak in it; a related request says all ones.
            if work.session_id != sealed_by.session_id and work.session_id != _ALL_ONES:
                raise ProtocolViolation("sealed message for another session")
            work.protected_by = sealed_by
        if previous is not None and flags & header.RELATED_OPERATIONS:
            # Known already here: the signature must be right for the session that will be acted for.
            work.session_id = previous.session_id
        if sealed_by is None:
            self._verify(work)

    def _verify(self, work: Work) -> None:
        """[MS-SMB2] 3.3.5.2.4: a wrong or missing signature fails the request before anything else looks at it."""
        session = self.sessions.get(work.session_id)
        if work.flags & header.SIGNED:
            if work.command == header.NEGOTIATE:
                work.failure = status.INVALID_PARAMETER
            elif session is None:
                self._verify_unknown(work)
            elif (signer := session.channels.get(self)) is None:
                # Nothing to check with: a login that is not finished, or a guest. SESSION_SETUP settles itself.
                if work.command != header.SESSION_SETUP:
                    work.failure = status.ACCESS_DENIED
            else:
                # Sign the reply, whatever it will be, and whether the command needs a session.
                work.session, work.signer = session, signer
                if self._signature_is_right(signer, work):
                    work.protected_by = session
                else:
                    log.warning("%s: wrong signature on command %d", self.name, work.command)
                    work.failure = status.ACCESS_DENIED
        elif session is not None and session.signing_required and work.command != header.CANCEL:
            # The refusal is signed: smbj believes no other one, and waits for a minute.
            work.session, work.signer = session, session.channels.get(self)
            work.failure = status.ACCESS_DENIED

    def _verify_unknown(self, work: Work) -> None:
        """A session of other connections can be meant only to be bound; then its own key has signed.

        Whoever has that key gets a signed answer to any request; clients do not believe another one.
        """
        session = self.server.sessions.get(work.session_id)
        is_right = session is not None and session.signer is not None and self._signature_is_right(session.signer, work)
        if session is not None and is_right:
            work.session, work.signer = session, session.signer
        if session is None or work.command != header.SESSION_SETUP or not session_setup.is_binding(work.message):
            work.failure = status.USER_SESSION_DELETED
        elif is_right:
            work.protected_by = session
        # A wrong signature is the command's to refuse: its other checks come before ([MS-SMB2] 3.3.5.5).

    @staticmethod
    def _signature_is_right(signer: signing.Signer, work: Work) -> bool:
        message, is_cancel = work.message, work.command == header.CANCEL
        if len(message) > _JOIN_UP_TO and not message.readonly:  # in one part GMAC has less to set up
            message[header.SIGNATURE_OFFSET : header.SIZE] = header.NO_SIGNATURE
            expected = signer([message], work.message_id, False, is_cancel)
            message[header.SIGNATURE_OFFSET : header.SIZE] = work.signature
        else:
            parts: list[Buffer] = [message[: header.SIGNATURE_OFFSET], header.NO_SIGNATURE, message[header.SIZE :]]
            if len(message) <= _JOIN_UP_TO:
                parts = [b"".join(parts)]
            expected = signer(parts, work.message_id, False, is_cancel)
        return signing.equal(expected, work.signature)

    # Replies to buffers

    def wrap(self, answered: list[tuple[Work, Reply]], sealed_by: Session | None) -> list[Buffer]:
        """One frame with all the replies of a compound."""
        out: list[Buffer] = []
        is_alone = len(answered) == 1
        last = answered[-1][0]
        wanted = 0  # credits, of those that no interim reply gave already
        for work, reply in answered:
            if reply.tail is not None and not (is_alone and self.answers_plainly(work)):
                reply.read_tail()
            if self.distort is not None:
                self.distort(work, reply)
            if not work.async_id:
                wanted += work.credits_requested or 1
            following = padding = 0
            if not is_alone:
                length = header.SIZE
                for part in reply.buffers:
                    length += len(part)
                padding = -length & 7
                following = length + padding
            if work is last:  # it is padded too (3.3.4.1.3), and leads nowhere; it has the credits of all
                parts = self._message(work, reply, self.credits.grant(wanted) if wanted else 0, 0, padding)
            else:
                parts = self._message(work, reply, 0, following, padding)
            if reply.on_wire is not None:
                reply.on_wire(parts)
            out += parts
        if sealed_by is None:
            return out
        return self._seal(out, sealed_by, answered[0][1].whole if is_alone else None)

    def answers_plainly(self, work: Work) -> bool:
        """Whether a successful reply to this request will be neither signed nor sealed."""
        return work.sealed_by is None and self._reply_signer(work, status.SUCCESS) is None

    def interim(self, work: Work) -> list[Buffer]:
        """STATUS_PENDING for a request that goes on; from here on it has an AsyncId and its credits."""
        self._last_async_id += 1
        work.async_id = self._last_async_id
        granted = self.credits.grant(work.credits_requested)
        parts = self._message(work, Reply([error.encode()], status.PENDING), granted, 0, 0)
        return self._seal(parts, work.sealed_by, None) if work.sealed_by is not None else parts

    def _message(self, work: Work, reply: Reply, granted: int, following: int, padding: int) -> list[Buffer]:
        flags = header.SERVER_TO_REDIR | work.flags & header.RELATED_OPERATIONS
        reserved, tree_id = 0, work.tree_id
        if work.async_id:
            flags |= header.ASYNC_COMMAND
            reserved, tree_id = work.async_id & 0xFFFFFFFF, work.async_id >> 32
        signer = self._reply_signer(work, reply.status) if work.sealed_by is None else None
        signature = header.NO_SIGNATURE
        if signer is not None:
            flags |= header.SIGNED
        elif reply.status == status.USER_SESSION_DELETED and work.flags & header.SIGNED and work.sealed_by is None:
            # There is no key any more. Like Windows, give the signature back: clients believe this status without a
            # right one, but drop the connection when a signed request gets an answer without any.
            flags |= header.SIGNED
            signature = work.signature
        head = header.LAYOUT.pack(
            header.PROTOCOL_ID,
            header.SIZE,
            work.credit_charge,
            reply.status,
            work.command,
            granted,
            flags,
            following,
            work.message_id,
            reserved,
            tree_id,
            work.session_id,
            signature,
        )
        if reply.whole is not None and not padding:
            message = reply.whole[: header.SIZE + len(reply.buffers[0])]
            message[: header.SIZE] = head
            if signer is not None:
                message[header.SIGNATURE_OFFSET : header.SIZE] = signer([message], work.message_id, True, False)
            return [message]
        parts: list[Buffer] = [head, *reply.buffers]
        if padding:
            parts.append(header.PADDING[padding])
        if signer is not None:
            signature = signer(parts, work.message_id, True, False)
            parts[0] = head[: header.SIGNATURE_OFFSET] + signature
        return parts

    def _reply_signer(self, work: Work, code: int) -> signing.Signer | None:
        """[MS-SMB2] 3.3.4.1.1: sign what answers a signed request and the reply that ends a login.

        Not asked for what is sealed.
        """
        session = work.session
        if session is None or code == status.PENDING:
            return None
        if work.signer is not None:
            return work.signer
        if (
            work.flags & header.SIGNED
            or session.signing_required
            or (work.command == header.SESSION_SETUP and code == status.SUCCESS)
        ):
            return session.channels.get(self)
        return None

    def _seal(self, parts: list[Buffer], session: Session, whole: memoryview | None) -> list[Buffer]:
        if session.sealer is None:
            raise ProtocolViolation("the session ended while a sealed reply was due")
        size = 0
        for part in parts:
            size += len(part)
        signature, associated, sealed = session.sealer.seal(
            parts, size, transform.tail(size, session.session_id), whole
        )
        return [header.TRANSFORM_ID + signature + associated, *sealed]

    # Notices that answer nothing

    def join_client(self) -> None:
        """From now on breaks for this client's leases may come this way."""
        self.server.breaks.peers.setdefault(self.client_guid, []).append(self)

    def break_oplock(self, session: Session, opened: Open, state: int) -> bool:
        """See objects.breaks.Peer."""
        level = oplock_break.LEVEL_II if state else oplock_break.LEVEL_NONE
        body = oplock_break.OplockBreak(level, opened.volatile_id, opened.volatile_id).encode()
        return self._notify(session, body)

    def break_lease(self, notice: Notice) -> bool:
        """See objects.breaks.Peer."""
        flags = oplock_break.NOTIFY_ACK_REQUIRED if notice.answer_needed else 0
        body = oplock_break.LeaseBreakNotification(
            notice.epoch, flags, notice.cache.key.lease_key, notice.old_state, notice.new_state
        ).encode()
        sessions = [session for session in self.sessions.values() if session.state is State.VALID]
        return bool(sessions) and self._notify(sessions[0], body)

    def is_stuck(self) -> bool:
        """See objects.breaks.Peer."""
        return self.unacknowledged is None or self.unacknowledged()

    def _notify(self, session: Session, body: bytes) -> bool:
        """Unsigned ([MS-SMB2] 3.3.4.6), and sealed where the session is."""
        if self.push is None:
            return False
        head = header.LAYOUT.pack(
            header.PROTOCOL_ID,
            header.SIZE,
            0,
            status.SUCCESS,
            header.OPLOCK_BREAK,
            0,
            header.SERVER_TO_REDIR,
            0,
            oplock_break.ANY_MESSAGE_ID,
            0,
            0,
            0,
            header.NO_SIGNATURE,
        )
        parts: list[Buffer] = [head, body]
        self.push(self._seal(parts, session, None) if session.encrypt_data else parts)
        return True

    # Ends

    def find_pending(self, work: Work) -> Work | None:
        """The request that a CANCEL means ([MS-SMB2] 3.3.5.16)."""
        if work.flags & header.ASYNC_COMMAND:
            for waiting in self.pending.values():
                if waiting.async_id and waiting.async_id == work.header_async_id:  # 0: it was told none yet
                    return waiting
            return None
        return self.pending.get(work.message_id)

    def end_session(self, session: Session) -> None:
        """Close a session, which may be another connection's, with all that belongs to it, on all its channels."""
        for channel in [*session.channels, *session.lost_channels]:
            channel.forget(session)
        self.forget(session)  # while its first login is under way it has no channel
        self.server.sessions.pop(session.session_id, None)
        session.close(self.server.files, self.server.durables.detach)
        session.channels.clear()
        session.lost_channels.clear()

    def forget(self, session: Session) -> None:
        """See objects.session.Channel."""
        self.sessions.pop(session.session_id, None)
        for work in [work for work in self.pending.values() if work.session is session]:
            if work.pending is not None and work.pending.can_cancel:
                work.pending.waiter.end()
        self.attempts.pop(session.session_id, None)

    def end(self) -> None:
        """The transport is gone: everything this connection holds is given back."""
        self.push = None
        peers = self.server.breaks.peers.get(self.client_guid, [])
        if self in peers:
            peers.remove(self)
            if not peers:
                del self.server.breaks.peers[self.client_guid]
                self.server.client_dialects.pop(self.client_guid, None)
        for work in list(self.pending.values()):
            if work.pending is not None and work.pending.can_cancel and not self._goes_on(work):
                work.pending.waiter.cancel()
        self.attempts.clear()
        for session in list(self.sessions.values()):
            self._leave(session)
        self.server.breaks.lost(self)

    def _goes_on(self, work: Work) -> bool:
        """Whether a request outlives this channel: a CREATE that can be replayed on another one.

        [MS-SMB2] 3.3.7.1 cancels it as well. But then its replay waits in its place and may be lost in its turn.
        """
        session, pending = work.session, work.pending
        return pending is not None and pending.outlives_channel and session is not None and len(session.channels) > 1

    def finished_late(self, session: Session) -> None:
        """A request of this lost connection has ended; with the last one nothing is left to wait for."""
        if self in session.lost_channels and not any(work.session is session for work in self.pending.values()):
            session.lost_channels.remove(self)

    def _leave(self, session: Session) -> None:
        """One channel less ([MS-SMB2] 3.3.7.1). The last one takes the session along."""
        session.channels.pop(self, None)
        if not session.channels:
            self.end_session(session)
        else:
            self.sessions.pop(session.session_id, None)
            if any(work.session is session for work in self.pending.values()):
                session.lost_channels.append(self)
