"""FSCTL_GET_, SET_ and DELETE_REPARSE_POINT ([MS-FSA] 2.1.5.10.14, .37, .3): symbolic links, and no other tag.

Only where links are shown; everywhere else the operation is not implemented, which is INVALID_DEVICE_REQUEST.
"""

import logging

from smbserver.backend.base import Handle, Links
from smbserver.commands.ioctl_reply import ioctl_reply, need_file
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError, WireError
from smbserver.nt import access, changes, status
from smbserver.nt.link_targets import from_substitute, to_substitute
from smbserver.nt.reparse_tags import IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_SYMLINK, RESERVED, is_microsoft
from smbserver.objects.open import Open
from smbserver.wire import ioctl as wire
from smbserver.wire import reparse

log = logging.getLogger(__name__)


def get_reparse_point(request: wire.IoctlRequest, work: Work) -> Reply:
    """The buffer of a link; as much of it as there is room for."""
    opened = need_file(work)
    links = _links(opened)
    if not opened.handle.metadata().reparse_tag:
        raise StatusError(status.NOT_A_REPARSE_POINT)
    room = request.max_output_response
    if room < reparse.HEAD.size:
        raise StatusError(status.BUFFER_TOO_SMALL)
    substitute = to_substitute(links.target(opened.path, opened.handle.identity))
    data = reparse.encode_symbolic_link(reparse.SymbolicLink(substitute, substitute, True))
    output = reparse.encode(reparse.ReparsePoint(IO_REPARSE_TAG_SYMLINK, data))
    # NTFS says that something was cut off; [MS-FSA] leaves it to the client to compare the lengths.
    code = status.BUFFER_OVERFLOW if len(output) > room else status.SUCCESS
    return ioctl_reply(request, work, output[:room], code)


def set_reparse_point(request: wire.IoctlRequest, work: Work) -> Reply:
    """An empty file or directory, or a link, becomes the link that the client describes."""
    opened, links = _to_change(work)
    point = _decode(request)
    if point.tag in RESERVED:
        raise StatusError(status.IO_REPARSE_TAG_INVALID)
    if point.tag == IO_REPARSE_TAG_MOUNT_POINT and not opened.handle.is_directory:
        raise StatusError(status.NOT_A_DIRECTORY)
    if point.tag != IO_REPARSE_TAG_SYMLINK:
        log.info("%s: a reparse point with tag %x was refused", work.connection.name, point.tag)
        raise StatusError(status.IO_REPARSE_TAG_NOT_HANDLED)
    try:
        link = reparse.decode_symbolic_link(point.data)
    except WireError:
        raise StatusError(status.IO_REPARSE_DATA_INVALID) from None
    target = from_substitute(link.substitute_name, link.is_relative)
    _become(opened, work, links.make(opened.path, opened.handle.identity, target))
    return ioctl_reply(request, work)


def delete_reparse_point(request: wire.IoctlRequest, work: Work) -> Reply:
    """A link becomes an empty file, or a directory where it led to one."""
    opened, links = _to_change(work)
    point = _decode(request)
    if point.tag in RESERVED:
        raise StatusError(status.IO_REPARSE_TAG_INVALID)
    if point.data or (not is_microsoft(point.tag) and not any(point.guid)):
        raise StatusError(status.IO_REPARSE_DATA_INVALID)
    if point.tag != opened.handle.metadata().reparse_tag:
        raise StatusError(status.IO_REPARSE_TAG_MISMATCH)
    _become(opened, work, links.unmake(opened.path, opened.handle.identity))
    return ioctl_reply(request, work)


def _links(opened: Open) -> Links:
    links = opened.backend.links
    if links is None:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    return links


def _to_change(work: Work) -> tuple[Open, Links]:
    """[MS-FSA] 2.1.5.10.37, phase 1, in its order; and nobody else may have the file that is replaced."""
    opened = need_file(work)
    opened.need(access.FILE_WRITE_DATA | access.FILE_WRITE_ATTRIBUTES)
    if opened.backend.read_only:
        raise StatusError(status.MEDIA_WRITE_PROTECTED)
    links = _links(opened)
    work.check_user()
    if not opened.path:
        raise StatusError(status.ACCESS_DENIED)  # the root of a share is what it is
    if not opened.is_alone:
        raise StatusError(status.SHARING_VIOLATION)
    return opened, links


def _decode(request: wire.IoctlRequest) -> reparse.ReparsePoint:
    try:
        return reparse.decode(request.input)
    except WireError:
        raise StatusError(status.IO_REPARSE_DATA_INVALID) from None


def _become(opened: Open, work: Work, handle: Handle) -> None:
    files = work.connection.server.files
    opened.become(handle, files)
    ledger = files.watches.ledger
    if ledger is not None:  # to the host a name went and came; who watches hears that the file was changed
        matches = changes.name_filter(handle.is_directory)
        gone, come = (
            changes.Change(action, matches, opened.path) for action in (changes.ACTION_REMOVED, changes.ACTION_ADDED)
        )
        ledger.own(opened.backend, (gone, come))
    opened.changed(changes.FILTER_ATTRIBUTES)
    files.directory_leases.changed(opened.backend, opened.path, opened.holder)
