"""A session: what one user has here, over one channel or several ([MS-SMB2] 3.3.1.8, 3.3.1.14)."""

import enum
from collections.abc import Callable
from typing import NamedTuple, Protocol

from smbserver.auth.identity import ANONYMOUS, Identity
from smbserver.auth.login import Login
from smbserver.crypto.kdf import SessionKeys
from smbserver.crypto.sealing import Opener, Sealer
from smbserver.crypto.signing import Signer
from smbserver.objects.breaks import Peer
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.sharing.file_table import FileTable


class State(enum.Enum):
    """The life of a session."""

    IN_PROGRESS = "in progress"
    VALID = "valid"
    CLOSED = "closed"


class Channel(Peer, Protocol):
    """A connection, as far as its sessions need it."""

    @property
    def address(self) -> str:
        """Where the peer is, without its port."""

    def forget(self, session: "Session") -> None:
        """Know a session no longer that has ended; what waits in it is answered first, while there are keys."""


class Terms(NamedTuple):
    """What the connection of a first login had negotiated; a further channel must have the same."""

    dialect: int
    cipher: int
    signing_algorithm: int


class Attempt:
    """A login, a renewed one or a binding under way on one connection ([MS-SMB2] 3.3.1.7 PreauthSessionTable).

    `preauth_hash` is empty where nothing is derived from it. `settling`: the login is finished and the answer withheld;
    until it goes out there is no other leg.
    """

    __slots__ = ("login", "preauth_hash", "settling")

    def __init__(self, preauth_hash: bytes) -> None:
        self.login: Login | None = None
        self.preauth_hash = preauth_hash
        self.settling = False


class Session:
    """`signer` is None for guests and anonymous users, who have no key anybody else does not know.

    `user` is who made the session, and stays; `identity` is who acts now: `user`, or nobody after logging on again as
    anonymous. `channels` are the connections it can be reached by, in the order they came, each with what signs there.
    `flags` are the SessionFlags of [MS-SMB2] 2.2.6 that the client was told.
    """

    def __init__(self, session_id: int, terms: Terms) -> None:
        self.session_id = session_id
        self.terms = terms
        self.state = State.IN_PROGRESS
        self.began = 0  # FILETIME of the login
        self.flags = 0
        self.user: Identity = ANONYMOUS
        self.identity: Identity = ANONYMOUS
        self.channels: dict[Channel, Signer | None] = {}
        self.lost_channels: list[Channel] = []  # where a CREATE of this session may still be under way
        self.keys: SessionKeys | None = None
        self.signer: Signer | None = None
        self.sealer: Sealer | None = None
        self.opener: Opener | None = None
        self.signing_required = False
        self.encrypt_data = False
        self.is_apple = False  # the client has asked for Apple's extensions (transcript 0023)
        self.trees: dict[int, Tree] = {}
        self.opens: dict[int, Open] = {}
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

    def close(self, files: FileTable, detach: Callable[[Open], bool] | None = None) -> None:
        """End everything that belongs to the session. Its keys stay: what is still running is answered with them.

        `detach` takes an open over that shall outlive the session, and says so.
        """
        self.state = State.CLOSED
        if detach is not None:
            for opened in list(self.opens.values()):
                if detach(opened):
                    del self.opens[opened.volatile_id]
        for tree in list(self.trees.values()):
            self.close_tree(tree, files)
