#!/usr/bin/env python3
"""Try this server, or smbd, with the libraries that phones, televisions and programs use, in all that they speak.

The libraries come from their languages' registries into a folder of their own (`--packages`); see README.md for the
adaptors. The server is told the mode, so that a library that cannot be told is in it all the same.
"""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.libraries.checks import CHECKS, CheckFailed, Target, clear  # noqa: E402 - needs the path set above
from conformance.libraries.driver import Adaptor, Broken, Cannot, Refused  # noqa: E402 - needs the path set above
from conformance.libraries.known import ANY, LIBRARIES, BuildError, Library  # noqa: E402 - needs the path set above
from conformance.libraries.measure import Times, measure  # noqa: E402 - needs the path set above
from conformance.libraries.measure import table as table_of_times  # noqa: E402 - needs the path set above
from conformance.report import Result, table, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import CACHE, stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import OursServer, Server, ServerError, SmbdServer  # noqa: E402 - needs the path set above
from conformance.smbclient import modes  # noqa: E402 - needs the path set above

# One of each: the newest protected in both ways, the oldest, and what the library takes by itself.
QUICK: Final = (ANY, "3.1.1-signed", "3.1.1-encrypted", "2.0.2-signed")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything passed, 1 on a failure, 2 when a library could not be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--libraries", nargs="+", choices=list(LIBRARIES), metavar="NAME", help=", ".join(LIBRARIES))
    parser.add_argument("--modes", nargs="+", metavar="MODE", help="DIALECT-PROTECTION or any")
    parser.add_argument("--checks", nargs="+", choices=list(CHECKS), default=list(CHECKS), metavar="CHECK")
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)}, or fewer")
    parser.add_argument("--server", choices=("ours", "smbd"), default="ours")
    parser.add_argument("--measure", type=int, default=0, metavar="ROUNDS", help="times with both servers instead")
    parser.add_argument("--packages", type=Path, default=CACHE, help=f"keeps the libraries (default: {CACHE})")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(arguments)
    chosen = options.libraries or [name for name, library in LIBRARIES.items() if library.ordinary]
    results: list[Result] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="smb-libraries-") as work:
        for name in chosen:
            library = LIBRARIES[name]
            try:
                library.kit.build(options.packages)
            except BuildError as problem:
                print(f"{name}: {problem}", flush=True)
                missing.append(name)
                continue
            if options.measure:
                continue
            wanted = quick_modes(library) if options.quick else library.modes
            if options.modes is not None:
                wanted = tuple(mode for mode in wanted if mode in options.modes)
            found = [result for mode in wanted for result in run_mode(library, mode, Path(work), options)]
            print(f"{name}\n{table(found)}\n", flush=True)
            results += [Result(f"{name} {r.script}", r.mode, r.ok, r.seconds, r.message) for r in found]
        if options.measure:
            return compare([LIBRARIES[name] for name in chosen if name not in missing], Path(work), options)
    for result in results:
        if not result.ok:
            print(f"FAILED {result.script} in {result.mode}\n{result.message}\n")
    if missing:
        print(f"not there: {', '.join(missing)}")
    failed = sum(not result.ok for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    if options.json is not None:
        write_json(results, options.json)
    return 2 if missing else int(failed > 0)


def compare(libraries: Sequence[Library], work: Path, options: argparse.Namespace) -> int:
    """The times of both servers, mode by mode, each round beginning with the other server; needs root for smbd."""
    for mode in options.modes or ("3.1.1-signed",):
        rounds: dict[str, dict[str, list[Times]]] = {}
        for turn in range(options.measure):
            for kind in ("ours", "smbd") if turn % 2 == 0 else ("smbd", "ours"):
                with started(kind, mode) as server:
                    server.shares["data"].chmod(0o777)
                    for library in libraries:
                        if mode not in library.modes:
                            continue
                        with adaptor_for(library, mode, server, work / "log", options.packages)(
                            "data", server.password
                        ) as adaptor:
                            times = measure(adaptor, server, work, library.cannot)
                        rounds.setdefault(library.name, {}).setdefault(kind, []).append(times)
        print(f"{mode}\n{table_of_times(rounds)}\n", flush=True)
    return 0


def adaptor_for(
    library: Library, mode: str, server: Server, log: Path, packages: Path
) -> Callable[[str, str], Adaptor]:
    """Makes an adaptor of this library for a share, with a password."""
    dialect, _, protection = mode.partition("-")

    def make(share: str, password: str) -> Adaptor:
        wanted = [dialect, protection or ANY] if library.told else [ANY, ANY]
        words = [server.host, str(server.port), server.user, password, share, *wanted]
        return Adaptor([*library.kit.command(packages, library), *words], library.kit.environment(packages), log)

    return make


def quick_modes(library: Library) -> tuple[str, ...]:
    """The modes of --quick."""
    return library.quick or tuple(mode for mode in QUICK if mode in library.modes)


def run_mode(library: Library, mode: str, work: Path, options: argparse.Namespace) -> list[Result]:
    """All checks that the library has the calls for, with a server that speaks this mode and nothing else."""
    log = work / f"{library.name}-{mode}.log"
    results: list[Result] = []
    begun = time.monotonic()
    try:
        with started(options.server, mode) as server:
            for name in options.checks:
                if CHECKS[name][1] & library.cannot:
                    continue
                begun = time.monotonic()
                message = run_check(library, mode, server, name, log, options.packages)
                results.append(Result(name, mode, not message, round(time.monotonic() - begun, 1), message))
    except ServerError as problem:
        results.append(Result("server", mode, False, round(time.monotonic() - begun, 1), str(problem)))
    return results


def run_check(library: Library, mode: str, server: Server, name: str, log: Path, packages: Path) -> str:
    """What was wrong; nothing when it passed, or when it failed as the library is known to, at smbd too."""
    folder = f"{library.name} {name}"
    disk = server.shares["data"] / folder
    local = Path(tempfile.mkdtemp(dir=log.parent))
    another = adaptor_for(library, mode, server, log, packages)
    clear(disk)
    disk.mkdir()
    disk.chmod(0o777)  # smbd acts as somebody else
    log.write_bytes(b"")
    message = ""
    try:
        with another("data", server.password) as adaptor:
            CHECKS[name][0](Target(adaptor, another, server.password, folder, disk, local))
    except CheckFailed as error:
        message = str(error)
    except (Refused, Cannot, Broken) as error:
        message = f"{type(error).__name__}: {error}\n{_place(error)}"
    except (OSError, ValueError) as error:  # what the library did not do, met on the disk
        message = f"{type(error).__name__}: {error}\n{_place(error)}"
    finally:
        clear(disk)
        shutil.rmtree(local, ignore_errors=True)
    known = library.known.get(name)
    if known is None:
        return message
    return "" if message else f"passed, although it is known that {known}"


def started(kind: str, mode: str) -> AbstractContextManager[Server]:
    """A server that takes this mode only, or, for `any`, all that it has."""
    dialect, _, protection = mode.partition("-")
    if kind == "smbd":
        lines = []
        if protection:
            lines = [
                f"server min protocol = {modes.DIALECTS[dialect][0]}",
                f"server max protocol = {modes.DIALECTS[dialect][0]}",
                f"server signing = {'mandatory' if protection == 'signed' else 'auto'}",
                f"server smb encrypt = {'required' if protection == 'encrypted' else 'off'}",
            ]
        return SmbdServer(global_lines=lines)
    if not protection:
        return OursServer()
    return OursServer(
        signing="required" if protection == "signed" else "enabled",
        encryption="required" if protection == "encrypted" else "off",
        min_dialect=dialect,
        max_dialect=dialect,
    )


def _place(error: BaseException) -> str:
    """The line of the check, which says more than the whole stack."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith("checks.py")]
    return "\n".join(f"  {frame.name}, line {frame.lineno}: {frame.line}" for frame in frames)


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
