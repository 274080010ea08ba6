"""What a tree in memory consists of: files, directories and the entries that name them."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

from smbserver.errors import WireError
from smbserver.nt import attributes as attrs
from smbserver.nt.descriptor import Descriptor, build
from smbserver.nt.extended_attributes import Ea, list_size
from smbserver.nt.metadata import Metadata
from smbserver.nt.names import fold, fold_case
from smbserver.nt.short_names import looks_made, short_name

UNIT: Final = 4096  # bytes that room is counted in, and what an entry costs: a million empty files meet the bound too
MAX_DESCRIPTOR: Final = 65536  # bytes of a stored security descriptor, as in an extended attribute of a disk


def refuse(code: int) -> NoReturn:
    """OSError with this number."""
    raise OSError(code, os.strerror(code))


class Node:
    """What files and directories have in common. Lives while it has a name (`links`) or an open handle (`opens`)."""

    __slots__ = (
        "accessed",
        "attributes",
        "changed",
        "created",
        "descriptor",
        "eas",
        "links",
        "number",
        "opens",
        "streams",
        "written",
    )

    def __init__(self, number: int, attributes: int, created: int, now: int) -> None:
        self.number = number
        self.attributes = attributes & attrs.SETTABLE
        self.created = created
        self.accessed = self.written = self.changed = now
        self.links = 0
        self.opens = 0
        self.eas: tuple[Ea, ...] = ()  # ordered by name
        self.descriptor: Descriptor | None = None
        self.streams: dict[str, Entry] = {}  # by folded name

    def reach(self) -> int:
        """Bytes that a file has or was promised."""
        return 0

    def head(self, length: int) -> bytes:
        """The first bytes of a file."""
        return b""

    def below(self) -> list[Entry]:
        """What is in a directory."""
        return []


class File(Node):
    """A file, or a stream of one."""

    __slots__ = ("data", "reserved")

    def __init__(self, number: int, attributes: int, created: int, now: int) -> None:
        super().__init__(number, attributes, created, now)
        self.data = bytearray()
        self.reserved = 0  # bytes promised by `allocate`

    def units(self) -> int:
        """The room that the data take."""
        return units(self.reach())

    def reach(self) -> int:
        """Bytes that the file has or was promised."""
        return max(len(self.data), self.reserved)

    def head(self, length: int) -> bytes:
        """The first bytes."""
        return bytes(self.data[:length])


class Directory(Node):
    """A directory; `parent` is None for the root and for one that is no more."""

    __slots__ = ("entries", "gone", "parent")

    def __init__(self, number: int, attributes: int, created: int, now: int) -> None:
        super().__init__(number, attributes, created, now)
        self.entries: dict[str, Entry] = {}  # by folded name
        self.gone: dict[str, tuple[str, int]] = {}  # by short name: the name that has gone, and when
        self.parent: Directory | None = None

    def below(self) -> list[Entry]:
        """The entries now."""
        return list(self.entries.values())

    def find(self, name: str, composed: bool) -> Entry | None:
        """The entry that this spelling means. What is not there under its own case is looked for one by one."""
        key = fold_case(name)
        found = self.entries.get(key)
        if found is None and composed and not name.isascii():
            full = fold(name)
            found = next((e for e in self.entries.values() if not e.name.isascii() and fold(e.name) == full), None)
        if found is None and looks_made(name):
            several = [e for e in self.entries.values() if short_name(e.name) == key]
            found = several[0] if len(several) == 1 else None  # of two it would be a guess
        return found

    def is_free(self, name: str) -> bool:
        """Whether a name can be made."""
        return self.find(name, False) is None


class Entry(NamedTuple):
    """A name and what it means."""

    name: str
    node: File | Directory


def check_descriptor(descriptor: Descriptor) -> None:
    """OSError E2BIG for a descriptor that no attribute of a disk could keep."""
    try:
        if len(build(descriptor)) <= MAX_DESCRIPTOR:
            return
    except WireError:
        pass
    refuse(errno.E2BIG)


def units(size: int) -> int:
    """The units that so many bytes take."""
    return -(-size // UNIT)


def ea_units(eas: Sequence[Ea]) -> int:
    """The units that extended attributes take."""
    return units(list_size(eas))


def metadata_of(node: File | Directory) -> Metadata:
    """What clients are shown."""
    is_directory = isinstance(node, Directory)
    flags = node.attributes | (attrs.DIRECTORY if is_directory else 0)
    return Metadata(
        node.created,
        node.accessed,
        node.written,
        node.changed,
        0 if isinstance(node, Directory) else node.units() * UNIT,
        0 if isinstance(node, Directory) else len(node.data),
        flags or attrs.NORMAL,
        1 if is_directory else node.links,
        node.number,
        is_directory,
    )
