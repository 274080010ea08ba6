"""SET_INFO of a file's security descriptor ([MS-SMB2] 3.3.5.21.3, [MS-FSA] 2.1.5.17)."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError, WireError
from smbserver.nt import changes, status
from smbserver.nt import descriptor as sd
from smbserver.nt.access_check import map_generic
from smbserver.nt.descriptor_parts import KNOWN, TO_WRITE, check_rights, merge
from smbserver.nt.nfs_aces import without_mode
from smbserver.objects.file_access import descriptor_of
from smbserver.objects.open import Open
from smbserver.wire import set_info as wire


def set_security(request: wire.SetInfoRequest, opened: Open, work: Work) -> Reply:
    """Replace the named parts and store the whole.

    Raises StatusError ACCESS_DENIED, INVALID_SECURITY_DESCR, INVALID_OWNER; OSError EOPNOTSUPP from a store without
    room for descriptors, unless nothing would change.
    """
    parts = request.additional_information & KNOWN
    check_rights(parts, opened.granted, TO_WRITE)
    try:
        given = sd.parse(bytes(request.data))
    except WireError:
        raise StatusError(status.INVALID_SECURITY_DESCR) from None
    if opened.pipe is not None:
        raise StatusError(status.NOT_SUPPORTED)
    if not parts:
        return Reply([wire.RESPONSE_BODY])
    is_apple = work.need_session().is_apple
    if (opened.is_posix or is_apple) and parts & sd.DACL_SECURITY_INFORMATION:
        given, mode = without_mode(given)
        if mode is not None:
            _set_mode(opened, mode)
        if not given.dacl and given.dacl is not None and (is_apple or mode is not None):
            # An empty DACL of Apple's client means "none of mine", and obeyed it would lock the owner out. Linux's
            # chmod is a DACL with the mode and no other entry.
            parts &= ~sd.DACL_SECURITY_INFORMATION
            if not parts:
                return Reply([wire.RESPONSE_BODY])
    if opened.tree.share.keep_acl_flags and given.control & sd.SE_DACL_AUTO_INHERITED:
        given = given._replace(control=given.control | sd.SE_DACL_AUTO_INHERIT_REQ)
    token = work.token()
    current = descriptor_of(opened.handle, token)
    wanted = merge(current, given._replace(dacl=map_generic(given.dacl)), parts, token)
    if wanted != current or opened.backend.keeps_descriptors:
        opened.handle.set_descriptor(wanted)
        opened.changed(changes.FILTER_SECURITY)
    return Reply([wire.RESPONSE_BODY])


def _set_mode(opened: Open, mode: int) -> None:
    """Only if it differs, and a stored descriptor stays: it is believed beside the mode it was stored with.

    Not where POSIX asks: there it is a chmod, as if by a local program (see `backend.posix.stored_acl`).
    """
    if opened.handle.ownership().mode == mode:
        return
    stored = None if opened.is_posix else opened.handle.descriptor()
    opened.handle.set_mode(mode)
    if stored is not None:
        opened.handle.set_descriptor(stored)
    opened.changed(changes.FILTER_SECURITY)
