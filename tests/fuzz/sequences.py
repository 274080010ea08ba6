"""Bytes as a sequence of requests of two logged-on clients, and what must hold behind any: no bug, nothing left.

`python tests/fuzz/sequences.py [atheris options] [CORPUS]` goes on with coverage guidance where atheris is installed.
`-merge=1 NEW OLD` leaves one sequence for each thing that OLD's do, and `--keep NEW` writes these to KEPT.
A sequence opens, queries, sets, locks, renames and deletes, with right and wrong values, one in a frame or some,
while time passes, clients go and come back, and a local program changes the same files. A request that raises what is
no status of its own is logged as our bug, and found so.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # also when it is started as a program

from conformance.client import commands, contexts, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    CHANGE_NOTIFY,
    CREATE,
    NEGOTIATE,
    OPEN_IF,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0_2,
    SMB_3_1_1,
    ConnectionEnded,
    NoAnswer,
    ProtocolFailure,
)
from conformance.client.session import Options, Tree
from smbserver.objects.server_state import Policy
from smbserver.wire import ioctl
from tests.every_command import requests as every_command
from tests.fuzz.guided import fuzz
from tests.harness import World, frames_of

T = TypeVar("T")

DIALECTS: Final = (SMB_3_1_1, SMB_3_0_2, SMB_2_1, SMB_2_0_2)
NAMES: Final = (
    *("a", "b", "a", "b", "d", "c", "A", "d", "d\\a", "d\\b", "d2", "", "é", "x" * 250, "d\\..\\b", "._a"),
    *("a:s", "a:s:$DATA", "d:s", "a::$DATA", "a:AFP_AfpInfo", "a:AFP_Resource", "@GMT-2020.01.01-00.00.00"),
    "$Extend\\$Quota:$Q:$INDEX_ALLOCATION",
)
# The last two are the POSIX extensions' and the application instance's.
CONTEXTS: Final = (
    *(b"ExtA", b"SecD", b"DHnQ", b"DHnC", b"AlSi", b"MxAc", b"TWrp", b"QFid", b"RqLs", b"DH2Q", b"DH2C", b"AAPL"),
    bytes.fromhex("93AD25509CB411E7B42383DE968BCD7C"),
    bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74"),
)
ALL_BUT_DELETE: Final = 0x001E01FF
ACCESS: Final = (0x0012019F, 0x001F01FF, 0x02000000, 0x80, 0x100, 0x00010000, 1, 2, 0x00120089, 0x80000000)
OPTIONS: Final = (0, 1, 0x40, 0x1000, 0x1001, 0x00200000, 0x2000, 2, 0x8000)
OPLOCKS: Final = (0, 1, 8, 9, 0xFF)
OFFSETS: Final = (0, 5, 100_000, (1 << 63) - 5, (1 << 64) - 1)
LOCK_FLAGS: Final = (1, 2, 4, 0x11, 0x12, 0)
PATTERNS: Final = ("*", "a", "?", "<.", "a*", ">")
LISTINGS: Final = (1, 2, 3, 12, 37, 38, 60, 100, 0, 81)
RENAMES: Final = (10, 11, 65, 72)  # FileRenameInformation, FileLinkInformation, and both with POSIX semantics
CODES: Final = sorted(value for name, value in vars(ioctl).items() if name.startswith("FSCTL_"))
PAUSES: Final = (0.1, 1.0, 36.0)  # a look at what is cached, and more than a break waits
NO_FILE: Final = b"\xff" * 16
STEPS_MOST: Final = 25
KEPT: Final = Path(__file__).with_name("sequences.txt")  # a line for each sequence, in base64
# What the client of the tests makes of a wrong answer, or of none.
NOT_THE_SERVERS: Final = (ProtocolFailure, NoAnswer, struct.error, ValueError, OverflowError)


class Choices:
    """Decisions from bytes: each takes as many as it needs, and zeros when there are no more."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return max(0, len(self._data) - self._at)

    def number(self, most: int) -> int:
        """From 0 to `most`."""
        size = (most.bit_length() + 7) // 8
        return int.from_bytes(self._take(size), "little") % (most + 1)

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        return among[self.number(len(among) - 1)]

    def blob(self, most: int) -> bytes:
        """Up to so many bytes, as they are."""
        return self._take(min(self.number(most), self.left))

    def _take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece.ljust(count, b"\0")


class Bugs(logging.Handler):
    """Keeps what was logged with an exception: `dispatch` does so for what it did not expect."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


def play(data: bytes, folder: Path) -> None:
    """One sequence in an empty folder. AssertionError with the traceback of a bug, or with what was left behind."""
    bugs = Bugs()
    logging.getLogger().addHandler(bugs)
    world = World(folder, policy=Policy(signing_required=False))
    try:
        (world.data / "d").mkdir()
        (world.data / "a").write_bytes(b"content of a")
        (world.data / "d" / "a").write_bytes(bytes(5000))
        choices = Choices(data)
        dialects = (choices.pick(DIALECTS),)
        trees = [world.tree(options=Options(dialects=dialects, client_guid=bytes([which]) * 16)) for which in (1, 2)]
        opens = [b"\1" * 16]
        for tree, name, options in ((trees[0], "a", 0), (trees[1], "d", 1), (trees[1], "b", 0)):
            opens.append(tree.open(name, access=ALL_BUT_DELETE, disposition=OPEN_IF, options=options).file_id)
        for _ in range(1 + choices.number(STEPS_MOST - 1)):
            if choices.left and not bugs.found:
                _step(choices, world, trees, opens)
    finally:
        logging.getLogger().removeHandler(bugs)
        with contextlib.suppress(*[AssertionError] if bugs.found else []):
            world.close()  # which asks what was left
    assert not bugs.found, bugs.found[0]


def _step(choices: Choices, world: World, trees: list[Tree], opens: list[bytes]) -> None:
    which = choices.number(len(trees) - 1)
    tree, file_id, step = trees[which], choices.pick(opens), choices.pick(STEPS)
    if step is None:
        if choices.number(5) == 0:
            _come_back(choices, world, trees, which)
        else:
            _elsewhere(choices, world)
        return
    related = choices.number(3) != 0
    requests = [step(choices, file_id)]
    for _ in range(max(0, choices.number(4) - 1)):  # in the same frame
        following = choices.pick(REQUESTS)
        requests.append(following(choices, NO_FILE if choices.number(3) else choices.pick(opens)))
    connection = tree.session.connection
    with contextlib.suppress(ConnectionEnded, *NOT_THE_SERVERS):
        numbers = connection.submit_compound([tree.request(each) for each in requests], related=related)
        world.runtime.run_offloaded()
        frames = frames_of(connection)
        while frames.buffered():
            connection.pump()
        for number, request in zip(numbers, requests, strict=True):
            reply = connection.replies.pop(number, None)
            if reply is not None and reply.status == 0 and request.command == CREATE:
                opens.append(commands.decode_create(reply).file_id)


def _come_back(choices: Choices, world: World, trees: list[Tree], which: int) -> None:
    """A client gives its tree back, or its line is cut, or neither; then it is there on a new connection."""
    session = trees[which].session
    with contextlib.suppress(ConnectionEnded, *NOT_THE_SERVERS):
        if choices.number(1):
            trees[which].submit(commands.tree_disconnect())
            world.runtime.run_offloaded()
    if choices.number(1):
        session.connection.close()
        if choices.number(1):
            world.runtime.advance(PAUSES[0])
    trees[which] = world.tree(options=session.options)


def _elsewhere(choices: Choices, world: World) -> None:
    """Time passes, or a local program does something."""
    data = world.data
    local: tuple[Callable[[], object], ...] = (
        lambda: (data / "a").write_bytes(b"local"),
        lambda: (data / "a").unlink(),
        lambda: (data / "d" / "a").rename(data / "b"),
        lambda: shutil.rmtree(data / "d"),
        lambda: (data / "n").touch(),
    )
    if choices.number(1):
        world.runtime.advance(choices.pick(PAUSES))
        world.runtime.run_offloaded()
    else:
        with contextlib.suppress(OSError):
            choices.pick(local)()


def _create(choices: Choices, _file_id: bytes) -> Request:
    asked = []
    for _ in range(max(0, choices.number(4) - 2)):
        kind = choices.number(3)
        if kind == 0:
            asked.append(contexts.lease_v2(_lease_key(choices), choices.number(7), None, 1))
        elif kind == 1:
            asked.append(contexts.durable_v1())
        else:
            asked.append((choices.pick(CONTEXTS), choices.blob(80)))
    return commands.create(
        choices.pick(NAMES),
        access=choices.pick(ACCESS) if choices.number(7) else choices.number(0xFFFFFFFF),
        disposition=OPEN_IF if choices.number(1) else choices.number(6),
        options=choices.pick(OPTIONS) if choices.number(7) else choices.number(0xFFFFFF),
        share=choices.number(7),
        oplock=choices.pick(OPLOCKS),
        contexts=asked,
    )


def _lease_key(choices: Choices) -> bytes:
    return b"k" * 15 + bytes([choices.number(2)])


def _rename(choices: Choices, file_id: bytes) -> Request:
    name = choices.pick(NAMES).encode("utf-16-le")
    data = struct.pack("<B7xQI", choices.number(3), 0, len(name)) + name
    return queries.set_info(file_id, 1, choices.pick(RENAMES), data)


def _acknowledge(choices: Choices, file_id: bytes) -> Request:
    if choices.number(1):
        return commands.oplock_break_ack(file_id, choices.number(9))
    return commands.lease_break_ack(_lease_key(choices), choices.number(7))


def _lock(choices: Choices, file_id: bytes) -> Request:
    count = 1 + choices.number(2)
    return commands.lock(
        file_id, [(choices.number(1 << 63), choices.number(100), choices.pick(LOCK_FLAGS)) for _ in range(count)]
    )


def _listing(choices: Choices, file_id: bytes) -> Request:
    return queries.query_directory(
        file_id, choices.pick(PATTERNS), choices.pick(LISTINGS), choices.number(70_000), choices.number(31)
    )


def _watch(choices: Choices, file_id: bytes) -> Request:
    words = (32, choices.number(1), choices.number(70_000), file_id, choices.number(0xFFFF), 0)
    return Request(CHANGE_NOTIFY, struct.pack("<HHI16sII", *words))


def _damaged(choices: Choices, file_id: bytes) -> Request:
    """Any command but the first, with some of its bytes others."""
    request = choices.pick([each for each in every_command(file_id).values() if each.command != NEGOTIATE])
    body = bytearray(request.body)
    for _ in range(choices.number(4)):
        body[choices.number(len(body) - 1)] = choices.number(255)
    request.body = bytes(body)
    return request


Step = Callable[[Choices, bytes], Request]
STEPS: Final[tuple[Step | None, ...]] = (
    *[_create] * 5,
    lambda _, file_id: commands.close(file_id),
    lambda choices, file_id: commands.read(file_id, choices.number(1 << 40), choices.number(100_000)),
    lambda choices, file_id: commands.write(file_id, choices.pick(OFFSETS), choices.blob(100)),
    _lock,
    lambda choices, file_id: queries.ioctl(
        choices.pick(CODES), choices.blob(100), file_id if choices.number(3) else NO_FILE
    ),
    _listing,
    lambda choices, file_id: queries.query_info(
        file_id, choices.number(5), choices.number(110), choices.number(70_000), choices.number(127)
    ),
    *[
        lambda choices, file_id: queries.set_info(
            file_id, choices.number(5), choices.number(80), choices.blob(120), choices.number(127)
        )
    ]
    * 2,
    _rename,
    _watch,
    _acknowledge,
    _damaged,
    *[None] * 2,
)
REQUESTS: Final = tuple(step for step in STEPS if step is not None)


def kept() -> list[bytes]:
    """The sequences in KEPT."""
    return [base64.b64decode(line) for line in KEPT.read_text().split()]


def keep(folder: Path) -> None:
    """Add the files of a folder to KEPT; the shortest come first."""
    found = {*kept(), *(file.read_bytes() for file in folder.iterdir())}
    ordered = sorted(found, key=lambda each: (len(each), each))
    KEPT.write_text("".join(base64.b64encode(each).decode() + "\n" for each in ordered))


def main(arguments: list[str]) -> int:
    """Play until something breaks or the options say so."""
    if arguments[1:2] == ["--keep"]:
        keep(Path(arguments[2]))
        return 0
    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else None

    def once(data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="smb-sequence-", dir=base) as folder:
            play(data, Path(folder))

    return fuzz(arguments, once)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
