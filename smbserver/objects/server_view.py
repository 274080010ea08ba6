"""The server as its RPC services see it: names, shares, users and the time, out of the ServerState."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from smbserver.auth.accounts import upper_case
from smbserver.auth.failed_logins import LockedOut
from smbserver.auth.identity import Identity
from smbserver.auth.login import Login
from smbserver.auth.ntlm import Acceptor
from smbserver.auth.sids import UserSids
from smbserver.nt import access
from smbserver.nt.filetime import to_unix_ns
from smbserver.objects.open import Open
from smbserver.objects.rpc_login import PipeLogin
from smbserver.objects.session import Session, State
from smbserver.rpc.host_names import HostAnswer, HostQuestion
from smbserver.rpc.security import AUTH_NTLM, AUTH_SPNEGO, RpcLogin
from smbserver.rpc.server_view import (
    SHARE_DISK,
    SHARE_IPC,
    Caller,
    ConnectionView,
    FileView,
    PasswordChange,
    ServerClock,
    SessionView,
    ShareView,
    UserView,
)
from smbserver.waiter import Waiter

if TYPE_CHECKING:
    from smbserver.objects.server_state import ServerState

COMMENT: Final = "smbserver"
OS_VERSION: Final = (6, 1)  # what clients take for a server that can do everything they might ask; Samba says the same
HIDDEN_SUFFIX: Final = "$"
_SECOND: Final = 10_000_000  # FILETIME ticks
_NUMBER_MASK: Final = 0xFFFFFFFF  # ids of files and connections have 32 bits on the wire

PERM_FILE_READ: Final = 1
PERM_FILE_WRITE: Final = 2
PERM_FILE_CREATE: Final = 4
"""[MS-SRVS] 2.2.4.7."""
_CREATING: Final = access.FILE_ADD_FILE | access.FILE_ADD_SUBDIRECTORY


class StateView:
    """See `rpc.server_view.ServerView`. Holds the state itself, so it always tells the present."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    @property
    def name(self) -> str:
        """As in the NTLM challenge."""
        return self._state.names.computer

    @property
    def comment(self) -> str:
        """What network neighbourhoods show."""
        return COMMENT

    @property
    def workgroup(self) -> str:
        """As in the NTLM challenge."""
        return self._state.names.domain

    @property
    def os_version(self) -> tuple[int, int]:
        """The version that clients compare."""
        return OS_VERSION

    @property
    def accounts(self) -> UserSids:
        """Who may log in, with SIDs."""
        return self._state.sids

    def ask_host(self, question: HostQuestion) -> Waiter[HostAnswer]:
        """See `objects.host_questions`."""
        return self._state.host_questions.ask(question)

    def new_login(self, caller: Caller, auth_type: int) -> RpcLogin | None:
        """NTLM, raw or within SPNEGO, for callers who have a name."""
        if auth_type not in (AUTH_NTLM, AUTH_SPNEGO) or not caller.is_known:
            return None
        state = self._state
        acceptor = Acceptor(state.accounts, state.names, state.runtime.random, state.runtime.now())
        count, forgive = partial(self.may_try, caller), partial(self.forgive, caller)
        return PipeLogin(Login(acceptor), caller.user_name, count, forgive)

    def change_password(self, caller: Caller, change: PasswordChange) -> Waiter[int]:
        """See `objects.password_changes`."""
        return self._state.password_changes.change(caller, change)

    def may_try(self, caller: Caller) -> bool:
        """Count an attempt to prove the caller's password. There is no place here to withhold the answer, so what
        would have to wait is refused.
        """
        state = self._state
        if not state.policy.delay_failed_logins:
            return True
        try:
            return state.failed_logins.attempt(caller.address, caller.user_name, state.runtime.now()) == 0
        except LockedOut:
            return False

    def forgive(self, caller: Caller) -> None:
        """The password was right."""
        self._state.failed_logins.forgive(caller.address, caller.user_name)

    def shares(self) -> Sequence[ShareView]:
        """In the order in which they were configured, IPC$ last."""
        used = Counter(tree.share.name for session in self._valid() for tree in session.trees.values())
        return [
            ShareView(
                share.name,
                SHARE_IPC if share.is_pipe else SHARE_DISK,
                share.comment,
                hidden=share.name.endswith(HIDDEN_SUFFIX) and not share.is_pipe,
                current_users=used[share.name],
                encrypt=share.encrypt,
            )
            for share in self._state.shares
        ]

    def users(self, caller: Caller) -> Sequence[UserView]:
        """The caller's own name, once for each session: nobody here is an administrator who may know the others'."""
        return [
            UserView(session.identity.user, session.identity.domain, self._state.names.computer)
            for session in self._of(caller)
        ]

    def logged_on_users(self) -> int:
        """Different users, guests and anonymous ones left out."""
        return len({upper_case(session.identity.user) for session in self._named()})

    def sessions(self, caller: Caller) -> Sequence[SessionView]:
        """The caller's own."""
        return [
            SessionView(
                _client(session),
                session.identity.user,
                sum(opened.pipe is None for opened in session.opens.values()),
                self._seconds(session),
            )
            for session in self._of(caller)
        ]

    def files(self, caller: Caller) -> Iterator[FileView]:
        """Of the caller's own sessions."""
        for session in self._of(caller):
            for opened in list(session.opens.values()):
                yield FileView(
                    opened.volatile_id & _NUMBER_MASK,
                    _permissions(opened),
                    opened.lock_count,
                    _shown_path(opened),
                    session.identity.user,
                )

    def connections(self, caller: Caller) -> Iterator[ConnectionView]:
        """Of the caller's own sessions."""
        for session in self._of(caller):
            for tree in list(session.trees.values()):
                yield ConnectionView(
                    tree.tree_id,
                    SHARE_IPC if tree.share.is_pipe else SHARE_DISK,
                    sum(opened.tree is tree for opened in session.opens.values()),
                    self._seconds(session),
                    session.identity.user,
                    tree.share.name,
                    _client(session),
                )

    def now(self) -> ServerClock:
        """UTC; the time zone of the server is nobody's business."""
        return ServerClock(to_unix_ns(self._state.runtime.now()) / 1e9, 0)

    def may_list(self, caller: Caller) -> bool:
        """Everybody who has a name, and guests where guests are allowed at all."""
        return not caller.is_anonymous

    def _seconds(self, session: Session) -> int:
        return max(0, (self._state.runtime.now() - session.began) // _SECOND)

    def _valid(self) -> list[Session]:
        return [session for session in self._state.sessions.values() if session.state is State.VALID]

    def _named(self) -> list[Session]:
        return [
            session for session in self._valid() if not session.identity.is_guest and not session.identity.is_anonymous
        ]

    def _of(self, caller: Caller) -> list[Session]:
        own = upper_case(caller.user_name)
        return [session for session in self._named() if caller.is_known and upper_case(session.identity.user) == own]


def _client(session: Session) -> str:
    """Where a session comes from: the first of its channels."""
    return next((channel.address for channel in session.channels), "")


def _permissions(opened: Open) -> int:
    found = 0
    if opened.granted & access.FILE_READ_DATA:
        found |= PERM_FILE_READ
    if opened.granted & (access.FILE_WRITE_DATA | access.FILE_APPEND_DATA):
        found |= PERM_FILE_WRITE
    if opened.handle.is_directory and opened.granted & _CREATING:
        found |= PERM_FILE_CREATE
    return found


def _shown_path(opened: Open) -> str:
    """Below the made-up path that the share has in NetrShareGetInfo; never where the file really is."""
    if opened.pipe is not None:
        return "\\PIPE\\" + opened.pipe.name
    return "\\".join(["C:", opened.tree.share.name, *opened.path])


def caller_of(identity: Identity, address: str) -> Caller:
    """Who a session is, in the words of the RPC services."""
    return Caller(identity.user, identity.is_guest, identity.is_anonymous, address)
