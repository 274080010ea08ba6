"""The names in one directory by the spellings that mean them: another case, another composition, a short name.

Each comes after the one before it, and only when that finds nothing. Names are names on disk, spellings those of the
wire.
"""

from collections.abc import Iterable
from typing import Final

from smbserver.backend.posix.disk_names import spelling, to_wire
from smbserver.nt.names import fold, fold_case
from smbserver.nt.short_names import looks_made, short_name

MAX_GONE: Final = 16  # names of one directory that a short name brings back


class KnownNames:
    """What a directory held when its modification time was `changed_ns`."""

    __slots__ = ("_composed", "_gone", "_names", "_shorts", "_twins", "changed_ns")

    def __init__(self, changed_ns: int, disk_names: Iterable[str]) -> None:
        self.changed_ns = changed_ns
        self._names: dict[str, str] = {}  # by case
        self._composed: dict[str, str] = {}  # by case and composition, where that is not the same
        self._twins: set[str] = set()  # what several names have; a local program or a POSIX client made those
        self._shorts: dict[str, str | None] | None = None  # once somebody wanted it; None for what two names have
        self._gone: dict[str, tuple[str, int]] = {}
        for disk in disk_names:
            wire = to_wire(disk)
            if wire is None:
                continue
            key = fold_case(wire)
            if self._names.setdefault(key, disk) is not disk:
                self._twins.add(key)
            if not wire.isascii() and (full := fold(wire)) != key and self._composed.setdefault(full, disk) is not disk:
                self._twins.add(key)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._names)

    def find(self, wire: str, composed: bool) -> str | None:
        """The name that this spelling means; in another composition only if `composed`."""
        wire = spelling(wire)
        key = fold_case(wire)
        found = self._names.get(key)
        if found is None and composed and not wire.isascii():
            full = fold(wire)
            found = self._composed.get(full) or self._names.get(full)
        if found is None and looks_made(wire):
            found = self._short().get(key)
        return found

    def _short(self) -> dict[str, str | None]:
        if self._shorts is None:
            self._shorts = {}
            for disk in self._names.values():
                self._add_short(self._shorts, disk)
        return self._shorts

    @staticmethod
    def _add_short(shorts: dict[str, str | None], disk: str) -> None:
        short = short_name(to_wire(disk) or disk)
        if shorts.setdefault(short, disk) != disk:
            shorts[short] = None  # it would be a guess which one is meant

    def is_free(self, disk: str) -> bool:
        """Whether this name can be made."""
        wire = to_wire(disk)
        return wire is not None and self.find(wire, False) is None

    def add(self, disk: str) -> None:
        """A name has come."""
        wire = to_wire(disk)
        if wire is None:
            return
        key = fold_case(wire)
        if self._names.get(key, disk) != disk:
            self._twins.add(key)
        self._names[key] = disk
        if not wire.isascii() and (full := fold(wire)) != key:
            self._composed[full] = disk
        if self._shorts is not None:
            self._add_short(self._shorts, disk)

    def remove(self, disk: str, now_ns: int) -> bool:
        """A name has gone. False when the directory must say what is left."""
        wire = to_wire(disk)
        if wire is None:
            return True
        key = fold_case(wire)
        if key in self._twins:
            return False
        if self._names.get(key) == disk:
            del self._names[key]
        if self._composed and self._composed.get(full := fold(wire)) == disk:
            del self._composed[full]
        if self._shorts is not None:
            short = short_name(wire)
            if self._shorts.get(short) == disk:
                del self._shorts[short]
            self._gone.pop(short, None)
            self._gone[short] = (disk, now_ns)
            if len(self._gone) > MAX_GONE:
                del self._gone[next(iter(self._gone))]
        return True

    def gone(self, wire: str) -> tuple[str, int] | None:
        """The name that had this short name and has gone, and when, in Unix nanoseconds."""
        return self._gone.get(fold_case(wire)) if self._gone else None
