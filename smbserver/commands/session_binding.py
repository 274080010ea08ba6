"""Binding a session to a further connection ([MS-SMB2] 3.3.5.5): every check, and the channel at the end."""

import logging
from typing import Final

from smbserver.connection.connection import MAX_SESSIONS
from smbserver.connection.dialects import Dialect
from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.objects.session import Session, State
from smbserver.wire import header
from smbserver.wire.negotiate import AES_GMAC

log = logging.getLogger(__name__)

MAX_CHANNELS: Final = 32  # of one session, as Windows has it


def find_bindable(work: Work, dialect: Dialect) -> Session:
    """The session that a signed request may bind to its connection; raises StatusError. Nothing is changed.

    The order is the section's; the first and the fourth check are Windows' own. Until the signature was judged these
    answers are for strangers too, who must have guessed an id to get any.
    """
    connection = work.connection
    session = connection.server.sessions.get(work.session_id)
    if session is None or session.state is State.CLOSED:
        raise StatusError(status.USER_SESSION_DELETED if dialect.derives_keys else status.REQUEST_NOT_ACCEPTED)
    terms = session.terms
    if terms.signing_algorithm != connection.signing_algorithm:
        if terms.signing_algorithm == AES_GMAC:
            raise StatusError(status.REQUEST_OUT_OF_SEQUENCE)
        if connection.signing_algorithm == AES_GMAC:
            raise StatusError(status.NOT_SUPPORTED)
    if not dialect.derives_keys:
        raise StatusError(status.REQUEST_NOT_ACCEPTED)
    if terms.dialect != dialect.revision or terms.cipher != connection.cipher:
        raise StatusError(status.INVALID_PARAMETER)
    if not work.flags & header.SIGNED:
        raise StatusError(status.INVALID_PARAMETER)
    if session.state is State.IN_PROGRESS:
        raise StatusError(status.REQUEST_NOT_ACCEPTED)
    if session.signer is None:  # a guest's or nobody's
        raise StatusError(status.NOT_SUPPORTED)
    if session.session_id in connection.sessions:
        raise StatusError(status.REQUEST_NOT_ACCEPTED)
    if work.protected_by is not session:
        log.warning("%s: wrong signature on a request to bind a session", connection.name)
        raise StatusError(status.ACCESS_DENIED)
    if len(session.channels) >= MAX_CHANNELS or len(connection.sessions) >= MAX_SESSIONS:
        raise StatusError(status.INSUFFICIENT_RESOURCES)
    return session
