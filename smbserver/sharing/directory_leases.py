"""Which directories somebody caches, and what ends that: any change of what is in them ([MS-SMB2] 3.3.1.4).

Directories are found by the path that changes, as watches are; a change through another share over the same directory
is not seen from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbserver.nt.changes import Change
    from smbserver.nt.names import Path
    from smbserver.sharing.holder import Holder
    from smbserver.sharing.notify import WatchTable


class DirectoryLeases:
    """The opens of directories that have part in a lease. Costs nothing to ask while there are none."""

    def __init__(self, watches: WatchTable) -> None:
        self._holders: dict[Path, list[Holder]] = {}
        self._watches = watches

    def __len__(self) -> int:
        """How many directories are known."""
        return len(self._holders)

    def add(self, holder: Holder) -> None:
        """This open of a directory has got a lease."""
        if not self._holders:
            self._watches.listeners.append(self._heard)
        self._holders.setdefault(holder.path, []).append(holder)
        if self._watches.local is not None:
            self._watches.local.begin(holder.volume, holder.path, tree=False)

    def remove(self, holder: Holder) -> None:
        """It has it no more."""
        holders = self._holders[holder.path]
        holders.remove(holder)
        if not holders:
            del self._holders[holder.path]
            if not self._holders:
                self._watches.listeners.remove(self._heard)
        if self._watches.local is not None:
            self._watches.local.end(holder.volume, holder.path, tree=False)

    def changed(self, volume: object, path: Path, by: object) -> None:
        """The entry `path` is new, gone or other than before: whoever caches its directory has nothing any more.

        Except the lease that the Holder `by` names as the one through which its client knows of it already ([MS-FSA]
        2.1.4.12.2). `by` is None when a local program did it.
        """
        if not self._holders or not path:
            return
        exempt = getattr(by, "parent_key", None)
        for holder in self._holders.get(path[:-1], ()):
            cache = holder.cache
            if cache is not None and holder.volume is volume and cache.key != exempt:
                cache.lower(0)

    def _heard(self, volume: object, changes: Sequence[Change], by: object) -> None:
        if not changes:  # some were lost
            for holders in self._holders.values():
                for holder in holders:
                    if holder.cache is not None:
                        holder.cache.lower(0)
        for change in changes:
            self.changed(volume, change.path, by)
