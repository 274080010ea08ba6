"""A store that nothing can change: another store, for reading only, with file identities of its own.

Every method of the contract is written out here, those that change something as a refusal (OSError EROFS): a method
that is added to the contract is not passed through by accident, the type checker asks for it.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from smbserver.backend.base import (
    Backend,
    Handle,
    Identity,
    Links,
    Located,
    LockMirror,
    Ranges,
    StreamHandle,
    Streams,
    Version,
)
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.link_targets import Target
from smbserver.nt.metadata import Metadata, Ownership, StreamFacts, VolumeFeatures, VolumeSpace
from smbserver.nt.names import Path

_MASK: Final = 0xFFFFFFFFFFFFFFFF
_DEVICE_BITS: Final = 64
_MIX: Final = 0x9E3779B97F4A7C15  # odd, so that no two marks give one id to a file


def _refuse() -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class _Marks:
    """Tells the files of this store from those it shares inodes with: bind mounts and hard-linked copies do."""

    __slots__ = ("_device", "_file_id")

    def __init__(self, mark: int) -> None:
        self._device = mark << _DEVICE_BITS
        self._file_id = mark * _MIX & _MASK

    def identity(self, inner: Identity) -> Identity:
        return (inner[0] | self._device, inner[1])

    def inner(self, identity: Identity) -> Identity:
        return (identity[0] & _MASK, identity[1])

    def metadata(self, inner: Metadata) -> Metadata:
        marked = inner.copy()
        marked.file_id = inner.file_id ^ self._file_id
        return marked


class ReadOnlyLocated:
    """See `backend.base.Located`."""

    __slots__ = ("identity", "inner", "metadata", "path")

    def __init__(self, inner: Located, marks: _Marks) -> None:
        self.inner = inner
        self.path = inner.path
        self.identity = None if inner.identity is None else marks.identity(inner.identity)
        self.metadata = None if inner.metadata is None else marks.metadata(inner.metadata)

    def descriptor(self) -> Descriptor | None:
        """As the inner one."""
        return self.inner.descriptor()

    def directory_descriptor(self) -> Descriptor | None:
        """As the inner one."""
        return self.inner.directory_descriptor()

    def ownership(self) -> Ownership:
        """As the inner one."""
        return self.inner.ownership()

    def refused_to(self, uid: int) -> int:
        """As the inner one."""
        return self.inner.refused_to(uid)

    def check_remove(self) -> None:
        """It would be refused."""
        _refuse()

    def close(self) -> None:
        """As the inner one."""
        self.inner.close()


class ReadOnlyHandle:
    """See `backend.base.Handle`."""

    __slots__ = ("_closed", "_inner", "_marks", "_store", "identity", "is_directory")

    def __init__(self, inner: Handle, marks: _Marks, store: "ReadOnlyBackend") -> None:
        self._inner = inner
        self._marks = marks
        self._store = store
        self._closed = False
        self.identity = marks.identity(inner.identity)
        self.is_directory = inner.is_directory
        store.opens += 1

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """As the inner one."""
        return self._inner.read(length, offset)

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """As the inner one."""
        return self._inner.cached(length, offset)

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """As the inner one."""
        return self._inner.read_blocking(length, offset)

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """Refused."""
        _refuse()

    def truncate(self, size: int) -> None:
        """Refused."""
        _refuse()

    def allocate(self, size: int) -> None:
        """Refused."""
        _refuse()

    def sync(self) -> None:
        """Nothing was written."""

    def metadata(self) -> Metadata:
        """As the inner one, with an id of this store."""
        return self._marks.metadata(self._inner.metadata())

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """Refused."""
        _refuse()

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """Refused."""
        _refuse()

    def mark_changed(self) -> None:
        """Refused."""
        _refuse()

    def set_attributes(self, attributes: int) -> None:
        """Refused."""
        _refuse()

    def get_eas(self) -> list[Ea]:
        """As the inner one."""
        return self._inner.get_eas()

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """Refused."""
        _refuse()

    def ea_size(self) -> int:
        """As the inner one."""
        return self._inner.ea_size()

    def descriptor(self) -> Descriptor | None:
        """As the inner one."""
        return self._inner.descriptor()

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """Refused."""
        _refuse()

    def set_mode(self, mode: int) -> None:
        """Refused."""
        _refuse()

    def ownership(self) -> Ownership:
        """As the inner one."""
        return self._inner.ownership()

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """As the inner one, with ids of this store."""
        for name, meta in self._inner.scan(owned):
            yield name, self._marks.metadata(meta)

    def is_empty(self) -> bool:
        """As the inner one."""
        return self._inner.is_empty()

    def lock_mirror(self) -> LockMirror | None:
        """No local program writes what cannot be written."""
        return None

    def version(self, again: bool) -> Version | None:
        """Local programs may write what clients cannot."""
        return self._inner.version(again)

    def ranges(self) -> Ranges:
        """To read."""
        return ReadOnlyRanges(self._inner.ranges())

    def streams(self) -> Streams:
        """To read."""
        return ReadOnlyStreams(self._inner.streams(), self._marks, self._store)

    def close(self) -> None:
        """Give back the handle."""
        if not self._closed:
            self._closed = True
            self._store.opens -= 1
        self._inner.close()


class ReadOnlyStreamHandle(ReadOnlyHandle):
    """See `backend.base.StreamHandle`."""

    __slots__ = ("stream",)

    def __init__(self, inner: StreamHandle, marks: _Marks, store: "ReadOnlyBackend") -> None:
        super().__init__(inner, marks, store)
        self.stream = inner.stream

    def renamed(self, name: str) -> None:
        """Nobody can."""


class ReadOnlyStreams:
    """See `backend.base.Streams`."""

    __slots__ = ("_inner", "_marks", "_store")

    def __init__(self, inner: Streams, marks: _Marks, store: "ReadOnlyBackend") -> None:
        self._inner = inner
        self._marks = marks
        self._store = store

    def all(self) -> list[StreamFacts]:
        """As the inner ones."""
        return self._inner.all()

    def names(self) -> list[str]:
        """As the inner ones."""
        return self._inner.names()

    def find(self, name: str) -> str | None:
        """As the inner ones."""
        return self._inner.find(name)

    def open(self, name: str, write: bool) -> StreamHandle:
        """For reading, as files are."""
        return ReadOnlyStreamHandle(self._inner.open(name, False), self._marks, self._store)

    def create(self, name: str) -> StreamHandle:
        """Refused."""
        _refuse()

    def replace(self, name: str) -> StreamHandle:
        """Refused."""
        _refuse()

    def remove(self, name: str) -> None:
        """Refused."""
        _refuse()

    def rename(self, name: str, to: str) -> None:
        """Refused."""
        _refuse()


class ReadOnlyRanges:
    """See `backend.base.Ranges`. What is copied out of here goes to a handle that judges for itself."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Ranges) -> None:
        self._inner = inner

    def copy_to(self, target: Handle, offset: int, target_offset: int, length: int) -> int:
        """As the inner ones."""
        return self._inner.copy_to(target, offset, target_offset, length)

    def clone_to(self, target: Handle, offset: int, target_offset: int, length: int) -> None:
        """As the inner ones."""
        self._inner.clone_to(target, offset, target_offset, length)

    def zero(self, offset: int, length: int, deallocate: bool) -> int:
        """Refused."""
        _refuse()

    def allocated(self, offset: int, length: int, most: int) -> list[tuple[int, int]]:
        """As the inner ones."""
        return self._inner.allocated(offset, length, most)

    def fill(self) -> None:
        """Refused."""
        _refuse()

    def mark(self, attribute: int, is_set: bool) -> None:
        """Refused."""
        _refuse()

    def is_compressed(self) -> bool:
        """As the inner ones."""
        return self._inner.is_compressed()

    def compress(self, is_compressed: bool) -> None:
        """Refused."""
        _refuse()


class ReadOnlyLinks:
    """See `backend.base.Links`."""

    __slots__ = ("_inner", "_marks")

    def __init__(self, inner: Links, marks: _Marks) -> None:
        self._inner = inner
        self._marks = marks

    def target(self, path: Path, identity: Identity) -> Target:
        """As the inner ones."""
        return self._inner.target(path, self._marks.inner(identity))

    def make(self, path: Path, identity: Identity, target: Target) -> Handle:
        """Refused."""
        _refuse()

    def unmake(self, path: Path, identity: Identity) -> Handle:
        """Refused."""
        _refuse()


class ReadOnlyBackend:
    """See `backend.base.Backend`. `mark` is a positive number that no other store over the same files has.

    `opens` is how many handles are open.
    """

    read_only = True

    def __init__(self, inner: Backend, mark: int) -> None:
        self._inner = inner
        self._marks = _Marks(mark)
        self._links = None if inner.links is None else ReadOnlyLinks(inner.links, self._marks)
        self.opens = 0

    @property
    def links(self) -> Links | None:
        """To look at."""
        return self._links

    @property
    def has_streams(self) -> bool:
        """As the inner one."""
        return self._inner.has_streams

    @property
    def features(self) -> VolumeFeatures:
        """As the inner one."""
        return self._inner.features

    @property
    def supports_eas(self) -> bool:
        """As the inner one."""
        return self._inner.supports_eas

    @property
    def serial_number(self) -> int:
        """As the inner one."""
        return self._inner.serial_number

    @property
    def creation_time(self) -> int:
        """As the inner one."""
        return self._inner.creation_time

    @property
    def keeps_descriptors(self) -> bool:
        """As the inner one."""
        return self._inner.keeps_descriptors

    @property
    def posix_semantics(self) -> bool:
        """As the inner one."""
        return self._inner.posix_semantics

    def hides(self, name: str) -> bool:
        """As the inner one."""
        return self._inner.hides(name)

    def locate(self, path: Path, composed: bool = True, exact: bool = False) -> ReadOnlyLocated:
        """As the inner one."""
        return ReadOnlyLocated(self._inner.locate(path, composed, exact), self._marks)

    def look_ahead(self, path: Path) -> int:
        """As the inner one."""
        return self._inner.look_ahead(path)

    def look_at_entries(self, path: Path, start: int, count: int) -> int:
        """As the inner one."""
        return self._inner.look_at_entries(path, start, count)

    def open(self, located: Located, read: bool, write: bool) -> ReadOnlyHandle:
        """For reading, whatever is asked for: who may write finds out when he writes."""
        assert isinstance(located, ReadOnlyLocated)
        return ReadOnlyHandle(self._inner.open(located.inner, read, False), self._marks, self)

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """Refused."""
        _refuse()

    def create_directory(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """Refused."""
        _refuse()

    def look_again(self) -> None:
        """Nothing: whoever opens versions looks for them each time."""

    def check_remove(self, path: Path, identity: Identity) -> None:
        """Refused."""
        _refuse()

    def remove(self, path: Path, identity: Identity) -> None:
        """Refused."""
        _refuse()

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """Refused."""
        _refuse()

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """Refused."""
        _refuse()

    def space(self) -> VolumeSpace:
        """As the inner one."""
        return self._inner.space()

    def close(self) -> None:
        """Close the inner store."""
        self._inner.close()
