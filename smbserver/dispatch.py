"""What each command needs, settled in one place before its handler runs; and the one place that makes error replies.

Default is refusal: an opcode without a row, a missing session, tree or open, a body of the wrong size, an exception.
"""

import logging
from builtins import memoryview  # a compiled class looks for its fields' types among the module's names
from collections.abc import Callable
from struct import Struct
from typing import Final, TypeVar, cast

from smbserver.commands.cancel import cancel
from smbserver.commands.change_notify import change_notify
from smbserver.commands.close import close
from smbserver.commands.create import create
from smbserver.commands.echo import echo
from smbserver.commands.flush import flush
from smbserver.commands.ioctl import ioctl
from smbserver.commands.ioctl_torture import is_bare
from smbserver.commands.lock import lock
from smbserver.commands.logoff import logoff
from smbserver.commands.negotiate import negotiate, negotiate_smb1
from smbserver.commands.oplock_break import oplock_break
from smbserver.commands.query_directory import query_directory
from smbserver.commands.query_info import query_info
from smbserver.commands.read import read
from smbserver.commands.session_setup import session_setup
from smbserver.commands.set_info import set_info
from smbserver.commands.tree_connect import tree_connect
from smbserver.commands.tree_disconnect import tree_disconnect
from smbserver.commands.write import write
from smbserver.connection.connection import Connection
from smbserver.connection.pending import Pending
from smbserver.connection.work import Compound, Reply, Work
from smbserver.errors import ProtocolViolation, StatusError, WireError
from smbserver.nt import status
from smbserver.objects.open import Open
from smbserver.objects.session import Session, State
from smbserver.wire import (
    change_notify as change_notify_wire,
)
from smbserver.wire import close as close_wire
from smbserver.wire import create as create_wire
from smbserver.wire import empty, error, header
from smbserver.wire import flush as flush_wire
from smbserver.wire import ioctl as ioctl_wire
from smbserver.wire import lock as lock_wire
from smbserver.wire import negotiate as negotiate_wire
from smbserver.wire import oplock_break as oplock_break_wire
from smbserver.wire import query_directory as query_directory_wire
from smbserver.wire import query_info as query_info_wire
from smbserver.wire import read as read_wire
from smbserver.wire import session_setup as session_setup_wire
from smbserver.wire import set_info as set_info_wire
from smbserver.wire import tree_connect as tree_connect_wire
from smbserver.wire import write as write_wire

log = logging.getLogger(__name__)

Outcome = Reply | Pending[object] | None
R = TypeVar("R")

SESSION: Final = 1
TREE: Final = 2
OPEN: Final = 4
_SESSION_TREE: Final = SESSION | TREE
_ALL: Final = SESSION | TREE | OPEN

_FIRST_WITH_SEQUENCES: Final = 0x0300
_DATA: Final = (header.READ, header.WRITE)
_IN_SEQUENCE: Final = (header.WRITE, header.SET_INFO, header.IOCTL)  # what must not be done twice

_VALID: Final = State.VALID  # Python 3.11 takes a thousand instructions to find a member in its class
_FILE_ID: Final = Struct("<QQ")
_FILE_ID_SIZE: Final = _FILE_ID.size


class Command:
    """A row of the table. A row that forgets to say what it needs does not load."""

    __slots__ = ("body_sizes", "decode", "file_id_offset", "handle", "name", "needs", "needs_open")

    def __init__(
        self,
        name: str,
        decode: Callable[[memoryview], R],
        handle: Callable[[R, Work], object],
        needs: int,
        body_size: int | tuple[int, ...],
        file_id_offset: int,
        needs_open: Callable[[memoryview], bool] | None = None,
    ) -> None:
        self.name = name
        self.decode: Callable[[memoryview], object] = decode
        # Every handler returns an Outcome; that `decode` gives what `handle` takes is checked here and lost then.
        self.handle = cast(Callable[..., Outcome], handle)
        self.needs = needs
        self.body_sizes = body_size if isinstance(body_size, tuple) else (body_size,)
        self.file_id_offset = file_id_offset
        self.needs_open = needs_open


# By command code. StructureSize from the request's section in [MS-SMB2] 2.2.
COMMANDS: Final = (
    Command("NEGOTIATE", negotiate_wire.decode, negotiate, 0, 36, 0),
    Command("SESSION_SETUP", session_setup_wire.decode, session_setup, 0, 25, 0),
    Command("LOGOFF", empty.decode, logoff, SESSION, 4, 0),
    Command("TREE_CONNECT", tree_connect_wire.decode, tree_connect, SESSION, 9, 0),
    Command("TREE_DISCONNECT", empty.decode, tree_disconnect, _SESSION_TREE, 4, 0),
    Command("CREATE", create_wire.decode, create, _SESSION_TREE, 57, 0),
    Command("CLOSE", close_wire.decode, close, _ALL, 24, close_wire.FILE_ID_OFFSET),
    Command("FLUSH", flush_wire.decode, flush, _ALL, 24, flush_wire.FILE_ID_OFFSET),
    Command("READ", read_wire.decode, read, _ALL, 49, read_wire.FILE_ID_OFFSET),
    Command("WRITE", write_wire.decode, write, _ALL, 49, write_wire.FILE_ID_OFFSET),
    Command("LOCK", lock_wire.decode, lock, _ALL, 48, lock_wire.FILE_ID_OFFSET),
    Command("IOCTL", ioctl_wire.decode, ioctl, _ALL, 57, ioctl_wire.FILE_ID_OFFSET, ioctl_wire.needs_open),
    Command("CANCEL", empty.decode, cancel, 0, 4, 0),
    Command("ECHO", empty.decode, echo, 0, 4, 0),
    Command(
        "QUERY_DIRECTORY", query_directory_wire.decode, query_directory, _ALL, 33, query_directory_wire.FILE_ID_OFFSET
    ),
    Command("CHANGE_NOTIFY", change_notify_wire.decode, change_notify, _ALL, 32, change_notify_wire.FILE_ID_OFFSET),
    Command("QUERY_INFO", query_info_wire.decode, query_info, _ALL, 41, query_info_wire.FILE_ID_OFFSET),
    Command("SET_INFO", set_info_wire.decode, set_info, _ALL, 33, set_info_wire.FILE_ID_OFFSET),
    Command("OPLOCK_BREAK", oplock_break_wire.decode, oplock_break, _SESSION_TREE, (24, 36), 0),
)


def dispatch(work: Work, compound: Compound) -> Outcome:
    """Run one request of a compound. Raises only ProtocolViolation; every other failure is a reply."""
    try:
        outcome = _run(work, compound)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it becomes a reply
        outcome = _refused(work, failure)
    if work.command == header.CANCEL:
        return None  # never answered, not even when refused (3.3.5.16)
    if not isinstance(outcome, Reply):
        _count_waiting(work, outcome)
    return outcome


def _count_waiting(work: Work, outcome: Outcome) -> None:
    if isinstance(outcome, Pending) and work.opened is not None:
        done = work.opened.sequence.begin()
        outcome.waiter.when_done(lambda _: done())


def complete(work: Work, pending: Pending[object]) -> Outcome:
    """The reply to a request that has waited."""
    if pending.waiter.cancelled:
        return error_reply(status.CANCELLED)
    try:
        # What a further Pending waits for is of no interest here, but its type is invariant.
        if work.tree is None or work.tree.acting is None:
            return cast(Outcome, pending.finish(pending.waiter.result()))
        with work.tree.acting:
            return cast(Outcome, pending.finish(pending.waiter.result()))
    except Exception as failure:  # noqa: BLE001 - as above
        return _refused(work, failure)


def _refused(work: Work, failure: Exception) -> Reply:
    """The reply that an exception becomes; a ProtocolViolation is raised on."""
    match failure:
        case StatusError():
            dialect = work.connection.dialect
            return error_reply(failure.status, failure.data, dialect is not None and dialect.error_contexts)
        case WireError():
            return error_reply(status.INVALID_PARAMETER)
        case ProtocolViolation():
            raise failure
        case OSError():
            return error_reply(status.from_os_error(failure))
    # Our bug: this request fails, the server goes on serving.
    log.error("%s: command %d failed", work.connection.name, work.command, exc_info=failure)
    return error_reply(status.INTERNAL_ERROR)


def error_reply(code: int, data: bytes | None = None, in_context: bool = False) -> Reply:
    """An SMB2 ERROR response; `in_context` puts the data into an error context, as 3.1.1 wants it."""
    return Reply([error.encode(data, in_context)], code)


def dispatch_smb1(connection: Connection, frame: memoryview) -> tuple[Work, Reply]:
    """The SMB1 NEGOTIATE that may open a connection; it counts as message 0."""
    dialects = negotiate_wire.decode_smb1_dialects(frame)
    if not connection.credits.take(0, 1):
        raise ProtocolViolation("SMB1 after SMB2")
    head = (header.PROTOCOL_ID, header.SIZE, 0, 0, header.NEGOTIATE, 1, 0, 0, 0, 0, 0, 0, header.NO_SIGNATURE, 0)
    work = Work(connection, head, frame, None)
    return work, negotiate_smb1(dialects, work)


def _run(work: Work, compound: Compound) -> Outcome:
    if work.failure:
        raise StatusError(work.failure)
    if work.command >= len(COMMANDS):
        raise StatusError(status.INVALID_PARAMETER)
    command = COMMANDS[work.command]
    if work.body_size not in command.body_sizes:
        raise StatusError(status.INVALID_PARAMETER)
    if work.connection.dialect is None and work.command != header.NEGOTIATE:
        raise ProtocolViolation("a command before NEGOTIATE")
    if command.needs or work.flags & header.RELATED_OPERATIONS:
        _settle(work, compound, command)
        opened = work.opened
        if opened is not None and (opened.behind_writes is not None or work.connection.server.files.resizes.under_way):
            wait = _behind(work, command)
            if wait is not None:
                return wait
    request, tree = command.decode(work.message), work.tree
    if tree is None or tree.acting is None or _is_on_descriptor(work):
        return command.handle(request, work)
    with tree.acting:
        return command.handle(request, work)


def _behind(work: Work, command: Command) -> Pending[object] | None:
    """What a request waits for while threads write what came before it, or change the size of its file; or None."""
    opened = work.need_open()
    wait = work.connection.server.files.resizes.wait(opened.state.identity, len(work.message))
    writes = opened.behind_writes
    if wait is None and writes is not None and (work.command != header.WRITE or writes.waiting):
        wait = writes.wait(len(work.message))  # a WRITE goes on, to the end of their line
    if wait is None:
        return None
    # Not to Reply alone: the compiled build checks a cast, and FLUSH waits once more.
    waiting = Pending(wait, lambda _: cast("Reply | Pending[None]", _after(work, command)), can_cancel=True)
    return cast(Pending[object], waiting)


def _after(work: Work, command: Command) -> Outcome:
    """Its turn has come, unless another had his first and a thread is at work again."""
    if work.need_open().is_closed:
        raise StatusError(status.FILE_CLOSED)
    wait = _behind(work, command)
    if wait is not None:
        return wait
    outcome = command.handle(command.decode(work.message), work)
    _count_waiting(work, outcome)
    return outcome


def _is_on_descriptor(work: Work) -> bool:
    """Whether the request only reads or writes a descriptor whose permission was checked when it was opened.

    All others act as the tree's local user, and so does what a handle does not vouch for.
    """
    if work.command not in _DATA or work.opened is None or work.connection.server.policy.deferred_write_time:
        return False
    if work.command == header.WRITE and work.opened.state.lacks_archive:
        return False  # it sets the attribute
    return getattr(work.opened.handle, "is_on_descriptor", False) is True


def _settle(work: Work, compound: Compound, command: Command) -> None:
    """Find session, tree and open, in this order, or refuse ([MS-SMB2] 3.3.5.2.9 to 3.3.5.2.11)."""
    related, needs = work.flags & header.RELATED_OPERATIONS, command.needs
    if related:
        _inherit(work, compound)
    if not needs & SESSION or (work.command == header.IOCTL and is_bare(work)):
        return
    session = work.connection.sessions.get(work.session_id)
    if session is None:
        raise StatusError(status.USER_SESSION_DELETED)
    if session.state is not _VALID:  # closed: its client has come back on another connection
        raise StatusError(status.USER_SESSION_DELETED if session.state is State.CLOSED else status.ACCESS_DENIED)
    if session.signing_required and work.protected_by is not session:
        # Beside the check on arrival: a login earlier in this compound may have changed what is required.
        raise StatusError(status.ACCESS_DENIED)
    work.session = session
    if session.encrypt_data and work.sealed_by is None:
        raise StatusError(status.ACCESS_DENIED)
    if not needs & TREE:
        return
    tree = session.trees.get(work.tree_id)
    if tree is None:
        raise StatusError(status.NETWORK_NAME_DELETED)
    if tree.share.encrypt and work.sealed_by is None:
        raise StatusError(status.ACCESS_DENIED)
    work.tree = tree
    if needs & OPEN and (command.needs_open is None or command.needs_open(work.message)):
        opened = work.opened = _find_open(work, compound, session, command.file_id_offset, related)
        sequence = opened.sequence
        if sequence.number != work.channel_sequence or sequence.earlier or opened.holder.durability is not None:
            _check_sequence(work, opened)


def _check_sequence(work: Work, opened: Open) -> None:
    """[MS-SMB2] 3.3.5.2.10; and what was used cannot be made again by a replay (3.3.5.11 to 3.3.5.21)."""
    dialect = work.connection.dialect
    if dialect is None or dialect.revision < _FIRST_WITH_SEQUENCES:
        return
    if work.command != header.CLOSE:
        work.connection.server.files.used(opened.holder)
    is_replay = work.flags & header.REPLAY_OPERATION != 0
    if not opened.sequence.accept(work.channel_sequence, is_replay) and work.command in _IN_SEQUENCE:
        raise StatusError(status.FILE_NOT_AVAILABLE)


def _inherit(work: Work, compound: Compound) -> None:
    """A related request has the session and tree of the one before it ([MS-SMB2] 3.3.5.2.7.2)."""
    if compound.position == 0:
        raise StatusError(status.INVALID_PARAMETER)
    previous = compound.works[compound.position - 1]
    if previous.session is None and previous.command < len(COMMANDS) and COMMANDS[previous.command].needs & SESSION:
        raise StatusError(status.INVALID_PARAMETER)  # the one before found no session to go on with
    work.session_id = previous.session_id
    work.tree_id = previous.tree_id
    if previous.command == header.CREATE:
        work.looked = previous.looked


def _find_open(work: Work, compound: Compound, session: Session, offset: int, related: int) -> Open:
    if related:
        if compound.last_open is None:
            raise StatusError(compound.last_failure or status.INVALID_HANDLE)
        opened = session.opens.get(compound.last_open.volatile_id)
    else:
        message = work.message
        if len(message) < offset + _FILE_ID_SIZE:
            raise WireError("no room for a FileId")
        persistent, volatile = _FILE_ID.unpack_from(message, offset)
        opened = session.opens.get(volatile) if persistent == volatile else None
    if opened is None or opened.tree is not work.tree:
        raise StatusError(status.FILE_CLOSED)
    return opened
