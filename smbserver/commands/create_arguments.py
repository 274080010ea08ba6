"""What is wrong with a CREATE whatever its name means ([MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1)."""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.wire import create as wire

DELEGATE: Final = 3  # the last of the impersonation levels
OVERWRITES: Final = (attributes.FILE_SUPERSEDE, attributes.FILE_OVERWRITE, attributes.FILE_OVERWRITE_IF)
MAKES: Final = (
    attributes.FILE_SUPERSEDE,
    attributes.FILE_CREATE,
    attributes.FILE_OPEN_IF,
    attributes.FILE_OVERWRITE_IF,
)
_UNSUPPORTED_OPTIONS: Final = (
    attributes.FILE_OPEN_BY_FILE_ID | attributes.FILE_RESERVE_OPFILTER | attributes.FILE_CREATE_TREE_CONNECTION
)


def check_who(request: wire.CreateRequest) -> None:
    """What is wrong for files and pipes alike."""
    if request.impersonation_level > DELEGATE:
        raise StatusError(status.BAD_IMPERSONATION_LEVEL)
    if not request.desired_access or request.desired_access & ~access.VALID:
        raise StatusError(status.ACCESS_DENIED)
    if request.desired_access & access.ACCESS_SYSTEM_SECURITY:
        raise StatusError(status.PRIVILEGE_NOT_HELD)


def check_arguments(request: wire.CreateRequest) -> None:
    """What is wrong whatever the file's name means."""
    options = request.create_options
    if request.create_disposition > attributes.FILE_OVERWRITE_IF or options & ~attributes.OPTIONS_KNOWN:
        raise StatusError(status.INVALID_PARAMETER)
    if request.share_access & ~7 or request.file_attributes & ~attributes.KNOWN:
        raise StatusError(status.INVALID_PARAMETER)
    if options & _UNSUPPORTED_OPTIONS:
        raise StatusError(status.NOT_SUPPORTED)
    if options & attributes.FILE_DIRECTORY_FILE and (
        options & attributes.FILE_NON_DIRECTORY_FILE or request.create_disposition in OVERWRITES
    ):
        raise StatusError(status.INVALID_PARAMETER)
    if options & attributes.FILE_NON_DIRECTORY_FILE and request.name.endswith("\\"):
        raise StatusError(status.OBJECT_NAME_INVALID)
    contexts = request.contexts
    if wire.EA_BUFFER in contexts:
        raise StatusError(status.EAS_NOT_SUPPORTED)
    if wire.TIMEWARP in contexts:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)  # there are no snapshots
