"""QUERY_INFO of a file: one information class of an open ([MS-FSA] 2.1.5.12)."""

from typing import Final

from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt.metadata import Metadata
from smbserver.nt.short_names import short_name
from smbserver.objects.open import Open
from smbserver.wire import file_info
from smbserver.wire import query_info as wire

# What a right is needed for; the other classes need none ([MS-FSA] 2.1.5.12).
_NEED_READ_ATTRIBUTES: Final = (file_info.ALL, file_info.BASIC, file_info.NETWORK_OPEN, file_info.ATTRIBUTE_TAG)
_HAVE_FILE_ID: Final = (file_info.ALL, file_info.INTERNAL, file_info.ID)
_HAVE_EA_SIZE: Final = (file_info.ALL, file_info.EA)  # it costs a look of its own


def query_file(request: wire.QueryInfoRequest, opened: Open, looked: Metadata | None) -> bytes:
    """The bytes of the class; `looked` is the file's metadata where the caller has it (see `Work.looked`).

    Raises StatusError INVALID_INFO_CLASS, ACCESS_DENIED, OBJECT_NAME_NOT_FOUND.
    """
    info_class = request.file_info_class
    if info_class not in file_info.FIXED_SIZE:
        known = info_class in file_info.QUERY_UNSUPPORTED
        raise StatusError(status.NOT_SUPPORTED if known else status.INVALID_INFO_CLASS)
    if info_class in _NEED_READ_ATTRIBUTES:
        opened.need(access.FILE_READ_ATTRIBUTES)
    path = opened.holder.path
    last = path[-1] if path else ""
    view = file_info.OpenView(
        opened.name if opened.holder.stream else "\\".join(path),
        opened.granted,
        opened.mode,
        opened.position,
        opened.state.delete_path is not None or opened.holder.unlinked,
        short_name(last) if info_class == file_info.ALTERNATE_NAME else "",
        opened.handle.ea_size() if info_class in _HAVE_EA_SIZE else 0,
        opened.backend.serial_number if info_class == file_info.ID else 0,
    )
    meta = opened.metadata() if looked is None else looked
    if info_class in _HAVE_FILE_ID:
        shown = opened.shown_file_id(meta)
        if shown != meta.file_id:
            meta = meta.copy()
            meta.file_id = shown
    data = file_info.encode(info_class, meta, view)
    if data is None:  # the root has no name, so no short one either ([MS-FSA] 2.1.5.12.4)
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    return data
