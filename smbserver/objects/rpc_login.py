"""A login at the RPC level: of the user who has opened the pipe, and of nobody else."""

import logging
from collections.abc import Callable

from smbserver.auth.accounts import upper_case
from smbserver.auth.login import Login
from smbserver.auth.ntlm import LogonFailure
from smbserver.auth.ntlm_security import MessageSecurity
from smbserver.errors import StatusError
from smbserver.rpc.security import LoginRefused

log = logging.getLogger(__name__)


class PipeLogin:
    """See `rpc.security.RpcLogin`. `count` is called once for an attempt that names the caller, right or wrong, and
    says whether it may be made at all; `forgive` when it was right.
    """

    def __init__(self, login: Login, user: str, count: Callable[[], bool], forgive: Callable[[], None]) -> None:
        self._login = login
        self._user = user
        self._count = count
        self._forgive = forgive
        self.security: MessageSecurity | None = None

    def step(self, token: bytes) -> bytes:
        """The answer to a token. Raises LoginRefused."""
        try:
            answer = self._login.step(token)
        except LogonFailure as failure:
            self._count()
            log.warning("login on a pipe failed: user %r: %s", failure.user[:64], failure.reason)
            raise LoginRefused from None
        except StatusError:
            raise LoginRefused from None
        if self._login.result is not None:
            self._conclude()
        return answer

    def _conclude(self) -> None:
        assert self._login.result is not None
        who = self._login.result.identity
        if who.is_guest or who.is_anonymous or upper_case(who.user) != upper_case(self._user):
            log.warning("login on a pipe refused: %r is not the user of the session", who.user[:64])
            raise LoginRefused
        if not self._count():
            log.warning("login on a pipe refused: too many attempts for %r", self._user[:64])
            raise LoginRefused
        self._forgive()
        self.security = self._login.message_security()
