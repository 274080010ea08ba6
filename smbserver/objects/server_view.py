"""The server as its RPC services see it: names, shares, users and the time, out of the ServerState."""

from collections import Counter
from collections.abc import Callable, Sequence

from smbserver.auth.identity import Identity
from smbserver.auth.ntlm import Names
from smbserver.nt.filetime import to_unix_ns
from smbserver.objects.session import Session, State
from smbserver.objects.share import Share
from smbserver.rpc.server_view import SHARE_DISK, SHARE_IPC, Caller, ServerClock, ShareView, UserView

COMMENT = "smbserver"
OS_VERSION = (6, 1)  # what clients take for a server that can do everything they might ask; Samba says the same
HIDDEN_SUFFIX = "$"


class StateView:
    """See `rpc.server_view.ServerView`. Holds the tables themselves, so it always tells the present."""

    def __init__(
        self, names: Names, shares: dict[str, Share], sessions: dict[int, Session], now: Callable[[], int]
    ) -> None:
        self._names = names
        self._shares = shares
        self._sessions = sessions
        self._now = now

    @property
    def name(self) -> str:
        """As in the NTLM challenge."""
        return self._names.computer

    @property
    def comment(self) -> str:
        """What network neighbourhoods show."""
        return COMMENT

    @property
    def workgroup(self) -> str:
        """As in the NTLM challenge."""
        return self._names.domain

    @property
    def os_version(self) -> tuple[int, int]:
        """The version that clients compare."""
        return OS_VERSION

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
            )
            for share in self._shares.values()
        ]

    def users(self, caller: Caller) -> Sequence[UserView]:
        """The caller's own name, once for each session: nobody here is an administrator who may know the others'."""
        own = caller.user_name.upper()
        return [
            UserView(session.identity.user, session.identity.domain, self._names.computer)
            for session in self._named()
            if session.identity.user.upper() == own
        ]

    def logged_on_users(self) -> int:
        """Different users, guests and anonymous ones left out."""
        return len({session.identity.user.upper() for session in self._named()})

    def now(self) -> ServerClock:
        """UTC; the time zone of the server is nobody's business."""
        return ServerClock(to_unix_ns(self._now()) / 1e9, 0)

    def may_list(self, caller: Caller) -> bool:
        """Everybody who has a name, and guests where guests are allowed at all."""
        return not caller.is_anonymous

    def _valid(self) -> list[Session]:
        return [session for session in self._sessions.values() if session.state is State.VALID]

    def _named(self) -> list[Session]:
        return [
            session for session in self._valid() if not session.identity.is_guest and not session.identity.is_anonymous
        ]


def caller_of(identity: Identity) -> Caller:
    """Who a session is, in the words of the RPC services."""
    return Caller(identity.user, identity.is_guest, identity.is_anonymous)
