"""IOCTL ([MS-SMB2] 3.3.5.15)."""

from smbserver.connection import offers
from smbserver.connection.work import Reply, Work
from smbserver.errors import ProtocolViolation, StatusError
from smbserver.nt import status
from smbserver.wire import ioctl as wire


def ioctl(request: wire.IoctlRequest, work: Work) -> Reply:
    """Answer the control codes that clients need to mount; every other one is INVALID_DEVICE_REQUEST."""
    if not request.flags & wire.IS_FSCTL:
        raise StatusError(status.NOT_SUPPORTED)
    dialect = work.connection.dialect
    if dialect is None or max(len(request.input), request.max_output_response) > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(max(len(request.input), request.max_output_response))
    if request.ctl_code == wire.FSCTL_VALIDATE_NEGOTIATE_INFO:
        return _validate_negotiate(request, work)
    if request.ctl_code in (wire.FSCTL_DFS_GET_REFERRALS, wire.FSCTL_DFS_GET_REFERRALS_EX):
        raise StatusError(status.FS_DRIVER_REQUIRED)  # [MS-SMB2] 3.3.5.15.2: no DFS here
    raise StatusError(status.INVALID_DEVICE_REQUEST)


def _validate_negotiate(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.15.12: what the client sent must be what we got, else somebody stood between us."""
    connection = work.connection
    dialect = connection.dialect
    asked = wire.decode_validate_negotiate(request.input)
    if (
        dialect is None
        or asked.guid != connection.client_guid
        or asked.capabilities != connection.client_capabilities
        or asked.security_mode != connection.client_security_mode
        or asked.dialects != connection.client_dialects
    ):
        raise ProtocolViolation("the negotiation was tampered with")
    output = wire.VALIDATE_NEGOTIATE_RESPONSE.pack(
        offers.capabilities(connection, dialect),
        connection.server.guid,
        offers.security_mode(connection),
        dialect.revision,
    )
    if request.max_output_response < len(output):
        raise ProtocolViolation("no room for the negotiated values")
    return Reply([wire.encode_response(request.ctl_code, request.persistent_id, request.volatile_id, output)])
