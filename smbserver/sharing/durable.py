"""Which opens outlive their connection, and how a client names an open again ([MS-SMB2] 3.3.1.10, 3.3.2.2, 3.3.5.9.10).

An open that asked for it has a `Durability`; all others have None. The tables of such opens are in `detached`.
"""

from typing import Final, NamedTuple

NO_GUID: Final = bytes(16)


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
