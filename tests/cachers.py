"""Clients that cache, for tests with a `World`: opens with oplocks and leases, and the breaks that come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.client import commands, contexts
from conformance.client.protocol import GENERIC_READ, GENERIC_WRITE, OPEN_IF, OPLOCK_LEASE, SHARE_ALL
from conformance.client.session import File, Options
from smbserver.sharing.caching import HANDLE, READ, WRITE

if TYPE_CHECKING:
    from conformance.client.commands import LeaseBreak, OplockBreak
    from conformance.client.contexts import Lease
    from tests.harness import World

R, RH, RW, RWH = READ, READ | HANDLE, READ | WRITE, READ | HANDLE | WRITE
READ_WRITE = GENERIC_READ | GENERIC_WRITE


def key(number: int) -> bytes:
    """A lease key."""
    return number.to_bytes(16, "little")


class Cacher:
    """One client with a connection of its own."""

    def __init__(self, world: World, options: Options | None = None) -> None:
        self.tree = world.tree(options=options)
        self.connection = self.tree.session.connection

    def create(
        self,
        name: str,
        *,
        lease: int = 0,
        wanted: int = 0,
        parent: int = 0,
        version: int = 2,
        oplock: int = 0,
        access: int = READ_WRITE,
        disposition: int = OPEN_IF,
        options: int = 0,
        share: int = SHARE_ALL,
    ) -> int:
        """Send a CREATE; the message id. `lease` and `parent` are numbers of keys."""
        asked = (
            contexts.lease_v1(key(lease), wanted)
            if version == 1
            else contexts.lease_v2(key(lease), wanted, key(parent) if parent else None, 0x10)
        )
        request = commands.create(
            name,
            access=access,
            disposition=disposition,
            options=options,
            share=share,
            oplock=OPLOCK_LEASE if lease else oplock,
            contexts=[asked] if lease else [],
        )
        return self.tree.submit(request)

    def opened(self, message: int) -> File:
        """The open that a CREATE has made. Raises StatusFailure, NoAnswer."""
        return File(self.tree, commands.decode_create(self.connection.wait(message).check()))

    def open(self, name: str, **more: int) -> File:
        """A CREATE that need not wait."""
        return self.opened(self.create(name, **more))

    def next_break(self) -> LeaseBreak:
        """The oldest break, which is one of a lease. Raises NoAnswer when there is none."""
        told = commands.decode_break(self.connection.wait_unsolicited())
        assert isinstance(told, commands.LeaseBreak)
        return told

    def next_oplock_break(self) -> OplockBreak:
        """The oldest break, which is one of an oplock. Raises NoAnswer when there is none."""
        told = commands.decode_break(self.connection.wait_unsolicited())
        assert isinstance(told, commands.OplockBreak)
        return told

    def is_told(self) -> bool:
        """Whether a break is there."""
        frames = self.connection.frames
        while frames.buffered():
            self.connection.pump()
        return bool(self.connection.unsolicited)

    def answer_lease(self, lease: int, state: int) -> int:
        """The status of a lease break acknowledgement."""
        return self.tree.call(commands.lease_break_ack(key(lease), state)).status

    def answer_oplock(self, file: File, level: int) -> int:
        """The status of an oplock break acknowledgement."""
        return self.tree.call(commands.oplock_break_ack(file.file_id, level)).status


def granted(file: File) -> Lease:
    """The lease that the reply to a CREATE tells of."""
    return contexts.decode_lease(file.created.contexts[contexts.LEASE])
