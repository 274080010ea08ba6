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

FIRST_REFERENT: Final = 0x00020000
"""Where referent ids begin, as peers do it; any value but 0 would do."""

DWORD: Final = 1
STRING: Final = 2
"""[string] wchar_t *: a unique pointer to a conformant varying UTF-16 string."""
BYTES: Final = 3
"""[size_is] unsigned char *: a unique pointer to a conformant array of bytes."""

Layout = tuple[int, ...]
"""The kinds of a structure's fields, in order."""

Value = int | str | bytes | None
"""A field: int for DWORD, str for STRING, bytes for BYTES; None is the null pointer."""

Row = tuple[Value, ...]

_U16 = {False: Struct("<H"), True: Struct(">H")}
_U32 = {False: Struct("<I"), True: Struct(">I")}
_THREE_U32 = {False: Struct("<III"), True: Struct(">III")}
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
        return self.raw(self.u32())

    def rows(self, layout: Layout, count: int) -> list[Row]:
        """A conformant array of `count` structures with their deferred referents."""
        if self.u32() != count or count > MAX_ROWS:
            raise WireError(f"array of {count} structures")
        if count * 4 * len(layout) > self.remaining:
            raise WireError(f"{count} structures do not fit into {self.remaining} bytes")
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

    def rows(self, layout: Layout, rows: Sequence[Row]) -> None:
        """A conformant array of structures: count, the fixed parts of all, then the referents of all."""
        self.u32(len(rows))
        self._structures(layout, rows)

    def structure(self, layout: Layout, row: Row) -> None:
        """One structure and its deferred referents."""
        self._structures(layout, (row,))

    def _structures(self, layout: Layout, rows: Sequence[Row]) -> None:
        for row in rows:
            for kind, value in zip(layout, row, strict=True):
                if kind != DWORD:
                    self.pointer(value is not None)
                elif isinstance(value, int):
                    self.u32(value)
                else:
                    raise TypeError(f"{value!r} in a DWORD field")
        for row in rows:
            for kind, value in zip(layout, row, strict=True):
                if kind == DWORD or value is None:
                    continue
                if kind == STRING and isinstance(value, str):
                    self.string(value)
                elif kind == BYTES and isinstance(value, bytes):
                    self.u32(len(value))
                    self._stub += value
                else:
                    raise TypeError(f"{value!r} in a field of kind {kind}")


def wire_size(layout: Layout, row: Row) -> int:
    """Bytes that the structure and its referents take in an array, the padding behind the last one included."""
    size = 4 * len(layout)
    for kind, value in zip(layout, row, strict=True):
        if kind == STRING and isinstance(value, str):
            size += 12 + _padded(len(_string_bytes(value)))
        elif kind == BYTES and isinstance(value, bytes):
            size += 4 + _padded(len(value))
    return size


def _padded(length: int) -> int:
    return length + -length % 4


def _string_bytes(text: str) -> bytes:
    units = text.partition("\0")[0].encode("utf-16-le", "surrogatepass")
    return units[: 2 * (MAX_STRING_UNITS - 1)] + b"\0\0"
