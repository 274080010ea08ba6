"""One FileState per file identity: who has it open, how, and whether it is going ([MS-FSA] 2.1.1.3, 2.1.5.1.2)."""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt.names import Path

Identity = tuple[int, int]
"""(device, inode) or whatever a backend guarantees unique among living files."""

_READS: Final = access.FILE_READ_DATA | access.FILE_EXECUTE
_WRITES: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA


class Holder:
    """One open's part in a FileState. `volume` tells shares over different roots apart; `path` follows renames."""

    __slots__ = ("granted", "path", "share_access", "volume")

    def __init__(self, granted: int, share_access: int, path: Path, volume: object) -> None:
        self.granted = granted
        self.share_access = share_access
        self.path = path
        self.volume = volume


class FileState:
    """What all opens of one file have in common."""

    __slots__ = ("delete_path", "delete_volume", "holders", "identity")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.holders: list[Holder] = []
        self.delete_path: Path | None = None
        self.delete_volume: object = None

    @property
    def delete_pending(self) -> bool:
        """True when the file goes with its last close."""
        return self.delete_path is not None

    def check_open(self, granted: int, share_access: int) -> None:
        """Refuse an open that conflicts: DELETE_PENDING, SHARING_VIOLATION ([MS-FSA] 2.1.5.1.2).

        An open for attributes only neither conflicts nor is conflicted with.
        """
        if self.delete_path is not None:
            raise StatusError(status.DELETE_PENDING)
        if not granted & ~access.STAT_ONLY:
            return
        for holder in self.holders:
            if holder.granted & ~access.STAT_ONLY and _conflict(
                holder.granted, holder.share_access, granted, share_access
            ):
                raise StatusError(status.SHARING_VIOLATION)

    def set_delete(self, path: Path, volume: object) -> None:
        """The name `path` is removed when the last open is gone."""
        self.delete_path = path
        self.delete_volume = volume

    def clear_delete(self) -> None:
        """Nobody wants it gone any more."""
        self.delete_path = None
        self.delete_volume = None


def _conflict(held: int, held_share: int, wanted: int, wanted_share: int) -> bool:
    return bool(
        (held & _READS and not wanted_share & access.FILE_SHARE_READ)
        or (held & _WRITES and not wanted_share & access.FILE_SHARE_WRITE)
        or (held & access.DELETE and not wanted_share & access.FILE_SHARE_DELETE)
        or (wanted & _READS and not held_share & access.FILE_SHARE_READ)
        or (wanted & _WRITES and not held_share & access.FILE_SHARE_WRITE)
        or (wanted & access.DELETE and not held_share & access.FILE_SHARE_DELETE)
    )


class FileTable:
    """All FileStates of a server; a state exists while somebody holds the file."""

    def __init__(self) -> None:
        self._states: dict[Identity, FileState] = {}

    def __len__(self) -> int:
        """How many files are open."""
        return len(self._states)

    def find(self, identity: Identity) -> FileState | None:
        """The state of a file somebody has open."""
        return self._states.get(identity)

    def enter(self, identity: Identity, holder: Holder) -> FileState:
        """Add an open that `check_open` has let through."""
        state = self._states.get(identity)
        if state is None:
            state = self._states[identity] = FileState(identity)
        state.holders.append(holder)
        return state

    def leave(self, state: FileState, holder: Holder) -> bool:
        """Remove an open. True when it was the last one and the file is to be deleted now."""
        state.holders.remove(holder)
        if state.holders:
            return False
        del self._states[state.identity]
        return state.delete_pending

    def renamed(self, volume: object, old: Path, new: Path) -> None:
        """A name of this volume has moved: opens through it, and what was to be deleted, follow."""
        for state in self._states.values():
            for holder in state.holders:
                if holder.volume is volume and holder.path == old:
                    holder.path = new
            if state.delete_volume is volume and state.delete_path == old:
                state.delete_path = new

    def has_open_below(self, volume: object, directory: Path) -> bool:
        """Whether anything inside a directory is open: such a directory cannot be renamed ([MS-FSA] 2.1.5.14.11)."""
        depth = len(directory)
        return any(
            holder.volume is volume and len(holder.path) > depth and holder.path[:depth] == directory
            for state in self._states.values()
            for holder in state.holders
        )
