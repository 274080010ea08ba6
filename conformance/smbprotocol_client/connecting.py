"""A logged-in smbprotocol connection to a share in one mode, watched on the wire."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smbprotocol import Dialects
from smbprotocol.connection import Connection
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    DirectoryAccessMask,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from conformance.servers import Server
from conformance.smbclient.modes import Mode
from conformance.smbclient.wire_watch import WireWatch

READ_WRITE_DELETE = (
    FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE | FilePipePrinterAccessMask.DELETE
)
SHARE_ALL = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE


@dataclass(frozen=True, slots=True)
class Target:
    """What a check works on: the server, the mode, and the folder of its own on the shares."""

    server: Server
    mode: Mode
    folder: str

    def local(self, name: str = "") -> Path:
        """The local path behind a name in the folder on `data`."""
        return self.server.shares["data"] / self.folder / name

    def remote(self, name: str) -> str:
        """The same as the share knows it."""
        return f"{self.folder}\\{name}" if name else self.folder


class WrongMode(Exception):
    """The conversation was not in the dialect or protection that was asked for."""


@contextmanager
def connected(target: Target) -> Iterator[Connection]:
    """A negotiated connection in the target's dialect; checks at the end how the messages were protected.

    Raises WrongMode at the end of the block.
    """
    with WireWatch(target.server.host, target.server.port) as watch:
        connection = Connection(
            uuid.uuid4(), "127.0.0.1", watch.port, require_signing=target.mode.protection == "signed"
        )
        connection.connect(dialect=target.mode.dialect_number, timeout=20)
        try:
            yield connection
        finally:
            connection.disconnect(close=True)
    problem = watch.observed.problem(target.mode.dialect_number, target.mode.protection)
    if problem and watch.observed.logged_in():
        raise WrongMode(problem)


@contextmanager
def tree(target: Target, share: str = "data") -> Iterator[TreeConnect]:
    """A connected tree of the first user."""
    with connected(target) as connection:
        session = login(target, connection)
        found = TreeConnect(session, f"\\\\{target.server.host}\\{share}")
        connect_tree(found)
        yield found


def connect_tree(found: TreeConnect) -> None:
    """TREE_CONNECT, signed in 3.1.1 even where nothing else is, as [MS-SMB2] 3.2.4.2.4 demands of a client.

    The library leaves that out, so its session is made to sign for this one request.
    """
    session = found.session
    before = session.signing_required
    session.signing_required = before or (session.connection.dialect == Dialects.SMB_3_1_1 and not session.encrypt_data)
    try:
        found.connect()
    finally:
        session.signing_required = before


def login(target: Target, connection: Connection, password: str | None = None) -> Session:
    """A session of the first user. Raises what smbprotocol raises for a refused login."""
    session = Session(
        connection,
        target.server.user,
        target.server.password if password is None else password,
        require_encryption=target.mode.protection == "encrypted",
        auth_protocol="ntlm",
    )
    session.connect()
    return session


def open_file(
    found: TreeConnect,
    name: str,
    disposition: int = CreateDisposition.FILE_OPEN,
    *,
    access: int = READ_WRITE_DELETE,
    share_access: int = SHARE_ALL,
    options: int = CreateOptions.FILE_NON_DIRECTORY_FILE,
) -> Open:
    """Open a file by its path in the share. Raises what smbprotocol raises for the status."""
    opened = Open(found, name)
    opened.create(ImpersonationLevel.Impersonation, access, 0, share_access, disposition, options)
    return opened


def open_folder(found: TreeConnect, name: str, disposition: int = CreateDisposition.FILE_OPEN) -> Open:
    """Open or make a directory by its path in the share."""
    access = (
        DirectoryAccessMask.FILE_LIST_DIRECTORY
        | DirectoryAccessMask.FILE_READ_ATTRIBUTES
        | DirectoryAccessMask.DELETE
        | DirectoryAccessMask.SYNCHRONIZE
    )
    return open_file(found, name, disposition, access=access, options=CreateOptions.FILE_DIRECTORY_FILE)
