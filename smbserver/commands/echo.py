"""ECHO ([MS-SMB2] 3.3.5.17)."""

from smbserver.connection.work import Reply, Work
from smbserver.wire import empty


def echo(request: None, work: Work) -> Reply:
    """Still here."""
    return Reply([empty.BODY])
