"""Directory, information, notification and control requests and their replies ([MS-SMB2] 2.2.31 - 2.2.40)."""

import struct
from typing import Final, NamedTuple

from .commands import fixed
from .message import HEADER_SIZE, Reply, Request
from .protocol import CHANGE_NOTIFY, IOCTL, QUERY_DIRECTORY, QUERY_INFO, SET_INFO, ProtocolFailure

RESTART_SCANS: Final = 0x01
RETURN_SINGLE_ENTRY: Final = 0x02
INDEX_SPECIFIED: Final = 0x04
REOPEN: Final = 0x10

# Directory classes, [MS-FSCC] 2.4: what stands between the sizes and the name, as (number, bytes before the name).
FILE_DIRECTORY: Final = 1
FILE_FULL_DIRECTORY: Final = 2
FILE_BOTH_DIRECTORY: Final = 3
FILE_NAMES: Final = 12
FILE_ID_BOTH_DIRECTORY: Final = 37
FILE_ID_FULL_DIRECTORY: Final = 38
FILE_ID_EXTD_DIRECTORY: Final = 60
FILE_ID_EXTD_BOTH_DIRECTORY: Final = 63
FILE_ID_64_EXTD_DIRECTORY: Final = 78
FILE_ID_64_EXTD_BOTH_DIRECTORY: Final = 79
FILE_ID_ALL_EXTD_DIRECTORY: Final = 80
FILE_ID_ALL_EXTD_BOTH_DIRECTORY: Final = 81
_NAME_AT: Final = {
    FILE_DIRECTORY: 64,
    FILE_FULL_DIRECTORY: 68,
    FILE_BOTH_DIRECTORY: 94,
    FILE_NAMES: 12,
    FILE_ID_BOTH_DIRECTORY: 104,
    FILE_ID_FULL_DIRECTORY: 80,
    FILE_ID_EXTD_DIRECTORY: 88,
    FILE_ID_EXTD_BOTH_DIRECTORY: 114,
    FILE_ID_64_EXTD_DIRECTORY: 80,
    FILE_ID_64_EXTD_BOTH_DIRECTORY: 106,
    FILE_ID_ALL_EXTD_DIRECTORY: 96,
    FILE_ID_ALL_EXTD_BOTH_DIRECTORY: 122,
}

FILE_BASIC: Final = 4
FILE_STANDARD: Final = 5
FILE_RENAME: Final = 10
FILE_DISPOSITION: Final = 13
FILE_ALL: Final = 18
FILE_ALLOCATION: Final = 19
FILE_END_OF_FILE: Final = 20
FILE_NETWORK_OPEN: Final = 34

WATCH_TREE: Final = 1
NOTIFY_FILE_NAME: Final = 0x1
NOTIFY_DIR_NAME: Final = 0x2
NOTIFY_ALL: Final = 0xFFF
IOCTL_IS_FSCTL: Final = 1
NO_FILE_ID: Final = b"\xff" * 16


def query_directory(
    file_id: bytes, pattern: str = "*", kind: int = FILE_ID_BOTH_DIRECTORY, length: int = 65536, flags: int = 0
) -> Request:
    """QUERY_DIRECTORY, section 2.2.33. `length` is the room for entries in bytes."""
    name = pattern.encode("utf-16-le")
    body = struct.pack("<HBBI16sHHI", 33, kind, flags, 0, file_id, HEADER_SIZE + 32, len(name), length)
    return Request(QUERY_DIRECTORY, body + (name or b"\0"), span=length)


def decode_buffer(reply: Reply) -> bytes:
    """The output buffer of QUERY_DIRECTORY, QUERY_INFO and CHANGE_NOTIFY replies, which share their form."""
    offset, length = fixed(reply, "HI", 9)
    return reply.at(offset, length)


class Entry(NamedTuple):
    """One directory entry. Times are FILETIMEs, sizes bytes; zero or empty where the class does not carry it."""

    name: str
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    end_of_file: int = 0
    allocation_size: int = 0
    attributes: int = 0
    ea_size: int = 0
    short_name: str = ""
    file_id: int = 0


def decode_entries(data: bytes, kind: int = FILE_ID_BOTH_DIRECTORY) -> list[Entry]:
    """The entries in an output buffer; raises ProtocolFailure when the chain leaves its bounds or is not aligned."""
    name_at = _NAME_AT[kind]
    entries: list[Entry] = []
    offset = 0
    while data:
        if offset + name_at > len(data):
            raise ProtocolFailure("a directory entry outside its buffer")
        step = int.from_bytes(data[offset : offset + 4], "little")
        size_at = offset + (8 if kind == FILE_NAMES else 60)
        size = int.from_bytes(data[size_at : size_at + 4], "little")
        raw_name = data[offset + name_at : offset + name_at + size]
        if len(raw_name) != size or step % 8 or (step and step < name_at + size):
            raise ProtocolFailure("a directory entry overlaps the next, or its name is cut short")
        name = raw_name.decode("utf-16-le", "surrogatepass")
        if kind == FILE_NAMES:
            entries.append(Entry(name))
        else:
            values = struct.unpack_from("<6QI", data, offset + 8)
            ea = 0 if kind == FILE_DIRECTORY else int.from_bytes(data[offset + 64 : offset + 68], "little")
            short, file_id = "", 0
            if kind in (FILE_BOTH_DIRECTORY, FILE_ID_BOTH_DIRECTORY):
                short = data[offset + 70 : offset + 70 + min(data[offset + 68], 24)].decode("utf-16-le", "replace")
            if kind in (FILE_ID_BOTH_DIRECTORY, FILE_ID_FULL_DIRECTORY):
                file_id = int.from_bytes(data[offset + name_at - 8 : offset + name_at], "little")
            if kind >= FILE_ID_EXTD_DIRECTORY:  # the lower half of a 128-bit id is the 64-bit one
                file_id = int.from_bytes(data[offset + 72 : offset + 80], "little")
            created, accessed, written, changed, end, allocated, attributes = values
            entries.append(
                Entry(name, created, accessed, written, changed, end, allocated, attributes, ea, short, file_id)
            )
        if step == 0:
            break
        offset += step
    return entries


def query_info(
    file_id: bytes,
    info_type: int,
    kind: int,
    length: int = 65536,
    additional: int = 0,
    flags: int = 0,
    data: bytes = b"",
) -> Request:
    """QUERY_INFO, section 2.2.37. `data` is the input buffer (quota, extended attributes)."""
    body = struct.pack(
        "<HBBIHHIII16s", 41, info_type, kind, length, HEADER_SIZE + 40 if data else 0, 0, len(data), additional, flags,
        file_id,
    )  # fmt: skip
    return Request(QUERY_INFO, body + (data or b"\0"), span=max(length, len(data)))


def set_info(file_id: bytes, info_type: int, kind: int, data: bytes, additional: int = 0) -> Request:
    """SET_INFO, section 2.2.39."""
    body = struct.pack("<HBBIHHI16s", 33, info_type, kind, len(data), HEADER_SIZE + 32, 0, additional, file_id)
    return Request(SET_INFO, body + (data or b"\0"), span=len(data))


def rename_data(name: str, replace: bool = False) -> bytes:
    """FileRenameInformation for SMB2, [MS-FSCC] 2.4.42.2. `name` is relative to the share."""
    encoded = name.encode("utf-16-le")
    return (struct.pack("<B7xQI", replace, 0, len(encoded)) + encoded).ljust(24, b"\0")


def basic_data(created: int = 0, accessed: int = 0, written: int = 0, changed: int = 0, attributes: int = 0) -> bytes:
    """FileBasicInformation, [MS-FSCC] 2.4.7; zero leaves a field as it is."""
    return struct.pack("<4QII", created, accessed, written, changed, attributes, 0)


class NetworkOpen(NamedTuple):
    """FileNetworkOpenInformation, [MS-FSCC] 2.4.34. Times are FILETIMEs, sizes bytes."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    attributes: int


def decode_network_open(data: bytes) -> NetworkOpen:
    """Reads FileNetworkOpenInformation."""
    if len(data) != 56:
        raise ProtocolFailure(f"FileNetworkOpenInformation of {len(data)} bytes")
    return NetworkOpen(*struct.unpack_from("<6QI", data))


def change_notify(file_id: bytes, completion_filter: int = NOTIFY_ALL, length: int = 4096, flags: int = 0) -> Request:
    """CHANGE_NOTIFY, section 2.2.35."""
    body = struct.pack("<HHI16sII", 32, flags, length, file_id, completion_filter, 0)
    return Request(CHANGE_NOTIFY, body, span=length)


def decode_changes(data: bytes) -> list[tuple[int, str]]:
    """Action and name of each FILE_NOTIFY_INFORMATION, [MS-FSCC] 2.7.1."""
    changes: list[tuple[int, str]] = []
    offset = 0
    while data:
        if offset + 12 > len(data):
            raise ProtocolFailure("a notification outside its buffer")
        step, action, size = struct.unpack_from("<III", data, offset)
        if offset + 12 + size > len(data) or step % 4:
            raise ProtocolFailure("a notification's name is cut short, or the next is not aligned")
        changes.append((action, data[offset + 12 : offset + 12 + size].decode("utf-16-le", "surrogatepass")))
        if step == 0:
            break
        offset += step
    return changes


def ioctl(
    code: int, data: bytes = b"", file_id: bytes = NO_FILE_ID, max_output: int = 65536, flags: int = IOCTL_IS_FSCTL
) -> Request:
    """IOCTL, section 2.2.31."""
    body = struct.pack(
        "<HHI16sIIIIIIII",
        57,
        0,
        code,
        file_id,
        HEADER_SIZE + 56 if data else 0,
        len(data),
        0,
        0,
        0,
        max_output,
        flags,
        0,
    )
    return Request(IOCTL, body + (data or b"\0"), span=max(len(data), max_output))


def decode_ioctl(reply: Reply) -> bytes:
    """The output buffer of an IOCTL reply, section 2.2.32."""
    values = fixed(reply, "HIQQIIIIII", 49)
    return reply.at(values[6], values[7])
