"""AFP_AfpInfo, the stream with what Finder keeps of a file, and the short form of it in listings."""

from struct import Struct
from typing import Final

from smbserver.nt.filetime import EPOCH_DIFFERENCE

AFP_INFO_SIZE: Final = 60
AFP_SIGNATURE: Final = b"AFP\0"
FINDER_INFO: Final = 16  # where it begins: behind signature, version, a reserved word and the last backup's time
# Signature and version, and nothing of the Finder's.
EMPTY_AFP_INFO: Final = (AFP_SIGNATURE + b"\0\0\1\0").ljust(AFP_INFO_SIZE, b"\0")
SHORT_SIZE: Final = 16
_SHORT: Final = Struct(">8s2s2si")
_FINDER_INFO_END: Final = 48
NOTHING: Final = bytes(_FINDER_INFO_END - FINDER_INFO)

_UNITS_PER_SECOND: Final = 10_000_000
_YEAR_2000: Final = EPOCH_DIFFERENCE // _UNITS_PER_SECOND + 946_684_800  # seconds since 1601
_LATEST: Final = 0x7FFFFFFF


def finder_info(stream: bytes) -> bytes:
    """The 32 bytes of FinderInfo in an AFP_AfpInfo; zeros when it is none: the disk can hold anything."""
    if len(stream) != AFP_INFO_SIZE or not stream.startswith(AFP_SIGNATURE):
        return NOTHING
    return stream[FINDER_INFO:_FINDER_INFO_END]


def afp_info(info: bytes) -> bytes:
    """An AFP_AfpInfo with these 32 bytes of FinderInfo, and nothing else in it."""
    return EMPTY_AFP_INFO[:FINDER_INFO] + info + EMPTY_AFP_INFO[_FINDER_INFO_END:]


def short_form(info: bytes, creation_time: int) -> bytes:
    """16 bytes for a listing: type and creator, flags, extended flags, and when it was added (from a FILETIME)."""
    added = creation_time // _UNITS_PER_SECOND - _YEAR_2000
    return _SHORT.pack(info[:8], info[8:10], info[24:26], max(-_LATEST, min(added, _LATEST)))
