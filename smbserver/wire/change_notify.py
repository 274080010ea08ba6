"""SMB2 CHANGE_NOTIFY request ([MS-SMB2] 2.2.35)."""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.header import SIZE as HEADER_SIZE

WATCH_TREE: Final = 0x0001

REQUEST = Struct("<HHIQQII")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8


class ChangeNotifyRequest(NamedTuple):
    """Which changes of a directory the client wants to hear of."""

    flags: int
    output_buffer_length: int
    persistent_id: int
    volatile_id: int
    completion_filter: int


def decode(message: memoryview) -> ChangeNotifyRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short CHANGE_NOTIFY")
    _, flags, room, persistent, volatile, completion, _ = REQUEST.unpack_from(message, HEADER_SIZE)
    return ChangeNotifyRequest(flags, room, persistent, volatile, completion)
