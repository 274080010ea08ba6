"""Which stored name a client's spelling means: per directory its known names, true while its mtime says so.

The exact name is always asked from the kernel first; this map answers only "is there another spelling". It is
read once per directory and kept true by our own changes. A local program's change is seen by the directory's mtime;
one that falls into the same clock tick as our own last look (a few milliseconds) is seen with the next change.
"""

import os
from collections import OrderedDict
from typing import Final

from smbserver.backend.posix.known_names import KnownNames

MAX_DIRECTORIES: Final = 256
MAX_NAMES: Final = 500_000  # in all directories together; about 100 bytes each

Identity = tuple[int, int]


class NameCache:
    """What is known of the directories used last."""

    def __init__(self, many_users: bool = False) -> None:
        """`many_users`: the calling thread is not always the same user, and may be one who cannot list a directory."""
        self._many_users = many_users
        self._known: OrderedDict[Identity, KnownNames] = OrderedDict()
        self._total = 0

    def find(self, directory: int, name: str, composed: bool = True) -> str | None:
        """The name on disk, in the directory with this descriptor, that a client means by `name`.

        Another composition only if `composed`: it is found so, but does not keep the wanted one from being made.
        """
        if self._many_users and not os.access(".", os.R_OK, dir_fd=directory, effective_ids=True):
            return None  # what another has listed is not told; and that there is nothing for this one is not kept
        state = os.fstat(directory)
        identity = (state.st_dev, state.st_ino)
        known = self._known.get(identity)
        if known is None or known.changed_ns != state.st_mtime_ns:
            known = self._read(directory, identity, state.st_mtime_ns)
        else:
            self._known.move_to_end(identity)
        return known.find(name, composed)

    def knows(self, directory: int) -> bool:
        """Whether `find` need not read the directory. For threads too: one look into a dict."""
        state = os.fstat(directory)
        known = self._known.get((state.st_dev, state.st_ino))
        return known is not None and known.changed_ns == state.st_mtime_ns

    def gone(self, directory: int, name: str) -> tuple[str, int] | None:
        """The long name, on disk and free, that `name` was short for, and until when, in Unix nanoseconds."""
        state = os.fstat(directory)
        known = self._known.get((state.st_dev, state.st_ino))
        gone = None if known is None or known.changed_ns != state.st_mtime_ns else known.gone(name)
        return gone if known is not None and gone is not None and known.is_free(gone[0]) else None

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
        before, changed_ns = len(known), os.fstat(directory).st_mtime_ns
        if removed is not None and not known.remove(removed, changed_ns):
            self._forget(identity)
            return
        if added is not None:
            known.add(added)
        self._total += len(known) - before
        known.changed_ns = changed_ns
        self._shrink()

    def _forget(self, identity: Identity) -> None:
        known = self._known.pop(identity, None)
        if known is not None:
            self._total -= len(known)

    def _shrink(self) -> None:
        """Forget what was used longest ago; the directory used last stays, however large it is."""
        while len(self._known) > 1 and (len(self._known) > MAX_DIRECTORIES or self._total > MAX_NAMES):
            self._forget(next(iter(self._known)))

    def _read(self, directory: int, identity: Identity, changed_ns: int) -> KnownNames:
        self._forget(identity)
        known = self._known[identity] = KnownNames(changed_ns, _entries(directory))
        self._total += len(known)
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
