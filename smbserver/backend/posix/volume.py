"""The POSIX backend: locate, open, create, remove, rename below one root directory."""

import errno
import os
import stat
import zlib
from typing import Final

from smbserver.backend.base import Located
from smbserver.backend.posix import dos_attributes
from smbserver.backend.posix.disk_names import to_disk, to_wire
from smbserver.backend.posix.facts import metadata_of
from smbserver.backend.posix.handle import PosixHandle
from smbserver.backend.posix.name_cache import NameCache
from smbserver.backend.posix.resolve import NOT_THERE, Resolver
from smbserver.backend.posix.syscalls import rename_no_replace
from smbserver.errors import StatusError
from smbserver.nt import attributes as attrs
from smbserver.nt import status
from smbserver.nt.filetime import from_unix_ns
from smbserver.nt.metadata import Metadata, VolumeSpace
from smbserver.nt.names import Path

Identity = tuple[int, int]

# O_NONBLOCK: should a FIFO take the file's place between look and open, the open must not hang.
_COMMON: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_O_PATH: Final = getattr(os, "O_PATH", 0)
FILE_MODE: Final = 0o666  # the process's umask takes from it
DIRECTORY_MODE: Final = 0o777


class PosixLocated:
    """See `backend.base.Located`. `name` is the name on disk, `wanted` how the client spelled it (on disk)."""

    __slots__ = ("identity", "is_root", "metadata", "name", "parent", "path", "target", "wanted")

    def __init__(self, parent: int, path: Path, name: str, wanted: str) -> None:
        self.parent = parent
        self.path = path
        self.name = name
        self.wanted = wanted
        self.is_root = not path
        self.identity: Identity | None = None
        self.metadata: Metadata | None = None
        self.target = -1  # O_PATH descriptor of what a symbolic link leads to

    def close(self) -> None:
        """Close the descriptors of the lookup."""
        os.close(self.parent)
        if self.target >= 0:
            os.close(self.target)


class PosixBackend:
    """See `backend.base.Backend`. Raises OSError when the root cannot be opened."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        state = os.fstat(self._root)
        self._device = state.st_dev
        self._cache = NameCache()
        self._resolver = Resolver(self._root, self._cache)
        self._created = from_unix_ns(min(state.st_mtime_ns, state.st_ctime_ns))
        self._serial = zlib.crc32(f"{state.st_dev}:{state.st_ino}".encode())

    @property
    def serial_number(self) -> int:
        """Made of the root's device and inode."""
        return self._serial

    @property
    def creation_time(self) -> int:
        """The root directory's."""
        return self._created

    def locate(self, path: Path) -> PosixLocated:
        """One fstatat when the spelling is exact; a look into the name cache when not."""
        if not path:
            located = PosixLocated(os.dup(self._root), path, ".", ".")
            self._describe(located, os.fstat(self._root))
            return located
        wire = path[-1]
        wanted = to_disk(wire)
        parent, above = self._resolver.directory(path[:-1])
        located = PosixLocated(parent, (*above, wire), wanted, wanted)
        try:
            state = self._look(located, wire)
            if state is not None and stat.S_ISLNK(state.st_mode):
                state = self._follow(located)
            if state is not None:
                self._describe(located, state)
        except BaseException:
            located.close()
            raise
        return located

    def _look(self, located: PosixLocated, wire: str) -> os.stat_result | None:
        try:
            return os.stat(located.name, dir_fd=located.parent, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise
        spelled = self._cache.find(located.parent, wire)
        if spelled is None or spelled == located.name:
            return None
        try:
            state = os.stat(spelled, dir_fd=located.parent, follow_symlinks=False)
        except FileNotFoundError:
            return None
        located.name = spelled
        located.path = (*located.path[:-1], to_wire(spelled) or wire)
        return state

    def _follow(self, located: PosixLocated) -> os.stat_result | None:
        target = self._resolver.follow(located.path)
        if target is None:
            return None  # dangling or outward: as if absent; creating it fails, for the name is taken
        located.target = target
        return os.fstat(target)

    def _describe(self, located: PosixLocated, state: os.stat_result) -> None:
        if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
            raise StatusError(status.ACCESS_DENIED)  # devices, FIFOs and sockets are not files to a client
        located.identity = (state.st_dev, state.st_ino)
        hidden = not located.is_root and located.name.startswith(".")
        if located.target >= 0:
            dos = dos_attributes.load(f"/proc/self/fd/{located.target}")
        elif located.is_root:
            dos = dos_attributes.load(self._root)
        else:
            dos = dos_attributes.load(f"/proc/self/fd/{located.parent}/{located.name}", follow=False)
        located.metadata = metadata_of(state, dos, self._device, hidden)

    def open(self, located: Located, read: bool, write: bool) -> PosixHandle:
        """Open and make sure that it is still what was located (OSError ESTALE otherwise)."""
        assert isinstance(located, PosixLocated)
        assert located.metadata is not None
        is_directory = located.metadata.is_directory
        fd, path_only = self._open_descriptor(located, is_directory, read, write)
        try:
            state = os.fstat(fd)
            if (state.st_dev, state.st_ino) != located.identity:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        except BaseException:
            os.close(fd)
            raise
        return PosixHandle(fd, state, is_directory, located.path, self._resolver, self._device, path_only)

    def _open_descriptor(self, located: PosixLocated, is_directory: bool, read: bool, write: bool) -> tuple[int, bool]:
        if is_directory:
            attempts = [os.O_RDONLY | os.O_DIRECTORY]
        elif write:
            attempts = [os.O_RDWR] if read else [os.O_RDWR, os.O_WRONLY]
        else:
            attempts = [os.O_RDONLY]
        if not read and not write and _O_PATH:
            attempts.append(_O_PATH)  # looking at attributes needs no right to read the data
        for flags in attempts:
            try:
                if located.target >= 0:
                    fd = os.open(f"/proc/self/fd/{located.target}", flags | _COMMON & ~os.O_NOFOLLOW)
                else:
                    fd = os.open(located.name, flags | _COMMON, dir_fd=located.parent)
            except PermissionError:
                if flags == attempts[-1]:
                    raise
            else:
                return fd, bool(_O_PATH) and flags == _O_PATH
        raise AssertionError("the last attempt returns or raises")

    def create_file(self, located: Located, attributes: int, creation_time: int) -> PosixHandle:
        """Make the file; its attributes and creation time are stored where the file system has room for them."""
        assert isinstance(located, PosixLocated)
        before = self._cache.before_change(located.parent)
        fd = os.open(located.wanted, os.O_RDWR | os.O_CREAT | os.O_EXCL | _COMMON, FILE_MODE, dir_fd=located.parent)
        try:
            self._cache.after_change(located.parent, before, added=located.wanted)
            return self._made(fd, located, False, attributes, creation_time)
        except BaseException:
            os.close(fd)
            raise

    def create_directory(self, located: Located, attributes: int, creation_time: int) -> PosixHandle:
        """Make the directory and open it."""
        assert isinstance(located, PosixLocated)
        before = self._cache.before_change(located.parent)
        os.mkdir(located.wanted, DIRECTORY_MODE, dir_fd=located.parent)
        self._cache.after_change(located.parent, before, added=located.wanted)
        fd = os.open(located.wanted, os.O_RDONLY | os.O_DIRECTORY | _COMMON, dir_fd=located.parent)
        try:
            return self._made(fd, located, True, attributes, creation_time)
        except BaseException:
            os.close(fd)
            raise

    def _made(
        self, fd: int, located: PosixLocated, is_directory: bool, attributes: int, creation_time: int
    ) -> PosixHandle:
        try:
            dos_attributes.store(fd, attributes & attrs.SETTABLE, creation_time)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EPERM, errno.ENOSPC):
                raise
        state = os.fstat(fd)
        return PosixHandle(fd, state, is_directory, located.path, self._resolver, self._device, False)

    def remove(self, path: Path, identity: Identity) -> None:
        """Unlink or rmdir, after a look that the name still means this file."""
        name = to_disk(path[-1])
        parent, _ = self._resolver.directory(path[:-1])
        try:
            is_directory = self._check_identity(parent, path, name, identity)
            before = self._cache.before_change(parent)
            if is_directory:
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
            self._cache.after_change(parent, before, removed=name)
        finally:
            os.close(parent)

    def _check_identity(self, parent: int, path: Path, name: str, identity: Identity) -> bool:
        """Whether the entry is a directory; OSError ESTALE when it is another file than expected."""
        state = os.stat(name, dir_fd=parent, follow_symlinks=False)
        found = (state.st_dev, state.st_ino)
        if stat.S_ISLNK(state.st_mode):
            target = self._resolver.follow(path)
            if target is not None:
                reached = os.fstat(target)
                os.close(target)
                found = (reached.st_dev, reached.st_ino)
        if found != identity:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return stat.S_ISDIR(state.st_mode)

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """Rename; atomically refusing or replacing what stands at the target."""
        assert isinstance(target, PosixLocated)
        name = to_disk(path[-1])
        parent, _ = self._resolver.directory(path[:-1])
        try:
            self._check_identity(parent, path, name, identity)
            before_source = self._cache.before_change(parent)
            before_target = self._cache.before_change(target.parent)
            same_file = target.identity == identity
            if same_file or replace:
                if not same_file and target.identity is not None and target.name != target.wanted:
                    os.unlink(target.name, dir_fd=target.parent)  # replaced under another spelling
                os.rename(name, target.wanted, src_dir_fd=parent, dst_dir_fd=target.parent)
            elif target.identity is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            else:
                self._rename_to_free(parent, name, target)
            self._cache.after_change(parent, before_source, removed=name)
            self._cache.after_change(target.parent, before_target, added=target.wanted)
        finally:
            os.close(parent)
        return (*target.path[:-1], to_wire(target.wanted) or target.path[-1])

    def _rename_to_free(self, parent: int, name: str, target: PosixLocated) -> None:
        try:
            rename_no_replace(parent, os.fsencode(name), target.parent, os.fsencode(target.wanted))
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EINVAL):
                raise
            # No atomic form here: the lookup saw no such name; a local program can still slip in between.
            os.rename(name, target.wanted, src_dir_fd=parent, dst_dir_fd=target.parent)

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """Make a hard link."""
        assert isinstance(target, PosixLocated)
        name = to_disk(path[-1])
        parent, _ = self._resolver.directory(path[:-1])
        try:
            self._check_identity(parent, path, name, identity)
            before = self._cache.before_change(target.parent)
            if replace and target.identity is not None:
                os.unlink(target.name, dir_fd=target.parent)
            os.link(name, target.wanted, src_dir_fd=parent, dst_dir_fd=target.parent, follow_symlinks=False)
            self._cache.after_change(target.parent, before, added=target.wanted)
        finally:
            os.close(parent)

    def space(self) -> VolumeSpace:
        """fstatvfs of the root."""
        state = os.fstatvfs(self._root)
        return VolumeSpace(state.f_frsize, state.f_blocks, state.f_bavail, state.f_bfree)

    def close(self) -> None:
        """Close the root."""
        os.close(self._root)
