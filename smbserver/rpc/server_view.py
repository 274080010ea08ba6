"""What the RPC services ask the server: a Protocol that the composition root implements, and the values it answers
with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from smbserver.rpc.host_names import HostAnswer, HostQuestion
from smbserver.rpc.security import RpcLogin
from smbserver.waiter import Waiter

SHARE_DISK: Final = 0
SHARE_IPC: Final = 3
"""Kinds of share, with the numbers of [MS-SRVS] 2.2.2.4."""

UNLIMITED_USERS: Final = 0xFFFFFFFF
"""`ShareView.max_users` without a limit ([MS-SRVS] 2.2.4.26)."""


class ShareView(NamedTuple):
    """One share as clients may see it. It has no path: none of ours ever goes onto the wire."""

    name: str
    kind: int = SHARE_DISK
    comment: str = ""
    hidden: bool = False
    """Left out of enumerations, found when asked for by name."""
    max_users: int = UNLIMITED_USERS
    current_users: int = 0
    encrypt: bool = False
    """Only served to clients that encrypt."""


class UserView(NamedTuple):
    """One user who is logged on now."""

    name: str
    domain: str
    logon_server: str
    """NetBIOS name of who checked the password: this server, or a domain controller."""


class ServerClock(NamedTuple):
    """The time: seconds since 1970 UTC, and minutes by which local time is ahead of UTC (negative in the west)."""

    unix_seconds: float
    offset_minutes: int


class Caller(NamedTuple):
    """Who opened the pipe. Settled when it is opened; the default is the caller with the fewest rights."""

    user_name: str = ""
    is_guest: bool = False
    is_anonymous: bool = True
    address: str = ""
    """Where the client is; failed attempts are counted by it."""

    @property
    def is_known(self) -> bool:
        """Whether somebody has proven to be this user."""
        return not self.is_guest and not self.is_anonymous


class SessionView(NamedTuple):
    """One session ([MS-SRVS] 2.2.4.15); `seconds` since it began."""

    client: str
    user: str
    opens: int
    seconds: int
    is_guest: bool = False


class FileView(NamedTuple):
    """One open file or pipe ([MS-SRVS] 2.2.4.7); `permissions` are PERM_FILE_ bits, `path` is the client's view."""

    number: int
    permissions: int
    locks: int
    path: str
    user: str


class ConnectionView(NamedTuple):
    """One tree connect ([MS-SRVS] 2.2.4.2); `client` is the computer that made it."""

    number: int
    kind: int
    opens: int
    seconds: int
    user: str
    share: str
    client: str


class AccountView(Protocol):
    """An account of the server's domain."""

    @property
    def name(self) -> str:
        """As it was configured."""

    @property
    def rid(self) -> int:
        """Its relative identifier."""


class AccountDomain(Protocol):
    """The server's own account domain. Its name is the server's."""

    @property
    def domain(self) -> bytes:
        """The domain's SID."""

    @property
    def accounts(self) -> Sequence[AccountView]:
        """Every account, the guest too, by RID."""

    def find(self, name: str) -> AccountView | None:
        """By name, case ignored."""

    def find_rid(self, rid: int) -> AccountView | None:
        """By RID."""


class PasswordChange(NamedTuple):
    """SamrUnicodeChangePasswordUser2's parameters ([MS-SAMR] 3.1.5.10.3), still enciphered."""

    user_name: str
    new_password: bytes
    """516 bytes, under the old password's hash."""
    old_hash: bytes
    """16 bytes, under the new password's hash."""


class ServerView(Protocol):
    """The server, seen from a pipe. Methods answer at once, without I/O, and raise nothing; what takes time is a
    Waiter.
    """

    @property
    def name(self) -> str:
        """NetBIOS name, as in the NTLM challenge."""

    @property
    def comment(self) -> str:
        """Free text for people."""

    @property
    def workgroup(self) -> str:
        """Workgroup or domain."""

    @property
    def os_version(self) -> tuple[int, int]:
        """Major and minor version that clients are told; they compare it with Windows's numbers."""

    def shares(self) -> Sequence[ShareView]:
        """Every share, IPC$ and the hidden ones too, in an order that does not change between calls."""

    @property
    def accounts(self) -> AccountDomain:
        """Who may log in."""

    def ask_host(self, question: HostQuestion) -> Waiter[HostAnswer]:
        """Names and numbers of the host's users; resolved at once for an empty question, never fails."""

    def new_login(self, caller: Caller, auth_type: int) -> RpcLogin | None:
        """A login on the caller's pipe; None for a package that is not spoken."""

    def change_password(self, caller: Caller, change: PasswordChange) -> Waiter[int]:
        """Change the caller's own password where it is kept; an NTSTATUS, never fails."""

    def sessions(self, caller: Caller) -> Iterable[SessionView]:
        """The sessions that this caller may see, those of the same user; never asked for guests and anonymous ones."""

    def files(self, caller: Caller) -> Iterable[FileView]:
        """The open files of the same user's sessions; likewise."""

    def connections(self, caller: Caller) -> Iterable[ConnectionView]:
        """The tree connects of the same user's sessions; likewise."""

    def users(self, caller: Caller) -> Sequence[UserView]:
        """The logged-on users whose names this caller may know; never asked for guests and anonymous callers."""

    def logged_on_users(self) -> int:
        """How many users are logged on."""

    def now(self) -> ServerClock:
        """The time of day."""

    def may_list(self, caller: Caller) -> bool:
        """Whether this caller may see shares. False for anonymous callers unless the administrator allowed it."""
