"""SMB2 OPLOCK_BREAK: notifications, acknowledgements and replies of oplocks and leases ([MS-SMB2] 2.2.23 to 2.2.25).

Six messages share a command code. An oplock's three have one layout of 24 bytes; a lease's notification has 44, its
acknowledgement and the reply to that 36. Which one came is told by StructureSize.
"""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import check_body
from smbserver.wire.header import SIZE as HEADER_SIZE

LEVEL_NONE: Final = 0x00
LEVEL_II: Final = 0x01
LEVEL_EXCLUSIVE: Final = 0x08
LEVEL_BATCH: Final = 0x09
LEVEL_LEASE: Final = 0xFF

LEASE_NONE: Final = 0x00
LEASE_READ_CACHING: Final = 0x01
LEASE_HANDLE_CACHING: Final = 0x02
LEASE_WRITE_CACHING: Final = 0x04

NOTIFY_ACK_REQUIRED: Final = 0x01

OPLOCK: Final = Struct("<HBBIQQ")
LEASE_NOTIFICATION: Final = Struct("<HHI16sIIIII")
LEASE_ACKNOWLEDGEMENT: Final = Struct("<HHI16sIQ")
OPLOCK_SIZE: Final = 24
LEASE_NOTIFICATION_SIZE: Final = 44
LEASE_ACKNOWLEDGEMENT_SIZE: Final = 36
ANY_MESSAGE_ID: Final = 0xFFFFFFFFFFFFFFFF  # the MessageId of a notification, which answers nothing (3.3.4.6, 3.3.4.7)


class OplockBreak(NamedTuple):
    """The level to fall to (notification), that a client keeps (acknowledgement), that it now has (reply)."""

    oplock_level: int
    persistent_id: int
    volatile_id: int

    def encode(self) -> bytes:
        """The body; the same for all three messages."""
        return OPLOCK.pack(OPLOCK_SIZE, self.oplock_level, 0, 0, self.persistent_id, self.volatile_id)


class LeaseBreakNotification(NamedTuple):
    """A lease must become less. `new_epoch` counts the lease's changes; 0 for a lease of version 1."""

    new_epoch: int
    flags: int
    lease_key: bytes
    current_lease_state: int
    new_lease_state: int

    def encode(self) -> bytes:
        """The body; the last three fields are reserved."""
        return LEASE_NOTIFICATION.pack(LEASE_NOTIFICATION_SIZE, *self, 0, 0, 0)


class LeaseBreakAcknowledgement(NamedTuple):
    """The state that a client keeps; the reply repeats it."""

    lease_key: bytes
    lease_state: int

    def encode(self) -> bytes:
        """The body of an acknowledgement and of the reply to it."""
        return LEASE_ACKNOWLEDGEMENT.pack(LEASE_ACKNOWLEDGEMENT_SIZE, 0, 0, self.lease_key, self.lease_state, 0)


Acknowledgement = OplockBreak | LeaseBreakAcknowledgement


def decode(message: memoryview) -> Acknowledgement:
    """Read an acknowledgement of either kind. Raises WireError."""
    size = int.from_bytes(message[HEADER_SIZE : HEADER_SIZE + 2], "little")
    if size == LEASE_ACKNOWLEDGEMENT_SIZE:
        check_body(message, LEASE_ACKNOWLEDGEMENT, size)
        _, _, _, key, state, _ = LEASE_ACKNOWLEDGEMENT.unpack_from(message, HEADER_SIZE)
        return LeaseBreakAcknowledgement(key, state)
    check_body(message, OPLOCK, OPLOCK_SIZE)
    _, level, _, _, persistent, volatile = OPLOCK.unpack_from(message, HEADER_SIZE)
    return OplockBreak(level, persistent, volatile)


def decode_response(message: memoryview) -> Acknowledgement:
    """Read the reply to an acknowledgement (2.2.25): the same two layouts. Raises WireError."""
    return decode(message)


def decode_notification(message: memoryview) -> OplockBreak | LeaseBreakNotification:
    """Read a notification of either kind (2.2.23). Raises WireError."""
    size = int.from_bytes(message[HEADER_SIZE : HEADER_SIZE + 2], "little")
    if size == LEASE_NOTIFICATION_SIZE:
        check_body(message, LEASE_NOTIFICATION, size)
        return LeaseBreakNotification._make(LEASE_NOTIFICATION.unpack_from(message, HEADER_SIZE)[1:6])
    acknowledged = decode(message)
    if not isinstance(acknowledged, OplockBreak):
        raise WireError("a lease acknowledgement is no notification")
    return acknowledged
