"""The two streams in which macOS keeps what a file has beside its data, with the rules of macOS's own server.

AFP_AfpInfo has the Finder's information: 60 bytes, always read and written as a whole, and not there while all of that
information is zero. AFP_Resource is the resource fork: not there while it is empty. Both are stored like any stream, as
Samba's vfs_fruit does with `fruit:metadata = stream`; its tests (vfs.fruit) are where the rules were learned from.
"""

import errno
import os
from typing import Final, NoReturn, Protocol

from smbserver.backend.base import Handle, StreamHandle, Streams
from smbserver.backend.stream_handle import StreamHandle as JoinedHandle
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.finder_info import AFP_INFO_SIZE, AFP_SIGNATURE, EMPTY_AFP_INFO, FINDER_INFO, NOTHING, finder_info
from smbserver.nt.metadata import StreamFacts
from smbserver.nt.names import fold
from smbserver.nt.stream_names import AFP_INFO, AFP_RESOURCE

_LEAST_WRITE: Final = 3
_UNIT: Final = 4096
_FOLDED_INFO: Final = fold(AFP_INFO)
_FOLDED_RESOURCE: Final = fold(AFP_RESOURCE)


class StoredStreams(Streams, Protocol):
    """The streams as a store keeps them, whatever they are called."""

    def file(self) -> Handle:
        """A further handle of the file, to look at it."""


def _refuse(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))


class _AfpInfo:
    """See `stream_handle.Content`. The stored stream is made, replaced and removed as a whole."""

    __slots__ = ("_file", "_writes")

    def __init__(self, file: Handle, writes: bool) -> None:
        self._file = file
        self._writes = writes

    def _stored(self) -> "AppleStreams":
        streams = self._file.streams()
        assert isinstance(streams, AppleStreams)
        return streams

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """From the beginning, whatever the offset: as macOS's server, and its client asks for nothing else."""
        return self.read_blocking(length, offset)

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """As `read`."""
        return b"" if offset > AFP_INFO_SIZE else (self._stored().info() or EMPTY_AFP_INFO)[:length]

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """What begins like the information is; without any of the Finder's the stream goes. OSError EINVAL."""
        if not self._writes:
            _refuse(errno.EBADF)
        given = bytes(data[:AFP_INFO_SIZE])
        if (
            len(data) < _LEAST_WRITE
            or (offset and len(data) < AFP_INFO_SIZE)
            or not AFP_SIGNATURE.startswith(given[:3])
        ):
            _refuse(errno.EINVAL)
        if len(data) <= FINDER_INFO:
            return
        if not given.startswith(AFP_SIGNATURE):
            _refuse(errno.EINVAL)
        whole = given.ljust(AFP_INFO_SIZE, b"\0")
        self._stored().keep_info(whole if finder_info(whole) != NOTHING else None)

    def truncate(self, size: int) -> None:
        """Its size does not change: it is refused what is larger, and ignores what is smaller."""
        if size > AFP_INFO_SIZE:
            raise StatusError(status.ALLOTTED_SPACE_EXCEEDED)

    def allocate(self, size: int) -> None:
        """There is nothing to reserve."""

    def sync(self) -> None:
        """It is part of the file."""

    def sizes(self) -> tuple[int, int]:
        """Always the same."""
        return AFP_INFO_SIZE, _UNIT

    def renamed(self, name: str) -> None:
        """It goes on as what it was opened as."""

    def close(self) -> None:
        """The file is closed by whoever owns it."""


class AppleStreams:
    """See `backend.base.Streams`: the stored ones with these rules for two of them."""

    __slots__ = ("_inner",)

    def __init__(self, inner: StoredStreams) -> None:
        self._inner = inner

    def all(self) -> list[StreamFacts]:
        """Without what is not there by the rules."""
        return [facts for facts in self._inner.all() if _is_there(facts.name, facts.end_of_file)]

    def names(self) -> list[str]:
        """Of all that is stored: whoever removes every stream removes these."""
        return self._inner.names()

    def find(self, name: str) -> str | None:
        """None for what is not there by the rules."""
        found = self._inner.find(name)
        if found is None or fold(name) not in (_FOLDED_INFO, _FOLDED_RESOURCE):
            return found
        try:
            handle = self._inner.open(found, False)
        except OSError:
            return found  # there, but not to be made sense of
        try:
            return found if _is_there(name, handle.metadata().end_of_file) else None
        finally:
            handle.close()

    def open(self, name: str, write: bool) -> StreamHandle:
        """As stored, or the whole of the Finder's information."""
        return self._info(name, write) if fold(name) == _FOLDED_INFO else self._inner.open(name, write)

    def create(self, name: str) -> StreamHandle:
        """As stored; the Finder's information is stored once it is written."""
        if fold(name) == _FOLDED_INFO:
            self.keep_info(None)
            return self._info(name, True)
        if fold(name) == _FOLDED_RESOURCE and self.find(name) is None and self._inner.find(name) is not None:
            return self._inner.replace(name)
        return self._inner.create(name)

    def replace(self, name: str) -> StreamHandle:
        """As stored, or as `create`."""
        return self.create(name) if fold(name) == _FOLDED_INFO else self._inner.replace(name)

    def remove(self, name: str) -> None:
        """As stored."""
        self._inner.remove(name)

    def rename(self, name: str, to: str) -> None:
        """As stored."""
        self._inner.rename(name, to)

    def _info(self, name: str, write: bool) -> StreamHandle:
        file = self._inner.file()
        return JoinedHandle(file, _AfpInfo(file, write), self._inner.find(name) or name)

    def info(self) -> bytes | None:
        """The 60 bytes; None when they are not stored."""
        try:
            handle = self._inner.open(AFP_INFO, False)
        except FileNotFoundError:
            return None
        try:
            data = bytes(handle.read_blocking(AFP_INFO_SIZE + 1, 0))
        finally:
            handle.close()
        return data if len(data) == AFP_INFO_SIZE else None

    def keep_info(self, data: bytes | None) -> None:
        """Store the 60 bytes, or see to it that none are."""
        found = self._inner.find(AFP_INFO)
        if data is None:
            if found is not None:
                self._inner.remove(found)
            return
        handle = self._inner.create(AFP_INFO) if found is None else self._inner.open(found, True)
        try:
            handle.write(data, 0)
            if handle.metadata().end_of_file > AFP_INFO_SIZE:
                handle.truncate(AFP_INFO_SIZE)
        finally:
            handle.close()


def _is_there(name: str, size: int) -> bool:
    folded = fold(name)
    return size == AFP_INFO_SIZE if folded == _FOLDED_INFO else size > 0 or folded != _FOLDED_RESOURCE
