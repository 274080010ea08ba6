"""Control codes on holes: FSCTL_SET_SPARSE, SET_ZERO_DATA, QUERY_ALLOCATED_RANGES, FILE_LEVEL_TRIM, QUERY_FILE_REGIONS.

[MS-FSA] 2.1.5.10.6, .22, .24, .38, .39.
"""

import errno
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Final

from smbserver.backend.base import Ranges
from smbserver.commands.ioctl_reply import check_volume, ioctl_reply, need_data
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, status
from smbserver.nt.changes import FILTER_ATTRIBUTES, FILTER_WRITTEN
from smbserver.objects.open import Open
from smbserver.sharing.caching import ALL
from smbserver.wire import ioctl as ioctl_wire
from smbserver.wire import sparse as wire
from smbserver.wire import trim as trim_wire

_LAST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF
_BEYOND: Final = 1 << 64  # the first offset that does not exist
_PAGE: Final = 4096  # bytes: the SystemPageSize of [MS-FSA] 2.1.1.1
ZERO_SLICE: Final = 256 << 20  # bytes; of memory that a tmpfs clears in some hundredths of a second
_THROUGH: Final = attributes.FILE_WRITE_THROUGH | attributes.FILE_NO_INTERMEDIATE_BUFFERING


def set_sparse(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[Reply]:
    """2.1.5.10.38. To end it fills every hole first."""
    opened = need_data(work)
    check_volume(opened)
    # The right to append is enough on Windows, as smbtorture's sparse_perms has it.
    opened.need(access.FILE_WRITE_DATA | access.FILE_WRITE_ATTRIBUTES | access.FILE_APPEND_DATA)
    return steps.run(work, _set_sparse(request, work, opened, wire.decode_set_sparse(request.input)), (opened,))


def _set_sparse(request: ioctl_wire.IoctlRequest, work: Work, opened: Open, is_sparse: bool) -> "steps.Steps[None]":
    was_sparse = opened.handle.metadata().attributes & attributes.SPARSE_FILE != 0
    ranges = opened.handle.ranges()
    if was_sparse and not is_sparse:
        yield ranges.fill
    if was_sparse != is_sparse:
        try:
            ranges.mark(attributes.SPARSE_FILE, is_sparse)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:  # no place for it in this store
                raise StatusError(status.INVALID_DEVICE_REQUEST) from error
            raise
        opened.changed(FILTER_ATTRIBUTES)
    return ioctl_reply(request, work)


def set_zero_data(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[Reply]:
    """2.1.5.10.39."""
    opened = need_data(work)
    first, beyond = wire.decode_zero_data(request.input)
    if not 0 <= first <= beyond:
        raise StatusError(status.INVALID_PARAMETER)
    check_volume(opened)
    opened.need(access.FILE_WRITE_DATA)
    return steps.run(work, _set_zero_data(request, work, opened, first, beyond), (opened,))


def _set_zero_data(
    request: ioctl_wire.IoctlRequest, work: Work, opened: Open, offset: int, beyond: int
) -> "steps.Steps[int]":
    """A file is never made longer; a sparse or compressed one gives the room back."""
    ranges = opened.handle.ranges()
    has_zeroed = False
    while True:
        meta = opened.handle.metadata()
        count = min(beyond - offset, meta.end_of_file - offset, ZERO_SLICE)
        if count <= 0:
            break
        offset += yield from _zero(opened, ranges, offset, count, meta.attributes & attributes.KEPT != 0)
        has_zeroed = True
    if has_zeroed and opened.mode & _THROUGH:
        yield partial(_sync, opened)
    return ioctl_reply(request, work)


def _sync(opened: Open) -> int:
    opened.handle.sync()
    return 0


def _zero(
    opened: Open, ranges: Ranges, offset: int, length: int, deallocate: bool
) -> Generator[Callable[[], int], int, int]:
    """One slice, with what a WRITE does before and after it; how many bytes. Raises StatusError FILE_LOCK_CONFLICT."""
    if opened.state.locks is not None:
        opened.state.locks.check(opened.holder, offset, length, writes=True)
    if opened.state.caches:
        opened.state.contend(opened.holder.key, ALL)
    opened.changed(FILTER_WRITTEN)  # should the open be closed meanwhile, it is told then
    try:
        return (yield partial(ranges.zero, offset, length, deallocate))
    finally:
        opened.changed_late(FILTER_WRITTEN)  # the events of the host are there now, and are our own


def query_allocated_ranges(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[Reply]:
    """2.1.5.10.22; where transcript 0016, D7, departs from it, Windows does."""
    opened = need_data(work)
    offset, length = wire.decode_range(request.input)
    if offset < 0 or length < 0 or length > _LAST_OFFSET - offset:
        raise StatusError(status.INVALID_PARAMETER)
    opened.need(access.FILE_READ_DATA)
    return steps.run(work, _query_allocated(request, work, opened, offset, length), (opened,))


def _query_allocated(
    request: ioctl_wire.IoctlRequest, work: Work, opened: Open, offset: int, length: int
) -> "steps.Steps[Sequence[tuple[int, int]]]":
    most = request.max_output_response // wire.RANGE_SIZE
    meta = opened.handle.metadata()
    length = min(length, meta.end_of_file - offset)
    found: Sequence[tuple[int, int]] = ()
    if length > 0:
        found = [(offset, length)]
        if meta.attributes & attributes.SPARSE_FILE:
            found = yield partial(opened.handle.ranges().allocated, offset, length, most + 1)
    if found and not most:
        raise StatusError(status.BUFFER_TOO_SMALL)
    code = status.SUCCESS if len(found) <= most else status.BUFFER_OVERFLOW
    return ioctl_reply(request, work, wire.encode_ranges(found[:most]), code)


def file_level_trim(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[Reply]:
    """2.1.5.10.6: the pages that lie wholly inside a range are given back, and read as zeros from then on."""
    opened = need_data(work)
    if not opened.backend.features.trim:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    wanted = trim_wire.decode(request.input)
    room = request.max_output_response
    if room and room < trim_wire.OUTPUT_SIZE:
        raise StatusError(status.INVALID_PARAMETER)
    check_volume(opened)
    opened.need(access.FILE_WRITE_DATA)
    if opened.handle.metadata().attributes & attributes.COMPRESSED:
        raise StatusError(status.INVALID_PARAMETER)
    return steps.run(work, _trim(request, work, opened, wanted), (opened,))


def _trim(
    request: ioctl_wire.IoctlRequest, work: Work, opened: Open, wanted: list[tuple[int, int]]
) -> "steps.Steps[int]":
    ranges = opened.handle.ranges()
    processed = 0
    for offset, length in wanted:
        if offset + length + _PAGE > _BEYOND:
            raise StatusError(status.INTEGER_OVERFLOW)
        start = -(-offset // _PAGE) * _PAGE
        end = min((offset + length) // _PAGE * _PAGE, opened.handle.metadata().end_of_file)
        if start >= end:
            continue
        while start < end:
            count = min(end - start, ZERO_SLICE)
            start += yield from _zero(opened, ranges, start, count, True)
        processed += 1
    output = trim_wire.encode_response(processed) if request.max_output_response else b""
    return ioctl_reply(request, work, output)


def query_file_regions(request: ioctl_wire.IoctlRequest, work: Work) -> Reply:
    """2.1.5.10.24. All bytes up to the end of a file are valid here, so there is one region."""
    opened = need_data(work)
    asked: wire.Region | None = wire.Region(0, _LAST_OFFSET, wire.USAGE_VALID_CACHED_DATA)
    if len(request.input):
        asked = wire.decode_region(request.input)
    if asked is None:
        raise StatusError(status.BUFFER_TOO_SMALL)
    if asked.length <= 0 or not 0 <= asked.offset <= _LAST_OFFSET - asked.length:
        raise StatusError(status.INVALID_PARAMETER)
    if not asked.usage & wire.USAGE_VALID_CACHED_DATA:
        raise StatusError(status.INVALID_PARAMETER)
    if request.max_output_response < wire.REGION_OUTPUT_SIZE:
        raise StatusError(status.BUFFER_TOO_SMALL)
    end = opened.handle.metadata().end_of_file
    if asked.offset > end or (asked.offset == end and end):
        return ioctl_reply(request, work)
    usage = asked.usage if end else 0
    region = wire.Region(asked.offset, min(asked.length, end - asked.offset), usage)
    return ioctl_reply(request, work, wire.encode_regions([region]))
