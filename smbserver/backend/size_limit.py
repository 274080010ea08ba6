"""A store with a limit for its size: another store, in which nothing grows beyond it, and which says how much is left.

What counts: every file up to its end, streams, what is reserved, a band of a sparse bundle as a whole band. What does
not: directories, EAs, and what a file costs by being there. See transcript 0024, D1.
"""

from collections.abc import Callable
from typing import Final

from smbserver.backend.base import Backend, Handle, Identity, Links, Located
from smbserver.backend.limited_handle import LimitedHandle, Reach
from smbserver.backend.posix import PosixBackend
from smbserver.backend.sparse_bundles import MAX_PLIST, PLIST, band_size, is_band, is_bundle
from smbserver.backend.usage import Usage
from smbserver.errors import StatusError
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.link_targets import Target
from smbserver.nt.metadata import Metadata, VolumeFeatures, VolumeSpace
from smbserver.nt.names import Path, fold_case

UNIT: Final = 1024  # bytes: what is told is in these, as Samba tells Time Machine
_MAX_BUNDLES: Final = 1024  # whose band sizes are kept; there is one for each Mac
_PLIST: Final = fold_case(PLIST)


class SizeLimited:
    """See `backend.base.Backend`; `inner` keeps the files, and is closed with this.

    `measure` counts what is there, in bytes, and is called at once: it may take as long as `du`. `now` is the present
    as FILETIME.
    """

    read_only = False

    def __init__(self, inner: Backend, limit: int, measure: Callable[[], int], now: Callable[[], int]) -> None:
        self.inner = inner
        self.usage = Usage(limit, measure, now)
        self._links = None if inner.links is None else _LimitedLinks(inner.links, self)
        self._reaches: dict[Identity, Reach] = {}  # of open files
        self._bands: dict[str, int] = {}  # by folded name of the bundle

    @property
    def links(self) -> Links | None:
        """As the inner one's, and what they become is counted."""
        return self._links

    @property
    def has_streams(self) -> bool:
        """As the inner one."""
        return self.inner.has_streams

    @property
    def features(self) -> VolumeFeatures:
        """As the inner one."""
        return self.inner.features

    @property
    def supports_eas(self) -> bool:
        """As the inner one."""
        return self.inner.supports_eas

    @property
    def serial_number(self) -> int:
        """As the inner one."""
        return self.inner.serial_number

    @property
    def creation_time(self) -> int:
        """As the inner one."""
        return self.inner.creation_time

    @property
    def posix_semantics(self) -> bool:
        """As the inner one."""
        return self.inner.posix_semantics

    @property
    def keeps_descriptors(self) -> bool:
        """As the inner one."""
        return self.inner.keeps_descriptors

    def hides(self, name: str) -> bool:
        """As the inner one."""
        return self.inner.hides(name)

    def locate(self, path: Path, composed: bool = True, exact: bool = False) -> Located:
        """As the inner one."""
        return self.inner.locate(path, composed, exact)

    def look_ahead(self, path: Path) -> int:
        """As the inner one."""
        return self.inner.look_ahead(path)

    def look_at_entries(self, path: Path, start: int, count: int) -> int:
        """As the inner one."""
        return self.inner.look_at_entries(path, start, count)

    def open(self, located: Located, read: bool, write: bool) -> LimitedHandle:
        """Counted."""
        meta = located.metadata
        if write:
            self._forget_plist(located.path)
        handle = self.inner.open(located, read, write)
        return self.counted(handle, located.path, 0 if meta is None else meta.end_of_file)

    def counted(self, handle: Handle, path: Path, end: int) -> LimitedHandle:
        """The handle of a file that reaches to `end`."""
        if handle.is_directory:
            return LimitedHandle(handle, Reach(self.usage, 0, 0), _forget)
        reach = self._reaches.get(handle.identity)
        if reach is None:
            reach = self._reaches[handle.identity] = Reach(self.usage, end, self._least(path))
        identity = handle.identity
        return LimitedHandle(handle, reach, lambda reach: self._closed(identity, reach))

    def _closed(self, identity: Identity, reach: Reach) -> None:
        if not reach.handles and self._reaches.get(identity) is reach:
            del self._reaches[identity]

    def _least(self, path: Path) -> int:
        """What a file here counts for at least."""
        if not is_band(path):
            return 0
        key = fold_case(path[0])
        known = self._bands.get(key)
        if known is None:
            known = self._band_size(path[0])
            if known:
                if len(self._bands) >= _MAX_BUNDLES:
                    self._bands.clear()
                self._bands[key] = known
        return known

    def _band_size(self, bundle: str) -> int:
        try:
            located = self.inner.locate((bundle, PLIST))
            try:
                if located.metadata is None or located.metadata.is_directory or located.metadata.reparse_tag:
                    return 0
                handle = self.inner.open(located, True, False)
                try:
                    return band_size(bytes(handle.read_blocking(MAX_PLIST, 0)))
                finally:
                    handle.close()
            finally:
                located.close()
        except (OSError, StatusError):
            return 0

    def _forget_plist(self, path: Path) -> None:
        if len(path) == 2 and fold_case(path[1]) == _PLIST and is_bundle(path[0]):
            self._bands.pop(fold_case(path[0]), None)

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> LimitedHandle:
        """As the inner one; OSError ENOSPC when there is no room for a band."""
        self._forget_plist(located.path)
        least = self._least(located.path)
        self.usage.take(least)
        try:
            handle = self.inner.create_file(located, attributes, creation_time, descriptor, mode)
        except BaseException:
            self.usage.take(-least)
            raise
        return self.counted(handle, located.path, least)

    def create_directory(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """As the inner one."""
        made = self.inner.create_directory(located, attributes, creation_time, descriptor, mode)
        return self.counted(made, located.path, 0)

    def look_again(self) -> None:
        """As the inner one; the next count is of what stands there now."""
        self.inner.look_again()

    def check_remove(self, path: Path, identity: Identity) -> None:
        """As the inner one."""
        self.inner.check_remove(path, identity)

    def remove(self, path: Path, identity: Identity) -> None:
        """What the file had is given back, though it may be open yet."""
        located = self.inner.locate(path)
        located.close()
        self.inner.remove(path, identity)
        if located.identity == identity:
            self._gone(path, identity, located.metadata)

    def _gone(self, path: Path, identity: Identity | None, meta: Metadata | None) -> None:
        if meta is None or identity is None or meta.is_directory or meta.number_of_links > 1:
            return
        reach = self._reaches.get(identity)
        if reach is None:
            self.usage.take(-max(meta.end_of_file, self._least(path)))
            return
        reach.gone()

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """What is replaced is given back."""
        new = self.inner.rename(path, identity, target, replace)
        self._replaced(identity, target)
        return new

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """What is replaced is given back."""
        self.inner.link(path, identity, target, replace)
        self._replaced(identity, target)

    def _replaced(self, identity: Identity, target: Located) -> None:
        if target.identity != identity:
            self._gone(target.path, target.identity, target.metadata)

    def space(self) -> VolumeSpace:
        """What is left of the limit, or of the disk if that is less. A part of a unit does not count as used."""
        disk = self.inner.space()
        total = min(self.usage.limit // UNIT, disk.total_units * disk.unit // UNIT)
        left = max(0, self.usage.limit // UNIT - self.usage.used // UNIT)
        available = min(left, disk.available_units * disk.unit // UNIT)
        free = min(left, disk.free_units * disk.unit // UNIT)
        return VolumeSpace(UNIT, total, available, free, disk.total_files, disk.free_files)

    def close(self) -> None:
        """As the inner one."""
        self.inner.close()


class SizeLimitedDisk(SizeLimited):
    """Over a store on a disk, whose directories are watched through it."""

    def __init__(self, inner: PosixBackend, limit: int, measure: Callable[[], int], now: Callable[[], int]) -> None:
        super().__init__(inner, limit, measure, now)
        self._disk = inner

    def directory(self, path: Path) -> int:
        """As the inner one."""
        return self._disk.directory(path)


def _forget(reach: Reach) -> None:
    """A directory's is in no table."""


class _LimitedLinks:
    """See `backend.base.Links`."""

    def __init__(self, inner: Links, store: SizeLimited) -> None:
        self._inner = inner
        self._store = store

    def target(self, path: Path, identity: Identity) -> Target:
        """As the inner ones."""
        return self._inner.target(path, identity)

    def make(self, path: Path, identity: Identity, target: Target) -> Handle:
        """A link has no data."""
        return self._store.counted(self._inner.make(path, identity, target), path, 0)

    def unmake(self, path: Path, identity: Identity) -> Handle:
        """An empty file."""
        return self._store.counted(self._inner.unmake(path, identity), path, 0)
