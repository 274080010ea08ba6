"""Error replies as dispatch makes them: where error data goes at which dialect, and what is never answered."""

from __future__ import annotations

import pytest

from conformance.client.message import Request
from conformance.client.protocol import NoAnswer
from conformance.client.session import ALL_DIALECTS, Options
from smbserver.nt import descriptor, status
from smbserver.wire import error, header, query_info
from tests.harness import World


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
def test_the_room_needed_is_told_as_the_dialect_wants_it(world: World, dialect: int) -> None:
    """[MS-SMB2] 2.2.2.2 before 3.1.1, in an error context (2.2.2.1) at 3.1.1."""
    tree = world.tree("data", Options(dialects=(dialect,)))
    with tree.create("file") as file:
        persistent, volatile = (int.from_bytes(file.file_id[at : at + 8], "little") for at in (0, 8))
        asked = query_info.QueryInfoRequest(
            query_info.INFO_SECURITY,
            0,
            4,
            descriptor.OWNER_SECURITY_INFORMATION,
            0,
            persistent,
            volatile,
            memoryview(b""),
        )
        reply = tree.call(Request(header.QUERY_INFO, query_info.encode(asked)))
        assert reply.status == status.BUFFER_TOO_SMALL
        response = error.decode_response(memoryview(reply.raw))
        whole = file.query(query_info.INFO_SECURITY, 0, additional=descriptor.OWNER_SECURITY_INFORMATION)
    needed = len(whole).to_bytes(4, "little")
    if dialect == 0x0311:
        assert response == error.ErrorResponse(b"", (error.ErrorContext(error.ID_DEFAULT, needed),))
    else:
        assert response == error.ErrorResponse(needed, ())


@pytest.mark.parametrize("body", [b"\x04\0\0\0", b"\x05\0\0\0", b"\x04\0", b""])
def test_a_cancel_is_never_answered(world: World, body: bytes) -> None:
    """Not even a broken one ([MS-SMB2] 3.3.5.16)."""
    tree = world.tree()
    connection = tree.session.connection
    message = tree.submit(Request(header.CANCEL, body, message_id=1))
    with pytest.raises(NoAnswer):
        connection.wait(message)
    tree.call(Request(header.ECHO, b"\x04\0\0\0")).check()
