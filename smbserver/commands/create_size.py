"""The part of CREATE that sets a file's size: emptied ([MS-FSA] 2.1.5.1.2.1), with room for what is to come.

What takes long a thread does, when all that could refuse the CREATE is behind and the open entered.
"""

import logging
from collections.abc import Callable
from functools import partial

from smbserver.backend.base import Backend, Handle
from smbserver.commands.create_arguments import overwritten_attributes
from smbserver.commands.create_stream import clear_streams
from smbserver.commands.resize import LARGE, resize
from smbserver.connection import steps
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply, Work
from smbserver.errors import StatusError
from smbserver.nt import attributes, status
from smbserver.nt.changes import FILTER_WRITTEN
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import Path
from smbserver.objects.open import Open
from smbserver.objects.tree import Tree
from smbserver.sharing.file_state import FileState
from smbserver.wire import create as wire

log = logging.getLogger(__name__)


class MustResize(Exception):
    """A thread must empty the file of this open, reserve `room` bytes for it, or both.

    The open is entered and not yet its client's. `overwrite`, for a file to be emptied, does what comes after the cut;
    `finish` all the rest, and gives what the reply tells of the file.
    """

    def __init__(
        self,
        opened: Open,
        action: int,
        overwrite: Callable[[], None] | None,
        room: int,
        finish: Callable[[], Metadata],
    ) -> None:
        self.opened = opened
        self.action = action
        self.overwrite = overwrite
        self.room = room
        self.finish = finish


def finish_overwrite(
    request: wire.CreateRequest, tree: Tree, backend: Backend, handle: Handle, path: Path, state: FileState | None
) -> None:
    """What comes after the cut; `state` is None when nothing of the file is open."""
    if state is not None:
        state.altered = True
    handle.set_attributes(overwritten_attributes(request))
    if tree.share.has_streams:
        clear_streams(handle, path, state, backend, tree)
    allocate(request, handle)


def _room(request: wire.CreateRequest) -> int:
    """[MS-SMB2] 3.3.5.9.3: what a file just made or emptied will need."""
    size = request.contexts.get(wire.ALLOCATION_SIZE)
    return 0 if size is None or len(size) != 8 else int.from_bytes(size, "little")


def allocate(request: wire.CreateRequest, handle: Handle) -> None:
    """Reserve the room, unless that takes long."""
    if request.contexts:
        size = _room(request)
        if 0 < size < LARGE:
            handle.allocate(size)


def large_room(request: wire.CreateRequest, handle: Handle) -> int:
    """The room that `allocate` has left to a thread; 0 for none."""
    size = _room(request) if request.contexts and not handle.is_directory else 0
    return size if size >= LARGE else 0


def resize_first(
    work: Work, tree: Tree, can_replay: bool, large: MustResize, answer: Callable[[], Reply]
) -> Pending[Reply]:
    """What the thread has to do, then the answer. `can_replay`: it is made for a lost connection, too."""
    return resize(work, _course(work, tree, can_replay, large, answer), large.opened)


def _course(
    work: Work, tree: Tree, can_replay: bool, large: MustResize, answer: Callable[[], Reply]
) -> "steps.Steps[None]":
    handle = large.opened.handle
    try:
        if large.overwrite is not None:
            yield partial(handle.truncate, 0)
            check_client(work, tree, can_replay)
            large.overwrite()
        if large.room:
            yield partial(handle.allocate, large.room)
            check_client(work, tree, can_replay)
        return answer()
    except BaseException:
        if large.opened.session is None:
            _give_up(work, large)
        raise


def check_client(work: Work, tree: Tree, can_replay: bool) -> None:
    """StatusError FILE_CLOSED: what has waited may have no tree any more, or nobody who hears of it."""
    if work.need_session().trees.get(tree.tree_id) is not tree:
        raise StatusError(status.FILE_CLOSED)
    if work.connection.push is None and not can_replay:  # its channel is lost
        raise StatusError(status.FILE_CLOSED)


def _give_up(work: Work, large: MustResize) -> None:
    """A refused CREATE leaves no open, and no file that it made, and deletes none that was there."""
    opened = large.opened
    opened.delete_on_close = False
    if large.action != attributes.CREATED:
        opened.changed(FILTER_WRITTEN)  # for all that is known; the close tells it
    elif not opened.holder.stream:
        try:
            opened.backend.remove(opened.path, opened.handle.identity)
        except (OSError, StatusError) as error:
            log.warning("%r stays though there is no room for it: %s", "\\".join(opened.path), error)
        opened.holder.unlinked = True  # nobody was told of it: nobody hears that it goes
    opened.close(work.connection.server.files)
