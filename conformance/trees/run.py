#!/usr/bin/env python3
"""Write random trees through our own client, read them back through smbprotocol and from the disk: equal.

A tree has names from all of Unicode that the wire can carry, streams, EAs, DACLs, times, attributes and holes. The seed
decides everything; it is printed, and with it the tree that failed.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))  # so that it runs by its path from anywhere

from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402 - needs the path set above
from smbprotocol.connection import Connection  # noqa: E402 - needs the path set above
from smbprotocol.exceptions import SMBException  # noqa: E402 - needs the path set above
from smbprotocol.session import Session  # noqa: E402 - needs the path set above
from smbprotocol.tree import TreeConnect  # noqa: E402 - needs the path set above

from conformance.client import ProtocolFailure, StatusFailure, connect  # noqa: E402 - needs the path set above
from conformance.client.session import Tree as Share  # noqa: E402 - needs the path set above
from conformance.server_options import stop_on_sigterm  # noqa: E402 - needs the path set above
from conformance.servers import MEMORY_FOLDER, OursServer, ServerError  # noqa: E402 - needs the path set above
from conformance.smbprotocol_client.connecting import connect_tree  # noqa: E402 - needs the path set above
from conformance.trees.disk import check_disk  # noqa: E402 - needs the path set above
from conformance.trees.reader import Different, read_tree  # noqa: E402 - needs the path set above
from conformance.trees.tree import Tree, trees  # noqa: E402 - needs the path set above
from conformance.trees.writer import write_tree  # noqa: E402 - needs the path set above

SHARE: Final = "data"
TREES: Final = 80
PROBE: Final = "user.SmbServer.Probe"
FAILURES: Final = (Different, StatusFailure, ProtocolFailure, SMBException, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every tree came back as it was written, or when there is nowhere to keep it; 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=TREES, help=f"how many ({TREES})")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="what decides them (random)")
    parser.add_argument("--shrink", action="store_true", help="look for the smallest tree that fails; takes minutes")
    options = parser.parse_args(arguments)
    base = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="smb-trees-", dir=base) as work:
        folder = Path(work)
        if not keeps_attributes(folder):
            print(f"skipped: the file system of {folder} keeps no extended attributes of users")
            return 0
        folder.chmod(0o755)
        print(f"seed {options.seed}", flush=True)
        begun = time.monotonic()
        try:
            with OursServer(shares={SHARE: folder / SHARE}) as server, sessions(server) as (writer, reader):
                problem = try_trees(server.shares[SHARE], writer, reader, options)
        except (ServerError, ProtocolFailure, SMBException) as error:
            problem = str(error)
    if problem:
        print(f"FAILED, seed {options.seed}\n{problem}")
        return 1
    print(f"{options.trees} trees came back as they were written, in {time.monotonic() - begun:.1f} s")
    return 0


def keeps_attributes(folder: Path) -> bool:
    """Whether the file system has `user.*` attributes."""
    try:
        os.setxattr(folder, PROBE, b"?")
        os.removexattr(folder, PROBE)
    except OSError:
        return False
    return True


@contextmanager
def sessions(server: OursServer) -> Iterator[tuple[Share, TreeConnect]]:
    """The share through our client, and through smbprotocol."""
    connection = Connection(uuid.uuid4(), server.host, server.port)
    with connect(server.host, server.port, server.user, server.password) as session:
        connection.connect(timeout=20)
        try:
            other = Session(connection, server.user, server.password, require_encryption=False, auth_protocol="ntlm")
            other.connect()
            found = TreeConnect(other, f"\\\\{server.host}\\{SHARE}")
            connect_tree(found)
            yield session.tree(SHARE), found
        finally:
            connection.disconnect(close=True)


def try_trees(root: Path, writer: Share, reader: TreeConnect, options: argparse.Namespace) -> str:
    """What went wrong with which tree; empty when nothing did."""
    numbers = count()
    failed: list[str] = []
    phases = (Phase.generate, Phase.shrink) if options.shrink else (Phase.generate,)

    @seed(options.seed)
    @settings(
        max_examples=options.trees,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(trees())
    def round_trip(tree: Tree) -> None:
        folder = f"tree{next(numbers)}"
        try:
            write_tree(writer, tree, folder)
            read_tree(reader, tree, folder)
            check_disk(root, tree, folder)
        except FAILURES as error:
            failed[:] = [f"{type(error).__name__}: {error}", *map(ascii, tree)]
            raise

    try:
        round_trip()
    except FAILURES:
        return "\n".join(failed)
    return ""


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(main())
