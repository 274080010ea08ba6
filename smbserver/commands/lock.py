"""LOCK ([MS-SMB2] 3.3.5.14): refused; this server does not keep byte-range locks yet."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.wire import lock as wire


def lock(request: wire.LockRequest, work: Work) -> Reply:
    """A lock that is not kept must not be granted."""
    raise StatusError(status.NOT_SUPPORTED)
