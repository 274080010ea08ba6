"""The buffer that all connections receive into, and buffers for large frames, used again.

A fresh buffer costs the clearing and first touch of all its pages; one for each connection costs that for nothing.
"""

from typing import Final

RECEIVE_BUFFER: Final = 128 * 1024  # holds every small frame of a deep queue; a larger frame has its own buffer
POOL_LIMIT: Final = 64 * 1024 * 1024  # bytes kept for the whole server, however many connections it has
SIZE_STEP: Final = 256 * 1024  # sizes are rounded up to this, so that nearly equal frames share buffers


class BufferPool:
    """Belongs to one server and its event loop."""

    def __init__(self) -> None:
        self.receive_buffer = memoryview(bytearray(RECEIVE_BUFFER))  # what is in it is gone with the next event
        self._free: dict[int, list[bytearray]] = {}
        self._kept = 0

    def take(self, size: int) -> bytearray:
        """A buffer of at least `size` bytes with anything in it."""
        rounded = size + -size % SIZE_STEP
        free = self._free.get(rounded)
        if free:
            self._kept -= rounded
            return free.pop()
        return bytearray(rounded)

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back, unless somebody still has a view of it: then it is simply theirs."""
        size = len(buffer)
        if self._kept + size > POOL_LIMIT:
            return
        try:
            buffer.append(0)  # a bytearray that is being viewed refuses to change its size
        except BufferError:
            return
        buffer.pop()
        self._kept += size
        self._free.setdefault(size, []).append(buffer)
