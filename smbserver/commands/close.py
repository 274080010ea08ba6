"""CLOSE ([MS-SMB2] 3.3.5.10)."""

import logging

from smbserver.connection.work import Reply, Work
from smbserver.wire import close as wire

log = logging.getLogger(__name__)


def close(flags: int, work: Work) -> Reply:
    """End an open; with POSTQUERY_ATTRIB the reply has the file's last attributes."""
    opened = work.need_open()
    body = wire.EMPTY_RESPONSE
    if flags & wire.FLAG_POSTQUERY_ATTRIB:
        try:
            opened.end_deferral()
            body = wire.encode_response(opened.metadata())
        except OSError as error:  # the open ends all the same; the reply says that it has no attributes
            log.info("%s: no attributes at close: %s", work.connection.name, error.strerror)
    work.need_session().opens.pop(opened.volatile_id, None)
    problem = opened.close(work.connection.server.files)
    if problem is not None:
        raise problem  # data that had been acknowledged is lost: the client must hear it, though the open is gone
    return Reply([body])
