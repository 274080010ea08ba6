#!/usr/bin/env python3
"""Try a server with smbprotocol's own library calls in every dialect, plain, signed and encrypted."""

import argparse
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import add_server_options, chosen_server, stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import Server, ServerError  # noqa: E402 - needs the path set above
from conformance.smbclient import modes  # noqa: E402 - needs the path set above
from conformance.smbprotocol_client.checks import CHECKS, CheckFailed  # noqa: E402 - needs the path set above
from conformance.smbprotocol_client.connecting import Target, WrongMode  # noqa: E402 - needs the path set above


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0 when everything passed, 1 on a failure, 2 when it could not begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_server_options(parser)
    parser.add_argument("--scripts", nargs="+", choices=list(CHECKS), metavar="NAME", help="only these checks")
    parser.add_argument("--modes", nargs="+", choices=sorted(modes.BY_NAME), help="only these modes")
    parser.add_argument("--quick", action="store_true", help=", ".join(modes.QUICK))
    options = parser.parse_args(arguments)
    chosen = options.modes or (modes.QUICK if options.quick else tuple(modes.BY_NAME))
    try:
        with chosen_server(options) as server:
            results = [
                run_check(server, modes.BY_NAME[mode], name) for mode in chosen for name in options.scripts or CHECKS
            ]
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def run_check(server: Server, mode: modes.Mode, name: str) -> Result:
    """One check in one mode, in new folders of its own."""
    begun = time.monotonic()
    target = Target(server, mode, f"py-{name}-{mode.name}")
    folders = [server.shares[share] / target.folder for share in ("data", "ro")]
    message = ""
    try:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            folder.chmod(0o777)  # an attached server may run as anybody
        CHECKS[name](target)
    except (CheckFailed, WrongMode) as error:
        message = f"{name}: {error}"
    except Exception:  # noqa: BLE001 - the library raises nearly anything for a wrong answer
        message = f"{name}: {traceback.format_exc()}"
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return Result(name, mode.name, not message, round(time.monotonic() - begun, 2), message)


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
