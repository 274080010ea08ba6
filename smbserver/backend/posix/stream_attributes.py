"""Which extended attributes hold streams, and how: Samba's form (vfs_streams_xattr), and our pointers to files."""

import errno
import logging
import os
from typing import Final, NamedTuple

from smbserver.backend.posix.raw_names import decode_name, encode_name
from smbserver.nt.names import fold

log = logging.getLogger(__name__)

PREFIX: Final = b"user.DosStream."
SUFFIX: Final = b":$DATA"
POINTER_PREFIX: Final = b"user.SmbServer.S."
END: Final = b"\0"  # behind the data: an attribute cannot be empty everywhere. Samba 4.24 counts further ones with it

MAX_NAME: Final = 255 - len(PREFIX) - len(SUFFIX)  # bytes: XATTR_NAME_MAX
MAX_DATA: Final = 65536 - len(END)  # bytes: XATTR_SIZE_MAX; a write reads and writes at most this much
MAX_STREAMS: Final = 2000  # of one file; the kernel lists 64 KiB of names
# The file system has no room for an attribute of this size, though perhaps for a file.
NO_ROOM: Final = frozenset({errno.E2BIG, errno.ENOSPC, errno.ERANGE})

# What a name on the disk may have and one on the wire may not; as for files (`disk_names`).
_TO_WIRE: Final = {ord(":"): "\uf022", ord("\\"): "\uf026"}

Target = int | str
"""A descriptor, or its name in /proc where it is an O_PATH one."""


class Stored(NamedTuple):
    """A stream on the disk: its name on the wire, its name in the attribute, and whether there is a pointer."""

    name: str
    raw: bytes
    in_attribute: bool
    has_pointer: bool


def raw_name(name: str) -> bytes:
    """A wire name as part of an attribute's. OSError ENAMETOOLONG when it cannot be stored."""
    raw = encode_name(name)
    if raw is None or len(raw) > MAX_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    return raw


def data_attribute(raw: bytes) -> bytes:
    """Samba's attribute for a stream."""
    return PREFIX + raw + SUFFIX


def pointer_attribute(raw: bytes) -> bytes:
    """Our attribute for a stream that is in a file."""
    return POINTER_PREFIX + raw


def supported(root: int) -> bool:
    """Whether the file system has attributes for users at all."""
    try:
        os.getxattr(root, data_attribute(b"?"))
    except OSError as error:
        return error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS)
    return True


def stored_streams(target: Target, follow: bool = True) -> dict[str, Stored]:
    """All streams by folded name, at most MAX_STREAMS. What has no name on the wire is left out."""
    found: dict[str, Stored] = {}
    for attribute in os.listxattr(target, follow_symlinks=follow):
        if not attribute.startswith("user."):
            continue
        full = os.fsencode(attribute)
        if full.startswith(PREFIX) and full.endswith(SUFFIX):
            raw, is_pointer = full[len(PREFIX) : -len(SUFFIX)], False
        elif full.startswith(POINTER_PREFIX):
            raw, is_pointer = full[len(POINTER_PREFIX) :], True
        else:
            continue
        if not raw:
            continue
        name = decode_name(raw).translate(_TO_WIRE)
        if "/" in name:
            continue  # no form of it can be sent
        key = fold(name)
        before = found.get(key)
        if before is None and len(found) >= MAX_STREAMS:
            log.warning("a file with more than %d streams: the others are not seen", MAX_STREAMS)
            break
        if before is None:
            found[key] = Stored(name, raw, not is_pointer, is_pointer)
        elif before.raw == raw:
            found[key] = Stored(name, raw, True, True)
    return found


def load(target: Target, raw: bytes) -> bytes | None:
    """The data in Samba's attribute, None without one. OSError EIO for a value that is not all of a stream."""
    try:
        value = os.getxattr(target, data_attribute(raw))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise
    if value[-1:] != END:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return value[:-1]


def save(target: Target, raw: bytes, data: bytes, flags: int = 0) -> bool:
    """Store the data in Samba's attribute; False when there is no room for that many."""
    try:
        os.setxattr(target, data_attribute(raw), data + END, flags)
    except OSError as error:
        if error.errno in NO_ROOM:
            return False
        raise
    return True


def pointer(target: Target, raw: bytes) -> str | None:
    """The id of the stream's file, None without one. It may be anything: the store looks at it."""
    try:
        return os.getxattr(target, pointer_attribute(raw)).decode("ascii", "replace")
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise


def remove(target: Target, attribute: bytes) -> bool:
    """Remove an attribute; whether there was one."""
    try:
        os.removexattr(target, attribute)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return False
        raise
    return True


def pointers(target: Target, follow: bool = True) -> list[str]:
    """The ids of all stream files of a file that is about to go; none where that cannot be asked."""
    found = []
    try:
        for stored in stored_streams(target, follow).values():
            if stored.has_pointer:
                value = os.getxattr(target, pointer_attribute(stored.raw), follow_symlinks=follow)
                found.append(value.decode("ascii", "replace"))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):
            log.info("streams of a file that is removed: %s", error.strerror)
    return found
