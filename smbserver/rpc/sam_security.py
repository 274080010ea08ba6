"""The security descriptor that every object of the SAM shows: to be read by all, to be changed by nobody."""

from __future__ import annotations

from struct import Struct
from typing import Final

from smbserver.nt.descriptor import (
    DACL_SECURITY_INFORMATION,
    GROUP_SECURITY_INFORMATION,
    OWNER_SECURITY_INFORMATION,
)
from smbserver.nt.sid import EVERYONE, sid
from smbserver.rpc.rights import READ_CONTROL, USER

_DESCRIPTOR = Struct("<BBHIIII")  # [MS-DTYP] 2.4.6
_ACL = Struct("<BBHHH")  # 2.4.5
_ACE = Struct("<BBHI")  # 2.4.4.2, followed by the SID
_SELF_RELATIVE: Final = 0x8000
_DACL_PRESENT: Final = 0x0004
_ACL_REVISION: Final = 2
_ADMINISTRATORS: Final = sid(5, 32, 544)


def readable_descriptor(parts: int) -> bytes:
    """A self-relative descriptor with the parts asked for (*_SECURITY_INFORMATION bits)."""
    owner = _ADMINISTRATORS if parts & OWNER_SECURITY_INFORMATION else b""
    group = _ADMINISTRATORS if parts & GROUP_SECURITY_INFORMATION else b""
    dacl, control = b"", _SELF_RELATIVE
    if parts & DACL_SECURITY_INFORMATION:
        # USER has the right to change one's password, which Windows's user dialog looks for
        ace = _ACE.pack(0, 0, _ACE.size + len(EVERYONE), READ_CONTROL | USER) + EVERYONE
        dacl = _ACL.pack(_ACL_REVISION, 0, _ACL.size + len(ace), 1, 0) + ace
        control |= _DACL_PRESENT
    offset, offsets = _DESCRIPTOR.size, []
    for part in (owner, group, dacl):
        offsets.append(offset if part else 0)
        offset += len(part)
    return _DESCRIPTOR.pack(1, 0, control, offsets[0], offsets[1], 0, offsets[2]) + owner + group + dacl
