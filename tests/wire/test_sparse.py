"""Structures of holes, regions and compression: bytes by the book, and what is cut short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import sparse as wire
from tests.wire.checks import accepted, quick, tolerate, up_to


def test_set_sparse() -> None:
    assert wire.decode_set_sparse(memoryview(b""))
    assert wire.decode_set_sparse(memoryview(b"\xff" + bytes(99)))
    assert not wire.decode_set_sparse(memoryview(bytes(100)))


def test_offsets() -> None:
    data = wire.encode_zero_data(wire.Offsets(-1, 1 << 40))
    assert data.hex() == "ffffffffffffffff" + "0000000000010000"
    assert wire.decode_zero_data(memoryview(data)) == (-1, 1 << 40)
    assert wire.decode_range(memoryview(data)) == wire.Range(-1, 1 << 40)
    long = memoryview(data + bytes(16))
    assert accepted(wire.decode_zero_data, long) == accepted(wire.decode_range, long) == up_to(16, long)


def test_ranges() -> None:
    ranges = [(0, 4096), (65536, 1)]
    assert (
        wire.encode_ranges(ranges).hex() == bytes(8).hex() + "0010000000000000" + "0000010000000000" + "01" + "00" * 7
    )
    assert wire.decode_ranges(memoryview(wire.encode_ranges(ranges))) == ranges
    assert wire.decode_ranges(memoryview(b"")) == []
    with pytest.raises(WireError):
        wire.decode_ranges(memoryview(bytes(17)))


def test_regions() -> None:
    region = wire.Region(5, 10, wire.USAGE_VALID_CACHED_DATA)
    assert wire.encode_region(region).hex() == "05" + "00" * 7 + "0a" + "00" * 7 + "01000000" + "00000000"
    assert wire.decode_region(memoryview(wire.encode_region(region))) == region
    assert wire.decode_region(memoryview(bytes(23))) is None
    output = wire.encode_regions([region])
    assert output[:16].hex() == "00000000" + "01000000" + "01000000" + "00000000"
    assert len(output) == wire.REGION_OUTPUT_SIZE
    assert wire.decode_regions(memoryview(output)) == [region]
    for length in (0, 15, 39):
        with pytest.raises(WireError):
            wire.decode_regions(memoryview(output)[:length])


def test_compression() -> None:
    assert wire.encode_compression(wire.COMPRESSION_FORMAT_LZNT1) == b"\2\0"
    assert [wire.decode_compression(memoryview(bytes([state, 0, 7]))) for state in range(3)] == [0, 1, 2]
    for wrong in (b"", b"\0", b"\3\0", b"\x42\0", b"\0\1"):
        with pytest.raises(WireError):
            wire.decode_compression(memoryview(wrong))


@given(st.binary(max_size=100))
@quick
def test_any_bytes(data: bytes) -> None:
    view = memoryview(data)
    wire.decode_set_sparse(view)
    wire.decode_region(view)
    for decode in (
        wire.decode_zero_data,
        wire.decode_range,
        wire.decode_ranges,
        wire.decode_regions,
        wire.decode_compression,
    ):
        tolerate(decode, view)
