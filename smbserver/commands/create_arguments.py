"""What is wrong with a CREATE whatever its name means ([MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1)."""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.metadata import Metadata
from smbserver.wire import create as wire

DELEGATE: Final = 3  # the last of the impersonation levels
_INVALID_ACCESS: Final = ~access.VALID
_UNKNOWN_OPTIONS: Final = ~attributes.OPTIONS_KNOWN
_UNKNOWN_ATTRIBUTES: Final = ~attributes.KNOWN
OVERWRITES: Final = frozenset((attributes.FILE_SUPERSEDE, attributes.FILE_OVERWRITE, attributes.FILE_OVERWRITE_IF))
MAKES: Final = (
    attributes.FILE_SUPERSEDE,
    attributes.FILE_CREATE,
    attributes.FILE_OPEN_IF,
    attributes.FILE_OVERWRITE_IF,
)
ACTION_OF: Final = {
    attributes.FILE_SUPERSEDE: attributes.SUPERSEDED,
    attributes.FILE_OVERWRITE: attributes.OVERWRITTEN,
    attributes.FILE_OVERWRITE_IF: attributes.OVERWRITTEN,
}
# [MS-SMB2] 2.2.13 has the server refuse them; a file id names what the client was never shown the way to.
_UNSUPPORTED_OPTIONS: Final = (
    attributes.FILE_OPEN_BY_FILE_ID | attributes.FILE_RESERVE_OPFILTER | attributes.FILE_CREATE_TREE_CONNECTION
)

# What may stand beside FILE_DIRECTORY_FILE ([MS-FSA] 2.1.5.1, phase 1).
_DIRECTORY_OPTIONS: Final = (
    attributes.FILE_DIRECTORY_FILE
    | attributes.FILE_SYNCHRONOUS_IO_ALERT
    | attributes.FILE_SYNCHRONOUS_IO_NONALERT
    | attributes.FILE_WRITE_THROUGH
    | attributes.FILE_OPEN_REMOTE_INSTANCE
    | attributes.FILE_COMPLETE_IF_OPLOCKED
    | attributes.FILE_OPEN_FOR_BACKUP_INTENT
    | attributes.FILE_DELETE_ON_CLOSE
    | attributes.FILE_OPEN_FOR_FREE_SPACE_QUERY
    | attributes.FILE_OPEN_BY_FILE_ID
    | attributes.FILE_NO_COMPRESSION
    | attributes.FILE_OPEN_REPARSE_POINT
    | attributes.FILE_OPEN_REQUIRING_OPLOCK
)


def check_who(request: wire.CreateRequest) -> None:
    """What is wrong for files and pipes alike."""
    if request.impersonation_level > DELEGATE:
        raise StatusError(status.BAD_IMPERSONATION_LEVEL)
    wanted = request.desired_access
    if not wanted or wanted & _INVALID_ACCESS:
        raise StatusError(status.ACCESS_DENIED)
    if wanted & access.ACCESS_SYSTEM_SECURITY:
        raise StatusError(status.PRIVILEGE_NOT_HELD)


def check_arguments(request: wire.CreateRequest) -> None:
    """What is wrong whatever the file's name means."""
    options = request.create_options
    if request.create_disposition > attributes.FILE_OVERWRITE_IF or options & _UNKNOWN_OPTIONS:
        raise StatusError(status.INVALID_PARAMETER)
    if request.share_access & ~7 or request.file_attributes & _UNKNOWN_ATTRIBUTES:
        raise StatusError(status.INVALID_PARAMETER)
    if options & _UNSUPPORTED_OPTIONS:
        raise StatusError(status.NOT_SUPPORTED)
    if options & attributes.FILE_DIRECTORY_FILE and (
        options & ~_DIRECTORY_OPTIONS or request.create_disposition in OVERWRITES
    ):
        raise StatusError(status.INVALID_PARAMETER)
    if options & attributes.FILE_DELETE_ON_CLOSE and not (
        access.expand_generic(request.desired_access) & (access.DELETE | access.MAXIMUM_ALLOWED)
    ):
        raise StatusError(status.INVALID_PARAMETER)
    if options & attributes.FILE_NON_DIRECTORY_FILE and request.name.endswith("\\"):
        raise StatusError(status.OBJECT_NAME_INVALID)


def check_existing(request: wire.CreateRequest, meta: Metadata, is_root: bool) -> None:
    """What is wrong with the request because something is there already ([MS-FSA] 2.1.5.1 phase 7, 2.1.5.1.2)."""
    disposition, options = request.create_disposition, request.create_options
    if disposition == attributes.FILE_CREATE or (meta.is_directory and disposition in OVERWRITES):
        if is_root:
            raise StatusError(status.ACCESS_DENIED)
        if disposition == attributes.FILE_CREATE or not options & attributes.FILE_NON_DIRECTORY_FILE:
            raise StatusError(status.OBJECT_NAME_COLLISION)
    if meta.is_directory:
        if options & attributes.FILE_NON_DIRECTORY_FILE:
            raise StatusError(status.FILE_IS_A_DIRECTORY)
    elif options & attributes.FILE_DIRECTORY_FILE:
        raise StatusError(status.NOT_A_DIRECTORY)
    elif request.name[-1:] == "\\":
        raise StatusError(status.OBJECT_NAME_INVALID)
    elif disposition in OVERWRITES:
        _check_encrypted(request)


def check_new(request: wire.CreateRequest) -> None:
    """What is wrong with the request because nothing is there ([MS-FSA] 2.1.5.1 phase 6, 2.1.5.1.1)."""
    if request.create_disposition not in MAKES:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    if request.create_options & attributes.FILE_DIRECTORY_FILE:
        if request.file_attributes & attributes.TEMPORARY:
            raise StatusError(status.INVALID_PARAMETER)
    elif request.name.endswith("\\"):
        raise StatusError(status.OBJECT_NAME_INVALID)
    _check_encrypted(request)


def check_overwritten(request: wire.CreateRequest, meta: Metadata, is_hidden_by_name: bool) -> None:
    """Who overwrites a HIDDEN or SYSTEM file must know that it is one; of a hidden name nobody has to (2.1.5.1.2)."""
    kept = attributes.SYSTEM if is_hidden_by_name else attributes.HIDDEN | attributes.SYSTEM
    if meta.attributes & kept & ~request.file_attributes:
        raise StatusError(status.ACCESS_DENIED)


def _check_encrypted(request: wire.CreateRequest) -> None:
    """Nothing is encrypted here; who asks for it must not believe it. NTFS without a certificate says the same."""
    if request.file_attributes & attributes.ENCRYPTED:
        raise StatusError(status.ACCESS_DENIED)


def new_attributes(request: wire.CreateRequest) -> int:
    """What is stored for a new file or directory."""
    wanted = request.file_attributes & attributes.SETTABLE
    if request.create_options & attributes.FILE_DIRECTORY_FILE:
        return wanted
    return wanted | attributes.ARCHIVE


def overwritten_attributes(request: wire.CreateRequest) -> int:
    """What is stored in place of an overwritten file's attributes (2.1.5.1.2)."""
    return request.file_attributes & attributes.SETTABLE & ~attributes.NOT_CONTENT_INDEXED | attributes.ARCHIVE
