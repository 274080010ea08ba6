"""Reads and writes values in NDR 2.0 (the transfer syntax `pdu.NDR`), bounded on both sides.

Alignment counts from the start of the stub, not of the PDU. A unique pointer is a 32-bit referent id, 0 for null; a
pointer that is a parameter of its own is followed by its referent at once, a pointer inside a structure has its
referent after the whole structure or array, in order ([C706] 14.3.12). Structures are tables of field kinds, so that
this order is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

from smbserver.errors import WireError

MAX_STRING_UNITS: Final = 4096
"""UTF-16 units of one string, terminator included: far above any name or comment, small enough to be harmless."""

MAX_ROWS: Final = 4096
"""Structures in one array that a client sends; clients send none, the container is theirs to leave empty."""

MAX_ARRAY_BYTES: Final = 64 * 1024
"""Of one array of bytes that a client sends; more does not fit into a call."""

HANDLE_SIZE: Final = 20
"""A context handle: attributes and a UUID ([C706] 14.3.12.1)."""
NO_HANDLE: Final = bytes(HANDLE_SIZE)

MAX_SUB_AUTHORITIES: Final = 15
"""[MS-DTYP] 2.4.2.3."""

FIRST_REFERENT: Final = 0x00020000
"""Where referent ids begin, as peers do it; any value but 0 would do."""

DWORD: Final = 1
STRING: Final = 2
"""[string] wchar_t *: a unique pointer to a conformant varying UTF-16 string."""
BYTES: Final = 3
"""[size_is] unsigned char *: a unique pointer to a conformant array of bytes."""
WORD: Final = 4
"""unsigned short, and every enum without v1_enum."""
BYTE: Final = 5
"""unsigned char, boolean."""
HYPER: Final = 6
"""hyper, LARGE_INTEGER: 64 bits aligned to 8."""
LONGS: Final = 7
"""OLD_LARGE_INTEGER: 64 bits as two longs, aligned to 4 ([MS-SAMR] 2.2.2.2)."""
UNICODE: Final = 8
"""RPC_UNICODE_STRING: two lengths in bytes and a pointer to units without a terminator ([MS-DTYP] 2.3.10)."""
UNICODE_LARGE: Final = 9
"""The same with room for a terminator: Windows's tools run names together that have none."""
SID: Final = 10
"""PRPC_SID: a unique pointer to a SID, whose number of sub-authorities stands in front ([MS-DTYP] 2.4.2.3)."""
GUID: Final = 11
"""16 bytes, little-endian, aligned to 4."""
HOURS: Final = 12
"""SAMPR_LOGON_HOURS: units per week, and a pointer to as many bits ([MS-SAMR] 2.2.6.5)."""
HANDLE: Final = 13
"""A context handle."""

_ALIGNMENT: Final = {WORD: 2, BYTE: 1, HYPER: 8}
_SHORT_UNIT_ARRAY: Final = 1260
"""Bytes for which SAMPR_LOGON_HOURS has room, whatever it holds."""

Layout = tuple[int, ...]
"""The kinds of a structure's fields, in order."""

Value = int | str | bytes | None
"""A field: int for numbers, str for texts, bytes for the others; None is the null pointer."""

Row = tuple[Value, ...]

_U16 = {False: Struct("<H"), True: Struct(">H")}
_U32 = {False: Struct("<I"), True: Struct(">I")}
_THREE_U32 = {False: Struct("<III"), True: Struct(">III")}
_HANDLE = Struct("<IIHH8s")
_NUMBERS: Final = {WORD: (2, 2), BYTE: (1, 1), HYPER: (8, 8), LONGS: (4, 8)}
"""Alignment and size in bytes of the numbers that are no DWORD."""
_POINTERS: Final = frozenset((STRING, BYTES, SID))
_LITTLE_U32 = _U32[False]
_LITTLE_THREE_U32 = _THREE_U32[False]


class NdrReader:
    """A cursor over one request stub. Every method raises WireError when the bytes do not suffice or break a limit.

    What follows the last parameter (padding, a verification trailer) is nobody's concern and stays unread.
    """

    __slots__ = ("_big_endian", "_offset", "_stub", "_utf16")

    def __init__(self, stub: bytes | bytearray | memoryview, *, big_endian: bool = False) -> None:
        """Reads from the start of `stub`, in the byte order that the PDU's data representation names."""
        self._stub = memoryview(stub)
        self._offset = 0
        self._big_endian = big_endian
        self._utf16 = "utf-16-be" if big_endian else "utf-16-le"

    @property
    def remaining(self) -> int:
        """Bytes behind the cursor."""
        return len(self._stub) - self._offset

    def align(self, boundary: int) -> None:
        """Skips the gap before a value of that alignment; what is in the gap is ignored ([MS-RPCE] 3.1.1.5.3.2.2.6)."""
        self._take(-self._offset % boundary)

    def raw(self, length: int) -> bytes:
        """That many bytes as they are, without alignment."""
        at = self._take(length)
        return bytes(self._stub[at : at + length])

    def u8(self) -> int:
        """An unsigned char."""
        at = self._take(1)
        return self._stub[at]

    def u16(self) -> int:
        """An unsigned short."""
        self.align(2)
        at = self._take(2)
        return int(_U16[self._big_endian].unpack_from(self._stub, at)[0])

    def u32(self) -> int:
        """An unsigned long: DWORD, a count, a union's tag."""
        self.align(4)
        at = self._take(4)
        return int(_U32[self._big_endian].unpack_from(self._stub, at)[0])

    def pointer(self) -> bool:
        """A unique pointer's referent id; whether a referent follows."""
        return self.u32() != 0

    def optional_u32(self) -> int | None:
        """A parameter of type [unique] DWORD *."""
        return self.u32() if self.pointer() else None

    def string(self) -> str:
        """A conformant varying string of UTF-16 units with its terminator ([C706] 14.3.4.2), returned without it."""
        self.align(4)
        at = self._take(12)
        maximum, offset, actual = _THREE_U32[self._big_endian].unpack_from(self._stub, at)
        if offset != 0 or not 1 <= actual <= maximum or actual > MAX_STRING_UNITS:
            raise WireError(f"string of {actual} units at {offset} in a field of {maximum}")
        at = self._take(2 * actual)
        # surrogatepass: an unpaired surrogate is a legal NT name and must come back as it came
        text = bytes(self._stub[at : at + 2 * actual]).decode(self._utf16, "surrogatepass")
        if text[-1] != "\0":
            raise WireError("string without its terminator")
        # impacket fills ServerName up with NULs; as everywhere in C, the first one ends the text
        return text.partition("\0")[0]

    def optional_string(self) -> str | None:
        """A parameter of type [string, unique] wchar_t *, such as every ServerName."""
        return self.string() if self.pointer() else None

    def octets(self) -> bytes:
        """A conformant array of bytes."""
        count = self.u32()
        if count > MAX_ARRAY_BYTES:
            raise WireError(f"array of {count} bytes")
        return self.raw(count)

    def handle(self) -> bytes:
        """A context handle, as HANDLE_SIZE bytes in our own byte order."""
        attributes, low = self.u32(), self.u32()
        middle, high = self.u16(), self.u16()
        return _HANDLE.pack(attributes, low, middle, high, self.raw(8))

    def unicode(self) -> str | None:
        """An RPC_UNICODE_STRING that is a parameter: the structure and then its units; None is the null pointer."""
        length = self._unicode_head()
        return None if length is None else self._units(length)

    def optional_unicode(self) -> str | None:
        """A parameter of type [unique] PRPC_UNICODE_STRING."""
        return self.unicode() if self.pointer() else None

    def unicode_array(self, count: int, limit: int) -> list[str | None]:
        """`count` RPC_UNICODE_STRINGs behind one another, then their units. More than `limit` are refused."""
        self._check_count(count, limit, 8)
        lengths = [self._unicode_head() for _ in range(count)]
        return [None if length is None else self._units(length) for length in lengths]

    def sid(self) -> bytes:
        """A SID with its conformance in front, as the bytes that descriptors have."""
        count = self.u32()
        revision, stated = self.raw(2)
        authority = self.raw(6)
        if count != stated or count > MAX_SUB_AUTHORITIES or revision != 1:
            raise WireError(f"SID of revision {revision} with {stated} of {count} sub-authorities")
        parts = b"".join(self.u32().to_bytes(4, "little") for _ in range(count))
        return bytes((revision, stated)) + authority + parts

    def sid_array(self, limit: int) -> list[bytes]:
        """LSAPR_SID_ENUM_BUFFER: a count and a pointer to an array of pointers to SIDs, none of them null."""
        count = self.u32()
        if not self.pointer():
            if count:
                raise WireError(f"{count} SIDs and no array")
            return []
        if self.u32() != count:
            raise WireError("SIDs of two different numbers")
        self._check_count(count, limit, 4)
        if not all(self.pointer() for _ in range(count)):
            raise WireError("a null SID")
        return [self.sid() for _ in range(count)]

    def u32_array(self, count: int, limit: int) -> list[int]:
        """`count` unsigned longs behind one another; more than `limit` are refused."""
        self._check_count(count, limit, 4)
        return [self.u32() for _ in range(count)]

    def _check_count(self, count: int, limit: int, least: int) -> None:
        """Before anything is built: `least` is what one element takes at the very least."""
        if count > limit or count * least > self.remaining:
            raise WireError(f"array of {count} elements in {self.remaining} bytes, limit {limit}")

    def _unicode_head(self) -> int | None:
        """The length in bytes, or None for the null pointer."""
        self.align(4)
        length, maximum = self.u16(), self.u16()
        if not self.pointer():
            if length:
                raise WireError(f"string of {length} bytes behind a null pointer")
            return None
        if length % 2 or length > maximum:
            raise WireError(f"string of {length} bytes in a field of {maximum}")
        return length

    def _units(self, length: int) -> str:
        self.align(4)
        at = self._take(12)
        maximum, offset, actual = _THREE_U32[self._big_endian].unpack_from(self._stub, at)
        if offset != 0 or actual * 2 != length or actual > maximum:
            raise WireError(f"string of {actual} units at {offset} in a field of {maximum}, said to be {length} bytes")
        at = self._take(length)
        text = bytes(self._stub[at : at + length]).decode(self._utf16, "surrogatepass")
        # Samba's client counts the terminator in some names
        return text.partition("\0")[0]

    def rows(self, layout: Layout, count: int) -> list[Row]:
        """A conformant array of `count` structures with their deferred referents."""
        if self.u32() != count:
            raise WireError("structures of two different numbers")
        self._check_count(count, MAX_ROWS, 4 * len(layout))
        fixed = [[self.u32() for _ in layout] for _ in range(count)]
        return [tuple(map(self._referent, layout, words)) for words in fixed]

    def _referent(self, kind: int, word: int) -> Value:
        if kind == DWORD:
            return word
        if word == 0:
            return None
        return self.string() if kind == STRING else self.octets()

    def _take(self, length: int) -> int:
        start = self._offset
        if length > len(self._stub) - start:
            raise WireError(f"stub ends at {len(self._stub)}, {start + length} needed")
        self._offset = start + length
        return start


class NdrWriter:
    """One reply stub, little-endian. Callers pass values of ours, so a wrong kind is a TypeError and a bug, not a
    WireError.
    """

    __slots__ = ("_referents", "_stub")

    def __init__(self) -> None:
        self._stub = bytearray()
        self._referents = 0

    def stub(self) -> bytes:
        """What was written so far."""
        return bytes(self._stub)

    def __len__(self) -> int:
        return len(self._stub)

    def align(self, boundary: int) -> None:
        """Fills up to that boundary with zeros."""
        self._stub += bytes(-len(self._stub) % boundary)

    def raw(self, data: bytes) -> None:
        """Bytes as they are, without alignment."""
        self._stub += data

    def u32(self, value: int) -> None:
        """An unsigned long; negative values are written as their two's complement."""
        self.align(4)
        self._stub += _LITTLE_U32.pack(value & 0xFFFFFFFF)

    def pointer(self, present: bool = True) -> None:
        """A unique pointer: a fresh referent id, or null."""
        if not present:
            self.u32(0)
            return
        self.u32(FIRST_REFERENT + 4 * self._referents)
        self._referents += 1

    def optional_u32(self, value: int | None) -> None:
        """A parameter of type [unique] DWORD *."""
        self.pointer(value is not None)
        if value is not None:
            self.u32(value)

    def string(self, text: str) -> None:
        """A conformant varying string with its terminator; text behind a NUL or over MAX_STRING_UNITS is left out."""
        encoded = _string_bytes(text)
        units = len(encoded) // 2
        self.align(4)
        self._stub += _LITTLE_THREE_U32.pack(units, 0, units)
        self._stub += encoded

    def u16(self, value: int) -> None:
        """An unsigned short."""
        self.align(2)
        self._stub += value.to_bytes(2, "little")

    def handle(self, handle: bytes = NO_HANDLE) -> None:
        """A context handle."""
        self.align(4)
        self._stub += handle

    def sid(self, sid: bytes) -> None:
        """A SID with its conformance in front."""
        self.u32(sid[1])
        self._stub += sid

    def rows(self, layout: Layout, rows: Sequence[Row]) -> None:
        """A conformant array of structures: count, the fixed parts of all, then the referents of all."""
        self.u32(len(rows))
        self._structures(layout, rows)

    def counted_rows(self, layout: Layout, rows: Sequence[Row]) -> None:
        """A structure of a count and a pointer to an array, the way most lists of lsarpc and samr look."""
        self.u32(len(rows))
        self.pointer(bool(rows))
        if rows:
            self.rows(layout, rows)

    def structure(self, layout: Layout, row: Row) -> None:
        """One structure and its deferred referents."""
        self._structures(layout, (row,))

    def _structures(self, layout: Layout, rows: Sequence[Row]) -> None:
        alignment = max(_ALIGNMENT.get(kind, 4) for kind in layout)
        for row in rows:
            self.align(alignment)
            for kind, value in zip(layout, row, strict=True):
                self._fixed(kind, value)
        for row in rows:
            for kind, value in zip(layout, row, strict=True):
                if value is not None:
                    self._referent(kind, value)

    def _fixed(self, kind: int, value: Value) -> None:
        """What stands in the structure itself."""
        if isinstance(value, int):
            if kind == DWORD:
                self.u32(value)
            elif kind in _NUMBERS:
                boundary, size = _NUMBERS[kind]
                self.align(boundary)
                self._stub += (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
            else:
                raise TypeError(f"{value!r} in a field of kind {kind}")
        elif kind in (UNICODE, UNICODE_LARGE):
            length = 0 if value is None else len(_text_bytes(value))
            self.align(4)
            self.u16(length)
            self.u16(length + 2 * (kind == UNICODE_LARGE and value is not None))
            self.pointer(value is not None)
        elif kind == HOURS:
            self.u16(0 if value is None else 8 * len(value))
            self.pointer(value is not None)
        elif kind in (GUID, HANDLE) and isinstance(value, bytes):
            self.align(4)
            self._stub += value
        elif kind in _POINTERS:
            self.pointer(value is not None)
        else:
            raise TypeError(f"{value!r} in a field of kind {kind}")

    def _referent(self, kind: int, value: Value) -> None:
        """What stands behind the structure."""
        if isinstance(value, str):
            if kind == STRING:
                self.string(value)
            elif kind in (UNICODE, UNICODE_LARGE):
                encoded = _text_bytes(value)
                units = len(encoded) // 2
                self.align(4)
                self._stub += _LITTLE_THREE_U32.pack(units + (kind == UNICODE_LARGE), 0, units)
                self._stub += encoded
            else:
                raise TypeError(f"{value!r} in a field of kind {kind}")
        elif isinstance(value, bytes):
            if kind == BYTES:
                self.u32(len(value))
                self._stub += value
            elif kind == SID:
                self.sid(value)
            elif kind == HOURS:
                self.align(4)
                self._stub += _LITTLE_THREE_U32.pack(_SHORT_UNIT_ARRAY, 0, len(value))
                self._stub += value
            elif kind not in (GUID, HANDLE):
                raise TypeError(f"{value!r} in a field of kind {kind}")


def wire_size(layout: Layout, row: Row) -> int:
    """Bytes that the structure and its referents take in an array, the padding behind the last one included. For
    layouts of DWORD, STRING and BYTES.
    """
    size = 4 * len(layout)
    for kind, value in zip(layout, row, strict=True):
        if kind == STRING and isinstance(value, str):
            size += 12 + _padded(len(_string_bytes(value)))
        elif kind == BYTES and isinstance(value, bytes):
            size += 4 + _padded(len(value))
    return size


def _text_bytes(value: str | bytes) -> bytes:
    if isinstance(value, bytes):
        raise TypeError("bytes in a text field")
    return value.partition("\0")[0].encode("utf-16-le", "surrogatepass")[: 2 * (MAX_STRING_UNITS - 1)]


def _padded(length: int) -> int:
    return length + -length % 4


def _string_bytes(text: str) -> bytes:
    units = text.partition("\0")[0].encode("utf-16-le", "surrogatepass")
    return units[: 2 * (MAX_STRING_UNITS - 1)] + b"\0\0"
