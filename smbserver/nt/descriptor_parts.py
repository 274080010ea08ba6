"""The parts of a descriptor that a request names: the rights they need, taking them out, putting them in.

SECURITY_INFORMATION, [MS-DTYP] 2.4.7; [MS-SMB2] 3.3.5.20.3 and 3.3.5.21.3.
"""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt import descriptor as sd
from smbserver.nt.descriptor import Ace, Acl, Descriptor
from smbserver.nt.token import Token

# All the rights that each part needs; other bits of a request mean nothing.
TO_READ: Final = {
    sd.OWNER_SECURITY_INFORMATION: access.READ_CONTROL,
    sd.GROUP_SECURITY_INFORMATION: access.READ_CONTROL,
    sd.DACL_SECURITY_INFORMATION: access.READ_CONTROL,
    sd.SACL_SECURITY_INFORMATION: access.ACCESS_SYSTEM_SECURITY,
    sd.LABEL_SECURITY_INFORMATION: access.READ_CONTROL,
    sd.ATTRIBUTE_SECURITY_INFORMATION: access.READ_CONTROL,
    sd.SCOPE_SECURITY_INFORMATION: access.READ_CONTROL,
    sd.BACKUP_SECURITY_INFORMATION: access.READ_CONTROL | access.ACCESS_SYSTEM_SECURITY,
}
TO_WRITE: Final = {
    sd.OWNER_SECURITY_INFORMATION: access.WRITE_OWNER,
    sd.GROUP_SECURITY_INFORMATION: access.WRITE_OWNER,
    sd.DACL_SECURITY_INFORMATION: access.WRITE_DAC,
    sd.SACL_SECURITY_INFORMATION: access.ACCESS_SYSTEM_SECURITY,
    sd.LABEL_SECURITY_INFORMATION: access.WRITE_OWNER,
    sd.ATTRIBUTE_SECURITY_INFORMATION: access.WRITE_DAC,
    sd.SCOPE_SECURITY_INFORMATION: access.ACCESS_SYSTEM_SECURITY,
    sd.BACKUP_SECURITY_INFORMATION: access.WRITE_DAC | access.WRITE_OWNER | access.ACCESS_SYSTEM_SECURITY,
}
KNOWN: Final = sum(TO_WRITE)

# Which part an entry of the SACL belongs to; the others are SACL_SECURITY_INFORMATION.
_PART_OF_KIND: Final = {
    sd.SYSTEM_MANDATORY_LABEL: sd.LABEL_SECURITY_INFORMATION,
    sd.SYSTEM_RESOURCE_ATTRIBUTE: sd.ATTRIBUTE_SECURITY_INFORMATION,
    sd.SYSTEM_SCOPED_POLICY_ID: sd.SCOPE_SECURITY_INFORMATION,
}
_IN_SACL: Final = sd.SACL_SECURITY_INFORMATION | sum(_PART_OF_KIND.values())
_OF_DACL: Final = sd.SE_DACL_PRESENT | sd.SE_DACL_DEFAULTED | sd.SE_DACL_PROTECTED | sd.SE_DACL_AUTO_INHERITED
_OF_SACL: Final = sd.SE_SACL_PRESENT | sd.SE_SACL_DEFAULTED | sd.SE_SACL_PROTECTED | sd.SE_SACL_AUTO_INHERITED


def check_rights(parts: int, granted: int, needed: dict[int, int]) -> None:
    """Raise StatusError ACCESS_DENIED unless `granted` has what `needed` says for each of the parts."""
    for part, rights in needed.items():
        if parts & part and rights & ~granted:
            raise StatusError(status.ACCESS_DENIED)


def select(descriptor: Descriptor, parts: int) -> Descriptor:
    """The asked-for parts of a descriptor, and no bit of the others."""
    if parts & sd.BACKUP_SECURITY_INFORMATION:
        return descriptor
    control = 0
    owner = group = None
    dacl: Acl | None = None
    sacl: Acl | None = None
    if parts & sd.OWNER_SECURITY_INFORMATION:
        owner, control = descriptor.owner, descriptor.control & sd.SE_OWNER_DEFAULTED
    if parts & sd.GROUP_SECURITY_INFORMATION:
        group, control = descriptor.group, control | descriptor.control & sd.SE_GROUP_DEFAULTED
    if parts & sd.DACL_SECURITY_INFORMATION:
        dacl, control = descriptor.dacl, control | descriptor.control & _OF_DACL
    wanted = tuple(ace for ace in descriptor.sacl or () if _part_of(ace) & parts)
    if wanted or parts & sd.SACL_SECURITY_INFORMATION:
        sacl = wanted if descriptor.sacl is not None else None
        control |= descriptor.control & _OF_SACL
    return Descriptor(control, owner, group, dacl, sacl)


def merge(current: Descriptor, given: Descriptor, parts: int, token: Token) -> Descriptor:
    """`current` with some parts of `given`, as `token` may put them there. Raises StatusError INVALID_OWNER.

    Generic rights stay as they are given; see `access_check.map_generic`.
    """
    if parts & sd.BACKUP_SECURITY_INFORMATION:
        parts = KNOWN
    control, owner, group, dacl, sacl = current
    if parts & sd.OWNER_SECURITY_INFORMATION:
        # One may take a file and not give it away; to name who has it already is neither.
        if given.owner is None or (given.owner != owner and given.owner not in token.sids):
            raise StatusError(status.INVALID_OWNER)
        owner = given.owner
        control &= ~sd.SE_OWNER_DEFAULTED
    if parts & sd.GROUP_SECURITY_INFORMATION:
        group = given.group or group
        control &= ~sd.SE_GROUP_DEFAULTED
    if parts & sd.DACL_SECURITY_INFORMATION:
        dacl = given.dacl
        control &= ~_OF_DACL
        control |= sd.SE_DACL_PRESENT | given.control & (sd.SE_DACL_DEFAULTED | sd.SE_DACL_PROTECTED)
        # Asked for and done, or not asked for and then not said ([MS-DTYP] 2.4.6, DC and DI).
        if given.control & sd.SE_DACL_AUTO_INHERIT_REQ:
            control |= given.control & sd.SE_DACL_AUTO_INHERITED
    if parts & _IN_SACL:
        kept = tuple(ace for ace in sacl or () if not _part_of(ace) & parts)
        sacl = kept + tuple(ace for ace in given.sacl or () if _part_of(ace) & parts)
        control |= sd.SE_SACL_PRESENT
    if parts & sd.SACL_SECURITY_INFORMATION:
        control &= ~_OF_SACL
        control |= sd.SE_SACL_PRESENT | given.control & (sd.SE_SACL_DEFAULTED | sd.SE_SACL_PROTECTED)
        if given.control & sd.SE_SACL_AUTO_INHERIT_REQ:
            control |= given.control & sd.SE_SACL_AUTO_INHERITED
    return Descriptor(control, owner, group, dacl, sacl)


def _part_of(ace: Ace) -> int:
    return _PART_OF_KIND.get(ace.kind, sd.SACL_SECURITY_INFORMATION)
