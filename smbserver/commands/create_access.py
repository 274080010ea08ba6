"""Which rights a CREATE is granted, and which it must have ([MS-FSA] 2.1.5.1.2.1)."""

from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.metadata import Metadata
from smbserver.objects.tree import Tree
from smbserver.wire import create as wire


def granted_access(request: wire.CreateRequest, maximal: int) -> int:
    """The rights of the open, all of them within `maximal`, else ACCESS_DENIED."""
    wanted = access.expand_generic(request.desired_access & ~access.MAXIMUM_ALLOWED)
    if request.create_options & attributes.FILE_NO_INTERMEDIATE_BUFFERING:
        wanted &= ~access.FILE_APPEND_DATA  # [MS-SMB2] 3.3.5.9
    if wanted & ~maximal:
        raise StatusError(status.ACCESS_DENIED)
    if request.desired_access & access.MAXIMUM_ALLOWED:
        wanted |= maximal
    return wanted


def maximal_access(tree: Tree, meta: Metadata) -> int:
    """What could be granted on this file: the share's bound, less what READONLY forbids ([MS-FSA] 2.1.5.1.2.1)."""
    maximal = tree.maximal_access
    if meta.attributes & attributes.READONLY and not meta.is_directory:
        maximal &= ~(access.FILE_WRITE_DATA | access.FILE_APPEND_DATA)
    return maximal


def check_delete_on_close(request: wire.CreateRequest, granted: int, meta: Metadata | None) -> None:
    if request.create_options & attributes.FILE_DELETE_ON_CLOSE:
        if not granted & access.DELETE:
            raise StatusError(status.ACCESS_DENIED)
        readonly = request.file_attributes if meta is None else meta.attributes
        if readonly & attributes.READONLY:
            raise StatusError(status.CANNOT_DELETE)
