"""FSCTL_GET_COMPRESSION and FSCTL_SET_COMPRESSION ([MS-FSA] 2.1.5.10.9, 2.1.5.10.30).

Where the file system compresses nothing the state is NONE and stays so, as on ReFS (note 130).
"""

from smbserver.commands.ioctl_reply import check_volume, ioctl_reply, need_file
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_ATTRIBUTES
from smbserver.objects.open import Open
from smbserver.wire import ioctl as ioctl_wire
from smbserver.wire import sparse as wire


def _is_compressed(opened: Open) -> bool:
    return opened.backend.features.compression and opened.handle.ranges().is_compressed()


def get_compression(request: ioctl_wire.IoctlRequest, work: Work) -> Reply:
    """LZNT1 is the only format with a name, whatever the file system uses."""
    opened = need_file(work)
    if request.max_output_response < wire.COMPRESSION_SIZE:
        raise StatusError(status.INVALID_PARAMETER)
    state = wire.COMPRESSION_FORMAT_LZNT1 if _is_compressed(opened) else wire.COMPRESSION_FORMAT_NONE
    return ioctl_reply(request, work, wire.encode_compression(state))


def set_compression(request: ioctl_wire.IoctlRequest, work: Work) -> Reply:
    """What is written from now on. What is there already stays as it is until it is written again."""
    opened = need_file(work)
    wanted = wire.decode_compression(request.input) != wire.COMPRESSION_FORMAT_NONE
    check_volume(opened)
    opened.need(access.FILE_WRITE_DATA)
    has_compression = opened.backend.features.compression
    if wanted and not has_compression:
        raise StatusError(status.NOT_SUPPORTED)
    is_marked = opened.handle.metadata().attributes & attributes.COMPRESSED != 0
    if wanted == _is_compressed(opened) == is_marked:
        return ioctl_reply(request, work)
    ranges = opened.handle.ranges()
    if has_compression:
        ranges.compress(wanted)
    else:
        ranges.mark(attributes.COMPRESSED, False)  # left behind on another file system
    opened.changed(FILTER_ATTRIBUTES)
    return ioctl_reply(request, work)
