"""Security descriptors, ACLs and ACEs as values, and their self-relative bytes ([MS-DTYP] 2.4.4 to 2.4.6).

Read strictly: every part lies whole within the bytes, aligned to 4, and touches no other part.
"""

from collections.abc import Iterable
from itertools import pairwise
from struct import Struct
from typing import Final, NamedTuple

from smbserver.errors import WireError
from smbserver.nt.sid import read_sid

OWNER_SECURITY_INFORMATION: Final = 0x1
GROUP_SECURITY_INFORMATION: Final = 0x2
DACL_SECURITY_INFORMATION: Final = 0x4
SACL_SECURITY_INFORMATION: Final = 0x8
LABEL_SECURITY_INFORMATION: Final = 0x10
ATTRIBUTE_SECURITY_INFORMATION: Final = 0x20
SCOPE_SECURITY_INFORMATION: Final = 0x40
BACKUP_SECURITY_INFORMATION: Final = 0x10000

SE_OWNER_DEFAULTED: Final = 0x0001
SE_GROUP_DEFAULTED: Final = 0x0002
SE_DACL_PRESENT: Final = 0x0004
SE_DACL_DEFAULTED: Final = 0x0008
SE_SACL_PRESENT: Final = 0x0010
SE_SACL_DEFAULTED: Final = 0x0020
SE_DACL_AUTO_INHERIT_REQ: Final = 0x0100
SE_SACL_AUTO_INHERIT_REQ: Final = 0x0200
SE_DACL_AUTO_INHERITED: Final = 0x0400
SE_SACL_AUTO_INHERITED: Final = 0x0800
SE_DACL_PROTECTED: Final = 0x1000
SE_SACL_PROTECTED: Final = 0x2000
SE_SELF_RELATIVE: Final = 0x8000

OBJECT_INHERIT_ACE: Final = 0x01
CONTAINER_INHERIT_ACE: Final = 0x02
NO_PROPAGATE_INHERIT_ACE: Final = 0x04
INHERIT_ONLY_ACE: Final = 0x08
INHERITED_ACE: Final = 0x10

ACCESS_ALLOWED: Final = 0x00
ACCESS_DENIED: Final = 0x01
ACCESS_ALLOWED_OBJECT: Final = 0x05
ACCESS_DENIED_OBJECT: Final = 0x06
ACCESS_ALLOWED_CALLBACK: Final = 0x09
ACCESS_DENIED_CALLBACK: Final = 0x0A
ACCESS_ALLOWED_CALLBACK_OBJECT: Final = 0x0B
ACCESS_DENIED_CALLBACK_OBJECT: Final = 0x0C
SYSTEM_MANDATORY_LABEL: Final = 0x11
SYSTEM_RESOURCE_ATTRIBUTE: Final = 0x12
SYSTEM_SCOPED_POLICY_ID: Final = 0x13

REVISION: Final = 1
MAX_ACL_SIZE: Final = 0xFFFC  # a count of 16 bits, and a multiple of 4
MAX_SIZE: Final = 2 * MAX_ACL_SIZE + 1024  # of a whole descriptor: two such ACLs, two SIDs, and what NDR puts before it
_ACL_REVISION: Final = 2
_ACL_REVISION_DS: Final = 4
_ACL_REVISIONS: Final = (_ACL_REVISION, 3, _ACL_REVISION_DS)

_HEADER: Final = Struct("<BBHIIII")  # [MS-DTYP] 2.4.6
_ACL: Final = Struct("<BBHHH")  # [MS-DTYP] 2.4.5
_ACE: Final = Struct("<BBHI")  # [MS-DTYP] 2.4.4.2
HEADER_SIZE: Final = _HEADER.size
# ACEs that are a mask and a SID and, for some, application data ([MS-DTYP] 2.4.4.2 to 2.4.4.17).
_SIMPLE: Final = frozenset((0x00, 0x01, 0x02, 0x03, 0x09, 0x0A, 0x0D, 0x0E, 0x11, 0x12, 0x13))
# These have flags and up to two GUIDs before the SID.
_OBJECT: Final = frozenset((0x05, 0x06, 0x07, 0x08, 0x0B, 0x0C, 0x0F, 0x10))
_GUID: Final = 16


class Ace(NamedTuple):
    """One entry. `guids` is what stands before the SID in object entries, `data` what follows it."""

    kind: int
    flags: int
    mask: int
    sid: bytes
    guids: bytes = b""
    data: bytes = b""


Acl = tuple[Ace, ...]


class Descriptor(NamedTuple):
    """`dacl` is None for a NULL DACL, which forbids nothing, and empty for one that allows nothing; `sacl` likewise.

    `control` says with SE_DACL_PRESENT and SE_SACL_PRESENT whether there is one at all; SE_SELF_RELATIVE is implied.
    """

    control: int
    owner: bytes | None
    group: bytes | None
    dacl: Acl | None
    sacl: Acl | None = None


def parse(data: bytes, at: int = 0, origin: int = 0) -> Descriptor:
    """Read the self-relative descriptor at `at`, whose offsets count from `origin`. Raises WireError.

    On the wire both are 0; within an NDR structure the offsets count from the start of the structure.
    """
    if len(data) > MAX_SIZE:
        raise WireError(f"a security descriptor of {len(data)} bytes")
    if at + HEADER_SIZE > len(data):
        raise WireError("a security descriptor cut short")
    revision, _, control, owner_at, group_at, sacl_at, dacl_at = _HEADER.unpack_from(data, at)
    if revision != REVISION or not control & SE_SELF_RELATIVE:
        raise WireError(f"security descriptor of revision {revision}, control 0x{control:04x}")
    taken = [(at, at + HEADER_SIZE)]
    owner = _read_part_sid(data, origin, owner_at, taken)
    group = _read_part_sid(data, origin, group_at, taken)
    # An offset without its flag means nothing ([MS-DTYP] 2.4.6); the flag without an offset is the NULL ACL.
    dacl = _read_acl(data, origin, dacl_at, taken) if control & SE_DACL_PRESENT and dacl_at else None
    sacl = _read_acl(data, origin, sacl_at, taken) if control & SE_SACL_PRESENT and sacl_at else None
    taken.sort()
    if any(end > start for (_, end), (start, _) in pairwise(taken)):
        raise WireError("parts of a security descriptor overlap")
    return Descriptor(control & ~SE_SELF_RELATIVE, owner, group, dacl, sacl)


def _place(data: bytes, origin: int, offset: int) -> int:
    if offset & 3 or origin + offset >= len(data):
        raise WireError(f"part of a security descriptor at {offset} of {len(data)} bytes")
    return origin + offset


def _read_part_sid(data: bytes, origin: int, offset: int, taken: list[tuple[int, int]]) -> bytes | None:
    if not offset:
        return None
    at = _place(data, origin, offset)
    who = read_sid(data, at, len(data))
    taken.append((at, at + len(who)))
    return who


def _read_acl(data: bytes, origin: int, offset: int, taken: list[tuple[int, int]]) -> Acl:
    at = _place(data, origin, offset)
    if at + _ACL.size > len(data):
        raise WireError("an ACL cut short")
    revision, _, size, count, _ = _ACL.unpack_from(data, at)
    if revision not in _ACL_REVISIONS:
        raise WireError(f"an ACL of revision {revision}")
    if size < _ACL.size or at + size > len(data):
        raise WireError(f"an ACL of {size} bytes")
    taken.append((at, at + size))
    end = at + size
    at += _ACL.size
    entries = []
    for _ in range(count):
        entry, at = _read_ace(data, at, end)
        entries.append(entry)
    return tuple(entries)  # what is left is room for more entries ([MS-DTYP] 2.4.5)


def _read_ace(data: bytes, at: int, acl_end: int) -> tuple[Ace, int]:
    if at + _ACE.size > acl_end:
        raise WireError("more ACEs counted than there are")
    kind, flags, size, mask = _ACE.unpack_from(data, at)
    end = at + size
    if size & 3 or size < _ACE.size or end > acl_end:
        raise WireError(f"an ACE of {size} bytes")
    sid_at = at + _ACE.size
    if kind in _OBJECT:
        if sid_at + 4 > end:
            raise WireError("an object ACE cut short")
        present = int.from_bytes(data[sid_at : sid_at + 4], "little")
        sid_at += 4 + _GUID * ((present & 1) + (present >> 1 & 1))
    elif kind not in _SIMPLE:
        raise WireError(f"an ACE of type {kind}")
    who = read_sid(data, sid_at, end)
    guids = data[at + _ACE.size : sid_at]
    return Ace(kind, flags, mask, who, guids, data[sid_at + len(who) : end]), end


def build(descriptor: Descriptor, start: int = 0) -> bytes:
    """The self-relative bytes; `start` is added to every offset, for a place within something larger.

    Raises WireError when an ACL is larger than one can be.
    """
    control = descriptor.control | SE_SELF_RELATIVE
    parts = (
        descriptor.owner or b"",
        descriptor.group or b"",
        _build_acl(descriptor.sacl) if control & SE_SACL_PRESENT else b"",
        _build_acl(descriptor.dacl) if control & SE_DACL_PRESENT else b"",
    )
    offsets = []
    at = start + HEADER_SIZE
    for part in parts:
        offsets.append(at if part else 0)
        at += len(part)
    return _HEADER.pack(REVISION, 0, control, *offsets) + b"".join(parts)


def _build_acl(acl: Acl | None) -> bytes:
    if acl is None:
        return b""
    entries = b"".join(
        _ACE.pack(ace.kind, ace.flags, ace_size(ace), ace.mask) + ace.guids + ace.sid + ace.data for ace in acl
    )
    if _ACL.size + len(entries) > MAX_ACL_SIZE:
        raise WireError(f"an ACL of {len(entries)} bytes")
    revision = _ACL_REVISION_DS if any(ace.kind in _OBJECT for ace in acl) else _ACL_REVISION
    return _ACL.pack(revision, 0, _ACL.size + len(entries), len(acl), 0) + entries


def ace_size(ace: Ace) -> int:
    """Bytes of an entry, its header included."""
    return _ACE.size + len(ace.guids) + len(ace.sid) + len(ace.data)


def acl_size(acl: Iterable[Ace]) -> int:
    """Bytes of an ACL of these entries."""
    return _ACL.size + sum(ace_size(ace) for ace in acl)
