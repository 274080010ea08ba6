"""Buffers for large frames, used again: a fresh one costs the clearing and first touch of all its pages."""

from typing import Final

POOL_LIMIT: Final = 64 * 1024 * 1024  # bytes kept for the whole server, however many connections it has
SIZE_STEP: Final = 256 * 1024  # sizes are rounded up to this, so that nearly equal frames share buffers


class BufferPool:
    """Belongs to one server and its event loop."""

    def __init__(self) -> None:
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
