#!/usr/bin/env python3
"""Write through one server, read through the other, on the same directory: ours and Samba's smbd, both ways."""

import argparse
import importlib
import pkgutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from conformance.client.protocol import ProtocolFailure, StatusFailure  # noqa: E402 - needs the path set above
from conformance.report import Result, summary, write_json  # noqa: E402 - needs the path set above
from conformance.samba_roundtrip import parts  # noqa: E402 - needs the path set above
from conformance.samba_roundtrip.sides import SHARE, Different, Side, side  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import MEMORY_FOLDER, OursServer, ServerError, SmbdServer  # noqa: E402 - needs the path set above

# What an administrator would write who keeps everything in extended attributes.
SMBD_LINES: Final = (
    "ea support = yes",
    "vfs objects = acl_xattr streams_xattr",
    "kernel oplocks = no",
    "kernel share modes = no",
    "posix locking = no",
    # Our server's users are not smbd's: what either makes the other may change.
    "create mask = 0777",
    "force create mode = 0666",
    "force directory mode = 0777",
)
PREFIX: Final = "check_"

Check = Callable[[Side, Side, str], None]  # who writes, who reads, a folder's name in which nobody else works


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when both show the same, 1 when not, 2 when it could not begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", metavar="NAME", help="only these subjects")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs our server")
    parser.add_argument("--directory", type=Path, default=REPOSITORY, help="where our server's package is")
    parser.add_argument("--folder", type=Path, help="where the share is made; default in memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results as JSON")
    options = parser.parse_args(arguments)
    base = options.folder or (MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)
    try:
        with tempfile.TemporaryDirectory(prefix="smb-roundtrip-", dir=base) as folder:
            Path(folder).chmod(0o755)
            results = run(options, Path(folder))
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    print(summary(results))
    if options.json is not None:
        write_json(results, options.json)
    return 0 if results and all(result.ok for result in results) else 1


def run(options: argparse.Namespace, folder: Path) -> list[Result]:
    """Start both servers on `folder` and run every check both ways. Raises ServerError."""
    shares = {SHARE: folder}
    ours = OursServer(directory=options.directory, python=options.python, shares=shares, read_only=())
    smbd = SmbdServer(shares=shares, read_only=(), global_lines=SMBD_LINES)
    with ours, smbd:
        first, second = side("ours", ours), side("samba", smbd)
        results = []
        for number, (name, check) in enumerate(checks(options.parts)):
            for writer, reader in ((first, second), (second, first)):
                place = f"{number}-{writer.name}"
                (folder / place).mkdir(mode=0o777)
                (folder / place).chmod(0o777)
                begun = time.monotonic()
                message = attempt(check, writer, reader, place)
                mode = f"{writer.name}-{reader.name}"
                results.append(Result(name, mode, not message, time.monotonic() - begun, message))
    return results


def checks(wanted: Sequence[str] | None) -> Iterator[tuple[str, Check]]:
    """Every check of the wanted parts by name. Raises ServerError for a part that is not there."""
    known = sorted(module.name for module in pkgutil.iter_modules(parts.__path__))
    unknown = set(wanted or ()) - set(known)
    if unknown:
        raise ServerError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for part in wanted or known:
        module = importlib.import_module(f"{parts.__name__}.{part}")
        for name, check in vars(module).items():
            if name.startswith(PREFIX):
                yield f"{part}.{name.removeprefix(PREFIX)}", check


def attempt(check: Check, writer: Side, reader: Side, place: str) -> str:
    """What went wrong; empty when nothing did."""
    try:
        check(writer, reader, place)
    except (Different, StatusFailure, ProtocolFailure) as problem:
        return f"{problem}\n{traceback.format_exc(limit=-2)}"
    return ""


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
