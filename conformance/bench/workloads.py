"""The measured work: each workload prepares, then does one timed run on one server, and says how much it did."""

import multiprocessing
import random
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from struct import Struct
from typing import Final

from conformance.bench.machine import Meter, Spent, touch_memory
from conformance.client import (
    Options,
    ProtocolFailure,
    Session,
    StatusFailure,
    Tree,
    commands,
    connect,
    protocol,
    queries,
)
from conformance.client.connection import message_status
from conformance.client.message import HEADER_SIZE, Request
from conformance.client.protocol import RELATED_FILE_ID
from conformance.servers import StartedServer

MIB: Final = 1 << 20
RUN_SECONDS: Final = 2.0
"""A run stops early after this long unless asked otherwise, so that slow servers cost no more than fast ones."""
LIST_SECONDS: Final = 6.0
"""A listing that is not complete by then counts with what it has."""
ANSWER_SECONDS: Final = 20.0
"""The longest wait for one reply."""
CLIENT_SECONDS: Final = 30.0
"""The longest a run of smbclient may take."""
CONNECTIONS: Final = 32
CLIENTS: Final = 4
"""Processes that the connections are shared among: one alone would be the limit."""
SEED: Final = 1
LISTED: Final = 10_000
_OFFSET: Final = Struct("<Q")
_OFFSET_AT: Final = 4 + HEADER_SIZE + 8
"""Where Offset stands in a framed READ or WRITE."""


class CannotError(Exception):
    """The server cannot do this workload; the text says why."""


@dataclass(frozen=True)
class Target:
    """A running server, its share's folder, and how to speak to it."""

    server: StartedServer
    folder: Path
    options: Options
    smbclient: tuple[str, ...]
    size: int
    files: int
    seconds: float = RUN_SECONDS

    def connect(self) -> Session:
        """A new logged-on session."""
        return connect(self.server.host, self.server.port, self.server.user, self.server.password, options=self.options)


@dataclass(frozen=True)
class Sample:
    """How much was done (`amount` in GiB or thousands of operations) and what it cost."""

    amount: float
    spent: Spent


Workload = Callable[[Target], Sample]


def _pipeline(target: Target, tree: Tree, requests: list[Request], offsets: list[int], span: int) -> Sample:
    """Keeps one prepared request per slot under way until the offsets or the time run out; checks every reply."""
    connection, protection = tree.session.connection, tree.session.protection
    charge = connection.charge_for(span)
    stated = charge if connection.dialect > protocol.SMB_2_0_2 else 0
    frames: deque[bytearray] = deque()
    for request in requests:
        message = tree.request(request).encode(0, stated, charge, 0)
        frames.append(bytearray(len(message).to_bytes(4, "big")) + message)
    waiting: dict[int, bytearray] = {}
    meter, begun = Meter(target.server), time.monotonic()
    done = position = 0
    while position < len(offsets) or waiting:
        while frames and position < len(offsets):
            frame = frames.popleft()
            _OFFSET.pack_into(frame, _OFFSET_AT, offsets[position])
            waiting[connection.send_prepared(frame, charge, protection)] = frame
            position += 1
        message_view, _ = connection.next_message()
        status, _, message_id = message_status(message_view)
        if status == protocol.PENDING:
            continue
        if status != protocol.SUCCESS:
            raise CannotError(f"status {protocol.status_name(status)} at {span} bytes")
        if int.from_bytes(message_view[68:72], "little") != span:
            raise CannotError(f"a reply about another count than {span} bytes")
        frames.append(waiting.pop(message_id))
        done += 1
        if time.monotonic() - begun > target.seconds:
            position = len(offsets)
    return Sample(done * span / (1 << 30), meter.stop())


def _io_size(session: Session, wanted: int) -> int:
    return min(wanted, session.negotiated.max_read, session.negotiated.max_write, MIB if wanted > 65536 else wanted)


def sequential_read(depth: int) -> Workload:
    """Reads the big file from the start, `depth` requests under way."""

    def run(target: Target) -> Sample:
        with target.connect() as session:
            tree = session.tree("data")
            file = tree.open("big.bin")
            size = _io_size(session, MIB)
            requests = [commands.read(file.file_id, 0, size) for _ in range(depth)]
            return _pipeline(target, tree, requests, list(range(0, target.size, size)), size)

    return run


def _memory_for(target: Target, written: str) -> None:
    """Removes the file of the last run, and sees that memory for the next one is there. Not timed."""
    (target.folder / written).unlink(missing_ok=True)
    touch_memory(2 * target.size)


def sequential_write(depth: int) -> Workload:
    """Writes a file from the start, `depth` requests under way."""

    def run(target: Target) -> Sample:
        _memory_for(target, "written.bin")
        with target.connect() as session:
            tree = session.tree("data")
            file = tree.create("written.bin")
            size = _io_size(session, MIB)
            requests = [commands.write(file.file_id, 0, bytes(size)) for _ in range(depth)]
            return _pipeline(target, tree, requests, list(range(0, target.size, size)), size)

    return run


def random_read(depth: int) -> Workload:
    """Reads 4 KiB at random places; the amount is thousands of reads."""

    def run(target: Target) -> Sample:
        with target.connect() as session:
            tree = session.tree("data")
            file = tree.open("big.bin")
            chooser = random.Random(SEED)
            offsets = [chooser.randrange(target.size // 4096) * 4096 for _ in range(20_000)]
            requests = [commands.read(file.file_id, 0, 4096) for _ in range(depth)]
            sample = _pipeline(target, tree, requests, offsets, 4096)
            return Sample(sample.amount * (1 << 30) / 4096 / 1000, sample.spent)

    return run


def _each(target: Target, tree: Tree, action: Callable[[Tree, int], None]) -> Sample:
    """Does an action for file 0, 1, 2, ... until the files or the time run out."""
    meter, begun, done = Meter(target.server), time.monotonic(), 0
    while done < target.files and time.monotonic() - begun < target.seconds:
        action(tree, done)
        done += 1
    return Sample(done / 1000, meter.stop())


def _fresh(target: Target, content: bytes | None) -> None:
    """Empties the folder of small files, and fills it again when there is content. Not timed."""
    folder = target.folder / "small"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    if content is not None:
        for number in range(target.files):
            (folder / f"f{number}").write_bytes(content)


def create_small(target: Target) -> Sample:
    """CREATE, WRITE of 1 KiB, CLOSE: three round trips per file."""
    _fresh(target, None)
    touch_memory(64 * MIB)
    data = bytes(1024)

    def action(tree: Tree, number: int) -> None:
        with tree.create(f"small\\f{number}") as file:
            file.write(0, data)

    with target.connect() as session:
        return _each(target, session.tree("data"), action)


def stat_small(target: Target) -> Sample:
    """CREATE, QUERY_INFO, CLOSE: three round trips per file."""
    _fresh(target, bytes(1024))

    def action(tree: Tree, number: int) -> None:
        with tree.open(f"small\\f{number}", access=protocol.READ_ATTRIBUTES) as file:
            file.query(protocol.INFO_FILE, queries.FILE_NETWORK_OPEN, 56)

    with target.connect() as session:
        return _each(target, session.tree("data"), action)


def stat_compound(target: Target) -> Sample:
    """The same three requests as one compound per file."""
    _fresh(target, bytes(1024))

    def action(tree: Tree, number: int) -> None:
        for reply in tree.call_compound(_stat_chain(number)):
            reply.check()

    with target.connect() as session:
        return _each(target, session.tree("data"), action)


def _stat_chain(number: int) -> list[Request]:
    return [
        commands.create(f"small\\f{number}", access=protocol.READ_ATTRIBUTES, disposition=protocol.OPEN),
        queries.query_info(RELATED_FILE_ID, protocol.INFO_FILE, queries.FILE_NETWORK_OPEN, 56),
        commands.close(RELATED_FILE_ID),
    ]


def delete_small(target: Target) -> Sample:
    """CREATE with DELETE_ON_CLOSE, CLOSE."""
    _fresh(target, bytes(1024))

    def action(tree: Tree, number: int) -> None:
        tree.open(f"small\\f{number}", access=protocol.DELETE, options=protocol.DELETE_ON_CLOSE).close()

    with target.connect() as session:
        return _each(target, session.tree("data"), action)


def list_many(target: Target) -> Sample:
    """Lists a folder of 10,000 files; the amount is thousands of entries."""
    names: list[str] = []
    with target.connect() as session:
        tree = session.tree("data")
        directory = tree.open("many", options=protocol.DIRECTORY_FILE)
        meter, begun = Meter(target.server), time.monotonic()
        flags, complete = queries.RESTART_SCANS, False
        while not complete and time.monotonic() - begun < LIST_SECONDS:
            reply = tree.call(queries.query_directory(directory.file_id, flags=flags))
            complete = reply.check(protocol.SUCCESS, protocol.NO_MORE_FILES).status == protocol.NO_MORE_FILES
            if not complete:
                names += [entry.name for entry in queries.decode_entries(queries.decode_buffer(reply))]
            flags = 0
        spent = meter.stop()
    if len(set(names)) != len(names) or (complete and len(names) not in (LISTED, LISTED + 2)):
        raise CannotError(f"lists {len(names)} names, {len(set(names))} different ones, of {LISTED}")
    return Sample(len(names) / 1000, spent)


def connect_logon(target: Target) -> Sample:
    """Connect, NEGOTIATE, logon, TREE_CONNECT, hang up; the amount is thousands of logons."""
    meter, begun, done = Meter(target.server), time.monotonic(), 0
    while done < 50 and time.monotonic() - begun < target.seconds:
        with target.connect() as session:
            session.tree("data")
        done += 1
    return Sample(done / 1000, meter.stop())


def smbclient(verb: str) -> Workload:
    """One `get` or `put` of the big file by smbclient; the client's CPU includes smbclient's."""

    def run(target: Target) -> Sample:
        if verb == "put":
            _memory_for(target, "put.bin")
        server = target.server
        local = "/dev/null" if verb == "get" else str(target.folder / "big.bin")
        line = f"get big.bin {local}" if verb == "get" else f"put {local} put.bin"
        command = [
            "smbclient",
            f"//{server.host}/data",
            "-p",
            str(server.port),
            "-U",
            f"{server.user}%{server.password}",
        ]
        meter = Meter(server)
        try:
            done = subprocess.run(
                [*command, *target.smbclient, "-c", line], capture_output=True, text=True, timeout=CLIENT_SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise CannotError(f"not done after {CLIENT_SECONDS:g} s") from None
        spent = meter.stop()
        if done.returncode != 0 or "NT_STATUS_" in done.stdout + done.stderr:
            raise CannotError("smbclient: " + (done.stdout + done.stderr).strip().splitlines()[-1][:120])
        return Sample(target.size / (1 << 30), spent)

    return run


def mixed(target: Target) -> Sample:
    """32 connections, each with one small request under way: 4 KiB reads, 4 KiB writes, open-query-close in one."""
    _fresh(target, bytes(1024))
    context = multiprocessing.get_context("fork")
    begin = context.Event()
    ends = [context.Pipe(duplex=False) for _ in range(CLIENTS)]
    processes = [
        context.Process(target=_mix, args=(target, number, begin, theirs), daemon=True)
        for number, (_, theirs) in enumerate(ends)
    ]
    for process in processes:
        process.start()
    try:
        for ours, theirs in ends:
            theirs.close()
            _told(ours)
        meter = Meter(target.server)
        begin.set()
        done = sum(_told(ours) for ours, _ in ends)
        for process in processes:  # their CPU counts once they are waited for
            process.join(ANSWER_SECONDS)
        return Sample(done / 1000, meter.stop())
    finally:
        for process in processes:
            process.kill()
            process.join()


def _told(end: Connection) -> int:
    """What a client process says. Raises CannotError with its reason."""
    if not end.poll(ANSWER_SECONDS):
        raise CannotError("a client of 32 connections does not answer")
    try:
        said = end.recv()
    except EOFError:
        raise CannotError("a client of 32 connections has ended") from None
    if isinstance(said, str):
        raise CannotError(said)
    return int(said)


def _mix(target: Target, number: int, begin: Event, told: Connection) -> None:
    """One client process: says 0 when its connections stand, and at the end how many requests were answered."""
    try:
        chooser, done = random.Random(number), 0
        trees = [target.connect().tree("data") for _ in range(CONNECTIONS // CLIENTS)]
        files = [tree.open("big.bin") for tree in trees]
        written = [tree.create(f"small\\w{number}-{index}") for index, tree in enumerate(trees)]
        told.send(0)
        begin.wait(ANSWER_SECONDS)
        until = time.monotonic() + target.seconds
        while time.monotonic() < until:
            sent = []
            for index, tree in enumerate(trees):
                offset = chooser.randrange(target.size // 4096) * 4096
                match chooser.randrange(4):
                    case 0:
                        chain = _stat_chain(chooser.randrange(target.files))
                        ids = tree.session.connection.submit_compound([tree.request(each) for each in chain])
                    case 1:
                        ids = [tree.submit(commands.write(written[index].file_id, offset % MIB, bytes(4096)))]
                    case _:
                        ids = [tree.submit(commands.read(files[index].file_id, offset, 4096))]
                sent.append(ids)
            for tree, ids in zip(trees, sent, strict=True):
                for message_id in ids:
                    tree.session.connection.wait(message_id).check()
                done += 1
        told.send(done)
    except (ProtocolFailure, StatusFailure, OSError) as error:
        told.send(str(error) or type(error).__name__)


WORKLOADS: Final[dict[str, tuple[Workload, str]]] = {
    "seqread_1M_d1": (sequential_read(1), "GiB"),
    "seqread_1M_d8": (sequential_read(8), "GiB"),
    "seqwrite_1M_d1": (sequential_write(1), "GiB"),
    "seqwrite_1M_d8": (sequential_write(8), "GiB"),
    "randread_4K_d1": (random_read(1), "kop"),
    "randread_4K_d16": (random_read(16), "kop"),
    "create_1K": (create_small, "kop"),
    "stat": (stat_small, "kop"),
    "stat_compound": (stat_compound, "kop"),
    "list_10000": (list_many, "kop"),
    "delete": (delete_small, "kop"),
    "connect": (connect_logon, "kop"),
    "mixed_32": (mixed, "kop"),
    "smbclient_get": (smbclient("get"), "GiB"),
    "smbclient_put": (smbclient("put"), "GiB"),
}
