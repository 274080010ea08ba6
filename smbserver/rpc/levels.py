"""Information levels: which structure a level stands for, and the reply of a method that answers one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from smbserver.rpc.ndr import Layout, NdrWriter, Row

T = TypeVar("T")


class Level(NamedTuple, Generic[T]):
    """A structure's layout and the function that fills it from one item."""

    layout: Layout
    row: Callable[[T], Row]


class LevelTable(NamedTuple, Generic[T]):
    """The levels that a method answers, and the arms of its IDL union.

    A level that is not answered but has an arm is refused with a null pointer in that arm; a level without an arm is
    refused with the tag alone. The difference is four bytes in the middle of the reply, and a client that expects the
    other reads garbage behind it.
    """

    levels: Mapping[int, Level[T]]
    arms: frozenset[int]

    def write_info(self, reply: NdrWriter, level: int, item: T) -> None:
        """The [out, switch_is(Level)] union with the item in it. `level` is one of `levels`."""
        layout, row = self.levels[level]
        reply.u32(level)
        reply.pointer()
        reply.structure(layout, row(item))

    def write_nothing(self, reply: NdrWriter, level: int) -> None:
        """The union of a refused call."""
        reply.u32(level)
        if level in self.arms:
            reply.pointer(False)
