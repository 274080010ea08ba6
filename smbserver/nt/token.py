"""Who asks: the SIDs that an access check compares with ([MS-DTYP] 2.5.2, as far as files need it)."""

from typing import NamedTuple


class Token(NamedTuple):
    """`user` owns what is made; `group` becomes its group; `sids` are all he is, `user` among them.

    `uid` is the local user the kernel takes him for; None when a file of that user is not shown as his. There are no
    privileges: nobody can back up, restore, audit or take what is not offered.
    """

    user: bytes
    group: bytes
    sids: frozenset[bytes]
    uid: int | None = None
