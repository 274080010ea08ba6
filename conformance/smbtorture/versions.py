"""A share with one snapshot beside it, for the tests of smb2.twrp: as Samba's own selftest prepares it."""

import os
import shutil
from pathlib import Path
from typing import Final

TOKEN: Final = "@GMT-2026.01.02-03.04.05"
PATTERN: Final = "%Y-%m-%d_%H-%M-%S"
FILE: Final = "file"
_SNAPSHOT: Final = "2026-01-02_03-04-05"
STREAM: Final = "stream"
STREAM_DATA: Final = b"in a stream"
_LINKED: Final = "subdir/hardlink"  # the name is the test's own: one inode in both, and it wants two ids


def snapshots_of(share: Path) -> Path:
    """Where the snapshots of this share are."""
    return share.parent / f"{share.name}-snapshots"


def prepare(share: Path) -> None:
    """Fill the emptied share, and make the snapshot anew."""
    snapshot = snapshots_of(share) / _SNAPSHOT
    shutil.rmtree(snapshots_of(share), ignore_errors=True)
    for root in (share, snapshot):
        (root / _LINKED).parent.mkdir(parents=True)
        (root / FILE).write_text(f"in {root.name}")
    (share / _LINKED).write_text("linked")
    (snapshot / _LINKED).hardlink_to(share / _LINKED)
    # As Samba keeps a stream: the type behind its name, a zero behind its data.
    os.setxattr(snapshot / FILE, f"user.DosStream.{STREAM}:$DATA", STREAM_DATA + b"\0")
