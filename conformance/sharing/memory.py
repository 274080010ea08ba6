#!/usr/bin/env python3
"""What an open file, a lock, a watch and an idle connection cost the server: thousands of each."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.client import Options, connect  # noqa: E402 - needs the path set above
from conformance.client import commands as c  # noqa: E402 - needs the path set above
from conformance.client import queries as q  # noqa: E402 - needs the path set above
from conformance.client.session import Session  # noqa: E402 - needs the path set above
from conformance.server_options import add_server_options, chosen_server, stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import Server, ServerError  # noqa: E402 - needs the path set above

CONNECTIONS: Final = 1000
OPENS: Final = 10_000
LOCKS: Final = 10_000
WATCHES: Final = 1000
LOCKS_PER_REQUEST: Final = 50


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0 when every object could be had, 2 when the server could not be started."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_server_options(parser)
    options = parser.parse_args(arguments)
    try:
        with chosen_server(options) as server:
            for what, count, used in measure(server):
                print(f"{what:<18} {count:>6}   {used / 1024:>8.0f} KiB   {used / count:>8.0f} bytes each")
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def log_on(server: Server) -> Session:
    """A connection that is logged on and does nothing."""
    return connect(server.host, server.port, server.user, server.password, options=Options(timeout=60.0))


def measure(server: Server) -> list[tuple[str, int, int]]:
    """(what, how many, bytes of memory they took), after a first one of each has paid what is paid once."""
    rows: list[tuple[str, int, int]] = []
    session = log_on(server)
    tree = session.tree("data")
    with tree.create("first"):
        before = server.memory()
    files = [tree.create(f"file {number}") for number in range(OPENS)]
    rows.append(("open files", OPENS, server.memory() - before))
    before = server.memory()
    for start in range(0, LOCKS, LOCKS_PER_REQUEST):
        flags = c.LOCK_EXCLUSIVE | c.LOCK_FAIL_IMMEDIATELY
        ranges = [(10 * number, 5, flags) for number in range(start, start + LOCKS_PER_REQUEST)]
        tree.call(c.lock(files[start % 100].file_id, ranges)).check()
    rows.append(("byte-range locks", LOCKS, server.memory() - before))
    for number in range(WATCHES):
        (server.shares["data"] / f"folder {number}").mkdir()
    watched = [tree.open(f"folder {number}", options=1) for number in range(WATCHES)]
    before = server.memory()
    waiting = [tree.submit(q.change_notify(folder.file_id)) for folder in watched]
    session.connection.wait_interim(waiting[-1])
    rows.append(("watches", WATCHES, server.memory() - before))
    # Last, for what they give back would hide the cost of what comes after.
    before = server.memory()
    idle = [log_on(server) for _ in range(CONNECTIONS)]
    rows.append(("idle connections", CONNECTIONS, server.memory() - before))
    for one in [*idle, session]:
        one.close()
    return rows


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
