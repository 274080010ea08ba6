"""The buffer that all connections receive into, and buffers for large frames, used again.

A fresh buffer costs the clearing and first touch of all its pages; one for each connection costs that for nothing.
Nothing is given back: what is lent is free again when nobody has a view of it, and Python knows that better than any
rule of ours (transcript 0033). The first that is free is lent, so that few are in use, and those in the caches.
"""

from typing import Final

RECEIVE_BUFFER: Final = 128 * 1024  # holds every small frame of a deep queue; a larger frame has its own buffer
POOL_LIMIT: Final = 64 * 1024 * 1024  # bytes known for the whole server, however many connections it has
SIZE_STEP: Final = 256 * 1024  # sizes are rounded up to this, so that nearly equal frames share buffers
KEPT: Final = 32  # of one size. To ask so many costs less than the first touch of another one's pages


class BufferPool:
    """Belongs to one server and its event loop, whose connections also see by it which of them was served last."""

    def __init__(self) -> None:
        self.receive_buffer = memoryview(bytearray(RECEIVE_BUFFER))  # what is in it is gone with the next event
        self.last_served = -1  # the descriptor of the connection whose request came last
        self._lent: dict[int, list[bytearray]] = {}  # by size; their views are elsewhere
        self._known = 0  # bytes of them

    def take(self, size: int) -> memoryview:
        """A writable view of `size` bytes with anything in them, the caller's as long as it or a part of it is kept."""
        rounded = size + -size % SIZE_STEP
        lent = self._lent.setdefault(rounded, [])
        for buffer in lent:
            if _is_free(buffer):
                return memoryview(buffer)[:size]
        buffer = bytearray(rounded + 1)
        buffer.pop()  # so that `_is_free` never has to move it
        if len(lent) < KEPT and self._known + rounded <= POOL_LIMIT:
            self._known += rounded
            lent.append(buffer)
        return memoryview(buffer)[:size]


def _is_free(buffer: bytearray) -> bool:
    try:
        buffer.append(0)  # a bytearray that is being viewed refuses to change its size
    except BufferError:
        return False
    buffer.pop()
    return True
