"""The checks of `run.py`: each gets a server with links shown and one snapshot, and raises Different."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import smbclient
from smbprotocol.exceptions import SMBOSError
from smbprotocol.header import NtStatus

from conformance.servers import OursServer
from conformance.smbclient.client import run_once

TOKEN: Final = "@GMT-2026.01.02-03.04.05"
PATTERN: Final = "auto-%Y-%m-%d_%H-%M-%S"
MEDIA_WRITE_PROTECTED: Final = 0xC00000A2  # a name that smbprotocol does not have
SNAPSHOT: Final = "auto-2026-01-02_03-04-05"


class Different(Exception):
    """What was expected, and what was there."""


def _is(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Different(f"{what}: {found!r}, expected {expected!r}")


@contextmanager
def prepared(work: Path) -> Iterator[OursServer]:
    """A server over `work/data`, whose snapshots are in `work/snapshots`."""
    for root, content in ((work / "data", b"now"), (work / "snapshots" / SNAPSHOT, b"then")):
        (root / "folder").mkdir(parents=True)
        (root / "file").write_bytes(content)
        (root / "folder" / "inner").write_bytes(content + b" inside")
    options = f"symlinks=shown,snapshots={work / 'snapshots'}/{PATTERN}"
    with OursServer(shares={"data": work / "data"}, share_options={"data": options}) as server:
        yield server


@contextmanager
def _python_client(server: OursServer) -> Iterator[tuple[str, dict[str, int]]]:
    """The share's UNC path for smbprotocol's `smbclient` module, and the arguments that every call needs."""
    smbclient.register_session(
        server.host, username=server.user, password=server.password, port=server.port, auth_protocol="ntlm"
    )
    try:
        yield f"\\\\{server.host}\\data\\", {"port": server.port}
    finally:
        smbclient.delete_session(server.host, port=server.port)


def _refused(what: str, status: int, call: Callable[[], object]) -> None:
    try:
        call()
    except SMBOSError as error:
        _is(what, error.ntstatus, status)
        return
    raise Different(f"{what}: was not refused")


def python_links(work: Path, server: OursServer) -> None:
    """smbprotocol makes links, reads them, and goes on by itself where the server stops at one."""
    data = work / "data"
    with _python_client(server) as (share, at):

        def read(name: str) -> bytes:
            with smbclient.open_file(share + name, mode="rb", **at) as file:
                return bytes(file.read())

        smbclient.symlink("file", share + "link", **at)
        smbclient.symlink("folder", share + "to-folder", **at)
        smbclient.symlink("..\\file", share + "folder\\up", **at)
        _is("a link on the disk", (data / "link").readlink(), Path("file"))
        _is("a link upwards", (data / "folder" / "up").readlink(), Path("../file"))
        _is("readlink", smbclient.readlink(share + "link", **at), share + "file")
        _is("through a link", read("link"), b"now")
        _is("through two links", read("to-folder\\up"), b"now")
        _is("behind a link", read("to-folder\\inner"), b"now inside")
        _is("lstat", smbclient.lstat(share + "link", **at).st_reparse_tag, 0xA000000C)
        _is("stat", smbclient.stat(share + "link", **at).st_size, 3)
        kinds = {entry.name: entry.is_symlink() for entry in smbclient.scandir(share, **at)}
        _is("listing", kinds, {"file": False, "folder": False, "link": True, "to-folder": True})
        (data / "outside").symlink_to(work)
        (data / "round").symlink_to("round")
        _is("no link to outside", "outside" in smbclient.listdir(share, **at), False)
        _refused("outside", NtStatus.STATUS_OBJECT_NAME_NOT_FOUND, lambda: read("outside"))
        _refused(
            "made to outside", NtStatus.STATUS_ACCESS_DENIED, lambda: smbclient.symlink("..\\..\\x", share + "c", **at)
        )
        smbclient.rename(share + "link", share + "moved", **at)
        smbclient.remove(share + "moved", **at)
        smbclient.rmdir(share + "to-folder", **at)
        _is("what they led to", (read("file"), read("folder\\inner")), (b"now", b"now inside"))


def python_versions(work: Path, server: OursServer) -> None:
    """A token in a path, for a client that knows nothing of timewarp contexts."""
    with _python_client(server) as (share, at):
        for name in (f"{TOKEN}\\file", f"file\\{TOKEN}"):
            with smbclient.open_file(share + name, mode="rb", **at) as file:
                _is(name, bytes(file.read()), b"then")
        _is("listing", sorted(smbclient.listdir(share + TOKEN, **at)), ["file", "folder"])
        _refused(
            "removal",
            MEDIA_WRITE_PROTECTED,
            lambda: smbclient.remove(f"{share}{TOKEN}\\file", **at),
        )


def samba_versions(work: Path, server: OursServer) -> None:
    """Samba's client lists them, reads by a timewarp context, and is told that they are read-only."""
    local = work / "local"
    local.mkdir()
    (local / "new").write_bytes(b"new")
    words = [f"//{server.host}/data", "-p", str(server.port), "-U", f"{server.user}%{server.password}", "-c"]

    def say(commands: str) -> str:
        return run_once([*words, commands], local)[1]

    told = say("allinfo file")
    _is("allinfo lists it", TOKEN in told.split(), True)
    say(f"get {TOKEN}\\file got")
    _is("get", (local / "got").read_bytes(), b"then")
    say(f"cd {TOKEN}\\folder; get inner below")
    _is("get from below", (local / "below").read_bytes(), b"then inside")
    for commands in (f"put new {TOKEN}\\new", f"del {TOKEN}\\file", f"mkdir {TOKEN}\\m", f"put new {TOKEN}\\file"):
        _is(commands, "NT_STATUS_MEDIA_WRITE_PROTECTED" in say(commands), True)
    _is("rename", "NT_STATUS_NOT_SAME_DEVICE" in say(f"rename {TOKEN}\\file out"), True)
    kept = work / "snapshots" / SNAPSHOT
    _is("what is kept", sorted(path.name for path in kept.iterdir()), ["file", "folder"])
    _is("and its data", (kept / "file").read_bytes(), b"then")


CHECKS: Final[dict[str, Callable[[Path, OursServer], None]]] = {
    "python-links": python_links,
    "python-versions": python_versions,
    "samba-versions": samba_versions,
}
