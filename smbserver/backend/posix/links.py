"""Symbolic links that clients see and make. No target leads outside, when a link is made and wherever it is moved.

A client could make an inside link an outside one by moving the directory around it up; so a move upwards looks for such
links first. Between that look and the rename no other client's request runs, and local programs may do as they please.
"""

import errno
import logging
import os
import stat
from collections.abc import Callable
from typing import Final

from smbserver.backend.base import Handle, Identity
from smbserver.backend.posix.creation import DIRECTORY_MODE, FILE_MODE, Creation, settle_mode
from smbserver.backend.posix.disk_names import LINK_PREFIX
from smbserver.backend.posix.handle import PosixHandle
from smbserver.backend.posix.link_handle import PosixLinkHandle
from smbserver.backend.posix.link_text import read_target, to_text
from smbserver.backend.posix.name_cache import NameCache
from smbserver.backend.posix.own_attributes import USER
from smbserver.backend.posix.resolve import Resolver
from smbserver.backend.posix.stored_acl import AclStore
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.link_targets import Target, highest, rise
from smbserver.nt.names import Path

log = logging.getLogger(__name__)

MAX_CHECKED: Final = 20_000  # entries looked at before a directory moves up: some 60 ms in which nobody else is served
_O_PATH: Final = getattr(os, "O_PATH", 0)  # without it there is no opening a link, see PosixBackend
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a file may carry and lose when a link takes its place: links have neither attributes nor descriptors.
_MAY_BE_LOST: Final = frozenset({"user.DOSATTRIB", "user.NTACL"})

FindEntry = Callable[[int, Path, Identity], tuple[str, os.stat_result]]


class PosixLinks:
    """See `backend.base.Links`. `device` is the root's, `parent` opens a directory, `entry` finds a name in it."""

    def __init__(
        self,
        resolver: Resolver,
        cache: NameCache,
        device: Callable[[], int],
        creation: Creation,
        parent: Callable[[Path], int],
        entry: FindEntry,
        acls: AclStore,
    ) -> None:
        self._creation = creation
        self._resolver = resolver
        self._cache = cache
        self._device = device
        self._acls = acls
        self._parent = parent
        self._entry = entry

    def target(self, path: Path, identity: Identity) -> Target:
        """One readlink, after a look that the name still means this link."""
        parent = self._parent(path)
        try:
            name, _ = self._entry(parent, path, identity)
            target = read_target(parent, name, len(path) - 1)
        finally:
            os.close(parent)
        if target is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return target

    def make(self, path: Path, identity: Identity, target: Target) -> Handle:
        """The link is made beside the file and renamed over it; a directory goes first."""
        self._check_depth(target, len(path) - 1)
        text = _text(target)
        parent = self._parent(path)
        try:
            name, state = self._entry(parent, path, identity)
            if self._resolver.leaves(path[:-1], text):
                log.info("a link through a link that leads outside was refused: %r", "\\".join(path))
                raise StatusError(status.ACCESS_DENIED)
            _check_empty(parent, name, state)
            beside = f"{LINK_PREFIX}{os.getpid()}-{state.st_ino:x}"
            before = self._cache.before_change(parent)
            os.symlink(text, beside, dir_fd=parent)
            try:
                if stat.S_ISDIR(state.st_mode):
                    _replace_directory(parent, beside, name, stat.S_IMODE(state.st_mode))
                else:
                    os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                os.unlink(beside, dir_fd=parent)
                raise
            self._cache.after_change(parent, before, added=name)
            return self.open(parent, name, path)
        finally:
            os.close(parent)

    def open(self, parent: int, name: str, path: Path) -> PosixLinkHandle:
        """The link `name` itself. OSError ESTALE when something else stands there by now."""
        fd = os.open(name, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            state = os.fstat(fd)
            if not stat.S_ISLNK(state.st_mode):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            hidden = self._resolver.hidden.hides(path[-1])
            return PosixLinkHandle(fd, state, self._resolver.leads_to_directory(path), hidden, self._device())
        except BaseException:
            os.close(fd)
            raise

    def unmake(self, path: Path, identity: Identity) -> Handle:
        """An empty file is renamed over the link; for a directory the link goes first."""
        parent = self._parent(path)
        try:
            name, state = self._entry(parent, path, identity)
            if not stat.S_ISLNK(state.st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            is_directory = self._resolver.leads_to_directory(path)
            before = self._cache.before_change(parent)
            if is_directory:
                text = os.readlink(name, dir_fd=parent)
                os.unlink(name, dir_fd=parent)
                try:
                    mode = self._creation.for_directory(parent)
                    os.mkdir(name, DIRECTORY_MODE if mode is None else mode, dir_fd=parent)
                except BaseException:
                    os.symlink(text, name, dir_fd=parent)
                    raise
                fd = os.open(name, _DIRECTORY, dir_fd=parent)
            else:
                beside = f"{LINK_PREFIX}{os.getpid()}-{state.st_ino:x}"
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                mode = self._creation.for_file(parent)
                fd = os.open(beside, flags, FILE_MODE if mode is None else mode, dir_fd=parent)
                try:
                    os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
                except BaseException:
                    os.close(fd)
                    os.unlink(beside, dir_fd=parent)
                    raise
            try:
                if mode is not None:
                    settle_mode(fd, mode)
                self._cache.after_change(parent, before, added=name)
                state = os.fstat(fd)
                found = (state.st_dev, state.st_ino)
                return PosixHandle(fd, found, is_directory, path, self._resolver, self._device(), False, self._acls)
            except BaseException:
                os.close(fd)
                raise
        finally:
            os.close(parent)

    def check_move(self, parent: int, name: str, state: os.stat_result, old: Path, new: Path) -> None:
        """Refuse a rename or hard link (StatusError ACCESS_DENIED) after which a link would lead outside."""
        depth = len(new) - 1
        if stat.S_ISLNK(state.st_mode):
            if highest(os.readlink(name, dir_fd=parent)) > depth:
                log.info("not moved, it would lead outside: %r", "\\".join(old))
                raise StatusError(status.ACCESS_DENIED)
        elif stat.S_ISDIR(state.st_mode) and len(new) < len(old):
            _check_below(parent, name, len(new), old)

    def _check_depth(self, target: Target, depth: int) -> None:
        if rise(target) > depth:
            raise StatusError(status.ACCESS_DENIED)


def _text(target: Target) -> str:
    try:
        return to_text(target)
    except StatusError:
        raise StatusError(status.IO_REPARSE_DATA_INVALID) from None


def _check_empty(parent: int, name: str, state: os.stat_result) -> None:
    """[MS-FSA] 2.1.5.10.37, phase 1; of a directory rmdir will say it."""
    if stat.S_ISLNK(state.st_mode):
        return
    if stat.S_ISREG(state.st_mode) and state.st_size:
        raise StatusError(status.IO_REPARSE_DATA_INVALID)
    try:
        carried = os.listxattr(f"/proc/self/fd/{parent}/{name}", follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return
    if any(each.startswith(USER) and each not in _MAY_BE_LOST for each in carried):
        raise StatusError(status.EAS_NOT_SUPPORTED)  # streams, too, would be lost with the file


def _replace_directory(parent: int, beside: str, name: str, mode: int) -> None:
    os.rmdir(name, dir_fd=parent)
    try:
        os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        os.mkdir(name, mode, dir_fd=parent)
        raise


def _check_below(parent: int, name: str, depth: int, old: Path) -> None:
    """Refuse that a directory, until now `old`, stands `depth` levels below the root."""
    left = MAX_CHECKED
    waiting = [(name, depth)]
    while waiting:
        path, depth = waiting.pop()
        fd = os.open(path, _DIRECTORY, dir_fd=parent)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        log.info("not moved up, more than %d entries to look through: %r", MAX_CHECKED, "\\".join(old))
                        raise StatusError(status.ACCESS_DENIED)
                    if entry.is_symlink():
                        if highest(os.readlink(entry.name, dir_fd=fd)) > depth:
                            log.info("not moved up, a link in it would lead outside: %r", "\\".join(old))
                            raise StatusError(status.ACCESS_DENIED)
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{path}/{entry.name}", depth + 1))
        finally:
            os.close(fd)
