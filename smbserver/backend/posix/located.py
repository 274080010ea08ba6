"""The answer to "what is at this path" of the POSIX backend, and what a place must be to take a name."""

import errno
import os

from smbserver.backend.base import Identity, Located
from smbserver.backend.posix import attribute_list, inode
from smbserver.backend.posix.facts import ownership_of
from smbserver.backend.posix.permission import check_remove, refused_rights
from smbserver.backend.posix.stored_acl import AclStore
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.metadata import Metadata, Ownership
from smbserver.nt.names import Path


class PosixLocated:
    """See `backend.base.Located`. `name` is the name on disk, `wanted` how the client spelled it (on disk)."""

    __slots__ = (
        "_acls",
        "entry",
        "exact",
        "found",
        "identity",
        "is_root",
        "metadata",
        "name",
        "names",
        "parent",
        "path",
        "stored",
        "target",
        "wanted",
    )

    def __init__(self, parent: int, path: Path, name: str, wanted: str, acls: AclStore) -> None:
        self.parent = parent
        self._acls = acls
        self.entry = b""  # the name, as the kernel has it
        self.found: bytes | None = None  # see `inode`; of the file that a link leads to
        self.names: bytes | None = None  # of its extended attributes: see `attribute_list`
        self.stored: bytes | None = None  # see `dos_attributes`
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
        if self.found is None or self.names == b"" or (self.names is not None and not self._acls.is_named(self.names)):
            return None
        return self._acls.load(self.place(), None, self.follow())

    def directory_descriptor(self) -> Descriptor | None:
        """See `stored_acl`. The directory of the name, also when the name is a symbolic link."""
        if self.is_root or not self._acls.is_possible:
            return None
        names = attribute_list.of_entry(self.parent, b".")
        if names is not None and not self._acls.is_named(names):
            return None
        return self._acls.load(f"/proc/self/fd/{self.parent}")

    def ownership(self) -> Ownership:
        """From the lookup; a link's own from another one."""
        return ownership_of(self._own() if self.found is None else self.found)

    def _own(self) -> bytes:
        """What stands under this name itself."""
        found = inode.look(self.parent, inode.entry_name(self.name))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return found

    def refused_to(self, uid: int) -> int:
        """See `permission.refused_rights`."""
        return 0 if self.found is None else refused_rights(self.place(), self.follow(), self.found, uid)

    def check_remove(self) -> None:
        """By the directory's permissions and its sticky bit; files that nobody may change (chattr +i) are not seen."""
        if self.is_root:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))  # not an entry of anything we serve
        check_remove(self.parent, lambda: inode.whose(self._own())[0])

    def place(self) -> int | str:
        """What the file's extended attributes are asked from, over links if `follow`. OSError EBADF after `close`."""
        if self.parent < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # -1 would be the current directory to Python
        if self.target >= 0:
            return f"/proc/self/fd/{self.target}"
        return self.parent if self.is_root else f"/proc/self/fd/{self.parent}/{self.name}"

    def follow(self) -> bool:
        """Whether a link at `place` is the kernel's own, and leads to the file."""
        return self.target >= 0 or self.is_root

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
