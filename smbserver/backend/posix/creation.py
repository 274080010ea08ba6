"""The permissions of new files and directories: said by a share, or taken from the directory they are made in."""

import os
import stat
from typing import Final, NamedTuple

INHERIT: Final = -1
FILE_MODE: Final = 0o666  # the process's umask takes from it
DIRECTORY_MODE: Final = 0o777
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
