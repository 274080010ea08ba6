"""A real server on a real socket, under fire: it neither dies nor hangs nor leaks, and others go on undisturbed.

The server runs on a loop in a thread of its own; the clients here block. Every connection that sends nonsense then
closes its sending side, so the server's end must follow: a connection that stays is a hang.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from conformance.client import commands, raw
from conformance.client.connection import Connection as Client
from conformance.client.message import decode_reply
from conformance.client.ntlm import Credentials, NtlmClient
from conformance.client.protocol import ConnectionEnded, ProtocolFailure, StatusFailure
from conformance.client.session import Options, Session, Tree, connect
from smbserver.config.settings import Limits, Settings, ShareSettings
from smbserver.nt import status
from smbserver.server import Server
from tests.every_command import requests
from tests.hostile.mutations import framed, mutated

USER: Final = "alice"
PASSWORD: Final = "a password"
MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None
PATIENCE: Final = 10.0  # seconds; what takes longer hangs
SERVED_TO_ANYBODY: Final = (0, 13)  # NEGOTIATE, ECHO
ALL_ACCESS: Final = 0x12019F | 0x10000


class Running:
    """A server on 127.0.0.1 with the shares `data` and `ro`, and what can be seen of it from outside."""

    def __init__(self, folder: Path, limits: Limits, signing_required: bool) -> None:
        self.data, self.ro = folder / "data", folder / "ro"
        self.data.mkdir()
        self.ro.mkdir()
        (self.ro / "kept").write_bytes(b"kept")
        shares = (ShareSettings("data", str(self.data)), ShareSettings("ro", str(self.ro), read_only=True))
        self.server = Server(
            Settings(
                shares=shares,
                users=((USER, PASSWORD),),
                bind=("127.0.0.1",),
                port=0,
                signing_required=signing_required,
                limits=limits,
            )
        )
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="server under test")

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            async with self.server:
                self._started.set()
                await self._stop.wait()
        finally:
            self._started.set()

    def start(self) -> None:
        """Serve; returns once the port is open."""
        self._thread.start()
        assert self._started.wait(PATIENCE)
        assert self.server.addresses, "the server did not start"

    def stop(self) -> None:
        """End, which must not take long."""
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE + 15)
        assert not self._thread.is_alive(), "the server hangs at its end"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.addresses[0][1]

    def client(self) -> Client:
        """A fresh connection."""
        return Client("127.0.0.1", self.port, timeout=PATIENCE)

    def log_on(self, options: Options | None = None) -> Session:
        """A logged-on user."""
        return connect("127.0.0.1", self.port, USER, PASSWORD, options=options)

    def socket(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def ask(self, question: Callable[[Server], int]) -> int:
        """An answer from the server's own thread."""
        assert self._loop is not None

        async def answer() -> int:
            return question(self.server)

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(PATIENCE)

    def connections(self) -> int:
        """How many are open."""
        return self.ask(lambda server: len(server._drivers))

    def sessions(self) -> int:
        """How many sessions there are."""
        return self.ask(lambda server: len(server._state.sessions) if server._state is not None else -1)

    def open_files(self) -> int:
        """How many files are open."""
        return self.ask(lambda server: len(server._state.files) if server._state is not None else -1)


@contextmanager
def running(limits: Limits | None = None, *, signing_required: bool = True) -> Iterator[Running]:
    """A server for the block."""
    with tempfile.TemporaryDirectory(prefix="smb-", dir=MEMORY) as folder:
        server = Running(Path(folder), limits or Limits(), signing_required)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(autouse=True)
def no_internal_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither an exception in a handler nor one that reached the event loop."""
    caplog.set_level(logging.WARNING)
    yield
    found = [
        record.getMessage() for record in caplog.get_records("call") if record.exc_info or record.name == "asyncio"
    ]
    assert not found, found


def until(reached: Callable[[], bool]) -> bool:
    """Whether something became true before it was late."""
    end = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def drain(sock: socket.socket) -> bytes:
    """Close our side and read until the server has closed its own; fails when it does not."""
    sock.settimeout(PATIENCE)
    found = bytearray()
    try:
        sock.shutdown(socket.SHUT_WR)
        while data := sock.recv(65536):
            found += data
    except TimeoutError:
        pytest.fail("the server holds on to a connection whose client has gone")
    except OSError:
        pass  # reset: that is an end as well
    return bytes(found)


def messages(stream: bytes) -> Iterator[tuple[int, int]]:
    """(command, status) of every reply in a stream of frames."""
    while len(stream) >= 4:
        size = int.from_bytes(stream[:4], "big")
        frame, stream = stream[4 : 4 + size], stream[4 + size :]
        while len(frame) >= 64 and frame[:4] == b"\xfeSMB":
            reply = decode_reply(frame)
            yield reply.command, reply.status
            following = int.from_bytes(frame[20:24], "little")
            if not following:
                break
            frame = frame[following:]


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


class Witness:
    """A client that was there before and must not notice anything."""

    def __init__(self, server: Running) -> None:
        self._session = server.log_on()
        self._file = self._session.tree("data").create("witness")
        self._count = 0

    def check(self) -> None:
        """Write, and read what was written."""
        self._count += 1
        text = f"number {self._count}".encode()
        self._file.write(0, text)
        assert self._file.read(0, 100) == text

    def close(self) -> None:
        """Leave."""
        self._session.close()


def strangers(server: Running, rng: random.Random, connections: int) -> None:
    """Bent messages of people who never log in, some of them after a real NEGOTIATE and a real first leg."""
    for _ in range(connections):
        sock = server.socket()
        templates = [bytes(request.encode(0, 1, 8, 0)) for request in requests().values()]
        number = 0
        try:
            if rng.random() < 0.7:
                sock.sendall(raw.frame(templates[0]))
                number = 1
                if rng.random() < 0.5:
                    first = NtlmClient(Credentials(USER, PASSWORD), target="cifs/server").negotiate()
                    sock.sendall(raw.frame(commands.session_setup(first).encode(1, 1, 8, 0)))
                    number = 2
            for _step in range(rng.randint(1, 5)):
                message = bytearray(rng.choice(templates))
                message[24:32] = number.to_bytes(8, "little")
                number += 1
                sock.sendall(framed(rng, mutated(rng, bytes(message), templates)))
        except OSError:
            pass  # ended by the server, as it may
        found = list(messages(drain(sock)))
        sock.close()
        bad = [each for each in found if each[1] == status.SUCCESS and each[0] not in SERVED_TO_ANYBODY]
        assert not bad, bad


def insiders(server: Running, rng: random.Random, connections: int) -> None:
    """Bent messages of somebody who has logged in and has a file open."""
    for _ in range(connections):
        try:
            session = server.log_on(Options(encryption=rng.random() < 0.2))
        except (ProtocolFailure, StatusFailure) as problem:
            pytest.fail(f"nobody gets in any more: {problem}")
        tree = session.tree("data")
        fire(session, tree, rng)
        drain(session.connection.frames.socket)
        session.close()


def fire(session: Session, tree: Tree, rng: random.Random) -> None:
    """Some bent messages of one session."""
    file = tree.open(f"file{rng.randrange(5)}", access=0x10019F | 0x2000000, disposition=3)
    names = [name for name in requests() if name not in ("NEGOTIATE", "LOGOFF")]
    connection, protection = session.connection, session.protection
    for _step in range(6):
        built = [
            raw.build(connection, tree.request(requests(rng.choice([file.file_id, b"\xff" * 16]))[rng.choice(names)]))
            for _ in range(3)
        ]
        bent = mutated(rng, built[0], built)
        try:
            if protection.encrypt and rng.random() < 0.8:
                connection.send_message(bent, protection, session.session_id)
            else:
                connection.frames.send(framed(rng, bent))
        except ConnectionEnded:
            return


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("signing_required", [False, True])
def test_under_fire(seed: int, signing_required: bool) -> None:
    rng = random.Random(seed)
    with running(signing_required=signing_required) as server:
        witness = Witness(server)
        witness.check()
        before = descriptors()
        for _ in range(15):
            strangers(server, rng, 15)
            insiders(server, rng, 5)
            witness.check()
        assert until(lambda: server.connections() == 1), "connections whose clients are gone"
        assert server.sessions() == 1
        assert server.open_files() == 1
        assert until(lambda: descriptors() <= before), "descriptors leak"
        assert (server.ro / "kept").read_bytes() == b"kept"
        assert [path.name for path in server.ro.iterdir()] == ["kept"]
        server.log_on().close()
        witness.check()
        witness.close()


# --- those who only wait ---

SHORT: Final = Limits(login_seconds=1.5)  # enough for an honest login on a busy machine


def beginnings() -> dict[str, list[bytes]]:
    """What a connection may send and then stop."""
    negotiate = raw.frame(bytes(requests()["NEGOTIATE"].encode(0, 1, 8, 0)))
    first = NtlmClient(Credentials(USER, PASSWORD), target="cifs/server").negotiate()
    setup = raw.frame(bytes(commands.session_setup(first).encode(1, 1, 8, 0)))
    return {
        "nothing": [],
        "half a length": [b"\0\0"],
        "half a frame": [negotiate[:50]],
        "half a large frame": [(100_000).to_bytes(4, "big") + bytes(50_000)],
        "negotiate": [negotiate],
        "first leg": [negotiate, setup],
        "half a second leg": [negotiate, setup, setup[:30]],
    }


def test_who_does_not_log_in_is_sent_away() -> None:
    """Whatever they have begun. Somebody who has logged in may stay as long as they like."""
    with running(SHORT) as server:
        guest = server.log_on()
        sockets = {}
        for name, parts in beginnings().items():
            sockets[name] = server.socket()
            for part in parts:
                sockets[name].sendall(part)
        session = Session(server.client(), Options())
        with pytest.raises(StatusFailure):
            session.log_on(Credentials(USER, "wrong"))
        for sock in sockets.values():
            sock.settimeout(PATIENCE)
            while sock.recv(65536):
                pass  # ends, or times out and fails
            sock.close()
        assert session.connection.frames.closed_by_peer(PATIENCE)
        session.close()
        assert until(lambda: server.connections() == 1)
        guest.call(commands.echo()).check()
        guest.close()


def test_many_connections_of_one_address_are_bounded() -> None:
    with running(Limits(connections_per_address=5)) as server:
        sessions = [server.log_on() for _ in range(5)]
        for _ in range(20):
            with server.socket() as sock:
                assert sock.recv(1) == b"", "one more than allowed was let in"
        for session in sessions:
            session.call(commands.echo()).check()
        sessions.pop().close()
        assert until(lambda: server.connections() == 4)
        sessions.append(server.log_on())
        for session in sessions:
            session.close()
        assert until(lambda: server.connections() == 0)
        assert not server.ask(lambda running: len(running._per_address)), "the count of connections leaks"


def test_connections_that_are_cut_leave_nothing() -> None:
    with running() as server:
        before = descriptors()
        for _ in range(20):
            session = server.log_on()
            file = session.tree("data").open("file", access=ALL_ACCESS, disposition=3)
            session.connection.submit(session.request(commands.flush(file.file_id)))
            linger = (1).to_bytes(4, "little") + bytes(4)  # on, 0 seconds: the end is a reset
            session.connection.frames.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            session.close()
        assert until(lambda: server.connections() == 0)
        assert server.sessions() == 0
        assert server.open_files() == 0
        # the threads of the server and their wake-up sockets stay; files and connections do not
        assert until(lambda: descriptors() <= before + 4), "descriptors leak"


def test_a_client_that_reads_nothing_does_not_stop_the_others() -> None:
    with running() as server:
        (server.data / "large").write_bytes(bytes(4 * 1024 * 1024))
        witness = Witness(server)
        greedy = server.log_on(Options(timeout=2))
        file = greedy.tree("data").open("large")
        for _ in range(60):
            request = commands.read(file.file_id, 0, 1024 * 1024)
            try:
                file.tree.submit(request)
            except ProtocolFailure:
                break  # out of credits or out of buffers: as it should be
            witness.check()
        greedy.close()
        witness.check()
        witness.close()
        assert until(lambda: server.connections() == 0)
