"""An open named stream, of any store: data from one place, everything else from the file that the stream belongs to."""

import errno
import os
from collections.abc import Iterator, Sequence
from typing import NoReturn, Protocol

from smbserver.backend.base import Handle, LockMirror, Ranges, Streams, Version
from smbserver.backend.plain_ranges import PlainRanges
from smbserver.nt import attributes
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.metadata import Metadata, Ownership


class Content(Protocol):
    """Where the bytes of one stream are. The methods with the names of `Handle` do what they do there."""

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """See Handle."""

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """See Handle."""

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """See Handle; the file's write time follows."""

    def truncate(self, size: int) -> None:
        """See Handle; the file's write time follows."""

    def allocate(self, size: int) -> None:
        """See Handle."""

    def sync(self) -> None:
        """See Handle. The file's own metadata is not meant."""

    def sizes(self) -> tuple[int, int]:
        """Its end and the room it takes, in bytes."""

    def renamed(self, name: str) -> None:
        """The stream has another name from now on."""

    def close(self) -> None:
        """Give back what it holds."""


class StreamHandle:
    """See `backend.base.StreamHandle`. Owns both of its parts."""

    __slots__ = ("_base", "_content", "_held", "identity", "is_directory", "stream")

    def __init__(self, base: Handle, content: Content, name: str) -> None:
        self._base = base
        self._content = content
        self._held = (False, False, False)  # access, write, change time
        self.stream = name
        self.identity = base.identity
        self.is_directory = False  # also on a directory: a stream has no entries

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """Of the stream."""
        return self._content.read(length, offset)

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """What is sent from a descriptor is a file's own data."""
        return None

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """Of the stream."""
        return self._content.read_blocking(length, offset)

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """Into the stream."""
        held = self._held_times()
        self._content.write(data, offset)
        self._put_back(held)

    def truncate(self, size: int) -> None:
        """The stream's end."""
        held = self._held_times()
        self._content.truncate(size)
        self._put_back(held)

    def _held_times(self) -> Metadata | None:
        return self._base.metadata() if any(self._held) else None

    def _put_back(self, held: Metadata | None) -> None:
        if held is not None:
            times = [time if holds else None for time, holds in zip(held.times[1:], self._held, strict=True)]
            self._base.set_times(None, *times)

    def allocate(self, size: int) -> None:
        """For the stream."""
        self._content.allocate(size)

    def sync(self) -> None:
        """Data, and the file that leads to them."""
        self._content.sync()
        self._base.sync()

    def metadata(self) -> Metadata:
        """The file's, with the stream's sizes; a directory's stream is none itself ([MS-FSA] 2.1.5.12.27)."""
        meta = self._base.metadata().copy()
        meta.end_of_file, meta.allocation_size = self._content.sizes()
        meta.attributes = meta.attributes & ~attributes.DIRECTORY or attributes.NORMAL
        meta.is_directory = False
        return meta

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """The file's."""
        self._base.set_times(creation_time, access_time, write_time, change_time)

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """The file's."""
        self._base.hold_times(access, write, change)
        self._held = (access, write, change)

    def set_attributes(self, attributes: int) -> None:
        """The file's."""
        self._base.set_attributes(attributes)

    def mark_changed(self) -> None:
        """The file."""
        self._base.mark_changed()

    def get_eas(self) -> list[Ea]:
        """The file's."""
        return self._base.get_eas()

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """The file's."""
        self._base.set_eas(changes)

    def ea_size(self) -> int:
        """The file's."""
        return self._base.ea_size()

    def descriptor(self) -> Descriptor | None:
        """The file's."""
        return self._base.descriptor()

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """The file's."""
        self._base.set_descriptor(descriptor)

    def ownership(self) -> Ownership:
        """The file's."""
        return self._base.ownership()

    def set_mode(self, mode: int) -> None:
        """The file's."""
        self._base.set_mode(mode)

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """A stream has no entries."""
        _refuse()

    def is_empty(self) -> bool:
        """A stream has no entries."""
        _refuse()

    def lock_mirror(self) -> LockMirror | None:
        """No local program can open a stream."""
        return None

    def version(self, again: bool) -> Version | None:
        """No local program can open a stream."""
        return None

    def ranges(self) -> Ranges:
        """A stream is read and written."""
        return PlainRanges(self)

    def streams(self) -> Streams:
        """Those of the file, this one among them."""
        return self._base.streams()

    def renamed(self, name: str) -> None:
        """Go on with the same stream under another name."""
        self._content.renamed(name)
        self.stream = name

    def close(self) -> None:
        """Both parts."""
        try:
            self._content.close()
        finally:
            self._base.close()


def _refuse() -> NoReturn:
    raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
