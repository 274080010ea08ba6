"""What a mount is used for, in units: the host looks at its server's CPU before and after each."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from conformance.linux_mount.guest.place import Host

MIB = 1 << 20
LARGE = 192  # MiB
FILES = 400


def run(first: Path, second: Path, host: Host) -> None:
    """Each workload once, by one client what the other one has not in its cache."""
    data = os.urandom(MIB)
    names = [f"file{number:03}" for number in range(FILES)]
    for base in (first, second):
        list(base.iterdir())  # what comes first, once, is nobody's
    workloads: tuple[tuple[str, int, Callable[[], object]], ...] = (
        ("write, MiB", LARGE, partial(_write, first / "large", data)),
        ("read, MiB", LARGE, partial(_read, second / "large")),
        ("write 1 KiB file", FILES, partial(_each, names, lambda name: (first / name).write_bytes(data[:1024]))),
        ("stat", FILES, partial(_each, names, lambda name: (second / name).stat())),
        ("read 1 KiB file", FILES, partial(_each, names, lambda name: (second / name).read_bytes())),
        ("rename", FILES, partial(_each, names, lambda name: (first / name).rename(first / f"{name}.new"))),
        ("remove", FILES, partial(_each, names, lambda name: (first / f"{name}.new").unlink())),
    )
    for name, units, work in workloads:
        host.ask("workload", name="", units=0)
        work()
        host.ask("workload", name=name, units=units)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for _ in range(LARGE):
            file.write(data)
        os.fsync(file.fileno())


def _read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(MIB):
            pass


def _each(names: list[str], work: Callable[[str], object]) -> None:
    for name in names:
        work(name)
