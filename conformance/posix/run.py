#!/usr/bin/env python3
"""Try the POSIX extensions of SMB 3.1.1 over TCP, with our own client and, where there is one, with Samba's.

Samba's needs its Python bindings, 4.22 or newer (`--samba-python`), and port 445. Linux's needs the right to mount.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.client.posix import NEGOTIATE  # noqa: E402 - needs the path set above
from conformance.client.protocol import ProtocolFailure, StatusFailure  # noqa: E402 - needs the path set above
from conformance.client.session import Options, connect  # noqa: E402 - needs the path set above
from conformance.posix.checks import CHECKS, Different  # noqa: E402 - needs the path set above
from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import MEMORY_FOLDER, OursServer, ServerError  # noqa: E402 - needs the path set above

SAMBA_CLIENT: Final = Path(__file__).with_name("samba_client.py")
SAMBA_MODE: Final = "3.1.1-signed"
NO_BINDINGS: Final = 2  # its exit code
MODES: Final = {"3.1.1-signed": Options(signing=True), "3.1.1-encrypted": Options(encryption=True)}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything passed, 1 on a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", nargs="+", choices=list(CHECKS), metavar="NAME", help="only these checks")
    parser.add_argument("--samba-python", default="python3", metavar="PYTHON", help="which has Samba's bindings")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(arguments)
    results = [run_check(name, mode) for name in options.scripts or CHECKS for mode in MODES]
    if options.scripts is None:
        results += run_samba(options.samba_python)
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def run_check(name: str, mode: str) -> Result:
    """One check with a server and a folder of its own."""
    begun = time.monotonic()
    message = ""
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-posix-", dir=base) as work:
        folder = Path(work) / "data"
        folder.mkdir(mode=0o755)
        try:
            with OursServer(shares={"data": folder}) as server:
                options = MODES[mode]
                asking = Options(signing=options.signing, encryption=options.encryption, extra_contexts=(NEGOTIATE,))
                with connect(server.host, server.port, server.user, server.password, options=asking) as session:
                    CHECKS[name](folder, session.tree("data"))
        except (Different, ServerError, StatusFailure, ProtocolFailure, OSError) as problem:
            message = f"{name}: {problem}"
    return Result(name, mode, not message, round(time.monotonic() - begun, 2), message)


def run_samba(python: str) -> list[Result]:
    """Samba's client against a server of its own; nothing, and a line that says why, where that cannot be."""
    begun = time.monotonic()
    message = ""
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-posix-", dir=base) as work:
        folder, state = Path(work) / "data", Path(work) / "state"
        folder.mkdir(mode=0o755)
        state.mkdir()
        try:
            with OursServer(shares={"data": folder}, arguments=("--port", "445")) as server:
                command = [python, str(SAMBA_CLIENT), server.host, server.user, server.password]
                done = subprocess.run(
                    [*command, str(folder), str(state)], capture_output=True, text=True, timeout=60, check=False
                )
        except ServerError as problem:
            print(f"without Samba's client: {problem}")
            return []
        if done.returncode == NO_BINDINGS:
            print(f"without Samba's client: {python} has no bindings with POSIX extensions")
            return []
        if done.returncode:
            message = f"samba: {done.stdout}{done.stderr}"
    return [Result("samba", SAMBA_MODE, not message, round(time.monotonic() - begun, 2), message)]


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
