"""FILETIME: 100 ns since 1601-01-01 UTC ([MS-DTYP] 2.3.3), to and from Unix nanoseconds."""

from typing import Final

EPOCH_DIFFERENCE: Final = 116444736000000000  # 1601-01-01 to 1970-01-01 in units of 100 ns
MAXIMUM: Final = 0x7FFFFFFFFFFFFFFF


def from_unix_ns(nanoseconds: int) -> int:
    """Unix nanoseconds to FILETIME; times before 1601 become 0, times past the range its last value."""
    return max(0, min(nanoseconds // 100 + EPOCH_DIFFERENCE, MAXIMUM))


def to_unix_ns(filetime: int) -> int:
    """FILETIME to Unix nanoseconds (negative before 1970)."""
    return (filetime - EPOCH_DIFFERENCE) * 100
