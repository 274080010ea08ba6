"""A session: one login on one connection, with its keys, trees and opens ([MS-SMB2] 3.3.1.8)."""

import enum
from typing import Protocol

from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.auth.login import Login
from smbserver.crypto.kdf import SessionKeys
from smbserver.crypto.sealing import Opener, Sealer
from smbserver.crypto.signing import Signer
from smbserver.objects.breaks import Peer
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.sharing.file_state import FileTable


class State(enum.Enum):
    """The life of a session."""

    IN_PROGRESS = "in progress"
    VALID = "valid"
    CLOSED = "closed"


class SessionOwner(Protocol):
    """The connection of a session, as far as another connection needs it."""

    def end_session(self, session: "Session") -> None:
        """Close a session with all that belongs to it."""


class Session:
    """`signer` is None for guests and anonymous users, who have no key anybody else does not know.

    `settling`: its login is finished and the answer withheld; until it goes out there is no other leg. `flags` are the
    SessionFlags of [MS-SMB2] 2.2.6 that the client was told.
    """

    def __init__(self, session_id: int, preauth_hash: bytes, owner: SessionOwner) -> None:
        self.session_id = session_id
        self.owner = owner
        self.state = State.IN_PROGRESS
        self.login: Login | None = None
        self.settling = False
        self.flags = 0
        self.identity: Identity = ANONYMOUS
        self.preauth_hash = preauth_hash
        self.keys: SessionKeys | None = None
        self.signer: Signer | None = None
        self.sealer: Sealer | None = None
        self.opener: Opener | None = None
        self.signing_required = False
        self.encrypt_data = False
        self.trees: dict[int, Tree] = {}
        self.opens: dict[int, Open] = {}
        self.peers: list[Peer] = []  # the connections it can be reached by
        self._last_tree_id = 0

    def next_tree_id(self) -> int:
        """An id no tree of this session has."""
        self._last_tree_id += 1
        return self._last_tree_id

    def close_tree(self, tree: Tree, files: FileTable) -> None:
        """End a tree connect with all opens made through it."""
        self.trees.pop(tree.tree_id, None)
        for opened in [opened for opened in self.opens.values() if opened.tree is tree]:
            del self.opens[opened.volatile_id]
            opened.close(files)

    def close(self, files: FileTable) -> None:
        """End everything that belongs to the session. Its keys stay: what is still running is answered with them."""
        self.state = State.CLOSED
        for tree in list(self.trees.values()):
            self.close_tree(tree, files)
