"""Reads reply stubs of lsarpc and samr with struct alone, as a client would, and builds the requests' little parts."""

from __future__ import annotations

from struct import pack, unpack_from

HANDLE = 20


def unicode_string(value: str) -> bytes:
    """An RPC_UNICODE_STRING that is a parameter of its own."""
    encoded = value.encode("utf-16-le", "surrogatepass")
    units = len(encoded) // 2
    head = pack("<HHI", len(encoded), len(encoded), 0x20000)
    return head + pack("<III", units, 0, units) + encoded + bytes(-len(encoded) % 4)


def unicode_array(values: list[str]) -> bytes:
    """RPC_UNICODE_STRINGs behind one another, then their units."""
    encoded = [value.encode("utf-16-le", "surrogatepass") for value in values]
    heads = b"".join(pack("<HHI", len(each), len(each), 0x20000 + 4 * i) for i, each in enumerate(encoded))
    for each in encoded:
        heads += pack("<III", len(each) // 2, 0, len(each) // 2) + each + bytes(-len(each) % 4)
    return heads


def sid_bytes(sid: bytes) -> bytes:
    """A SID with its conformance in front."""
    return pack("<I", sid[1]) + sid


def sid_array(sids: list[bytes]) -> bytes:
    """LSAPR_SID_ENUM_BUFFER."""
    pointers = b"".join(pack("<I", 0x20004 + 4 * i) for i in range(len(sids)))
    return pack("<III", len(sids), 0x20000, len(sids)) + pointers + b"".join(map(sid_bytes, sids))


class Reply:
    """A cursor over a reply stub."""

    def __init__(self, stub: bytes) -> None:
        self.stub = stub
        self.offset = 0

    def _take(self, size: int, boundary: int) -> int:
        at = self.offset + -self.offset % boundary
        assert at + size <= len(self.stub), "the reply is too short"
        assert not any(self.stub[self.offset : at]), "the gap is not empty"
        self.offset = at + size
        return at

    def u16(self) -> int:
        return int(unpack_from("<H", self.stub, self._take(2, 2))[0])

    def u32(self) -> int:
        return int(unpack_from("<I", self.stub, self._take(4, 4))[0])

    def raw(self, size: int) -> bytes:
        at = self._take(size, 1)
        return self.stub[at : at + size]

    def handle(self) -> bytes:
        at = self._take(HANDLE, 4)
        return self.stub[at : at + HANDLE]

    def head(self) -> tuple[int, bool]:
        """The inline part of an RPC_UNICODE_STRING: bytes, and whether there is one."""
        self._take(0, 4)
        length, maximum = self.u16(), self.u16()
        assert maximum in (length, length + 2)
        return length, bool(self.u32())

    def units(self, head: tuple[int, bool]) -> str | None:
        """Its deferred part."""
        length, present = head
        if not present:
            return None
        maximum, offset, actual = self.u32(), self.u32(), self.u32()
        assert (offset, actual * 2) == (0, length)
        assert actual <= maximum
        return self.raw(length).decode("utf-16-le", "surrogatepass")

    def text(self) -> str | None:
        """A whole RPC_UNICODE_STRING."""
        return self.units(self.head())

    def sid(self) -> bytes:
        count = self.u32()
        value = self.raw(8 + 4 * count)
        assert value[:2] == bytes((1, count))
        return value

    def array(self) -> int:
        """A count, a pointer, and the count once more: how most lists begin. 0 for a null pointer."""
        count = self.u32()
        if not self.u32():
            assert count == 0
            return 0
        assert self.u32() == count
        return count

    def end(self) -> int:
        """The return code, which must be the last."""
        code = self.u32()
        assert self.offset == len(self.stub)
        return code
