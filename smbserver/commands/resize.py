"""A change of a file's size that takes the kernel long: a thread makes it, and the file's other requests wait.

The kernel sets the size first and frees the pages then, so nobody sees one in between; but it keeps the inode until all
is freed. In the memory store a thread gives nothing, since it keeps the interpreter; it does no harm there either.
"""

from functools import partial
from typing import Final

from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.nt.metadata import Metadata
from smbserver.objects.open import Open
from smbserver.objects.server_state import ServerState
from smbserver.sharing.file_state import Identity
from smbserver.waiter import Waiter

# Bytes to free, or to reserve. In tmpfs, the slowest, this many take 1 ms to free and 2 ms to reserve; the way by a
# thread a quarter of one.
LARGE: Final = 4 << 20


def is_long_cut(meta: Metadata, size: int) -> bool:
    """Whether to set the end of a file frees much: of what is allocated, also beyond the end there was."""
    room = meta.allocation_size
    return room >= LARGE and size <= meta.end_of_file and max(room, meta.end_of_file) - size >= LARGE


def is_long_reservation(meta: Metadata, size: int) -> bool:
    """Whether to allocate `size` bytes reserves much."""
    return size - meta.allocation_size >= LARGE


def resize(work: Work, course: "steps.Steps[None]", opened: Open) -> Pending[Reply]:
    """Do long work on the open's file (see `connection.steps`) while nothing else is done with it.

    CANCEL does not end it: its reply says that it was done. Who waited goes on after it, and after what follows it in
    its compound. Raises StatusError, OSError as `steps.run`.
    """
    server, identity = work.connection.server, opened.state.identity
    server.files.resizes.begin(identity)
    try:
        outcome = steps.run(work, course, (opened,))
    except BaseException:
        _let_in(server, server.files.resizes.end(identity))
        raise
    assert isinstance(outcome, Pending), "without a slice there is nothing to wait for"
    told: Waiter[Reply] = Waiter()
    outcome.waiter.when_done(partial(_done, told, server, identity))
    return Pending(told, _as_it_is, can_cancel=False)


def _done(told: Waiter[Reply], server: ServerState, identity: Identity, done: Waiter[Reply]) -> None:
    waiting = server.files.resizes.end(identity)
    try:
        reply = done.result()
    except Exception as error:  # noqa: BLE001 - the reply of this request, made where all replies of failures are
        told.fail(error)
    else:
        told.resolve(reply)
    _let_in(server, waiting)


def _let_in(server: ServerState, waiting: list[Waiter[None]]) -> None:
    """Its connection may be gone: nobody else would wake them."""
    server.files.outbox += waiting
    server.settle()


def _as_it_is(reply: Reply) -> Reply:
    return reply
