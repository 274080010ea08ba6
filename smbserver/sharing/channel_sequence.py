"""Tells requests of a channel that failed from those sent after it ([MS-SMB2] 3.3.5.2.10).

A client raises its ChannelSequence when a channel breaks, and sends again what was not answered, marked as replay. As
long as a request of an earlier sequence is still at work here, a replay could be done twice: it is refused. Counted are
only requests that wait; what is answered at once is never outstanding when the next one comes.
"""

from collections.abc import Callable
from typing import Final

_HALF: Final = 0x7FFF  # a difference up to this, in 16 bits, is forward


class ChannelSequence:
    """Of one open. `number` is the last ChannelSequence that was accepted."""

    __slots__ = ("_generation", "_outstanding", "earlier", "number")

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.earlier = 0  # requests of earlier sequences that still wait (Open.OutstandingPreRequestCount)
        self._outstanding = 0
        # The number comes round again within four steps; requests are told apart by this instead.
        self._generation = 0

    def accept(self, number: int, is_replay: bool) -> bool:
        """Note a request's sequence; False when it must not change anything."""
        if number != self.number:
            if (number - self.number) & 0xFFFF > _HALF:
                return False
            self.earlier += self._outstanding
            self._outstanding = 0
            self._generation += 1
            self.number = number
        return not (is_replay and self.earlier)

    def begin(self) -> Callable[[], None]:
        """A request waits; the result is called once when it is done."""
        generation = self._generation
        self._outstanding += 1

        def end() -> None:
            if generation == self._generation:
                self._outstanding -= 1
            else:
                self.earlier -= 1

        return end

    def restart(self, number: int) -> None:
        """A new session counts from its own start."""
        self.accept(self.number + 1 & 0xFFFF, False)
        self.number = number
