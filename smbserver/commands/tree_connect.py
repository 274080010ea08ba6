"""TREE_CONNECT ([MS-SMB2] 3.3.5.7)."""

import logging
from typing import Final

from smbserver.backend.base import Backend
from smbserver.connection.work import Reply, Work
from smbserver.errors import ProtocolViolation, StatusError
from smbserver.nt import status
from smbserver.objects.server_state import ServerState
from smbserver.objects.share import Share
from smbserver.objects.tree import Tree
from smbserver.wire import header
from smbserver.wire import tree_connect as wire

log = logging.getLogger(__name__)

MAX_TREES: Final = 1024  # of one session


def tree_connect(request: wire.TreeConnectRequest, work: Work) -> Reply:
    """Connect to a share by its name; the server's name in the path is the client's business."""
    session = work.need_session()
    connection = work.connection
    identity = session.identity
    dialect = connection.dialect
    has_key = not identity.is_anonymous and not identity.is_guest
    protected = work.sealed_by is not None or work.flags & header.SIGNED
    if dialect is not None and dialect.preauth and has_key and not protected:
        # [MS-SMB2] 3.3.5.7: at 3.1.1 this request is what proves that nobody changed the negotiation.
        raise ProtocolViolation("unsigned TREE_CONNECT at 3.1.1")
    if len(session.trees) >= MAX_TREES:
        raise StatusError(status.INSUFFICIENT_RESOURCES)
    parts = request.path.split("\\")
    if len(parts) != 4 or parts[0] or parts[1] or not parts[2]:
        raise StatusError(status.BAD_NETWORK_NAME)
    share = connection.server.find_share(parts[3])
    if share is None:
        raise StatusError(status.BAD_NETWORK_NAME)
    if share.encrypt and work.sealed_by is None and (session.sealer is None or not connection.cipher):
        raise StatusError(status.ACCESS_DENIED)
    if identity.is_anonymous and not share.is_pipe:
        raise StatusError(status.ACCESS_DENIED)
    if share.backend is not None:
        _look_again(share, share.backend, connection.server)
    user, acting = connection.server.local_users.on_share(share, identity)
    tree = Tree(session.next_tree_id(), share, share.maximal_access, user, acting)
    session.trees[tree.tree_id] = tree
    work.tree_id = tree.tree_id
    work.tree = tree
    flags = wire.SHAREFLAG_ENCRYPT_DATA if share.encrypt else 0
    if share.hide_unreadable:
        flags |= wire.SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM
    if share.is_pipe:
        return Reply([wire.encode_response(wire.SHARE_TYPE_PIPE, wire.SHAREFLAG_NO_CACHING, 0, tree.maximal_access)])
    return Reply([wire.encode_response(wire.SHARE_TYPE_DISK, flags, 0, tree.maximal_access)])


def _look_again(share: Share, backend: Backend, server: ServerState) -> None:
    """A disk that was mounted after the start is served from now on; one that is gone is said to be gone."""
    try:
        with server.local_users.server_rights:
            backend.look_again()
    except OSError as error:
        log.warning("share %r: its directory cannot be opened any more: %s", share.name, error.strerror)
        raise StatusError(status.BAD_NETWORK_NAME) from None
