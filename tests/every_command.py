"""One well-formed request of every command: where hostile tests begin."""

from __future__ import annotations

import struct

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import GENERIC_READ, OPEN_IF


def requests(file_id: bytes = b"\1" * 16) -> dict[str, Request]:
    """One well-formed request of every command."""
    return {
        "NEGOTIATE": commands.negotiate((0x0202, 0x0210), 1, 0, bytes(16)),
        "SESSION_SETUP": commands.session_setup(b"NTLMSSP\0nothing"),
        "LOGOFF": commands.logoff(),
        "TREE_CONNECT": commands.tree_connect(r"\\server\data"),
        "TREE_DISCONNECT": commands.tree_disconnect(),
        "CREATE": commands.create("file", access=GENERIC_READ, disposition=OPEN_IF),
        "CLOSE": commands.close(file_id),
        "FLUSH": commands.flush(file_id),
        "READ": commands.read(file_id, 0, 100),
        "WRITE": commands.write(file_id, 0, b"hostile"),
        "LOCK": commands.lock(file_id, [(0, 10, 1)]),
        "IOCTL": queries.ioctl(0x00140204, bytes(24)),
        "CANCEL": Request(12, b"\4\0\0\0"),
        "ECHO": commands.echo(),
        "QUERY_DIRECTORY": queries.query_directory(file_id, "*", 37, 1000, 0),
        "CHANGE_NOTIFY": Request(15, struct.pack("<HHI16sII", 32, 0, 1000, file_id, 0xFFF, 0)),
        "QUERY_INFO": queries.query_info(file_id, 1, 5, 100),
        "SET_INFO": queries.set_info(file_id, 1, 20, bytes(8)),
        "OPLOCK_BREAK": commands.oplock_break_ack(file_id, 0),
    }
