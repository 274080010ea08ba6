"""Times a client has set that the file system does not keep: what is stored of them, and how long it is believed.

The kernel sets the change time itself, and every file system's range of times ends somewhere (ext4: 1901 and 2446).
What a client has set is stored beside what the disk showed then; it holds while the disk still shows that, so that a
local program that changes the file ends it without knowing of it.
"""

import os
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

from smbserver.nt.filetime import EPOCH_DIFFERENCE

_TAIL: Final = Struct("<8s6q")
_MAGIC: Final = b"SMBTIME1"
SIZE: Final = _TAIL.size
# How far the kernel's change time may lie behind the stamp: storing the stamp moves it, by less than a tick.
TOLERANCE: Final = 50_000  # 5 ms


class KeptTimes(NamedTuple):
    """FILETIMEs; 0 is "none". The `on_disk` ones and `stamp` are what the file system showed, and may be outside."""

    stamp: int = 0
    change_time: int = 0
    write_time: int = 0
    write_on_disk: int = 0
    access_time: int = 0
    access_on_disk: int = 0


NOTHING: Final = KeptTimes()


class DiskTimes(NamedTuple):
    """Access, write and change time as the file system has them, as FILETIMEs without bounds."""

    accessed: int
    written: int
    changed: int


def disk_times(state: os.stat_result) -> DiskTimes:
    """The times of a stat."""
    return DiskTimes(
        state.st_atime_ns // 100 + EPOCH_DIFFERENCE,
        state.st_mtime_ns // 100 + EPOCH_DIFFERENCE,
        state.st_ctime_ns // 100 + EPOCH_DIFFERENCE,
    )


def decode(data: bytes) -> KeptTimes | None:
    """Read what `encode` made; None for anything else: a disk can hold anything."""
    try:
        magic, *fields = _TAIL.unpack(data)
    except StructError:
        return None
    kept = KeptTimes._make(fields)
    if magic != _MAGIC or min(kept.change_time, kept.write_time, kept.access_time) < 0:
        return None
    return kept


def encode(kept: KeptTimes) -> bytes:
    """The bytes to store."""
    return _TAIL.pack(_MAGIC, *kept)


def believed(kept: KeptTimes, disk: DiskTimes) -> KeptTimes:
    """What still holds; the rest is 0."""
    return KeptTimes(
        kept.stamp,
        kept.change_time if 0 <= disk.changed - kept.stamp <= TOLERANCE else 0,
        kept.write_time if kept.write_on_disk == disk.written else 0,
        kept.write_on_disk,
        kept.access_time if kept.access_on_disk == disk.accessed else 0,
        kept.access_on_disk,
    )


def to_keep(
    before: KeptTimes, disk: DiskTimes, access_time: int | None, write_time: int | None, change_time: int | None
) -> KeptTimes:
    """What must be stored once the disk was told: `disk` is what it made of it, None a time that was not set now.

    `before` is what was believed before; a change time of it has ended unless it is given again.
    """
    if access_time is None:
        access_time = before.access_time if before.access_on_disk == disk.accessed else 0
    if write_time is None:
        write_time = before.write_time if before.write_on_disk == disk.written else 0
    keeps_write = write_time not in (0, disk.written)
    keeps_access = access_time not in (0, disk.accessed)
    return KeptTimes(
        disk.changed if change_time else 0,
        change_time or 0,
        write_time if keeps_write else 0,
        disk.written if keeps_write else 0,
        access_time if keeps_access else 0,
        disk.accessed if keeps_access else 0,
    )
