"""The entries of a directory, as they are asked for. Not compiled: see `compile.modules`."""

import os
from collections.abc import Callable, Iterator

from smbserver.backend.posix.disk_names import to_wire
from smbserver.nt.metadata import Metadata

Describe = Callable[["os.DirEntry[str]", str, int, bool], Metadata | None]
"""(entry, name, directory, `owned`) to what is shown of it, or None. FileNotFoundError: it has been removed."""


def scan_directory(
    directory: int, first: Callable[[bool], tuple[Metadata, Metadata]], describe: Describe, owned: bool
) -> Iterator[tuple[str, Metadata]]:
    """`.` and `..`, which `first` gives, and the rest in the order of the disk. Dropped half way it holds nothing.

    `owned` is for those two to know: whether it is to be told whose the files are.
    """
    own, parent = first(owned)
    yield ".", own
    yield "..", parent
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                wire = to_wire(entry.name)
                if wire is None:
                    continue
                try:
                    meta = describe(entry, wire, fd, owned)
                except FileNotFoundError:
                    continue  # removed while we list
                if meta is not None:
                    yield wire, meta
    finally:
        os.close(fd)
