#!/usr/bin/env python3
"""How long a client's 4 KiB read takes while others keep the server busy with what is slow."""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.client import Options, connect  # noqa: E402 - needs the path set above
from conformance.latency.loads import LOADS, Load, fill  # noqa: E402 - needs the path set above
from conformance.latency.slow_disk import UNCACHED  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import OursServer, ServerError  # noqa: E402 - needs the path set above

PROBED: Final = 64 << 20
SPAN: Final = 4096
SETTLE_SECONDS: Final = 1.0
BAR: Final = ("cold", "flush", "copy")
"""The loads of the bar: reading cold data, flushing, copying on the server."""


class SlowDiskServer(OursServer):
    """Our server as `slow_disk` starts it, with the shares `data` and `slow`."""

    def _prepare(self) -> list[str]:
        self.shares = {name: self.shares["data"].parent / name for name in ("data", "slow")}
        for path in self.shares.values():
            path.mkdir(exist_ok=True)
        shares = [f"{name}={path}" for name, path in self.shares.items()]
        ready = str(self.folder / "ready.json")
        return [self._python, "-m", "conformance.latency.slow_disk", ready, *shares, self.user, self.password]


class Times(NamedTuple):
    """Of one probe, in milliseconds."""

    samples: int
    median: float
    p99: float
    worst: float


class Row(NamedTuple):
    """What one combination of loads did to the two probes; `problems` is empty when the loads went well."""

    loads: tuple[str, ...]
    cached: Times
    uncached: Times
    problems: tuple[str, ...]


def probe(server: OursServer, name: str, seconds: float) -> Times:
    """Reads 4 KiB at random places, one after the other."""
    taken: list[float] = []
    chooser = random.Random(1)
    options = Options(timeout=60.0)
    with connect(server.host, server.port, server.user, server.password, options=options) as session:
        file = session.tree("data").open(name)
        until = time.monotonic() + seconds
        while (begun := time.perf_counter()) and time.monotonic() < until:
            data = file.read(chooser.randrange(PROBED // SPAN) * SPAN, SPAN)
            taken.append((time.perf_counter() - begun) * 1000)
            if len(data) != SPAN:
                raise ServerError(f"a read of {SPAN} bytes gave {len(data)}")
    taken.sort()
    return Times(len(taken), taken[len(taken) // 2], taken[len(taken) * 99 // 100], taken[-1])


def measure(server: OursServer, names: tuple[str, ...], seconds: float) -> Row:
    """Both probes while these loads run."""
    loads = [Load(name, server) for name in names]
    try:
        time.sleep(SETTLE_SECONDS)
        cached, uncached = probe(server, "probed.bin", seconds), probe(server, f"{UNCACHED}.bin", seconds)
    finally:
        problems = tuple(filter(None, [load.stop() for load in loads]))
    return Row(names, cached, uncached, problems)


def _title(loads: tuple[str, ...]) -> str:
    if loads == tuple(LOADS):
        return "all of them"
    return f"{' + '.join(loads) or '(alone)'}{'   (the bar: 5 ms)' * (loads == BAR)}"


def shown(row: Row) -> str:
    """One line of the table."""
    cells = [f"{times.median:7.2f} {times.p99:7.2f} {times.worst:7.1f}" for times in (row.cached, row.uncached)]
    return f"{_title(row.loads):<34} {cells[0]}    {cells[1]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all loads went well and no limit was passed, 1 when not, 2 when it could not begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each probe of each line")
    parser.add_argument("--loads", help=f"only these, all at once: some of {','.join(LOADS)}")
    parser.add_argument("--quick", action="store_true", help="half a second: does everything still work?")
    parser.add_argument(
        "--limit-ms",
        type=float,
        help="fail when a cached read's p99 under the bar's loads, or those of --loads, is longer",
    )
    parser.add_argument("--python", default=sys.executable, help="the Python that runs our server")
    parser.add_argument("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args(arguments)
    plan: list[tuple[str, ...]] = [(), *((name,) for name in LOADS), BAR, tuple(LOADS)]
    if options.quick:
        plan = [BAR, tuple(LOADS)]
    if options.loads:
        plan = [tuple(options.loads.split(","))]
        if unknown := set(plan[0]) - set(LOADS):
            parser.error(f"unknown: {', '.join(sorted(unknown))}")
    seconds = 0.5 if options.quick else options.seconds
    rows = []
    try:
        server = SlowDiskServer(python=options.python, directory=options.directory, read_only=())
        with server:
            data, slow = server.shares["data"], server.shares["slow"]
            fill(data, slow)
            for name in ("probed.bin", f"{UNCACHED}.bin"):
                (data / name).write_bytes(bytes(PROBED))
            print(f"{'milliseconds for 4 KiB':<34} {'cached:  median  p99  worst':>23} {'by a thread: the same':>26}")
            for names in plan:
                rows.append(measure(server, names, seconds))
                print(shown(rows[-1]), flush=True)
            errors = [line for line in server.log().splitlines() if "ERROR" in line or "Traceback" in line]
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    problems = [*(problem for row in rows for problem in row.problems), *errors[:5]]
    for row in rows:
        is_asked = options.loads is not None or row.loads == BAR
        if options.limit_ms is not None and is_asked and row.cached.p99 > options.limit_ms:
            problems.append(f"{row.cached.p99:.2f} ms at the 99th percentile, {options.limit_ms} are allowed")
    if options.json:
        options.json.write_text(json.dumps([row._asdict() for row in rows], indent=1))
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
