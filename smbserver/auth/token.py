"""From who logged in, and the local user he acts as, to the SIDs that access checks know him by."""

from typing import Final

from smbserver.auth.identity import Identity
from smbserver.auth.sids import UserSids
from smbserver.nt.sid import (
    AUTHENTICATED_USERS,
    BUILTIN_GUESTS,
    BUILTIN_USERS,
    EVERYONE,
    NETWORK,
    unix_group,
    unix_user,
)
from smbserver.nt.token import Token

ROOT: Final = 0


def token_of(identity: Identity, sids: UserSids, uid: int, groups: tuple[int, ...]) -> Token:
    """The token of somebody whose requests are done by the local `uid` with `groups`, the primary one among them.

    Nobody is root over SMB, and guests are no local user: a descriptor that names root or the server's own user as
    owner does not make each of them its owner.
    """
    user = sids.of_identity(identity)
    if identity.is_anonymous:
        return Token(user, user, frozenset((user, EVERYONE, NETWORK)))
    if identity.is_guest:
        return Token(user, BUILTIN_GUESTS, frozenset((user, BUILTIN_GUESTS, EVERYONE, NETWORK)))
    everybody = {user, sids.users_group, EVERYONE, NETWORK, AUTHENTICATED_USERS, BUILTIN_USERS}
    if uid != ROOT:
        everybody.add(unix_user(uid))
        everybody.update(unix_group(gid) for gid in groups if gid != ROOT)
    return Token(user, sids.users_group, frozenset(everybody), uid)
