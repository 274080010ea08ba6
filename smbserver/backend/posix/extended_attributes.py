"""EAs as `user.*` attributes of a file: cifs.ko, Samba and setfattr keep them so, name and value as they are.

What is on the disk may have been put there by anybody: a name or a value that no client could have set is not shown,
nor is what goes beyond the largest list.
"""

import errno
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from smbserver.backend.posix.own_attributes import USER, is_own
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.extended_attributes import FILE_NEED_EA, MAX_LIST, MAX_VALUE, Ea, changed, is_name, list_size

# Names of the EAs with FILE_NEED_EA, in capitals, each with a NUL behind it. Hardly any file has it.
NEED_EA: Final = "user.SmbServer.NeedEa"
_NONE_HERE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})
_GONE: Final = frozenset({errno.ENODATA, errno.ENOENT})
_TOO_LARGE: Final = frozenset({errno.E2BIG, errno.ERANGE})

Target = int | str
"""A descriptor, or its entry in /proc where the descriptor alone is not enough."""


def supported(target: Target) -> bool:
    """Whether the file system keeps `user.*` attributes at all."""
    try:
        os.getxattr(target, NEED_EA)
    except OSError as error:
        return error.errno not in _NONE_HERE
    return True


def load(target: Target) -> list[Ea]:
    """The EAs in the order of their names; none where the file system has none. OSError EACCES."""
    return _read(target, _names(target))


def size(target: Target) -> int:
    """EaSize; one system call for a file without EAs. OSError EACCES."""
    names = _names(target)
    return list_size(_read(target, names)) if names and has_eas(names) else 0


def listed(path: str, follow: bool) -> list[str]:
    """The names of all attributes for a listing, where what cannot be told is left out."""
    try:
        return os.listxattr(path, follow_symlinks=follow)
    except OSError:
        return []


def listed_size(path: str, names: Sequence[str], follow: bool) -> int:
    """EaSize for a listing; 0 when it cannot be told."""
    try:
        return list_size(_read(path, names, follow))
    except OSError:
        return 0


def has_eas(names: Sequence[str]) -> bool:
    """Whether one of these attributes can be an EA."""
    return any(not is_own(name) for name in names)


def _names(target: Target) -> list[str]:
    try:
        return os.listxattr(target)
    except OSError as error:
        if error.errno in _NONE_HERE:
            return []
        raise


def _read(target: Target, names: Sequence[str], follow: bool = True) -> list[Ea]:
    needed = _needed(target) if follow and NEED_EA in names else frozenset()
    found: dict[bytes, Ea] = {}
    total = 0
    for attribute in sorted(names, key=str.upper):
        name = os.fsencode(attribute[len(USER) :])
        key = name.upper()
        if is_own(attribute) or not is_name(name) or key in found:
            continue
        try:
            value = os.getxattr(target, attribute, follow_symlinks=follow)
        except OSError as error:
            if error.errno in _GONE:
                continue  # removed meanwhile
            raise
        ea = Ea(name, value, FILE_NEED_EA if key in needed else 0)
        total += list_size([ea])
        if not value or len(value) > MAX_VALUE or total > MAX_LIST:
            continue
        found[key] = ea
    return list(found.values())


def _needed(target: Target) -> frozenset[bytes]:
    try:
        return frozenset(os.getxattr(target, NEED_EA).split(b"\0")[:-1])
    except OSError as error:
        if error.errno in _GONE:
            return frozenset()
        raise


def store(target: Target, changes: Sequence[Ea]) -> None:
    """Make all of the changes or, as far as an error lets us, none.

    OSError EACCES for a name of ours, EOPNOTSUPP where there are no attributes. StatusError EA_TOO_LARGE for what the
    list or the file system cannot take.
    """
    for ea in changes:
        if is_own(_attribute(ea)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    stored = load(target)
    before = {ea.name: ea for ea in stored}
    after = {ea.name: ea for ea in changed(stored, changes)}
    undo: list[Callable[[], None]] = []
    try:
        for name, ea in before.items():
            if name not in after:
                os.removexattr(target, _attribute(ea))
                undo.append(partial(os.setxattr, target, _attribute(ea), ea.value))
        for name, ea in after.items():
            old = before.get(name)
            if old is None or old.value != ea.value:
                os.setxattr(target, _attribute(ea), ea.value)
                undo.append(partial(_put_back, target, ea, old))
        needed = sorted(name.upper() for name, ea in after.items() if ea.flags & FILE_NEED_EA)
        if needed != sorted(name.upper() for name, ea in before.items() if ea.flags & FILE_NEED_EA):
            _store_needed(target, needed)
    except OSError as error:
        _undo(undo)
        if error.errno in _TOO_LARGE or (error.errno == errno.ENOSPC and _has_room(target)):
            raise StatusError(status.EA_TOO_LARGE) from error
        raise


def _attribute(ea: Ea) -> str:
    return USER + os.fsdecode(ea.name)


def _put_back(target: Target, ea: Ea, old: Ea | None) -> None:
    if old is None:
        os.removexattr(target, _attribute(ea))
    else:
        os.setxattr(target, _attribute(old), old.value)


def _undo(steps: list[Callable[[], None]]) -> None:
    for step in reversed(steps):
        try:
            step()
        except OSError:
            continue  # the first error is the one that is told


def _store_needed(target: Target, needed: Sequence[bytes]) -> None:
    if needed:
        os.setxattr(target, NEED_EA, b"".join(name + b"\0" for name in needed))
        return
    try:
        os.removexattr(target, NEED_EA)
    except OSError as error:
        if error.errno not in _GONE:
            raise


def _has_room(target: Target) -> bool:
    """ENOSPC is also what ext4 says of an attribute beyond its one block, on an empty disk."""
    return os.statvfs(target).f_bavail > 0
