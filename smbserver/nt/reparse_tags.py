"""Reparse tags ([MS-FSCC] 2.1.2.1): the few that this server tells apart."""

from typing import Final

RESERVED: Final = (0x00000000, 0x00000001)
IO_REPARSE_TAG_MOUNT_POINT: Final = 0xA0000003
IO_REPARSE_TAG_SYMLINK: Final = 0xA000000C
IO_REPARSE_TAG_NFS: Final = 0x80000014
IO_REPARSE_TAG_LX_SYMLINK: Final = 0xA000001D

_MICROSOFT: Final = 0x80000000


def is_microsoft(tag: int) -> bool:
    """Whether the tag belongs to Microsoft; all others come with a GUID."""
    return tag & _MICROSOFT != 0
