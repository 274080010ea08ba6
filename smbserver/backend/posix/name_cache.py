"""Which stored name a client's spelling means: per directory a map from folded to real name, true while mtime says so.

The exact name is always asked from the kernel first; this map answers only "is there another spelling". It is
read once per directory and kept true by our own changes. A local program's change is seen by the directory's mtime;
one that falls into the same clock tick as our own last look (a few milliseconds) is seen with the next change.
"""

import os
from collections import OrderedDict
from typing import Final

from smbserver.backend.posix.disk_names import to_wire
from smbserver.nt.names import fold

MAX_DIRECTORIES: Final = 256
MAX_NAMES: Final = 500_000  # in all directories together; about 100 bytes each

Identity = tuple[int, int]


class _Known:
    __slots__ = ("changed_ns", "names", "twins")

    def __init__(self, changed_ns: int, names: dict[str, str], twins: frozenset[str]) -> None:
        self.changed_ns = changed_ns
        self.names = names
        self.twins = twins  # folded names that several stored ones have; a local program made those


class NameCache:
    """Folded name -> name on disk, for the directories used last."""

    def __init__(self, many_users: bool = False) -> None:
        """`many_users`: the calling thread is not always the same user, and may be one who cannot list a directory."""
        self._many_users = many_users
        self._known: OrderedDict[Identity, _Known] = OrderedDict()
        self._total = 0

    def find(self, directory: int, name: str) -> str | None:
        """The name on disk, in the directory with this descriptor, that a client means by `name`."""
        if self._many_users and not os.access(".", os.R_OK, dir_fd=directory, effective_ids=True):
            return None  # what another has listed is not told; and that there is nothing for this one is not kept
        state = os.fstat(directory)
        identity = (state.st_dev, state.st_ino)
        known = self._known.get(identity)
        if known is None or known.changed_ns != state.st_mtime_ns:
            known = self._read(directory, identity, state.st_mtime_ns)
        else:
            self._known.move_to_end(identity)
        return known.names.get(fold(name))

    def clear(self) -> None:
        """Another file system may have the same identities."""
        self._known.clear()
        self._total = 0

    def before_change(self, directory: int) -> Identity | None:
        """To be called before our own change of a directory: its identity when what we know of it is still true."""
        state = os.fstat(directory)
        identity = (state.st_dev, state.st_ino)
        known = self._known.get(identity)
        if known is None or known.changed_ns != state.st_mtime_ns:
            return None
        return identity

    def after_change(
        self, directory: int, identity: Identity | None, added: str | None = None, removed: str | None = None
    ) -> None:
        """Take our own change over; `identity` is what `before_change` gave. Names are names on disk."""
        if identity is None:
            return
        known = self._known.get(identity)
        if known is None:
            return
        if removed is not None and (wire := to_wire(removed)) is not None:
            folded = fold(wire)
            if folded in known.twins:
                self._forget(identity)  # which of them is left, the directory must say
                return
            if known.names.get(folded) == removed:
                del known.names[folded]
                self._total -= 1
        if added is not None and (wire := to_wire(added)) is not None:
            folded = fold(wire)
            self._total += folded not in known.names
            known.names[folded] = added
        known.changed_ns = os.fstat(directory).st_mtime_ns
        self._shrink()

    def _forget(self, identity: Identity) -> None:
        known = self._known.pop(identity, None)
        if known is not None:
            self._total -= len(known.names)

    def _shrink(self) -> None:
        """Forget what was used longest ago; the directory used last stays, however large it is."""
        while len(self._known) > 1 and (len(self._known) > MAX_DIRECTORIES or self._total > MAX_NAMES):
            self._forget(next(iter(self._known)))

    def _read(self, directory: int, identity: Identity, changed_ns: int) -> _Known:
        self._forget(identity)
        names: dict[str, str] = {}
        twins: set[str] = set()
        for disk in _entries(directory):
            wire = to_wire(disk)
            if wire is not None:
                folded = fold(wire)
                if names.setdefault(folded, disk) is not disk:
                    twins.add(folded)
        known = self._known[identity] = _Known(changed_ns, names, frozenset(twins))
        self._total += len(names)
        self._shrink()
        return known


def _entries(directory: int) -> list[str]:
    """All names; none in a directory that may be entered but not read, where only exact names can be found."""
    try:
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)  # ours is O_PATH
    except PermissionError:
        return []
    try:
        return os.listdir(readable)
    finally:
        os.close(readable)
