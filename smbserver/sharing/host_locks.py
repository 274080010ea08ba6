"""What the host is told of a file's byte-range locks: their union, in pieces ([MS-FSA] has no such second authority).

A byte is EXCLUSIVE to local programs when any open has it locked so, SHARED when all who have it share it.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

FREE: Final = 0
SHARED: Final = 1
EXCLUSIVE: Final = 2
RETRY_SECONDS: Final = 0.25  # the kernel tells nobody that a lock has gone; sooner than a person notices


class LockMirror(Protocol):
    """The host's locks of one file, all held together; see `backend.base.LockMirror`."""

    def set(self, first: int, last: int, kind: int) -> bool:
        """Make these bytes FREE, SHARED or EXCLUSIVE. False when a local program has them. Raises OSError."""

    def close(self) -> None:
        """Give everything back."""


class Piece(NamedTuple):
    """Bytes `first` to `last`, both included."""

    first: int
    last: int
    kind: int


def union(locks: Iterable[tuple[int, int, bool]], first: int, last: int) -> list[Piece]:
    """Cut the range into pieces by what `locks` (first, last, exclusive) make of each; FREE ones included."""
    changes: dict[int, list[int]] = {first: [0, 0], last + 1: [0, 0]}
    for begin, end, exclusive in locks:
        if end < begin or begin > last or end < first:
            continue
        changes.setdefault(max(begin, first), [0, 0])[exclusive] += 1
        changes.setdefault(min(end, last) + 1, [0, 0])[exclusive] -= 1
    places = sorted(changes)
    counts = [0, 0]
    pieces: list[Piece] = []
    for place, following in pairwise(places):
        counts[0] += changes[place][0]
        counts[1] += changes[place][1]
        kind = EXCLUSIVE if counts[1] else SHARED if counts[0] else FREE
        if pieces and pieces[-1].kind == kind:
            pieces[-1] = pieces[-1]._replace(last=following - 1)
        else:
            pieces.append(Piece(place, following - 1, kind))
    return pieces
