"""How a control code is answered, and the question whether it is about a file at all."""

from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.objects.open import Open
from smbserver.wire import ioctl as wire


def ioctl_reply(request: wire.IoctlRequest, work: Work, output: bytes = b"", code: int = status.SUCCESS) -> Reply:
    """The reply names the open it worked on; a related request gave all ones in its place."""
    opened = work.opened
    number = wire.NO_FILE_ID if opened is None else opened.volatile_id
    return Reply([wire.encode_response(request.ctl_code, number, number, output)], code)


def need_file(work: Work) -> Open:
    """The open, of a file or a directory. Raises StatusError INVALID_DEVICE_REQUEST for a pipe."""
    opened = work.need_open()
    if opened.pipe is not None:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    return opened


def need_data(work: Work) -> Open:
    """The open, of a file. Raises StatusError: INVALID_PARAMETER for a directory, else as `need_file`."""
    opened = need_file(work)
    if opened.handle.is_directory:
        raise StatusError(status.INVALID_PARAMETER)
    return opened


def check_volume(opened: Open) -> None:
    """Refuse a change on a volume that clients are told is read-only. Raises StatusError MEDIA_WRITE_PROTECTED."""
    if opened.tree.share.read_only or opened.backend.read_only:
        raise StatusError(status.MEDIA_WRITE_PROTECTED)
