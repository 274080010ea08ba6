"""DOS attributes and creation time in `user.DOSATTRIB`, in the form Samba reads and writes.

Behind Samba's part, which smbd decodes without asking what follows, may stand set times (`kept_times`). When smbd
stores attributes it drops them, and they have ended by then anyway.
"""

import errno
import os
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

from smbserver.backend.posix import attribute_list, kept_times
from smbserver.backend.posix.kept_times import KeptTimes
from smbserver.nt import attributes as attrs
from smbserver.nt.filetime import MAXIMUM

XATTR: Final = "user.DOSATTRIB"
_RAW: Final = XATTR.encode()
ALONE: Final = b"\0" + _RAW + b"\0"  # a list of names that has nothing else

# An NDR blob: an empty string and its padding, the version twice (union switch), then the version's fields.
_HEAD: Final = Struct("<2sHI")
_V1: Final = Struct("<IIQQQQ")  # attrib, ea_size, size, alloc_size, create_time, change_time
_V2: Final = Struct("<II")  # flags, attrib, and more that Samba does not read either
_V3: Final = Struct("<IIIQQQQ")  # valid_flags, attrib, ea_size, size, alloc_size, create_time, change_time
_V4: Final = Struct("<IIQQ")  # valid_flags, attrib, itime, create_time
_V5: Final = Struct("<IIQ")  # valid_flags, attrib, create_time
_HAS_ATTRIBUTES: Final = 0x01
_HAS_CREATE_TIME: Final = 0x10
_V5_END: Final = _HEAD.size + _V5.size
STORED: Final = attrs.SETTABLE | attrs.KEPT  # the bits that are believed when read
MAX_SIZE: Final = 256  # smbd's own buffer; more is not ours

# "Not there", "not possible here", "not ours to read": for all of them a file simply has no stored attributes.
_ABSENT: Final = {errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOSYS}


class DosAttributes(NamedTuple):
    """`attributes` and `creation_time` (FILETIME) as stored, and set times; None where nothing was."""

    attributes: int | None
    creation_time: int | None
    kept: KeptTimes | None = None


NONE: Final = DosAttributes(None, None)


def decode(blob: bytes | None) -> DosAttributes:
    """Understand a stored value. What is malformed or unknown counts as absent: a disk can hold anything."""
    if blob is None or len(blob) > MAX_SIZE:
        return NONE
    try:
        return _decode(blob)
    except StructError:
        return NONE


def _decode(blob: bytes) -> DosAttributes:
    if blob[:2] == b"0x":
        return _decode_text(blob[2:])
    text, version, switch = _HEAD.unpack_from(blob)
    if text != b"\0\0" or version != switch & 0xFFFF:
        return NONE
    kept = None
    if version == 5:
        valid, attributes, created = _V5.unpack_from(blob, _HEAD.size)
        if len(blob) > _V5_END:
            kept = kept_times.decode(blob[_V5_END:])
    elif version == 4:
        valid, attributes, _, created = _V4.unpack_from(blob, _HEAD.size)
    elif version == 3:
        valid, attributes, _, _, _, created, _ = _V3.unpack_from(blob, _HEAD.size)
    elif version == 2:
        (_, attributes), valid, created = _V2.unpack_from(blob, _HEAD.size), _HAS_ATTRIBUTES, 0
    elif version == 1:
        attributes, _, _, _, created, _ = _V1.unpack_from(blob, _HEAD.size)
        valid = _HAS_ATTRIBUTES | _HAS_CREATE_TIME
    else:
        return NONE
    if created > MAXIMUM:
        created = 0
    return DosAttributes(
        attributes if valid & _HAS_ATTRIBUTES else None, created if valid & _HAS_CREATE_TIME and created else None, kept
    )


def _decode_text(blob: bytes) -> DosAttributes:
    """Samba before 3.5 stored the attributes as text and nothing else."""
    digits = blob.partition(b"\0")[0]
    if not 0 < len(digits) <= 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
        return NONE
    return DosAttributes(int(digits, 16), None)


def encode(attributes: int, creation_time: int, kept: KeptTimes = kept_times.NOTHING) -> bytes:
    """The value to store."""
    blob = _HEAD.pack(b"\0\0", 5, 5) + _V5.pack(_HAS_ATTRIBUTES | _HAS_CREATE_TIME, attributes, creation_time)
    return blob if kept == kept_times.NOTHING else blob + kept_times.encode(kept)


def load(target: int | str, follow: bool = True) -> DosAttributes:
    """What is stored on a descriptor or a path."""
    return decode(_read(target, follow))


def read(target: int | str, follow: bool, names: bytes | None) -> bytes | None:
    """The stored value, for `decode`; `names` from `attribute_list`."""
    return None if names is not None and ALONE not in names else _read(target, follow)


def read_entry(directory: int, name: bytes, names: bytes | None) -> bytes | None:
    """As `read`, of an entry of a directory."""
    if names is not None:
        if ALONE not in names:
            return None
        value = attribute_list.value_of_entry(directory, name, _RAW)
        if value is not None:
            return value
    return _read(f"/proc/self/fd/{directory}/{os.fsdecode(name)}", False)


def _read(target: int | str, follow: bool) -> bytes | None:
    try:
        return os.getxattr(target, XATTR, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def store(target: int | str, attributes: int, creation_time: int, kept: KeptTimes = kept_times.NOTHING) -> bytes:
    """Keep attributes, creation time and set times: the value. OSError where the file system has no user attributes."""
    value = encode(attributes, creation_time, kept)
    os.setxattr(target, XATTR, value)
    return value
