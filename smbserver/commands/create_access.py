"""Which rights a CREATE is granted, and which it must have ([MS-FSA] 2.1.5.1.1, 2.1.5.1.2.1)."""

from typing import Final

from smbserver.backend.base import Backend, Located
from smbserver.connection.work import Work
from smbserver.errors import StatusError, WireError
from smbserver.nt import access, attributes, status
from smbserver.nt.access_check import allowed_rights
from smbserver.nt.descriptor import Descriptor, parse
from smbserver.nt.inheritance import new_descriptor
from smbserver.nt.metadata import Metadata
from smbserver.nt.token import Token
from smbserver.objects.file_access import stored_rights
from smbserver.objects.tree import Tree
from smbserver.wire import create as wire

# What READONLY keeps from whoever asks for all that is allowed ([MS-FSA] 2.1.5.1.2.1).
_NOT_IN_READONLY: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA | access.FILE_DELETE_CHILD


def granted_access(request: wire.CreateRequest, maximal: int, is_readonly: bool = False, refused: int = 0) -> int:
    """The rights of the open, all of them within `maximal`, else ACCESS_DENIED.

    `is_readonly`: an existing file is. `refused` is what the kernel will not give: who asks for whatever he can have is
    not given that, who asks for it by name hears it from the kernel.
    """
    wanted = access.expand_generic(request.desired_access & ~access.MAXIMUM_ALLOWED)
    if request.create_options & attributes.FILE_NO_INTERMEDIATE_BUFFERING:
        wanted &= ~access.FILE_APPEND_DATA  # [MS-SMB2] 3.3.5.9
    if wanted & ~maximal:
        raise StatusError(status.ACCESS_DENIED)
    if is_readonly and wanted & (access.FILE_WRITE_DATA | access.FILE_APPEND_DATA):
        raise StatusError(status.ACCESS_DENIED)
    if request.desired_access & access.MAXIMUM_ALLOWED:
        wanted |= maximal & ~(refused | (_NOT_IN_READONLY if is_readonly else 0))
    return wanted


def maximal_access(tree: Tree, located: Located, work: Work) -> int:
    """What the share and the file's descriptor allow. READONLY is no part of it: it can be taken away."""
    stored = located.descriptor()
    if stored is None:
        return tree.maximal_access
    return tree.maximal_access & stored_rights(stored, located, work.token())


def refused_by_host(request: wire.CreateRequest, located: Located, work: Work) -> int:
    """What the kernel keeps from the user, if the request wants to know what he can have."""
    if request.desired_access & access.MAXIMUM_ALLOWED or wire.QUERY_MAXIMAL_ACCESS in request.contexts:
        return located.refused_to(work.need_tree().local_user.uid)
    return 0


def maximal_of_new(tree: Tree, descriptor: Descriptor | None, token: Token) -> int:
    """The same for a file just made; its maker has been granted what he asked for, whatever this says."""
    return tree.maximal_access if descriptor is None else tree.maximal_access & allowed_rights(descriptor, token)


def check_overwrite(disposition: int, maximal: int, is_readonly: bool) -> None:
    """Truncation is a write, whatever the client asked to be granted (Samba's CVE-2023-4091); supersede deletes too."""
    needed = access.FILE_WRITE_DATA
    if disposition == attributes.FILE_SUPERSEDE:
        needed |= access.DELETE
    if is_readonly or needed & ~maximal:
        raise StatusError(status.ACCESS_DENIED)


def check_delete_on_close(
    request: wire.CreateRequest, granted: int, meta: Metadata | None, ignores_readonly: bool = False
) -> None:
    """Refuse to delete without the right, and what is READONLY."""
    if request.create_options & attributes.FILE_DELETE_ON_CLOSE:
        if not granted & access.DELETE:
            raise StatusError(status.ACCESS_DENIED)
        readonly = request.file_attributes if meta is None else meta.attributes
        if readonly & attributes.READONLY and not ignores_readonly:
            raise StatusError(status.CANNOT_DELETE)


def descriptor_of_new(
    request: wire.CreateRequest, tree: Tree, backend: Backend, located: Located, token: Token
) -> Descriptor | None:
    """What a new file is to have, None for nothing of its own, after a look whether it may be made at all.

    Raises StatusError ACCESS_DENIED, INVALID_SECURITY_DESCR, INVALID_OWNER, PRIVILEGE_NOT_HELD, NOT_SUPPORTED.
    """
    is_directory = request.create_options & attributes.FILE_DIRECTORY_FILE != 0
    needed = access.FILE_ADD_SUBDIRECTORY if is_directory else access.FILE_ADD_FILE
    above = located.directory_descriptor()
    rights = access.FILE_ALL_ACCESS if above is None else allowed_rights(above, token)
    if not tree.maximal_access & rights & needed:
        raise StatusError(status.ACCESS_DENIED)
    data = request.contexts.get(wire.SD_BUFFER)
    given = None if data is None else _given(data, token)
    if given is not None and not backend.keeps_descriptors:
        raise StatusError(status.NOT_SUPPORTED)
    return new_descriptor(above, given, token, is_directory)


def _given(data: bytes, token: Token) -> Descriptor:
    """The descriptor of a SecD context ([MS-SMB2] 2.2.13.2.2)."""
    try:
        given = parse(data)
    except WireError:
        raise StatusError(status.INVALID_SECURITY_DESCR) from None
    if given.owner is not None and given.owner not in token.sids:
        raise StatusError(status.INVALID_OWNER)
    if given.sacl:
        raise StatusError(status.PRIVILEGE_NOT_HELD)
    return given
