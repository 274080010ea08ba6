"""The checks of `run.py`: each starts the servers it needs and raises Different when something is not as expected."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conformance.servers import OursServer
from conformance.smbclient.client import run_once

USERS: Final = {"ann": "secret-1", "bob": "secret-2"}
ANN, BOB, WWW, TEAM, NOBODY = 61001, 61002, 61033, 61050, 65534
ACTING: Final = ("--act-as-users", "--map-user", f"ann={ANN}", "--map-user", f"bob={BOB}")
MIB: Final = 1 << 20


class Different(Exception):
    """What was expected, and what was there."""


class NotHere(Exception):
    """Why a check cannot be made on this machine."""


class Client:
    """smbclient as one user, with a local folder of its own."""

    def __init__(self, server: OursServer, user: str, folder: Path) -> None:
        self._words = [f"//{server.host}/data", "-p", str(server.port), "-U", f"{user}%{USERS.get(user, 'x')}"]
        self._folder = folder / user
        self._folder.mkdir(exist_ok=True)

    def say(self, commands: str) -> str:
        """Everything smbclient prints for commands separated by semicolons."""
        return run_once([*self._words, "-c", commands], self._folder)[1]

    def expect(self, commands: str, status: str = "") -> None:
        """Raises Different unless the output has this status, or none at all."""
        output = self.say(commands)
        if ("NT_STATUS_" in output) if not status else (status not in output):
            raise Different(f"{commands!r}: expected {status or 'no error'}, got: {output}")

    def local(self, name: str, size: int) -> bytes:
        """A file to put, with bytes that do not repeat."""
        data = b"".join(hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(size // 32))
        (self._folder / name).write_bytes(data)
        return data

    def fetched(self, name: str) -> bytes:
        """A file that was got."""
        return (self._folder / name).read_bytes()


def _is(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Different(f"{what}: {found!r}, expected {expected!r}")


def _owner(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_uid, state.st_gid


@contextmanager
def _mounted(place: Path, options: str) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", options, "conformance", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHere(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def two_users(work: Path) -> None:
    """Each reads and removes his own files only, and what he makes is his."""
    data = work / "data"
    data.mkdir()
    data.chmod(0o1777)
    for name, owner, mode in (("hers", ANN, 0o600), ("his", BOB, 0o600), ("roots", 0, 0o600), ("all", 0, 0o644)):
        (data / name).write_bytes(name.encode())
        os.chown(data / name, owner, owner)
        (data / name).chmod(mode)
    with OursServer(shares={"data": data}, users=USERS, arguments=[*ACTING, "--guest"]) as server:
        ann, bob, guest = (Client(server, user, work) for user in ("ann", "bob", "stranger"))
        for client, own, others in ((ann, "hers", ("his", "roots")), (bob, "his", ("hers", "roots"))):
            client.expect(f"get {own}; get all")
            _is(own, client.fetched(own), own.encode())
            for other in others:
                client.expect(f"get {other}", "NT_STATUS_ACCESS_DENIED")
                client.expect(f"del {other}", "NT_STATUS_ACCESS_DENIED")
                client.expect(f"rename {other} mine", "NT_STATUS_ACCESS_DENIED")
                _is(f"{other} is there", (data / other).exists(), True)
        for client, name, uid in ((ann, "ann", ANN), (bob, "bob", BOB), (guest, "stranger", NOBODY)):
            sent = client.local("file", 3 * MIB)
            client.expect(f"mkdir {name}; cd {name}; put file; mkdir sub; rename file sub\\moved; allinfo sub\\moved")
            _is("content", (data / name / "sub" / "moved").read_bytes(), sent)
            for path in (data / name, data / name / "sub", data / name / "sub" / "moved"):
                _is(f"owner of {path}", _owner(path)[0], uid)
        (data / "ann").chmod(0o700)
        bob.expect("ls ann\\*", "NT_STATUS_ACCESS_DENIED")
        bob.expect("ls ann\\sub\\*", "NT_STATUS_ACCESS_DENIED")
        ann.expect("cd ann\\sub; ls; get moved; del moved; cd ..; rmdir sub")
        ann.expect("del hers")
        _is("hers is gone", (data / "hers").exists(), False)
        _no_complaints(server)


def owner_of_a_share(work: Path) -> None:
    """Whoever makes it, it is the share's owner's, with the modes that were said."""
    data = work / "data"
    data.mkdir()
    os.chown(data, WWW, TEAM)
    data.chmod(0o770)
    shares = {"data": Path(f"{data}:owner={WWW},group={TEAM},file-mode=0664,directory-mode=2775")}
    with OursServer(shares={}, users=USERS, arguments=["--share", f"data={shares['data']}"]) as server:
        for user in USERS:
            client = Client(server, user, work)
            client.local("file", 1024)
            client.expect(f"mkdir {user}; cd {user}; put file; ls")
            for path, mode in ((data / user, 0o2775), (data / user / "file", 0o664)):
                _is(f"owner of {path}", _owner(path), (WWW, TEAM))
                _is(f"mode of {path}", path.stat().st_mode & 0o7777, mode)
        _no_complaints(server)


def full_disk(work: Path) -> None:
    """Put until there is no room: said so, what is there stays and is right, and a delete makes room again."""
    data = work / "data"
    data.mkdir()
    with _mounted(data, "size=4m,mode=0777"):
        for arguments in ((), ACTING):
            with OursServer(shares={"data": data}, users=USERS, arguments=arguments) as server:
                ann, bob = Client(server, "ann", work), Client(server, "bob", work)
                small, large = ann.local("small", MIB), ann.local("large", 16 * MIB)
                ann.expect("put small")
                ann.expect("put large", "NT_STATUS_DISK_FULL")
                _is("what was there", (data / "small").read_bytes(), small)
                there = (data / "large").read_bytes() if (data / "large").exists() else b""
                _is("what was written", there, large[: len(there)])
                (data / "rest").write_bytes(b"")
                with (data / "rest").open("ab", buffering=0) as rest:
                    _fill(rest.write)
                bob.local("other", MIB)
                bob.expect("put other", "NT_STATUS_DISK_FULL")
                bob.expect("ls; get small")
                _is("what is read", bob.fetched("small"), small)
                (data / "rest").unlink()
                ann.expect("del large; del small; put small again")
                _is("what fits again", (data / "again").read_bytes(), small)
                ann.expect("del again")
                for path in data.iterdir():
                    path.unlink()
                _no_complaints(server)


def _fill(write: Callable[[bytes], int | None]) -> None:
    for size in (65536, 4096):
        try:
            while True:
                write(bytes(size))
        except OSError:
            continue


def late_mount(work: Path) -> None:
    """The disk is mounted when the server runs already; later it goes away."""
    data = work / "data"
    data.mkdir()
    data.chmod(0o777)
    with OursServer(shares={"data": data}, users=USERS) as server:
        client = Client(server, "ann", work)
        client.local("file", 1024)
        with _mounted(data, "size=4m,mode=0777"):
            client.expect("put file; ls")
            _is("on the disk", [path.name for path in data.iterdir()], ["file"])
        client.expect("get file", "NT_STATUS_OBJECT_NAME_NOT_FOUND")
        data.rmdir()
        client.expect("ls", "NT_STATUS_BAD_NETWORK_NAME")
        data.mkdir()
        client.expect("ls")
        if "its directory cannot be opened any more" not in server.log():
            raise Different(f"the log does not say it: {server.log()}")


def _no_complaints(server: OursServer) -> None:
    for word in ("ERROR", "Traceback", "internal error"):
        if word in server.log():
            raise Different(f"the server's log: {server.log()}")


CHECKS: Final[dict[str, Callable[[Path], None]]] = {
    "two-users": two_users,
    "owner-of-a-share": owner_of_a_share,
    "full-disk": full_disk,
    "late-mount": late_mount,
}
