"""Frozen settings of a server and how the command line's words become them."""

import os
from dataclasses import dataclass, field
from typing import Final

from smbserver.errors import ConfigError
from smbserver.objects.server_state import Encryption

DEFAULT_PORT: Final = 445
FALLBACK_PORT: Final = 1445  # where the process may not use ports below 1024
MAX_SHARE_NAME: Final = 80  # [MS-SRVS] 2.2.4.23: longer names are not listed by clients

DIALECT_NAMES: Final = {"2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302, "3.1.1": 0x0311}
_FORBIDDEN: Final = frozenset('"\\/[]:|<>+=;,?*') | {chr(code) for code in range(32)}


@dataclass(frozen=True)
class ShareSettings:
    """One shared directory."""

    name: str
    path: str
    read_only: bool = False
    encrypt: bool = False
    comment: str = ""

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > MAX_SHARE_NAME or not _FORBIDDEN.isdisjoint(self.name):
            raise ConfigError(f"not a share name: {self.name!r}")
        if self.name.upper() == "IPC$":
            raise ConfigError("the name IPC$ is taken by the server itself")


@dataclass(frozen=True)
class Settings:
    """A server's settings. `port` None: 445 where possible, else 1445; 0: any free port."""

    shares: tuple[ShareSettings, ...]
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    guest: bool = False
    bind: tuple[str, ...] = ("0.0.0.0", "::")
    port: int | None = None
    signing_required: bool = True
    encryption: Encryption = Encryption.OFFERED
    min_dialect: int = 0x0202
    max_dialect: int = 0x0311
    server_name: str = ""

    def __post_init__(self) -> None:
        if not self.shares:
            raise ConfigError("nothing to share: give --share DIR")
        seen: set[str] = set()
        for share in self.shares:
            if share.name.upper() in seen:
                raise ConfigError(f"two shares are named {share.name!r}: give one another name with --share NAME=DIR")
            seen.add(share.name.upper())
        if self.port is not None and not 0 <= self.port <= 65535:
            raise ConfigError(f"not a port: {self.port}")
        if self.min_dialect > self.max_dialect:
            raise ConfigError("--min-dialect is above --max-dialect")
        if self.encryption is Encryption.REQUIRED and self.max_dialect < 0x0300:
            raise ConfigError("encryption needs dialect 3.0 or later: raise --max-dialect")


def parse_share(text: str) -> ShareSettings:
    """`[NAME=]PATH[:ro]`. Raises ConfigError."""
    name, separator, path = text.partition("=")
    if not separator or "/" in name:
        name, path = "", text
    read_only = path.endswith(":ro")
    if read_only:
        path = path[:-3]
    if not path:
        raise ConfigError(f"--share {text!r} names no directory")
    path = os.path.abspath(path)
    if not name:
        name = os.path.basename(path) or "root"
    return ShareSettings(name, path, read_only)


def parse_dialect(text: str) -> int:
    """`3.1.1` and its like. Raises ConfigError."""
    if text not in DIALECT_NAMES:
        raise ConfigError(f"no such dialect: {text!r}; there are {', '.join(DIALECT_NAMES)}")
    return DIALECT_NAMES[text]
