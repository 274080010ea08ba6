"""SESSION_SETUP ([MS-SMB2] 3.3.5.5): log in, derive keys, and only then let the session be used."""

import logging
from collections.abc import Callable
from typing import Final

from smbserver.auth.login import Login
from smbserver.auth.ntlm import Acceptor, LoggedOn
from smbserver.connection.connection import MAX_SESSIONS, Connection
from smbserver.connection.dialects import Dialect
from smbserver.connection.work import Buffer, Reply, Work
from smbserver.crypto import kdf, preauth, signing
from smbserver.crypto.sealing import KEY_LENGTH, Opener, Sealer
from smbserver.errors import ProtocolViolation, StatusError
from smbserver.nt import status
from smbserver.objects.server_state import Encryption
from smbserver.objects.session import Session, State
from smbserver.wire import session_setup as wire
from smbserver.wire.negotiate import AES_CMAC, AES_GMAC, SIGNING_REQUIRED

log = logging.getLogger(__name__)

MAX_UNFINISHED_LOGINS: Final = 16  # on one connection; each keeps its messages, and strangers can begin them


def session_setup(request: wire.SessionSetupRequest, work: Work) -> Reply:
    """One leg of a login. A failure removes the session; nothing but the last line of `_finish` makes one valid."""
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
    if dialect.preauth and session.state is State.IN_PROGRESS:
        session.preauth_hash = preauth.extend(session.preauth_hash, [work.message])
    login = session.login
    if login is None:
        login = session.login = _new_login(connection)
    try:
        token = login.step(request.security_buffer)
        if login.result is None:
            body: list[Buffer] = [wire.encode_response(0, token)]
            return Reply(body, status.MORE_PROCESSING_REQUIRED, _hash_reply(dialect, session))
        flags = _finish(request, connection, dialect, session, login.result)
    except StatusError as error:
        log.warning("%s: login refused: %s", connection.name, status.describe(error.status))
        work.session = None
        connection.end_session(session)
        raise
    except Exception:  # our bug; whatever it was, nobody is logged in
        work.session = None
        connection.end_session(session)
        raise
    return Reply([wire.encode_response(flags, token)])


def _session_for(work: Work) -> Session:
    connection = work.connection
    if work.session_id == 0:
        unfinished = sum(session.state is State.IN_PROGRESS for session in connection.sessions.values())
        if len(connection.sessions) >= MAX_SESSIONS or unfinished >= MAX_UNFINISHED_LOGINS:
            raise StatusError(status.INSUFFICIENT_RESOURCES)
        session = Session(connection.server.new_session_id(), connection.preauth_hash)
        connection.sessions[session.session_id] = session
        connection.server.sessions[session.session_id] = session
        work.session_id = session.session_id
        return session
    found = connection.sessions.get(work.session_id)
    if found is None:
        raise StatusError(status.USER_SESSION_DELETED)
    return found


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
) -> int:
    """Make the session valid; returns the SessionFlags of the reply."""
    session.login = None
    identity = who.identity
    if session.state is State.VALID:
        # Re-authentication keeps the keys ([MS-SMB2] 3.3.5.5.2); another user may not take a session over.
        if identity != session.identity:
            raise StatusError(status.ACCESS_DENIED)
        return wire.SESSION_FLAG_ENCRYPT_DATA if session.encrypt_data else 0
    flags = 0
    policy = connection.server.policy
    if identity.is_guest or identity.is_anonymous:
        if policy.encryption is Encryption.REQUIRED:
            raise StatusError(status.ACCESS_DENIED)
        flags |= wire.SESSION_FLAG_IS_GUEST if identity.is_guest else wire.SESSION_FLAG_IS_NULL
    else:
        _make_keys(connection, dialect, session, who.session_key)
        asked = (request.security_mode | connection.client_security_mode) & SIGNING_REQUIRED
        session.signing_required = policy.signing_required or bool(asked)
        if policy.encryption is Encryption.REQUIRED:
            session.encrypt_data = True
            flags |= wire.SESSION_FLAG_ENCRYPT_DATA
    _end_previous(request.previous_session_id, connection, session, who)
    session.identity = identity
    log.info("%s: %s logged in (%s)", connection.name, identity.user or "anonymous", dialect.name)
    session.state = State.VALID
    return flags


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
        connection.server.sessions.pop(previous_id, None)
        previous.close(connection.server.files)
