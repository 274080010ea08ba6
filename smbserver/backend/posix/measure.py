"""How many bytes all files below a directory have: the walk behind a size limit."""

import os
import stat
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from smbserver.backend.sparse_bundles import BANDS, MAX_PLIST, PLIST, band_size, is_bundle

_BLOCK: Final = 512  # bytes that st_blocks counts
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def reach(state: os.stat_result) -> int:
    """Bytes up to the end of a file, and what is reserved beyond it; the rest of its last block is not."""
    taken = state.st_blocks * _BLOCK
    unit = max(state.st_blksize, _BLOCK)
    return state.st_size if taken <= -(-state.st_size // unit) * unit else taken


def measure(root: str, rights: AbstractContextManager[object] | None = None) -> int:
    """Walk through everything below `root`, links not followed; a band of a sparse bundle counts as a whole one.

    What goes away meanwhile, or may not be looked at, counts nothing. `rights` is entered to look. Blocks: for threads.
    Raises OSError when there is no root.
    """
    with rights or nullcontext():
        return _Walk(root).total


class _Walk:
    """One walk. `total` is what it found."""

    def __init__(self, root: str) -> None:
        self.total = 0
        self._linked: set[tuple[int, int]] = set()  # files with several names are counted once
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._walk()
        finally:
            os.close(self._root)

    def _walk(self) -> None:
        # Paths and no descriptors wait: a client can nest deeper than there are descriptors. What is too deep for a
        # path no client has a name for.
        waiting = [(name, is_bundle(name), 0) for name in self._count(".", 0)]
        while waiting:
            path, is_a_bundle, least = waiting.pop()
            below = self._count(path, least)
            whole = self._band_size(path) if is_a_bundle else 0
            waiting += [(f"{path}/{name}", False, whole if name == BANDS else 0) for name in below]

    def _count(self, path: str, least: int) -> list[str]:
        """Count the files of a directory, each as at least so many bytes; the names of its directories."""
        directories: list[str] = []
        try:
            fd = os.open(path, _DIRECTORY, dir_fd=self._root)
        except OSError:
            return directories
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            directories.append(entry.name)
                            continue
                        state = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.S_ISREG(state.st_mode) and self._is_new(state):
                        self.total += max(reach(state), least)
        except OSError:
            pass
        finally:
            os.close(fd)
        return directories

    def _is_new(self, state: os.stat_result) -> bool:
        if state.st_nlink == 1:
            return True
        key = (state.st_dev, state.st_ino)
        known = key in self._linked
        self._linked.add(key)
        return not known

    def _band_size(self, bundle: str) -> int:
        try:
            fd = os.open(
                f"{bundle}/{PLIST}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._root
            )
        except OSError:
            return 0
        try:
            return band_size(os.read(fd, MAX_PLIST))
        except OSError:
            return 0
        finally:
            os.close(fd)
