"""SMB2 CHANGE_NOTIFY ([MS-SMB2] 2.2.35, 2.2.36) and its list of changes ([MS-FSCC] 2.7.1)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.wire.bounds import chained, check_body, counted_text, field, raw_text
from smbserver.wire.header import SIZE as HEADER_SIZE

WATCH_TREE: Final = 0x0001

REQUEST: Final = Struct("<HHIQQII")
RESPONSE: Final = Struct("<HHI")
ENTRY: Final = Struct("<III")
FILE_ID_OFFSET: Final = HEADER_SIZE + 8


class ChangeNotifyRequest(NamedTuple):
    """Which changes of a directory the client wants to hear of."""

    flags: int
    output_buffer_length: int
    persistent_id: int
    volatile_id: int
    completion_filter: int


class NotifyEntry(NamedTuple):
    """One change; `name` is relative to the watched directory, with backslashes."""

    action: int
    name: str


def decode(message: memoryview) -> ChangeNotifyRequest:
    """Read a request. Raises WireError."""
    if len(message) < HEADER_SIZE + REQUEST.size:
        raise WireError("short CHANGE_NOTIFY")
    _, flags, room, persistent, volatile, completion, _ = REQUEST.unpack_from(message, HEADER_SIZE)
    return ChangeNotifyRequest(flags, room, persistent, volatile, completion)


def encode(request: ChangeNotifyRequest) -> bytes:
    """The body of a request."""
    return REQUEST.pack(32, *request, 0)


def encode_entries(entries: Sequence[NotifyEntry]) -> bytes:
    """FILE_NOTIFY_INFORMATION for each change: each padded to 4, also the last, which leads nowhere."""
    encoded = []
    for index, entry in enumerate(entries, 1):
        name = raw_text(entry.name)
        size = ENTRY.size + len(name)
        padded = size + -size % 4
        head = ENTRY.pack(padded if index < len(entries) else 0, entry.action, len(name))
        encoded.append((head + name).ljust(padded, b"\0"))
    return b"".join(encoded)


def decode_entries(data: memoryview) -> tuple[NotifyEntry, ...]:
    """Read a list of changes. Raises WireError; no data is an empty list."""
    entries = []
    for raw in chained(data, ENTRY.size, 4):
        _, action, length = ENTRY.unpack_from(raw)
        entries.append(NotifyEntry(action, counted_text(raw, ENTRY.size, length)))
    return tuple(entries)


def encode_response(data: bytes) -> bytes:
    """The body with an encoded list. An empty one, with NOTIFY_ENUM_DIR, tells the client to look for itself."""
    return RESPONSE.pack(9, HEADER_SIZE + RESPONSE.size if data else 0, len(data)) + data


def decode_response(message: memoryview) -> tuple[NotifyEntry, ...]:
    """Read a reply. Raises WireError."""
    check_body(message, RESPONSE, 9)
    _, offset, length = RESPONSE.unpack_from(message, HEADER_SIZE)
    return decode_entries(field(message, offset, length, HEADER_SIZE + RESPONSE.size))
