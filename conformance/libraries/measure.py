"""How long a library takes for ordinary things with this server and with smbd, in turn: what its user waits for."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from conformance.libraries.driver import Adaptor
from conformance.servers import Server

MIB: Final = 1 << 20
LARGE_MIB: Final = 48
ENTRIES: Final = 1000
# Programs that log on for each command take a tenth of a second for it.
REPEATS: Final = 20
Times = dict[str, float]
"""Seconds by workload."""


def measure(adaptor: Adaptor, server: Server, local: Path, lacks: frozenset[str]) -> Times:
    """Seconds for one of each. Raises Refused, Broken. What the library `lacks` is left out."""
    large, small, got = local / "large", local / "small", local / "got"
    large.write_bytes(bytes(range(256)) * (LARGE_MIB * MIB // 256))
    small.write_bytes(b"x" * 1000)
    folder = server.shares["data"] / "entries"
    if not folder.exists():
        folder.mkdir()
        for number in range(ENTRIES):
            (folder / f"entry {number}").touch()
    workloads: tuple[tuple[str, str, int, Callable[[int], object]], ...] = (
        ("stat", "stat", REPEATS, lambda _: adaptor.ask("stat", "entries/entry 5")),
        ("put 1 KB", "put", REPEATS, lambda turn: adaptor.ask("put", small, f"small{turn}")),
        ("get 1 KB", "get", REPEATS, lambda turn: adaptor.ask("get", f"small{turn}", got)),
        ("remove", "remove", REPEATS, lambda turn: adaptor.ask("remove", f"small{turn}")),
        ("list 1,000", "list", 3, lambda _: adaptor.ask("list", "entries")),
        (f"put {LARGE_MIB} MiB", "put", 2, lambda _: adaptor.ask("put", large, "large")),
        (f"get {LARGE_MIB} MiB", "get", 2, lambda _: adaptor.ask("get", "large", got)),
    )
    found: Times = {}
    for name, command, repeats, work in workloads:
        if command in lacks:
            continue
        begun = time.perf_counter()
        for turn in range(repeats):
            work(turn)
        found[name] = (time.perf_counter() - begun) / repeats
    return found


def table(rounds: Mapping[str, Mapping[str, Sequence[Times]]]) -> str:
    """Libraries down, workloads across: milliseconds with ours and smbd, medians, and their quotient."""
    lines: list[str] = []
    for library, by_server in rounds.items():
        lines.append(library)
        for name in by_server["ours"][0]:
            ours, smbd = (
                statistics.median(times[name] for times in by_server[kind]) * 1000 for kind in ("ours", "smbd")
            )
            lines.append(f"  {name:12} {ours:9.1f} {smbd:9.1f}  {ours / smbd:5.2f}")
    return "\n".join(["milliseconds       ours      smbd  ours/smbd", *lines])
