"""SESSION_SETUP ([MS-SMB2] 3.3.5.5): log in, derive keys, and only then let the session be used."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from smbserver.auth.failed_logins import LockedOut
from smbserver.auth.login import Login
from smbserver.auth.ntlm import Acceptor, LoggedOn, LogonFailure
from smbserver.connection.connection import MAX_SESSIONS, Connection
from smbserver.connection.dialects import Dialect
from smbserver.connection.work import Buffer, Pending, Reply, Work
from smbserver.crypto import kdf, preauth, signing
from smbserver.crypto.sealing import KEY_LENGTH, Opener, Sealer
from smbserver.errors import ProtocolViolation, StatusError
from smbserver.nt import status
from smbserver.objects.server_state import Encryption
from smbserver.objects.session import Session, State
from smbserver.waiter import Waiter
from smbserver.wire import session_setup as wire
from smbserver.wire.negotiate import AES_CMAC, AES_GMAC, SIGNING_REQUIRED

log = logging.getLogger(__name__)

MAX_UNFINISHED_LOGINS: Final = 16  # on one connection; each keeps its messages, and strangers can begin them
MAX_LOGGED_NAME: Final = 64  # characters of a name that somebody claims to have

Outcome = LoggedOn | LogonFailure


def session_setup(request: wire.SessionSetupRequest, work: Work) -> Reply | Pending[None]:
    """One leg of a login. A failure removes the session; nothing but the last lines of `_finish` make one valid."""
    connection = work.connection
    dialect = connection.dialect
    if dialect is None:
        raise ProtocolViolation("SESSION_SETUP before NEGOTIATE")
    if request.flags & wire.SESSION_FLAG_BINDING:
        # [MS-SMB2] 3.3.5.5: without multichannel a binding is refused.
        raise StatusError(status.REQUEST_NOT_ACCEPTED)
    policy = connection.server.policy
    if policy.encryption is Encryption.REQUIRED and not connection.cipher:
        raise StatusError(status.ACCESS_DENIED)
    session = _session_for(work)
    work.session = session
    with _failing_closed(work, session):
        return _leg(request, work, dialect, session)


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


def _session_for(work: Work) -> Session:
    connection = work.connection
    if work.session_id == 0:
        unfinished = sum(session.state is State.IN_PROGRESS for session in connection.sessions.values())
        if len(connection.sessions) >= MAX_SESSIONS or unfinished >= MAX_UNFINISHED_LOGINS:
            raise StatusError(status.INSUFFICIENT_RESOURCES)
        session = Session(connection.server.new_session_id(), connection.preauth_hash, connection)
        connection.sessions[session.session_id] = session
        connection.server.sessions[session.session_id] = session
        work.session_id = session.session_id
        return session
    found = connection.sessions.get(work.session_id)
    if found is None:
        raise StatusError(status.USER_SESSION_DELETED)
    if found.settling:
        raise StatusError(status.REQUEST_NOT_ACCEPTED)  # the same for a right and a wrong password
    return found


def _leg(request: wire.SessionSetupRequest, work: Work, dialect: Dialect, session: Session) -> Reply | Pending[None]:
    connection = work.connection
    if dialect.preauth and session.state is State.IN_PROGRESS:
        session.preauth_hash = preauth.extend(session.preauth_hash, [work.message])
    login = session.login
    if login is None:
        login = session.login = _new_login(connection)
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
        return Reply(body, status.MORE_PROCESSING_REQUIRED, _hash_reply(dialect, session))
    wait = _withheld(connection, outcome)
    session.settling = True
    if not wait:
        return _conclude(request, work, dialect, session, token, outcome)
    settled = outcome

    def conclude(_: None) -> Reply:
        with _failing_closed(work, session):
            return _conclude(request, work, dialect, session, token, settled)

    def abandon() -> None:
        stop()
        if session.state is State.IN_PROGRESS:
            connection.end_session(session)
        session.settling = False
        session.login = None

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


def _conclude(
    request: wire.SessionSetupRequest, work: Work, dialect: Dialect, session: Session, token: bytes, outcome: Outcome
) -> Reply:
    """The answer to a finished login goes out now."""
    if session.state is State.CLOSED:  # ended while the answer was withheld
        raise StatusError(status.USER_SESSION_DELETED)
    session.settling = False
    session.login = None
    if isinstance(outcome, LogonFailure):
        raise StatusError(outcome.status)
    connection = work.connection
    connection.server.failed_logins.forgive(connection.address, _claimed(outcome))
    _finish(request, connection, dialect, session, outcome)
    return Reply([wire.encode_response(session.flags, token)])


def _new_login(connection: Connection) -> Login:
    server = connection.server
    return Login(Acceptor(server.accounts, server.names, server.runtime.random, server.runtime.now()))


def _hash_reply(dialect: Dialect, session: Session) -> Callable[[list[Buffer]], None] | None:
    if not dialect.preauth or session.state is not State.IN_PROGRESS:
        return None

    def update(parts: list[Buffer]) -> None:
        session.preauth_hash = preauth.extend(session.preauth_hash, parts)

    return update


def _finish(
    request: wire.SessionSetupRequest, connection: Connection, dialect: Dialect, session: Session, who: LoggedOn
) -> None:
    """Make the session valid, or keep it so."""
    identity = who.identity
    if session.state is State.VALID:
        # Re-authentication keeps keys and flags ([MS-SMB2] 3.3.5.5.2); another user may not take a session over.
        if identity != session.identity:
            log.warning("%s: %s is not the user of the session", connection.name, identity.user)
            raise StatusError(status.ACCESS_DENIED)
        _end_previous(request.previous_session_id, connection, session, who)
        return
    policy = connection.server.policy
    flags = 0
    if identity.is_guest or identity.is_anonymous:
        if policy.encryption is Encryption.REQUIRED:
            raise StatusError(status.ACCESS_DENIED)
        flags = wire.SESSION_FLAG_IS_GUEST if identity.is_guest else wire.SESSION_FLAG_IS_NULL
    else:
        _make_keys(connection, dialect, session, who.session_key)
        asked = (request.security_mode | connection.client_security_mode) & SIGNING_REQUIRED
        session.signing_required = policy.signing_required or bool(asked)
        if policy.encryption is Encryption.REQUIRED:
            session.encrypt_data = True
            flags = wire.SESSION_FLAG_ENCRYPT_DATA
    _end_previous(request.previous_session_id, connection, session, who)
    session.identity = identity
    session.flags = flags
    log.info("%s: %s logged in (%s)", connection.name, identity.user or "anonymous", dialect.name)
    session.peers.append(connection)
    session.state = State.VALID


def _make_keys(connection: Connection, dialect: Dialect, session: Session, session_key: bytes) -> None:
    if dialect.preauth:
        keys = kdf.keys_311(session_key, session.preauth_hash, KEY_LENGTH.get(connection.cipher, 16))
    elif dialect.derives_keys:
        keys = kdf.keys_300(session_key)
    else:
        keys = kdf.keys_2x(session_key)
    session.keys = keys
    if connection.signing_algorithm == AES_GMAC:
        session.signer = signing.aes_gmac(keys.signing)
    elif connection.signing_algorithm == AES_CMAC:
        session.signer = signing.aes_cmac(keys.signing)
    else:
        session.signer = signing.hmac_sha256(keys.signing)
    if connection.cipher:
        session.sealer = Sealer(connection.cipher, keys.encryption)
        session.opener = Opener(connection.cipher, keys.decryption)


def _end_previous(previous_id: int, connection: Connection, session: Session, who: LoggedOn) -> None:
    """[MS-SMB2] 3.3.5.5.3: a client that came back ends the session it had; only its own."""
    previous = connection.server.sessions.get(previous_id)
    if previous is None or previous is session or previous.state is not State.VALID:
        return
    if previous.identity == who.identity and not who.identity.is_anonymous and not who.identity.is_guest:
        previous.owner.end_session(previous)
