"""The last close of a large file without a name: it frees every block, so a thread does it and nobody waits."""

import logging
import os
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Final

log = logging.getLogger(__name__)

Identity = tuple[int, int]

LARGE: Final = 16 << 20  # allocated bytes; below, the close takes a few milliseconds at most
_BLOCK: Final = 512  # unit of st_blocks
_KEPT: Final = 64  # files whose names are gone and that others may still have open

_closer = ThreadPoolExecutor(1, "smbserver-close")


def is_large(state: os.stat_result) -> bool:
    """Whether the removal of this name would take long to free what it means."""
    return state.st_blocks * _BLOCK >= LARGE and stat.S_ISREG(state.st_mode) and state.st_nlink == 1


def hold(name: str, directory: int) -> int:
    """A descriptor that keeps what `name` means from being freed; -1 when there is nothing to keep, or no way."""
    try:
        if not is_large(os.stat(name, dir_fd=directory, follow_symlinks=False)):
            return -1
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return -1


def close(fd: int) -> None:
    """Close in the thread."""
    _closer.submit(_close, fd)


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError as error:
        log.info("the close of a deleted file: %s", error.strerror)


class Nameless:
    """The large files of a volume that have lost their last name through us, lately."""

    def __init__(self) -> None:
        self.files: deque[Identity] = deque(maxlen=_KEPT)

    def add(self, state: os.stat_result) -> None:
        """A name is gone; `state` is what it meant."""
        if is_large(state):
            self.files.append((state.st_dev, state.st_ino))

    def close(self, fd: int, identity: Identity) -> None:
        """Close a descriptor of a file, here or in the thread."""
        if identity in self.files and not os.fstat(fd).st_nlink:  # with a name: the inode has another file now
            close(fd)
        else:
            os.close(fd)
