"""The two servers as a check sees them: a client's tree on each, the folder behind both, and how to differ."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from conformance.client.session import Tree, connect
from conformance.servers import StartedServer

SHARE = "data"
SMBCLIENT = "smbclient"


class Different(Exception):
    """The two servers do not say the same, or one does not say what was written through the other."""


class Side(NamedTuple):
    """One server. `folder` is the local folder behind its share, the same one for both sides."""

    name: str
    server: StartedServer
    tree: Tree
    folder: Path

    def smbclient(self, command: str) -> list[str]:
        """What smbclient prints for one command, without empty lines. Raises Different when it fails."""
        server = self.server
        user = f"-U{server.user}%{server.password}"
        arguments = [SMBCLIENT, f"//{server.host}/{SHARE}", "-p", str(server.port), user, "-c", command]
        done = subprocess.run(arguments, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise Different(f"{self.name}: smbclient {command!r}: {done.stdout}{done.stderr}")
        return [line for line in done.stdout.splitlines() if line.strip()]


def side(name: str, server: StartedServer) -> Side:
    """Log on as the server's first user."""
    session = connect(server.host, server.port, server.user, server.password)
    return Side(name, server, session.tree(SHARE), server.shares[SHARE])


def same(what: str, written: object, shown: object) -> None:
    """Raises Different unless the two are equal."""
    if written != shown:
        raise Different(f"{what}: written {written!r}, shown {shown!r}")
