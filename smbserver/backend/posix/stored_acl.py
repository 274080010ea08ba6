"""Security descriptors kept in an extended attribute, as Samba's acl_xattr keeps them.

Where the process may write `security.*` the name is `security.NTACL`, which no other user can write. Elsewhere it is
`user.NTACL` (Samba: `acl_xattr:security_acl_name = user.NTACL`), which everybody can who may write the file; a
`security.NTACL` that root left behind then still wins, and cannot be changed.

What a local program's `chmod`, `chown` or `setfacl` does: the permissions no longer fit the stored hash, so the stored
descriptor is not believed and the one made of the permissions shows (`ntacl`). What cannot be read is something else:
somebody closed this file, so it stays closed for all but its owner, who can write another one.
"""

import errno
import logging
import os
from functools import lru_cache
from typing import Final

from smbserver.backend.posix import ntacl
from smbserver.backend.posix.fs_user import current_uid
from smbserver.errors import WireError
from smbserver.nt.descriptor import SE_DACL_PRESENT, Descriptor

log = logging.getLogger(__name__)

_SECURITY: Final = "security.NTACL"
_USER: Final = "user.NTACL"
_LISTED_SECURITY: Final = b"\0security.NTACL\0"
_LISTED_USER: Final = b"\0user.NTACL\0"
_ACCESS_ACL: Final = "system.posix_acl_access"
_DEFAULT_ACL: Final = "system.posix_acl_default"
_IS_DIRECTORY: Final = 0o040000
_KIND: Final = 0o170000
_ABSENT: Final = frozenset({errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOENT})
_CAP_SYS_ADMIN: Final = 21
_CACHED: Final = 1024  # decoded blobs; the files of a folder mostly have the same
_REPORTED: Final = 1024  # files in the log; a disk full of damage is one story
# Nobody named, nothing allowed: whoever the disk says is the owner has what an owner always has.
CLOSED: Final = Descriptor(SE_DACL_PRESENT, None, None, ())


def may_write_security() -> bool:
    """Whether this process may write `security.*`: CAP_SYS_ADMIN in the machine's own user namespace."""
    try:
        if _read("/proc/self/uid_map").split() != [b"0", b"0", b"4294967295"]:
            return False
        for line in _read("/proc/self/status").splitlines():
            if line.startswith(b"CapEff:"):
                return bool(int(line.removeprefix(b"CapEff:"), 16) >> _CAP_SYS_ADMIN & 1)
    except (OSError, ValueError):
        pass  # no Linux, or none that tells
    return False


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 65536)
    finally:
        os.close(file)


@lru_cache(maxsize=_CACHED)
def _decode(blob: bytes) -> ntacl.StoredDescriptor:
    return ntacl.decode(blob)


class AclStore:
    """The descriptors of one share. `is_possible`: its file system has room for them."""

    def __init__(self, root: int, privileged: bool | None = None) -> None:
        """`root` is a descriptor of the share's root; `privileged` is asked from the system when not given."""
        self.is_privileged = may_write_security() if privileged is None else privileged
        self._reported: set[tuple[int, int]] = set()
        self.is_possible = False
        self.look_again(root)

    def look_again(self, root: int) -> None:
        """The root is another file system's now."""
        try:
            os.getxattr(root, _SECURITY if self.is_privileged else _USER)
            self.is_possible = True
        except OSError as error:
            self.is_possible = error.errno in (errno.ENODATA, errno.ERANGE)

    def is_named(self, names: bytes) -> bool:
        """Whether `load` would find anything, by a list of all names (see `attribute_list`)."""
        return _LISTED_SECURITY in names or (not self.is_privileged and _LISTED_USER in names)

    def load(self, target: int | str, state: os.stat_result | None = None, follow: bool = True) -> Descriptor | None:
        """The descriptor stored with a file; None when there is none that is to be believed.

        One system call when nothing is stored. `state` is the file's stat if the caller has it.
        """
        if not self.is_possible:
            return None
        name = _SECURITY
        try:
            if not self.is_privileged:
                names = os.listxattr(target, follow_symlinks=follow)
                name = _SECURITY if _SECURITY in names else _USER if _USER in names else ""
            blob = os.getxattr(target, name, follow_symlinks=follow) if name else None
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return None if blob is None else self._judge(blob, target, state, follow)

    def _judge(self, blob: bytes, target: int | str, state: os.stat_result | None, follow: bool) -> Descriptor | None:
        try:
            if state is None:
                state = os.stat(target, follow_symlinks=follow) if isinstance(target, str) else os.fstat(target)
            stored = _decode(blob)
            if stored.hash is None or stored.hash == self._hash(target, state, follow):
                return stored.descriptor
        except WireError as problem:
            self._report(state, problem)
            return CLOSED
        return None

    def store(self, target: int | str, state: os.stat_result, descriptor: Descriptor) -> None:
        """Keep a descriptor, which fits the permissions that the file has now.

        OSError EOPNOTSUPP where there is no room for any, EACCES where root's may not be replaced, ENOSPC, E2BIG; EPERM
        for a local user whose file it is not: the kernel asks nobody's permission who may write `security.*`.
        """
        if not self.is_possible:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        if self.is_privileged and current_uid() not in (0, state.st_uid):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        if not self.is_privileged and _SECURITY in os.listxattr(target):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            blob = ntacl.encode(descriptor, self._hash(target, state, True))
        except WireError:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG)) from None
        os.setxattr(target, _SECURITY if self.is_privileged else _USER, blob)

    def _hash(self, target: int | str, state: os.stat_result, follow: bool) -> bytes:
        access = _posix_acl(target, _ACCESS_ACL, follow)
        default = None
        if state.st_mode & _KIND == _IS_DIRECTORY:
            default = _posix_acl(target, _DEFAULT_ACL, follow) or ()
        if access is None:
            access = ntacl.minimal_entries(state.st_mode)
        return ntacl.permissions_hash(access, default, state.st_uid, state.st_gid, state.st_mode)

    def _report(self, state: os.stat_result | None, problem: WireError) -> None:
        if state is None:
            return
        identity = (state.st_dev, state.st_ino)
        if identity not in self._reported and len(self._reported) < _REPORTED:
            self._reported.add(identity)
            log.error(
                "the stored security descriptor of inode %d (device %d) cannot be read, only its owner is let in: %s",
                state.st_ino,
                state.st_dev,
                str(problem),
            )


def _posix_acl(target: int | str, name: str, follow: bool) -> tuple[ntacl.PosixEntry, ...] | None:
    try:
        return ntacl.posix_entries(os.getxattr(target, name, follow_symlinks=follow))
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
