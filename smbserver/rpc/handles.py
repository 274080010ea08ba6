"""Context handles of one pipe: what a client was given to speak of a policy, a domain or a user ([C706] 5.1.6).

A handle is good on the pipe that gave it, for the kind of object it stands for, until it is closed or the pipe is.
[C706] would share handles over an association group; no client of these interfaces was seen to need that, and what
belongs to one pipe ends with it.
"""

from __future__ import annotations

from typing import Final, TypeVar

from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.rpc.interface import Fault
from smbserver.rpc.ndr import HANDLE_SIZE

MAX_HANDLES: Final = 64
"""Of one pipe. rpcclient and Windows's dialogs hold three to six at a time."""

FAULT_CONTEXT_MISMATCH: Final = 0x1C00001A
"""[C706] appendix E: no such handle, or one of another kind."""

T = TypeVar("T")


class Handles:
    """The table of one pipe."""

    __slots__ = ("_last", "_objects")

    def __init__(self) -> None:
        self._objects: dict[bytes, object] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._objects)

    def open(self, value: object) -> bytes:
        """A handle for an object. Raises StatusError INSUFFICIENT_RESOURCES when there are too many."""
        if len(self._objects) >= MAX_HANDLES:
            raise StatusError(status.INSUFFICIENT_RESOURCES)
        self._last += 1
        handle = self._last.to_bytes(HANDLE_SIZE - 4, "big").rjust(HANDLE_SIZE, b"\0")
        self._objects[handle] = value
        return handle

    def find(self, handle: bytes, kind: type[T]) -> T:
        """The object behind a handle. Raises Fault when there is none of that kind."""
        found = self._objects.get(handle)
        if not isinstance(found, kind):
            raise Fault(FAULT_CONTEXT_MISMATCH)
        return found

    def close(self, handle: bytes) -> None:
        """Forget a handle of any kind. Raises Fault when there is none."""
        if self._objects.pop(handle, None) is None:
            raise Fault(FAULT_CONTEXT_MISMATCH)
