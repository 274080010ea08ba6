"""IOCTL ([MS-SMB2] 3.3.5.15)."""

from collections.abc import Callable
from typing import Final

from smbserver.commands.ioctl_compression import get_compression, set_compression
from smbserver.commands.ioctl_copy import copy_chunks, request_resume_key
from smbserver.commands.ioctl_duplicate import duplicate_extents, duplicate_extents_ex
from smbserver.commands.ioctl_reparse import delete_reparse_point, get_reparse_point, set_reparse_point
from smbserver.commands.ioctl_reply import ioctl_reply
from smbserver.commands.ioctl_snapshots import enumerate_snapshots
from smbserver.commands.ioctl_sparse import (
    file_level_trim,
    query_allocated_ranges,
    query_file_regions,
    set_sparse,
    set_zero_data,
)
from smbserver.commands.ioctl_torture import ioctl_torture
from smbserver.connection import offers
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import ProtocolViolation, StatusError, WireError
from smbserver.nt import access, status
from smbserver.objects.pipe import Message, PipeHandle, pipe_exists
from smbserver.wire import ioctl as wire
from smbserver.wire import ioctl_torture as torture_wire
from smbserver.wire import network_interface
from smbserver.wire import pipe as pipe_wire

Outcome = Reply | Pending[Message] | Pending[None] | Pending[Reply]


def ioctl(request: wire.IoctlRequest, work: Work) -> Outcome:
    """Answer the control codes this server has; every other one is INVALID_DEVICE_REQUEST."""
    if not request.flags & wire.IS_FSCTL:
        raise StatusError(status.NOT_SUPPORTED)
    if request.ctl_code in wire.WITHOUT_OPEN and not request.persistent_id == request.volatile_id == wire.NO_FILE_ID:
        raise StatusError(status.INVALID_PARAMETER)
    dialect = work.connection.dialect
    largest = max(len(request.input), request.max_input_response, request.max_output_response)
    if dialect is None or largest > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(max(len(request.input), request.max_input_response + request.max_output_response))
    handler = _HANDLERS.get(request.ctl_code)
    if handler is None:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    return handler(request, work)


def _validate_negotiate(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.15.12: what the client sent must be what we got, else somebody stood between us."""
    connection = work.connection
    dialect = connection.dialect
    if dialect is None or dialect.preauth:
        raise ProtocolViolation("VALIDATE_NEGOTIATE_INFO at 3.1.1")
    if request.max_output_response < wire.VALIDATE_NEGOTIATE_RESPONSE.size:
        raise ProtocolViolation("no room for the negotiated values")
    try:
        asked = wire.decode_validate_negotiate(request.input)
    except WireError as problem:
        raise ProtocolViolation(str(problem)) from problem
    if (
        asked.guid != connection.client_guid
        or asked.capabilities != connection.client_capabilities
        or asked.security_mode != connection.client_security_mode
        or asked.dialects != connection.client_dialects
    ):
        raise ProtocolViolation("the negotiation was tampered with")
    output = wire.VALIDATE_NEGOTIATE_RESPONSE.pack(
        offers.capabilities(connection, dialect),
        connection.server.guid,
        offers.security_mode(connection),
        dialect.revision,
    )
    return ioctl_reply(request, work, output)


def _no_referrals(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.15.2: there is no DFS here."""
    raise StatusError(status.FS_DRIVER_REQUIRED)


def _interfaces(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.15.11: where a client may come in with further channels."""
    dialect = work.connection.dialect
    if dialect is None or not dialect.derives_keys:
        raise StatusError(status.NOT_SUPPORTED)
    found = work.connection.server.interfaces()
    # RSS is not claimed: one event loop serves every channel, and several to one address would gain nothing.
    output = network_interface.encode(
        [network_interface.NetworkInterface(each.if_index, 0, each.speed, each.address) for each in found]
    )
    if len(output) > request.max_output_response:
        raise StatusError(status.BUFFER_TOO_SMALL)
    return ioctl_reply(request, work, output)


def _object_id(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-FSA] 2.1.5.10.1. Nothing is created: every file has an id, which no other file of its volume has now."""
    opened = work.need_open()
    if opened.pipe is not None:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if request.max_output_response < wire.OBJECT_ID_BUFFER.size:
        raise StatusError(status.INVALID_PARAMETER)
    volume_id = opened.backend.serial_number.to_bytes(4, "little").rjust(16, b"\0")  # as FileFsObjectIdInformation
    return ioctl_reply(request, work, wire.encode_object_id(opened.handle.identity, volume_id))


def _pipe(work: Work) -> PipeHandle:
    pipe = work.need_open().pipe
    if pipe is None:
        raise StatusError(status.NOT_SUPPORTED)
    return pipe


def _transceive(request: wire.IoctlRequest, work: Work) -> Pending[Message]:
    """[MS-SMB2] 3.3.5.15.3."""
    pipe = _pipe(work)
    if not work.need_open().granted & access.FILE_READ_DATA or not work.need_open().granted & access.FILE_WRITE_DATA:
        raise StatusError(status.ACCESS_DENIED)

    def finish(message: Message) -> Reply:
        code = status.BUFFER_OVERFLOW if message.is_partial else status.SUCCESS
        return ioctl_reply(request, work, message.data, code)

    return Pending(pipe.transceive(request.input, request.max_output_response), finish, can_cancel=True)


def _peek(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.15.4: never waits."""
    pipe = _pipe(work)
    if not work.need_open().granted & access.FILE_READ_DATA:
        raise StatusError(status.ACCESS_DENIED)
    room = request.max_output_response
    data = pipe.peek(max(room - pipe_wire.PEEK_HEAD, 0))
    output = pipe_wire.encode_peek(
        pipe_wire.CLOSING_STATE if pipe.is_closing else pipe_wire.CONNECTED_STATE,
        pipe.available,
        pipe.messages,
        pipe.message_length,
        data,
    )
    is_whole = len(output) <= room and len(data) == pipe.message_length
    return ioctl_reply(request, work, output[:room], status.SUCCESS if is_whole else status.BUFFER_OVERFLOW)


def _wait_for_pipe(request: wire.IoctlRequest, work: Work) -> Reply:
    """[MS-SMB2] 3.3.5.15.10: every pipe there is has an instance for everybody, so nobody waits."""
    if not work.need_tree().share.is_pipe:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    try:
        name = pipe_wire.decode_wait(request.input)
    except WireError:
        raise StatusError(status.OBJECT_NAME_NOT_FOUND) from None
    if not pipe_exists(name):
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)
    return ioctl_reply(request, work, b"")


_HANDLERS: Final[dict[int, Callable[[wire.IoctlRequest, Work], Outcome]]] = {
    wire.FSCTL_VALIDATE_NEGOTIATE_INFO: _validate_negotiate,
    wire.FSCTL_DFS_GET_REFERRALS: _no_referrals,
    wire.FSCTL_DFS_GET_REFERRALS_EX: _no_referrals,
    wire.FSCTL_QUERY_NETWORK_INTERFACE_INFO: _interfaces,
    wire.FSCTL_SRV_ENUMERATE_SNAPSHOTS: enumerate_snapshots,
    wire.FSCTL_GET_REPARSE_POINT: get_reparse_point,
    wire.FSCTL_SET_REPARSE_POINT: set_reparse_point,
    wire.FSCTL_DELETE_REPARSE_POINT: delete_reparse_point,
    wire.FSCTL_CREATE_OR_GET_OBJECT_ID: _object_id,
    wire.FSCTL_PIPE_TRANSCEIVE: _transceive,
    wire.FSCTL_PIPE_PEEK: _peek,
    wire.FSCTL_PIPE_WAIT: _wait_for_pipe,
    wire.FSCTL_SRV_REQUEST_RESUME_KEY: request_resume_key,
    wire.FSCTL_SRV_COPYCHUNK: copy_chunks,
    wire.FSCTL_SRV_COPYCHUNK_WRITE: copy_chunks,
    wire.FSCTL_DUPLICATE_EXTENTS_TO_FILE: duplicate_extents,
    wire.FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX: duplicate_extents_ex,
    wire.FSCTL_SET_SPARSE: set_sparse,
    wire.FSCTL_SET_ZERO_DATA: set_zero_data,
    wire.FSCTL_QUERY_ALLOCATED_RANGES: query_allocated_ranges,
    wire.FSCTL_QUERY_FILE_REGIONS: query_file_regions,
    wire.FSCTL_FILE_LEVEL_TRIM: file_level_trim,
    wire.FSCTL_GET_COMPRESSION: get_compression,
    wire.FSCTL_SET_COMPRESSION: set_compression,
    torture_wire.FORCE_UNACKED_TIMEOUT: ioctl_torture,
    torture_wire.IOCTL_RESPONSE_PADDING: ioctl_torture,
    torture_wire.READ_RESPONSE_PADDING: ioctl_torture,
    torture_wire.ASYNC_SLEEP: ioctl_torture,
}
