"""The streams of what can have none: a symbolic link, a file of a store without room for them."""

import errno
import os
from typing import NoReturn

from smbserver.backend.base import StreamHandle
from smbserver.nt.metadata import StreamFacts


class NoStreams:
    """See `backend.base.Streams`. Nothing is found; to make one is OSError EOPNOTSUPP."""

    def all(self) -> list[StreamFacts]:
        """Nothing."""
        return []

    def names(self) -> list[str]:
        """Nothing."""
        return []

    def find(self, name: str) -> str | None:
        """Nothing."""
        return None

    def open(self, name: str, write: bool) -> StreamHandle:
        """OSError ENOENT."""
        _refuse(errno.ENOENT)

    def create(self, name: str) -> StreamHandle:
        """OSError EOPNOTSUPP."""
        _refuse(errno.EOPNOTSUPP)

    def replace(self, name: str) -> StreamHandle:
        """OSError ENOENT."""
        _refuse(errno.ENOENT)

    def remove(self, name: str) -> None:
        """OSError ENOENT."""
        _refuse(errno.ENOENT)

    def rename(self, name: str, to: str) -> None:
        """OSError ENOENT."""
        _refuse(errno.ENOENT)


def _refuse(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))
