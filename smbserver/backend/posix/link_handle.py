"""A symbolic link as a file of its own: its metadata, and an open of it. Nothing here goes where it leads.

One look is taken along it, beneath the root: Windows enters a link to a directory only if it says DIRECTORY.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from typing import NoReturn

from smbserver.backend.base import LockMirror, Ranges, Streams, Version
from smbserver.backend.no_streams import NoStreams
from smbserver.backend.plain_ranges import PlainRanges
from smbserver.backend.posix import dos_attributes, inode
from smbserver.backend.posix.facts import metadata_of, ownership_of
from smbserver.backend.posix.link_text import read_target
from smbserver.backend.posix.resolve import Resolver
from smbserver.nt import attributes
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.filetime import to_unix_ns
from smbserver.nt.metadata import Metadata, Ownership
from smbserver.nt.names import Path
from smbserver.nt.reparse_tags import IO_REPARSE_TAG_SYMLINK


def link_metadata(
    resolver: Resolver, directory: int, name: str, path: Path, found: bytes, root_device: int
) -> Metadata | None:
    """What a client sees of the link `name` (on disk) in `directory`; None when it sees nothing.

    `path` is the link's own, `found` what the kernel says of it.
    """
    if read_target(directory, name, len(path) - 1) is None:
        return None
    return _metadata(found, resolver.hidden.hides(path[-1]), resolver.leads_to_directory(path), root_device)


def _metadata(found: bytes, hidden: bool, is_directory: bool, root_device: int) -> Metadata:
    meta = metadata_of(found, dos_attributes.NONE, root_device, hidden)
    flags = meta.attributes & ~attributes.NORMAL | attributes.REPARSE_POINT
    if is_directory:
        flags |= attributes.DIRECTORY
    meta.allocation_size = meta.end_of_file = 0
    meta.attributes = flags
    meta.is_directory = is_directory
    meta.reparse_tag = IO_REPARSE_TAG_SYMLINK
    return meta


class PosixLinkHandle:
    """See `backend.base.Handle`: a file without data. `is_directory`: where it led when it was opened."""

    __slots__ = ("_fd", "_hidden", "_root_device", "identity", "is_directory")

    def __init__(self, fd: int, state: os.stat_result, is_directory: bool, hidden: bool, root_device: int) -> None:
        self._fd = fd
        self._hidden = hidden
        self._root_device = root_device
        self.identity = (state.st_dev, state.st_ino)
        self.is_directory = is_directory

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """There is nothing."""
        return b""

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """There is nothing."""
        return None

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """There is nothing."""
        return b""

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """A link has no data."""
        _refuse()

    def truncate(self, size: int) -> None:
        """A link has no data."""
        _refuse()

    def allocate(self, size: int) -> None:
        """A link has no data."""
        _refuse()

    def sync(self) -> None:
        """Nothing was written."""

    def metadata(self) -> Metadata:
        """What the link itself says."""
        return _metadata(inode.look_at(self._fd), self._hidden, self.is_directory, self._root_device)

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """The link's own times; there is no place for a creation time."""
        if access_time is not None or write_time is not None:
            state = os.fstat(self._fd)
            accessed = state.st_atime_ns if access_time is None else to_unix_ns(access_time)
            written = state.st_mtime_ns if write_time is None else to_unix_ns(write_time)
            os.utime(f"/proc/self/fd/{self._fd}", ns=(accessed, written))

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """Nothing that is done through this handle moves a time."""

    def mark_changed(self) -> None:
        """A symbolic link has no data."""

    def set_attributes(self, attributes: int) -> None:
        """A symbolic link can carry none: they are ignored, as tools that delete or copy a link set some."""

    def get_eas(self) -> list[Ea]:
        """A symbolic link can carry none."""
        return []

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """A symbolic link can carry none."""
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def ea_size(self) -> int:
        """Nothing."""
        return 0

    def descriptor(self) -> Descriptor | None:
        """A symbolic link can carry none."""
        return None

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """A symbolic link can carry none."""
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def set_mode(self, mode: int) -> None:
        """A symbolic link has none of its own."""
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def ownership(self) -> Ownership:
        """The link's own."""
        return ownership_of(inode.look_at(self._fd))

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """A link is no directory, whatever it leads to."""
        return iter(())

    def is_empty(self) -> bool:
        """Always, so that a link to a directory can be deleted like a directory."""
        return True

    def lock_mirror(self) -> LockMirror | None:
        """Nobody locks a link."""
        return None

    def version(self, again: bool) -> Version | None:
        """Of no data."""
        return None

    def ranges(self) -> Ranges:
        """Of no data."""
        return PlainRanges(self)

    def streams(self) -> Streams:
        """A symbolic link can carry none."""
        return NoStreams()

    def close(self) -> None:
        """Close the descriptor."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _refuse() -> NoReturn:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
