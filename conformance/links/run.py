#!/usr/bin/env python3
"""Try symbolic links and previous versions with smbprotocol's `smbclient` module and with Samba's smbclient."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from smbprotocol.exceptions import SMBException  # noqa: E402 - needs the path set above

from conformance.links.checks import CHECKS, Different, prepared  # noqa: E402 - needs the path set above
from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import MEMORY_FOLDER, ServerError  # noqa: E402 - needs the path set above
from conformance.smbclient.client import ClientError  # noqa: E402 - needs the path set above

MODE: Final = "as negotiated"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything passed, 1 on a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", nargs="+", choices=list(CHECKS), metavar="NAME", help="only these checks")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args(arguments)
    results = [run_check(name) for name in options.scripts or CHECKS]
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if all(result.ok for result in results) else 1


def run_check(name: str) -> Result:
    """One check with a server and folders of its own."""
    begun = time.monotonic()
    message = ""
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-links-", dir=base) as work:
        try:
            with prepared(Path(work)) as server:
                CHECKS[name](Path(work), server)
        except (Different, ServerError, ClientError, SMBException, OSError) as problem:
            message = f"{name}: {problem}"
    return Result(name, MODE, not message, round(time.monotonic() - begun, 2), message)


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
