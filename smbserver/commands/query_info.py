"""QUERY_INFO ([MS-SMB2] 3.3.5.20)."""

from typing import Final

from smbserver.commands.posix_info import posix_file, posix_volume
from smbserver.commands.query_ea import query_ea
from smbserver.commands.query_file import query_file
from smbserver.commands.query_security import query_security
from smbserver.commands.query_volume import query_volume
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt.stream_names import DATA_TYPE
from smbserver.objects.open import Open
from smbserver.objects.pipe import QUOTA, PipeHandle
from smbserver.wire import file_info, fs_info, posix
from smbserver.wire import pipe as pipe_wire
from smbserver.wire import query_info as wire
from smbserver.wire.ea import FULL_EA

# The classes of files that also mean something for a pipe; wire.pipe has those that only a pipe has.
_PIPE_CLASSES: Final = (
    file_info.BASIC,
    file_info.STANDARD,
    file_info.INTERNAL,
    file_info.EA,
    file_info.ACCESS,
    file_info.NAME,
    file_info.POSITION,
    file_info.MODE,
    file_info.ALIGNMENT,
    file_info.ALL,
)
_SMB_3_0: Final = 0x0300


def query_info(request: wire.QueryInfoRequest, work: Work) -> Reply:
    """Information about a file, its volume, or its protection."""
    opened = work.need_open()
    dialect = work.connection.dialect
    room = request.output_buffer_length
    size = len(request.input)
    if size < room:
        size = room
    if dialect is None or size > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(size)
    if opened.pipe is not None:
        return _pipe(request, opened, opened.pipe)
    if request.info_type == wire.INFO_FILE:
        info_class = request.file_info_class
        if info_class == FULL_EA:
            return query_ea(request, opened)
        if info_class == file_info.NORMALIZED_NAME and not dialect.preauth:
            raise StatusError(status.NOT_SUPPORTED)  # 3.3.5.20.1: from 3.1.1 on
        if info_class == file_info.STREAM and opened.tree.share.has_streams:
            return _streams(opened, room)
        if info_class == file_info.ID and dialect.revision < _SMB_3_0:
            raise StatusError(status.NOT_SUPPORTED)  # likewise
        if opened.is_posix and info_class == posix.INFORMATION:
            return _fit(posix_file(opened), posix.FILE_SIZE, room)
        return _fit(query_file(request, opened, work.looked), file_info.FIXED_SIZE[info_class], room)
    if request.info_type == wire.INFO_FILESYSTEM:
        if opened.is_posix and request.file_info_class == posix.INFORMATION:
            return _fit(posix_volume(opened), posix.VOLUME_SIZE, room)
        return _fit(query_volume(request, opened), fs_info.FIXED_SIZE[request.file_info_class], room)
    if request.info_type == wire.INFO_SECURITY:
        return query_security(request, opened, work)
    if request.info_type == wire.INFO_QUOTA:
        raise StatusError(status.NOT_SUPPORTED)
    raise StatusError(status.INVALID_PARAMETER)


def _fit(data: bytes, fixed: int, room: int) -> Reply:
    """All of it, or as much as there is room for behind the fixed part ([MS-SMB2] 3.3.5.20.1)."""
    if room < fixed:
        raise StatusError(status.INFO_LENGTH_MISMATCH, b"")
    if len(data) > room:
        return Reply([wire.encode_response(data[:room])], status.BUFFER_OVERFLOW)
    return Reply([wire.encode_response(data)])


def _streams(opened: Open, room: int) -> Reply:
    """[MS-FSA] 2.1.5.12.29: as many whole entries as there is room for."""
    if room < file_info.FIXED_SIZE[file_info.STREAM]:
        raise StatusError(status.INFO_LENGTH_MISMATCH, b"")
    hides_empty = opened.session is not None and opened.session.is_apple  # they do not open either: create_stream.py
    streams = [
        file_info.Stream(f":{each.name}:{DATA_TYPE}", each.end_of_file, each.allocation_size)
        for each in opened.handle.streams().all()
        if each.end_of_file or not each.name or not hides_empty
    ]
    data = file_info.encode_streams(streams)
    if len(data) <= room:
        return Reply([wire.encode_response(data)])
    return Reply([wire.encode_response(file_info.encode_streams(streams, room))], status.BUFFER_OVERFLOW)


def _pipe(request: wire.QueryInfoRequest, opened: Open, pipe: PipeHandle) -> Reply:
    """What a pipe's handle can tell: its modes, its state, and the classes that mean something without a file."""
    if request.info_type != wire.INFO_FILE:
        raise StatusError(status.NOT_SUPPORTED)
    info_class, room = request.file_info_class, request.output_buffer_length
    if info_class in pipe_wire.FIXED_SIZE:
        opened.need(access.FILE_READ_ATTRIBUTES)
        if info_class == pipe_wire.PIPE:
            completion = pipe_wire.COMPLETE_OPERATION if pipe.non_blocking else pipe_wire.QUEUE_OPERATION
            data = pipe_wire.encode_modes(pipe_wire.PipeModes(int(pipe.message_mode), completion))
        else:
            state = pipe_wire.CLOSING_STATE if pipe.is_closing else pipe_wire.CONNECTED_STATE
            data = pipe_wire.encode_local(1, QUOTA, pipe.available, state)
        return _fit(data, pipe_wire.FIXED_SIZE[info_class], room)
    if info_class == pipe_wire.PIPE_REMOTE:
        opened.need(access.FILE_READ_ATTRIBUTES)
        raise StatusError(status.NOT_SUPPORTED)
    if info_class not in _PIPE_CLASSES:
        raise StatusError(status.INVALID_INFO_CLASS)
    return _fit(query_file(request, opened, None), file_info.FIXED_SIZE[info_class], room)
