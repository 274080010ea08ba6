#!/usr/bin/env python3
"""Try with smbclient what the host decides: local users, owners, a full disk, a late mount. Skipped without root."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.host.checks import CHECKS, Different, NotHere  # noqa: E402 - needs the path set above
from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import MEMORY_FOLDER, ServerError  # noqa: E402 - needs the path set above
from conformance.smbclient.client import ClientError  # noqa: E402 - needs the path set above

MODE: Final = "as root"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything passed or could not be made here, 1 on a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", nargs="+", choices=list(CHECKS), metavar="NAME", help="only these checks")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("skipped: only root can act as others and mount a disk that is too small")
        return 0
    results = [result for name in options.scripts or CHECKS if (result := run_check(name)) is not None]
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def run_check(name: str) -> Result | None:
    """One check in a folder of its own; None when it cannot be made here."""
    begun = time.monotonic()
    message = ""
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-host-", dir=base) as work:
        Path(work).chmod(0o755)
        try:
            CHECKS[name](Path(work))
        except NotHere as reason:
            print(f"{name}: skipped: {reason}")
            return None
        except (Different, ServerError, ClientError) as problem:
            message = f"{name}: {problem}"
    return Result(name, MODE, not message, round(time.monotonic() - begun, 2), message)


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
