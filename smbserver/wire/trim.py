"""FSCTL_FILE_LEVEL_TRIM: parts of a file whose bytes nobody wants any more ([MS-FSCC] 2.3.13, 2.3.14)."""

from struct import Struct
from typing import Final

from smbserver.errors import WireError

# One request of a guest's fstrim has some dozen; more than this is more work than one request should bring.
MAX_RANGES: Final = 4096

_HEAD: Final = Struct("<II")
_RANGE: Final = Struct("<QQ")
_OUTPUT: Final = Struct("<I")
OUTPUT_SIZE: Final = _OUTPUT.size


def decode(data: memoryview) -> list[tuple[int, int]]:
    """Ranges as (offset, length), unsigned. Raises WireError: cut short, none, more than MAX_RANGES."""
    if len(data) < _HEAD.size:
        raise WireError("short FILE_LEVEL_TRIM")
    _, count = _HEAD.unpack_from(data)  # the key tells apart those who lock on one thread
    if not 0 < count <= MAX_RANGES:
        raise WireError(f"{count} ranges to trim")
    end = _HEAD.size + count * _RANGE.size
    if end > len(data):
        raise WireError("FILE_LEVEL_TRIM without its ranges")
    return list(_RANGE.iter_unpack(data[_HEAD.size : end]))


def encode(ranges: list[tuple[int, int]]) -> bytes:
    """The input."""
    return _HEAD.pack(0, len(ranges)) + b"".join(_RANGE.pack(*each) for each in ranges)


def encode_response(processed: int) -> bytes:
    """FILE_LEVEL_TRIM_OUTPUT."""
    return _OUTPUT.pack(processed)


def decode_response(data: memoryview) -> int:
    """How many ranges were processed. Raises WireError."""
    if len(data) < _OUTPUT.size:
        raise WireError("short FILE_LEVEL_TRIM_OUTPUT")
    processed: int = _OUTPUT.unpack_from(data)[0]
    return processed
