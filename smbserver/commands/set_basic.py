"""SET_INFO of FileBasicInformation: four times and the attributes ([MS-FSA] 2.1.5.15.2)."""

from typing import Final

from smbserver.connection.work import Work
from smbserver.errors import StatusError
from smbserver.nt import access, attributes, changes, status
from smbserver.objects.open import Open
from smbserver.wire import file_info

# What a client sends in place of a time ([MS-FSCC] 2.4.7).
_RELEASE: Final = -2  # it moves again; -1 and every time that is set hold it
# What each of the four times is to those who watch; a change time is nothing to them.
_TIMES_TOLD: Final = (changes.FILTER_CREATION, changes.FILTER_LAST_ACCESS, changes.FILTER_LAST_WRITE, 0)


def set_basic(data: memoryview, opened: Open, work: Work) -> None:
    """Set what is not 0. A time that is set is held from then on, so that what follows through this open leaves it."""
    opened.need(access.FILE_WRITE_ATTRIBUTES)
    change = file_info.decode_basic(data)
    _check_attributes(change.attributes, opened)
    _hold(change, opened)
    wanted = change.attributes  # bits nobody can set are ignored: tar of smbclient sends a Unix mode here
    if wanted:
        if not opened.path:
            wanted &= ~(attributes.HIDDEN | attributes.SYSTEM)  # nobody hides the root
        opened.handle.set_attributes(wanted)
        opened.state.lacks_archive = not wanted & attributes.ARCHIVE
        opened.changed(changes.FILTER_ATTRIBUTES)
    times = [time if time > 0 else None for time in change[:4]]
    if any(time is not None for time in times):
        opened.handle.set_times(*times)
        told = [matches for time, matches in zip(times, _TIMES_TOLD, strict=True) if time is not None]
        opened.changed(sum(told))


def _check_attributes(wanted: int, opened: Open) -> None:
    is_directory = opened.handle.is_directory
    if wanted & (attributes.TEMPORARY if is_directory else attributes.DIRECTORY):
        raise StatusError(status.INVALID_PARAMETER)


def _hold(change: file_info.BasicChange, opened: Open) -> None:
    """Which times this open holds from now on. A creation time is never moved, so nothing is to be held of it."""
    access_held, write_held, change_held = opened.held_times
    held = (
        _held(change.last_access_time, access_held),
        _held(change.last_write_time, write_held),
        _held(change.change_time, change_held),
    )
    if held != opened.held_times:
        opened.held_times = held
        opened.handle.hold_times(*held)


def _held(time: int, before: bool) -> bool:
    return before if time == 0 else time != _RELEASE
