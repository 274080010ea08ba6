"""CHANGE_NOTIFY ([MS-SMB2] 3.3.5.19): refused; clients then look for themselves."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.wire import change_notify as wire


def change_notify(request: wire.ChangeNotifyRequest, work: Work) -> Reply:
    """NOT_SUPPORTED is the answer on which macOS falls back to polling."""
    raise StatusError(status.NOT_SUPPORTED)
