"""What becomes of names on disk: removed, changed, made a second time. No order of steps loses a file."""

import errno
import os
import stat

from smbserver.backend.base import Identity, Located
from smbserver.backend.posix import late_close, stream_attributes
from smbserver.backend.posix.disk_names import LINK_PREFIX, to_disk, to_wire
from smbserver.backend.posix.links import PosixLinks
from smbserver.backend.posix.located import PosixLocated, check_replace, place
from smbserver.backend.posix.name_cache import NameCache
from smbserver.backend.posix.permission import check_remove
from smbserver.backend.posix.resolve import Resolver
from smbserver.backend.posix.syscalls import rename_no_replace
from smbserver.nt.names import Path


class NameChanges:
    """For one volume; errors as `backend.base.Backend` says. `links` is None where symbolic links are not shown."""

    def __init__(self, resolver: Resolver, cache: NameCache) -> None:
        self._resolver = resolver
        self._cache = cache
        self.links: PosixLinks | None = None

    def check_remove(self, path: Path, identity: Identity) -> None:
        """By the directory's permissions and its sticky bit; files that nobody may change (chattr +i) are not seen."""
        parent = self.parent(path)
        try:
            check_remove(parent, lambda: self.entry(parent, path, identity)[1].st_uid)
        finally:
            os.close(parent)

    def remove(self, path: Path, identity: Identity) -> None:
        """Unlink or rmdir, after a look that the name still means this file."""
        parent = self.parent(path)
        try:
            name, state = self.entry(parent, path, identity)
            streams = self._last_streams(parent, name, state)
            before = self._cache.before_change(parent)
            if stat.S_ISDIR(state.st_mode):
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
                self._resolver.nameless.add(state)
            self._cache.after_change(parent, before, removed=name)
            self._remove_streams(streams, state)
        finally:
            os.close(parent)

    def _last_streams(self, parent: int, name: str, state: os.stat_result) -> list[str]:
        """The ids of what is in the store for an entry that is about to go, if it is the file's last name."""
        if not self._resolver.store.is_used or (state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode)):
            return []
        return stream_attributes.pointers(f"/proc/self/fd/{parent}/{name}", follow=False)

    def _remove_streams(self, streams: list[str], state: os.stat_result) -> None:
        for stream in streams:
            self._resolver.store.remove_of(stream, state.st_ino)

    def parent(self, path: Path) -> int:
        """A descriptor of the directory that the name is in. OSError EBUSY for the root."""
        if not path:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))  # the root is not an entry of anything we serve
        return self._resolver.directory(path[:-1])[0]

    def entry(self, parent: int, path: Path, identity: Identity) -> tuple[str, os.stat_result]:
        """The name on disk of a stored path and its own state; OSError ESTALE or ENOENT when it is another file.

        Two names on disk can look alike on the wire; the second look, into the cache, finds the other one.
        """
        wanted = to_disk(path[-1])
        for name in (wanted, None):
            if name is None:
                name = self._cache.find(parent, path[-1])
                if name is None or name == wanted:
                    break
            try:
                state = os.stat(name, dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if self._means(path, state, identity):
                return name, state
        os.stat(wanted, dir_fd=parent, follow_symlinks=False)  # ENOENT when that is the reason
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def _means(self, path: Path, state: os.stat_result, identity: Identity) -> bool:
        """Whether an entry, or what it leads to as a symbolic link where they are followed, is the file."""
        if not stat.S_ISLNK(state.st_mode) or self.links is not None:
            return (state.st_dev, state.st_ino) == identity
        target = self._resolver.follow(path)
        if target is None:
            return False
        try:
            reached = os.fstat(target)
        finally:
            os.close(target)
        return (reached.st_dev, reached.st_ino) == identity

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """Rename; atomically refusing or replacing what stands at the target."""
        target = place(target)
        parent = self.parent(path)
        try:
            name, state = self.entry(parent, path, identity)
            if target.identity is not None and target.identity != identity:
                check_replace(target, replace)
            if self.links is not None:
                self.links.check_move(parent, name, state, path, target.path)
            replaced, streams = self._replaced_streams(target, identity)
            before_source = self._cache.before_change(parent)
            before_target = self._cache.before_change(target.parent)
            moved = self._move(parent, name, identity, target, replace)
            if replaced is not None:
                self._remove_streams(streams, replaced)
            self._cache.after_change(parent, before_source, removed=name)
            self._cache.after_change(target.parent, before_target, added=moved)
        finally:
            os.close(parent)
        return (*target.path[:-1], to_wire(moved) or target.path[-1])

    def _replaced_streams(self, target: PosixLocated, identity: Identity) -> tuple[os.stat_result | None, list[str]]:
        """As `_last_streams`, of a file that another one is about to replace."""
        if not self._resolver.store.is_used or target.identity in (None, identity):
            return None, []
        state = os.stat(target.name, dir_fd=target.parent, follow_symlinks=False)
        return state, self._last_streams(target.parent, target.name, state)

    def _move(self, parent: int, name: str, identity: Identity, target: PosixLocated, replace: bool) -> str:
        """The rename itself, in an order in which a failure loses no file. Returns the new name on disk."""
        directory, taken = target.parent, target.name
        if target.identity is None:
            if replace:
                os.rename(name, target.wanted, src_dir_fd=parent, dst_dir_fd=directory)
            else:
                self.rename_to_free(parent, name, directory, target.wanted)
            return target.wanted
        if taken == name and os.path.samestat(os.fstat(parent), os.fstat(directory)):
            if taken != target.wanted:
                self.rename_to_free(parent, name, directory, target.wanted)
            return target.wanted
        if target.identity == identity and target.target < 0:
            # Another link of the same file: rename(2) would leave both, and a symbolic link would destroy what it
            # leads to. [MS-FSA] 2.1.5.15.12 removes the source's name.
            state = os.stat(taken, dir_fd=directory, follow_symlinks=False)
            if (state.st_dev, state.st_ino) != identity:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            os.unlink(name, dir_fd=parent)
        else:
            _replace(name, parent, taken, directory)
        return self._respell(target)

    def _respell(self, target: PosixLocated) -> str:
        """Give what now stands at `target` the wanted spelling; it is no reason to fail if that cannot be done."""
        if target.name != target.wanted:
            try:
                self.rename_to_free(target.parent, target.name, target.parent, target.wanted)
            except OSError:
                return target.name
        return target.wanted

    def rename_to_free(self, source: int, name: str, directory: int, wanted: str) -> None:
        """From directory to directory, unless the wanted name is taken (OSError EEXIST)."""
        try:
            rename_no_replace(source, os.fsencode(name), directory, os.fsencode(wanted))
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EINVAL):
                raise
            # No atomic form here: the lookup saw no such name; a local program can still slip in between.
            os.rename(name, wanted, src_dir_fd=source, dst_dir_fd=directory)

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """Make a hard link."""
        target = place(target)
        parent = self.parent(path)
        try:
            name, state = self.entry(parent, path, identity)
            if stat.S_ISDIR(state.st_mode):
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            if target.identity is not None:
                check_replace(target, replace)
                if target.identity == identity:
                    return
            if self.links is not None:
                self.links.check_move(parent, name, state, path, target.path)
            before = self._cache.before_change(target.parent)
            if target.identity is None:
                os.link(name, target.wanted, src_dir_fd=parent, dst_dir_fd=target.parent, follow_symlinks=False)
                added = target.wanted
            else:
                # Beside it first and then over it, so that a failure leaves what was there.
                replaced, streams = self._replaced_streams(target, identity)
                beside = f"{LINK_PREFIX}{os.getpid()}-{state.st_ino:x}"
                os.link(name, beside, src_dir_fd=parent, dst_dir_fd=target.parent, follow_symlinks=False)
                try:
                    _replace(beside, target.parent, target.name, target.parent)
                except BaseException:
                    os.unlink(beside, dir_fd=target.parent)
                    raise
                added = self._respell(target)
                if replaced is not None:
                    self._remove_streams(streams, replaced)
            self._cache.after_change(target.parent, before, added=added)
        finally:
            os.close(parent)


def _replace(name: str, source: int, taken: str, directory: int) -> None:
    """Rename onto a file; if that is a large one, a thread frees its blocks."""
    held = late_close.hold(taken, directory)
    try:
        os.rename(name, taken, src_dir_fd=source, dst_dir_fd=directory)
    finally:
        if held >= 0:
            late_close.close(held)
