"""SMB2 LOCK request ([MS-SMB2] 2.2.26)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

SHARED_LOCK: Final = 0x1
EXCLUSIVE_LOCK: Final = 0x2
UNLOCK: Final = 0x4
FAIL_IMMEDIATELY: Final = 0x10

REQUEST = Struct("<HHIQQ")
ELEMENT = Struct("<QQII")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8
MAX_LOCKS: Final = 64  # per request; clients send one, rarely a handful


class LockElement(NamedTuple):
    """One range: `length` bytes at `offset`."""

    offset: int
    length: int
    flags: int
    reserved: int


class LockRequest(NamedTuple):
    """Ranges to lock or unlock, all or none."""

    lock_sequence: int
    persistent_id: int
    volatile_id: int
    locks: tuple[LockElement, ...]


def decode(message: memoryview) -> LockRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short LOCK")
    _, count, sequence, persistent, volatile = REQUEST.unpack_from(message, HEADER_SIZE)
    start = HEADER_SIZE + REQUEST.size
    if not 0 < count <= MAX_LOCKS or len(message) < start + count * ELEMENT.size:
        raise WireError("LOCK without its elements")
    locks = tuple(
        LockElement._make(ELEMENT.unpack_from(message, start + index * ELEMENT.size)) for index in range(count)
    )
    return LockRequest(sequence, persistent, volatile, locks)
