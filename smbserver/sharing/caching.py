"""What clients may cache of a file: oplocks and leases as one thing, and what takes it away from them.

Theory of operation. A `Cache` has three bits ([MS-SMB2] 3.3.1.4): READ (data), WRITE (data and locks), HANDLE
(opens kept after the application's close). A lease is a cache of all opens with one key of one client; an oplock is a
cache of one open: level II is R, exclusive RW, batch RWH. What another open does takes bits away (`lower`). If the
client must answer (`W` or `H` was held) the cache is *breaking* until `acknowledge`, `expire` or the last `leave`, and
whoever depends on it waits. A second conflict during a break is remembered in `required` and sent after the answer.
Nobody is woken here: who waits goes to the outbox like the notices, and runs when whatever ended the break is done.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.waiter import Waiter

READ: Final = 0x1
HANDLE: Final = 0x2
WRITE: Final = 0x4

ALL: Final = READ | HANDLE | WRITE
# [MS-SMB2] 3.3.1.12: without READ there is nothing.
VALID: Final = frozenset({0, READ, READ | HANDLE, READ | WRITE, ALL})


class CacheKey(NamedTuple):
    """Whose cache it is. An oplock's key is its own, shared with nobody: `lease_key` is empty and `number` counts."""

    client_guid: bytes
    lease_key: bytes
    number: int = 0


class Notice(NamedTuple):
    """A break to be told to the client. `epoch` is 0 for oplocks and leases of version 1."""

    cache: "Cache"
    old_state: int
    new_state: int
    answer_needed: bool
    epoch: int


Outbox = list["Notice | Waiter[None]"]
"""What is to be done once the present request is settled, in this order: tell a client, let somebody go on."""


class Cache:
    """One client's right to cache one file. `outbox` is the FileTable's: what it says must reach the client."""

    __slots__ = (
        "_outbox",
        "breaking_to",
        "epoch",
        "holders",
        "is_directory",
        "is_lease",
        "key",
        "parent_key",
        "required",
        "state",
        "stop_clock",
        "version",
        "waiters",
    )

    def __init__(self, key: CacheKey, outbox: Outbox, is_directory: bool, version: int, epoch: int = 0) -> None:
        self.key = key
        self.is_lease = bool(key.lease_key)
        self.is_directory = is_directory
        self.version = version
        self.epoch = epoch
        self.parent_key = b""
        self.state = 0
        self.breaking_to: int | None = None
        self.required = 0
        self.holders: list[object] = []
        self.waiters: list[Waiter[None]] = []
        self.stop_clock: Callable[[], None] | None = None  # of whoever calls `expire` in time; called when answered
        self._outbox = outbox

    @property
    def breaking(self) -> bool:
        """True between a notice that needs an answer and that answer."""
        return self.breaking_to is not None

    def lower(self, to: int) -> None:
        """Take away what is not in `to`. Nothing happens when nothing is taken."""
        to = self._possible(to & self.state)
        if self.breaking_to is not None:
            self.required = self._possible(to & self.required)
            return
        if to != self.state:
            if self.version == 2:
                self.epoch = self.epoch + 1 & 0xFFFF
            self._break(to, to)

    def _break(self, to: int, required: int) -> None:
        """Tell the client; `required` is where it must end when `to` is only a step.

        A further break that follows an answer has the epoch of the first ([MS-SMB2] <248>).
        """
        old = self.state
        answer_needed = self.state & (WRITE | HANDLE) != 0
        if answer_needed:
            self.breaking_to, self.required = to, required
        else:
            self.state = to
        self._outbox.append(Notice(self, old, to, answer_needed, self.epoch if self.version == 2 else 0))

    def _possible(self, state: int) -> int:
        """The states that exist: nothing without READ; an oplock below exclusive is level II."""
        if not state & READ:
            return 0
        if not self.is_lease and state != self.state:
            return READ
        return state

    def acknowledge(self, state: int) -> None:
        """The client's answer ([MS-SMB2] 3.3.5.22.2). Raises StatusError UNSUCCESSFUL, REQUEST_NOT_ACCEPTED."""
        if self.breaking_to is None:
            raise StatusError(status.UNSUCCESSFUL)
        if state & ~self.breaking_to:
            raise StatusError(status.REQUEST_NOT_ACCEPTED)
        self._settle(self._possible(state))

    def expire(self) -> None:
        """The client has not answered in time: it has nothing any more ([MS-SMB2] 3.3.6.1, 3.3.6.5)."""
        if self.breaking_to is not None:
            self.required = 0
            self._settle(0)

    def _settle(self, state: int) -> None:
        self._end_clock()
        required = self.required
        self.state, self.breaking_to = state, None
        if state & ~required:
            # Who may still keep the file open is asked for that first, and loses READ when it is closed or kept.
            step = self._possible(state & (required | READ if state & (WRITE | HANDLE) else required))
            self._break(step, required)
            if self.breaking:
                return  # those who wait go on waiting, for the next answer
        self._wake()

    def _wake(self) -> None:
        self._outbox += self.waiters
        self.waiters = []

    def wait(self) -> Waiter[None]:
        """Resolves when the break is over. Cancelling it leaves nothing behind."""
        waiter: Waiter[None] = Waiter(on_cancel=lambda: self._forget(waiter))
        self.waiters.append(waiter)
        return waiter

    def _forget(self, waiter: Waiter[None]) -> None:
        if waiter in self.waiters:  # else it is in the outbox already, where a done waiter does no harm
            self.waiters.remove(waiter)

    def join(self, holder: object) -> None:
        """A further open with this key."""
        self.holders.append(holder)

    def leave(self, holder: object) -> bool:
        """An open has ended. True when it was the last: then the cache is gone and nobody waits for it."""
        self.holders.remove(holder)
        if self.holders:
            return False
        self.state, self.breaking_to = 0, None
        self._end_clock()
        self._wake()
        return True

    def _end_clock(self) -> None:
        stop, self.stop_clock = self.stop_clock, None
        if stop is not None:
            stop()


def open_mask(looks_only: bool, overwrites: bool, collides: bool, deletes: bool) -> int:
    """The bits that an open takes from the cache of another.

    `collides`: its access or share mode conflicts, so HANDLE is asked for first, and WRITE only when the open succeeds.
    `deletes`: the file goes when the open ends, so others must let go what they only keep.
    """
    if overwrites:
        return ALL if not collides else HANDLE | READ
    if looks_only:
        return 0
    return HANDLE if collides else WRITE | HANDLE if deletes else WRITE
