"""What is told of files and volumes through an open of POSIX: class 100, and entries under their plain names."""

from collections.abc import Iterator

from smbserver.nt import access
from smbserver.nt.disguises import plain
from smbserver.nt.metadata import Metadata
from smbserver.objects.open import Open
from smbserver.wire import posix


def posix_file(opened: Open) -> bytes:
    """FilePosixInformation. Raises StatusError ACCESS_DENIED."""
    opened.need(access.FILE_READ_ATTRIBUTES)
    meta = opened.metadata()
    shown = meta.copy()
    shown.file_id = opened.shown_file_id(meta)
    return posix.file_information(shown, opened.handle.ownership())


def posix_volume(opened: Open) -> bytes:
    """FileFsPosixInformation."""
    return posix.volume(opened.backend.space(), opened.backend.serial_number)


def posix_entries(entries: Iterator[tuple[str, Metadata]], opened: Open) -> Iterator[tuple[str, Metadata]]:
    """The entries under their plain names; what is above the share's root is nobody's and nowhere, as Samba has it."""
    for name, meta in entries:
        if name == "..":
            if not opened.path:
                meta = meta.copy()
                meta.owner, meta.file_id = None, 0
            yield name, meta
        else:
            yield plain(name), meta
