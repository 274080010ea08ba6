"""Which local user the requests of a tree are done by."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from smbserver.auth.accounts import upper_case
from smbserver.auth.identity import Identity
from smbserver.backend.acting import ActsAs, LocalUser
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.objects.share import Share

NOBODY: Final = LocalUser("", 65534, 65534, ())


class LocalUsers:
    """In ordinary setups everybody is `own`, the user who started the server, and no thread ever switches.

    `enter` makes what a thread enters to be a local user; None where no share and no user needs it. `mapped` has local
    users by the upper-case names of accounts, and `guest` the one of guests; None when users are not mapped.
    """

    def __init__(
        self,
        own: LocalUser = NOBODY,
        enter: Callable[[LocalUser], ActsAs] | None = None,
        mapped: Mapping[str, LocalUser] | None = None,
        guest: LocalUser | None = None,
    ) -> None:
        self.own = own
        self._enter = enter
        self._mapped = mapped
        self._guest = guest
        self._entered: dict[LocalUser, ActsAs] = {}

    @property
    def server_rights(self) -> AbstractContextManager[object]:
        """What is entered to look after a share on the server's own behalf."""
        return nullcontext() if self._enter is None else self._context(self._enter, self.own)

    def _context(self, enter: Callable[[LocalUser], ActsAs], user: LocalUser) -> ActsAs:
        acting = self._entered.get(user)
        if acting is None:
            acting = self._entered[user] = enter(user)
        return acting

    def on_share(self, share: Share, identity: Identity) -> tuple[LocalUser, ActsAs | None]:
        """Who somebody is on a share, and what to enter for it: None when every thread is that user already.

        Raises StatusError ACCESS_DENIED for somebody who is no local user.
        """
        if self._enter is None or share.is_pipe:
            return self.own, None
        user = share.owner or self._who(identity)
        if share.group is not None:
            user = user._replace(gid=share.group)
        return user, self._context(self._enter, user)

    def _who(self, identity: Identity) -> LocalUser:
        if self._mapped is None:
            return self.own
        user = self._guest if identity.is_guest else self._mapped.get(upper_case(identity.user))
        if user is None or identity.is_anonymous:
            raise StatusError(status.ACCESS_DENIED)
        return user
