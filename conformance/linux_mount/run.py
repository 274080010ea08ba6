#!/usr/bin/env python3
"""Mount shares of this server, or of smbd, with the Linux kernel's own client and use them as programs do.

The kernel is Debian's, unpacked and not installed, in an emulated machine: no root, no module, no right to mount is
needed, but `qemu-system-x86`, `busybox`, `cpio` and `kmod` are. Each way of mounting has a machine of its own.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.linux_mount.host import Host, Silent  # noqa: E402 - needs the path set above
from conformance.linux_mount.image import KERNEL_PACKAGES, ImageError, build  # noqa: E402 - needs the path set above
from conformance.linux_mount.machine import Machine  # noqa: E402 - needs the path set above
from conformance.linux_mount.measure import SERVERS, Spent, table  # noqa: E402 - needs the path set above
from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import CACHE, stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import OursServer, Server, ServerError, SmbdServer  # noqa: E402 - needs the path set above
from conformance.sharing.cut_line import Line  # noqa: E402 - needs the path set above


@dataclass(frozen=True, slots=True)
class Mode:
    """A way of mounting: options of `mount`, how the server is told to sign, what the kernel must show of it."""

    options: str
    signing: str = "required"
    shown: tuple[str, ...] = ()
    links: str = ""  # `symlinks` of the share


# DebugData shows "Dialect 0x311 signed posix" when it signs, the last word for what the server can do.
MODES: Final = {
    "3.1.1": Mode("vers=3.1.1,mfsymlinks", shown=("Dialect 0x311 signed",)),
    "plain": Mode("vers=3.1.1,mfsymlinks", "enabled", shown=("Dialect 0x311 posix",)),
    "sealed": Mode("vers=3.1.1,seal,mfsymlinks", shown=("Dialect 0x311 signed", ",seal,")),
    "posix": Mode("vers=3.1.1,posix", shown=(",posix,",)),
    "uncached": Mode("vers=3.1.1,cache=none,mfsymlinks", shown=("Dialect 0x311 signed",)),
    "3.0": Mode("vers=3.0,mfsymlinks", shown=("Dialect 0x300 signed",)),
    "3.0-sealed": Mode("vers=3.0,seal,mfsymlinks", shown=("Dialect 0x300 signed", ",seal,")),
    "links": Mode("vers=3.1.1", shown=("Dialect 0x311 signed",), links="shown"),
    "2.1": Mode("vers=2.1,mfsymlinks", shown=("Dialect 0x210 signed",)),
}
COMMON: Final = "nosharesock,serverino,mapposix,iocharset=utf8,hard,actimeo=0"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything passed, 1 on a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modes", nargs="+", choices=list(MODES), default=list(MODES), metavar="MODE")
    parser.add_argument("--checks", nargs="+", default=[], metavar="PART.NAME", help="only these")
    parser.add_argument("--server", choices=("ours", "smbd"), default="ours")
    parser.add_argument("--measure", type=int, default=0, metavar="ROUNDS", help="the CPU of both servers instead")
    parser.add_argument("--options", default=COMMON, help=f"options of each mount (default: {COMMON})")
    parser.add_argument(
        "--kernel", nargs="+", default=KERNEL_PACKAGES, metavar="PACKAGE", help="the first that is known"
    )
    parser.add_argument("--packages", type=Path, default=CACHE, help=f"keeps the kernel (default: {CACHE})")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(arguments)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="smb-linux-") as work:
        try:
            kernel, image = build(Path(work), options.packages, options.kernel)
        except ImageError as problem:
            print(problem)
            return 1
        if options.measure:
            return measure(kernel, image, Path(work), options)
        for name in options.modes:
            found, _ = run_mode(name, options.server, kernel, image, Path(work), options)
            print(f"{name}: {sum(result.ok for result in found)} of {len(found)}", flush=True)
            results += found
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def measure(kernel: Path, image: Path, work: Path, options: argparse.Namespace) -> int:
    """Both servers in turn; 1 when either of them failed."""
    for name in options.modes:
        rounds: dict[str, list[Spent]] = {server: [] for server in SERVERS}
        for turn in range(options.measure):
            for server in SERVERS if turn % 2 == 0 else SERVERS[::-1]:
                results, spent = run_mode(name, server, kernel, image, work, options)
                if not all(result.ok for result in results):
                    print(summary(results))
                    return 1
                rounds[server].append(spent)
        print(f"{name}: microseconds of CPU a unit\n{table(rounds)}\n", flush=True)
    return 0


def run_mode(
    name: str, server_kind: str, kernel: Path, image: Path, work: Path, options: argparse.Namespace
) -> tuple[list[Result], Spent]:
    """All checks, or workloads, of one way of mounting; one failed result more when the machine fell silent."""
    mode = MODES[name]
    begun = time.monotonic()
    results: list[Result] = []
    spent: Spent = {}
    try:
        with _server(server_kind, mode) as server, Line(server) as line:
            told = {
                "port": line.port,
                "share": "data",
                "options": f"username={server.user},password={server.password},{mode.options},{options.options}",
                "only": options.checks,
                "links_are_shown": mode.links == "shown",
                "measure": options.measure > 0,
            }
            host = Host(name, line, server.shares["data"], told, server.cpu_seconds)
            results, spent = host.results, host.spent
            with Machine(kernel, image, work / "console", host.port) as machine:
                try:
                    host.serve(machine.runs)
                except Silent as problem:
                    raise ServerError(f"{problem}\n{machine.console()}") from None
                finally:
                    host.close()
            missing = [text for text in mode.shown if text not in host.mounts + host.debug]
            unknown = set(options.checks) - {result.script for result in results}
            if unknown and host.debug:
                raise ServerError(f"no such check: {', '.join(sorted(unknown))}")
            if missing and host.debug:
                raise ServerError(f"mounted otherwise, not found: {missing}\n{host.mounts}{host.debug}")
    except (ServerError, OSError) as problem:
        results.append(Result("machine", name, False, round(time.monotonic() - begun, 1), str(problem)))
    return results, spent


def _server(kind: str, mode: Mode) -> AbstractContextManager[Server]:
    if kind == "smbd":
        return SmbdServer(global_lines=["server signing = mandatory"] if mode.signing == "required" else [])
    return OursServer(signing=mode.signing, share_options={"data": f"symlinks={mode.links}"} if mode.links else None)


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
