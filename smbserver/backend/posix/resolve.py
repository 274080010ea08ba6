"""From a client's path to a directory descriptor below the share's root: the only way in.

With openat2 the kernel itself keeps the walk beneath the root and follows symbolic links only where they stay inside,
or not at all where that is the share's policy. Without it every component is opened with O_NOFOLLOW and symbolic links
lead nowhere. No path is ever joined to the text of the root, and what leads outside is answered like what is absent.
"""

import errno
import os
import stat
from typing import Final

from smbserver.backend.base import StoppedOnLink, Symlinks
from smbserver.backend.posix.disk_names import STORE_NAME, to_disk, to_wire
from smbserver.backend.posix.late_close import Nameless
from smbserver.backend.posix.link_text import read_target
from smbserver.backend.posix.name_cache import NameCache
from smbserver.backend.posix.stream_store import StreamStore
from smbserver.backend.posix.syscalls import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, openat2
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.hidden_names import HiddenNames
from smbserver.nt.names import Path

_O_PATH: Final = getattr(os, "O_PATH", os.O_RDONLY)
_DIRECTORY_FLAGS: Final = _O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_ENTRY_FLAGS: Final = _DIRECTORY_FLAGS | os.O_NOFOLLOW
_BENEATH: Final = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV})


class Resolver:
    """Walks below one root descriptor. `hidden` says which names below it are hidden; no walk ends in `store`."""

    def __init__(self, root: int, cache: NameCache, kernel_walk: bool, hidden: HiddenNames, symlinks: Symlinks) -> None:
        self.root = root
        self.hidden = hidden
        self.shows_links = symlinks is Symlinks.SHOWN
        self.plain_streams = False  # streams without the rules of `backend.apple_streams`
        self._follows = symlinks is Symlinks.INSIDE
        self.store = StreamStore(root)
        self.nameless = Nameless()
        self._cache = cache
        self._kernel_walk = kernel_walk and self._probe()

    def _probe(self) -> bool:
        try:
            os.close(openat2(self.root, b".", _DIRECTORY_FLAGS, _BENEATH))
        except OSError:
            return False
        return True

    def _beneath(self, path: str, flags: int, follows: bool) -> int:
        """Open a path whose names were checked; over symbolic links only when there are some, and not into the store.

        The names say nothing of where a link leads, so the kernel is asked where it ended.
        """
        raw = os.fsencode(path)
        try:
            return openat2(self.root, raw, flags, _BENEATH | RESOLVE_NO_SYMLINKS)
        except OSError as error:
            if error.errno != errno.ELOOP or not follows:
                raise
        fd = openat2(self.root, raw, flags, _BENEATH)
        try:
            root, reached = (os.readlink(f"/proc/self/fd/{each}") for each in (self.root, fd))
            if STORE_NAME in reached.removeprefix(root).split("/"):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def directory(self, path: Path, exact: bool = False) -> tuple[int, Path]:
        """(a descriptor the caller closes, the path as stored); no other spelling is tried if `exact`.

        Raises StatusError OBJECT_PATH_NOT_FOUND, StoppedOnLink where links are shown.
        """
        if not path:
            return os.dup(self.root), path
        if len(path) == 1:
            # One name that `to_disk` made, and no link followed: there is nowhere to go but down.
            try:
                return os.open(to_disk(path[0]), _ENTRY_FLAGS, dir_fd=self.root), path
            except OSError as error:
                if error.errno not in NOT_THERE:
                    raise
        disk = [to_disk(name) for name in path]
        if self._kernel_walk:
            try:
                return self._beneath("/".join(disk), _DIRECTORY_FLAGS, self._follows), path
            except OSError as error:
                if error.errno not in NOT_THERE:
                    raise
        return self._walk(path, disk, exact)

    def _walk(self, path: Path, wanted: list[str], exact: bool) -> tuple[int, Path]:
        """Component by component, looking for another spelling where the wanted one is absent."""
        current = os.dup(self.root)
        disk: list[str] = []
        try:
            for wire, name in zip(path, wanted, strict=True):
                following = self._enter(current, disk, name)
                if following is None:
                    spelled = None if exact else self._cache.find(current, wire)
                    following = None if spelled in (None, name) else self._enter(current, disk, spelled or "")
                    if following is None:
                        raise StatusError(status.OBJECT_PATH_NOT_FOUND)
                    name = spelled or name
                os.close(current)
                current = following
                disk.append(name)
        except BaseException:
            os.close(current)
            raise
        return current, tuple(to_wire(name) or name for name in disk)

    def _enter(self, current: int, above: list[str], name: str) -> int | None:
        """The directory `name` in `current` (which is `above` from the root), None when it is not one."""
        try:
            if self._kernel_walk:
                return self._beneath("/".join([*above, name]), _DIRECTORY_FLAGS, self._follows)
            return os.open(name, _ENTRY_FLAGS, dir_fd=current)
        except OSError as error:
            if error.errno in NOT_THERE:
                if self.shows_links:
                    _stop_at_link(current, name, len(above))
                return None
            raise

    def follow(self, path: Path) -> int | None:
        """An O_PATH descriptor of what a symbolic link at `path` (as stored) leads to inside the root, else None."""
        return self._look(path) if self._follows else None

    def _look(self, path: Path) -> int | None:
        if not self._kernel_walk:
            return None
        try:
            return self._beneath("/".join(map(to_disk, path)), _O_PATH | os.O_CLOEXEC, True)
        except OSError as error:
            if error.errno in NOT_THERE:
                return None
            raise

    def leads_to_directory(self, path: Path) -> bool:
        """Whether what is at the end of a link is a directory inside. A look and no way in, whatever the policy."""
        try:
            fd = self._look(path)
        except OSError:  # not ours to look at
            return False
        if fd is None:
            return False
        try:
            return stat.S_ISDIR(os.fstat(fd).st_mode)
        finally:
            os.close(fd)

    def leaves(self, directory: Path, text: str) -> bool:
        """Whether a link with this text, made in a directory, would lead outside by way of another link there is."""
        if not self._kernel_walk:
            return False
        try:
            disk = [*map(to_disk, directory), text]
            os.close(openat2(self.root, os.fsencode("/".join(disk)), _O_PATH | os.O_CLOEXEC, _BENEATH))
        except OSError as error:
            return error.errno == errno.EXDEV
        return False


def _stop_at_link(directory: int, name: str, depth: int) -> None:
    try:
        state = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(state.st_mode):
        target = read_target(directory, name, depth)
        if target is not None:
            raise StoppedOnLink(target, depth + 1)
