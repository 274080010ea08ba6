"""What all connections of a server share: settings, shares, sessions, open files."""

import enum
from collections.abc import Callable
from typing import Final, NamedTuple

from smbserver.auth.accounts import Accounts
from smbserver.auth.failed_logins import FailedLogins
from smbserver.auth.ntlm import Names
from smbserver.auth.sids import UserSids, machine_sid
from smbserver.backend.base import Backend
from smbserver.objects.breaks import BreakSender
from smbserver.objects.durable import DurableOpens
from smbserver.objects.host_questions import HostQuestions
from smbserver.objects.interface import Interface
from smbserver.objects.local_users import LocalUsers
from smbserver.objects.local_writes import LocalWrites
from smbserver.objects.password_changes import PasswordChanges
from smbserver.objects.pipe import PipeStore
from smbserver.objects.runtime import Runtime
from smbserver.objects.server_view import StateView
from smbserver.objects.session import Session
from smbserver.objects.share import Share
from smbserver.sharing.file_table import FileTable
from smbserver.sharing.host_locks import RETRY_SECONDS

_SMB_2_0_2: Final = 0x0202


class Encryption(enum.Enum):
    """Whether sealing is possible, or the only way in."""

    OFF = "off"
    OFFERED = "offered"
    REQUIRED = "required"


class Policy(NamedTuple):
    """What the server insists on; dialects are revision numbers."""

    min_dialect: int = 0x0202
    max_dialect: int = 0x0311
    signing_required: bool = True
    encryption: Encryption = Encryption.OFFERED
    delay_failed_logins: bool = True
    host_locks: bool = False  # whether local programs see the clients' byte-range locks
    deferred_write_time: bool = False  # whether write times move late, as `sharing.deferred_write` says
    posix_extensions: bool = True  # whether a client may have them that asks
    torture: bool = False  # whether the test hook FSCTL_SMBTORTURE is there


class ServerState:
    """One per server. `guid` is the same on every connection: clients compare. `sid_seed` is the same in every run:
    from it come the SIDs that end up in descriptors on disk.
    """

    def __init__(
        self,
        runtime: Runtime,
        names: Names,
        accounts: Accounts,
        shares: list[Share],
        policy: Policy,
        guid: bytes,
        sid_seed: bytes = b"",
        local_users: LocalUsers | None = None,
    ) -> None:
        self.runtime = runtime
        self.names = names
        self.accounts = accounts
        self.sids = UserSids(machine_sid(sid_seed or names.computer.encode()), accounts.names)
        self.local_users = local_users or LocalUsers()
        self.policy = policy
        self.guid = guid
        self.interfaces: Callable[[], list[Interface]] = list  # where clients may come in; the host is asked each time
        self.start_time = runtime.now()
        self.files = FileTable()
        self.files.watches.after_local = self._settle_soon
        self.failed_logins = FailedLogins()
        self.durables = DurableOpens(self.files, runtime, self.settle)
        self.breaks = BreakSender(self.files.outbox, runtime, self.durables.purge)
        self.local_writes = LocalWrites(self.files, runtime, self.settle)
        self.sessions: dict[int, Session] = {}
        self.client_dialects: dict[bytes, int] = {}  # by ClientGuid ([MS-SMB2] 3.3.1.16)
        self._shares = {share.name.upper(): share for share in [*shares, Share("IPC$", None, "Remote IPC")]}
        self.pipe_store = PipeStore(self.start_time)
        self.host_questions = HostQuestions(runtime)
        self.quota_store: Backend | None = None  # whose root is the quota index of every volume
        self.view = StateView(self)
        self.password_changes = PasswordChanges(accounts, runtime, self.view.may_try, self.view.forgive)
        self._last_open_id = 0
        self._asks_host_again = False

    def settle(self) -> None:
        """After each request and lost connection: others are told what they must know, and who can go on does."""
        files, breaks = self.files, self.breaks
        if files.outbox or breaks.woken:
            breaks.deliver()
        locks = files.locks
        if locks.stirred:
            locks.wake()
        if locks.refused and not self._asks_host_again:
            self._asks_host_again = True
            self.runtime.later(RETRY_SECONDS, self._ask_host_again)

    def _ask_host_again(self) -> None:
        self._asks_host_again = False
        self.files.locks.ask_again()
        self.settle()

    def _settle_soon(self) -> None:
        """After changes by local programs, which may be heard of in the middle of a request."""
        if self.files.outbox:
            self.runtime.later(0, self.settle)

    def find_share(self, name: str) -> Share | None:
        """A share by name, without regard to case."""
        return self._shares.get(name.upper())

    @property
    def shares(self) -> list[Share]:
        """All shares, IPC$ last."""
        return list(self._shares.values())

    def new_session_id(self) -> int:
        """An unpredictable id that nobody has; never 0 or all ones.

        It has 32 bits, because there are clients that keep no more; it is no secret and gives no right.
        """
        while True:
            session_id = int.from_bytes(self.runtime.random(4), "little")
            if session_id and session_id not in self.sessions:
                return session_id

    def admit_dialect(self, client_guid: bytes, revision: int) -> bool:
        """Whether a client may be here with this dialect: while it has connections, with one only.

        2.0.2 has no ClientGuid, and one of zeros names nobody.
        """
        if revision == _SMB_2_0_2 or not any(client_guid):
            return True
        return self.client_dialects.setdefault(client_guid, revision) == revision

    def new_open_id(self) -> int:
        """An id no open of this server had before."""
        self._last_open_id += 1
        return self._last_open_id
