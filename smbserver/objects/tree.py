"""A tree connect: one session's use of one share ([MS-SMB2] 3.3.1.9)."""

from smbserver.auth.identity import Identity
from smbserver.backend.acting import ActsAs, LocalUser
from smbserver.nt.token import Token
from smbserver.objects.local_users import NOBODY
from smbserver.objects.share import Share


class Tree:
    """`maximal_access` bounds every open made through it.

    `local_user` is whom the kernel takes its requests for; `acting` is what a thread enters to be that user, None when
    it is already. `token` is the last one made for its user.
    """

    __slots__ = ("acting", "local_user", "maximal_access", "share", "token", "tree_id")

    def __init__(
        self,
        tree_id: int,
        share: Share,
        maximal_access: int,
        local_user: LocalUser = NOBODY,
        acting: ActsAs | None = None,
    ) -> None:
        self.tree_id = tree_id
        self.share = share
        self.maximal_access = maximal_access
        self.local_user = local_user
        self.acting = acting
        self.token: tuple[Identity, Token] | None = None
