"""The descriptor of a new file: what its maker gave and what its directory hands down ([MS-DTYP] 2.5.3.4).

For one entry the table at the end of 2.5.3.4.4 decides; the pseudocode above it skips entries with INHERIT_ONLY, which
the text beside it and every Windows contradict.
"""

from typing import Final

from smbserver.nt import access
from smbserver.nt import descriptor as sd
from smbserver.nt.access_check import map_generic
from smbserver.nt.descriptor import Ace, Acl, Descriptor
from smbserver.nt.sid import CREATOR_GROUP, CREATOR_OWNER, SYSTEM
from smbserver.nt.token import Token

_INHERITABLE: Final = sd.OBJECT_INHERIT_ACE | sd.CONTAINER_INHERIT_ACE
_PASSED_ON: Final = _INHERITABLE | sd.NO_PROPAGATE_INHERIT_ACE | sd.INHERIT_ONLY_ACE | sd.INHERITED_ACE
_GENERIC: Final = access.GENERIC_ALL | access.GENERIC_EXECUTE | access.GENERIC_READ | access.GENERIC_WRITE
_DACL_KEPT: Final = sd.SE_DACL_PROTECTED | sd.SE_DACL_DEFAULTED


def new_descriptor(
    directory: Descriptor | None, given: Descriptor | None, token: Token, is_directory: bool
) -> Descriptor | None:
    """What a new file is to have; None when neither its maker nor its directory says anything.

    The caller has checked that `given.owner` may be one. An entry that the directory inherited itself is handed down
    as inherited only when the directory's control says AUTO_INHERITED, as Windows does.
    """
    if given is not None and given.owner is None and given.group is None and not given.control & sd.SE_DACL_PRESENT:
        given = None
    if given is None and directory is None:
        return None
    owner = (given.owner if given else None) or token.user
    group = (given.group if given else None) or token.group
    marks = directory is not None and directory.control & sd.SE_DACL_AUTO_INHERITED != 0
    inherited = inherited_acl(directory.dacl, owner, group, is_directory, marks) if directory else ()
    control = sd.SE_DACL_PRESENT
    dacl: Acl | None
    if given is not None and given.control & sd.SE_DACL_PRESENT:
        control |= given.control & _DACL_KEPT
        dacl = given.dacl
        if dacl is not None and marks and not given.control & sd.SE_DACL_PROTECTED:
            dacl = tuple(ace for ace in dacl if not ace.flags & sd.INHERITED_ACE) + inherited
            control |= sd.SE_DACL_AUTO_INHERITED
        elif given.control & sd.SE_DACL_AUTO_INHERIT_REQ:
            control |= given.control & sd.SE_DACL_AUTO_INHERITED
    elif inherited:
        dacl = inherited
        control |= sd.SE_DACL_AUTO_INHERITED if marks else 0
    elif directory is not None:
        dacl = default_acl(owner)
    else:
        return None if given is None else Descriptor(control, owner, group, default_acl(owner))
    return Descriptor(control, owner, group, map_generic(dacl))


def default_acl(owner: bytes) -> Acl:
    """Where nothing is handed down: all rights to the owner and to SYSTEM, the DefaultDACL of a Windows token."""
    return tuple(Ace(sd.ACCESS_ALLOWED, 0, access.FILE_ALL_ACCESS, who) for who in (owner, SYSTEM))


def inherited_acl(acl: Acl | None, owner: bytes, group: bytes, is_directory: bool, marks: bool = True) -> Acl:
    """The entries that a directory's ACL hands down. `marks`: with the flag INHERITED_ACE."""
    entries: list[Ace] = []
    for ace in acl or ():
        entries.extend(_hand_down(ace, owner, group, is_directory, sd.INHERITED_ACE if marks else 0))
    return tuple(entries)


def _hand_down(ace: Ace, owner: bytes, group: bytes, is_directory: bool, mark: int) -> list[Ace]:
    flags = ace.flags & _INHERITABLE
    others = ace.flags & ~_PASSED_ON  # of audit entries
    effective = ace._replace(
        flags=others | mark,
        sid={CREATOR_OWNER: owner, CREATOR_GROUP: group}.get(ace.sid, ace.sid),
        mask=access.expand_generic(ace.mask) if ace.mask & _GENERIC else ace.mask,
    )
    if not is_directory:
        return [effective] if flags & sd.OBJECT_INHERIT_ACE else []
    if ace.flags & sd.NO_PROPAGATE_INHERIT_ACE:
        return [effective] if flags & sd.CONTAINER_INHERIT_ACE else []
    if not flags:
        return []
    if not flags & sd.CONTAINER_INHERIT_ACE:
        return [ace._replace(flags=others | flags | sd.INHERIT_ONLY_ACE | mark)]
    if effective.sid == ace.sid and effective.mask == ace.mask:
        return [effective._replace(flags=effective.flags | flags)]
    # For the directory itself it means somebody or something else than for what will be below it.
    return [effective, ace._replace(flags=others | flags | sd.INHERIT_ONLY_ACE | mark)]
