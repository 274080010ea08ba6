"""Previous versions: which one a CREATE means, and that nothing in them can be changed ([MS-SMB2] 3.3.5.9.4).

The store of a version refuses every change by itself; what is refused here is refused with the better status.
"""

from typing import Final

from smbserver.backend.base import Backend
from smbserver.errors import StatusError, WireError
from smbserver.nt import attributes, status
from smbserver.nt.snapshot_names import take_token
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.wire import create as wire
from smbserver.wire import file_info
from smbserver.wire import set_info as set_info_wire
from smbserver.wire.query_info import INFO_FILE

_TIMESTAMP_SIZE: Final = 8
# [MS-FSA] 2.1.5.1, phase 2; FILE_OPEN_IF may as well find what it names.
_CHANGES: Final = (
    attributes.FILE_SUPERSEDE,
    attributes.FILE_CREATE,
    attributes.FILE_OVERWRITE,
    attributes.FILE_OVERWRITE_IF,
)
_OF_THE_OPEN: Final = (file_info.POSITION, file_info.MODE)  # what a client may set: it is nowhere on disk
_NEW_NAMES: Final = (file_info.RENAME, file_info.LINK)


def version_of(request: wire.CreateRequest, tree: Tree, backend: Backend) -> tuple[str, Backend]:
    """The name without an @GMT token, and the store it is to be looked up in.

    A version is asked for by a token anywhere in the path or by a timewarp context (2.2.13.2.7). On a share without
    versions a token is a name like any other. Raises StatusError: OBJECT_NAME_NOT_FOUND when there is none at exactly
    this time, MEDIA_WRITE_PROTECTED for what would change it; WireError for a context of a wrong size.
    """
    name, time = request.name, None
    snapshots = tree.share.snapshots
    if snapshots is not None:
        name, time = take_token(name)
    stamp = request.contexts.get(wire.TIMEWARP)
    if stamp is not None:
        if len(stamp) != _TIMESTAMP_SIZE:
            raise WireError("timewarp token of a wrong size")
        told = int.from_bytes(stamp, "little")
        if time is not None and told != time:
            raise StatusError(status.OBJECT_NAME_NOT_FOUND)
        time = told
    if time is None:
        return name, backend
    found = None if snapshots is None else snapshots.open(time)
    if found is None:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    if request.create_disposition in _CHANGES or request.create_options & attributes.FILE_DELETE_ON_CLOSE:
        raise StatusError(status.MEDIA_WRITE_PROTECTED)
    return name, found


def check_change(request: set_info_wire.SetInfoRequest) -> None:
    """Refuse a SET_INFO on a previous version, but for what is the open's own. Raises StatusError.

    A new name without a token is one in the live share, which is another volume.
    """
    if request.info_type == INFO_FILE:
        if request.file_info_class in _OF_THE_OPEN:
            return
        if request.file_info_class in _NEW_NAMES:
            raise StatusError(status.NOT_SAME_DEVICE)
    raise StatusError(status.MEDIA_WRITE_PROTECTED)


def check_new_name(name: str, opened: Open) -> None:
    """Refuse to move a file into a previous version. Raises StatusError NOT_SAME_DEVICE."""
    if opened.tree.share.snapshots is not None and take_token(name)[1] is not None:
        raise StatusError(status.NOT_SAME_DEVICE)
