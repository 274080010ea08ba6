"""Which rights a security descriptor gives ([MS-DTYP] 2.5.3.2).

The specification has one loop with two modes: "may he do all of this" and "what may he do". For each right the first
entry that names it decides, so the second answers the first as well, and there is only that one here.
"""

from typing import Final

from smbserver.nt import access
from smbserver.nt import descriptor as sd
from smbserver.nt.descriptor import Ace, Descriptor
from smbserver.nt.sid import OWNER_RIGHTS
from smbserver.nt.token import Token

_ALLOWS: Final = frozenset((sd.ACCESS_ALLOWED,))
# A condition that nobody evaluates is taken for false when it would allow, and for true when it would deny.
_DENIES: Final = frozenset(
    (
        sd.ACCESS_DENIED,
        sd.ACCESS_DENIED_OBJECT,
        sd.ACCESS_DENIED_CALLBACK,
        sd.ACCESS_DENIED_CALLBACK_OBJECT,
    )
)
_OWNER_IMPLIED: Final = access.READ_CONTROL | access.WRITE_DAC


def allowed_rights(descriptor: Descriptor, token: Token) -> int:
    """Everything that `token` may do: bits of FILE_ALL_ACCESS. The SACL plays no part.

    No DACL and a NULL DACL forbid nothing. The owner has READ_CONTROL and WRITE_DAC, unless an entry for OWNER RIGHTS
    says what he has instead.
    """
    dacl = descriptor.dacl
    if dacl is None:
        return access.FILE_ALL_ACCESS
    is_owner = descriptor.owner in token.sids
    if is_owner and not any(_is_effective(ace) and ace.sid == OWNER_RIGHTS for ace in dacl):
        granted = _OWNER_IMPLIED
    else:
        granted = 0
    denied = 0
    for ace in dacl:
        if ace.sid not in token.sids and not (is_owner and ace.sid == OWNER_RIGHTS):
            continue
        if not _is_effective(ace):
            continue
        mask = access.expand_generic(ace.mask)
        if ace.kind in _ALLOWS:
            granted |= mask & ~denied
        elif ace.kind in _DENIES:
            denied |= mask & ~granted
    return granted & access.FILE_ALL_ACCESS


def _is_effective(ace: Ace) -> bool:
    return not ace.flags & sd.INHERIT_ONLY_ACE


def map_generic(acl: sd.Acl | None) -> sd.Acl | None:
    """The ACL with file rights in place of generic ones, except in entries that are only there to be inherited."""
    if acl is None or not any(ace.mask & access.GENERIC for ace in acl):
        return acl
    return tuple(ace._replace(mask=access.expand_generic(ace.mask)) if _is_effective(ace) else ace for ace in acl)
