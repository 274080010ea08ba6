"""An open file of a store with a size limit: what makes it larger is taken from the account first."""

import threading
from collections.abc import Callable, Iterator, Sequence

from smbserver.backend.base import Handle, LockMirror, Ranges, StreamHandle, Streams, Version
from smbserver.backend.usage import Usage
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.metadata import Metadata, Ownership, StreamFacts


class Reach:
    """What one open file, or stream, counts for: the same object in all its handles.

    `counted` bytes: up to its end, what is reserved, and at least `least`, the size of a band. Copies, and writes to a
    slow disk, come from threads.
    """

    __slots__ = ("_lock", "counted", "handles", "least", "usage")

    def __init__(self, usage: Usage, counted: int, least: int) -> None:
        self.usage = usage
        self.counted = max(counted, least)
        self.least = least
        self.handles = 0
        self._lock = threading.Lock()

    def need(self, end: int) -> int:
        """Make room up to `end`; what was counted before, for `give_back`. OSError ENOSPC."""
        with self._lock:
            before = self.counted
            if end > before:
                self.usage.take(end - before)
                self.counted = end
            return before

    def settle(self, counted: int) -> None:
        """It counts for so much, smaller or larger, without a question."""
        with self._lock:
            self._settle(counted)

    def give_back(self, end: int, counted: int) -> None:
        """Of the room up to `end` only this much came to use. Where another has made more room since, the next count
        knows it.
        """
        with self._lock:
            if self.counted <= end:
                self._settle(counted)

    def gone(self) -> None:
        """Its last name is gone, and with it all that it counted for."""
        with self._lock:
            self.least = 0
            self._settle(0)

    def _settle(self, counted: int) -> None:
        counted = max(counted, self.least)
        if counted != self.counted:
            self.usage.take(min(counted - self.counted, 0))
            self.counted = counted


class LimitedHandle:
    """See `backend.base.Handle`. `ended` is called once it is closed."""

    __slots__ = ("_ended", "identity", "inner", "is_directory", "reach")

    def __init__(self, inner: Handle, reach: Reach, ended: Callable[[Reach], None]) -> None:
        self.inner = inner
        self.reach = reach
        self._ended: Callable[[Reach], None] | None = ended
        self.identity = inner.identity
        self.is_directory = inner.is_directory
        reach.handles += 1

    def growing(self, end: int, change: Callable[[], None]) -> None:
        """Change the file, which then reaches to `end` at least. What fails counts as it was found to be after it."""
        before = self.reach.need(end)
        try:
            change()
        except OSError:
            # A part of it may stand there.
            self.reach.give_back(end, max(before, self.inner.metadata().end_of_file))
            raise

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """As the inner one."""
        return self.inner.read(length, offset)

    def cached(self, length: int, offset: int) -> tuple[int, int] | None:
        """As the inner one."""
        return self.inner.cached(length, offset)

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """As the inner one."""
        return self.inner.read_blocking(length, offset)

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """As the inner one; OSError ENOSPC at the limit."""
        end = offset + len(data)
        if end <= self.reach.counted or not len(data):
            self.inner.write(data, offset)
            return
        self.growing(end, lambda: self.inner.write(data, offset))

    def truncate(self, size: int) -> None:
        """As the inner one; what is cut off is given back."""
        if size > self.reach.counted:
            self.growing(size, lambda: self.inner.truncate(size))
            return
        is_cut = size < self.inner.metadata().end_of_file
        self.inner.truncate(size)
        if is_cut:
            self.reach.settle(size)

    def allocate(self, size: int) -> None:
        """As the inner one; OSError ENOSPC at the limit."""
        self.growing(size, lambda: self.inner.allocate(size))

    def sync(self) -> None:
        """As the inner one."""
        self.inner.sync()

    def metadata(self) -> Metadata:
        """As the inner one."""
        return self.inner.metadata()

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """As the inner one."""
        self.inner.set_times(creation_time, access_time, write_time, change_time)

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """As the inner one."""
        self.inner.hold_times(access, write, change)

    def set_attributes(self, attributes: int) -> None:
        """As the inner one."""
        self.inner.set_attributes(attributes)

    def get_eas(self) -> list[Ea]:
        """As the inner one."""
        return self.inner.get_eas()

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """As the inner one: EAs are bounded and not counted."""
        self.inner.set_eas(changes)

    def ea_size(self) -> int:
        """As the inner one."""
        return self.inner.ea_size()

    def mark_changed(self) -> None:
        """As the inner one."""
        self.inner.mark_changed()

    def descriptor(self) -> Descriptor | None:
        """As the inner one."""
        return self.inner.descriptor()

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """As the inner one."""
        self.inner.set_descriptor(descriptor)

    def ownership(self) -> Ownership:
        """As the inner one."""
        return self.inner.ownership()

    def set_mode(self, mode: int) -> None:
        """As the inner one."""
        self.inner.set_mode(mode)

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """As the inner one."""
        return self.inner.scan(owned)

    def is_empty(self) -> bool:
        """As the inner one."""
        return self.inner.is_empty()

    def lock_mirror(self) -> LockMirror | None:
        """As the inner one."""
        return self.inner.lock_mirror()

    def version(self, again: bool) -> Version | None:
        """As the inner one."""
        return self.inner.version(again)

    def ranges(self) -> Ranges:
        """What is copied into the file is counted."""
        return LimitedRanges(self.inner.ranges())

    def streams(self) -> Streams:
        """What is written to them is counted."""
        return LimitedStreams(self.inner.streams(), self.reach.usage)

    def close(self) -> None:
        """As the inner one."""
        ended, self._ended = self._ended, None
        if ended is not None:
            self.reach.handles -= 1
            ended(self.reach)
        self.inner.close()


class LimitedStreamHandle(LimitedHandle):
    """See `backend.base.StreamHandle`. Two handles of one stream count apart, each what it makes it grow by."""

    __slots__ = ("_stream", "stream")

    def __init__(self, inner: StreamHandle, usage: Usage) -> None:
        super().__init__(inner, Reach(usage, inner.metadata().end_of_file, 0), _forget)
        self._stream = inner
        self.stream = inner.stream

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """As a file's; another handle may have moved the end."""
        self.reach.counted = self.inner.metadata().end_of_file
        super().write(data, offset)

    def truncate(self, size: int) -> None:
        """As a file's."""
        self.reach.counted = self.inner.metadata().end_of_file
        super().truncate(size)

    def renamed(self, name: str) -> None:
        """As the inner one."""
        self._stream.renamed(name)
        self.stream = name


def _forget(reach: Reach) -> None:
    """Nobody else has it."""


class LimitedStreams:
    """See `backend.base.Streams`."""

    __slots__ = ("_inner", "_usage")

    def __init__(self, inner: Streams, usage: Usage) -> None:
        self._inner = inner
        self._usage = usage

    def all(self) -> list[StreamFacts]:
        """As the inner ones."""
        return self._inner.all()

    def names(self) -> list[str]:
        """As the inner ones."""
        return self._inner.names()

    def find(self, name: str) -> str | None:
        """As the inner ones."""
        return self._inner.find(name)

    def open(self, name: str, write: bool) -> StreamHandle:
        """Counted."""
        return LimitedStreamHandle(self._inner.open(name, write), self._usage)

    def create(self, name: str) -> StreamHandle:
        """Counted."""
        return LimitedStreamHandle(self._inner.create(name), self._usage)

    def replace(self, name: str) -> StreamHandle:
        """What it had is known with the next count."""
        return LimitedStreamHandle(self._inner.replace(name), self._usage)

    def remove(self, name: str) -> None:
        """What it had is known with the next count."""
        self._inner.remove(name)

    def rename(self, name: str, to: str) -> None:
        """As the inner ones."""
        self._inner.rename(name, to)


class LimitedRanges:
    """See `backend.base.Ranges`. The target judges; a source is only read."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Ranges) -> None:
        self._inner = inner

    def copy_to(self, target: Handle, offset: int, target_offset: int, length: int) -> int:
        """Room for all that is asked for; what was not copied is given back."""
        if not isinstance(target, LimitedHandle):
            return self._inner.copy_to(target, offset, target_offset, length)
        before = target.reach.need(target_offset + length)
        copied = 0
        try:
            copied = self._inner.copy_to(target.inner, offset, target_offset, length)
        finally:
            if copied < length:
                target.reach.give_back(target_offset + length, max(before, target_offset + copied if copied else 0))
        return copied

    def clone_to(self, target: Handle, offset: int, target_offset: int, length: int) -> None:
        """Shared blocks count like others: they are shared until they are written."""
        if not isinstance(target, LimitedHandle):
            self._inner.clone_to(target, offset, target_offset, length)
            return
        inner = target.inner
        target.growing(target_offset + length, lambda: self._inner.clone_to(inner, offset, target_offset, length))

    def zero(self, offset: int, length: int, deallocate: bool) -> int:
        """Nothing grows."""
        return self._inner.zero(offset, length, deallocate)

    def allocated(self, offset: int, length: int, most: int) -> list[tuple[int, int]]:
        """As the inner ones."""
        return self._inner.allocated(offset, length, most)

    def fill(self) -> None:
        """Holes were counted already."""
        self._inner.fill()

    def mark(self, attribute: int, is_set: bool) -> None:
        """As the inner ones."""
        self._inner.mark(attribute, is_set)

    def is_compressed(self) -> bool:
        """As the inner ones."""
        return self._inner.is_compressed()

    def compress(self, is_compressed: bool) -> None:
        """As the inner ones."""
        self._inner.compress(is_compressed)
