"""Measures this server, smbd and impacket side by side: `python conformance/bench/run.py`. See README.md."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

if __name__ == "__main__":  # Started as a file: the repository is not on the path then.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from conformance.bench.machine import description
from conformance.bench.results import Row, shown, table
from conformance.bench.workloads import (
    ANSWER_SECONDS,
    LISTED,
    MIB,
    RUN_SECONDS,
    WORKLOADS,
    CannotError,
    Sample,
    Target,
)
from conformance.client import Options, ProtocolFailure, StatusFailure
from conformance.client.protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_CMAC,
    AES_GMAC,
    SMB_2_0_2,
    SMB_2_1,
)
from conformance.servers import REPOSITORY, SMBD, ImpacketServer, OursServer, ServerError, SmbdServer, StartedServer

BASE: Final = Options(timeout=ANSWER_SECONDS)
MODES: Final[dict[str, tuple[Options, tuple[str, ...]]]] = {
    "plain": (BASE, ("--option=client signing=auto",)),
    "signed": (replace(BASE, signing=True, signing_algorithms=(AES_GMAC,)), ("--client-protection=sign",)),
    "signed-cmac": (
        replace(BASE, signing=True, signing_algorithms=(AES_CMAC,)),
        ("--client-protection=sign", "--option=client smb3 signing algorithms=aes-128-cmac"),
    ),
    "signed-hmac": (
        replace(BASE, signing=True, dialects=(SMB_2_0_2, SMB_2_1)),
        ("--client-protection=sign", "-m", "SMB2_10"),
    ),
    "encrypted": (replace(BASE, encryption=True, ciphers=(AES_128_GCM,)), ("--client-protection=encrypt",)),
    "encrypted-ccm": (
        replace(BASE, encryption=True, ciphers=(AES_128_CCM,)),
        ("--client-protection=encrypt", "--option=client smb3 encryption algorithms=aes-128-ccm"),
    ),
}
SERVERS: Final = ("ours", "compiled", "smbd", "smbd-tuned", "impacket")
TUNED: Final = ("use sendfile = yes", "aio read size = 0", "aio write size = 0")
"""What makes smbd's reads and small requests cheaper, at the price of large writes."""
ONCE: Final = ("impacket",)
"""So slow that no second sample is needed."""


def start(name: str, folder: Path, arguments: argparse.Namespace) -> StartedServer:
    """A server of that name that shares `folder` as data; not entered yet."""
    shares = {"data": folder}
    if name == "ours":
        return OursServer(
            python=arguments.python,
            directory=arguments.directory,
            shares=shares,
            read_only=(),
            signing="enabled",
            pure=True,
        )
    if name == "compiled":
        return OursServer(
            python=arguments.python, directory=arguments.compiled, shares=shares, read_only=(), signing="enabled"
        )
    if name == "impacket":
        return ImpacketServer(python=arguments.impacket_python, shares=shares, read_only=())
    lines = ("log level = 0", *(TUNED if name == "smbd-tuned" else ()))
    return SmbdServer(shares=shares, read_only=(), global_lines=lines)


def fill(folder: Path, size: int) -> None:
    """The big file, and the folder that is listed."""
    folder.chmod(0o777)
    block = os.urandom(MIB)
    with (folder / "big.bin").open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    (folder / "many").mkdir()
    for number in range(LISTED):
        (folder / "many" / f"file-{number:05}").touch()


def take(number: int, mode: str, workload: str, name: str, target: Target) -> Row:
    """One sample, or the reason why there is none."""
    work, unit = WORKLOADS[workload]
    row = Row(number, mode, workload, unit, name)
    try:
        sample: Sample = work(target)
    except (CannotError, ProtocolFailure, StatusFailure, OSError) as error:
        return replace(row, cannot=str(error) or type(error).__name__)
    spent = sample.spent
    if sample.amount == 0:
        return replace(row, cannot="nothing was done in the time")
    return replace(
        row,
        rate=sample.amount / spent.wall,
        cpu_per_unit=spent.server_cpu / sample.amount,
        client_busy=spent.client_cpu / spent.wall,
        foreign_cores=spent.foreign_cores,
    )


def versions(names: list[str], impacket_python: str) -> dict[str, str]:
    """What the other servers say their version is."""
    asked = {
        "smbd": [SMBD, "--version"],
        "impacket": [impacket_python, "-c", "from importlib.metadata import version; print(version('impacket'))"],
    }
    found = {}
    for name in names:
        if name in asked:
            with contextlib.suppress(OSError):
                done = subprocess.run(asked[name], capture_output=True, text=True, check=False)
                found[name] = done.stdout.strip()
    return found


def main() -> int:
    """Runs what the command line asks for; returns 1 when no server could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--modes", default="plain,signed,encrypted", help=",".join(MODES))
    parser.add_argument("--servers", help="default: all that are there")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs our server")
    parser.add_argument("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    parser.add_argument("--compiled", type=Path, help="where a compiled build of the package is")
    parser.add_argument("--seconds", type=float, default=RUN_SECONDS, help="the longest a sample takes")
    parser.add_argument("--mib", type=int, default=1024, help="size of the big file")
    parser.add_argument("--impacket-python", default=sys.executable, help="a Python that has impacket")
    parser.add_argument("--json", type=Path, help="where the samples go")
    parser.add_argument("--quick", action="store_true", help="one round, 128 MiB, 300 files")
    arguments = parser.parse_args()
    usual = [name for name in SERVERS if name != "compiled" or arguments.compiled]
    names, modes = arguments.servers.split(",") if arguments.servers else usual, arguments.modes.split(",")
    if "compiled" in names and not arguments.compiled:
        parser.error("--servers compiled needs --compiled DIR")
    workloads = arguments.workloads.split(",")
    for given, known in ((names, SERVERS), (modes, MODES), (workloads, WORKLOADS)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}")
    rounds = 1 if arguments.quick else arguments.rounds
    size, files = (128 * MIB, 300) if arguments.quick else (arguments.mib * MIB, 2000)
    seconds = min(arguments.seconds, 0.3) if arguments.quick else arguments.seconds
    # An ended benchmark must still stop its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    rows: list[Row] = []
    hopeless: set[tuple[str, str, str]] = set()
    about = description() | {
        "versions": versions(names, arguments.impacket_python),
        "rounds": rounds,
        "command": "python " + " ".join(sys.argv),
    }
    with contextlib.ExitStack() as stack:
        base = "/dev/shm" if Path("/dev/shm").is_dir() else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smb-bench-", dir=base)))
        fill(folder, size)
        running: dict[str, StartedServer] = {}
        for name in names:
            try:
                running[name] = stack.enter_context(start(name, folder, arguments))
            except (ServerError, OSError) as error:
                print(f"{name} does not start: {error}", file=sys.stderr)
        names = [name for name in names if name in running]
        for number in range(rounds):
            for mode in modes:
                options, flags = MODES[mode]
                for workload in workloads:
                    for name in names if number % 2 == 0 else names[::-1]:
                        if (mode, workload, name) in hopeless or (number and name in ONCE):
                            continue
                        target = Target(running[name], folder, options, flags, size, files, seconds)
                        row = take(number, mode, workload, name, target)
                        if row.cannot:
                            hopeless.add((mode, workload, name))
                        rows.append(row)
                        told = f"cannot: {row.cannot}" if row.cannot else shown(row)
                        print(f"{number} {mode:13} {workload:15} {name:9} {told}", flush=True)
    if not names:
        return 1
    print(table(rows, names))
    if arguments.json:
        arguments.json.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
