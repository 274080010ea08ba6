"""Byte-range locks of one file: who holds which range, who waits for one, what they forbid ([MS-FSA] 2.1.4.10).

Theory of operation. A range is [offset, offset + length - 1]; Python's integers do not wrap, so a range of length 0
ends one before it begins and the comparison of ends gives what the specification has special cases for. Held ranges
stand in one list sorted by offset. Who must wait stands in order of arrival. Nothing is granted inside `unlock` or
`release`: they only note in the LockRegister that the file was stirred, and `LockRegister.wake` grants later, one
waiter at a time, in a loop that does not nest (transcript 0008, D1).
"""

import logging
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.sharing.host_locks import LockMirror, union
from smbserver.waiter import Waiter

log = logging.getLogger(__name__)

MAX_LOCKS_OF_OPEN: Final = 16384  # held and waiting; databases use some thousand
MAX_LOCKS_OF_SERVER: Final = 262144  # 36 MiB
_BEYOND: Final = 1 << 64  # the first offset that does not exist


class Range(NamedTuple):
    """What is asked for: `length` bytes at `offset`."""

    offset: int
    length: int
    exclusive: bool


class _Lock:
    """A range with its owner; `last` is the offset of its last byte, one before `offset` when it has none."""

    __slots__ = ("exclusive", "last", "offset", "owner")

    def __init__(self, owner: object, wanted: Range) -> None:
        self.owner = owner
        self.offset = wanted.offset
        self.last = wanted.offset + wanted.length - 1
        self.exclusive = wanted.exclusive


class _Waiting(NamedTuple):
    lock: _Lock
    waiter: Waiter[None]


_OFFSET: Final = attrgetter("offset")


class LockRegister:
    """What the locks of all files of a server share: their number, and the files where somebody may go on now."""

    def __init__(self) -> None:
        self.count = 0
        self.stirred: list[ByteLocks] = []
        self.refused: list[ByteLocks] = []  # where somebody waits whom only a local program stops
        self._waking = False

    def ask_again(self) -> None:
        """Time has passed: local programs may have given back what they had."""
        for locks in self.refused:
            if locks not in self.stirred:
                self.stirred.append(locks)
        self.refused.clear()
        self.wake()

    def wake(self) -> None:
        """Grant what can be granted. What runs on in consequence may stir further files; it does not wake them."""
        if self._waking or not self.stirred:
            return
        self._waking = True
        try:
            while self.stirred:
                if not self.stirred[-1].settle_one():
                    self.stirred.pop()
        finally:
            self._waking = False


def check_range(offset: int, length: int) -> None:
    """Refuse bytes beyond 2^64: StatusError INVALID_LOCK_RANGE ([MS-FSA] 2.1.5.8, 2.1.5.9)."""
    if length and offset + length > _BEYOND:
        raise StatusError(status.INVALID_LOCK_RANGE)


class ByteLocks:
    """The locks of one file. An owner is one open, compared by identity. `mirror`: local programs see them as well."""

    __slots__ = ("_counts", "_ended", "_held", "_longest", "_mirror", "_register", "_waiting")

    def __init__(self, register: LockRegister, mirror: LockMirror | None = None) -> None:
        self._register = register
        self._mirror = mirror
        self._held: list[_Lock] = []
        self._longest = 0  # no held range is longer; exact only after the list was empty
        self._waiting: list[_Waiting] = []
        self._ended: list[Waiter[None]] = []
        self._counts: dict[object, int] = {}  # held and waiting, of each owner that has any

    def __len__(self) -> int:
        """How many ranges are held or waited for."""
        return len(self._held) + len(self._waiting)

    def count_of(self, owner: object) -> int:
        """How many ranges one owner holds or waits for."""
        return self._counts.get(owner, 0)

    def begins_below(self, size: int) -> bool:
        """Whether a range is locked that begins below `size` bytes."""
        return bool(self._held) and self._held[0].offset < size

    def check(self, owner: object, offset: int, length: int, writes: bool) -> None:
        """May these bytes be read, or written? Raises StatusError FILE_LOCK_CONFLICT ([MS-FSA] 2.1.5.3, 2.1.5.4)."""
        if length and self._conflicts(owner, offset, offset + length - 1, writes, False):
            raise StatusError(status.FILE_LOCK_CONFLICT)

    def _conflicts(self, owner: object, offset: int, last: int, exclusive: bool, locking: bool) -> bool:
        """[MS-FSA] 2.1.4.10. A shared lock stops its own open's writes, an exclusive one its next exclusive lock."""
        held = self._held
        start = bisect_left(held, offset - self._longest + 1, key=_OFFSET)
        for index in range(start, bisect_right(held, last, key=_OFFSET)):
            lock = held[index]
            if lock.last < offset:
                continue
            if not lock.exclusive:
                if exclusive:
                    return True
            elif lock.owner is not owner or (exclusive and locking):
                return True
        return False

    def take(self, owner: object, wanted: Sequence[Range]) -> None:
        """Lock all ranges now or none. Raises StatusError LOCK_NOT_GRANTED, INSUFFICIENT_RESOURCES."""
        taken: list[_Lock] = []
        try:
            for each in wanted:
                self._admit(owner)
                lock = _Lock(owner, each)
                if self._conflicts(owner, lock.offset, lock.last, lock.exclusive, True) or not self._hold(lock):
                    self._discharge(owner)
                    raise StatusError(status.LOCK_NOT_GRANTED)
                taken.append(lock)
        except StatusError:
            for lock in taken:  # nobody was woken and nobody waits for what was held this short
                self._held.remove(lock)
                self._discharge(owner)
                self._tell_host(lock.offset, lock.last)
            raise

    def wait_for(self, owner: object, wanted: Range) -> Waiter[None] | None:
        """Lock a range, now (None) or when nobody holds it any more.

        Cancelling the waiter withdraws the request; when its owner ends it fails with RANGE_NOT_LOCKED. Raises
        StatusError INSUFFICIENT_RESOURCES.
        """
        self._admit(owner)
        lock = _Lock(owner, wanted)
        if not self._conflicts(owner, lock.offset, lock.last, lock.exclusive, True):
            if self._hold(lock):
                return None
            self._note_refusal()

        def withdraw() -> None:
            if waiting in self._waiting:  # else its owner has ended
                self._waiting.remove(waiting)
                self._discharge(owner)

        waiting = _Waiting(lock, Waiter(withdraw, ended=StatusError(status.RANGE_NOT_LOCKED)))
        self._waiting.append(waiting)
        return waiting.waiter

    def unlock(self, owner: object, offset: int, length: int) -> None:
        """Give back exactly this range, an exclusive lock before a shared one ([MS-FSA] 2.1.5.9).

        Raises StatusError RANGE_NOT_LOCKED.
        """
        held, last = self._held, offset + length - 1
        found = -1
        for index in range(bisect_left(held, offset, key=_OFFSET), bisect_right(held, offset, key=_OFFSET)):
            lock = held[index]
            if lock.last == last and lock.owner is owner:
                found = index
                if lock.exclusive:
                    break
        if found < 0:
            raise StatusError(status.RANGE_NOT_LOCKED)
        del held[found]
        self._discharge(owner)
        self._tell_host(offset, last)
        self._stir()

    def release(self, owner: object) -> None:
        """The owner has ended: its locks are given back, its waiting requests fail when the register wakes."""
        if owner not in self._counts:
            return
        self._ended += [waiting.waiter for waiting in self._waiting if waiting.lock.owner is owner]
        self._waiting = [waiting for waiting in self._waiting if waiting.lock.owner is not owner]
        gone = [lock for lock in self._held if lock.owner is owner]
        self._held = [lock for lock in self._held if lock.owner is not owner]
        if self._mirror is not None:
            for lock in gone:
                self._tell_host(lock.offset, lock.last)
        self._register.count -= self._counts.pop(owner)
        self._stir()

    def settle_one(self) -> bool:
        """Tell one waiter its outcome, if there is one to be told."""
        if self._ended:
            self._ended.pop(0).end()
            return True
        for index, (lock, waiter) in enumerate(self._waiting):
            if not self._conflicts(lock.owner, lock.offset, lock.last, lock.exclusive, True):
                if not self._hold(lock):
                    self._note_refusal()
                    continue
                del self._waiting[index]
                waiter.resolve(None)
                return True
        return False

    def _stir(self) -> None:
        if not self._held:
            self._longest = 0
        if (self._waiting or self._ended) and self not in self._register.stirred:
            self._register.stirred.append(self)

    def _hold(self, lock: _Lock) -> bool:
        """False when a local program is in the way."""
        insort(self._held, lock, key=_OFFSET)
        self._longest = max(self._longest, lock.last - lock.offset + 1)
        if self._tell_host(lock.offset, lock.last):
            return True
        self._held.remove(lock)
        self._tell_host(lock.offset, lock.last)
        return False

    def _tell_host(self, first: int, last: int) -> bool:
        """Set the host's locks of these bytes to what is held. False when a local program has some of them."""
        if self._mirror is None or last < first:
            return True
        start = bisect_left(self._held, first - self._longest + 1, key=_OFFSET)
        end = bisect_right(self._held, last, key=_OFFSET)
        near = [(lock.offset, lock.last, lock.exclusive) for lock in self._held[start:end]]
        try:
            return all(self._mirror.set(*piece) for piece in union(near, first, last))
        except OSError as error:
            # The lock between clients is whole all the same; a file system without locks has nobody who could see it.
            log.warning("the host's locks of a file cannot be set: %s", error.strerror)
            return True

    def end(self) -> None:
        """Nobody holds or waits any more: the host's locks go with their mirror."""
        if self._mirror is not None:
            self._mirror.close()
            self._mirror = None

    def _note_refusal(self) -> None:
        if self not in self._register.refused:
            self._register.refused.append(self)

    def _admit(self, owner: object) -> None:
        count = self._counts.get(owner, 0)
        if count >= MAX_LOCKS_OF_OPEN or self._register.count >= MAX_LOCKS_OF_SERVER:
            raise StatusError(status.INSUFFICIENT_RESOURCES)
        self._counts[owner] = count + 1
        self._register.count += 1

    def _discharge(self, owner: object) -> None:
        self._register.count -= 1
        self._counts[owner] -= 1
        if not self._counts[owner]:
            del self._counts[owner]
