"""Start an SMB server for a test and stop it again: ours, Samba's smbd, impacket's.

    with SmbdServer() as server:
        subprocess.run(["smbclient", f"//{server.host}/data", "-p", str(server.port), ...])

Every server listens on 127.0.0.1 on a free port, has its own temporary folder, and is gone after the `with` block.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from conformance.process_tree import POLL_SECONDS, ProcessTree

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 20.0
LOG_TAIL: Final = 4000
DEFAULT_USERS: Final[Mapping[str, str]] = {"tester": "Tester-pass-1", "second": "Second-pass-2"}
# Shares live in memory where there is such a place: no disk is tested here.
MEMORY_FOLDER: Final = Path("/dev/shm")
REPOSITORY: Final = Path(__file__).resolve().parents[1]
SMBD: Final = "/usr/sbin/smbd"
# Unix users that every Debian has: smbd insists on one for each account, and this adds none to the machine.
UNIX_USERS: Final = ("backup", "games", "news", "uucp")


class ServerError(Exception):
    """A server that could not be started, with the end of its log."""


class Server(Protocol):
    """A running server, as the tests see it."""

    @property
    def host(self) -> str:
        """Address to connect to."""

    @property
    def port(self) -> int:
        """TCP port to connect to."""

    @property
    def user(self) -> str:
        """A user who may do everything on `data`."""

    @property
    def password(self) -> str:
        """The password of `user`."""

    @property
    def users(self) -> Mapping[str, str]:
        """All users with their passwords, `user` first."""

    @property
    def shares(self) -> Mapping[str, Path]:
        """Share names with the local folder behind each."""

    @property
    def pid(self) -> int:
        """Process id of the server's first process."""

    def cpu_seconds(self) -> float:
        """User and system CPU of the server's process tree in seconds, reaped children included."""

    def memory(self) -> int:
        """Resident memory of the process tree in bytes, shared pages counted once."""


class StartedServer(ABC):
    """What the servers have in common: folders, a port, a log, a process tree."""

    def __init__(
        self,
        *,
        shares: Mapping[str, Path] | None = None,
        read_only: Sequence[str] = ("ro",),
        users: Mapping[str, str] = DEFAULT_USERS,
    ) -> None:
        """Without `shares`, `data` and `ro` are made in a temporary folder and removed with it.

        `read_only` names the shares that refuse every write; the others are writable.
        """
        self.host = HOST
        self.port = 0
        self.users: Mapping[str, str] = dict(users)
        self.user, self.password = next(iter(self.users.items()))
        self.read_only = frozenset(read_only)
        self._given_shares = shares
        self.shares: Mapping[str, Path] = dict(shares or {})
        self._folder: Path | None = None
        self._tree: ProcessTree | None = None

    @property
    def folder(self) -> Path:
        """The server's temporary folder; only inside the `with` block."""
        if self._folder is None:
            raise ServerError("the server is not running")
        return self._folder

    @property
    def log_path(self) -> Path:
        """Where standard output and standard error of the server go."""
        return self.folder / "server.log"

    @property
    def tree(self) -> ProcessTree:
        """The server's processes; only inside the `with` block."""
        if self._tree is None:
            raise ServerError("the server is not running")
        return self._tree

    @property
    def pid(self) -> int:
        """Process id of the server's first process."""
        return self.tree.pid

    def cpu_seconds(self) -> float:
        """User and system CPU of the server's process tree in seconds, reaped children included."""
        return self.tree.cpu_seconds()

    def memory(self) -> int:
        """Resident memory of the process tree in bytes, shared pages counted once."""
        return self.tree.memory()

    def log(self) -> str:
        """Everything the server has written so far."""
        return self.log_path.read_text(errors="replace")

    def __enter__(self) -> Self:
        """Start the server and wait until it listens. Raises ServerError."""
        base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
        self._folder = Path(tempfile.mkdtemp(prefix="smb-conformance-", dir=base))
        try:
            self._folder.chmod(0o755)
            if self._given_shares is None:
                self.shares = {name: self._folder / "shares" / name for name in ("data", "ro")}
            for path in self.shares.values():
                path.mkdir(parents=True, exist_ok=True)
            command = self._prepare()
            with self.log_path.open("wb") as log:
                self._tree = ProcessTree(
                    command, log=log, environment=self._environment(), directory=self._working_directory()
                )
            self._wait_until_ready()
        except BaseException:  # whatever it was, nothing may be left running
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server with all its processes and remove its folder."""
        self._stop()

    def _stop(self) -> None:
        try:
            if self._tree is not None:
                self._tree.stop()
                self._tree = None
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Write what the server needs to `folder`; returns the command that starts it in the foreground."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def _working_directory(self) -> Path:
        return self.folder

    def _is_ready(self) -> bool:
        """True as soon as the port accepts connections."""
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            code = self.tree.exit_code()
            if code is not None:
                raise ServerError(f"ended with {code} before it listened:\n{self.log()[-LOG_TAIL:]}")
            if time.monotonic() > deadline:
                raise ServerError(f"does not listen after {START_SECONDS} s:\n{self.log()[-LOG_TAIL:]}")
            time.sleep(POLL_SECONDS)


PURE_VARIABLE: Final = "SMBSERVER_PURE"  # as in smbserver.compile.current


class OursServer(StartedServer):
    """`python -m smbserver` from a directory, ready when it has written its ready file."""

    def __init__(
        self,
        *,
        directory: Path = REPOSITORY,
        python: str = sys.executable,
        shares: Mapping[str, Path] | None = None,
        read_only: Sequence[str] = ("ro",),
        users: Mapping[str, str] = DEFAULT_USERS,
        signing: str = "required",
        encryption: str = "offered",
        min_dialect: str = "2.0.2",
        max_dialect: str = "3.1.1",
        arguments: Sequence[str] = (),
        pure: bool = False,
        share_options: Mapping[str, str] | None = None,
    ) -> None:
        """`signing`, `encryption` and the dialects are the values of the options of those names.

        `pure`: the sources, even where there is a compiled build of them. `share_options` are what stands behind the
        colon of a share, by its name.
        """
        super().__init__(shares=shares, read_only=read_only, users=users)
        self._directory = directory
        self._python = python
        self._pure = pure
        self._share_options = dict(share_options or {})
        self._options = [
            *("--signing", signing),
            *("--encryption", encryption),
            *("--min-dialect", min_dialect),
            *("--max-dialect", max_dialect),
            *arguments,
        ]

    def _prepare(self) -> list[str]:
        command = [self._python, "-m", "smbserver", "--bind", HOST, "--port", "0"]
        command += ["--ready-file", str(self.folder / "ready.json")]
        for name, path in self.shares.items():
            options = [*(["ro"] if name in self.read_only else []), self._share_options.get(name, "")]
            behind = ",".join(filter(None, options))
            command += ["--share", f"{name}={path}" + (f":{behind}" if behind else "")]
        for user, password in self.users.items():
            command += ["--user", f"{user}:{password}"]
        return command + self._options

    def _environment(self) -> Mapping[str, str]:
        pure = {PURE_VARIABLE: "1"} if self._pure else {}
        return {"PYTHONUNBUFFERED": "1", **pure}

    def _working_directory(self) -> Path:
        return self._directory

    def _is_ready(self) -> bool:
        try:
            ready = json.loads((self.folder / "ready.json").read_text())
        except FileNotFoundError:
            return False
        self.port = int(ready["addresses"][0][1])
        return True


class SmbdServer(StartedServer):
    """Samba's smbd in the foreground, with all of its state in the temporary folder. Needs root.

    `global_lines` go last into [global], where they win.
    """

    def __init__(
        self,
        *,
        shares: Mapping[str, Path] | None = None,
        read_only: Sequence[str] = ("ro",),
        users: Mapping[str, str] = DEFAULT_USERS,
        global_lines: Sequence[str] = (),
    ) -> None:
        super().__init__(shares=shares, read_only=read_only, users=users)
        self._global_lines = tuple(global_lines)

    def _prepare(self) -> list[str]:
        if not Path(SMBD).exists():
            raise ServerError(f"{SMBD} is not installed")
        self.port = free_port()
        state = self.folder / "smbd"
        for name in ("lock", "state", "cache", "private", "pid", "ncalrpc", "winbindd", "log"):
            (state / name).mkdir(parents=True)
        (state / "private").chmod(0o700)
        unix_names = dict(zip(self.users, UNIX_USERS, strict=False))
        (state / "users.map").write_text("".join(f"{unix} = {user}\n" for user, unix in unix_names.items()))
        configuration = state / "smb.conf"
        configuration.write_text(self._configuration(state))
        for user, password in self.users.items():
            adding = ["smbpasswd", "-c", str(configuration), "-s", "-a", unix_names[user]]
            done = subprocess.run(
                adding, input=f"{password}\n{password}\n", capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise ServerError(f"smbpasswd for {user}: {done.stderr or done.stdout}")
        return [SMBD, "--foreground", "--no-process-group", "--configfile", str(configuration), "--debug-stdout"]

    def _configuration(self, state: Path) -> str:
        lines = [
            "[global]",
            "server role = standalone server",
            "netbios name = REFERENCE",
            "workgroup = WORKGROUP",
            "map to guest = never",
            f"interfaces = {HOST}/8",
            "bind interfaces only = yes",
            f"smb ports = {self.port}",
            "disable netbios = yes",
            f"lock directory = {state}/lock",
            f"state directory = {state}/state",
            f"cache directory = {state}/cache",
            f"private dir = {state}/private",
            f"pid directory = {state}/pid",
            f"ncalrpc dir = {state}/ncalrpc",
            f"winbindd socket directory = {state}/winbindd",
            f"passdb backend = tdbsam:{state}/private/passdb.tdb",
            f"username map = {state}/users.map",
            "logging = file",
            f"log file = {state}/log/log.%m",
            "log level = 1",
            "server min protocol = SMB2_02",
            "server max protocol = SMB3_11",
            # The DOS attributes belong into an extended attribute, not into the mode bits.
            "store dos attributes = yes",
            "map archive = no",
            "map readonly = no",
            "unix extensions = no",
            "load printers = no",
            "printing = bsd",
            "printcap name = /dev/null",
            "disable spoolss = yes",
            *self._global_lines,
        ]
        for name, path in self.shares.items():
            writable = "no" if name in self.read_only else "yes"
            # The folders belong to whoever runs the tests.
            lines += [f"[{name}]", f"path = {path}", f"writable = {writable}", "force user = root"]
        return "\n".join(lines) + "\n"


class ImpacketServer(StartedServer):
    """impacket's smbserver, run by a Python that has impacket installed; it knows no read-only users."""

    # The server has no file form of its configuration for more than one share, so a few lines start it.
    _PROGRAM: Final = """
import json, sys
from impacket import smbserver
from impacket.ntlm import compute_lmhash, compute_nthash
settings = json.loads(sys.argv[1])
server = smbserver.SimpleSMBServer(listenAddress=settings["host"], listenPort=settings["port"])
for name, path, read_only in settings["shares"]:
    server.addShare(name.upper(), path, "", readOnly=read_only)
server.setSMB2Support(True)
for number, (user, password) in enumerate(settings["users"]):
    server.addCredential(user, number, compute_lmhash(password), compute_nthash(password))
server.setSMBChallenge("")
server.start()
"""

    def __init__(
        self,
        *,
        python: str,
        shares: Mapping[str, Path] | None = None,
        read_only: Sequence[str] = ("ro",),
        users: Mapping[str, str] = DEFAULT_USERS,
    ) -> None:
        """`python` is the path of an interpreter with impacket."""
        super().__init__(shares=shares, read_only=read_only, users=users)
        self._python = python

    @staticmethod
    def is_available(python: str) -> bool:
        """Whether that interpreter exists and can import impacket."""
        try:
            return subprocess.run([python, "-c", "import impacket"], capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def _prepare(self) -> list[str]:
        if not self.is_available(self._python):
            raise ServerError(f"{self._python} has no impacket")
        self.port = free_port()
        settings = {
            "host": self.host,
            "port": self.port,
            "shares": [[n, str(p), "yes" if n in self.read_only else "no"] for n, p in self.shares.items()],
            "users": list(self.users.items()),
        }
        return [self._python, "-c", self._PROGRAM, json.dumps(settings)]


class AttachedServer:
    """A server that somebody else started; `pid` is 0 and its CPU unknown unless the pid is given."""

    def __init__(self, *, host: str, port: int, users: Mapping[str, str], shares: Mapping[str, Path]) -> None:
        self.host = host
        self.port = port
        self.users = dict(users)
        self.user, self.password = next(iter(self.users.items()))
        self.shares = dict(shares)
        self.pid = 0

    def cpu_seconds(self) -> float:
        """Always NaN: the processes are not known."""
        return float("nan")

    def memory(self) -> int:
        """Always 0: the processes are not known."""
        return 0


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    return int(port)


def is_root() -> bool:
    """Whether smbd can be started by this process."""
    return os.geteuid() == 0
