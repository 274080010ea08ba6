"""OPLOCK_BREAK ([MS-SMB2] 3.3.5.22): an acknowledgement of a break that was never sent."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.wire import oplock_break as wire


def oplock_break(request: wire.Acknowledgement, work: Work) -> Reply:
    """No oplock or lease is ever granted, so none can be in the state of breaking."""
    raise StatusError(status.INVALID_OPLOCK_PROTOCOL)
