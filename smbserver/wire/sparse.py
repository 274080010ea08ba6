"""Control codes on holes, regions and compression ([MS-FSCC] 2.3.17, 2.3.51, 2.3.55, 2.3.67, 2.3.83, 2.3.85)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError

COMPRESSION_FORMAT_NONE: Final = 0x0000
COMPRESSION_FORMAT_DEFAULT: Final = 0x0001
COMPRESSION_FORMAT_LZNT1: Final = 0x0002

USAGE_VALID_CACHED_DATA: Final = 0x00000001

_OFFSETS: Final = Struct("<qq")
_COMPRESSION: Final = Struct("<H")
_REGION_INPUT: Final = Struct("<qqI4x")
_REGION_HEAD: Final = Struct("<III4x")
_REGION: Final = Struct("<qqI4x")

RANGE_SIZE: Final = _OFFSETS.size
COMPRESSION_SIZE: Final = _COMPRESSION.size
REGION_OUTPUT_SIZE: Final = _REGION_HEAD.size + _REGION.size


class Offsets(NamedTuple):
    """FILE_ZERO_DATA_INFORMATION: from `first` to before `beyond`. FILE_ALLOCATED_RANGE_BUFFER: see `Range`."""

    first: int
    beyond: int


class Range(NamedTuple):
    """FILE_ALLOCATED_RANGE_BUFFER; both are signed on the wire."""

    offset: int
    length: int


class Region(NamedTuple):
    """FILE_REGION_INPUT and FILE_REGION_INFO."""

    offset: int
    length: int
    usage: int


def decode_set_sparse(data: memoryview) -> bool:
    """FILE_SET_SPARSE_BUFFER; without one it is set."""
    return not len(data) or bool(data[0])


def decode_zero_data(data: memoryview) -> Offsets:
    """FILE_ZERO_DATA_INFORMATION. Raises WireError when it is short."""
    if len(data) < _OFFSETS.size:
        raise WireError("short FILE_ZERO_DATA_INFORMATION")
    return Offsets._make(_OFFSETS.unpack_from(data))


def encode_zero_data(offsets: Offsets) -> bytes:
    """The input of FSCTL_SET_ZERO_DATA."""
    return _OFFSETS.pack(*offsets)


def decode_range(data: memoryview) -> Range:
    """The input of FSCTL_QUERY_ALLOCATED_RANGES. Raises WireError when it is short."""
    if len(data) < _OFFSETS.size:
        raise WireError("short FILE_ALLOCATED_RANGE_BUFFER")
    return Range._make(_OFFSETS.unpack_from(data))


def encode_ranges(ranges: Sequence[tuple[int, int]]) -> bytes:
    """Its output, or with one range its input."""
    return b"".join(_OFFSETS.pack(*each) for each in ranges)


def decode_ranges(data: memoryview) -> list[Range]:
    """Read the output. Raises WireError for what is no number of ranges."""
    if len(data) % _OFFSETS.size:
        raise WireError("a part of a FILE_ALLOCATED_RANGE_BUFFER")
    return [Range._make(each) for each in _OFFSETS.iter_unpack(data)]


def decode_region(data: memoryview) -> Region | None:
    """FILE_REGION_INPUT; None when it is short, which has a status of its own."""
    if len(data) < _REGION_INPUT.size:
        return None
    return Region._make(_REGION_INPUT.unpack_from(data))


def encode_region(region: Region) -> bytes:
    """The input of FSCTL_QUERY_FILE_REGIONS."""
    return _REGION_INPUT.pack(*region)


def encode_regions(regions: Sequence[Region]) -> bytes:
    """FILE_REGION_OUTPUT with all its regions."""
    return _REGION_HEAD.pack(0, len(regions), len(regions)) + b"".join(_REGION.pack(*region) for region in regions)


def decode_regions(data: memoryview) -> list[Region]:
    """Read FILE_REGION_OUTPUT. Raises WireError."""
    if len(data) < _REGION_HEAD.size:
        raise WireError("short FILE_REGION_OUTPUT")
    count = _REGION_HEAD.unpack_from(data)[2]
    end = _REGION_HEAD.size + count * _REGION.size
    if end > len(data):
        raise WireError("FILE_REGION_OUTPUT without its regions")
    return [Region._make(each) for each in _REGION.iter_unpack(data[_REGION_HEAD.size : end])]


def decode_compression(data: memoryview) -> int:
    """The format. Raises WireError when it is short, or none of those there are."""
    if len(data) < _COMPRESSION.size:
        raise WireError("short CompressionState")
    wanted: int = _COMPRESSION.unpack_from(data)[0]
    if wanted > COMPRESSION_FORMAT_LZNT1:
        raise WireError(f"CompressionState {wanted}")
    return wanted


def encode_compression(state: int) -> bytes:
    """The output of FSCTL_GET_COMPRESSION, the input of FSCTL_SET_COMPRESSION."""
    return _COMPRESSION.pack(state)
