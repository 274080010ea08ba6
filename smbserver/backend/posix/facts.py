"""From what the kernel says and stored DOS attributes to the Metadata that NT clients see."""

import stat
from typing import Final

from smbserver.backend.posix import inode
from smbserver.backend.posix.dos_attributes import STORED, DosAttributes
from smbserver.backend.posix.kept_times import DiskTimes, believed
from smbserver.nt import attributes
from smbserver.nt.filetime import EPOCH_DIFFERENCE, MAXIMUM
from smbserver.nt.metadata import Metadata, Ownership

_LAYOUT: Final = inode.FACTS
# Named as integers, they are computed with as such in a build.
_Values = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int]
_BLOCK: Final = 512  # unit of the number of blocks
_SECOND: Final = 10_000_000  # in units of a FILETIME
_KIND: Final = 0o170000
_DIRECTORY: Final = stat.S_IFDIR
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = 0xFFFFFFFFFFFFFFFF


def metadata_of(found: bytes, dos: DosAttributes, root_device: int, hidden_by_name: bool) -> Metadata:
    """Join what the file system knows (see `inode`) and what was stored beside the file.

    Without a stored creation time it is the time of birth, and where nobody knows that the older of modification and
    change. A file nobody may write is READONLY; one hidden by its name is so whatever is stored.
    """
    values: _Values = _LAYOUT.unpack_from(found)
    (
        mask,
        links,
        mode,
        file_id,
        size,
        blocks,
        accessed,
        accessed_ns,
        born,
        born_ns,
        changed,
        changed_ns,
        written,
        written_ns,
        major,
        minor,
    ) = values
    is_directory = mode & _KIND == _DIRECTORY
    stored, created, kept = dos
    # Most files have two moments, of their last change and of their birth: numbers of this size are dear to compute.
    is_as_written = changed == written and changed_ns == written_ns
    is_as_accessed = born == accessed and born_ns == accessed_ns
    written = written * _SECOND + written_ns // 100 + EPOCH_DIFFERENCE
    changed = written if is_as_written else changed * _SECOND + changed_ns // 100 + EPOCH_DIFFERENCE
    accessed = accessed * _SECOND + accessed_ns // 100 + EPOCH_DIFFERENCE
    if created is None and mask & inode.HAS_BIRTH:
        created = accessed if is_as_accessed else born * _SECOND + born_ns // 100 + EPOCH_DIFFERENCE
        if not 0 <= created <= MAXIMUM:
            created = _clamped(created)
    if kept is not None:
        holds = believed(kept, DiskTimes(accessed, written, changed))
        changed = holds.change_time or changed
        written = holds.write_time or written
        accessed = holds.access_time or accessed
    if not (0 <= written <= MAXIMUM and 0 <= changed <= MAXIMUM and 0 <= accessed <= MAXIMUM):
        # A disk can hold times that no FILETIME can, before 1601 for one; a listing must not fail for that.
        written, changed, accessed = _clamped(written), _clamped(changed), _clamped(accessed)
    if created is None:
        created = written if written < changed else changed
    flags = 0 if stored is None else stored & STORED
    if hidden_by_name:
        flags |= attributes.HIDDEN
    if is_directory:
        flags = flags & ~attributes.SPARSE_FILE | attributes.DIRECTORY
    elif not mode & 0o222:
        flags |= attributes.READONLY
    device = inode.device(major, minor)
    if device != root_device:
        file_id = (file_id ^ device * _MIX) & _MASK  # another file system mounted below the root
    return Metadata(
        created,
        accessed,
        written,
        changed,
        blocks * _BLOCK,
        0 if is_directory else size,
        flags or attributes.NORMAL,
        links if not is_directory else 1,
        file_id,
        is_directory,
    )


def _clamped(time: int) -> int:
    return max(0, min(time, MAXIMUM))


def ownership_of(found: bytes) -> Ownership:
    """Whose a file is, its mode and its names."""
    uid, gid, mode, links, device = inode.whose(found)
    return Ownership(uid, gid, mode & 0o777, mode & 0o7000, links, device)
