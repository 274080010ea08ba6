#!/usr/bin/env python3
"""Whether the server's memory stays within its bars: idle connections, deep queues, a long mixed run."""

import argparse
import itertools
import multiprocessing
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.client import Options, Session, connect  # noqa: E402 - needs the path set above
from conformance.client import commands as c  # noqa: E402 - needs the path set above
from conformance.client import queries as q  # noqa: E402 - needs the path set above
from conformance.client.message import Request  # noqa: E402 - needs the path set above
from conformance.client.protocol import DELETE, DELETE_ON_CLOSE, DIRECTORY_FILE  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import OursServer, ServerError  # noqa: E402 - needs the path set above

MIB: Final = 1 << 20
CONNECTIONS: Final = 1000
IDLE_LIMIT: Final = 150 * MIB
TRANSFER_LIMIT: Final = 100 * MIB
GROWTH_LIMIT: Final = 3 * MIB  # the allocator's own waves; a leak of 100 bytes in each request is more than that
SHAPES: Final = ((1, 64), (8, 32))  # MiB of a request, the largest that there are too; how many are under way
BASE: Final = Options(timeout=60.0)
MODES: Final = {
    "plain": BASE,
    "signed": replace(BASE, signing=True),
    "encrypted": replace(BASE, encryption=True),
}
MIXERS: Final = 4
SAMPLE_SECONDS: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every figure is within its bar, 1 when not, 2 when it could not begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the mixed run; the bar is 600")
    parser.add_argument("--gib", type=float, default=1.0, help="of each transfer")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs our server")
    parser.add_argument("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    options = parser.parse_args(arguments)
    passed = True
    try:
        for what, used, limit in measure(options):
            verdict = "" if used <= limit else "   OVER"
            passed &= used <= limit
            print(f"{what:<48} {used / MIB:>7.1f} MiB of {limit / MIB:.0f}{verdict}", flush=True)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if passed else 1


def measure(options: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """(what, bytes, the bar), each on a fresh server."""

    def server() -> OursServer:
        return OursServer(python=options.python, directory=options.directory, signing="enabled")

    with server() as one:
        with one_of(one, BASE) as session:
            session.tree("data")
            alone = resident(one)
        idle = [log_on(one, BASE) for _ in range(CONNECTIONS)]
        used = resident(one)
        yield f"{CONNECTIONS} idle logged-on connections, resident", used, IDLE_LIMIT
        print(f"  ({alone / MIB:.1f} MiB with one, {(used - alone) / CONNECTIONS / 1024:.1f} KiB for each further one)")
        for each in idle:
            each.close()
    for mode, protection in MODES.items():
        for verb, (mib, depth) in itertools.product(("read", "write"), SHAPES):
            with server() as one:
                peak = transfer(one, protection, verb, int(options.gib * 1024) // mib, mib * MIB, depth)
            yield f"{verb} {options.gib:g} GiB, {depth} x {mib} MiB under way, {mode}", peak, TRANSFER_LIMIT
    with server() as one:
        yield f"growth in {options.seconds:g} s of mixed requests", growth(one, options.seconds), GROWTH_LIMIT


def resident(server: OursServer, field: str = "VmRSS") -> int:
    """Bytes of the server's process, not shared out: the plain reading of the bar."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise ServerError("the server has ended")


def log_on(server: OursServer, options: Options) -> Session:
    """A session with a share."""
    session = connect(server.host, server.port, server.user, server.password, options=options)
    session.tree("data")
    return session


@contextmanager
def one_of(server: OursServer, options: Options) -> Iterator[Session]:
    """The same, closed at the end."""
    session = log_on(server, options)
    try:
        yield session
    finally:
        session.close()


def transfer(server: OursServer, options: Options, verb: str, count: int, size: int, depth: int) -> int:
    """How far the peak is over the idle size, while `count` requests of `size` bytes are answered."""
    credits_each = size // 65536
    (server.shares["data"] / "big.bin").write_bytes(bytes(256 * MIB))
    with one_of(server, options) as session:
        tree = session.tree("data")
        with tree.create("big.bin", disposition=3) as file:
            session.connection.credit_target = depth * credits_each + 512
            for _ in range(8):
                tree.call(c.echo()).check()
            before = resident(server)
            Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # the peak begins anew
            data = bytes(size)
            waiting: deque[int] = deque()
            for number in range(count):
                while len(waiting) >= depth or session.connection.credits < credits_each:
                    session.connection.wait(waiting.popleft()).check()
                offset = number * size % (256 * MIB)
                request: Request = (
                    c.read(file.file_id, offset, size) if verb == "read" else c.write(file.file_id, offset, data)
                )
                waiting.append(tree.submit(request))
            while waiting:
                session.connection.wait(waiting.popleft()).check()
            return max(0, resident(server, "VmHWM") - before)


def growth(server: OursServer, seconds: float) -> int:
    """The middle of the last quarter's samples less the middle of the second's."""
    (server.shares["data"] / "big.bin").write_bytes(bytes(16 * MIB))
    context = multiprocessing.get_context("fork")
    until = time.monotonic() + seconds
    mixers = [
        context.Process(target=mix, args=(server.host, server.port, server.user, server.password, number, until))
        for number in range(MIXERS)
    ]
    for mixer in mixers:
        mixer.start()
    samples = []
    while time.monotonic() < until:
        time.sleep(SAMPLE_SECONDS)
        samples.append(resident(server))
    for mixer in mixers:
        mixer.join(60.0)
        if mixer.exitcode != 0:
            raise ServerError(f"a client of the mixed run ended with {mixer.exitcode}")
    quarter = max(1, len(samples) // 4)
    early, late = statistics.median(samples[quarter : 2 * quarter]), statistics.median(samples[-quarter:])
    print(f"  ({early / MIB:.1f} MiB in the second quarter of the time, {late / MIB:.1f} MiB in the last)")
    return max(0, int(late - early))


def mix(host: str, port: int, user: str, password: str, number: int, until: float) -> None:
    """A bit of everything, on new connections again and again."""
    chooser = random.Random(number)
    while time.monotonic() < until:
        options = MODES[chooser.choice(sorted(MODES))]
        with connect(host, port, user, password, options=options) as session:
            tree = session.tree("data")
            for _ in range(50):
                name = f"{number}-{chooser.randrange(1000)}"
                with tree.create(name) as file:
                    file.write(0, bytes(chooser.randrange(1, 100_000)))
                    file.lock(0, 10, c.LOCK_EXCLUSIVE | c.LOCK_FAIL_IMMEDIATELY)
                    file.query(1, 18)
                with tree.open("big.bin") as file:
                    file.read(chooser.randrange(8) * MIB, chooser.choice((4096, 65536, MIB)))
                with tree.open("", options=DIRECTORY_FILE) as root:
                    waiting = tree.submit(q.change_notify(root.file_id))
                    root.list_directory()
                    session.connection.cancel(session.connection.wait_interim(waiting).message_id)
                    session.connection.wait(waiting)
                tree.open(name, access=DELETE, options=DELETE_ON_CLOSE).close()


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
