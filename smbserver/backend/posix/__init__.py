"""A directory of this machine as a share, confined below its root by descriptors."""

from smbserver.backend.posix.creation import Creation
from smbserver.backend.posix.fs_user import FsUsers, own_user
from smbserver.backend.posix.local_changes import LocalChanges
from smbserver.backend.posix.measure import measure
from smbserver.backend.posix.snapshot_pattern import SnapshotPattern
from smbserver.backend.posix.snapshots import PosixSnapshots
from smbserver.backend.posix.volume import PosixBackend

__all__ = [
    "Creation",
    "FsUsers",
    "LocalChanges",
    "PosixBackend",
    "PosixSnapshots",
    "SnapshotPattern",
    "measure",
    "own_user",
]
