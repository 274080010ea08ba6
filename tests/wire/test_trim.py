"""FILE_LEVEL_TRIM: bytes by the book, and counts that lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import trim as wire
from tests.wire.checks import accepted, damaged, damages, quick, tolerate

RANGES = [(0, 65536), (1 << 63, 2**64 - 1)]


def test_golden() -> None:
    data = wire.encode(RANGES)
    assert data.hex() == "00000000" + "02000000" + "00" * 8 + "0000010000000000" + "00" * 7 + "80" + "ff" * 8
    assert wire.decode(memoryview(data)) == RANGES
    assert accepted(wire.decode, memoryview(data)) == [len(data)]
    assert wire.encode_response(7) == b"\7\0\0\0"
    assert wire.decode_response(memoryview(b"\7\0\0\0")) == 7
    assert accepted(wire.decode_response, memoryview(bytes(4))) == [4]


@pytest.mark.parametrize("count", [0, 3, wire.MAX_RANGES + 1, 0x10000000, 0xFFFFFFFF])
def test_counts_that_lie(count: int) -> None:
    data = bytearray(wire.encode(RANGES))
    data[4:8] = count.to_bytes(4, "little")
    with pytest.raises(WireError):
        wire.decode(memoryview(data))


_numbers = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(_numbers, _numbers), min_size=1, max_size=5), damages(), st.binary(max_size=60))
@quick
def test_any_ranges(ranges: list[tuple[int, int]], damage: list[tuple[int, bytes]], junk: bytes) -> None:
    data = wire.encode(ranges)
    assert wire.decode(memoryview(data + junk)) == ranges
    tolerate(wire.decode, damaged(memoryview(data), damage, 0))
    tolerate(wire.decode, memoryview(junk))
