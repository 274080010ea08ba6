"""The bounded room of a tree in memory: what is counted, what comes back, and who is who."""

from __future__ import annotations

import errno
import threading
import zlib
from collections.abc import Callable

from smbserver.backend.base import Identity
from smbserver.backend.memory_nodes import UNIT, Entry, File, Node, ea_units, refuse, units
from smbserver.nt.metadata import VolumeSpace
from smbserver.nt.names import fold


class MemoryVolume:
    """`now` gives the present as FILETIME; `size` is the bound in bytes."""

    def __init__(self, now: Callable[[], int], size: int) -> None:
        self.now = now
        self.created = now()
        self.lock = threading.RLock()  # copies and zeros are written by threads
        self._units = size // UNIT
        self._used = 0
        self._last_number = 0
        # A disk's device number is not negative, and no two living objects have one id.
        self._device = -1 - id(self)
        self.serial = zlib.crc32(f"{self._device}:{self.created}".encode())

    def next_number(self) -> int:
        """Of a new node."""
        self._last_number += 1
        return self._last_number

    def identity(self, node: Node) -> Identity:
        """What tells the node from every other."""
        return (self._device, node.number)

    def take(self, units: int) -> None:
        """Count room as used, or given back when negative; OSError ENOSPC before anything is past the bound."""
        with self.lock:
            if units > 0 and self._used + units > self._units:
                refuse(errno.ENOSPC)
            self._used += units

    def make_room(self, node: File, size: int) -> None:
        """Take or give back the difference, for a file that is to need `size` bytes. Called before memory is."""
        self.take(units(size) - node.units())

    def release_if_gone(self, node: Node) -> None:
        """Give the data's room back when no name and no handle leads to them any more."""
        if node.links or node.opens:
            return
        self.take(-ea_units(node.eas))
        node.eas = ()
        if isinstance(node, File):
            self.take(-node.units())
            node.data = bytearray()
            node.reserved = 0
        for key in list(node.streams):
            self.remove_stream(node, key)

    def add_stream(self, node: Node, name: str) -> File:
        """An empty stream; it costs what an entry costs."""
        now = self.now()
        stream = File(node.number, 0, now, now)
        self.take(1)
        node.streams[fold(name)] = Entry(name, stream)
        stream.links = 1
        return stream

    def remove_stream(self, node: Node, key: str) -> None:
        """Its data live on while it is open."""
        stream = node.streams.pop(key).node
        self.take(-1)
        stream.links = 0
        self.release_if_gone(stream)

    def space(self) -> VolumeSpace:
        """The room in the units that writes are counted in."""
        free = self._units - self._used
        return VolumeSpace(UNIT, self._units, free, free)
