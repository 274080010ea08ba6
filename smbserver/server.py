"""The composition root and the embedding API: settings in, a running server out. The only place that wires."""

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from smbserver.auth.accounts import Account, Accounts
from smbserver.auth.ntlm import Names
from smbserver.backend.posix import PosixBackend
from smbserver.config.settings import DEFAULT_PORT, FALLBACK_PORT, Settings, ShareSettings
from smbserver.connection.connection import Connection
from smbserver.driver import Driver
from smbserver.errors import ConfigError
from smbserver.nt.filetime import from_unix_ns
from smbserver.objects.server_state import Policy, ServerState
from smbserver.objects.session import State
from smbserver.objects.share import Share
from smbserver.transport.buffer_pool import BufferPool
from smbserver.transport.tcp import TcpTransport
from smbserver.waiter import Waiter

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CONNECTIONS: Final = 4096
MAX_CONNECTIONS_PER_ADDRESS: Final = 1024  # a whole office behind one router, and still a bound
LOGIN_DEADLINE: Final = 30.0  # seconds until somebody must have logged in on a new connection
BACKLOG: Final = 128
THREADS: Final = 8  # blocking calls at a time: fsync and cold reads, which wait more than they work
DRAIN_DEADLINE: Final = 10.0  # seconds for open requests to finish at the end
DRAIN_STEP: Final = 0.02
KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class AsyncioRuntime:
    """See `objects.runtime.Runtime`: the real clock, the real randomness, real threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._threads = ThreadPoolExecutor(THREADS, "smbserver-io")

    def now(self) -> int:
        """The present as FILETIME."""
        return from_unix_ns(time.time_ns())

    def random(self, count: int) -> bytes:
        """From the operating system."""
        return secrets.token_bytes(count)

    def offload(self, call: Callable[[], T]) -> Waiter[T]:
        """Run in a thread, resolve on the loop."""
        waiter: Waiter[T] = Waiter()
        future = self._loop.run_in_executor(self._threads, call)

        def done(finished: "asyncio.Future[T]") -> None:
            error = finished.exception()
            if error is not None:
                waiter.fail(error)
            else:
                waiter.resolve(finished.result())

        future.add_done_callback(done)
        return waiter

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """A timer of the loop."""
        return self._loop.call_later(seconds, call).cancel

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown(wait=True)


class Server:
    """`async with Server(settings) as server:` serves until the block ends; `addresses` tells where."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.addresses: list[tuple[str, int]] = []
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._drivers: set[Driver] = set()
        self._per_address: Counter[str] = Counter()
        self._buffers = BufferPool()
        self._shares: list[Share] = []
        self._runtime: AsyncioRuntime | None = None
        self._state: ServerState | None = None

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the shares and listen. Raises ConfigError with what a person can do about it."""
        loop = asyncio.get_running_loop()
        settings = self.settings
        try:
            self._shares = [_open_share(share) for share in settings.shares]
            self._runtime = AsyncioRuntime(loop)
            accounts = Accounts([Account.from_password(*user) for user in settings.users], settings.guest)
            policy = Policy(settings.min_dialect, settings.max_dialect, settings.signing_required, settings.encryption)
            name = (settings.server_name or socket.gethostname().partition(".")[0]).upper()[:15] or "SMBSERVER"
            self._state = ServerState(
                self._runtime, Names(name, "WORKGROUP"), accounts, self._shares, policy, secrets.token_bytes(16)
            )
            self._listeners = self._listen()
        except BaseException:
            self._release()
            raise
        self.addresses = [listener.getsockname()[:2] for listener in self._listeners]
        self._accepting = [loop.create_task(self._accept(listener)) for listener in self._listeners]

    def _listen(self) -> list[socket.socket]:
        wanted = self.settings.port
        if wanted is not None:
            return _bind_all(self.settings.bind, wanted)
        try:
            return _bind_all(self.settings.bind, DEFAULT_PORT)
        except ConfigError as problem:
            log.info("%s; using port %d", problem, FALLBACK_PORT)
            return _bind_all(self.settings.bind, FALLBACK_PORT)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, most likely: those who are here go on, new ones wait.
                log.warning("accept: %s", error.strerror)
                await asyncio.sleep(1)
                continue
            self._begin(loop, sock, address)

    def _begin(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[str, int]) -> None:
        assert self._state is not None
        host = address[0]
        if len(self._drivers) >= MAX_CONNECTIONS or self._per_address[host] >= MAX_CONNECTIONS_PER_ADDRESS:
            log.warning("%s: refused: too many connections", host)
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        transport = TcpTransport(loop, sock, self._buffers)
        connection = Connection(self._state, f"{host}:{address[1]}")
        self._per_address[host] += 1
        deadline: asyncio.TimerHandle | None = None

        def ended(driver: Driver) -> None:
            self._drivers.discard(driver)
            self._per_address[host] -= 1
            if not self._per_address[host]:
                del self._per_address[host]
            if deadline is not None:
                deadline.cancel()

        def check_login() -> None:
            if not any(session.state is State.VALID for session in connection.sessions.values()):
                transport.abort("nobody has logged in")

        driver = Driver(connection, transport, ended)
        self._drivers.add(driver)
        deadline = loop.call_later(LOGIN_DEADLINE, check_login)
        transport.start(driver)

    async def stop(self, deadline: float = DRAIN_DEADLINE) -> None:
        """Take no new work, let open requests finish within `deadline` seconds, flush what was written, end."""
        for task in self._accepting:
            task.cancel()
        for listener in self._listeners:
            listener.close()
        for driver in list(self._drivers):
            driver.transport.pause()
        end = time.monotonic() + deadline
        while any(driver.busy for driver in self._drivers) and time.monotonic() < end:
            await asyncio.sleep(DRAIN_STEP)
        await self._flush_files(max(0.0, end - time.monotonic()))
        for driver in list(self._drivers):
            driver.transport.close()
        while self._drivers and time.monotonic() < end:
            await asyncio.sleep(DRAIN_STEP)
        for driver in list(self._drivers):
            driver.transport.abort("the server ends")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._release()

    async def _flush_files(self, seconds: float) -> None:
        assert self._state is not None
        loop = asyncio.get_running_loop()
        syncs = [
            loop.run_in_executor(None, opened.handle.sync)
            for session in self._state.sessions.values()
            for opened in session.opens.values()
            if not opened.handle.is_directory
        ]
        if syncs:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*syncs, return_exceptions=True), seconds or None)

    def _release(self) -> None:
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None
        for share in self._shares:
            if share.backend is not None:
                share.backend.close()
        self._shares = []


def _open_share(share: ShareSettings) -> Share:
    try:
        backend = PosixBackend(share.path)
    except FileNotFoundError:
        raise ConfigError(f"no such directory: {share.path}") from None
    except NotADirectoryError:
        raise ConfigError(f"not a directory: {share.path}") from None
    except PermissionError:
        raise ConfigError(f"this user (uid {os.geteuid()}) may not read {share.path}") from None
    return Share(share.name, backend, share.comment, share.read_only, share.encrypt)


def _bind_all(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """A listening socket for every host, all on one port. Raises ConfigError."""
    listeners: list[socket.socket] = []
    try:
        for host in hosts:
            try:
                listeners.append(_bind(host, listeners[0].getsockname()[1] if listeners else port))
            except OSError as error:
                if host == "::" and listeners and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    continue  # a machine without IPv6
                raise
    except OSError as error:
        for listener in listeners:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"port {port} is taken by another program: choose one with --port") from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ConfigError(f"port {port} may only be used by root") from None
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    return listeners


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
