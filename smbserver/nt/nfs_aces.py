"""Owner, group and mode of a file as three entries of its DACL: how Apple's client reads and sets a mode.

They deny nothing (mask 0) and are made for each answer, never stored: the next chmod would make them untrue.
"""

from typing import Final

from smbserver.nt.descriptor import ACCESS_DENIED, SE_DACL_PRESENT, Ace, Descriptor
from smbserver.nt.sid import sid

_AUTHORITY: Final = 5
_NFS: Final = 88  # S-1-5-88: a user, a group, a mode of NFS
_USER: Final = 1
_GROUP: Final = 2
_MODE: Final = 3
_PREFIX: Final = sid(_AUTHORITY, _NFS, 0, 0)[1:12]  # count of parts, authority and the first part
_SIZE: Final = len(sid(_AUTHORITY, _NFS, 0, 0))
PERMISSIONS: Final = 0o777  # of a mode that is set; nobody makes a file setuid this way


def with_mode(descriptor: Descriptor, uid: int, gid: int, mode: int) -> Descriptor:
    """With the three entries at the end of its DACL. A NULL DACL stays one: entries would make it deny."""
    if descriptor.dacl is None:
        return descriptor
    added = tuple(
        Ace(ACCESS_DENIED, 0, 0, sid(_AUTHORITY, _NFS, kind, value))
        for kind, value in ((_USER, uid), (_GROUP, gid), (_MODE, mode))
    )
    return descriptor._replace(dacl=descriptor.dacl + added)


def without_mode(descriptor: Descriptor) -> tuple[Descriptor, int | None]:
    """(without any such entry, the permission bits that the first mode among them asks for)."""
    if descriptor.dacl is None or not descriptor.control & SE_DACL_PRESENT:
        return descriptor, None
    kept = tuple(ace for ace in descriptor.dacl if not _is_nfs(ace.sid))
    modes = [_value(ace.sid) for ace in descriptor.dacl if _is_nfs(ace.sid) and _kind(ace.sid) == _MODE]
    return descriptor._replace(dacl=kept), modes[0] & PERMISSIONS if modes else None


def _is_nfs(who: bytes) -> bool:
    return len(who) == _SIZE and who[1:12] == _PREFIX


def _kind(who: bytes) -> int:
    return int.from_bytes(who[12:16], "little")


def _value(who: bytes) -> int:
    return int.from_bytes(who[16:20], "little")
