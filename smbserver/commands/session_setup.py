"""SESSION_SETUP ([MS-SMB2] 3.3.5.5): log in, derive keys, and only then let the session be used."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

from smbserver.auth.failed_logins import LockedOut
from smbserver.auth.login import Login
from smbserver.auth.ntlm import Acceptor, LoggedOn, LogonFailure
from smbserver.commands.session_binding import find_bindable
from smbserver.connection.connection import MAX_SESSIONS, Connection
from smbserver.connection.dialects import Dialect
from smbserver.connection.pending import Pending
from smbserver.connection.work import Buffer, Reply, Work
from smbserver.crypto import kdf, preauth, signing
from smbserver.crypto.sealing import KEY_LENGTH, Opener, Sealer
from smbserver.errors import ProtocolViolation, StatusError
from smbserver.nt import status
from smbserver.objects.server_state import Encryption
from smbserver.objects.session import Attempt, Session, State, Terms
from smbserver.waiter import Waiter
from smbserver.wire import session_setup as wire
from smbserver.wire.negotiate import AES_CMAC, AES_GMAC, SIGNING_REQUIRED

log = logging.getLogger(__name__)

MAX_UNFINISHED_LOGINS: Final = 16  # on one connection; each keeps its messages, and strangers can begin them
MAX_LOGGED_NAME: Final = 64  # characters of a name that somebody claims to have

Outcome = LoggedOn | LogonFailure
Guard = Callable[[], AbstractContextManager[None]]
Finish = Callable[[LoggedOn], int]
"""Makes the login count, or raises; the SessionFlags of the reply."""


def session_setup(request: wire.SessionSetupRequest, work: Work) -> Reply | Pending[None]:
    """One leg of a login, a renewed one or a binding.

    A failing login removes its session, a failing binding nothing but itself. Nothing but the last lines of `_finish`
    make a session valid, nothing but those of `_bind` a channel.
    """
    connection = work.connection
    dialect = connection.dialect
    if dialect is None:
        raise ProtocolViolation("SESSION_SETUP before NEGOTIATE")
    if request.flags & wire.SESSION_FLAG_BINDING:
        return _binding_leg(request, work, dialect)
    policy = connection.server.policy
    if policy.encryption is Encryption.REQUIRED and not connection.cipher:
        raise StatusError(status.ACCESS_DENIED)
    session = _session_for(work)
    work.session = session
    attempt = _attempt(connection, session, b"")
    return _leg(
        request,
        work,
        session,
        attempt,
        lambda: _failing_closed(work, session),
        lambda who: _finish(request, connection, dialect, session, attempt, who),
    )


def _binding_leg(request: wire.SessionSetupRequest, work: Work, dialect: Dialect) -> Reply | Pending[None]:
    session = find_bindable(work, dialect)
    connection = work.connection
    attempt = _attempt(connection, session, connection.preauth_hash if dialect.preauth else b"")

    def finish(who: LoggedOn) -> int:
        find_bindable(work, dialect)  # again: the answer may have been withheld, and another channel been faster
        _bind(work, dialect, session, attempt, who)
        return 0

    return _leg(request, work, session, attempt, lambda: _failing_alone(connection, session), finish)


def _attempt(connection: Connection, session: Session, preauth_hash: bytes) -> Attempt:
    """What is under way for this session on this connection, begun now if need be. Raises StatusError."""
    attempt = connection.attempts.get(session.session_id)
    if attempt is None:
        _check_room(connection)
        attempt = connection.attempts[session.session_id] = Attempt(preauth_hash)
    if attempt.settling:
        raise StatusError(status.REQUEST_NOT_ACCEPTED)  # the same for a right and a wrong password
    return attempt


def _check_room(connection: Connection) -> None:
    if len(connection.attempts) < MAX_UNFINISHED_LOGINS:
        return
    for session_id in [each for each in connection.attempts if each not in connection.server.sessions]:
        del connection.attempts[session_id]  # to bind a session that has ended meanwhile
    if len(connection.attempts) >= MAX_UNFINISHED_LOGINS:
        raise StatusError(status.INSUFFICIENT_RESOURCES)


@contextlib.contextmanager
def _failing_closed(work: Work, session: Session) -> Iterator[None]:
    """Whatever leaves by an exception, expected or not, takes the session with it ([MS-SMB2] 3.3.5.5.3)."""
    try:
        yield
    except BaseException:
        if session.state is State.IN_PROGRESS:
            work.session = None  # there is no key to sign the answer with
        work.connection.end_session(session)
        raise


@contextlib.contextmanager
def _failing_alone(connection: Connection, session: Session) -> Iterator[None]:
    """Whatever leaves by an exception takes the attempt with it; the session has not heard of it."""
    try:
        yield
    except BaseException:
        connection.attempts.pop(session.session_id, None)
        raise


def _session_for(work: Work) -> Session:
    connection = work.connection
    if work.session_id == 0:
        if len(connection.sessions) >= MAX_SESSIONS:
            raise StatusError(status.INSUFFICIENT_RESOURCES)
        _check_room(connection)
        dialect = connection.dialect
        assert dialect is not None
        terms = Terms(dialect.revision, connection.cipher, connection.signing_algorithm)
        session = Session(connection.server.new_session_id(), terms)
        attempt = Attempt(connection.preauth_hash if dialect.preauth else b"")
        connection.attempts[session.session_id] = attempt
        connection.sessions[session.session_id] = session
        connection.server.sessions[session.session_id] = session
        work.session_id = session.session_id
        return session
    found = connection.sessions.get(work.session_id)
    if found is None:
        raise StatusError(status.USER_SESSION_DELETED)
    return found


def _leg(
    request: wire.SessionSetupRequest, work: Work, session: Session, attempt: Attempt, guard: Guard, finish: Finish
) -> Reply | Pending[None]:
    with guard():
        return _step(request, work, session, attempt, guard, finish)


def _step(
    request: wire.SessionSetupRequest, work: Work, session: Session, attempt: Attempt, guard: Guard, finish: Finish
) -> Reply | Pending[None]:
    connection = work.connection
    if attempt.preauth_hash:
        attempt.preauth_hash = preauth.extend(attempt.preauth_hash, [work.message])
    login = attempt.login
    if login is None:
        # To give up every right needs no right: who has a session may always log on again as nobody.
        login = attempt.login = _new_login(connection, session.state is State.VALID)
    token = b""
    outcome: Outcome | None
    try:
        token = login.step(request.security_buffer)
        outcome = login.result
    except LogonFailure as failure:
        name = failure.user[:MAX_LOGGED_NAME]
        log.warning("%s: login failed: user %r: %s", connection.name, name, failure.reason)
        outcome = failure
    except StatusError as error:
        log.warning("%s: login failed: %s", connection.name, status.describe(error.status))
        raise
    if outcome is None:
        body: list[Buffer] = [wire.encode_response(0, token)]
        return Reply(body, status.MORE_PROCESSING_REQUIRED, _hash_reply(attempt))
    wait = _withheld(connection, outcome)
    attempt.settling = True
    if not wait:
        return _conclude(connection, session, token, outcome, finish)
    settled = outcome

    def conclude(_: None) -> Reply:
        with guard():
            return _conclude(connection, session, token, settled, finish)

    def abandon() -> None:
        stop()
        connection.attempts.pop(session.session_id, None)
        if session.state is State.IN_PROGRESS:
            connection.end_session(session)

    waiter: Waiter[None] = Waiter(abandon)
    stop = connection.server.runtime.later(wait, lambda: waiter.resolve(None))
    return Pending(waiter, conclude, can_cancel=True)


def _withheld(connection: Connection, outcome: Outcome) -> float:
    """Seconds until the answer may go out, whatever it is. Only those who claim to be an account wait."""
    server = connection.server
    user = _claimed(outcome)
    if not user or not server.policy.delay_failed_logins:
        return 0
    try:
        return server.failed_logins.attempt(connection.address, user, server.runtime.now())
    except LockedOut:
        name = user[:MAX_LOGGED_NAME]
        log.warning("%s: user %r is locked out for some seconds: too many attempts at once", connection.name, name)
        raise StatusError(status.ACCOUNT_LOCKED_OUT) from None


def _claimed(outcome: Outcome) -> str:
    if isinstance(outcome, LogonFailure):
        return outcome.user
    return "" if outcome.identity.is_guest or outcome.identity.is_anonymous else outcome.identity.user


def _conclude(connection: Connection, session: Session, token: bytes, outcome: Outcome, finish: Finish) -> Reply:
    """The answer to a finished login goes out now."""
    if session.state is State.CLOSED:  # ended while the answer was withheld
        raise StatusError(status.USER_SESSION_DELETED)
    connection.attempts.pop(session.session_id, None)
    if isinstance(outcome, LogonFailure):
        raise StatusError(outcome.status)
    connection.server.failed_logins.forgive(connection.address, _claimed(outcome))
    return Reply([wire.encode_response(finish(outcome), token)])


def _new_login(connection: Connection, may_be_nobody: bool) -> Login:
    server = connection.server
    return Login(Acceptor(server.accounts, server.names, server.runtime.random, server.runtime.now(), may_be_nobody))


def _hash_reply(attempt: Attempt) -> Callable[[list[Buffer]], None] | None:
    if not attempt.preauth_hash:
        return None

    def update(parts: list[Buffer]) -> None:
        attempt.preauth_hash = preauth.extend(attempt.preauth_hash, parts)

    return update


def _finish(
    request: wire.SessionSetupRequest,
    connection: Connection,
    dialect: Dialect,
    session: Session,
    attempt: Attempt,
    who: LoggedOn,
) -> int:
    """Make the session valid, or keep it so."""
    identity = who.identity
    if session.state is State.VALID:
        # Re-authentication keeps keys and flags ([MS-SMB2] 3.3.5.5.2). Its user may give up every right and take them
        # back with the password; another user may not take a session over.
        if identity != session.user and not identity.is_anonymous:
            log.warning("%s: %s is not the user of the session", connection.name, identity.user)
            raise StatusError(status.ACCESS_DENIED)
        session.identity = identity
        _end_previous(request.previous_session_id, connection, session, who)
        return session.flags
    policy = connection.server.policy
    flags = 0
    if identity.is_guest or identity.is_anonymous:
        if policy.encryption is Encryption.REQUIRED:
            raise StatusError(status.ACCESS_DENIED)
        flags = wire.SESSION_FLAG_IS_GUEST if identity.is_guest else wire.SESSION_FLAG_IS_NULL
    else:
        _make_keys(connection, session, _derive(connection, dialect, attempt, who.session_key))
        asked = (request.security_mode | connection.client_security_mode) & SIGNING_REQUIRED
        session.signing_required = policy.signing_required or bool(asked)
        if policy.encryption is Encryption.REQUIRED:
            session.encrypt_data = True
            flags = wire.SESSION_FLAG_ENCRYPT_DATA
    if not connection.server.admit_dialect(connection.client_guid, dialect.revision):
        log.warning("%s: its client is here with another dialect than %s", connection.name, dialect.name)
        raise StatusError(status.USER_SESSION_DELETED)  # [MS-SMB2] 3.3.5.5.3
    _end_previous(request.previous_session_id, connection, session, who)
    session.user = session.identity = identity
    session.flags = flags
    log.info("%s: %s logged in (%s)", connection.name, identity.user or "anonymous", dialect.name)
    session.channels[connection] = session.signer
    session.began = connection.server.runtime.now()
    session.state = State.VALID
    return flags


def _bind(work: Work, dialect: Dialect, session: Session, attempt: Attempt, who: LoggedOn) -> None:
    """Make the connection a channel of the session, with a signing key of its own ([MS-SMB2] 3.3.5.5.3).

    What the session requires stays as it is: clients do not sign a renewed login only because a channel asked for it.
    """
    connection = work.connection
    if who.identity != session.user:
        log.warning("%s: %s is not the user of the session to bind", connection.name, who.identity.user)
        raise StatusError(status.ACCESS_DENIED)  # NOT_SUPPORTED by the section; Windows says this
    keys = _derive(connection, dialect, attempt, who.session_key)
    signer = _signer(connection, keys)
    log.info("%s: %s: a further channel", connection.name, who.identity.user)
    connection.sessions[session.session_id] = session
    session.channels[connection] = work.signer = signer


def _derive(connection: Connection, dialect: Dialect, attempt: Attempt, session_key: bytes) -> kdf.SessionKeys:
    if dialect.preauth:
        return kdf.keys_311(session_key, attempt.preauth_hash, KEY_LENGTH.get(connection.cipher, 16))
    if dialect.derives_keys:
        return kdf.keys_300(session_key)
    return kdf.keys_2x(session_key)


def _signer(connection: Connection, keys: kdf.SessionKeys) -> signing.Signer:
    if connection.signing_algorithm == AES_GMAC:
        return signing.aes_gmac(keys.signing)
    if connection.signing_algorithm == AES_CMAC:
        return signing.aes_cmac(keys.signing)
    return signing.hmac_sha256(keys.signing)


def _make_keys(connection: Connection, session: Session, keys: kdf.SessionKeys) -> None:
    session.keys = keys
    session.signer = _signer(connection, keys)
    if connection.cipher:
        session.sealer = Sealer(connection.cipher, keys.encryption)
        session.opener = Opener(connection.cipher, keys.decryption)


def _end_previous(previous_id: int, connection: Connection, session: Session, who: LoggedOn) -> None:
    """[MS-SMB2] 3.3.5.5.3: a client that came back ends the session it had; only its own."""
    previous = connection.server.sessions.get(previous_id)
    if previous is None or previous is session or previous.state is not State.VALID:
        return
    if previous.user == who.identity and not who.identity.is_anonymous and not who.identity.is_guest:
        connection.end_session(previous)
