"""What the file system below a share can do, asked of it with files that have no name."""

import errno
import os
from collections.abc import Callable
from typing import Final

from smbserver.backend.posix import dos_attributes, file_ioctls
from smbserver.nt.metadata import VolumeFeatures

_PROBE: Final = 65536  # bytes; a multiple of every block size
_O_TMPFILE: Final = getattr(os, "O_TMPFILE", 0)
_FILE_MODE: Final = 0o600


def volume_features(root: int) -> VolumeFeatures:
    """Try what may be told, in the directory `root`. Where nothing can be written nothing is promised.

    Called before anybody watches the directory: inotify tells of files without a name as well.
    """
    compression = file_ioctls.compresses(root)
    first = _unnamed(root)
    if first < 0:
        return VolumeFeatures(False, False, False, compression)
    try:
        second = _unnamed(root)
        try:
            os.pwrite(first, bytes(_PROBE), 0)
            mode = file_ioctls.FALLOC_FL_PUNCH_HOLE | file_ioctls.FALLOC_FL_KEEP_SIZE
            punches = _can(lambda: file_ioctls.fallocate(first, mode, 0, _PROBE // 2))
            keeps = _can(lambda: dos_attributes.store(first, 0, 0))
            clones = second >= 0 and _can(lambda: file_ioctls.clone_range(first, 0, second, 0, _PROBE))
        finally:
            if second >= 0:
                os.close(second)
    except OSError:  # no room for the probe
        return VolumeFeatures(False, False, False, compression)
    finally:
        os.close(first)
    return VolumeFeatures(punches and keeps, punches, clones, compression and keeps)


def _unnamed(root: int) -> int:
    """A descriptor, -1 when there are no such files here."""
    if not _O_TMPFILE:
        return -1
    try:
        return os.open(".", _O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE, dir_fd=root)
    except OSError:
        return -1


def _can(call: Callable[[], object]) -> bool:
    try:
        call()
    except OSError as error:
        return error.errno == errno.ENOSPC  # it would, with room
    return True
