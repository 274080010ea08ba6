#!/usr/bin/env python3
"""Many clients open, lock and break one file for a while; one takes its open back after its line was cut."""

import argparse
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.client.protocol import ProtocolFailure, StatusFailure  # noqa: E402 - needs the path set above
from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import add_server_options, chosen_server, stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import Server, ServerError  # noqa: E402 - needs the path set above
from conformance.sharing import cut_line  # noqa: E402 - needs the path set above
from conformance.sharing.many_clients import COUNTER, Broken, Client, Model  # noqa: E402 - needs the path set above

JOIN_WITHIN: Final = 90.0  # seconds after the end: longer than a break that nobody answers


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything held, 1 when not, 2 when it could not begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_server_options(parser)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(arguments)
    clients, seconds = options.clients, options.seconds
    try:
        with chosen_server(options) as server:
            results = [
                _result("cut-line", "1 client", lambda: _cut_line(server)),
                _result("many-clients", f"{clients} clients", lambda: run(server, clients, seconds)),
            ]
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def _result(name: str, mode: str, check: Callable[[], str]) -> Result:
    begun = time.monotonic()
    message = check()
    return Result(name, mode, not message, time.monotonic() - begun, message)


def _cut_line(server: Server) -> str:
    try:
        cut_line.check(server)
    except (Broken, ProtocolFailure, StatusFailure) as problem:
        return str(problem)
    return ""


def run(server: Server, clients: int, seconds: float) -> str:
    """What went wrong; empty when nothing did."""
    (server.shares["data"] / COUNTER).write_bytes(bytes(8))
    model = Model()
    problems: list[str] = []
    everybody = [Client(server, model, number) for number in range(clients)]
    until = time.monotonic() + seconds

    def work(client: Client) -> None:
        try:
            client.run(until)
        except Exception:  # noqa: BLE001 - whatever it is, it is the result of this run
            problems.append(f"client {client.number}: {traceback.format_exc(limit=3)}")

    threads = [threading.Thread(target=work, args=(client,), daemon=True) for client in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until + JOIN_WITHIN - time.monotonic()))
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        problems.append(f"{stuck} clients wait for ever")
    for client in everybody:
        client.close()
    found = int.from_bytes((server.shares["data"] / COUNTER).read_bytes(), "little")
    if found != model.counted:
        problems.append(f"{model.counted} increments under the lock, the file says {found}")
    if not problems and not model.counted:
        problems.append("nothing was counted at all")
    print(", ".join(f"{what} {count}" for what, count in sorted(model.done.items())))
    return "\n".join(problems[:5])


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
