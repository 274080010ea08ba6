"""The entries of a directory, as they are asked for. Not compiled: see `compile.modules`."""

import os
from collections.abc import Callable, Iterator

from smbserver.backend.posix.disk_names import to_wire
from smbserver.nt.metadata import Metadata

Describe = Callable[["os.DirEntry[str]", str, int], Metadata | None]
"""(entry, name, directory) to what is shown of it, or None. FileNotFoundError: it has been removed."""


def scan_directory(
    directory: int, first: Callable[[], tuple[Metadata, Metadata]], describe: Describe
) -> Iterator[tuple[str, Metadata]]:
    """`.` and `..`, which `first` gives, and the rest in the order of the disk. Dropped half way it holds nothing."""
    own, parent = first()
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
                    meta = describe(entry, wire, fd)
                except FileNotFoundError:
                    continue  # removed while we list
                if meta is not None:
                    yield wire, meta
    finally:
        os.close(fd)
