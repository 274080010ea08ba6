"""The vocabulary of change notification: actions ([MS-FSCC] 2.7.1), filters ([MS-SMB2] 2.2.35), one change."""

from typing import Final, NamedTuple

from smbserver.nt.names import Path

FILTER_FILE_NAME: Final = 0x00000001
FILTER_DIR_NAME: Final = 0x00000002
FILTER_ATTRIBUTES: Final = 0x00000004
FILTER_SIZE: Final = 0x00000008
FILTER_LAST_WRITE: Final = 0x00000010
FILTER_LAST_ACCESS: Final = 0x00000020
FILTER_CREATION: Final = 0x00000040
FILTER_EA: Final = 0x00000080
FILTER_SECURITY: Final = 0x00000100
FILTER_STREAM_NAME: Final = 0x00000200
FILTER_STREAM_SIZE: Final = 0x00000400
FILTER_STREAM_WRITE: Final = 0x00000800

FILTER_WRITTEN: Final = FILTER_SIZE | FILTER_LAST_WRITE
FILTER_OVERWRITTEN: Final = FILTER_WRITTEN | FILTER_ATTRIBUTES
# Another file under the same name ([MS-FSA] 2.1.5.15.12).
FILTER_REPLACED: Final = (
    FILTER_ATTRIBUTES
    | FILTER_SIZE
    | FILTER_LAST_WRITE
    | FILTER_LAST_ACCESS
    | FILTER_CREATION
    | FILTER_SECURITY
    | FILTER_EA
)

ACTION_ADDED: Final = 1
ACTION_REMOVED: Final = 2
ACTION_MODIFIED: Final = 3
ACTION_RENAMED_OLD_NAME: Final = 4
ACTION_RENAMED_NEW_NAME: Final = 5
ACTION_ADDED_STREAM: Final = 6
ACTION_REMOVED_STREAM: Final = 7
ACTION_MODIFIED_STREAM: Final = 8


class Change(NamedTuple):
    """What happened to the file `path`; who watches for any bit of `matches` hears of it."""

    action: int
    matches: int
    path: Path


def name_filter(is_directory: bool) -> int:
    """The bit that a new, gone or changed name matches."""
    return FILTER_DIR_NAME if is_directory else FILTER_FILE_NAME


def renamed(old: Path, new: Path, is_directory: bool) -> tuple[Change, Change]:
    """A rename where nothing was replaced: within a directory old and new name, else gone here and new there."""
    matches = name_filter(is_directory)
    if old[:-1] == new[:-1]:
        return Change(ACTION_RENAMED_OLD_NAME, matches, old), Change(ACTION_RENAMED_NEW_NAME, matches, new)
    return Change(ACTION_REMOVED, matches, old), Change(ACTION_ADDED, matches, new)
