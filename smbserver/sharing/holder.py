"""One open's part in the file that it shares with others, and when two opens cannot be there together."""

from typing import Final

from smbserver.nt import access
from smbserver.nt.names import Path
from smbserver.sharing.caching import Cache, CacheKey
from smbserver.sharing.durable import Durability
from smbserver.sharing.lock_sequences import LockSequences
from smbserver.sharing.notify import Watch

_READS: Final = access.FILE_READ_DATA | access.FILE_EXECUTE
_WRITES: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA
SHARED: Final = _READS | _WRITES | access.DELETE  # an open without any of these takes no part in sharing


class Holder:
    """One open's part in a FileState. `volume` tells shares over different roots apart; `path` follows renames, as
    does `stream`, the name of a named one.

    `cache` is the open's oplock or its part in a lease; `key` is who it is to the caches of others: two opens with
    one key take nothing from each other, and None, which an open has that caches nothing, is the key of no cache.
    `parent_key` is the lease of the file's directory that need not hear of what this open does. `unlinked`: the name
    it came by has gone, and may be another file's by now. `watch` waits for changes of a directory. `owner` made the
    holder; sharing never looks into it. `number` is the open's persistent id, `durability` None unless its client may
    ask for it again.
    """

    __slots__ = (
        "cache",
        "durability",
        "granted",
        "has_written",
        "key",
        "lock_sequences",
        "number",
        "owner",
        "parent_key",
        "path",
        "share_access",
        "stream",
        "unlinked",
        "volume",
        "watch",
    )

    def __init__(self, granted: int, share_access: int, path: Path, volume: object, stream: str = "") -> None:
        self.granted = granted
        self.share_access = share_access
        self.path = path
        self.stream = stream
        self.volume = volume
        self.cache: Cache | None = None
        self.key: CacheKey | None = None
        self.parent_key: CacheKey | None = None
        self.has_written = False  # who caches the directory hears of it when the open ends
        self.lock_sequences: LockSequences | None = None  # made by the first LOCK that wants it
        self.watch: Watch | None = None
        self.owner: object = None
        self.number = 0
        self.unlinked = False
        self.durability: Durability | None = None


def conflict(held: int, held_share: int, wanted: int, wanted_share: int) -> bool:
    """Whether rights that are held and share access given, or the other way round, exclude each other (2.1.5.1.2.2)."""
    return bool(
        (held & _READS and not wanted_share & access.FILE_SHARE_READ)
        or (held & _WRITES and not wanted_share & access.FILE_SHARE_WRITE)
        or (held & access.DELETE and not wanted_share & access.FILE_SHARE_DELETE)
        or (wanted & _READS and not held_share & access.FILE_SHARE_READ)
        or (wanted & _WRITES and not held_share & access.FILE_SHARE_WRITE)
        or (wanted & access.DELETE and not held_share & access.FILE_SHARE_DELETE)
    )


def is_below(holder: Holder, volume: object, directory: Path) -> bool:
    """Whether what is open is somewhere inside a directory."""
    depth = len(directory)
    return (
        not holder.unlinked
        and holder.volume is volume
        and len(holder.path) > depth
        and holder.path[:depth] == directory
    )
