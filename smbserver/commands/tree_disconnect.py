"""TREE_DISCONNECT ([MS-SMB2] 3.3.5.8)."""

from smbserver.connection.work import Reply, Work
from smbserver.wire import empty


def tree_disconnect(request: None, work: Work) -> Reply:
    """End the tree and every open made through it."""
    work.need_session().close_tree(work.need_tree(), work.connection.server.files)
    return Reply([empty.BODY])
