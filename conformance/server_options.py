"""The command-line options that say which server a conformance run is against, and that server."""

import argparse
import os
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from conformance.servers import (
    DEFAULT_USERS,
    REPOSITORY,
    AttachedServer,
    OursServer,
    Server,
    ServerError,
    SmbdServer,
)

# What a run has downloaded or built, for the next one.
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smbserver-conformance"


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Options to start our server or smbd, or to attach to one that runs already; and --json."""
    parser.add_argument("--server", choices=("ours", "smbd"), default="ours", help="which server to start")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs our server")
    parser.add_argument("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    parser.add_argument("--attach", nargs=2, metavar=("HOST", "PORT"), help="use a server that runs already")
    parser.add_argument("--user", default="tester")
    parser.add_argument("--password", default=DEFAULT_USERS["tester"])
    parser.add_argument("--second-user", default="second")
    parser.add_argument("--second-password", default=DEFAULT_USERS["second"])
    parser.add_argument("--data-dir", type=Path, help="with --attach: the local folder behind the share data")
    parser.add_argument("--ro-dir", type=Path, help="with --attach: the local folder behind the share ro")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results as JSON")


def stop_on_sigterm() -> None:
    """Make SIGTERM end this program as Ctrl-C does, through its `with` blocks."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def chosen_server(options: argparse.Namespace) -> AbstractContextManager[Server]:
    """The server that the options name, running inside a `with` block. Raises ServerError."""
    users = {options.user: options.password, options.second_user: options.second_password}
    if options.attach is not None:
        if options.data_dir is None or options.ro_dir is None:
            raise ServerError("--attach needs --data-dir and --ro-dir")
        host, port = options.attach
        shares = {"data": options.data_dir.resolve(), "ro": options.ro_dir.resolve()}
        attached: Server = AttachedServer(host=host, port=int(port), users=users, shares=shares)
        return nullcontext(attached)
    if options.server == "smbd":
        return SmbdServer(users=users)
    # The plain modes need a server that does not insist on signatures; the wire check tells if one was missing.
    return OursServer(directory=options.directory, python=options.python, users=users, signing="enabled")
