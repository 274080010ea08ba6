"""The composition root and the embedding API: settings in, a running server out. The only place that wires.

    settings = Settings(shares=(ShareSettings("data", "/srv/data"),), users=(("ann", "secret"),), port=0)
    async with Server(settings) as server:
        print(server.addresses)
        await something_that_ends()

Several servers may live in one process and one event loop. Leaving the block drains: see `Server.stop`.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final, TypeVar

from smbserver.auth.accounts import Account, Accounts
from smbserver.auth.ntlm import Names
from smbserver.backend.acting import LocalUser
from smbserver.backend.base import Backend
from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import (
    Creation,
    FsUsers,
    LocalChanges,
    PosixBackend,
    PosixSnapshots,
    SnapshotPattern,
    measure,
    own_user,
)
from smbserver.backend.quota_file import quota_store
from smbserver.backend.size_limit import SizeLimited, SizeLimitedDisk
from smbserver.config.password_rewrite import rewrite_password
from smbserver.config.settings import MAX_SERVER_NAME, Settings, ShareSettings
from smbserver.connection.connection import Connection
from smbserver.driver import Driver
from smbserver.errors import ConfigError
from smbserver.host_names import ask_host
from smbserver.host_users import mapped_users, needs_switching, share_owner
from smbserver.interfaces import listening_interfaces
from smbserver.io_threads import IoThreads
from smbserver.listening import BACKLOG, listen
from smbserver.machine_id import sid_seed
from smbserver.nt import access
from smbserver.nt.filetime import from_unix_ns
from smbserver.nt.hidden_names import HiddenNames
from smbserver.objects.local_users import LocalUsers
from smbserver.objects.open import Open
from smbserver.objects.server_state import Policy, ServerState
from smbserver.objects.session import State
from smbserver.objects.share import Share
from smbserver.transport.buffer_pool import BufferPool
from smbserver.transport.pacing import unpaced
from smbserver.transport.tcp import TcpTransport
from smbserver.waiter import Waiter

log = logging.getLogger(__name__)

T = TypeVar("T")

DRAIN_STEP: Final = 0.02  # seconds between two looks at what is still under way
ACCEPT_PAUSE: Final = 1.0  # seconds without new connections when the process has no descriptor left
RESET_CHECK: Final = 5.0  # seconds between two looks for connections whose end was not told (`end_if_reset`)
# A client that has vanished is found after two minutes, whether its line is idle or something was sent to it.
KEEPALIVE: Final = (
    (socket.TCP_KEEPIDLE, 60),
    (socket.TCP_KEEPINTVL, 15),
    (socket.TCP_KEEPCNT, 4),
    (socket.TCP_USER_TIMEOUT, 120_000),  # milliseconds
)
_WRITING: Final = access.FILE_WRITE_DATA | access.FILE_APPEND_DATA


class AsyncioRuntime:
    """See `objects.runtime.Runtime`: the real clock, the real randomness, real threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, users: FsUsers | None = None) -> None:
        """With `users` a thread is whoever the loop was when it gave the work away."""
        self._loop = loop
        self._users = users
        self._threads = IoThreads(loop)
        self.seconds = time.monotonic

    def now(self) -> int:
        """The present as FILETIME."""
        return from_unix_ns(time.time_ns())

    def random(self, count: int) -> bytes:
        """From the operating system."""
        return secrets.token_bytes(count)

    def offload(
        self, call: Callable[[], T], store: object = None, client: object = None, line: object = None
    ) -> Waiter[T]:
        """Run in a thread, resolve on the loop."""
        if self._users is not None:
            call = self._users.carried(call)
        return self._threads.submit(call, store, client, line)

    def later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """A timer of the loop."""
        return self._loop.call_later(seconds, call).cancel

    def turn(self) -> Waiter[None]:
        """By a call that the loop makes after its next look at the sockets."""
        waiter: Waiter[None] = Waiter()
        self._loop.call_soon(waiter.resolve, None)
        return waiter

    def close(self, wait: bool) -> None:
        """End the threads; `wait` False leaves one that is stuck behind."""
        self._threads.close(wait)


class Server:
    """`async with Server(settings) as server:` serves until the block ends.

    `addresses` are (host, port) pairs that it listens on. `notes` are sentences a person should see: the port that was
    not to be had, a share that cannot be written. One object serves once.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.addresses: list[tuple[str, int]] = []
        self.notes: list[str] = []
        self._listeners: list[socket.socket] = []
        self._drivers: set[Driver] = set()
        self._reset_check: asyncio.TimerHandle | None = None  # while there are connections
        self._per_address: Counter[str] = Counter()
        self._buffers = BufferPool()
        self._shares: list[Share] = []
        self._runtime: AsyncioRuntime | None = None
        self._state: ServerState | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._local_changes: LocalChanges | None = None
        self._users: FsUsers | None = None

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the shares and listen. Raises ConfigError with what a person can do about it."""
        loop = self._loop = asyncio.get_running_loop()
        settings = self.settings
        try:
            accounts = Accounts([Account.from_password(*user) for user in settings.users], settings.guest)
            local_users = self._local_users()
            self._runtime = AsyncioRuntime(loop, self._users)
            for share in settings.shares:
                self._shares.append(_open_share(share, self._runtime, self._users))
                if not share.in_memory and not share.read_only and not os.access(share.path, os.W_OK):
                    self.notes.append(_may_not("write to", share.path))
            policy = Policy(
                settings.min_dialect,
                settings.max_dialect,
                settings.signing_required,
                settings.encryption,
                settings.delay_failed_logins,
                settings.host_locks,
                settings.deferred_write_time,
                settings.posix_extensions,
                settings.torture,
            )
            if settings.torture:
                log.warning("--torture: clients may make this server misbehave; for tests only")
            host = socket.gethostname().partition(".")[0]
            name = (settings.server_name or host).upper()[:MAX_SERVER_NAME] or "SMBSERVER"
            self._state = ServerState(
                self._runtime,
                Names(name, "WORKGROUP"),
                accounts,
                self._shares,
                policy,
                secrets.token_bytes(16),
                sid_seed(name),
                local_users,
            )
            self._state.host_questions.ask_host = ask_host
            self._state.quota_store = quota_store()
            if settings.password_file:
                self._state.password_changes.keep = partial(self._rewrite_password, settings.password_file)
            watches = self._state.files.watches
            self._local_changes = LocalChanges(
                watches, self._runtime.later, loop.add_reader, loop.remove_reader, self.own_rights()
            )
            watches.local = self._local_changes
            self._listeners, note = listen(settings.bind, settings.port)
            if note is not None:
                self.notes.insert(0, note)
            if self._users is not None:
                _begin(self._users)
        except BaseException:
            self._release(wait=True)
            raise
        self.addresses = [listener.getsockname()[:2] for listener in self._listeners]
        self._state.interfaces = partial(listening_interfaces, list(self.addresses))
        for listener in self._listeners:
            self._watch(listener)

    def _rewrite_password(self, path: str, name: str, old_hash: str, password: str) -> None:
        with self.own_rights():
            rewrite_password(path, name, old_hash, password)

    def own_rights(self) -> AbstractContextManager[object]:
        """The context in which this thread does with files what it could before the server began to act as others."""
        return nullcontext() if self._users is None else self._users.as_server

    def _local_users(self) -> LocalUsers:
        """Whom clients act as. Every mapped user is entered once, so that one who cannot be shows now."""
        own, settings = own_user(), self.settings
        if not needs_switching(settings, own):
            on_disk = not all(share.in_memory for share in settings.shares)
            if own.uid == 0 and on_disk:
                self.notes.append("all clients act as root here: --act-as-users, or owner= of a share, changes that")
            return LocalUsers(own)
        mapped, guest = mapped_users(settings)
        owners = [share_owner(share)[0] for share in settings.shares]
        try:
            users = self._users = FsUsers()
            users.check([user for user in (*(mapped or {}).values(), *owners, guest) if user is not None])
        except OSError as error:
            raise ConfigError(f"acting as other users is not possible here: {error.strerror}") from None
        return LocalUsers(own, users.acting, mapped, guest)

    def _watch(self, listener: socket.socket) -> None:
        if self._loop is not None and listener in self._listeners:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Take all connections that wait, BACKLOG at most, so that those who are here get their turn."""
        assert self._loop is not None
        for _ in range(BACKLOG):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # Out of descriptors, most likely: those who are here go on, new ones wait.
                log.warning("accept: %s", error.strerror)
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(ACCEPT_PAUSE, self._watch, listener)
                return
            self._begin(self._loop, sock, address)

    def _begin(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[str, int]) -> None:
        assert self._state is not None
        host, limits = address[0], self.settings.limits
        if len(self._drivers) >= limits.connections or self._per_address[host] >= limits.connections_per_address:
            log.warning("%s: refused: too many connections", host)
            sock.close()
            return
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            unpaced(sock)
        except OSError:  # gone already
            sock.close()
            return
        transport = TcpTransport(loop, sock, self._buffers)
        connection = Connection(self._state, f"{host}:{address[1]}")
        self._per_address[host] += 1

        def ended(driver: Driver) -> None:
            self._drivers.discard(driver)
            self._per_address[host] -= 1
            if not self._per_address[host]:
                del self._per_address[host]
            deadline.cancel()

        def check_login() -> None:
            if not any(session.state is State.VALID for session in connection.sessions.values()):
                log.warning("%s: nobody has logged in within %g seconds", connection.name, limits.login_seconds)
                transport.abort("nobody has logged in")

        driver = Driver(connection, transport, ended)
        self._drivers.add(driver)
        deadline = loop.call_later(limits.login_seconds, check_login)
        transport.start(driver)
        if self._reset_check is None:
            self._reset_check = loop.call_later(RESET_CHECK, self._end_the_reset)

    def _end_the_reset(self) -> None:
        assert self._loop is not None
        for driver in self._drivers:  # who is aborted leaves it with a later turn of the loop
            driver.transport.end_if_reset()
        self._reset_check = self._loop.call_later(RESET_CHECK, self._end_the_reset) if self._drivers else None

    async def stop(self, seconds: float | None = None) -> bool:
        """Take no new work, let open requests finish, flush what was written, end; all within `seconds`.

        None takes the time from the settings. Returns whether all of that was finished in time: False means that a
        request, a flush or a reply was given up. A second call does nothing.
        """
        if self._state is None:
            return True
        end = time.monotonic() + (self.settings.limits.drain_seconds if seconds is None else seconds)
        self._stop_listening()
        for driver in self._drivers:
            driver.transport.pause()
        for driver in list(self._drivers):
            driver.cancel_waiting()
        in_time = await _until(lambda: not any(driver.busy for driver in self._drivers), end)
        flushing = self._flush_files()
        in_time &= await _until(lambda: all(waiter.done for waiter in flushing), end)
        for driver in list(self._drivers):
            driver.transport.close()
        await _until(lambda: not self._drivers, end)
        in_time &= not any(driver.transport.owes for driver in self._drivers)
        for driver in list(self._drivers):
            driver.transport.abort("the server ends")
        while self._drivers:  # the loop has their last calls in its queue
            await asyncio.sleep(0)
        if self._reset_check is not None:
            self._reset_check.cancel()
        self._release(wait=in_time)
        return in_time

    def _stop_listening(self) -> None:
        assert self._loop is not None
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            self._loop.remove_reader(listener.fileno())
            listener.close()

    def _flush_files(self) -> list[Waiter[None]]:
        """Begin to fsync every file that is open for writing: its writes were answered, so they shall last."""
        assert self._state is not None
        assert self._runtime is not None
        flushing = []
        state = self._state
        attached = [opened for session in state.sessions.values() for opened in session.opens.values()]
        for opened in [*attached, *state.durables.all()]:
            if opened.handle.is_directory or not opened.granted & _WRITING:
                continue
            opened.hold()
            waiter = self._runtime.offload(opened.handle.sync, opened.tree.share)
            waiter.when_done(partial(_flushed, opened))
            flushing.append(waiter)
        return flushing

    def _release(self, wait: bool) -> None:
        """Give back what `start` took. Without `wait` a thread may still use a file: that one stays open."""
        if self._local_changes is not None:
            self._local_changes.close()
            self._local_changes = None
        if self._state is not None:
            self._state.durables.close_all()
            self._state = None
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        if self._runtime is not None:
            self._runtime.close(wait)
            self._runtime = None
        for share in self._shares:
            if share.backend is not None:
                share.backend.close()
            if share.snapshots is not None:
                share.snapshots.close()
        self._shares = []
        if self._users is not None:
            self._users.end()
            self._users = None


async def _until(reached: Callable[[], bool], end: float) -> bool:
    """Whether the condition held before the monotonic clock showed `end`."""
    while not reached():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(DRAIN_STEP)
    return True


def _flushed(opened: Open, waiter: Waiter[None]) -> None:
    opened.release()
    if waiter.cancelled:
        return
    try:
        waiter.result()
    except OSError as error:
        log.error("%r could not be flushed: %s", "\\".join(opened.path), error.strerror)


def _begin(users: FsUsers) -> None:
    try:
        users.begin()
    except OSError as error:
        raise ConfigError(f"acting as other users is not possible here: {error.strerror}") from None


def _open_share(share: ShareSettings, runtime: AsyncioRuntime, users: FsUsers | None) -> Share:
    if share.in_memory:
        memory = MemoryBackend(runtime.now, plain_streams=share.plain_streams)
        if share.size_limit:
            return _made_share(share, SizeLimited(memory, share.size_limit, memory.measure, runtime.now))
        return _made_share(share, memory)
    try:
        creation = Creation(share.file_mode, share.directory_mode)
        open_store = partial(
            PosixBackend,
            creation=creation,
            many_users=users is not None,
            own_rights=None if users is None else users.as_server,
            hidden=HiddenNames(share.hide_files),
            symlinks=share.symlinks,
            plain_streams=share.plain_streams,
        )
        backend = open_store(share.path)
    except FileNotFoundError:
        raise ConfigError(f"share {share.name}: no such directory: {share.path}") from None
    except NotADirectoryError:
        raise ConfigError(f"share {share.name}: not a directory: {share.path}") from None
    except PermissionError:
        raise ConfigError(f"share {share.name}: {_may_not('read', share.path)}") from None
    except OSError as error:
        raise ConfigError(f"share {share.name}: {share.path}: {error.strerror}") from None
    if not os.access(share.path, os.X_OK):
        backend.close()
        raise ConfigError(f"share {share.name}: {_may_not('enter', share.path)}")
    try:
        owner, group = share_owner(share) if users is not None else (None, None)
        snapshots = _snapshots(share, open_store)
    except BaseException:
        backend.close()
        raise
    if not share.size_limit:
        return _made_share(share, backend, owner, group, snapshots)
    count = partial(measure, share.path)
    try:
        limited = SizeLimitedDisk(backend, share.size_limit, count, runtime.now)
    except OSError as error:
        backend.close()
        raise ConfigError(f"share {share.name}: what is there cannot be counted: {error.strerror}") from None
    if users is not None:
        limited.usage.measure = partial(count, users.as_server)  # from threads that are nobody
    return _made_share(share, limited, owner, group, snapshots)


def _snapshots(share: ShareSettings, open_store: Callable[[str], PosixBackend]) -> PosixSnapshots | None:
    if not share.snapshots:
        return None
    try:
        pattern = SnapshotPattern(share.snapshots, share.snapshots_local)
        return PosixSnapshots(share.path, pattern, open_store)
    except ValueError as problem:
        raise ConfigError(f"share {share.name}: {problem}") from None
    except OSError as error:
        raise ConfigError(f"share {share.name}: {share.snapshots}: {error.strerror}") from None


def _made_share(
    share: ShareSettings,
    backend: Backend,
    owner: LocalUser | None = None,
    group: int | None = None,
    snapshots: PosixSnapshots | None = None,
) -> Share:
    return Share(
        share.name,
        backend,
        share.comment,
        share.read_only,
        share.encrypt,
        owner,
        group,
        snapshots,
        share.hide_unreadable,
        share.keep_acl_flags,
        share.streams,
        share.apple_double,
        share.time_machine,
    )


def _may_not(what: str, path: str) -> str:
    return f"this user (uid {os.geteuid()}) may not {what} {path}"
