"""Measures this server, smbd and impacket side by side: `python conformance/bench/run.py`. See README.md."""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

if __name__ == "__main__":  # Started as a file: the repository is not on the path then.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from conformance.bench.machine import FOREIGN_LIMIT, description
from conformance.bench.workloads import ANSWER_SECONDS, LISTED, MIB, WORKLOADS, CannotError, Sample, Target
from conformance.client import Options, ProtocolFailure, StatusFailure
from conformance.client.protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_CMAC,
    AES_GMAC,
    SMB_2_0_2,
    SMB_2_1,
)
from conformance.servers import ImpacketServer, OursServer, ServerError, SmbdServer, StartedServer

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
SERVERS: Final = ("ours", "smbd", "impacket")


@dataclass(frozen=True)
class Row:
    """One sample as it stands in the result file; `cannot` holds the reason when there is none."""

    round: int
    mode: str
    workload: str
    unit: str
    server: str
    rate: float = 0.0
    """Units a second."""
    cpu_per_unit: float = 0.0
    """Server CPU seconds per unit."""
    client_busy: float = 0.0
    """Cores that the client kept busy."""
    foreign_cores: float = 0.0
    cannot: str = ""

    @property
    def disturbed(self) -> bool:
        """Whether others kept the machine busy meanwhile."""
        return self.foreign_cores > FOREIGN_LIMIT


def start(name: str, folder: Path, impacket_python: str) -> StartedServer:
    """A server of that name that shares `folder` as data; not entered yet."""
    shares = {"data": folder}
    if name == "ours":
        return OursServer(shares=shares, read_only=(), signing="enabled")
    if name == "smbd":
        return SmbdServer(shares=shares, read_only=(), global_lines=("log level = 0",))
    return ImpacketServer(python=impacket_python, shares=shares, read_only=())


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


def middle(rows: list[Row]) -> Row | None:
    """Medians of the undisturbed samples, or of all when every one was disturbed (then still marked)."""
    good = [row for row in rows if not row.cannot]
    if not good:
        return None
    good = [row for row in good if not row.disturbed] or good
    median = statistics.median
    return replace(
        good[0],
        rate=median(row.rate for row in good),
        cpu_per_unit=median(row.cpu_per_unit for row in good),
        client_busy=median(row.client_busy for row in good),
        foreign_cores=median(row.foreign_cores for row in good),
    )


def shown(row: Row) -> str:
    """Rate and CPU of one cell; `~` marks a disturbed one."""
    rate = f"{row.rate * 1024:.0f} MiB/s" if row.unit == "GiB" else f"{row.rate * 1000:.0f}/s"
    return f"{rate}{'~' * row.disturbed} {row.cpu_per_unit:.3f} s/{row.unit} cli {row.client_busy:.2f}"


def table(rows: list[Row], names: list[str]) -> str:
    """One line per mode and workload: every server, then the ratios of the first to each other one."""
    lines = []
    for mode, workload in dict.fromkeys((row.mode, row.workload) for row in rows):
        cells, medians = [f"{mode:13} {workload:15}"], {}
        for name in names:
            mine = [row for row in rows if (row.mode, row.workload, row.server) == (mode, workload, name)]
            medians[name] = middle(mine)
            found = medians[name]
            cells.append(f"{name}: " + (shown(found) if found else "cannot: " + mine[0].cannot if mine else "-"))
        first = medians[names[0]]
        for name in names[1:]:
            other = medians[name]
            if first and other:
                cpu = f"{first.cpu_per_unit / other.cpu_per_unit:.2f}" if other.cpu_per_unit else "-"
                cells.append(f"{names[0]}/{name}: rate {first.rate / other.rate:.2f} cpu {cpu}")
        lines.append(" | ".join(cells))
    return "\n".join(lines)


def versions(names: list[str], impacket_python: str) -> dict[str, str]:
    """What the other servers say their version is."""
    asked = {
        "smbd": ["smbd", "--version"],
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
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--impacket-python", default=sys.executable, help="a Python that has impacket")
    parser.add_argument("--json", type=Path, help="where the samples go")
    parser.add_argument("--quick", action="store_true", help="one round, 128 MiB, 300 files")
    arguments = parser.parse_args()
    names, modes = arguments.servers.split(","), arguments.modes.split(",")
    workloads = arguments.workloads.split(",")
    for given, known in ((names, SERVERS), (modes, MODES), (workloads, WORKLOADS)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}")
    rounds = 1 if arguments.quick else arguments.rounds
    size, files = (128 * MIB, 300) if arguments.quick else (1024 * MIB, 2000)
    # An ended benchmark must still stop its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    rows: list[Row] = []
    hopeless: set[tuple[str, str, str]] = set()
    about = description() | {"versions": versions(names, arguments.impacket_python), "rounds": rounds}
    with contextlib.ExitStack() as stack:
        base = "/dev/shm" if Path("/dev/shm").is_dir() else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smb-bench-", dir=base)))
        fill(folder, size)
        running: dict[str, StartedServer] = {}
        for name in names:
            try:
                running[name] = stack.enter_context(start(name, folder, arguments.impacket_python))
            except (ServerError, OSError) as error:
                print(f"{name} does not start: {error}", file=sys.stderr)
        names = [name for name in names if name in running]
        for number in range(rounds):
            for mode in modes:
                options, flags = MODES[mode]
                for workload in workloads:
                    for name in names if number % 2 == 0 else names[::-1]:
                        if (mode, workload, name) in hopeless:
                            continue
                        target = Target(running[name], folder, options, flags, size, files)
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
