"""From a POSIX stat and stored DOS attributes to the Metadata that NT clients see."""

import os
import stat
from typing import Final

from smbserver.backend.posix.dos_attributes import STORED, DosAttributes
from smbserver.backend.posix.kept_times import DiskTimes, believed
from smbserver.nt import attributes
from smbserver.nt.filetime import EPOCH_DIFFERENCE, MAXIMUM
from smbserver.nt.metadata import Metadata, Ownership

_BLOCK: Final = 512  # unit of st_blocks
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = 0xFFFFFFFFFFFFFFFF


def metadata_of(
    state: os.stat_result, dos: DosAttributes, root_device: int, hidden_by_name: bool, born: int | None = None
) -> Metadata:
    """Join what the file system knows and what was stored beside the file.

    Without a stored creation time it is `born` (Unix nanoseconds), and where that is unknown or later the older of
    modification and change. A file nobody may write is READONLY; one hidden by its name is so whatever is stored.
    """
    mode = state.st_mode
    is_directory = stat.S_ISDIR(mode)
    stored, created, kept = dos
    written = state.st_mtime_ns // 100 + EPOCH_DIFFERENCE
    changed = state.st_ctime_ns // 100 + EPOCH_DIFFERENCE
    accessed = state.st_atime_ns // 100 + EPOCH_DIFFERENCE
    if kept is not None:
        holds = believed(kept, DiskTimes(accessed, written, changed))
        changed = holds.change_time or changed
        written = holds.write_time or written
        accessed = holds.access_time or accessed
    if not (0 <= written <= MAXIMUM and 0 <= changed <= MAXIMUM and 0 <= accessed <= MAXIMUM):
        # A disk can hold times that no FILETIME can, before 1601 for one; a listing must not fail for that.
        written, changed, accessed = (max(0, min(time, MAXIMUM)) for time in (written, changed, accessed))
    if created is None:
        if born is None:
            created = written if written < changed else changed
        else:
            created = max(0, min(born // 100 + EPOCH_DIFFERENCE, MAXIMUM))
    flags = 0 if stored is None else stored & STORED
    if hidden_by_name:
        flags |= attributes.HIDDEN
    if is_directory:
        flags = flags & ~attributes.SPARSE_FILE | attributes.DIRECTORY
    elif not mode & 0o222:
        flags |= attributes.READONLY
    file_id = state.st_ino
    if state.st_dev != root_device:
        file_id = (file_id ^ state.st_dev * _MIX) & _MASK  # another file system mounted below the root
    return Metadata(
        created,
        accessed,
        written,
        changed,
        state.st_blocks * _BLOCK,
        0 if is_directory else state.st_size,
        flags or attributes.NORMAL,
        state.st_nlink if not is_directory else 1,
        file_id,
        is_directory,
    )


def ownership_of(state: os.stat_result) -> Ownership:
    """Whose a file is, its mode and its names."""
    mode = state.st_mode
    return Ownership(state.st_uid, state.st_gid, mode & 0o777, mode & 0o7000, state.st_nlink, state.st_dev)
