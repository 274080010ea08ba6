"""The opens whose client is gone, and those that a replayed CREATE means ([MS-SMB2] 3.3.1.10, 3.3.2.2, 3.3.5.9.10).

Theory of operation. While its connection lives an open with a `Durability` is an open like any other. When the
connection goes it enters `DetachedOpens` with a deadline, and leaves by being taken back, by its end, or because it is
due. `CreateGuids` is the other way to find an open: by the guid its CREATE carried. Values only: the time is an
argument, whoever owns the timers looks at `next_deadline`.
"""

from typing import Final

from smbserver.sharing.durable import NO_GUID, CreateKey, Durability
from smbserver.sharing.holder import Holder

MILLISECOND: Final = 10_000  # FILETIME units

MAX_DETACHED: Final = 8192  # of the server: each costs a descriptor, and nobody is there who could close it
MAX_DETACHED_PER_CLIENT: Final = 2048  # by ClientGuid: one client cannot take all of the room


class DetachedOpens:
    """The opens whose connection is gone, by persistent id."""

    def __init__(self) -> None:
        self._opens: dict[int, tuple[Holder, Durability]] = {}
        self._per_client: dict[bytes, int] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._opens)

    def add(self, number: int, opened: Holder, durability: Durability, now: int) -> bool:
        """Keep an open until its deadline. False when there is no room for another one of this client."""
        client = durability.key.client_guid
        count = self._per_client.get(client, 0)
        if len(self._opens) >= MAX_DETACHED or count >= MAX_DETACHED_PER_CLIENT:
            return False
        durability.deadline = now + durability.timeout * MILLISECOND
        self._opens[number] = opened, durability
        self._per_client[client] = count + 1
        return True

    def find(self, number: int) -> Holder | None:
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

    def due(self, now: int) -> list[Holder]:
        """Those whose time is over; they are still here until they are removed."""
        return [
            opened
            for opened, durability in self._opens.values()
            if durability.deadline is not None and durability.deadline <= now
        ]

    def all(self) -> list[Holder]:
        """Every one."""
        return [opened for opened, _ in self._opens.values()]

    def next_deadline(self) -> int | None:
        """When the next one is due; None when there is none."""
        deadlines = [each.deadline for _, each in self._opens.values() if each.deadline is not None]
        return min(deadlines, default=None)


class CreateGuids:
    """Which CREATE a replay means: those under way, and the opens still to be replayed (Open.IsReplayEligible)."""

    def __init__(self) -> None:
        self._under_way: set[CreateKey] = set()
        self._opens: dict[CreateKey, Holder] = {}

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

    def add(self, key: CreateKey, opened: Holder) -> None:
        """The CREATE has made an open. A later open with the same key takes the place of an earlier one."""
        if key.create_guid != NO_GUID:
            self._opens[key] = opened

    def find(self, key: CreateKey) -> Holder | None:
        """The open that a CREATE with this key made, if it can still be replayed."""
        return self._opens.get(key)

    def remove(self, key: CreateKey, opened: Holder) -> None:
        """The open was used or has ended. Nothing happens when the key means another open by now."""
        if self._opens.get(key) is opened:
            del self._opens[key]
