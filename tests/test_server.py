"""The embedding API with real sockets: serving, limits, and an end that drains, in time, and gives everything back."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from conformance.client import Options, commands, connect, contexts
from conformance.client.message import Request
from conformance.client.protocol import CHANGE_NOTIFY, DIRECTORY_FILE, OPLOCK_LEASE, ConnectionEnded
from smbserver import server as server_module
from smbserver.backend.posix.inotify import Inotify
from smbserver.config.settings import Limits, Settings, ShareSettings
from smbserver.errors import ConfigError
from smbserver.nt import status
from smbserver.objects.open import Open
from smbserver.server import Server
from smbserver.sharing.caching import HANDLE, READ
from smbserver.wire.change_notify import decode_response

T = TypeVar("T")
USERS = (("ann", "secret"),)


def settings_for(folder: Path, **more: object) -> Settings:
    shares = (ShareSettings("data", str(folder)),)
    return Settings(shares, users=USERS, bind=("127.0.0.1",), port=0, **more)  # type: ignore[arg-type]  # of tests


async def in_thread(call: Callable[[], T]) -> T:
    """Run the blocking client beside the server's loop."""
    return await asyncio.to_thread(call)


def port_of(server: Server) -> int:
    return server.addresses[0][1]


def opens_of(server: Server) -> list[Open]:
    assert server._state is not None
    return [opened for session in server._state.sessions.values() for opened in session.opens.values()]


def server_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("smbserver-io")]


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No descriptor and no thread of a server outlives the test."""

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(server_threads())

    uvloop.new_event_loop().close()  # with its first loop, libuv keeps a pipe for good
    before = held()
    yield
    assert held() == before


async def only_this_task() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}


def copy_in_and_out(port: int, name: str) -> bytes:
    with connect("127.0.0.1", port, "ann", "secret") as session, session.tree("data").create(name) as file:
        file.write(0, name.encode())
        return file.read(0, 100)


@pytest.mark.usefixtures("nothing_left")
def test_two_servers_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()

    async def both() -> None:
        async with Server(settings_for(tmp_path / "1")) as one, Server(settings_for(tmp_path / "2")) as two:
            assert port_of(one) != port_of(two)
            answers = await asyncio.gather(
                in_thread(lambda: copy_in_and_out(port_of(one), "first")),
                in_thread(lambda: copy_in_and_out(port_of(two), "second")),
            )
            assert list(answers) == [b"first", b"second"]
        await only_this_task()

    asyncio.run(both())
    assert [path.name for path in sorted(tmp_path.rglob("*")) if path.is_file()] == ["first", "second"]


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: settings_for(folder / "none"), "share data: no such directory: "),
        (lambda folder: settings_for(folder / "file"), "share data: not a directory: "),
        (lambda folder: settings_for(folder / ("x" * 300)), "File name too long"),
        (
            lambda folder: Settings((ShareSettings("d", str(folder)),), bind=("198.51.100.9",), port=0),
            "--bind 198.51.100",
        ),
        (lambda folder: Settings((ShareSettings("d", str(folder), snapshots="x"),)), "share d: one component"),
        (lambda folder: Settings((ShareSettings("d", str(folder)),), users=(("a", "x"), ("A", "y"))), "given twice"),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], Settings], message: str
) -> None:
    (tmp_path / "file").touch()

    async def start() -> None:
        with pytest.raises(ConfigError, match=message):
            await Server(make(tmp_path)).start()
        await only_this_task()

    asyncio.run(start())


@pytest.mark.usefixtures("nothing_left")
def test_who_does_not_log_in_is_sent_away(tmp_path: Path) -> None:
    async def wait_for_the_end() -> None:
        async with Server(settings_for(tmp_path, limits=Limits(login_seconds=0.05))) as server:
            with socket.create_connection(("127.0.0.1", port_of(server)), 10) as silent:
                assert await in_thread(lambda: silent.recv(1)) == b""
            assert not server._drivers
            assert not server._per_address

    asyncio.run(wait_for_the_end())


@pytest.mark.usefixtures("nothing_left")
def test_a_reset_in_the_middle_of_a_frame_leaves_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop tells of a reset once, and then there was still something to receive."""
    monkeypatch.setattr(server_module, "RESET_CHECK", 0.01)

    async def wait_for_the_end() -> None:
        async with Server(settings_for(tmp_path)) as server:
            for _ in range(2):  # the looks end with the last connection, and begin again
                client = socket.create_connection(("127.0.0.1", port_of(server)), 10)
                while not server._drivers:  # all within 20 seconds
                    await asyncio.sleep(0.001)
                client.sendall(struct.pack(">I", 100) + b"the beginning")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()  # before the loop has a turn
                while server._drivers or server._reset_check is not None:
                    await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(wait_for_the_end(), 20))


@pytest.mark.usefixtures("nothing_left")
def test_who_has_logged_in_may_stay(tmp_path: Path) -> None:
    async def stay() -> None:
        async with Server(settings_for(tmp_path, limits=Limits(login_seconds=0.3))) as server:

            def client() -> bytes:
                with connect("127.0.0.1", port_of(server), "ann", "secret") as session:
                    tree = session.tree("data")
                    # The server closes the silent one after its deadline, and this client's was before.
                    with socket.create_connection(("127.0.0.1", port_of(server)), 10) as silent:
                        silent.recv(1)
                    with tree.create("file") as file:
                        file.write(0, b"still here")
                        return file.read(0, 100)

            assert await in_thread(client) == b"still here"

    asyncio.run(stay())


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(connections_per_address=2)])
def test_too_many_connections(tmp_path: Path, limits: Limits) -> None:
    async def crowd() -> None:
        async with Server(settings_for(tmp_path, limits=limits)) as server:

            def client() -> tuple[bytes, bytes]:
                with connect("127.0.0.1", port_of(server), "ann", "secret") as first:
                    second = connect("127.0.0.1", port_of(server), "ann", "secret")
                    with second, socket.create_connection(("127.0.0.1", port_of(server)), 10) as third:
                        refused = third.recv(1)
                    tree = first.tree("data")
                    tree.disconnect()  # a round trip, in which the server sees the second one's end
                    return refused, copy_in_and_out(port_of(server), "file")

            assert await in_thread(client) == (b"", b"file")

    asyncio.run(crowd())


class HeldSync:
    """Takes the place of one open's fsync: waits until the test lets go."""

    def __init__(self, opened: Open) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.calls = 0
        self._sync = opened.handle.sync
        opened.handle = Synced(opened.handle, self)  # type: ignore[assignment]  # it passes everything else on

    def __call__(self) -> None:
        self.calls += 1
        self.begun.set()
        assert self.go.wait(30)
        self._sync()


class Synced:
    """A handle whose `sync` is another function."""

    def __init__(self, handle: object, sync: Callable[[], None]) -> None:
        self._handle = handle
        self.sync = sync

    def __getattr__(self, name: str) -> object:
        return getattr(self._handle, name)


@pytest.mark.usefixtures("nothing_left")
def test_the_end_waits_for_a_flush_under_way_and_the_client_gets_its_answer(tmp_path: Path) -> None:
    async def drain() -> None:
        server = Server(settings_for(tmp_path))
        await server.start()
        session = await in_thread(lambda: connect("127.0.0.1", port_of(server), "ann", "secret"))
        with session:
            tree = await in_thread(lambda: session.tree("data"))
            file = await in_thread(lambda: tree.create("file"))
            held = HeldSync(opens_of(server)[0])
            message = await in_thread(lambda: tree.submit(commands.flush(file.file_id)))
            await in_thread(lambda: held.begun.wait(30))
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)  # it has begun
            refused = await in_thread(lambda: closed_port(port_of(server)))
            assert refused
            assert not stopping.done()
            held.go.set()
            reply = await in_thread(lambda: session.connection.wait(message))
            reply.check()
            with pytest.raises((ConnectionEnded, OSError)):
                await in_thread(lambda: tree.create("later"))
        assert await stopping
        assert held.calls == 2  # the client's, and the one of the end
        assert await server.stop()  # does nothing
        await only_this_task()

    asyncio.run(drain())
    assert not (tmp_path / "later").exists()


def closed_port(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_disk_that_does_not_answer_does_not_hold_the_end(tmp_path: Path) -> None:
    async def drain() -> None:
        server = Server(settings_for(tmp_path, limits=Limits(drain_seconds=0.2)))
        await server.start()
        session = await in_thread(lambda: connect("127.0.0.1", port_of(server), "ann", "secret"))
        with session:
            tree = await in_thread(lambda: session.tree("data"))
            await in_thread(lambda: tree.create("file"))
            held = HeldSync(opens_of(server)[0])
            begun = time.monotonic()
            assert not await server.stop()
            assert time.monotonic() - begun < 5
            held.go.set()
            for thread in server_threads():
                await in_thread(partial(thread.join, 30))
        await only_this_task()

    asyncio.run(drain())


@pytest.mark.usefixtures("nothing_left")
def test_only_files_open_for_writing_are_flushed_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "read").write_bytes(b"x")

    async def drain() -> list[int]:
        async with Server(settings_for(tmp_path)) as server:
            session = await in_thread(lambda: connect("127.0.0.1", port_of(server), "ann", "secret"))
            with session:
                tree = await in_thread(lambda: session.tree("data"))
                await in_thread(lambda: tree.open("read"))
                await in_thread(lambda: tree.create("written"))
                helds = [HeldSync(opened) for opened in opens_of(server)]
                for held in helds:
                    held.go.set()
                assert await server.stop()
        return [held.calls for held in helds]

    assert asyncio.run(drain()) == [0, 1]


@pytest.mark.usefixtures("nothing_left")
def test_a_reply_that_the_client_is_slow_to_take_is_not_lost(tmp_path: Path) -> None:
    """Closing with unread requests in the socket would be a reset; the client could lose replies on their way."""
    content = bytes(8 << 20)
    (tmp_path / "big").write_bytes(content)

    async def drain() -> None:
        server = Server(settings_for(tmp_path))
        await server.start()
        session = await in_thread(lambda: connect("127.0.0.1", port_of(server), "ann", "secret"))
        with session:
            tree = await in_thread(lambda: session.tree("data"))
            file = await in_thread(lambda: tree.open("big"))
            message = await in_thread(lambda: tree.submit(commands.read(file.file_id, 0, 8 << 20)))
            driver = next(iter(server._drivers))
            until = time.monotonic() + 20
            while not driver.transport.owes and time.monotonic() < until:  # more than the socket's buffers take
                await asyncio.sleep(0.001)
            assert driver.transport.owes
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)  # it has begun
            reply = await in_thread(lambda: session.connection.wait(message))
            assert commands.decode_read(reply.check()) == content
            await in_thread(lambda: session.connection.send_message(bytes(64)))
        assert await stopping

    asyncio.run(drain())


@pytest.mark.usefixtures("nothing_left")
def test_guests_only_when_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")

    async def serve(guest: bool) -> list[str]:
        async with Server(settings_for(tmp_path, guest=guest)) as server:

            def client() -> list[str]:
                with connect("127.0.0.1", port_of(server), "stranger", "x", options=Options()) as session:
                    return [entry.name for entry in session.tree("data").list_directory()]

            return await in_thread(client)

    assert "file" in asyncio.run(serve(True))
    with pytest.raises(Exception, match=r"LOGON_FAILURE|0xC000006D|0xc000006d"):
        asyncio.run(serve(False))


@pytest.mark.usefixtures("nothing_left")
def test_a_share_in_memory() -> None:
    async def serve() -> None:
        shares = (ShareSettings("data", "memory:"),)
        async with Server(Settings(shares, users=USERS, bind=("127.0.0.1",), port=0)) as server:
            assert await in_thread(lambda: copy_in_and_out(port_of(server), "file")) == b"file"

    asyncio.run(serve())


def test_the_test_hook_is_announced_and_only_when_it_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def serve(torture: bool) -> None:
        async with Server(settings_for(tmp_path, torture=torture)):
            pass

    asyncio.run(serve(False))
    assert "--torture" not in caplog.text
    asyncio.run(serve(True))
    assert "--torture" in caplog.text


def looked_at(port: int, folder: Path) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """What a client hears of a local program's file, then of another client's."""
    request = struct.pack("<HHI16sII", 32, 0, 4096, b"\xff" * 16, 0xFFF, 0)
    heard = []
    with connect("127.0.0.1", port, "ann", "secret") as session, connect("127.0.0.1", port, "ann", "secret") as other:
        tree, connection = session.tree("data"), session.connection
        with tree.open("", options=DIRECTORY_FILE) as directory:
            body = request.replace(b"\xff" * 16, directory.file_id)
            changes = ((folder / "local").mkdir, lambda: other.tree("data").create("remote").close())
            for change in changes:
                waiting = tree.submit(Request(CHANGE_NOTIFY, body))
                connection.wait_interim(waiting, 10)
                change()
                reply = connection.wait(waiting, 10).check()
                heard.append([(entry.action, entry.name) for entry in decode_response(memoryview(reply.raw))])
    return heard[0], heard[1]


@pytest.mark.usefixtures("nothing_left")
def test_a_client_hears_of_local_programs_and_of_other_clients(tmp_path: Path) -> None:
    try:
        Inotify().close()
    except OSError as error:
        pytest.skip(f"no inotify here: {error.strerror}")

    async def run() -> None:
        async with Server(settings_for(tmp_path)) as server:
            local, remote = await in_thread(partial(looked_at, port_of(server), tmp_path))
            assert local == [(1, "local")]
            assert remote == [(1, "remote")]

    asyncio.run(run())


def broken_by_a_local_program(port: int, folder: Path) -> tuple[int, int]:
    """The state of a directory's lease, and what a local program leaves of it."""
    with connect("127.0.0.1", port, "ann", "secret") as session:
        lease = contexts.lease_v2(b"k" * 16, READ | HANDLE)
        tree = session.tree("data")
        directory = tree.open("", options=DIRECTORY_FILE, oplock=OPLOCK_LEASE, contexts=[lease])
        (folder / "local").touch()
        told = commands.decode_break(session.connection.wait_unsolicited(10))
        assert isinstance(told, commands.LeaseBreak)
        directory.close()
        return told.current_state, told.new_state


@pytest.mark.usefixtures("nothing_left")
def test_a_local_program_ends_the_lease_of_a_directory(tmp_path: Path) -> None:
    try:
        Inotify().close()
    except OSError as error:
        pytest.skip(f"no inotify here: {error.strerror}")

    async def run() -> None:
        async with Server(settings_for(tmp_path)) as server:
            broken = await in_thread(partial(broken_by_a_local_program, port_of(server), tmp_path))
            assert broken == (READ | HANDLE, 0)

    asyncio.run(run())


@pytest.mark.usefixtures("nothing_left")
def test_the_server_ends_while_somebody_waits_for_changes(tmp_path: Path) -> None:
    async def run() -> None:
        async with Server(settings_for(tmp_path)) as server:
            session = await in_thread(lambda: connect("127.0.0.1", port_of(server), "ann", "secret"))
            tree = await in_thread(lambda: session.tree("data"))
            directory = await in_thread(lambda: tree.open("", options=DIRECTORY_FILE))
            body = struct.pack("<HHI16sII", 32, 1, 4096, directory.file_id, 0xFFF, 0)
            waiting = await in_thread(lambda: tree.submit(Request(CHANGE_NOTIFY, body)))
            await in_thread(lambda: session.connection.wait_interim(waiting, 10))
        reply = await in_thread(lambda: session.connection.wait(waiting, 10))
        assert reply.status == status.CANCELLED
        session.connection.close()

    asyncio.run(run())
