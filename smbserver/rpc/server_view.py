"""What the RPC services ask the server: a Protocol that the composition root implements, and the values it answers
with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

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


class ServerView(Protocol):
    """The server, seen from a pipe. Methods answer at once, without I/O, and raise nothing."""

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

    def users(self, caller: Caller) -> Sequence[UserView]:
        """The logged-on users whose names this caller may know; never asked for guests and anonymous callers."""

    def logged_on_users(self) -> int:
        """How many users are logged on."""

    def now(self) -> ServerClock:
        """The time of day."""

    def may_list(self, caller: Caller) -> bool:
        """Whether this caller may see shares. False for anonymous callers unless the administrator allowed it."""
