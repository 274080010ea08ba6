"""The part of CREATE that empties a file that is there ([MS-FSA] 2.1.5.1.2.1), in a thread when it is large.

A thread comes when all that could refuse the CREATE is behind, and the open entered: who is told no finds what he had.
"""

from collections.abc import Callable
from functools import partial

from smbserver.backend.base import Backend, Handle
from smbserver.commands.create_arguments import overwritten_attributes
from smbserver.commands.create_stream import clear_streams
from smbserver.commands.resize import resize
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.changes import FILTER_WRITTEN
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.sharing.file_state import FileState
from smbserver.wire import create as wire


class MustEmpty(Exception):
    """A thread must empty the file of this open, which is entered and not yet its client's.

    `finish` does what comes after that, and gives what the reply tells of the file.
    """

    def __init__(self, opened: Open, finish: Callable[[], Metadata]) -> None:
        self.opened = opened
        self.finish = finish


def finish_overwrite(
    request: wire.CreateRequest, tree: Tree, backend: Backend, handle: Handle, path: Path, state: FileState | None
) -> None:
    """What comes after the cut; `state` is None when nothing of the file is open."""
    handle.set_attributes(overwritten_attributes(request))
    if tree.share.has_streams:
        clear_streams(handle, path, state, backend, tree)
    allocate(request, handle)


def allocate(request: wire.CreateRequest, handle: Handle) -> None:
    """[MS-SMB2] 3.3.5.9.3: the room that a file just made or emptied will need."""
    size = request.contexts.get(wire.ALLOCATION_SIZE)
    if size is not None and len(size) == 8:
        handle.allocate(int.from_bytes(size, "little"))


def empty(work: Work, tree: Tree, opened: Open, finish: Callable[[], Reply]) -> Pending[Reply]:
    """Cut the file to nothing in a thread, then `finish`. An open that its client does not get is closed."""
    return resize(work, _empty(work, tree, opened, finish), opened)


def _empty(work: Work, tree: Tree, opened: Open, finish: Callable[[], Reply]) -> "steps.Steps[None]":
    try:
        yield partial(opened.handle.truncate, 0)
        if work.need_session().trees.get(tree.tree_id) is not tree:
            raise StatusError(status.FILE_CLOSED)  # its client has gone meanwhile
        return finish()
    except BaseException:
        opened.changed(FILTER_WRITTEN)  # for all that is known; the close tells it
        if opened.session is None:
            opened.close(work.connection.server.files)
        raise
