"""LOGOFF ([MS-SMB2] 3.3.5.6)."""

from smbserver.connection.work import Reply, Work
from smbserver.wire import empty


def logoff(request: None, work: Work) -> Reply:
    """End the session with all its trees and opens; the reply is still signed with its key."""
    session = work.need_session()
    signer, sealer = session.signer, session.sealer
    work.connection.end_session(session)
    session.signer, session.sealer = signer, sealer  # for this one reply; nothing finds the session any more
    return Reply([empty.BODY])
