"""The answer to "what is at this path" of the POSIX backend, and what a place must be to take a name."""

import errno
import os

from smbserver.backend.base import Identity, Located
from smbserver.backend.posix.facts import ownership_of
from smbserver.backend.posix.permission import refused_rights
from smbserver.backend.posix.stored_acl import AclStore
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.metadata import Metadata, Ownership
from smbserver.nt.names import Path


class PosixLocated:
    """See `backend.base.Located`. `name` is the name on disk, `wanted` how the client spelled it (on disk)."""

    __slots__ = (
        "_acls",
        "exact",
        "follow",
        "identity",
        "is_root",
        "metadata",
        "name",
        "parent",
        "path",
        "place",
        "state",
        "target",
        "wanted",
    )

    def __init__(self, parent: int, path: Path, name: str, wanted: str, acls: AclStore) -> None:
        self.parent = parent
        self._acls = acls
        self.state: os.stat_result | None = None
        self.place: int | str = -1  # what the file's extended attributes are asked from
        self.follow = False
        self.exact = False  # looked for under this spelling alone, and not found
        self.path = path
        self.name = name
        self.wanted = wanted
        self.is_root = not path
        self.identity: Identity | None = None
        self.metadata: Metadata | None = None
        self.target = -1  # O_PATH descriptor of what a symbolic link leads to

    def descriptor(self) -> Descriptor | None:
        """See `stored_acl`."""
        if self.state is None:
            return None
        return self._acls.load(self.place, self.state, self.follow)

    def directory_descriptor(self) -> Descriptor | None:
        """See `stored_acl`. The directory of the name, also when the name is a symbolic link."""
        return None if self.is_root else self._acls.load(f"/proc/self/fd/{self.parent}")

    def ownership(self) -> Ownership:
        """From the lookup's stat; a link's own from another one."""
        return ownership_of(self.state or os.stat(self.name, dir_fd=self.parent, follow_symlinks=False))

    def refused_to(self, uid: int) -> int:
        """See `permission.refused_rights`."""
        return 0 if self.state is None else refused_rights(self.place, self.follow, self.state, uid)

    def close(self) -> None:
        """Close the descriptors of the lookup."""
        parent, self.parent = self.parent, -1
        if parent >= 0:
            os.close(parent)
        target, self.target = self.target, -1
        if target >= 0:
            os.close(target)


def free_place(located: Located) -> PosixLocated:
    assert isinstance(located, PosixLocated)
    if located.identity is not None:  # perhaps under another spelling, which the kernel would not see
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return located


def place(target: Located) -> PosixLocated:
    assert isinstance(target, PosixLocated)
    if target.is_root:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
    return target


def check_replace(target: PosixLocated, replace: bool) -> None:
    if not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if target.metadata is not None and target.metadata.is_directory:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
