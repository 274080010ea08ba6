"""A tree connect: one session's use of one share ([MS-SMB2] 3.3.1.9)."""

from smbserver.objects.share import Share


class Tree:
    """`maximal_access` bounds every open made through it."""

    __slots__ = ("maximal_access", "share", "tree_id")

    def __init__(self, tree_id: int, share: Share, maximal_access: int) -> None:
        self.tree_id = tree_id
        self.share = share
        self.maximal_access = maximal_access
