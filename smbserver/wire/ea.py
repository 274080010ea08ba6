"""Lists of EAs: FILE_FULL_EA_INFORMATION and FILE_GET_EA_INFORMATION ([MS-FSCC] 2.4.16)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from smbserver.errors import StatusError, WireError
from smbserver.nt import status
from smbserver.nt.extended_attributes import Ea, check
from smbserver.wire.bounds import chained

FULL_EA: Final = 15
_FULL: Final = Struct("<IBBH")
_GET: Final = Struct("<IB")
FIXED_SIZE: Final = _FULL.size
# Twice the largest list that a file can have. It bounds the work for one request, which may have eight MiB.
MAX_BUFFER: Final = 128 * 1024


def decode_full(data: memoryview) -> list[Ea]:
    """A list to be set; names and flags are not judged here. Raises WireError, also when there is none."""
    eas = []
    for entry in _entries(data, _FULL):
        _, flags, name_length, value_length = _FULL.unpack_from(entry)
        name_end = _FULL.size + name_length
        value = bytes(entry[name_end + 1 : name_end + 1 + value_length])
        if len(value) != value_length:
            raise WireError("value of an EA leaves its entry")
        eas.append(Ea(_name(entry, _FULL.size, name_end), value, flags))
    return eas


def wanted_changes(data: memoryview) -> list[Ea]:
    """As `decode_full`, with names and flags judged. Raises StatusError EA_LIST_INCONSISTENT, INVALID_EA_NAME."""
    try:
        eas = decode_full(data)
    except WireError as error:
        raise StatusError(status.EA_LIST_INCONSISTENT) from error
    check(eas)
    return eas


def encode_full(eas: Sequence[Ea]) -> bytes:
    """All of the list: every entry but the last is padded to 4 and leads to the next."""
    return fill(eas, MAX_BUFFER * len(eas))[0]


def fill(eas: Sequence[Ea], room: int) -> tuple[bytes, int]:
    """As many whole entries as `room` bytes hold, and how many those are."""
    encoded = bytearray()
    last = count = 0
    for ea in eas:
        start = len(encoded) + -len(encoded) % 4
        if start + _FULL.size + len(ea.name) + 1 + len(ea.value) > room:
            break
        if count:
            encoded[last : last + 4] = (start - last).to_bytes(4, "little")
            encoded.extend(bytes(start - len(encoded)))
        encoded += _FULL.pack(0, ea.flags, len(ea.name), len(ea.value)) + ea.name + b"\0" + ea.value
        last = start
        count += 1
    return bytes(encoded), count


def decode_names(data: memoryview) -> list[bytes]:
    """The names asked for; none for no data. Raises WireError."""
    names = []
    if data:
        for entry in _entries(data, _GET):
            names.append(_name(entry, _GET.size, _GET.size + _GET.unpack_from(entry)[1]))
    return names


def encode_names(names: Sequence[bytes]) -> bytes:
    """A list of names to ask for."""
    encoded = []
    for index, name in enumerate(names, 1):
        size = _GET.size + len(name) + 1
        padded = size + -size % 4 if index < len(names) else 0
        encoded.append((_GET.pack(padded, len(name)) + name + b"\0").ljust(padded, b"\0"))
    return b"".join(encoded)


def _entries(data: memoryview, layout: Struct) -> list[memoryview]:
    if not data or len(data) > MAX_BUFFER:
        raise WireError(f"{len(data)} bytes are no list of EAs")
    return list(chained(data, layout.size + 1, 4))


def _name(entry: memoryview, start: int, end: int) -> bytes:
    if len(entry) <= end or entry[end] != 0:
        raise WireError("name of an EA without its end")
    return bytes(entry[start:end])
