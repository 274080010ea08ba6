"""Looks at names so that the kernel has in memory what will be asked of a slow disk. For threads; it tells nothing.

What is looked at is what `volume.locate` and `scan` ask for. Should this forget something, the loop waits for it.
"""

import os
from contextlib import suppress
from typing import Final

from smbserver.backend.posix.disk_names import to_disk, to_wire
from smbserver.errors import StatusError
from smbserver.nt.names import Path, fold

MOST_ENTRIES: Final = 10_000  # of a directory; at ten milliseconds each a client waits for two minutes
_ENTRY: Final = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC


def look_ahead(root: int, path: Path, entries: bool) -> int:
    """Look at each component of a path, and at the entries of what is at its end if `entries`. Follows no link.

    `root` may be closed meanwhile: then this looks elsewhere, or at nothing. How many names were looked at.
    """
    look = _Look()
    with suppress(OSError, StatusError):
        look.at(root, path, entries)
    return look.names


class _Look:
    """`names` have been looked at so far."""

    def __init__(self) -> None:
        self.names = 0

    def at(self, root: int, path: Path, entries: bool) -> None:
        """See `look_ahead`; ends with an OSError or StatusError where there is nothing more to look at."""
        current = os.dup(root)
        try:
            for name in path:
                following = self._enter(current, name)
                os.close(current)
                current = following
                os.listxattr(f"/proc/self/fd/{current}")
            if entries:
                self._at_entries(current)
        finally:
            os.close(current)

    def _enter(self, directory: int, name: str) -> int:
        self.names += 1
        try:
            return os.open(to_disk(name), _ENTRY, dir_fd=directory)
        except FileNotFoundError:
            wanted = fold(name)
            for other in self._list(directory):  # as the loop would
                if fold(to_wire(other) or other) == wanted:
                    return os.open(other, _ENTRY, dir_fd=directory)
            raise

    def _at_entries(self, directory: int) -> None:
        for name in self._list(directory)[:MOST_ENTRIES]:
            with suppress(OSError):
                os.stat(name, dir_fd=directory, follow_symlinks=False)
                os.listxattr(f"/proc/self/fd/{directory}/{name}", follow_symlinks=False)

    def _list(self, directory: int) -> list[str]:
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
        try:
            names = os.listdir(listed)
        finally:
            os.close(listed)
        self.names += len(names)
        return names
