"""A share: a name over a backend, and what may be done with it ([MS-SMB2] 3.3.1.6)."""

from typing import Final

from smbserver.backend.acting import LocalUser
from smbserver.backend.base import Backend, Identity, Snapshots
from smbserver.nt import access

# Bytes of one share that requests may move in threads at a time. Beyond it the loop itself does what is asked: nothing
# else makes clients ask for less.
MAX_BEHIND: Final = 64 * 1024 * 1024
# The same where threads only gain time: a client with that much under way gains no more by more of it.
MAX_AHEAD: Final = 16 * 1024 * 1024


class Share:
    """`backend` is None for IPC$. `encrypt`: only sealed requests are served.

    `owner`: the local user whom everybody acts as here; `group`: the gid that takes the place of everybody's own.
    `snapshots`: its previous versions. `hide_unreadable`: listings leave out what their reader may not read.
    `keep_acl_flags`, `time_machine`: see `config.settings`. `has_streams`: files may have named streams.
    `apple_double`: AppleDouble files are taken apart; `doubles_left` are those that could not be, as they were then.
    """

    __slots__ = (
        "apple_double",
        "backend",
        "behind",
        "comment",
        "doubles_left",
        "encrypt",
        "group",
        "has_streams",
        "hide_unreadable",
        "keep_acl_flags",
        "looks_slow_until",
        "name",
        "owner",
        "read_only",
        "slow_until",
        "snapshots",
        "time_machine",
    )

    def __init__(
        self,
        name: str,
        backend: Backend | None,
        comment: str = "",
        read_only: bool = False,
        encrypt: bool = False,
        owner: LocalUser | None = None,
        group: int | None = None,
        snapshots: Snapshots | None = None,
        hide_unreadable: bool = False,
        keep_acl_flags: bool = False,
        streams: bool = True,
        apple_double: bool = False,
        time_machine: bool = False,
    ) -> None:
        self.name = name
        self.backend = backend
        self.comment = comment
        self.read_only = read_only
        self.encrypt = encrypt
        self.owner = owner
        self.group = group
        self.snapshots = snapshots
        self.slow_until = 0.0  # seconds of the runtime's clock: until then writes wait for the disk
        self.looks_slow_until = 0.0  # and threads look at names before the loop does
        self.behind = 0  # bytes of WRITEs and READs that threads are at or have before them
        self.hide_unreadable = hide_unreadable
        self.keep_acl_flags = keep_acl_flags
        self.has_streams = streams and backend is not None and backend.has_streams
        self.apple_double = apple_double and self.has_streams
        self.doubles_left: dict[Identity, int] = {}  # with their write times
        self.time_machine = time_machine

    @property
    def is_pipe(self) -> bool:
        """True for IPC$."""
        return self.backend is None

    @property
    def maximal_access(self) -> int:
        """The rights anybody can have here: the one gate that makes a share read-only."""
        if self.read_only:
            return access.FILE_ALL_ACCESS & ~access.MODIFYING
        return access.FILE_ALL_ACCESS
