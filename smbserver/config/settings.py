"""The frozen, checked settings of a server. Where they came from is not known here."""

from dataclasses import dataclass, field
from typing import Final

from smbserver.auth.accounts import upper_case
from smbserver.backend.base import Symlinks
from smbserver.errors import ConfigError
from smbserver.nt import hidden_names
from smbserver.objects.server_state import Encryption

DEFAULT_PORT: Final = 445
FALLBACK_PORT: Final = 1445  # where the process may not use ports below 1024, or somebody else does
ALL_ADDRESSES: Final = ("0.0.0.0", "::")
MAX_SHARE_NAME: Final = 80  # [MS-SRVS] 2.2.4.23: longer names are not listed by clients
MAX_SERVER_NAME: Final = 15  # a NetBIOS name ([MS-NLMP] 2.2.2.1 MsvAvNbComputerName)
INHERIT: Final = -1  # a mode: what the directory has
OWNER_FILE: Final = 0o600  # without these bits a client could not open again what it has made
OWNER_DIRECTORY: Final = 0o700
_MOST_FILE: Final = 0o777
_MOST_DIRECTORY: Final = 0o3777  # with setgid and the sticky bit
DEFAULT_GUEST: Final = "nobody"
IN_MEMORY: Final = "memory:"  # the path of a share that lives in this process only

DIALECT_NAMES: Final = {"2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302, "3.1.1": 0x0311}
_FORBIDDEN: Final = frozenset('"\\/[]:|<>+=;,?*') | {chr(code) for code in range(32)}
_FORBIDDEN_IN_SERVER: Final = _FORBIDDEN | set(" .")
_RESERVED: Final = ("IPC$", "PIPE", "MAILSLOT")  # [MS-FSCC] 2.1.6 and [MS-SMB2] 3.3.5.7


@dataclass(frozen=True)
class ShareSettings:
    """One share. `path` is a directory, or IN_MEMORY.

    `owner`: the local user whom everybody acts as here; `group`: the group that takes the place of everybody's own; by
    name or number, empty for none, and only for root. `file_mode`, `directory_mode`: permissions of what is made here,
    INHERIT, or None for 0666 and 0777 less the process's umask. `hide_files`: patterns of names that are HIDDEN.
    `hide_unreadable`: listings leave out what one may not read. `keep_acl_flags`: the flag AUTO_INHERITED is kept as a
    client sends it, for tools that do not ask for it.
    `plain_streams`: without Apple's rules for AFP_AfpInfo and AFP_Resource. `apple_double`: `._NAME` is taken apart
    into streams of NAME, see `commands.apple_double`. `time_machine`: Apple's clients are told that a flush reaches the
    disk. `size_limit`: bytes that all files together may have, 0 for no limit, see `backend.size_limit`.
    `snapshots`: where its previous versions are, see `backend.posix.snapshot_pattern`; empty for none. Their dates are
    UTC, or with `snapshots_local` of this machine's time zone.
    """

    name: str
    path: str
    read_only: bool = False
    encrypt: bool = False
    comment: str = ""
    owner: str = ""
    group: str = ""
    file_mode: int | None = None
    directory_mode: int | None = None
    hide_files: tuple[str, ...] = hidden_names.DEFAULT
    hide_unreadable: bool = False
    keep_acl_flags: bool = False
    symlinks: Symlinks = Symlinks.INSIDE
    snapshots: str = ""
    snapshots_local: bool = False
    streams: bool = True  # named streams, where the file system has room for them
    plain_streams: bool = False
    apple_double: bool = False
    time_machine: bool = False
    size_limit: int = 0

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > MAX_SHARE_NAME or not _FORBIDDEN.isdisjoint(self.name):
            raise ConfigError(
                f"not a share name: {self.name!r} (up to {MAX_SHARE_NAME} characters, none of {_shown()})"
            )
        if self.name.upper() in _RESERVED:
            raise ConfigError(f"the share name {self.name!r} is reserved")
        _check_mode(self.file_mode, "file", OWNER_FILE, _MOST_FILE)
        _check_mode(self.directory_mode, "directory", OWNER_DIRECTORY, _MOST_DIRECTORY)
        modes = (self.file_mode, self.directory_mode)
        if self.in_memory and (self.owner or self.group or modes != (None, None)):
            raise ConfigError(f"the share {self.name!r} lives in memory: nothing there has an owner, a group or a mode")
        if self.in_memory and self.hide_files != hidden_names.DEFAULT:
            raise ConfigError(f"the share {self.name!r} lives in memory: no name hides anything there")
        if self.in_memory and (self.symlinks is not Symlinks.INSIDE or self.snapshots):
            raise ConfigError(f"the share {self.name!r} lives in memory: it has neither links nor snapshots")
        if self.in_memory and self.time_machine:
            raise ConfigError(f"the share {self.name!r} lives in memory: no backup lasts there")
        if self.apple_double and (self.plain_streams or not self.streams):
            raise ConfigError(
                f"the share {self.name!r} has no place for what AppleDouble files hold: streams as Apple's"
            )
        if self.snapshots_local and not self.snapshots:
            raise ConfigError("snapshots_local means nothing without snapshots")

    @property
    def in_memory(self) -> bool:
        """Whether the share has no directory behind it."""
        return self.path == IN_MEMORY


@dataclass(frozen=True)
class Limits:
    """Bounds of a server as a whole; times in seconds."""

    connections: int = 4096
    connections_per_address: int = 1024  # a whole office behind one router, and still a bound
    login_seconds: float = 30.0  # until somebody must have logged in on a new connection
    drain_seconds: float = 10.0  # for open requests to finish at the end; half of what service managers grant

    def __post_init__(self) -> None:
        if self.connections < 1 or self.connections_per_address < 1:
            raise ConfigError("a limit of connections is at least 1")
        if self.login_seconds <= 0:
            raise ConfigError("the time for the login must be more than 0 seconds")
        if self.drain_seconds < 0:
            raise ConfigError("the time for the drain cannot be negative")


@dataclass(frozen=True)
class Settings:
    """A server's settings. `users` are (name, password); `password_file` is where those come from, and a password is
    changed by its owner, who are in it.

    `port` None: 445 where possible, else 1445; 0: any free port. `delay_failed_logins`: see `auth.failed_logins`.
    `act_as_users`: each user acts as a local user, by the kernel's rules; only for root, and the thread that runs the
    server is nobody (uid 65534) in file systems while it does. `local_users` are (name, name on this machine) of those
    whose names differ; `guest_acts_as`: the local user of guests, empty for DEFAULT_GUEST. The owner or group of a
    share takes the thread in the same way.
    `host_locks`: local programs see the clients' byte-range locks. `deferred_write_time`: see
    `sharing.deferred_write`. `posix_extensions`: those of SMB 3.1.1, for clients that ask. `torture`: the hook of
    `commands.ioctl_torture`.
    """

    shares: tuple[ShareSettings, ...]
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    guest: bool = False
    bind: tuple[str, ...] = ALL_ADDRESSES
    port: int | None = None
    signing_required: bool = True
    encryption: Encryption = Encryption.OFFERED
    min_dialect: int = 0x0202
    max_dialect: int = 0x0311
    server_name: str = ""
    limits: Limits = Limits()
    delay_failed_logins: bool = True
    act_as_users: bool = False
    local_users: tuple[tuple[str, str], ...] = ()
    guest_acts_as: str = ""
    host_locks: bool = False
    deferred_write_time: bool = False
    posix_extensions: bool = True
    torture: bool = False
    password_file: str = ""

    def __post_init__(self) -> None:
        if not self.shares:
            raise ConfigError("nothing to share: give --share DIR")
        seen: set[str] = set()
        for share in self.shares:
            if share.name.upper() in seen:
                raise ConfigError(f"two shares are named {share.name!r}: give one another name with --share NAME=DIR")
            seen.add(share.name.upper())
        if self.port is not None:
            check_port(self.port)
        if self.min_dialect > self.max_dialect:
            raise ConfigError("--min-dialect (min_dialect) is above --max-dialect (max_dialect)")
        if self.encryption is Encryption.REQUIRED and self.max_dialect < 0x0300:
            raise ConfigError("encryption needs dialect 3.0 or later: raise --max-dialect (max_dialect)")
        if any(share.encrypt for share in self.shares) and (
            self.encryption is Encryption.OFF or self.max_dialect < 0x0300
        ):
            raise ConfigError("a share demands encryption, but encryption is off or --max-dialect is below 3.0")
        check_server_name(self.server_name)
        self._check_local_users()

    def _check_local_users(self) -> None:
        if not self.act_as_users:
            if self.local_users:
                raise ConfigError("--map-user (acts_as) means nothing without --act-as-users (act_as_users = true)")
            if self.guest_acts_as:
                raise ConfigError("--guest-acts-as (guest_acts_as) means nothing without --act-as-users")
            return
        if self.guest_acts_as and not self.guest:
            raise ConfigError("--guest-acts-as (guest_acts_as) means nothing without --guest (guest = true)")
        accounts = {upper_case(name) for name, _ in self.users}
        mapped = set()
        for name, _ in self.local_users:
            if upper_case(name) not in accounts:
                raise ConfigError(f"--map-user (acts_as) names {name}, who is no user here: --user {name} makes one")
            if upper_case(name) in mapped:
                raise ConfigError(f"the user {name} is mapped twice")
            mapped.add(upper_case(name))


def check_port(port: int) -> None:
    """Raises ConfigError."""
    if not 0 <= port <= 65535:
        raise ConfigError(f"not a port: {port} (0 to 65535; 0 takes any free one)")


def check_server_name(name: str) -> None:
    """Raises ConfigError. Empty means the host's own."""
    if len(name) > MAX_SERVER_NAME or not _FORBIDDEN_IN_SERVER.isdisjoint(name):
        raise ConfigError(f"not a server name: {name!r} (up to {MAX_SERVER_NAME} letters, digits, - and _)")


def _check_mode(mode: int | None, what: str, least: int, most: int) -> None:
    if mode is None or mode == INHERIT:
        return
    if mode & ~most or mode < 0:
        raise ConfigError(f"not a {what} mode: {mode:04o} (at most {most:04o})")
    if mode & least != least:
        raise ConfigError(f"the {what} mode {mode:04o} locks its owner out: it needs at least {least:04o}")


def _shown() -> str:
    return " ".join(sorted(char for char in _FORBIDDEN if char.isprintable()))
