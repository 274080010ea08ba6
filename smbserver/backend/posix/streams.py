"""The streams of a file of the POSIX backend: which there are, made, removed, renamed."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NoReturn

from smbserver.backend.posix.stream_attributes import (
    END,
    MAX_STREAMS,
    Stored,
    Target,
    data_attribute,
    load,
    pointer,
    pointer_attribute,
    raw_name,
    remove,
    save,
    stored_streams,
)
from smbserver.backend.posix.stream_content import PosixContent
from smbserver.backend.stream_handle import StreamHandle
from smbserver.nt.metadata import StreamFacts
from smbserver.nt.names import fold

if TYPE_CHECKING:
    from smbserver.backend.posix.handle import PosixHandle
    from smbserver.backend.posix.stream_store import StreamStore


def _refuse(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))


class PosixStreams:
    """See `backend.apple_streams.StoredStreams`.

    `base` is the handle that was asked; `target` its descriptor, or that one's name.
    """

    __slots__ = ("_base", "_store", "_target")

    def __init__(self, base: PosixHandle, target: Target, store: StreamStore) -> None:
        self._base = base
        self._target = target
        self._store = store

    def file(self) -> PosixHandle:
        """A further descriptor."""
        return self._base.duplicate()

    def _stored(self, name: str) -> Stored:
        return self._look(name) or _refuse(errno.ENOENT)

    def _look(self, name: str) -> Stored | None:
        return stored_streams(self._target).get(fold(name))

    def all(self) -> list[StreamFacts]:
        """What cannot be opened is listed as empty: it is there, and can be removed."""
        found = []
        if not self._base.is_directory:
            meta = self._base.metadata()
            found.append(StreamFacts("", meta.end_of_file, meta.allocation_size))
        for stored in stored_streams(self._target).values():
            sizes = self._sizes(stored)
            if sizes is not None:
                found.append(StreamFacts(stored.name, *sizes))
        return found

    def _sizes(self, stored: Stored) -> tuple[int, int] | None:
        content = PosixContent(self._target, self._store, stored.raw, False, self._base.beside)
        try:
            return content.sizes()
        except OSError as error:
            return None if error.errno == errno.ENOENT else (0, 0)  # ENOENT: removed meanwhile
        finally:
            content.close()

    def names(self) -> list[str]:
        """One listxattr."""
        return [stored.name for stored in stored_streams(self._target).values()]

    def find(self, name: str) -> str | None:
        """One listxattr."""
        stored = self._look(name)
        return None if stored is None else stored.name

    def open(self, name: str, write: bool) -> StreamHandle:
        """A further handle of the file, and the content, which is looked at to know that it can be opened."""
        return self._open(self._stored(name), write)

    def _open(self, stored: Stored, write: bool) -> StreamHandle:
        base = self._base.duplicate()
        content = PosixContent(base.target, self._store, stored.raw, write, base.beside)
        try:
            content.load()
        except BaseException:
            content.close()
            base.close()
            raise
        return StreamHandle(base, content, stored.name)

    def create(self, name: str) -> StreamHandle:
        """An attribute with nothing but its end."""
        raw = raw_name(name)
        known = stored_streams(self._target)
        if fold(name) in known:
            _refuse(errno.EEXIST)
        if len(known) >= MAX_STREAMS or not save(self._target, raw, b"", os.XATTR_CREATE):
            _refuse(errno.ENOSPC)
        return self._open(Stored(name, raw, True, False), True)

    def replace(self, name: str) -> StreamHandle:
        """Emptied where it is; what cannot be made sense of begins anew."""
        stored = self._stored(name)
        try:
            handle = self._open(stored, True)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            if not save(self._target, stored.raw, b""):
                _refuse(errno.ENOSPC)
            remove(self._target, pointer_attribute(stored.raw))
            return self._open(stored, True)
        try:
            handle.truncate(0)
        except BaseException:
            handle.close()
            raise
        return handle

    def remove(self, name: str) -> None:
        """The attribute, or the pointer and then its file."""
        stored = self._stored(name)
        if stored.has_pointer:
            file = pointer(self._target, stored.raw)
            remove(self._target, pointer_attribute(stored.raw))
            if file is not None:
                self._store.remove_of(file, os.stat(self._target).st_ino)
        if stored.in_attribute:
            remove(self._target, data_attribute(stored.raw))

    def rename(self, name: str, to: str) -> None:
        """The new name first, then the old one goes: a crash between them leaves both."""
        raw = raw_name(to)
        known = stored_streams(self._target)
        stored = known.get(fold(name)) or _refuse(errno.ENOENT)
        if fold(to) in known:
            _refuse(errno.EEXIST)
        file = pointer(self._target, stored.raw) if stored.has_pointer else None
        data = load(self._target, stored.raw)
        if file is not None and not data:
            second = self._store.link(file)
            try:
                os.setxattr(self._target, pointer_attribute(raw), second.encode(), os.XATTR_CREATE)
            except BaseException:
                self._store.remove(second)
                raise
            remove(self._target, pointer_attribute(stored.raw))
            self._store.remove_of(file, os.stat(self._target).st_ino)
            remove(self._target, data_attribute(stored.raw))
            return
        if data is None:
            _refuse(errno.ENOENT)
        if not save(self._target, raw, data, os.XATTR_CREATE):
            # No room for both, so the old one has to go first; it is put back should the new one fail.
            remove(self._target, data_attribute(stored.raw))
            try:
                os.setxattr(self._target, data_attribute(raw), data + END, os.XATTR_CREATE)
            except BaseException:
                save(self._target, stored.raw, data)
                raise
            return
        remove(self._target, data_attribute(stored.raw))
