"""A password changed by a client over real sockets: in the file, in the running server, and after a restart."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from struct import pack

import pytest

from conformance.client import connect, queries
from conformance.client.protocol import GENERIC_READ, GENERIC_WRITE, StatusFailure
from smbserver.config.password_file import read_password_file
from smbserver.config.settings import Settings, ShareSettings
from smbserver.nt import status
from smbserver.server import Server
from smbserver.wire.ioctl import FSCTL_PIPE_TRANSCEIVE
from tests.auth.test_password_change import change
from tests.rpc.client import BINDS, request
from tests.rpc.reply_reader import unicode_string

CHANGE_PASSWORD = 55


def change_password(port: int, name: str, old: str, new: str) -> int:
    """Log on, change the password, return what the server says."""
    session = connect("127.0.0.1", port, name, old)
    try:
        pipe = session.tree("IPC$").open("samr", access=GENERIC_READ | GENERIC_WRITE)

        def transceive(data: bytes) -> bytes:
            reply = pipe.tree.call(queries.ioctl(FSCTL_PIPE_TRANSCEIVE, data, pipe.file_id, 4280))
            return queries.decode_ioctl(reply.check())

        transceive(BINDS["samr"])
        encrypted, old_hash = change(old, new)
        stub = bytes(4) + unicode_string(name)
        stub += bytes(-len(stub) % 4) + pack("<I", 1) + encrypted + pack("<I", 2) + old_hash + bytes(12)
        return int.from_bytes(transceive(request(CHANGE_PASSWORD, stub))[-4:], "little")
    finally:
        session.connection.close()


def may_log_on(port: int, name: str, password: str) -> bool:
    try:
        connect("127.0.0.1", port, name, password).connection.close()
    except StatusFailure as failure:
        return failure.status != status.LOGON_FAILURE
    return True


@pytest.mark.parametrize("kept", [True, False])
def test_a_password_is_changed_where_it_is_kept_or_not_at_all(tmp_path: Path, kept: bool) -> None:
    file = tmp_path / "passwords"
    file.write_text("ann:old\nbob:bobs\n")
    file.chmod(0o600)
    shares = (ShareSettings("data", str(tmp_path)),)

    async def main() -> None:
        users = read_password_file(str(file))
        settings = Settings(shares, users=users, bind=("127.0.0.1",), port=0, password_file=str(file) if kept else "")
        async with Server(settings) as server:
            port = server.addresses[0][1]
            code = await asyncio.to_thread(partial(change_password, port, "ann", "old", "n:ew"))
            assert code == (status.SUCCESS if kept else status.NOT_SUPPORTED)
            for password, expected in (("n:ew", kept), ("old", not kept)):
                assert await asyncio.to_thread(may_log_on, port, "ann", password) == expected

    asyncio.run(main())
    assert dict(read_password_file(str(file))) == {"ann": "n:ew" if kept else "old", "bob": "bobs"}
