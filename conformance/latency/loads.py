"""What keeps the server busy: each load is a process of its own that goes on until it is told to end."""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from conformance.client import Options, Session, Tree, commands, connect, protocol, queries
from conformance.client.message import Request
from conformance.latency.slow_disk import NAMES, SLOW
from conformance.servers import Server

MIB: Final = 1 << 20
COLD_DEPTH: Final = 32
COLD_NAMES: Final = 100
COPY_CHUNKS: Final = 16
DEEP: Final = 128
LARGE: Final = 512 * MIB
LISTED: Final = 20_000
BIG: Final = 256 * MIB
ANSWER_SECONDS: Final = 60.0
STOP_SECONDS: Final = 90.0

_FSCTL_RESUME_KEY: Final = 0x00140078
_FSCTL_COPYCHUNK: Final = 0x001440F2
_ALLOCATION: Final = 19
_END_OF_FILE: Final = 20


class Ended(Exception):
    """The load has been told to end."""


class Place(NamedTuple):
    """Where a load works: the server's address and user, and the local folder of the share `data`."""

    host: str
    port: int
    user: str
    password: str
    folder: Path

    def session(self) -> Session:
        """A new logged-on session."""
        return connect(self.host, self.port, self.user, self.password, options=Options(timeout=ANSWER_SECONDS))


def fill(data: Path, slow: Path) -> None:
    """What the loads work on."""
    block = os.urandom(MIB)
    with (data / "big.bin").open("wb") as file:
        for _ in range(BIG // MIB):
            file.write(block)
    (slow / f"{SLOW}.bin").write_bytes(block * 16)
    (slow / NAMES).mkdir()
    for number in range(COLD_NAMES):
        (slow / NAMES / f"{number}").touch()
    (data / "many").mkdir()
    for number in range(LISTED):
        (data / "many" / f"file-{number:05}").touch()


def _round(tree: Tree, requests: list[Request], again: Callable[[], Request]) -> None:
    """Keeps as many requests under way as there are at first; every reply is checked, and makes a new request."""
    connection = tree.session.connection
    waiting = {tree.submit(request) for request in requests}
    while True:
        for message_id in [each for each in waiting if each in connection.replies]:
            connection.replies.pop(message_id).check()
            connection.interims.pop(message_id, None)
            waiting.remove(message_id)
            waiting.add(tree.submit(again()))
        connection.pump()


def cold(place: Place) -> None:
    """Reads 64 KiB pieces of a file that is never in the cache, many under way."""
    with place.session() as session:
        tree = session.tree("slow")
        file = tree.open(f"{SLOW}.bin")
        _round(
            tree,
            [commands.read(file.file_id, number * 65536, 65536) for number in range(COLD_DEPTH)],
            lambda: commands.read(file.file_id, 0, 65536),
        )


def walk(place: Place) -> None:
    """Opens files whose names are never in the cache, four under way."""
    with place.session() as session:
        tree = session.tree("slow")
        number = 0
        while True:
            requests = []
            for _ in range(4):
                number += 1
                name = f"{NAMES}\\{number % COLD_NAMES}"
                requests.append(commands.create(name, access=protocol.READ_ATTRIBUTES, disposition=protocol.OPEN))
            for message in [tree.submit(request) for request in requests]:
                reply = session.connection.wait(message).check()
                tree.call(commands.close(commands.decode_create(reply).file_id)).check()


def flush(place: Place) -> None:
    """Writes a page, waits for the disk, and again."""
    with place.session() as session, session.tree("slow").create(f"{SLOW}.log") as file:
        while True:
            file.write(0, bytes(4096))
            file.flush()


def throttled(place: Place) -> None:
    """Writes more than the disk can take: 64 KiB, eight under way, each held back."""
    with place.session() as session:
        tree = session.tree("slow")
        file = tree.create(f"{SLOW}.written")
        data = bytes(65536)
        _round(
            tree,
            [commands.write(file.file_id, number * 65536, data) for number in range(8)],
            lambda: commands.write(file.file_id, 0, data),
        )


def copy(place: Place) -> None:
    """Copies a file on the server, 16 MiB in each request, over the same target again and again."""
    with place.session() as session:
        tree = session.tree("data")
        with tree.open("big.bin") as source, tree.create("copy.bin") as target:
            key = queries.decode_ioctl(tree.call(queries.ioctl(_FSCTL_RESUME_KEY, b"", source.file_id)).check())[:24]
            while True:
                for start in range(0, BIG, COPY_CHUNKS * MIB):
                    data = key + COPY_CHUNKS.to_bytes(4, "little") + bytes(4)
                    for offset in range(start, start + COPY_CHUNKS * MIB, MIB):
                        data += 2 * offset.to_bytes(8, "little") + MIB.to_bytes(4, "little") + bytes(4)
                    tree.call(queries.ioctl(_FSCTL_COPYCHUNK, data, target.file_id)).check()


def listing(place: Place) -> None:
    """Lists a folder of 20,000 files with the largest buffer."""
    with place.session() as session:
        tree = session.tree("data")
        while True:
            tree.list_directory("many", length=MIB)


def _made(place: Place, name: str) -> None:
    descriptor = os.open(place.folder / name, os.O_CREAT | os.O_WRONLY)
    os.posix_fallocate(descriptor, 0, LARGE)
    os.close(descriptor)


def delete(place: Place) -> None:
    """Deletes files of 512 MiB; they are made locally."""
    with place.session() as session:
        tree = session.tree("data")
        while True:
            _made(place, "doomed.bin")
            tree.open("doomed.bin", access=protocol.DELETE, options=protocol.DELETE_ON_CLOSE).close()
            time.sleep(0.1)


def truncate(place: Place) -> None:
    """Cuts files of 512 MiB to nothing, by SET_INFO and by an overwriting CREATE in turn."""
    with place.session() as session:
        tree = session.tree("data")
        while True:
            _made(place, "cut.bin")
            with tree.create("cut.bin", disposition=1) as file:
                file.set(protocol.INFO_FILE, _END_OF_FILE, bytes(8))
            _made(place, "cut.bin")
            tree.create("cut.bin", disposition=5).close()


def reserve(place: Place) -> None:
    """Reserves 512 MiB for new files, which are deleted then."""
    with place.session() as session:
        tree = session.tree("data")
        while True:
            access = protocol.GENERIC_WRITE | protocol.DELETE
            options = protocol.DELETE_ON_CLOSE
            with tree.open("reserved.bin", access=access, disposition=3, options=options) as file:
                file.set(protocol.INFO_FILE, _ALLOCATION, LARGE.to_bytes(8, "little"))
            time.sleep(0.1)


def replace(place: Place) -> None:
    """Renames a small file onto one of 512 MiB."""
    with place.session() as session:
        tree = session.tree("data")
        while True:
            _made(place, "replaced.bin")
            with tree.open("new.txt", access=protocol.DELETE | protocol.GENERIC_WRITE, disposition=3) as file:
                file.set(protocol.INFO_FILE, 10, queries.rename_data("replaced.bin", replace=True))


def deep(place: Place) -> None:
    """Reads of 1 MiB from the cache, as many under way as credits allow."""
    with place.session() as session:
        session.connection.credit_target = DEEP * 16
        tree = session.tree("data")
        file = tree.open("big.bin")
        for _ in range(DEEP):
            tree.call(commands.echo()).check()
        ahead = min(DEEP, session.connection.credits // 16)
        _round(
            tree,
            [commands.read(file.file_id, number * MIB, MIB) for number in range(ahead)],
            lambda: commands.read(file.file_id, 0, MIB),
        )


def write(place: Place) -> None:
    """Writes of 1 MiB, eight under way."""
    with place.session() as session:
        tree = session.tree("data")
        file = tree.create("written.bin")
        data = bytes(MIB)
        _round(
            tree,
            [commands.write(file.file_id, number * MIB, data) for number in range(8)],
            lambda: commands.write(file.file_id, 0, data),
        )


LOADS: Final[dict[str, Callable[[Place], None]]] = {
    "cold": cold,
    "walk": walk,
    "flush": flush,
    "throttled": throttled,
    "copy": copy,
    "list": listing,
    "delete": delete,
    "truncate": truncate,
    "reserve": reserve,
    "replace": replace,
    "deep": deep,
    "write": write,
}


class Load:
    """A running load. `stop` ends it and tells what went wrong, "" when nothing did."""

    def __init__(self, name: str, server: Server) -> None:
        """Starts it; the probe begins when it has had a moment to be under way."""
        self.name = name
        place = Place(server.host, server.port, server.user, server.password, server.shares["data"])
        context = multiprocessing.get_context("fork")
        self._outcome, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(name, place, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def stop(self) -> str:
        """SIGTERM, and the outcome."""
        self._process.terminate()
        problem = f"{self.name}: did not end"
        if self._outcome.poll(STOP_SECONDS):
            try:
                problem = str(self._outcome.recv())
            except EOFError:
                problem = f"{self.name}: ended without a word"
        self._process.join(STOP_SECONDS)
        return problem


def _run(name: str, place: Place, outcome: Connection) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, end)
    try:
        LOADS[name](place)
    except Ended:
        outcome.send("")
    except Exception:  # noqa: BLE001 - whatever it is, it is the outcome of this load
        outcome.send(f"{name}: {traceback.format_exc(limit=4)}")
