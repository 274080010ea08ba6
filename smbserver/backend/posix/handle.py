"""An open file or directory of the POSIX backend: everything works on its descriptor."""

import contextlib
import errno
import fcntl
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from smbserver.backend.apple_streams import AppleStreams
from smbserver.backend.base import Identity, LockMirror, Ranges, Streams, Version
from smbserver.backend.posix import attribute_list, dos_attributes, extended_attributes, file_ioctls, inode, kept_times
from smbserver.backend.posix.dos_attributes import DosAttributes
from smbserver.backend.posix.facts import metadata_of, ownership_of
from smbserver.backend.posix.kept_times import KeptTimes
from smbserver.backend.posix.link_handle import link_metadata
from smbserver.backend.posix.lock_mirror import PosixLockMirror
from smbserver.backend.posix.page_cache import is_cached
from smbserver.backend.posix.ranges import PosixRanges
from smbserver.backend.posix.resolve import Resolver
from smbserver.backend.posix.scan import scan_directory
from smbserver.backend.posix.stored_acl import AclStore
from smbserver.backend.posix.streams import PosixStreams
from smbserver.backend.posix.uncleared import uncleared
from smbserver.nt import attributes
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.filetime import to_unix_ns
from smbserver.nt.metadata import Metadata, Ownership
from smbserver.nt.names import Path

log = logging.getLogger(__name__)

T = TypeVar("T")

_NOWAIT: Final[int] = getattr(os, "RWF_NOWAIT", 0)
_OWN_BUFFER_FROM: Final = 32 * 1024  # from here on a buffer that can be sealed in place is worth it
_ANY_WRITE: Final = 0o222
_PERMISSIONS: Final = 0o777
_NOTHING_LOST: Final = (errno.EBADF, errno.EINTR, errno.EINVAL, errno.EROFS)  # of fsync: it was not done at all
_O_NOATIME: Final[int] = getattr(os, "O_NOATIME", 0)
_HOLDS_ACCESS: Final = 1
_HOLDS_WRITE: Final = 2
_HOLDS_CHANGE: Final = 4
_STAMP_TRIES: Final = 4  # to store a change time: the second fits unless the machine stands still meanwhile
# What a file system without room for attributes would lose; ARCHIVE alone is not worth an error.
_WORTH_STORING: Final = attributes.READONLY | attributes.HIDDEN | attributes.SYSTEM


class PosixHandle:
    """See `backend.base.Handle`. `path_only`: an O_PATH descriptor, for a file we may look at but not read."""

    __slots__ = (
        "_acls",
        "_fd",
        "_held",
        "_lost",
        "_nowait",
        "_path",
        "_resolver",
        "_root_device",
        "_seen",
        "_shown",
        "_stored",
        "_target",
        "identity",
        "is_directory",
    )

    def __init__(
        self,
        fd: int,
        identity: Identity,
        is_directory: bool,
        path: Path,
        resolver: Resolver,
        root_device: int,
        path_only: bool,
        acls: AclStore,
    ) -> None:
        self._fd = fd
        self._acls = acls
        self.identity = identity
        self.is_directory = is_directory
        self._path = path
        self._resolver = resolver
        self._root_device = root_device
        self._nowait = _NOWAIT != 0
        self._lost = 0  # errno of the sync that failed
        self._held = 0  # the times that stay when something is done through this handle
        self._shown: Metadata | None = None  # the last, made of the two below
        self._seen = b""  # see `inode`
        self._stored: bytes | None = None  # see `dos_attributes`
        # Calls that an O_PATH descriptor refuses work through its entry in /proc.
        self._target: int | str = f"/proc/self/fd/{fd}" if path_only else fd

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """Cached bytes, or None when a disk would have to be waited for."""
        if not self._nowait:
            return self.read_blocking(length, offset)
        buffer = uncleared(length)
        count = self._read_cached(buffer, offset)
        if count is None:
            return None
        if count < length:
            if offset + count < os.fstat(self._fd).st_size:
                return None  # the rest is not in the cache
            del buffer[count:]
        return buffer

    def _read_cached(self, buffer: bytearray | memoryview, offset: int) -> int | None:
        """How many bytes were read; None when the first of them is on a disk."""
        if self._nowait:
            try:
                return os.preadv(self._fd, [buffer], offset, _NOWAIT)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                self._nowait = False  # a file system that cannot say; those known are memory or remote
        return os.preadv(self._fd, [buffer], offset)

    def read_between(self, front: int, length: int, offset: int, behind: int) -> bytearray | None:
        """All of the `length` bytes, in a buffer with room around them whose content is anything.

        None, and another call must settle it, when a disk would have to be waited for or the file ends within. May be
        called in a thread while the loop reads as well.
        """
        buffer = uncleared(front + length + behind)
        count = self._read_cached(memoryview(buffer)[front : front + length], offset)
        return buffer if count == length else None

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """By what the page cache holds now; the kernel may still throw a page out before it is sent."""
        length = min(length, os.fstat(self._fd).st_size - offset)
        if length <= 0 or not is_cached(self._fd, offset, length):
            return None
        return self._fd, length

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """Bytes, however long the disk takes."""
        if length < _OWN_BUFFER_FROM:
            return os.pread(self._fd, length, offset)
        buffer = uncleared(length)
        count = os.preadv(self._fd, [buffer], offset)
        if count < length:
            del buffer[count:]
        return buffer

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """All of the data; a short write goes on until the error that caused it shows itself."""
        if self._held:
            self.holding(partial(self._write, data, offset))
        else:
            self._write(data, offset)

    def _write(self, data: memoryview | bytes, offset: int) -> None:
        count = os.pwrite(self._fd, data, offset)
        while count < len(data):
            if count == 0:  # no file system does that; if one does, it must not hold the loop for ever
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            data = memoryview(data)[count:]
            offset += count
            count = os.pwrite(self._fd, data, offset)

    @property
    def is_on_descriptor(self) -> bool:
        """Whether read and write need nothing but the descriptor: no times put back, no attribute of the file."""
        return not self._held

    def holding(self, change: Callable[[], T]) -> T:
        """Do something to the file and put the held times back."""
        if not self._held:
            return change()
        before = self.metadata()
        result = change()
        write_time = before.last_write_time if self._held & _HOLDS_WRITE else None
        change_time = before.change_time if self._held & _HOLDS_CHANGE else None
        try:
            self.set_times(None, None, write_time, change_time)
        except PermissionError:  # not the owner: what was to be done is done, and the times are not ours to set
            log.info("held times are lost: only the file's owner may put them back")
            self._held = 0
        return result

    def truncate(self, size: int) -> None:
        """Set the end of the file."""
        self.holding(lambda: os.ftruncate(self._fd, size))

    def allocate(self, size: int) -> None:
        """Reserve blocks where the file system can; where it cannot, writing will find out."""
        if size:
            self.holding(lambda: self._allocate(size))

    def _allocate(self, size: int) -> None:
        before = os.fstat(self._fd)
        try:
            file_ioctls.fallocate(self._fd, file_ioctls.FALLOC_FL_KEEP_SIZE, 0, size)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return
        if os.fstat(self._fd).st_mtime_ns != before.st_mtime_ns:
            # To Linux that is a modification, to [MS-FSA] 2.1.5.15.1 a change; only an owner can set it right.
            with contextlib.suppress(PermissionError):
                os.utime(self._fd, ns=(before.st_atime_ns, before.st_mtime_ns))

    def sync(self) -> None:
        """fsync. Linux tells a failed write-back once and takes the data for written then: this goes on telling it."""
        if self._fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # fsync(-1) is a ValueError in Python
        if self._lost:
            raise OSError(self._lost, os.strerror(self._lost))
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno is not None and error.errno not in _NOTHING_LOST:
                self._lost = error.errno
            raise

    def metadata(self) -> Metadata:
        """The kernel is asked each time; what it says again, and so the stored attributes, is not computed again."""
        seen = inode.look_at(self._fd)
        # What was there is read at once; a list tells first where it would most likely be asked for in vain.
        names = attribute_list.of_target(self._target) if self._stored is None else None
        stored = None if names == b"" else dos_attributes.read(self._target, True, names)
        if self._shown is not None and seen == self._seen and stored == self._stored:
            return self._shown
        is_hidden = bool(self._path) and self._resolver.hidden.hides(self._path[-1])
        shown = metadata_of(seen, dos_attributes.decode(stored), self._root_device, is_hidden)
        self.remember(seen, stored, shown)
        return shown

    def remember(self, seen: bytes, stored: bytes | None, shown: Metadata | None) -> None:
        """What was made of these bytes, of the inode and of the stored attributes; None if nothing was."""
        self._seen, self._stored, self._shown = seen, stored, shown

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """Set times; what the file system keeps otherwise or not at all is stored beside the attributes.

        Clients send all times in one request: a file system without room for stored ones still keeps the others.
        """
        state = os.fstat(self._fd)
        dos = dos_attributes.load(self._target)
        before = self._believed(dos, state)
        if change_time is None and self._held & _HOLDS_CHANGE:
            change_time = before.change_time or kept_times.disk_times(state).changed
        created = creation_time or self._created(dos)
        if access_time is not None or write_time is not None:
            accessed = state.st_atime_ns if access_time is None else to_unix_ns(access_time)
            written = state.st_mtime_ns if write_time is None else to_unix_ns(write_time)
            os.utime(self._target, ns=(accessed, written))
            state = os.fstat(self._fd)
        keep = kept_times.to_keep(before, kept_times.disk_times(state), access_time, write_time, change_time)
        if creation_time is not None or keep != (dos.kept or kept_times.NOTHING):
            try:
                self._store(dos.attributes or 0, created, keep)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise

    def _believed(self, dos: DosAttributes, state: os.stat_result) -> KeptTimes:
        if dos.kept is None:
            return kept_times.NOTHING
        return kept_times.believed(dos.kept, kept_times.disk_times(state))

    def _created(self, dos: DosAttributes) -> int:
        return dos.creation_time or self.metadata().creation_time

    def _store(self, flags: int, creation_time: int, keep: KeptTimes) -> None:
        """Store, and when a change time is among it until the stamp is what the file system shows."""
        for _ in range(_STAMP_TRIES):
            dos_attributes.store(self._target, flags, creation_time, keep)
            if not keep.change_time:
                return
            changed = kept_times.disk_times(os.fstat(self._fd)).changed
            if 0 <= changed - keep.stamp <= kept_times.TOLERANCE:
                return
            keep = keep._replace(stamp=changed)
        log.warning("a change time was set and is not kept: the file's own moved %d times", _STAMP_TRIES)

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """Write and change time are put back after a change; the access time the kernel leaves alone by itself."""
        held = access * _HOLDS_ACCESS | write * _HOLDS_WRITE | change * _HOLDS_CHANGE
        if (held ^ self._held) & _HOLDS_ACCESS and self._target == self._fd:
            flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~_O_NOATIME
            try:
                fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | (_O_NOATIME if access else 0))
            except PermissionError:
                pass  # not the file's owner: then nobody can keep the kernel from it, nor put it back
        self._held = held

    def set_attributes(self, wanted: int) -> None:
        """Store attributes beside the creation time. To take READONLY away makes the file writable for its owner."""
        state = os.fstat(self._fd)
        dos = dos_attributes.load(self._target)
        before = self._believed(dos, state)
        disk = kept_times.disk_times(state)
        change_time = before.change_time or disk.changed if self._held & _HOLDS_CHANGE else None
        created = self._created(dos)
        if not stat.S_ISDIR(state.st_mode) and not state.st_mode & _ANY_WRITE and not wanted & attributes.READONLY:
            # The mode says READONLY too, and would go on saying it.
            descriptor = self.descriptor()
            os.chmod(self._target, stat.S_IMODE(state.st_mode) | stat.S_IWUSR)
            if descriptor is not None:
                self.set_descriptor(descriptor)  # it is believed beside the mode it was stored with
        unsettable = (dos.attributes or 0) & ~attributes.SETTABLE
        try:
            keep = kept_times.to_keep(before, disk, None, None, change_time)
            self._store(unsettable | wanted & attributes.SETTABLE, created, keep)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP or wanted & _WORTH_STORING:
                raise

    def mark_changed(self) -> None:
        """In the stored attributes; a local program's file has them from now on."""
        self.mark(attributes.ARCHIVE, True)

    def mark(self, attribute: int, is_set: bool) -> None:
        """Store ARCHIVE or one of `nt.attributes.KEPT`, or remove it. OSError where there is no room for attributes."""
        state = os.fstat(self._fd)
        dos = dos_attributes.load(self._target)
        stored = dos.attributes or 0
        if bool(stored & attribute) == is_set:
            return
        before, disk = self._believed(dos, state), kept_times.disk_times(state)
        change_time = before.change_time or disk.changed if self._held & _HOLDS_CHANGE else None
        keep = kept_times.to_keep(before, disk, None, None, change_time)
        self._store(stored ^ attribute, self._created(dos), keep)

    def get_eas(self) -> list[Ea]:
        """The attributes of `user.` that are not ours."""
        return extended_attributes.load(self._attributes())

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """One after the other, and back when one fails."""
        extended_attributes.store(self._attributes(), changes)

    def ea_size(self) -> int:
        """One system call where there are no EAs."""
        return extended_attributes.size(self._attributes())

    def _attributes(self) -> int | str:
        """Where they are; a descriptor of -1 would be the current directory to Python."""
        if self._fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._target

    def descriptor(self) -> Descriptor | None:
        """See `stored_acl`."""
        return self._acls.load(self._target, os.fstat(self._fd))

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """See `stored_acl`."""
        self._acls.store(self._target, os.fstat(self._fd), descriptor)

    def ownership(self) -> Ownership:
        """From the file's inode."""
        return ownership_of(inode.look_at(self._fd))

    def set_mode(self, mode: int) -> None:
        """fchmod; bits beyond the permissions stay as they are."""
        kept = stat.S_IMODE(os.fstat(self._fd).st_mode) & ~_PERMISSIONS
        os.chmod(self._target, kept | mode & _PERMISSIONS)

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """Stream the directory; what cannot be shown (devices, links to outside, unmappable names) is left out."""
        return scan_directory(self._fd, self._first_entries, self._entry_metadata, owned)

    def _first_entries(self, owned: bool) -> tuple[Metadata, Metadata]:
        own = self.metadata()
        if owned:
            own = own.copy()
            own.owner = self.ownership()
        return own, self._parent_metadata(owned) if self._path else own

    def _entry_metadata(self, entry: "os.DirEntry[str]", wire: str, fd: int, owned: bool) -> Metadata | None:
        name = inode.entry_name(entry.name)
        found = inode.look(fd, name)
        if found is None:
            return None  # removed while we list
        hidden = self._resolver.hidden.hides(wire)
        kind = inode.kind(found)
        meta: Metadata | None
        if kind == inode.FILE or kind == inode.DIRECTORY:
            names = attribute_list.of_entry(fd, name)
            if names == b"":  # as of most that no client made
                meta = metadata_of(found, dos_attributes.NONE, self._root_device, hidden)
            else:
                stored = dos_attributes.read_entry(fd, name, names or b"")
                meta = self._listed(found, hidden, f"/proc/self/fd/{fd}/{entry.name}", False, names, stored)
        elif kind != inode.LINK:
            return None
        elif self._resolver.shows_links:
            meta = link_metadata(self._resolver, fd, entry.name, (*self._path, wire), found, self._root_device)
        else:
            return self._followed((*self._path, wire), hidden, owned)
        if owned and meta is not None:
            meta.owner = ownership_of(found)
        return meta

    def _followed(self, path: Path, hidden: bool, owned: bool) -> Metadata | None:
        """What a listing tells of a symbolic link: the file that it leads to."""
        target = self._resolver.follow(path)
        if target is None:
            return None
        try:
            found = inode.look_at(target)
            if inode.kind(found) not in (inode.FILE, inode.DIRECTORY):
                return None
            place = f"/proc/self/fd/{target}"
            names = attribute_list.of_target(place)
            stored = dos_attributes.read(place, True, names or b"")
            meta = self._listed(found, hidden, place, True, names, stored)
            if owned:
                meta.owner = ownership_of(found)
            return meta
        finally:
            os.close(target)

    def _listed(
        self, found: bytes, hidden: bool, path: str, follow: bool, names: bytes | None, stored: bytes | None
    ) -> Metadata:
        """What a listing tells of a file with attributes. What they are worth as EAs is asked by its path."""
        meta = metadata_of(found, dos_attributes.decode(stored), self._root_device, hidden)
        if not names or names == dos_attributes.ALONE:
            return meta
        all_names = attribute_list.texts(names)
        if extended_attributes.has_eas(all_names):
            meta.ea_size = extended_attributes.listed_size(path, all_names, follow)
        return meta

    def _parent_metadata(self, owned: bool) -> Metadata:
        found = inode.look(self._fd, b"..")
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        dos = dos_attributes.load(f"/proc/self/fd/{self._fd}/..")
        meta = metadata_of(found, dos, self._root_device, False)
        if owned:
            meta.owner = ownership_of(found)
        return meta

    def is_empty(self) -> bool:
        """True when the directory has no entry at all, shown or not."""
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            with os.scandir(fd) as entries:
                return next(entries, None) is None
        finally:
            os.close(fd)

    def lock_mirror(self) -> LockMirror | None:
        """By way of the descriptor: the name may belong to another file by now."""
        return PosixLockMirror(self._fd)

    def version(self, again: bool) -> Version | None:
        """By the inode, as far as this host knows it: a server of files that hangs holds nobody up."""
        if not again:
            return (*inode.version(self._seen), None) if self._seen else None
        found = inode.look_at(self._fd, asks=False)
        try:
            path = os.readlink(f"/proc/self/fd/{self._fd}")
        except OSError:  # no /proc, or a path that is too long
            return (*inode.version(found), None)
        return (*inode.version(found), path)

    def ranges(self) -> Ranges:
        """On the same descriptor."""
        return PosixRanges(self, self._fd)

    def streams(self) -> Streams:
        """In the attributes of the file."""
        stored = PosixStreams(self, self._target, self._resolver.store)
        return stored if self._resolver.plain_streams else AppleStreams(stored)

    @property
    def target(self) -> int | str:
        """What calls on the file take, as long as the handle is open: the descriptor, or its name in /proc."""
        return self._target

    def duplicate(self) -> "PosixHandle":
        """A further handle of the same file."""
        return self._another(os.dup(self._fd), self._path, self._target != self._fd)

    def beside(self, fd: int) -> "PosixHandle":
        """A handle of a file that the server keeps for this one; it takes the descriptor over."""
        return self._another(fd, (), False)

    def _another(self, fd: int, path: Path, path_only: bool) -> "PosixHandle":
        try:
            state = os.fstat(fd)
        except BaseException:
            os.close(fd)
            raise
        identity, is_directory = (state.st_dev, state.st_ino), stat.S_ISDIR(state.st_mode)
        return PosixHandle(fd, identity, is_directory, path, self._resolver, self._root_device, path_only, self._acls)

    def close(self) -> None:
        """Close the descriptor."""
        fd, self._fd = self._fd, -1
        self._target = -1  # the number, and its name in /proc, soon belong to another file
        if fd < 0:
            return
        nameless = self._resolver.nameless
        if nameless.files:
            nameless.close(fd, self.identity)
        else:
            os.close(fd)
