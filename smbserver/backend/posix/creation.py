"""The permissions of new files and directories: said by a share, or taken from the directory they are made in."""

import os
import stat
from typing import Final, NamedTuple

INHERIT: Final = -1
FILE_MODE: Final = 0o666  # the process's umask takes from it
DIRECTORY_MODE: Final = 0o777
PERMISSIONS: Final = 0o777
_SETTABLE: Final = PERMISSIONS | stat.S_ISVTX
_OWNER_FILE: Final = 0o600  # what a client makes it must be able to open again
_OWNER_DIRECTORY: Final = 0o700


class Creation(NamedTuple):
    """Modes of what is made in a share: bits of chmod, INHERIT, or None for the usual ones less the umask."""

    file_mode: int | None = None
    directory_mode: int | None = None

    def for_file(self, parent: int) -> int | None:
        """What a file in the directory with this descriptor shall have; None leaves it to the umask."""
        if self.file_mode != INHERIT:
            return self.file_mode
        return os.fstat(parent).st_mode & FILE_MODE | _OWNER_FILE

    def for_directory(self, parent: int) -> int | None:
        """As `for_file`; a setgid bit that the kernel has handed down stays in any case."""
        if self.directory_mode != INHERIT:
            return self.directory_mode
        return stat.S_IMODE(os.fstat(parent).st_mode) & ~stat.S_ISUID | _OWNER_DIRECTORY


def settle_mode(fd: int, mode: int) -> None:
    """Give what was just made its mode, which the umask may have made narrower, never wider."""
    found = stat.S_IMODE(os.fstat(fd).st_mode)
    wanted = mode | found & stat.S_ISGID
    if found != wanted:
        os.fchmod(fd, wanted)


def first_mode(own: int | None, asked: int | None, usual: int) -> int:
    """What a file or directory is made with: the share's own, else what was asked for, open to its maker for now."""
    if own is not None:
        return own
    return usual if asked is None else asked & PERMISSIONS | _OWNER_DIRECTORY & usual


def with_mode(state: os.stat_result, mode: int) -> os.stat_result:
    """What stat will say once the mode is set: a stored descriptor has to fit that."""
    return os.stat_result((state.st_mode & ~_SETTABLE | mode, *state[1:]))
