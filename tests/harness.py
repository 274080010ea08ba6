"""A whole server in the test's own hand: no socket, no clock, no thread; requests go in and replies come out at once.

`World` holds a ServerState over real folders with a `ManualRuntime`; `World.log_on` gives a session of the client in
`conformance/client`, whose connection hands its frames straight to a Driver. A request that must wait leaves no reply:
the client then raises NoAnswer without waiting, and the test goes on with `runtime.advance` or `runtime.run_offloaded`.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from conformance.client.connection import Connection as ClientConnection
from conformance.client.framing import SPARE, FrameSocket
from conformance.client.message import Buffer
from conformance.client.ntlm import Credentials
from conformance.client.protocol import ConnectionEnded, NoAnswer
from conformance.client.session import Options, Session, Tree
from smbserver.auth.accounts import Account, Accounts
from smbserver.auth.ntlm import Names
from smbserver.backend.posix import PosixBackend, own_user
from smbserver.connection.connection import Connection
from smbserver.driver import Driver
from smbserver.objects.local_users import LocalUsers
from smbserver.objects.local_writes import LocalWrites
from smbserver.objects.server_state import Policy, ServerState
from smbserver.objects.share import Share
from smbserver.transport.tcp import LARGE, ROOM, Tail
from smbserver.waiter import Waiter

T = TypeVar("T")

USER: Final = "alice"
PASSWORD: Final = "secret"
OTHER_USER: Final = "bob"
START: Final = 134_000_000_000_000_000  # FILETIME of a day in 2025
FILETIME_SECOND: Final = 10_000_000
LENGTH_FIELD: Final = 4  # in front of every frame of the direct TCP transport


class ManualRuntime:
    """See `smbserver.objects.runtime.Runtime`: time stands still until `advance`, randomness repeats in every run."""

    def __init__(self) -> None:
        self.time = START
        self.turns = 0
        """How often work made a pause for others."""
        self.hold_offloaded = False
        """False runs what is meant for a thread at once; True keeps it for `run_offloaded`."""
        self._drawn = 0
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._timer_number = 0
        self._offloaded: deque[Callable[[], None]] = deque()

    def now(self) -> int:
        """The present as FILETIME."""
        return self.time

    def seconds(self) -> float:
        """The same time, in seconds."""
        return self.time / FILETIME_SECOND

    def random(self, count: int) -> bytes:
        """The next bytes of a fixed sequence."""
        self._drawn += 1
        return hashlib.shake_128(self._drawn.to_bytes(8, "little")).digest(count)

    def offload(
        self, call: Callable[[], T], store: object = None, client: object = None, line: object = None
    ) -> Waiter[T]:
        """Run the call now, or when the test says so."""
        waiter: Waiter[T] = Waiter()

        def run() -> None:
            try:
                value = call()
            except OSError as error:  # what blocking calls raise; anything else is a bug and ends the test
                waiter.fail(error)
            else:
                waiter.resolve(value)

        if self.hold_offloaded:
            self._offloaded.append(run)
        else:
            run()
        return waiter

    def turn(self) -> Waiter[None]:
        """Nobody else is there; with `hold_offloaded` it waits as if somebody were."""
        self.turns += 1
        return self.offload(lambda: None)

    @property
    def offloaded(self) -> int:
        """How many calls wait for `run_offloaded`."""
        return len(self._offloaded)

    def run_offloaded(self) -> None:
        """Finish every call that was kept, oldest first."""
        while self._offloaded:
            self.run_one_offloaded()

    def run_one_offloaded(self) -> None:
        """Finish the oldest call that was kept."""
        self._offloaded.popleft()()

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """Keep a timer for `advance`."""
        self._timer_number += 1
        number = self._timer_number
        self._timers.append((self.time + round(seconds * FILETIME_SECOND), number, call))

        def stop() -> None:  # it does not know `call`, as the loops' own forget it
            self._timers = [timer for timer in self._timers if timer[1] != number]

        return stop

    @property
    def timers(self) -> int:
        """How many timers run that somebody waits for: all but `looks`."""
        return len(self._timers) - self.looks

    @property
    def looks(self) -> int:
        """How many timers run for the look at what is cached."""
        return sum(isinstance(getattr(timer[2], "__self__", None), LocalWrites) for timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Let time pass; timers fire in their order."""
        end = self.time + round(seconds * FILETIME_SECOND)
        while self._timers and min(self._timers)[0] <= end:
            timer = min(self._timers)
            self._timers.remove(timer)
            self.time = max(self.time, timer[0])
            timer[2]()
        self.time = end


class CollectingTransport:
    """What a Driver needs of a transport: keeps the frames that were sent, and why it was ended."""

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.reason: str | None = None
        """Why the server ended the connection; None while it lives."""
        self.stuck = False
        self.more = False
        self.sends_tails = False
        self.owes = False
        self.tails: list[Tail] = []
        """Tails of frames that `send_tails` has not sent yet."""

    def send(self, buffers: Iterable[Buffer], tail: Tail | None = None) -> None:
        """Keep one frame. Its parts are copied now, as a socket would have taken them; a tail waits."""
        if tail is not None:
            self.tails.append(tail)
            self._before_tail = b"".join(buffers)
        elif self.reason is None:
            self.frames.append(b"".join(buffers))

    def send_tails(self) -> None:
        """Send the one frame whose tail waits, as the kernel would: from its descriptor."""
        [tail] = self.tails
        self.tails.clear()
        self.frames.append(self._before_tail + os.pread(tail.descriptor, tail.length, tail.offset))
        tail.done()

    def abort(self, reason: str) -> None:
        """End the connection; frames not yet fetched are dropped, as a reset drops them."""
        if self.reason is None:
            self.reason = reason
            self.frames.clear()

    def end_if_reset(self) -> None:
        """No peer of this one is ever lost unseen."""

    def unacknowledged(self) -> bool:
        """Whether the test says that the cable is cut."""
        return self.stuck

    def more_waits(self) -> bool:
        """Whether the test says that the client has sent more."""
        return self.more

    def close(self) -> None:
        """End the connection behind what was sent."""
        if self.reason is None:
            self.reason = "closed by the server"

    def pause(self) -> None:
        """Nothing is read on its own here."""


class LocalFrames(FrameSocket):
    """The client's end: a frame sent is handled by the server before `send` returns."""

    def __init__(self, world: World) -> None:
        # FrameSocket's own constructor connects a socket; every method that would use it is replaced here.
        self.timeout = 1.0  # any: what has not come cannot come while the client waits
        self.transport = CollectingTransport()
        world.connections += 1
        self.server = Connection(world.state, f"client{world.connections}")
        self.driver = Driver(self.server, self.transport, lambda driver: None)
        self._lost = False

    def set_timeout(self, seconds: float) -> None:
        """Nothing is ever waited for."""
        self.timeout = seconds

    def send(self, *parts: Buffer) -> None:
        """Hand over one or several framed messages. Raises ConnectionEnded on an ended connection."""
        stream = b"".join(parts)
        while stream:
            if self._lost:
                raise ConnectionEnded(self.transport.reason or "closed")
            size = int.from_bytes(stream[:LENGTH_FIELD], "big")
            frame, stream = stream[LENGTH_FIELD : LENGTH_FIELD + size], stream[LENGTH_FIELD + size :]
            assert len(frame) == size, "tests hand over whole frames"
            if size > self.driver.max_frame:
                self.transport.abort(f"frame of {size} bytes")
            elif size > LARGE:  # the server may write into it
                room = memoryview(bytearray(frame) + bytes(ROOM))
                self.driver.frame_received(room[:size], room)
            else:
                self.driver.frame_received(memoryview(frame))
            self.settle()

    def settle(self) -> None:
        """Tell the server of a connection it has ended, as a real transport does soon after."""
        if self.transport.reason is not None and not self._lost:
            self._lost = True
            self.driver.connection_lost(self.transport.reason)

    def buffered(self) -> bool:
        """Whether a reply waits."""
        return bool(self.transport.frames)

    def next_frame(self) -> tuple[memoryview, int, int]:
        """The next reply. Raises NoAnswer when there is none yet, ConnectionEnded when there will be none."""
        self.settle()
        if not self.transport.frames:
            if self._lost:
                raise ConnectionEnded(self.transport.reason or "closed")
            raise NoAnswer("the server has not answered")
        frame = self.transport.frames.popleft()
        return memoryview(bytearray(frame) + bytes(SPARE)), 0, len(frame)

    def closed_by_peer(self, seconds: float) -> bool:
        """Whether the server has ended the connection."""
        self.settle()
        return self._lost

    def close(self) -> None:
        """The client goes away without a word."""
        self.transport.abort("closed by the client")
        self.settle()


class World:
    """A server over two folders: `data`, and `ro`, which is read-only. Close it at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: Policy | None = None,
        guest: bool = False,
        shares: Sequence[Share] | None = None,
        local_users: LocalUsers | None = None,
    ) -> None:
        """`shares` replaces the two usual ones, whose folders are made either way; `folder` is an empty folder of the
        test. `local_users` says whom clients act as; usually nobody switches.
        """
        self.data = folder / "data"
        self.ro = folder / "ro"
        self.data.mkdir()
        self.ro.mkdir()
        self.runtime = ManualRuntime()
        self.shares = (
            list(shares)
            if shares is not None
            else [
                Share("data", PosixBackend(self.data), "Some files"),
                Share("ro", PosixBackend(self.ro), "Only to read", read_only=True),
            ]
        )
        accounts = Accounts([Account.from_password(name, PASSWORD) for name in (USER, OTHER_USER)], guest)
        self.state = ServerState(
            self.runtime,
            Names("SERVER", "WORKGROUP"),
            accounts,
            self.shares,
            policy if policy is not None else Policy(),
            bytes(range(16)),
            local_users=local_users or LocalUsers(own_user()),
        )
        self.connections = 0
        self._clients: list[ClientConnection] = []

    def connect(self) -> ClientConnection:
        """A connection on which nothing was said yet. Its `frames` are LocalFrames."""
        client = ClientConnection("", 0, frames=LocalFrames(self))
        self._clients.append(client)
        return client

    def negotiated(self, options: Options | None = None) -> Session:
        """A session of a client that has negotiated and not logged on."""
        return Session(self.connect(), options or Options())

    def log_on(self, options: Options | None = None, *, user: str = USER, password: str = PASSWORD) -> Session:
        """A session of a logged-on user; an empty user is the anonymous one. Raises StatusFailure."""
        session = self.negotiated(options)
        session.log_on(Credentials(user, password if user else ""))
        return session

    def tree(self, share: str = "data", options: Options | None = None) -> Tree:
        """A new connection of the usual user, connected to a share."""
        return self.log_on(options).tree(share)

    def close(self) -> None:
        """End every connection and give back the shares; fails when a connection's end left something behind."""
        for client in self._clients:
            client.close()
        self.runtime.run_offloaded()
        self.state.durables.close_all()
        assert not len(self.state.files), "a file is still open though every connection has ended"
        assert not self.state.sessions, "a session outlived its connection"
        for share in self.shares:
            if share.backend is not None:
                share.backend.close()
            if share.snapshots is not None:
                share.snapshots.close()


def frames_of(client: ClientConnection) -> LocalFrames:
    """The wire below a client of a World: its server's Connection, Driver and transport."""
    assert isinstance(client.frames, LocalFrames)
    return client.frames
