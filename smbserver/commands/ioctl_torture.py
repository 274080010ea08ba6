"""FSCTL_SMBTORTURE, a test hook behind `--torture`: it makes this server misbehave where a test asks for it.

Samba's smbtorture uses it to test what a client and a server do when a channel fails. Not in any specification.
Nothing here is reached unless the policy says so: a client could otherwise end its own connection in odd ways.
"""

from typing import Final

from smbserver.connection.connection import Connection
from smbserver.connection.pending import Pending
from smbserver.connection.work import Buffer, Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.waiter import Waiter
from smbserver.wire import header
from smbserver.wire import ioctl as ioctl_wire
from smbserver.wire import ioctl_torture as wire

# Seconds until a notice that the peer's TCP has not acknowledged counts as lost: some retransmissions of TCP.
# A session has 32 channels at most, and all of them have had their turn before a break expires (35 s).
UNACKED_SECONDS: Final = 1.0
_MILLISECOND: Final = 0.001


def is_bare(work: Work) -> bool:
    """Whether this request needs neither session nor tree nor open: the one that fails a channel."""
    return work.connection.server.policy.torture and wire.control_code(work.message) == wire.FORCE_UNACKED_TIMEOUT


def ioctl_torture(request: ioctl_wire.IoctlRequest, work: Work) -> Reply | Pending[None]:
    """Answer one of the codes. Raises StatusError: INVALID_DEVICE_REQUEST without `--torture`."""
    if not work.connection.server.policy.torture:
        raise StatusError(status.INVALID_DEVICE_REQUEST)
    if request.ctl_code == wire.ASYNC_SLEEP:
        return _sleep(request, work)
    if len(request.input):
        raise StatusError(status.INVALID_PARAMETER)
    connection = work.connection
    if request.ctl_code == wire.IOCTL_RESPONSE_PADDING:
        output = b"\x08" * request.max_output_response
        encoded = ioctl_wire.encode_response(request.ctl_code, ioctl_wire.NO_FILE_ID, ioctl_wire.NO_FILE_ID, output)
        return Reply([wire.pad_ioctl_response(encoded, ioctl_wire.RESPONSE.size)])
    if request.ctl_code == wire.READ_RESPONSE_PADDING:
        connection.distort = _pad_reads
    else:
        _fail_notices(connection)
    number = ioctl_wire.NO_FILE_ID
    return Reply([ioctl_wire.encode_response(request.ctl_code, number, number, b"")])


def _sleep(request: ioctl_wire.IoctlRequest, work: Work) -> Pending[None]:
    """Answer after as many milliseconds as the only byte of the input says; the open lasts until then."""
    if len(request.input) != 1:
        raise StatusError(status.INVALID_PARAMETER)
    opened = work.need_open()
    number = opened.volatile_id
    waiter: Waiter[None] = Waiter()
    opened.hold()
    waiter.when_done(lambda _: opened.release())
    work.connection.server.runtime.later(request.input[0] * _MILLISECOND, lambda: waiter.resolve(None))
    return Pending(
        waiter,
        lambda _: Reply([ioctl_wire.encode_response(request.ctl_code, number, number, b"")]),
        can_cancel=False,
    )


def _pad_reads(work: Work, reply: Reply) -> None:
    if work.command == header.READ and reply.status == status.SUCCESS:
        reply.buffers[0] = wire.pad_read_response(bytes(reply.buffers[0]))


def _fail_notices(connection: Connection) -> None:
    """From now on the first notice on this connection counts as never acknowledged, which ends the connection."""
    send = connection.push
    if send is None:
        return

    def push(parts: list[Buffer]) -> None:
        send(parts)
        connection.server.runtime.later(UNACKED_SECONDS, lose)

    def lose() -> None:
        if connection.push is not None and connection.drop is not None:
            connection.drop("a notice was not acknowledged in time (test hook)")

    connection.push = push
