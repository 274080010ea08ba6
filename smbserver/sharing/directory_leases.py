"""Which directories somebody caches, and what ends that: any change of what is in them ([MS-SMB2] 3.3.1.4).

Directories are found by the path that changes, as watches are; a change through another share over the same files is
not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbserver.nt.names import Path
    from smbserver.sharing.file_state import Holder


class DirectoryLeases:
    """The opens of directories that have part in a lease. Costs nothing to ask while there are none."""

    def __init__(self) -> None:
        self._holders: dict[Path, list[Holder]] = {}

    def __len__(self) -> int:
        """How many directories are known."""
        return len(self._holders)

    def add(self, holder: Holder) -> None:
        """This open of a directory has got a lease."""
        self._holders.setdefault(holder.path, []).append(holder)

    def remove(self, holder: Holder) -> None:
        """It has it no more."""
        holders = self._holders[holder.path]
        holders.remove(holder)
        if not holders:
            del self._holders[holder.path]

    def moved(self, holder: Holder, new: Path) -> None:
        """Before the holder's path becomes `new`."""
        self.remove(holder)
        self._holders.setdefault(new, []).append(holder)

    def changed(self, volume: object, path: Path, by: Holder | None) -> None:
        """The entry `path` is new, gone or other than before: whoever caches its directory has nothing any more.

        Except whom `by` names as the lease of the directory through which the client knows of it already ([MS-FSA]
        2.1.4.12.2); None for a change by a local program.
        """
        if not self._holders or not path:
            return
        exempt = by.parent_key if by is not None else None
        for holder in self._holders.get(path[:-1], ()):
            cache = holder.cache
            if cache is not None and holder.volume is volume and cache.key != exempt:
                cache.lower(0)
