"""CLOSE ([MS-SMB2] 3.3.5.10)."""

from smbserver.connection.work import Reply, Work
from smbserver.wire import close as wire


def close(request: wire.CloseRequest, work: Work) -> Reply:
    """End an open; with POSTQUERY_ATTRIB the reply has the file's last attributes."""
    opened = work.need_open()
    body = wire.EMPTY_RESPONSE
    if request.flags & wire.FLAG_POSTQUERY_ATTRIB:
        meta = opened.handle.metadata()
        body = wire.encode_response(*meta[:7])
    work.need_session().opens.pop(opened.volatile_id, None)
    opened.close(work.connection.server.files)
    return Reply([body])
