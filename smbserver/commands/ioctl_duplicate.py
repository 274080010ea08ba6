"""FSCTL_DUPLICATE_EXTENTS_TO_FILE and _EX: two files with the same blocks ([MS-FSA] 2.1.5.10.4, 2.1.5.10.5).

The answer is about blocks, so there is no falling back to a copy. No size changes: of a target that is too short only
what it has is replaced, as smbtorture's dup_extents_len_beyond_dest found Windows to do. Byte-range locks are not
looked at, as ReFS does not (notes 91 and 92).
"""

import errno
from functools import partial
from typing import Final

from smbserver.backend.base import Handle, Ranges
from smbserver.commands.ioctl_reply import check_volume, ioctl_reply, need_file
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_WRITTEN
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL
from smbserver.wire import duplicate_extents as wire
from smbserver.wire import ioctl as ioctl_wire

_LAST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF
_MEANS: Final = {
    errno.EXDEV: status.INVALID_PARAMETER,  # another volume
    errno.EOPNOTSUPP: status.INVALID_DEVICE_REQUEST,  # a directory below the root has another file system
}


def duplicate_extents(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[Reply]:
    """The plain form."""
    target = _target(work)
    asked = wire.decode(request.input)
    if asked is None:
        raise StatusError(status.BUFFER_TOO_SMALL)
    return _duplicate(request, work, target, asked)


def duplicate_extents_ex(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[Reply]:
    """The form with flags. SOURCE_ATOMIC is refused: a kernel that fails half-way undoes nothing."""
    target = _target(work)
    found = wire.decode_ex(request.input)
    if found is None:
        raise StatusError(status.BUFFER_TOO_SMALL)
    size, asked = found
    if size != wire.EX_STRUCTURE_SIZE or asked.flags & wire.SOURCE_ATOMIC:
        raise StatusError(status.NOT_SUPPORTED)
    return _duplicate(request, work, target, asked)


def _target(work: Work) -> Open:
    opened = need_file(work)
    if not opened.backend.features.block_refcounting:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    return opened


def _duplicate(
    request: ioctl_wire.IoctlRequest, work: Work, target: Open, asked: wire.DuplicateExtents
) -> Reply | Pending[Reply]:
    check_volume(target)
    target.need(access.FILE_WRITE_DATA)
    unit = target.backend.space().unit
    _check_numbers(asked, unit)
    if not asked.length:
        return ioctl_reply(request, work)
    if target.handle.is_directory:
        raise StatusError(status.NOT_SUPPORTED)
    source = _find_source(asked, work)
    _check_files(source, target, asked, unit)
    return steps.run(work, _clone(request, work, source, target, asked), (source, target))


def _check_numbers(asked: wire.DuplicateExtents, unit: int) -> None:
    """Clusters of the volume, inside what a file can have. Raises StatusError INVALID_PARAMETER."""
    if asked.source_offset % unit or asked.target_offset % unit:
        raise StatusError(status.INVALID_PARAMETER)
    if min(asked.source_offset, asked.target_offset, asked.length) < 0:
        raise StatusError(status.INVALID_PARAMETER)
    if max(asked.source_offset, asked.target_offset) + asked.length > _LAST_OFFSET:
        raise StatusError(status.INVALID_PARAMETER)


def _find_source(asked: wire.DuplicateExtents, work: Work) -> Open:
    """An open of the same session. Raises StatusError: INVALID_HANDLE as note 90, ACCESS_DENIED, INVALID_PARAMETER."""
    source = work.need_session().opens.get(asked.volatile_id)
    if source is None or asked.persistent_id != asked.volatile_id:
        raise StatusError(status.INVALID_HANDLE)
    if source.pipe is not None or source.handle.is_directory or not source.granted & access.FILE_READ_DATA:
        raise StatusError(status.INVALID_PARAMETER)
    if source.tree.share.encrypt and work.sealed_by is None:
        raise StatusError(status.ACCESS_DENIED)  # its data are not read by such a request
    return source


def _check_files(source: Open, target: Open, asked: wire.DuplicateExtents, unit: int) -> None:
    """Raises StatusError NOT_SUPPORTED, INVALID_PARAMETER.

    The last cluster of the source may be asked for whole, as programs on Windows do ([MS-FSCC] 2.3.8 measures the
    allocation, [MS-FSA] the size), or up to the end of the file, as the Linux client does for `cp --reflink`.
    """
    above, below = source.handle.metadata(), target.handle.metadata()
    end = asked.source_offset + asked.length
    if asked.length % unit and end != above.end_of_file:
        raise StatusError(status.INVALID_PARAMETER)
    if end > -(-above.end_of_file // unit) * unit:
        raise StatusError(status.NOT_SUPPORTED)
    if above.attributes & ~below.attributes & attributes.SPARSE_FILE:
        raise StatusError(status.NOT_SUPPORTED)
    is_same = source.handle.identity == target.handle.identity
    if is_same and abs(asked.source_offset - asked.target_offset) < asked.length:
        raise StatusError(status.NOT_SUPPORTED)


def _clone(
    request: ioctl_wire.IoctlRequest, work: Work, source: Open, target: Open, asked: wire.DuplicateExtents
) -> "steps.Steps[None]":
    if target.state.caches:
        target.state.contend(target.holder.key, ALL)
    visible = min(asked.length, target.handle.metadata().end_of_file - asked.target_offset)
    length = min(visible, source.handle.metadata().end_of_file - asked.source_offset)
    try:
        if visible > 0:
            whole = length - length % target.backend.space().unit
            target.changed(FILTER_WRITTEN)  # should the open be closed meanwhile, it is told then
            try:
                yield partial(_replace, source.handle.ranges(), target.handle, asked, whole, length, visible)
            finally:
                target.changed_late(FILTER_WRITTEN)  # the events of the host are there now, and are our own
        if target.mode & attributes.FILE_WRITE_THROUGH:
            yield target.handle.sync
    except OSError as error:
        raise StatusError(_MEANS.get(error.errno or 0, status.from_os_error(error))) from error
    return ioctl_reply(request, work)


def _replace(
    ranges: Ranges, target: Handle, asked: wire.DuplicateExtents, whole: int, length: int, visible: int
) -> None:
    """In a thread: share whole blocks, copy the beginning of one where a file ends, zero what the source's lacks."""
    if whole:
        ranges.clone_to(target, asked.source_offset, asked.target_offset, whole)
    done = whole
    while done < length:
        step = ranges.copy_to(target, asked.source_offset + done, asked.target_offset + done, length - done)
        if not step:
            break  # the source was cut meanwhile
        done += step
    while done < visible:
        done += target.ranges().zero(asked.target_offset + done, visible - done, False)
