"""LOGOFF ([MS-SMB2] 3.3.5.6)."""

from smbserver.connection.work import Reply, Work
from smbserver.wire import empty


def logoff(request: None, work: Work) -> Reply:
    """End the session with all its trees and opens. The reply is signed with its key, which stays with the work."""
    work.connection.end_session(work.need_session())
    return Reply([empty.BODY])
