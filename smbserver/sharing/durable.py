"""Which opens outlive their connection, and how a client names an open again ([MS-SMB2] 3.3.1.10, 3.3.2.2, 3.3.5.9.10).

Theory of operation. An open that asked for it has a `Durability`; all others have None. While its connection lives it
is an open like any other. When the connection goes it enters `DetachedOpens` with a deadline, and leaves by being taken
back, by its end, or because it is due. `CreateGuids` is the other way to find an open: by the guid its CREATE carried.
Values only: the time is an argument, whoever owns the timers looks at `next_deadline`. The opens are Holders, which
this module does not look into.
"""

from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

MILLISECOND: Final = 10_000  # FILETIME units
NO_GUID: Final = bytes(16)

MAX_DETACHED: Final = 8192  # of the server: each costs a descriptor, and nobody is there who could close it
MAX_DETACHED_PER_CLIENT: Final = 2048  # by ClientGuid: one client cannot take all of the room


class AppInstance(NamedTuple):
    """Open.AppInstanceId and its version; `version` is (high, low), None when none was given."""

    instance_id: bytes
    version: tuple[int, int] | None


class CreateKey(NamedTuple):
    """What a replayed CREATE is recognised by. `create_guid` is NO_GUID for opens that cannot be replayed."""

    client_guid: bytes
    create_guid: bytes


class Durability:
    """What is remembered of an open that may be asked for again.

    `owner` is who may have it back; compared, not looked into. `is_durable` says whether it outlives its connection,
    for `timeout` milliseconds; without it the open can only be replayed. `deadline` is a FILETIME, None while the open
    has a session. `action` is what its CREATE answered.
    """

    __slots__ = ("action", "app_instance", "deadline", "is_durable", "key", "owner", "timeout")

    def __init__(self, key: CreateKey, owner: object, action: int) -> None:
        self.key = key
        self.owner = owner
        self.action = action
        self.is_durable = False
        self.timeout = 0
        self.app_instance: AppInstance | None = None
        self.deadline: int | None = None

    @property
    def is_detached(self) -> bool:
        """Whether its client is gone."""
        return self.deadline is not None


class DetachedOpens(Generic[T]):
    """The opens whose connection is gone, by persistent id."""

    def __init__(self) -> None:
        self._opens: dict[int, tuple[T, Durability]] = {}
        self._per_client: dict[bytes, int] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._opens)

    def add(self, number: int, opened: T, durability: Durability, now: int) -> bool:
        """Keep an open until its deadline. False when there is no room for another one of this client."""
        client = durability.key.client_guid
        count = self._per_client.get(client, 0)
        if len(self._opens) >= MAX_DETACHED or count >= MAX_DETACHED_PER_CLIENT:
            return False
        durability.deadline = now + durability.timeout * MILLISECOND
        self._opens[number] = opened, durability
        self._per_client[client] = count + 1
        return True

    def find(self, number: int) -> T | None:
        """The open with this id, if it waits for its client."""
        found = self._opens.get(number)
        return None if found is None else found[0]

    def remove(self, number: int) -> None:
        """It has a session again, or has ended. Nothing happens when it is not here."""
        found = self._opens.pop(number, None)
        if found is None:
            return
        durability = found[1]
        durability.deadline = None
        client = durability.key.client_guid
        self._per_client[client] -= 1
        if not self._per_client[client]:
            del self._per_client[client]

    def due(self, now: int) -> list[T]:
        """Those whose time is over; they are still here until they are removed."""
        return [
            opened
            for opened, durability in self._opens.values()
            if durability.deadline is not None and durability.deadline <= now
        ]

    def all(self) -> list[T]:
        """Every one."""
        return [opened for opened, _ in self._opens.values()]

    def next_deadline(self) -> int | None:
        """When the next one is due; None when there is none."""
        deadlines = [each.deadline for _, each in self._opens.values() if each.deadline is not None]
        return min(deadlines, default=None)


class CreateGuids(Generic[T]):
    """Which CREATE a replay means: those under way, and the opens still to be replayed (Open.IsReplayEligible)."""

    def __init__(self) -> None:
        self._under_way: set[CreateKey] = set()
        self._opens: dict[CreateKey, T] = {}

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._under_way) + len(self._opens)

    def begin(self, key: CreateKey) -> None:
        """A CREATE with this key has to wait."""
        if key.create_guid != NO_GUID:
            self._under_way.add(key)

    def end(self, key: CreateKey) -> None:
        """It waits no longer, however that came."""
        self._under_way.discard(key)

    def is_under_way(self, key: CreateKey) -> bool:
        """Whether a CREATE with this key waits."""
        return key in self._under_way

    def add(self, key: CreateKey, opened: T) -> None:
        """The CREATE has made an open. A later open with the same key takes the place of an earlier one."""
        if key.create_guid != NO_GUID:
            self._opens[key] = opened

    def find(self, key: CreateKey) -> T | None:
        """The open that a CREATE with this key made, if it can still be replayed."""
        return self._opens.get(key)

    def remove(self, key: CreateKey, opened: T) -> None:
        """The open was used or has ended. Nothing happens when the key means another open by now."""
        if self._opens.get(key) is opened:
            del self._opens[key]
