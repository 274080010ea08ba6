"""CHANGE_NOTIFY ([MS-SMB2] 3.3.5.19): tell when a directory, or anything below it, changes."""

from functools import partial

from smbserver.backend.acting import ActsAs
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import access, status
from smbserver.nt.names import Path
from smbserver.objects.open import Open
from smbserver.sharing.notify import Outcome
from smbserver.wire import change_notify as wire


def change_notify(request: wire.ChangeNotifyRequest, work: Work) -> Pending[Outcome]:
    """Wait for the next change. What the first request of an open asks for holds for the later ones."""
    opened = work.need_open()
    dialect = work.connection.dialect
    room = request.output_buffer_length
    if dialect is None or room > dialect.max_size:
        raise StatusError(status.INVALID_PARAMETER)
    work.check_charge(room)
    if not opened.handle.is_directory:
        raise StatusError(status.INVALID_PARAMETER)
    if not opened.granted & access.FILE_LIST_DIRECTORY:  # asked every time: CVE-2020-14318
        raise StatusError(status.ACCESS_DENIED)
    if opened.state.delete_pending:
        raise StatusError(status.DELETE_PENDING)
    holder = opened.holder
    if holder.watch is None:
        watches = work.connection.server.files.watches
        tree = request.flags & wire.WATCH_TREE != 0
        holder.watch = watches.begin(opened.backend, holder.path, request.completion_filter, tree, room)
        if tree and opened.tree.acting is not None:
            holder.watch.may_see = partial(_may_list, opened, opened.tree.acting)
    return Pending(holder.watch.wait(room), _reply, can_cancel=True, may_never_end=True)


def _may_list(opened: Open, acting: ActsAs, directory: Path) -> bool:
    """Whether the watcher's local user could list a directory now. Windows tells all that is below; the names in
    another user's closed folder are nobody's business here.
    """
    try:
        with acting:
            located = opened.backend.locate(directory)
            try:
                if located.metadata is None or not located.metadata.is_directory:
                    return False
                opened.backend.open(located, read=True, write=False).close()
            finally:
                located.close()
    except (OSError, StatusError):
        return False
    return True


def _reply(outcome: Outcome) -> Reply:
    if outcome.status not in (status.SUCCESS, status.NOTIFY_ENUM_DIR):
        raise StatusError(outcome.status)
    entries = [wire.NotifyEntry(action, name) for action, name in outcome.entries]
    return Reply([wire.encode_response(wire.encode_entries(entries))], outcome.status)
