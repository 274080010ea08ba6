"""DOS attributes and creation time in `user.DOSATTRIB`, in the form Samba reads and writes."""

import errno
import os
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

from smbserver.nt.filetime import MAXIMUM

XATTR: Final = "user.DOSATTRIB"

# An NDR blob: an empty string and its padding, the version twice (union switch), then the version's fields.
_HEAD = Struct("<2sHI")
_V3 = Struct("<IIIQQQQ")  # valid_flags, attrib, ea_size, size, alloc_size, create_time, change_time
_V4 = Struct("<IIQQ")  # valid_flags, attrib, itime, create_time
_V5 = Struct("<IIQ")  # valid_flags, attrib, create_time
_HAS_ATTRIBUTES: Final = 0x01
_HAS_CREATE_TIME: Final = 0x10
MAX_SIZE: Final = 256  # the largest known form has 64 bytes; more is not ours

# "Not there", "not possible here", "not ours to read": for all of them a file simply has no stored attributes.
_ABSENT: Final = {errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOSYS}


class DosAttributes(NamedTuple):
    """`attributes` and `creation_time` (FILETIME) as stored; None where nothing was."""

    attributes: int | None
    creation_time: int | None


NONE: Final = DosAttributes(None, None)


def decode(blob: bytes) -> DosAttributes:
    """Read a stored value. What is malformed or unknown counts as absent: a disk can hold anything."""
    if len(blob) > MAX_SIZE:
        return NONE
    try:
        text, version, switch = _HEAD.unpack_from(blob)
        if text != b"\0\0" or version != switch & 0xFFFF:
            return NONE
        if version == 3:
            valid, attributes, _, _, _, created, _ = _V3.unpack_from(blob, _HEAD.size)
        elif version == 4:
            valid, attributes, _, created = _V4.unpack_from(blob, _HEAD.size)
        elif version == 5:
            valid, attributes, created = _V5.unpack_from(blob, _HEAD.size)
        else:
            return NONE
    except StructError:
        return NONE
    if created > MAXIMUM:
        created = 0
    return DosAttributes(
        attributes if valid & _HAS_ATTRIBUTES else None, created if valid & _HAS_CREATE_TIME and created else None
    )


def encode(attributes: int, creation_time: int) -> bytes:
    """The value to store."""
    return _HEAD.pack(b"\0\0", 5, 5) + _V5.pack(_HAS_ATTRIBUTES | _HAS_CREATE_TIME, attributes, creation_time)


def load(target: int | str, follow: bool = True) -> DosAttributes:
    """What is stored on a descriptor or a path."""
    try:
        return decode(os.getxattr(target, XATTR, follow_symlinks=follow))
    except OSError as error:
        if error.errno in _ABSENT:
            return NONE
        raise


def store(target: int | str, attributes: int, creation_time: int) -> None:
    """Keep attributes and creation time. OSError where the file system has no user attributes."""
    os.setxattr(target, XATTR, encode(attributes, creation_time))
