"""Named pipes as opens: a handle around an RPC pipe, the queue of reads that wait, and the store they live in.

`Open` treats a PipeHandle like any other handle; what differs by nature is asked of `Open.pipe`.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, NoReturn

from smbserver.backend.base import Handle, Identity, Located, LockMirror, Ranges, Streams, Version
from smbserver.errors import StatusError
from smbserver.nt import attributes as attrs
from smbserver.nt import status
from smbserver.nt.descriptor import Descriptor
from smbserver.nt.extended_attributes import Ea
from smbserver.nt.metadata import NO_FEATURES, Metadata, Ownership, VolumeSpace
from smbserver.nt.names import Path
from smbserver.rpc.pipe import RpcPipe
from smbserver.rpc.pipes import find_pipe, open_pipe
from smbserver.rpc.server_view import Caller, ServerView
from smbserver.waiter import Waiter

log = logging.getLogger(__name__)

PIPE_DEVICE: Final = -1  # in a pipe's identity, where a file has its device
QUOTA: Final = 4096  # what clients are told that a pipe's buffers hold


class Message(NamedTuple):
    """What one read takes from a pipe; `is_partial`: the rest of the message is left."""

    data: bytes
    is_partial: bool


class _Reader:
    """A read that waits for a message."""

    __slots__ = ("length", "minimum", "waiter")

    def __init__(self, length: int, minimum: int, waiter: Waiter[Message]) -> None:
        self.length = length
        self.minimum = minimum
        self.waiter = waiter


class PipeHandle:
    """See `backend.base.Handle`; what a pipe cannot do raises INVALID_DEVICE_REQUEST.

    `message_mode` False makes reads see bytes without boundaries; `non_blocking` True fails them with PIPE_EMPTY
    instead of letting them wait ([MS-FSCC] 2.4.37).
    """

    def __init__(self, rpc: RpcPipe, number: int, created: int) -> None:
        self.identity: Identity = (PIPE_DEVICE, number)
        self.is_directory = False
        self.message_mode = True
        self.non_blocking = False
        self._rpc = rpc
        self._created = created
        self._readers: deque[_Reader] = deque()
        self._logged = False
        rpc.on_output = self._feed

    # What a pipe does

    @property
    def name(self) -> str:
        """As in the table of pipes."""
        return self._rpc.name

    @property
    def is_closing(self) -> bool:
        """Whether the server's end is gone; what it said before can still be read."""
        return self._rpc.broken is not None

    @property
    def available(self) -> int:
        """Bytes that can be read now, over all messages."""
        return self._rpc.pending

    @property
    def messages(self) -> int:
        """How many messages can be read now."""
        return self._rpc.messages

    @property
    def message_length(self) -> int:
        """Bytes left of the first message, 0 without one."""
        return self._rpc.message_length

    def read_message(self, length: int, minimum: int = 0) -> Waiter[Message]:
        """At most `length` bytes of the next message, as soon as there is one. Cancelling gives up the place in line.

        The waiter may fail with StatusError: END_OF_FILE when the message has less than `minimum` bytes (it stays),
        PIPE_EMPTY when the pipe does not wait, PIPE_DISCONNECTED when it is broken and empty.
        """
        waiter: Waiter[Message] = Waiter(lambda: self._readers.remove(reader), StatusError(status.PIPE_BROKEN))
        reader = _Reader(length, minimum, waiter)
        self._readers.append(reader)
        self._feed()
        if self.non_blocking and not waiter.done:
            self._readers.remove(reader)
            waiter.fail(StatusError(status.PIPE_EMPTY))
        return waiter

    def transceive(self, data: memoryview | bytes, length: int) -> Waiter[Message]:
        """Write a message and read its answer (FSCTL_PIPE_TRANSCEIVE). Raises StatusError: PIPE_BUSY while something
        waits to be read or to read, INVALID_PIPE_STATE in byte mode, and what `write` raises.
        """
        if not self.message_mode:
            raise StatusError(status.INVALID_PIPE_STATE)
        if self._rpc.messages or self._readers:
            raise StatusError(status.PIPE_BUSY)
        self._rpc.write(data)
        return self.read_message(length)

    def peek(self, length: int) -> bytes:
        """The beginning of the first message, which stays. Raises StatusError PIPE_DISCONNECTED."""
        if self._rpc.broken is not None and not self._rpc.messages:
            raise StatusError(status.PIPE_DISCONNECTED)
        return self._rpc.peek(length)

    def _feed(self) -> None:
        """Give messages to readers. A reader leaves the queue before its waiter is resolved: whoever hears of it may
        write here again.
        """
        rpc = self._rpc
        if rpc.broken is not None and not self._logged:
            self._logged = True
            log.warning("pipe %s broken: %s", rpc.name, rpc.broken)
        while self._readers and (rpc.messages or rpc.broken is not None):
            reader = self._readers.popleft()
            if rpc.messages and min(reader.length, rpc.message_length) < reader.minimum:
                reader.waiter.fail(StatusError(status.END_OF_FILE))
                continue
            try:
                data, is_partial = rpc.read(reader.length)
            except StatusError as error:
                reader.waiter.fail(error)
            else:
                reader.waiter.resolve(Message(data, is_partial and self.message_mode))

    # What every handle does

    def write(self, data: memoryview | bytes, offset: int) -> None:
        """Send bytes to the service; a pipe has no offsets. Raises StatusError: PIPE_DISCONNECTED, PIPE_BUSY."""
        self._rpc.write(data)
        self._feed()

    def sync(self) -> None:
        """Nothing to wait for: the service takes what is written at once ([MS-SMB2] 3.3.5.11)."""

    def metadata(self) -> Metadata:
        """A pipe has no times of its own, no data at rest and one name."""
        created = self._created
        return Metadata(created, created, created, created, QUOTA, 0, attrs.NORMAL, 1, self.identity[1], False)

    def close(self) -> None:
        """End the reads that wait, and what the service is doing. [MS-SMB2] 3.3.4.17 would have the reads cancelled;
        Windows answers PIPE_BROKEN, says smbtorture.
        """
        self._rpc.on_output = None
        self._rpc.close()
        for reader in list(self._readers):
            reader.waiter.end()

    def read(self, length: int, offset: int) -> bytes | bytearray | None:
        """Reads of a pipe go through `read_message`, which can wait."""
        _refuse()

    def cached(self, length: int, offset: int) -> None:
        """A pipe has no file behind it."""

    def read_blocking(self, length: int, offset: int) -> bytes | bytearray:
        """No thread may touch a pipe."""
        _refuse()

    def truncate(self, size: int) -> None:
        """A pipe has no size."""
        _refuse()

    def allocate(self, size: int) -> None:
        """A pipe has no size."""
        _refuse()

    def set_times(
        self, creation_time: int | None, access_time: int | None, write_time: int | None, change_time: int | None
    ) -> None:
        """A pipe keeps no times."""
        _refuse()

    def hold_times(self, access: bool, write: bool, change: bool) -> None:
        """A pipe keeps no times."""
        _refuse()

    def set_attributes(self, attributes: int) -> None:
        """A pipe keeps no attributes."""
        _refuse()

    def get_eas(self) -> list[Ea]:
        """A pipe has none."""
        return []

    def set_eas(self, changes: Sequence[Ea]) -> None:
        """Nor can it."""
        raise StatusError(status.EAS_NOT_SUPPORTED)

    def ea_size(self) -> int:
        """Always 0."""
        return 0

    def mark_changed(self) -> None:
        """A pipe keeps no attributes."""
        _refuse()

    def descriptor(self) -> Descriptor | None:
        """Who may open a pipe is no property of the pipe here."""
        raise StatusError(status.NOT_SUPPORTED)

    def set_descriptor(self, descriptor: Descriptor) -> None:
        """As `descriptor`."""
        raise StatusError(status.NOT_SUPPORTED)

    def ownership(self) -> Ownership:
        """As `descriptor`."""
        raise StatusError(status.NOT_SUPPORTED)

    def set_mode(self, mode: int) -> None:
        """As `descriptor`."""
        raise StatusError(status.NOT_SUPPORTED)

    def lock_mirror(self) -> LockMirror | None:
        """A pipe has no ranges."""
        return None

    def version(self, again: bool) -> Version | None:
        """Nobody keeps a copy of it."""
        return None

    def ranges(self) -> Ranges:
        """A pipe has no ranges."""
        _refuse()

    def streams(self) -> Streams:
        """A pipe has none."""
        _refuse()

    def scan(self, owned: bool = False) -> Iterator[tuple[str, Metadata]]:
        """A pipe is no directory."""
        _refuse()

    def is_empty(self) -> bool:
        """A pipe is no directory."""
        _refuse()


class PipeStore:
    """See `backend.base.Backend`: the volume that pipes live on. It has no files, and nothing can be made in it."""

    links = None
    read_only = False
    posix_semantics = False

    def __init__(self, created: int) -> None:
        self.has_streams = False
        self.serial_number = 0
        self.features = NO_FEATURES
        self.supports_eas = False
        self.creation_time = created

    @property
    def keeps_descriptors(self) -> bool:
        """Who may open a pipe is the pipe's own business."""
        return False

    def space(self) -> VolumeSpace:
        """There is nothing to measure."""
        raise StatusError(status.INVALID_DEVICE_REQUEST)

    def hides(self, name: str) -> bool:
        """Pipes are not listed by name."""
        return False

    def look_ahead(self, path: Path) -> int:
        """There is nothing to wait for."""
        return 0

    def look_at_entries(self, path: Path, start: int, count: int) -> int:
        """There is nothing to wait for."""
        return 0

    def locate(self, path: Path, composed: bool = True, exact: bool = False) -> Located:
        """Pipes are found in a table, not below a root."""
        raise StatusError(status.OBJECT_NAME_NOT_FOUND)

    def open(self, located: Located, read: bool, write: bool) -> Handle:
        """See `connect_pipe`."""
        _refuse()

    def create_file(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """No client makes a pipe."""
        _refuse()

    def create_directory(
        self,
        located: Located,
        attributes: int,
        creation_time: int | None = None,
        descriptor: Descriptor | None = None,
        mode: int | None = None,
    ) -> Handle:
        """There are no directories."""
        _refuse()

    def look_again(self) -> None:
        """There is no other place."""

    def check_remove(self, path: Path, identity: Identity) -> None:
        """See `remove`."""
        _refuse()

    def remove(self, path: Path, identity: Identity) -> None:
        """A pipe's name is not the client's to remove."""
        _refuse()

    def rename(self, path: Path, identity: Identity, target: Located, replace: bool) -> Path:
        """A pipe's name is not the client's to change."""
        _refuse()

    def link(self, path: Path, identity: Identity, target: Located, replace: bool) -> None:
        """A pipe has one name."""
        _refuse()

    def close(self) -> None:
        """Nothing is held."""


def _refuse() -> NoReturn:
    raise StatusError(status.INVALID_DEVICE_REQUEST)


def connect_pipe(name: str, view: ServerView, caller: Caller, number: int, now: int) -> PipeHandle:
    """A new instance of the named pipe; `number` tells it from all others.

    Raises StatusError OBJECT_NAME_NOT_FOUND; ACCESS_DENIED to an anonymous caller, who learns nothing more of a name
    that is not in the table ([MS-SMB2] 3.3.5.9: our null session list is that table).
    """
    rpc = open_pipe(name, view, caller)
    if rpc is None:
        raise StatusError(status.ACCESS_DENIED if caller.is_anonymous else status.OBJECT_NAME_NOT_FOUND)
    return PipeHandle(rpc, number, now)


def pipe_exists(name: str) -> bool:
    """Whether a client could open this name."""
    return find_pipe(name) is not None
