"""SMB2 LOCK ([MS-SMB2] 2.2.26, 2.2.27)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

SHARED_LOCK: Final = 0x1
EXCLUSIVE_LOCK: Final = 0x2
UNLOCK: Final = 0x4
FAIL_IMMEDIATELY: Final = 0x10

REQUEST: Final = Struct("<HHIQQ")
ELEMENT: Final = Struct("<QQII")
RESPONSE_BODY: Final = b"\x04\0\0\0"
FILE_ID_OFFSET: Final = HEADER_SIZE + 8
MAX_LOCKS: Final = 64  # per request; clients send one, rarely a handful


class LockElement(NamedTuple):
    """One range: `length` bytes at `offset`."""

    offset: int
    length: int
    flags: int
    reserved: int


class LockRequest(NamedTuple):
    """Ranges to lock or unlock, all or none. `lock_sequence` is LockSequenceNumber and -Index as one number."""

    lock_sequence: int
    persistent_id: int
    volatile_id: int
    locks: tuple[LockElement, ...]

    @property
    def sequence_number(self) -> int:
        """LockSequenceNumber: the low four bits; a replay repeats it."""
        return self.lock_sequence & 0xF

    @property
    def sequence_index(self) -> int:
        """LockSequenceIndex: 1 to 64 names an entry of the open's LockSequenceArray, 0 none."""
        return self.lock_sequence >> 4


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


def encode(request: LockRequest) -> bytes:
    """The body of a request."""
    head = REQUEST.pack(48, len(request.locks), request.lock_sequence, request.persistent_id, request.volatile_id)
    return head + b"".join(ELEMENT.pack(*element) for element in request.locks)
