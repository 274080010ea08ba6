"""Changes a password where it is kept, and then in memory; one change after the other."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from smbserver.auth.accounts import Account, Accounts, Secret, nt_hash, upper_case
from smbserver.auth.password_change import UnusablePassword, WrongPassword, open_change
from smbserver.errors import ConfigError
from smbserver.nt import status
from smbserver.objects.runtime import Runtime
from smbserver.rpc.server_view import Caller, PasswordChange
from smbserver.waiter import Waiter

log = logging.getLogger(__name__)

MAX_WAITING: Final = 16  # changes of a whole server that wait for the disk; more are refused

Keep = Callable[[str, str, str], None]
"""Writes a new password down: (name, hexadecimal NT hash of the old one, new password). Blocking. Raises NotKept,
OSError, ConfigError; the old password is still there then.
"""


class NotKept(Exception):
    """The account's password is kept somewhere that this server does not write to."""


class PasswordChanges:
    """`keep` None: nothing is kept anywhere, every change is refused.

    `may_try` counts an attempt and says whether it may be made at all; `forgive` forgets them: see
    `auth.failed_logins`.
    """

    def __init__(
        self,
        accounts: Accounts,
        runtime: Runtime,
        may_try: Callable[[Caller], bool],
        forgive: Callable[[Caller], None],
    ) -> None:
        self.keep: Keep | None = None
        self._accounts = accounts
        self._runtime = runtime
        self._may_try = may_try
        self._forgive = forgive
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = False

    def change(self, caller: Caller, wanted: PasswordChange) -> Waiter[int]:
        """Change the caller's own password; an NTSTATUS."""
        answer: Waiter[int] = Waiter()
        account = self._accounts.find(caller.user_name) if caller.is_known else None
        if account is None or upper_case(wanted.user_name) != upper_case(caller.user_name):
            log.warning("%r: password change refused: not the caller's own account", caller.address)
            answer.resolve(status.ACCESS_DENIED)
        elif not self._may_try(caller):
            log.warning("%r: password change of %r refused: too many attempts", caller.address, account.name)
            answer.resolve(status.ACCOUNT_LOCKED_OUT)
        else:
            self._prove(account, caller, wanted, answer)
        return answer

    def _prove(self, account: Account, caller: Caller, wanted: PasswordChange, answer: Waiter[int]) -> None:
        try:
            password = open_change(account.hash.reveal(), wanted.new_password, wanted.old_hash)
        except WrongPassword:
            log.warning("%r: password change of %r refused: wrong old password", caller.address, account.name)
            answer.resolve(status.WRONG_PASSWORD)
            return
        except UnusablePassword:
            self._forgive(caller)
            answer.resolve(status.PASSWORD_RESTRICTION)
            return
        self._forgive(caller)
        if self.keep is None:
            log.warning("password change of %r refused: there is no password file", account.name)
            answer.resolve(status.NOT_SUPPORTED)
        elif len(self._waiting) >= MAX_WAITING:
            answer.resolve(status.INSUFFICIENT_RESOURCES)
        else:
            self._waiting.append(lambda: self._write(account, password, answer))
            self._next()

    def _next(self) -> None:
        if self._waiting and not self._running:
            self._running = True
            self._waiting.popleft()()

    def _write(self, account: Account, password: str, answer: Waiter[int]) -> None:
        keep, old = self.keep, account.hash.reveal().hex()
        assert keep is not None
        writing = self._runtime.offload(lambda: _kept(keep, account.name, old, password))
        writing.when_done(lambda done: self._written(account, password, answer, done))

    def _written(self, account: Account, password: str, answer: Waiter[int], done: Waiter[int]) -> None:
        self._running = False
        code = status.CANCELLED if done.cancelled else done.result()  # cancelled: the server ends
        if code == status.SUCCESS:
            account.hash = Secret(nt_hash(password))
            log.warning("the password of %r was changed by its owner", account.name)
        answer.resolve(code)
        self._next()


def _kept(keep: Keep, name: str, old: str, password: str) -> int:
    """In a thread: write it down; an NTSTATUS."""
    try:
        keep(name, old, password)
    except NotKept:
        log.warning("password change of %r refused: it is not in the password file", name)
        return status.NOT_SUPPORTED
    except ConfigError as error:
        log.error("password change of %r failed: %s", name, error)
        return status.UNEXPECTED_IO_ERROR
    except OSError as error:
        log.error("password change of %r failed: %s", name, error.strerror)
        return status.from_os_error(error)
    return status.SUCCESS
