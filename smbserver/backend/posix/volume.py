"""The POSIX backend: locate, open and create below one root directory."""

import errno
import os
import zlib
from contextlib import AbstractContextManager
from typing import Final

from smbserver.backend.base import Handle, Located, Symlinks
from smbserver.backend.posix import (
    attribute_list,
    dos_attributes,
    extended_attributes,
    file_ioctls,
    inode,
    stream_attributes,
)
from smbserver.backend.posix.creation import DIRECTORY_MODE, FILE_MODE, Creation, first_mode, settle_mode, with_mode
from smbserver.backend.posix.disk_names import to_disk, to_wire
from smbserver.backend.posix.facts import metadata_of
from smbserver.backend.posix.features import volume_features
from smbserver.backend.posix.handle import PosixHandle
from smbserver.backend.posix.link_handle import link_metadata
from smbserver.backend.posix.links import PosixLinks
from smbserver.backend.posix.located import PosixLocated, free_place
from smbserver.backend.posix.look_ahead import look_ahead, look_at_entries
from smbserver.backend.posix.name_cache import NameCache
from smbserver.backend.posix.name_changes import NameChanges
from smbserver.backend.posix.resolve import Resolver
from smbserver.backend.posix.stored_acl import AclStore
from smbserver.errors import StatusError
from smbserver.nt import attributes as attrs
from smbserver.nt import status
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.filetime import from_unix_ns
from smbserver.nt.hidden_names import HiddenNames
from smbserver.nt.metadata import VolumeFeatures, VolumeSpace
from smbserver.nt.names import Path

Identity = tuple[int, int]

# O_NONBLOCK: should a FIFO take the file's place between look and open, the open must not hang.
_COMMON: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_O_PATH: Final = getattr(os, "O_PATH", 0)
TUNNEL_NS: Final = 15 * 1_000_000_000  # [MS-FSA] 2.1.1.2
# A file is worth more than its attributes: these do not keep it from being made.
_NO_ROOM_FOR_ATTRIBUTES: Final = frozenset(
    {errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.E2BIG, errno.ENOSYS}
)


class PosixBackend:
    """See `backend.base.Backend`. Raises OSError when the root cannot be opened.

    `kernel_walk` False does without openat2 even where there is one, as on an old kernel: links then lead nowhere.
    `hidden` says which names are hidden; `creation` the modes of what is made. `many_users`: threads act as different
    users here, who may not learn from each other's lookups; `own_rights` is then entered for the store of streams.
    `plain_streams`: those of Apple's clients have no rules of their own.
    """

    read_only = False
    posix_semantics = True  # by case as far as the file system below tells case

    def __init__(
        self,
        root: str | os.PathLike[str],
        kernel_walk: bool = True,
        creation: Creation | None = None,
        many_users: bool = False,
        own_rights: AbstractContextManager[object] | None = None,
        hidden: HiddenNames | None = None,
        symlinks: Symlinks = Symlinks.INSIDE,
        plain_streams: bool = False,
    ) -> None:
        if symlinks is Symlinks.SHOWN and not _O_PATH:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))  # no system call that opens a link
        self._creation = creation or Creation()
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._place = os.path.abspath(root)
        self._know_root()
        self._cache = NameCache(many_users)
        self._acls = AclStore(self._root)
        self._resolver = Resolver(self._root, self._cache, kernel_walk, hidden or HiddenNames(), symlinks)
        self._resolver.plain_streams = plain_streams
        if own_rights is not None:
            self._resolver.store.acting = own_rights
        self._names = NameChanges(self._resolver, self._cache)
        self._links: PosixLinks | None = None
        if symlinks is Symlinks.SHOWN:
            self._links = PosixLinks(
                self._resolver,
                self._cache,
                lambda: self._device,
                self._creation,
                self._names.parent,
                self._names.entry,
                self._acls,
            )
            self._names.links = self._links

    @property
    def features(self) -> VolumeFeatures:
        """As asked of the root's file system when the root was opened."""
        return self._features

    @property
    def links(self) -> PosixLinks | None:
        """There where the policy shows them."""
        return self._links

    @property
    def has_streams(self) -> bool:
        """Whether the root's file system has attributes for users."""
        return self._has_streams

    @property
    def serial_number(self) -> int:
        """Made of the root's device and inode."""
        return self._serial

    @property
    def supports_eas(self) -> bool:
        """As the root's file system says."""
        return self._supports_eas

    @property
    def creation_time(self) -> int:
        """The root directory's."""
        return self._created

    @property
    def keeps_descriptors(self) -> bool:
        """Where the root has room for extended attributes; another file system mounted below may have none."""
        return self._acls.is_possible

    def hides(self, name: str) -> bool:
        """By the patterns of the share."""
        return self._resolver.hidden.hides(name)

    def locate(self, path: Path, composed: bool = True, exact: bool = False) -> PosixLocated:
        """One look when the spelling is exact; a look into the name cache when not."""
        if not path:
            return self._locate_root()
        wire = path[-1]
        wanted = to_disk(wire)
        parent, above = self._resolver.directory(path[:-1], exact)
        located = PosixLocated(parent, (*above, wire), wanted, wanted, self._acls)
        try:
            found = self._look(located, wire, composed, exact)
            if found is not None:
                self._describe(located, found)
        except BaseException:
            located.close()
            raise
        return located

    def look_ahead(self, path: Path) -> int:
        """With descriptors of its own; of the loop's objects the thread only asks the cache what it knows."""
        return look_ahead(self._root, path, self._cache.knows)

    def look_at_entries(self, path: Path, start: int, count: int) -> int:
        """With descriptors of its own."""
        return look_at_entries(self._root, path, start, count)

    def _locate_root(self) -> PosixLocated:
        located = PosixLocated(os.dup(self._root), (), ".", ".", self._acls)
        try:
            self._describe(located, inode.look_at(located.parent))
        except BaseException:
            located.close()
            raise
        return located

    def _look(self, located: PosixLocated, wire: str, composed: bool, exact: bool) -> bytes | None:
        located.entry = inode.entry_name(located.name)
        found = inode.look(located.parent, located.entry)
        if found is not None:
            return found
        if exact:
            located.exact = True
            return None
        spelled = self._cache.find(located.parent, wire, composed)
        if spelled is None or spelled == located.name:
            return None
        entry = inode.entry_name(spelled)
        found = inode.look(located.parent, entry)
        if found is not None:
            located.name, located.entry = spelled, entry
            located.path = (*located.path[:-1], to_wire(spelled) or wire)
        return found

    def _describe_link(self, located: PosixLocated, found: bytes) -> None:
        """The file that it leads to, or the link itself where links are shown.

        One that dangles or leads outside stays as if absent; creating it fails, for the name is taken.
        """
        if self._links is None:
            target = self._resolver.follow(located.path)
            if target is not None:
                located.target = target
                self._describe(located, inode.look_at(target))
            return
        meta = link_metadata(self._resolver, located.parent, located.name, located.path, found, self._device)
        if meta is not None:
            located.identity = inode.identity(found)
            located.metadata = meta

    def _describe(self, located: PosixLocated, found: bytes) -> None:
        kind = inode.kind(found)
        if kind != inode.FILE and kind != inode.DIRECTORY:
            if kind == inode.LINK and located.target < 0:
                self._describe_link(located, found)
                return
            raise StatusError(status.ACCESS_DENIED)  # devices, FIFOs and sockets are not files to a client
        located.identity = inode.identity(found)
        located.found = found
        if located.follow():
            place = located.place()
            located.names = attribute_list.of_target(place)
            located.stored = dos_attributes.read(place, True, located.names)
        else:
            located.names = attribute_list.of_entry(located.parent, located.entry)
            if located.names != b"":
                located.stored = dos_attributes.read_entry(located.parent, located.entry, located.names)
        hidden = not located.is_root and self._resolver.hidden.hides(located.path[-1])
        located.metadata = metadata_of(found, dos_attributes.decode(located.stored), self._device, hidden)

    def open(self, located: Located, read: bool, write: bool) -> Handle:
        """Open and make sure that it is still what was located (OSError ESTALE otherwise)."""
        assert isinstance(located, PosixLocated)
        assert located.metadata is not None
        assert located.identity is not None
        if located.metadata.reparse_tag:
            return self._open_link(located)
        is_directory = located.metadata.is_directory
        fd, path_only = self._open_descriptor(located, is_directory, read, write)
        try:
            found = inode.look_at(fd)
            is_same = found == located.found
            if not is_same and not _is_still(found, located.identity, is_directory):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        except BaseException:
            os.close(fd)
            raise
        handle = PosixHandle(
            fd, located.identity, is_directory, located.path, self._resolver, self._device, path_only, self._acls
        )
        if is_same:
            handle.remember(found, located.stored, located.metadata)
        return handle

    def _open_link(self, located: PosixLocated) -> Handle:
        assert self._links is not None
        handle = self._links.open(located.parent, located.name, located.path)
        if handle.identity != located.identity:
            handle.close()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return handle

    def _open_descriptor(self, located: PosixLocated, is_directory: bool, read: bool, write: bool) -> tuple[int, bool]:
        if is_directory:
            flags = os.O_RDONLY | os.O_DIRECTORY
        else:
            flags = os.O_RDWR if write else os.O_RDONLY
        try:
            return _open_located(located, flags | _COMMON), False
        except PermissionError:
            if not read and not write and _O_PATH:  # looking at attributes needs no right to read the data
                return _open_located(located, _O_PATH | _COMMON), True
            if write and not read and not is_directory:
                return _open_located(located, os.O_WRONLY | _COMMON), False
            raise

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> PosixHandle:
        """Make the file; its attributes and creation time are stored where the file system has room for them."""
        located = free_place(located)
        is_short = "~" in located.wanted and not located.exact
        gone = self._cache.gone(located.parent, located.path[-1]) if is_short else None
        before = self._cache.before_change(located.parent)
        own = self._creation.for_file(located.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _COMMON
        first = first_mode(own, mode, FILE_MODE)
        fd = os.open(located.wanted, flags, first, dir_fd=located.parent)
        try:
            if own is not None:
                settle_mode(fd, own)
                mode = None
            if gone is not None:
                self._tunnel(located, fd, *gone)
            self._cache.after_change(located.parent, before, added=located.wanted)
            return self._made(fd, located, False, attributes, creation_time, descriptor, mode)
        except BaseException:
            os.close(fd)
            os.unlink(located.wanted, dir_fd=located.parent)  # a refused create leaves nothing
            raise

    def _tunnel(self, located: PosixLocated, fd: int, long: str, gone_ns: int) -> None:
        """Programs save by way of short names: the file made anew is called as before ([MS-FSA] 2.1.5.1.1).

        The disk's own clock says how long ago that was.
        """
        wire = to_wire(long)
        if wire is None or not 0 <= os.fstat(fd).st_mtime_ns - gone_ns <= TUNNEL_NS:
            return
        try:
            self._names.rename_to_free(located.parent, located.wanted, located.parent, long)
        except OSError:
            return  # the name that was asked for is as good
        located.wanted = located.name = long
        located.path = (*located.path[:-1], wire)

    def create_directory(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> PosixHandle:
        """Make the directory and open it."""
        located = free_place(located)
        before = self._cache.before_change(located.parent)
        own = self._creation.for_directory(located.parent)
        os.mkdir(located.wanted, first_mode(own, mode, DIRECTORY_MODE), dir_fd=located.parent)
        try:
            self._cache.after_change(located.parent, before, added=located.wanted)
            fd = os.open(located.wanted, os.O_RDONLY | os.O_DIRECTORY | _COMMON, dir_fd=located.parent)
            try:
                if own is not None:
                    settle_mode(fd, own)
                    mode = None
                return self._made(fd, located, True, attributes, creation_time, descriptor, mode)
            except BaseException:
                os.close(fd)
                raise
        except BaseException:
            os.rmdir(located.wanted, dir_fd=located.parent)
            raise

    def _made(
        self,
        fd: int,
        located: PosixLocated,
        is_directory: bool,
        attributes: int,
        creation_time: int | None,
        descriptor: Descriptor | None,
        mode: int | None,
    ) -> PosixHandle:
        """`mode` is what a client asked for; it comes last, for it may close what is still to be written to."""
        state = os.fstat(fd)
        stored = None
        if creation_time is None:
            creation_time = from_unix_ns(state.st_mtime_ns)
        try:
            kept = attributes & attrs.SETTABLE
            if self._features.compression and file_ioctls.compression_flag(fd):
                kept |= attrs.COMPRESSED  # inherited from the directory
            stored = dos_attributes.store(fd, kept, creation_time)
        except OSError as error:
            if error.errno not in _NO_ROOM_FOR_ATTRIBUTES:
                raise
        if descriptor is not None:
            self._acls.store(fd, state if mode is None else with_mode(state, mode), descriptor)
        if mode is not None:
            settle_mode(fd, mode)
        identity = (state.st_dev, state.st_ino)
        handle = PosixHandle(fd, identity, is_directory, located.path, self._resolver, self._device, False, self._acls)
        handle.remember(b"", stored, None)
        return handle

    def look_again(self) -> None:
        """The descriptor keeps its number, so that whoever has it goes on with the new directory."""
        state = os.stat(self._place)
        if (state.st_dev, state.st_ino) == self._identity:
            return
        found = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.dup2(found, self._root, inheritable=False)
        finally:
            os.close(found)
        self._cache.clear()
        self._resolver.store.look_again()
        self._know_root()
        self._acls.look_again(self._root)

    def _know_root(self) -> None:
        state = os.fstat(self._root)
        self._identity = (state.st_dev, state.st_ino)
        self._device = state.st_dev
        self._created = from_unix_ns(min(state.st_mtime_ns, state.st_ctime_ns))
        self._serial = zlib.crc32(f"{state.st_dev}:{state.st_ino}".encode())
        self._features = volume_features(self._root)
        self._supports_eas = extended_attributes.supported(self._root)
        self._has_streams = stream_attributes.supported(self._root)

    def check_remove(self, path: Path, identity: Identity) -> None:
        """See `NameChanges`."""
        self._names.check_remove(path, identity)

    def remove(self, path: Path, identity: Identity) -> None:
        """See `NameChanges`."""
        self._names.remove(path, identity)

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """See `NameChanges`."""
        return self._names.rename(path, identity, target, replace)

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """See `NameChanges`."""
        self._names.link(path, identity, target, replace)

    def directory(self, path: Path) -> int:
        """A descriptor of a directory, good to look at and to name to the kernel. StatusError, OSError as `locate`."""
        return self._resolver.directory(path)[0]

    def space(self) -> VolumeSpace:
        """fstatvfs of the root."""
        state = os.fstatvfs(self._root)
        return VolumeSpace(state.f_frsize, state.f_blocks, state.f_bavail, state.f_bfree, state.f_files, state.f_ffree)

    def close(self) -> None:
        """Close the root."""
        self._resolver.store.close()
        root, self._root = self._root, -1
        if root >= 0:
            os.close(root)


def _is_still(found: bytes, identity: Identity, is_directory: bool) -> bool:
    """Whether it is this file; a new one of another kind can have its inode number."""
    kind = inode.DIRECTORY if is_directory else inode.FILE
    return inode.kind(found) == kind and inode.identity(found) == identity


def _open_located(located: PosixLocated, flags: int) -> int:
    if located.target >= 0:
        return os.open(f"/proc/self/fd/{located.target}", flags & ~os.O_NOFOLLOW)
    return os.open(located.name, flags, dir_fd=located.parent)
