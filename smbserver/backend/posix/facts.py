"""From a POSIX stat and stored DOS attributes to the Metadata that NT clients see."""

import os
import stat
from typing import Final

from smbserver.backend.posix.dos_attributes import DosAttributes
from smbserver.nt import attributes
from smbserver.nt.filetime import EPOCH_DIFFERENCE, MAXIMUM
from smbserver.nt.metadata import Metadata

_BLOCK: Final = 512  # unit of st_blocks
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = 0xFFFFFFFFFFFFFFFF


def metadata_of(state: os.stat_result, dos: DosAttributes, root_device: int, hidden_by_name: bool) -> Metadata:
    """Join what the file system knows and what was stored beside the file.

    Without a stored creation time the older of modification and change stands in. A file nobody may write is READONLY;
    a name with a leading dot is HIDDEN unless stored attributes say otherwise.
    """
    mode = state.st_mode
    is_directory = stat.S_ISDIR(mode)
    written = state.st_mtime_ns // 100 + EPOCH_DIFFERENCE
    changed = state.st_ctime_ns // 100 + EPOCH_DIFFERENCE
    stored, created = dos
    accessed = state.st_atime_ns // 100 + EPOCH_DIFFERENCE
    if not (0 <= written <= MAXIMUM and 0 <= changed <= MAXIMUM and 0 <= accessed <= MAXIMUM):
        # A disk can hold times that no FILETIME can, before 1601 for one; a listing must not fail for that.
        written, changed, accessed = (max(0, min(time, MAXIMUM)) for time in (written, changed, accessed))
    if created is None:
        created = written if written < changed else changed
    if stored is None:
        flags = attributes.HIDDEN if hidden_by_name else 0
    else:
        flags = stored & attributes.SETTABLE
    if is_directory:
        flags |= attributes.DIRECTORY
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
