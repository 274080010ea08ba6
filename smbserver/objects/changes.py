"""Tells the watches of what a CREATE, a rename or a link has changed ([MS-FSA] 2.1.5.1, 2.1.5.15.6, 2.1.5.15.12)."""

from smbserver.nt.attributes import CREATED, OPENED
from smbserver.nt.changes import (
    ACTION_ADDED,
    ACTION_ADDED_STREAM,
    ACTION_MODIFIED,
    ACTION_MODIFIED_STREAM,
    ACTION_REMOVED,
    ACTION_REMOVED_STREAM,
    FILTER_ATTRIBUTES,
    FILTER_FILE_NAME,
    FILTER_OVERWRITTEN,
    FILTER_REPLACED,
    FILTER_STREAM_NAME,
    FILTER_STREAM_SIZE,
    FILTER_STREAM_WRITE,
    Change,
    name_filter,
    renamed,
)
from smbserver.nt.names import Path
from smbserver.nt.stream_names import stream_path
from smbserver.objects.open import Open
from smbserver.sharing.notify import WatchTable


def report_created(watches: WatchTable, opened: Open, action: int) -> None:
    """After a CREATE with this create action; one that only opened has changed nothing."""
    if action == OPENED or not watches.is_heard:
        return
    if opened.holder.stream:
        path = stream_path(opened.path, opened.holder.stream)
        if action == CREATED:
            change = Change(ACTION_ADDED_STREAM, FILTER_STREAM_NAME, path)
        else:
            change = Change(ACTION_MODIFIED_STREAM, FILTER_STREAM_SIZE | FILTER_STREAM_WRITE, path)
    elif action == CREATED:
        change = Change(ACTION_ADDED, name_filter(opened.handle.is_directory), opened.path)
    else:
        change = Change(ACTION_MODIFIED, FILTER_OVERWRITTEN, opened.path)
    watches.report(opened.backend, (change,), opened.holder)


def report_made(watches: WatchTable, opened: Open) -> None:
    """After a CREATE of a stream that had to make its file first."""
    watches.report(opened.backend, (Change(ACTION_ADDED, FILTER_FILE_NAME, opened.path),), opened.holder)


def report_stream_written(watches: WatchTable, opened: Open, stream: str, is_new: bool) -> None:
    """After a named stream of the open file was made, or written, without an open of its own."""
    path = stream_path(opened.path, stream)
    if is_new:
        change = Change(ACTION_ADDED_STREAM, FILTER_STREAM_NAME, path)
    else:
        change = Change(ACTION_MODIFIED_STREAM, FILTER_STREAM_SIZE | FILTER_STREAM_WRITE, path)
    watches.report(opened.backend, (change,), opened.holder)


def report_stream_renamed(watches: WatchTable, opened: Open, old: str) -> None:
    """After a stream of the open file got the name that the open has now; [MS-FSA] has no action for that."""
    gone = Change(ACTION_REMOVED_STREAM, FILTER_STREAM_NAME, stream_path(opened.path, old))
    changes: tuple[Change, ...] = (gone,)
    if opened.holder.stream:
        come = Change(ACTION_ADDED_STREAM, FILTER_STREAM_NAME, stream_path(opened.path, opened.holder.stream))
        changes = (gone, come)
    watches.report(opened.backend, changes, opened.holder)


def report_renamed(watches: WatchTable, opened: Open, old: Path, new: Path, replaced: Path | None) -> None:
    """After a rename. `replaced` is the name, as it was stored, of another file that had to go."""
    is_directory = opened.handle.is_directory
    matches = name_filter(is_directory)
    if replaced == new:
        changes: tuple[Change, ...] = (
            Change(ACTION_REMOVED, matches, old),
            Change(ACTION_MODIFIED, FILTER_REPLACED, new),
        )
    elif old != new:
        changes = renamed(old, new, is_directory)
        if replaced is not None:
            changes = (Change(ACTION_REMOVED, matches, replaced), *changes)
    else:
        return
    watches.report(opened.backend, changes, opened.holder)
    if not is_directory:
        opened.state.changes |= FILTER_ATTRIBUTES  # ARCHIVE, told at the close


def report_joined(watches: WatchTable, opened: Open, old: Path) -> None:
    """After a rename onto another link of the same file: only a name has gone."""
    watches.report(opened.backend, (Change(ACTION_REMOVED, name_filter(False), old),), opened.holder)


def report_linked(watches: WatchTable, opened: Open, new: Path, replaced: Path | None) -> None:
    """After a new hard link, perhaps in place of another file."""
    matches = name_filter(False)
    if replaced is None:
        changes: tuple[Change, ...] = (Change(ACTION_ADDED, matches, new),)
    elif replaced == new:
        changes = (Change(ACTION_MODIFIED, FILTER_REPLACED, new),)
    else:
        changes = (Change(ACTION_REMOVED, matches, replaced), Change(ACTION_ADDED, matches, new))
    watches.report(opened.backend, changes, opened.holder)
