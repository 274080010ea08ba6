"""AppleDouble files, `._NAME`: what macOS lays beside a file where there are no streams.

RFC 1740 says what they are: entries with an offset and a length each. Behind FinderInfo Apple keeps extended attributes
(the header ATTR); its public source (copyfile.c, vfs_xattr.c) is what there is about them. Numbers are big endian.
"""

from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

MAGIC: Final = b"\x00\x05\x16\x07\x00\x02\x00\x00"  # AppleDouble, version 2
HEADER: Final = Struct(">8s16sH")  # magic and version, who made it, how many entries
ENTRY: Final = Struct(">III")  # what it is, offset, length
RESOURCE_FORK: Final = 2
FINDER_INFO: Final = 9
FINDER_INFO_SIZE: Final = 32

_PADDING: Final = 2
ATTRIBUTES: Final = Struct(">4sIIII12xHH")  # ATTR, tag, total size, start and length of data, flags, how many
ATTRIBUTES_MAGIC: Final = b"ATTR"
ATTRIBUTE: Final = Struct(">IIHB")  # offset and length of the value, flags, length of the name with its NUL
_ALIGNMENT: Final = 4

MAX_ENTRIES: Final = 64  # RFC 1740 knows 15 kinds, each once
MAX_ATTRIBUTES: Final = 1024  # Apple's header has 64 KiB for all names
# What macOS writes where there is no fork: a resource map without resources, 286 bytes with this text in them.
_BLANK_SIZE: Final = 286
_BLANK: Final = b"This resource fork intentionally left blank"


class AppleDouble(NamedTuple):
    """`finder_info` is 32 bytes, None without any; `resource_fork` is empty where there is none."""

    finder_info: bytes | None
    attributes: tuple[tuple[str, bytes], ...]
    resource_fork: bytes


def decode(data: bytes) -> AppleDouble:
    """Read a whole file. Raises WireError for what it is not, and for what has more than this record can hold."""
    if len(data) < HEADER.size:
        raise WireError("too short for an AppleDouble file")
    magic, _, count = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise WireError("no AppleDouble file of version 2")
    first = HEADER.size + count * ENTRY.size
    if count > MAX_ENTRIES or first > len(data):
        raise WireError(f"{count} entries in {len(data)} bytes")
    found: dict[int, tuple[int, int]] = {}
    for index in range(count):
        kind, offset, length = ENTRY.unpack_from(data, HEADER.size + index * ENTRY.size)
        if not length:
            continue
        if kind not in (RESOURCE_FORK, FINDER_INFO) or kind in found:
            raise WireError(f"an entry of kind {kind} has no place in streams")
        if offset < first or offset + length > len(data):
            raise WireError(f"entry of {length} bytes at {offset} in a file of {len(data)}")
        found[kind] = (offset, length)
    offset, length = found.get(RESOURCE_FORK, (0, 0))
    fork = data[offset : offset + length]
    if length == _BLANK_SIZE and _BLANK in fork:
        fork = b""
    if FINDER_INFO not in found:
        return AppleDouble(None, (), fork)
    offset, length = found[FINDER_INFO]
    if length < FINDER_INFO_SIZE:
        raise WireError(f"FinderInfo of {length} bytes")
    info = data[offset : offset + FINDER_INFO_SIZE]
    attributes = _attributes(data, offset + FINDER_INFO_SIZE, offset + length)
    return AppleDouble(info if any(info) else None, attributes, fork)


def _attributes(data: bytes, start: int, end: int) -> tuple[tuple[str, bytes], ...]:
    """What is behind FinderInfo, in `start` to `end`; the values may be anywhere in the file behind their header."""
    header = start + _PADDING
    if header + ATTRIBUTES.size > end or data[header : header + len(ATTRIBUTES_MAGIC)] != ATTRIBUTES_MAGIC:
        if any(data[start:end]):
            raise WireError("something unknown behind FinderInfo")
        return ()
    count = ATTRIBUTES.unpack_from(data, header)[-1]
    if count > MAX_ATTRIBUTES:
        raise WireError(f"{count} attributes")
    place = header + ATTRIBUTES.size
    found: list[tuple[str, int, int]] = []
    for _ in range(count):
        if place + ATTRIBUTE.size > end:
            raise WireError("attributes cut short")
        offset, length, _, name_length = ATTRIBUTE.unpack_from(data, place)
        place += ATTRIBUTE.size
        if place + name_length > end:
            raise WireError("the name of an attribute leaves its entry")
        found.append((_name(data[place : place + name_length]), offset, length))
        place += name_length
        place += -(ATTRIBUTE.size + name_length) % _ALIGNMENT
    taken = 0
    for _, offset, length in found:
        taken += length
        # Together as well: many that share one value would be more than the file has.
        if length and (offset < place or offset + length > len(data) or taken > len(data)):
            raise WireError(f"attribute of {length} bytes at {offset} in a file of {len(data)}")
    return tuple((name, data[offset : offset + length]) for name, offset, length in found)


def _name(raw: bytes) -> str:
    if len(raw) < 2 or raw[-1] or 0 in raw[:-1]:
        raise WireError("the name of an attribute does not end where it should")
    try:
        return raw[:-1].decode()
    except UnicodeDecodeError:
        raise WireError("the name of an attribute is not UTF-8") from None


def encode(double: AppleDouble) -> bytes:
    """The bytes of such a file, as macOS lays them out."""
    start = HEADER.size + 2 * ENTRY.size
    names = [(name.encode() + b"\0", value) for name, value in double.attributes]
    head = bytearray((double.finder_info or bytes(FINDER_INFO_SIZE)) + bytes(_PADDING))
    if names:
        sizes = [ATTRIBUTE.size + len(name) + -(ATTRIBUTE.size + len(name)) % _ALIGNMENT for name, _ in names]
        offset = values = start + len(head) + ATTRIBUTES.size + sum(sizes)
        length = sum(len(value) for _, value in names)
        head += ATTRIBUTES.pack(ATTRIBUTES_MAGIC, 0, values + length, values, length, 0, len(names))
        for (name, value), size in zip(names, sizes, strict=True):
            head += (ATTRIBUTE.pack(offset, len(value), 0, len(name)) + name).ljust(size, b"\0")
            offset += len(value)
        head += b"".join(value for _, value in names)
    entries = ENTRY.pack(FINDER_INFO, start, len(head))
    entries += ENTRY.pack(RESOURCE_FORK, start + len(head), len(double.resource_fork))
    return HEADER.pack(MAGIC, b"Mac OS X".ljust(16), 2) + entries + bytes(head) + double.resource_fork
