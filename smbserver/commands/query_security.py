"""QUERY_INFO of a file's security descriptor ([MS-SMB2] 3.3.5.20.3, [MS-FSA] 2.1.5.14)."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import descriptor as sd
from smbserver.nt import status
from smbserver.nt.descriptor_parts import TO_READ, check_rights, select
from smbserver.nt.nfs_aces import with_mode
from smbserver.objects.file_access import descriptor_of
from smbserver.objects.open import Open
from smbserver.wire import query_info as wire


def query_security(request: wire.QueryInfoRequest, opened: Open, work: Work) -> Reply:
    """The parts that were asked for. Raises StatusError ACCESS_DENIED, BUFFER_TOO_SMALL with the size needed.

    Nothing asked for is an empty descriptor, whatever the open may do; smb2.sdread has that from Windows.
    """
    parts = request.additional_information
    check_rights(parts, opened.granted, TO_READ)
    descriptor = descriptor_of(opened.handle, work.token())
    if work.need_session().is_apple:
        owned = opened.handle.ownership()
        descriptor = with_mode(descriptor, owned.uid, owned.gid, owned.mode)
    data = sd.build(select(descriptor, parts))
    if len(data) > request.output_buffer_length:
        raise StatusError(status.BUFFER_TOO_SMALL, len(data).to_bytes(4, "little"))
    return Reply([wire.encode_response(data)])
