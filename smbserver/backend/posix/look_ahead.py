"""Looks at names so that the kernel has in memory what will be asked of a slow disk. For threads; it tells nothing.

What is looked at is what `volume.locate` and `scan` ask for. Should this forget something, the loop waits for it: the
way on from a name in another spelling, and what links lead to.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Final

from smbserver.backend.posix.disk_names import to_disk
from smbserver.errors import StatusError
from smbserver.nt.names import Path

_ENTRY: Final = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC


def look_ahead(root: int, path: Path, is_known: Callable[[int], bool]) -> int:
    """Look at each component of a path; how many names were looked at.

    Where one is absent, the whole directory, in which the loop will look for another spelling; unless `is_known` says
    of its descriptor that the loop knows its names. `root` may be closed meanwhile: then this looks elsewhere, or at
    nothing.
    """
    looked = 0
    with suppress(OSError, StatusError):
        current = os.dup(root)
        try:
            for name in path:
                looked += 1
                try:
                    following = os.open(to_disk(name), _ENTRY, dir_fd=current)
                except FileNotFoundError:
                    return looked if is_known(current) else looked + _read_through(current)
                os.close(current)
                current = following
                os.listxattr(f"/proc/self/fd/{current}")
        finally:
            os.close(current)
    return looked


def look_at_entries(root: int, path: Path, start: int, count: int) -> int:
    """Look at `count` entries of a directory, in the order of the disk from the one at `start`; how many there were."""
    looked = 0
    with suppress(OSError, StatusError):
        current = os.dup(root)
        try:
            for name in path:
                following = os.open(to_disk(name), _ENTRY, dir_fd=current)
                os.close(current)
                current = following
            with _listed(current) as found:
                for entry in islice(found, start, start + count):
                    looked += 1
                    with suppress(OSError):
                        os.stat(entry.name, dir_fd=current, follow_symlinks=False)
                        os.listxattr(f"/proc/self/fd/{current}/{entry.name}", follow_symlinks=False)
        finally:
            os.close(current)
    return looked


def _read_through(directory: int) -> int:
    with _listed(directory) as found:
        return sum(1 for _ in found)


@contextmanager
def _listed(directory: int) -> "Iterator[Iterator[os.DirEntry[str]]]":
    """The entries of a directory of which there is an O_PATH descriptor."""
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        with os.scandir(readable) as found:
            yield found
    finally:
        os.close(readable)
