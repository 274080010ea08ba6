"""Snapshot directories as previous versions of a share: found by the operator's pattern, opened when asked for.

Nothing of a client's request becomes a name here: the directory is listed, and what fits is compared by its time. The
place may be inside the share, where clients write; so no symbolic link is followed on the way into a snapshot.
"""

import errno
import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from smbserver.backend.base import Backend, Identity
from smbserver.backend.posix.snapshot_pattern import SnapshotPattern
from smbserver.backend.read_only import ReadOnlyBackend

log = logging.getLogger(__name__)

MAX_LOOKED_AT: Final = 65536  # entries of the directory; what holds more is no directory of snapshots
MAX_LISTED: Final = 4096  # the newest; 200 KiB of a reply
KEPT: Final = 32  # roots that stay open though nothing in them is; beyond these only those in use

_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a directory may say that is not there, or is none of ours: then there are no versions.
_NONE_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ESTALE})


class _Version:
    """An open snapshot and which directory it is: another one may get its name."""

    __slots__ = ("root", "store")

    def __init__(self, store: ReadOnlyBackend, root: Identity) -> None:
        self.store = store
        self.root = root


class PosixSnapshots:
    """See `backend.base.Snapshots`. `root` is the share's directory. Raises OSError when it cannot be opened.

    `open_store` opens a directory by the share's own rules.
    """

    def __init__(self, root: str, pattern: SnapshotPattern, open_store: Callable[[str], Backend]) -> None:
        self._pattern = pattern
        self._open_store = open_store
        self._prefix = pattern.prefix
        inside = tuple(part for part in os.path.abspath(root).split("/") if part)
        self._start = "/" if pattern.is_absolute else root
        if pattern.is_absolute and self._prefix[: len(inside)] == inside:
            self._start = root  # inside the share: from its root on nothing is trusted
            self._prefix = self._prefix[len(inside) :]
        self._is_trusted = self._start == "/"
        os.close(self._open_start())
        self._versions: OrderedDict[int, _Version] = OrderedDict()
        self._leaving: list[_Version] = []  # forgotten, and still in use

    def times(self) -> list[int]:
        """One listing of the directory."""
        base = self._base()
        if base is None:
            return []
        try:
            return sorted(self._names(base), reverse=True)[:MAX_LISTED]
        finally:
            os.close(base)

    def open(self, time: int) -> Backend | None:
        """A listing, and the snapshot's root once more: it may have been deleted, or made anew."""
        self._sweep()
        base = self._base()
        if base is None:
            return None
        try:
            name = self._names(base).get(time)
            root = None if name is None else _enter(base, (name, *self._pattern.suffix))
        finally:
            os.close(base)
        if root is None:
            return None
        try:
            return self._version(time, root)
        finally:
            os.close(root)

    def _version(self, time: int, root: int) -> Backend:
        state = os.fstat(root)
        identity = (state.st_dev, state.st_ino)
        known = self._versions.get(time)
        if known is not None and known.root == identity:
            self._versions.move_to_end(time)
            return known.store
        if known is not None:
            self._forget(time)
        inner = self._open_store(f"/proc/self/fd/{root}")
        version = self._versions[time] = _Version(ReadOnlyBackend(inner, time), identity)
        while len(self._versions) > KEPT:
            self._forget(next(iter(self._versions)))
        return version.store

    def _forget(self, time: int) -> None:
        version = self._versions.pop(time)
        if version.store.opens:
            self._leaving.append(version)
        else:
            version.store.close()

    def _sweep(self) -> None:
        staying = []
        for version in self._leaving:
            if version.store.opens:
                staying.append(version)
            else:
                version.store.close()
        self._leaving = staying

    def _base(self) -> int | None:
        """The directory that has the snapshots; None when there is none."""
        try:
            if self._is_trusted:
                return os.open("/" + "/".join(self._prefix), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            start = self._open_start()
        except OSError as error:
            _check_absent(error)
            return None
        try:
            return _enter(start, self._prefix)
        finally:
            os.close(start)

    def _open_start(self) -> int:
        """Each time anew: a disk may be mounted there late."""
        return os.open(self._start, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _names(self, base: int) -> dict[int, str]:
        found: dict[int, str] = {}
        looked_at = 0
        with os.scandir(base) as entries:
            for entry in entries:
                looked_at += 1
                if looked_at > MAX_LOOKED_AT:
                    log.warning("more than %d entries where snapshots should be: the rest is not seen", MAX_LOOKED_AT)
                    break
                time = self._pattern.time_of(entry.name)
                if time is not None:
                    found[time] = min(entry.name, found.get(time, entry.name))  # two names of one time: always the same
        return found

    def close(self) -> None:
        """Close every version, in use or not, and the place where they are."""
        for version in (*self._versions.values(), *self._leaving):
            version.store.close()
        self._versions.clear()
        self._leaving = []


def _enter(base: int, names: tuple[str, ...]) -> int | None:
    """A directory below another, through directories only; None when it is not there."""
    current = os.open(".", _FLAGS, dir_fd=base)
    try:
        for name in names:
            following = os.open(name, _FLAGS, dir_fd=current)
            os.close(current)
            current = following
    except OSError as error:
        os.close(current)
        _check_absent(error)
        return None
    return current


def _check_absent(error: OSError) -> None:
    if error.errno not in _NONE_THERE:
        raise error
