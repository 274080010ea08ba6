"""What every library is made to do, and what is right: the disk behind the share says so."""

import hashlib
import os
import random
import shutil
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from conformance.libraries.driver import Adaptor, Refused

KIB: Final = 1 << 10
MIB: Final = 1 << 20
# Around what one request carries: nothing, a byte, 64 KiB (no multi-credit), 1 MiB (our largest unless told), and many.
SIZES: Final = (0, 1, 4095, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB + 1, 9 * MIB + 7)
# Three replies of 64 KiB and more of names in most classes.
ENTRIES: Final = 2500
FEW: Final = 5  # names that a message shows
TREE_DEPTH: Final = 12
CLIENTS: Final = 4
# A file system's clock and a library's rounding to a second, both ways.
SECOND: Final = 2
# 2001-09-09 01:46:40 UTC, in no zone's change of time.
LONG_AGO: Final = 1_000_000_000
NAMES: Final = (
    "with two  spaces.txt",
    "UPPER lower.TxT",
    unicodedata.normalize("NFC", "Übergrößenträger é.txt"),
    unicodedata.normalize("NFD", "Ångström é.txt"),
    "日本語のファイル名.txt",
    "smile \N{GRINNING FACE}.txt",
    "100% #1 & 'quoted' ;+=@~^!$(){}[],.txt",
    ".hidden",
    "no extension",
    "two.dots.tar.gz",
    "n" * 200 + ".txt",
    "-leading-dash",
)


class CheckFailed(Exception):
    """What came was not what is right; the text says both."""


@dataclass(frozen=True, slots=True)
class Target:
    """One library in one mode, logged on to the share `data`, and the folders that a check has to itself."""

    adaptor: Adaptor
    another: Callable[[str, str], AbstractContextManager[Adaptor]]  # by share and password
    password: str
    folder: str  # below the share, made and empty
    disk: Path  # the same as the host sees it
    local: Path  # on the client's side

    def name(self, name: str) -> str:
        """The path of `name` from the share's root."""
        return f"{self.folder}/{name}"

    def put(self, name: str, content: bytes) -> None:
        """Store `content` by way of the library."""
        source = self.local / "put"
        source.write_bytes(content)
        self.adaptor.ask("put", source, self.name(name))

    def get(self, name: str) -> bytes:
        """What the library finds in `name`."""
        place = self.local / "got"
        place.unlink(missing_ok=True)
        self.adaptor.ask("get", self.name(name), place)
        return place.read_bytes()


def transfer(target: Target) -> None:
    """Files of sizes around the limits of requests, up and down."""
    for size in SIZES:
        content = _content(size)
        target.put("file", content)
        _same(f"{size} bytes put", (target.disk / "file").read_bytes(), content)
        _same(f"{size} bytes got", target.get("file"), content)


def replaced(target: Target) -> None:
    """A longer file becomes a shorter one, and a file that was made by the host comes as it is."""
    target.put("file", _content(300 * KIB))
    target.put("file", _content(10))
    _same("replaced", (target.disk / "file").read_bytes(), _content(10))
    local = _content(2 * MIB + 3, seed=1)
    (target.disk / "file").write_bytes(local)
    _same("changed on the host", target.get("file"), local)


def names(target: Target) -> None:
    """Names of every kind, made by the client and by the host."""
    made = set()
    for number, name in enumerate(NAMES):
        content = f"{number} {name}".encode()
        if number % 2:
            target.put(name, content)
            _same(f"put {name!r}", (target.disk / name).read_bytes(), content)
        else:
            (target.disk / name).write_bytes(content)
            _same(f"get {name!r}", target.get(name), content)
        made.add(name)
    _same_names("listed", _listed(target, ""), made)
    for name in made:
        kind, size, _ = target.adaptor.ask("stat", target.name(name))
        _equal(f"stat {name!r}", (kind, size), ("file", str((target.disk / name).stat().st_size)))
        target.adaptor.ask("remove", target.name(name))
    _equal("left", os.listdir(target.disk), [])


def folders(target: Target) -> None:
    """A chain of folders, entries of both kinds, and a folder that is not empty."""
    path = ""
    for depth in range(TREE_DEPTH):
        path = f"{path}/level {depth}" if path else "level 0"
        target.adaptor.ask("mkdir", target.name(path))
        target.put(f"{path}/file", b"x" * depth)
        _equal(f"depth {depth}", (target.disk / path / "file").stat().st_size, depth)
    _refused("a folder that is not empty", lambda: target.adaptor.ask("rmdir", target.name("level 0")))
    _equal("still there", (target.disk / path / "file").exists(), True)
    _equal("a folder", target.adaptor.ask("stat", target.name("level 0"))[0], "folder")
    found = _listed(target, "level 0")
    _equal("kinds", {name: kind for name, (kind, _, _) in found.items()}, {"level 1": "folder", "file": "file"})
    _refused("a folder again", lambda: target.adaptor.ask("mkdir", target.name("level 0")))
    while path:
        target.adaptor.ask("remove", target.name(f"{path}/file"))
        target.adaptor.ask("rmdir", target.name(path))
        path = path.rpartition("/")[0]
    _equal("left", os.listdir(target.disk), [])


def listing(target: Target) -> None:
    """More entries than one reply holds, each with its kind, size and time."""
    generator = random.Random(53)
    for number in range(ENTRIES):
        path = target.disk / f"entry {number} {'e' * generator.randrange(1, 60)}"
        if number % 10 == 0:
            path.mkdir()
        else:
            path.write_bytes(b"." * generator.randrange(2000))
        os.utime(path, (LONG_AGO, LONG_AGO + number))
    found = _listed(target, "")
    _same_names("names", found, os.listdir(target.disk))
    for name, (kind, size, modified) in found.items():
        status = (target.disk / name).stat()
        _equal(f"kind of {name}", kind, "folder" if (target.disk / name).is_dir() else "file")
        if size and kind == "file":
            _equal(f"size of {name}", int(size), status.st_size)
        if modified:
            _close(f"time of {name}", int(modified), status.st_mtime)


def empty(target: Target) -> None:
    """Nothing in a folder is no error."""
    _equal("an empty folder", _listed(target, ""), {})


def root(target: Target) -> None:
    """The root of the share itself."""
    words = target.adaptor.ask("list", "")
    _equal("the check's folder is there", target.folder in words[::4], True)


def rename(target: Target) -> None:
    """Files and folders, within a folder and to another one, never over something."""
    target.put("one", b"first")
    target.adaptor.ask("mkdir", target.name("folder"))
    target.put("folder/inside", b"third")
    target.adaptor.ask("rename", target.name("one"), target.name("three"))
    target.adaptor.ask("rename", target.name("three"), target.name("folder/three"))
    target.adaptor.ask("rename", target.name("folder"), target.name("other folder"))
    _equal("names", os.listdir(target.disk), ["other folder"])
    _equal("moved", (target.disk / "other folder" / "three").read_bytes(), b"first")
    _equal("inside", (target.disk / "other folder" / "inside").read_bytes(), b"third")
    _refused("what is not there", lambda: target.adaptor.ask("rename", target.name("gone"), target.name("new")))


def rename_case(target: Target) -> None:
    """Another spelling of the same name."""
    target.put("two", b"second")
    target.adaptor.ask("rename", target.name("two"), target.name("TWO"))
    _equal("names", os.listdir(target.disk), ["TWO"])


def rename_over(target: Target) -> None:
    """A rename does not destroy what has the name."""
    target.put("one", b"first")
    target.put("two", b"second")
    _refused("over a file", lambda: target.adaptor.ask("rename", target.name("one"), target.name("two")))
    _equal("both", [(target.disk / name).read_bytes() for name in ("one", "two")], [b"first", b"second"])


def missing(target: Target) -> None:
    """What is not there is refused, each time, and the connection goes on."""
    for command in ("stat", "remove", "rmdir", "list"):
        _refused(command, partial(target.adaptor.ask, command, target.name("gone")))
    _refused("get", lambda: target.get("gone"))
    _refused("get below nothing", lambda: target.get("gone/file"))
    _refused("put below nothing", lambda: target.put("gone/file", b""))
    target.put("file", b"still there")
    _refused("a file as a folder", lambda: target.get("file/below"))
    _same("after all that", target.get("file"), b"still there")


def parts(target: Target) -> None:
    """Reading and writing in the middle, past the end, and a hole."""
    content = bytearray(_content(3 * MIB + 5))
    target.put("file", bytes(content))
    place, piece = target.local / "part", target.local / "piece"
    for offset, length in ((0, 1), (MIB - 1, 2), (2 * MIB, MIB + 5), (3 * MIB, 100), (3 * MIB + 5, 10)):
        target.adaptor.ask("read", target.name("file"), offset, length, place)
        _same(f"{length} bytes at {offset}", place.read_bytes(), bytes(content[offset : offset + length]))
    for offset, length in ((0, 3), (MIB - 7, 70 * KIB), (3 * MIB + 5, 11), (4 * MIB, 1)):
        written = _content(length, seed=offset)
        piece.write_bytes(written)
        target.adaptor.ask("write", target.name("file"), offset, piece)
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + length] = written
        _same(f"{length} bytes written at {offset}", (target.disk / "file").read_bytes(), bytes(content))


def truncate(target: Target) -> None:
    """Shorter, longer, nothing."""
    content = _content(100 * KIB)
    target.put("file", content)
    for size in (70 * KIB, 90 * KIB, 0, 1):
        target.adaptor.ask("truncate", target.name("file"), size)
        content = content[:size].ljust(size, b"\0")
        _same(f"cut to {size}", (target.disk / "file").read_bytes(), content)


def times(target: Target) -> None:
    """The time of last write, as the host has it and as the client sets it."""
    target.put("file", b"x")
    os.utime(target.disk / "file", (LONG_AGO, LONG_AGO))
    _close("shown", int(target.adaptor.ask("stat", target.name("file"))[2]), LONG_AGO)


def touch(target: Target) -> None:
    """The client sets the time of last write, of a file and of a folder."""
    target.put("file", b"x")
    target.adaptor.ask("touch", target.name("file"), LONG_AGO + 5000)
    _close("set", (target.disk / "file").stat().st_mtime, LONG_AGO + 5000)


def space(target: Target) -> None:
    """The size of the volume, and what is free of it."""
    words = target.adaptor.ask("space")
    volume = os.statvfs(target.disk)
    _equal("in all", int(words[0]), volume.f_blocks * volume.f_frsize)
    free = volume.f_bavail * volume.f_frsize
    if abs(int(words[1]) - free) > free // 10:  # others use it too
        raise CheckFailed(f"free: {words[1]}, not about {free}")


def shares(target: Target) -> None:
    """The list of shares, as a person sees it first."""
    found = {name.lower() for name in target.adaptor.ask("shares")}
    _equal("data and ro among them", {"data", "ro"} <= found, True)


def read_only(target: Target) -> None:
    """A share that refuses every change and serves all the same."""
    with target.another("ro", target.password) as other:
        source = target.local / "put"
        source.write_bytes(b"x")
        _refused("put", lambda: other.ask("put", source, "new"))
        _refused("mkdir", lambda: other.ask("mkdir", "new"))
        other.ask("list", "")


def password(target: Target) -> None:
    """A wrong password is a refusal, and the right one is taken afterwards."""

    def log_on(given: str) -> None:
        with target.another("data", given) as other:
            other.ask("list", "")

    _refused("a wrong password", lambda: log_on("wrong-" + target.password))
    log_on(target.password)


def share_unknown(target: Target) -> None:
    """A share that is not there."""

    def connect() -> None:
        with target.another("no-such-share", target.password) as other:
            other.ask("list", "")

    _refused("no such share", connect)


def side_by_side(target: Target) -> None:
    """Several connections at a time, each with its own file, nothing mixed up."""
    contents = [_content(2 * MIB + number, seed=number) for number in range(CLIENTS)]
    clients: list[Adaptor] = []
    open_ones: list[AbstractContextManager[Adaptor]] = []
    try:
        for number, content in enumerate(contents):
            (target.local / f"put{number}").write_bytes(content)
            context = target.another("data", target.password)
            clients.append(context.__enter__())
            open_ones.append(context)
        for command in ("put", "get"):
            for number, client in enumerate(clients):
                local, name = target.local / f"{command}{number}", target.name(str(number))
                client.send(command, *((local, name) if command == "put" else (name, local)))
            for client in clients:
                client.answer(command)
        for number, content in enumerate(contents):
            _same(f"file {number}", (target.local / f"get{number}").read_bytes(), content)
    finally:
        for context in open_ones:
            context.__exit__(None, None, None)


def sharing(target: Target) -> None:
    """What one client has opened for itself another one may not open, until it is closed."""
    target.put("file", b"mine")
    with target.another("data", target.password) as other:
        other.ask("open", target.name("file"), "1")
        _refused("get", lambda: target.get("file"))
        _refused("remove", lambda: target.adaptor.ask("remove", target.name("file")))
        other.ask("close", "1")
        _same("after the close", target.get("file"), b"mine")


def watch(target: Target) -> None:
    """A change of another program is told to who watches the folder."""
    with target.another("data", target.password) as other:
        other.send("watch", target.folder)
        # Nothing says when the watch has begun: make new files until the answer is there.
        until = time.monotonic() + 15
        number = 0
        while time.monotonic() < until and not other.answered(0.3):
            (target.disk / f"new {number}").write_bytes(b"")
            number += 1
        told = other.answer("watch")
    _equal("a new name", bool(told) and told[0].startswith("new "), True)


CHECKS: Final[dict[str, tuple[Callable[[Target], None], frozenset[str]]]] = {
    check.__name__: (check, frozenset(needs.split()))
    for check, needs in (
        (transfer, "put get"),
        (replaced, "put get"),
        (names, "put get list stat remove"),
        (folders, "mkdir rmdir put remove stat list"),
        (listing, "list"),
        (empty, "list"),
        (root, "list"),
        (rename, "rename put mkdir"),
        (rename_case, "rename put"),
        (rename_over, "rename put"),
        (missing, "get put stat remove rmdir list"),
        (parts, "put read write"),
        (truncate, "put truncate"),
        (times, "put stat"),
        (touch, "put touch"),
        (space, "space"),
        (shares, "shares"),
        (read_only, "list put mkdir"),
        (password, "list"),
        (share_unknown, "list"),
        (side_by_side, "put get"),
        (sharing, "put get remove open close"),
        (watch, "watch"),
    )
}


def _content(size: int, seed: int = 0) -> bytes:
    return random.Random(size * 1000 + seed).randbytes(size)


def _listed(target: Target, name: str) -> dict[str, tuple[str, str, str]]:
    words = target.adaptor.ask("list", target.name(name) if name else target.folder)
    entries = list(zip(words[::4], words[1::4], words[2::4], words[3::4], strict=True))
    if len({entry[0] for entry in entries}) != len(entries):
        raise CheckFailed(f"listed twice: {_repeated(entry[0] for entry in entries)}")
    return {name: (kind, size, modified) for name, kind, size, modified in entries}


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1][:FEW]


def _same(what: str, real: bytes, expected: bytes) -> None:
    if real != expected:
        at = next((i for i, (a, b) in enumerate(zip(real, expected, strict=False)) if a != b), None)
        where = "" if at is None else f", first at {at}"
        digests = [hashlib.sha256(content).hexdigest()[:8] for content in (real, expected)]
        raise CheckFailed(f"{what}: {len(real)} bytes {digests[0]}, not {len(expected)} bytes {digests[1]}{where}")


def _same_names(what: str, real: Iterable[str], expected: Iterable[str]) -> None:
    """As `_equal`, for more names than anybody wants to read."""
    extra, missing = sorted(set(real) - set(expected)), sorted(set(expected) - set(real))
    if extra or missing:
        raise CheckFailed(f"{what}: too much {extra[:FEW]}, missing {missing[:FEW]}")


def _equal(what: str, real: object, expected: object) -> None:
    if real != expected:
        raise CheckFailed(f"{what}: {real!r}, not {expected!r}")


def _close(what: str, real: float, expected: float) -> None:
    if abs(real - expected) > SECOND:
        raise CheckFailed(f"{what}: {real}, not about {expected}")


def _refused(what: str, action: Callable[[], object]) -> None:
    try:
        action()
    except Refused:
        return
    raise CheckFailed(f"{what} was not refused")


def clear(folder: Path) -> None:
    """Remove a check's folder, whatever is in it."""
    shutil.rmtree(folder, ignore_errors=True)
