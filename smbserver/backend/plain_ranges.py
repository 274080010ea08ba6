"""Ranges of a file that can only be read and written: what every store can do at the least."""

import errno
import os
from typing import Final, NoReturn

from smbserver.backend.base import Handle

PIECE: Final = 1 << 20  # bytes in memory at a time; as much as overlapping parts of one file may have
_ZEROS: Final = bytes(PIECE)


class PlainRanges:
    """See `backend.base.Ranges`. Without holes, shared blocks or compression."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def copy_to(self, target: Handle, offset: int, target_offset: int, length: int) -> int:
        """Read a piece whole, then write it whole."""
        data = self._handle.read_blocking(min(length, PIECE), offset)
        if data:
            target.write(memoryview(data), target_offset)
        return len(data)

    def clone_to(self, target: Handle, offset: int, target_offset: int, length: int) -> None:
        """OSError EOPNOTSUPP."""
        _refuse()

    def zero(self, offset: int, length: int, deallocate: bool) -> int:
        """Write zeros, a piece at a time."""
        count = min(length, PIECE)
        self._handle.write(memoryview(_ZEROS)[:count], offset)
        return count

    def allocated(self, offset: int, length: int, most: int) -> list[tuple[int, int]]:
        """Everything before the end of the file."""
        count = min(length, self._handle.metadata().end_of_file - offset)
        return [(offset, count)] if count > 0 and most else []

    def fill(self) -> None:
        """There are no holes."""

    def mark(self, attribute: int, is_set: bool) -> None:
        """OSError EOPNOTSUPP, unless nothing is asked for."""
        if is_set:
            _refuse()

    def is_compressed(self) -> bool:
        """Never."""
        return False

    def compress(self, is_compressed: bool) -> None:
        """OSError EOPNOTSUPP, unless nothing is asked for."""
        if is_compressed:
            _refuse()


def _refuse() -> NoReturn:
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
