"""A durable handle taken through a line that is cut, and taken back over a new one with all it had."""

import secrets
import socket
import threading
from contextlib import suppress
from typing import Final, Self

from conformance.client import Options, connect
from conformance.client import commands as c
from conformance.client.contexts import durable_reconnect_v2, durable_v2, lease_v2
from conformance.client.protocol import OPLOCK_LEASE
from conformance.client.session import File, Tree
from conformance.servers import Server
from conformance.sharing.many_clients import GENERIC, OPEN_IF, SHARE_ALL, Broken

LOCK_NOT_GRANTED: Final = 0xC0000055
OPEN_EXISTING: Final = 1
READ_HANDLE: Final = 3  # no WRITE: another open then needs nobody's answer
TIMEOUT_MS: Final = 60_000
CHUNK: Final = 65536


class Line:
    """A port of this machine that leads to the server until `cut`."""

    def __init__(self, server: Server) -> None:
        self._target = (server.host, server.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed: the line is no longer wanted
            server = socket.create_connection(self._target)
            self._ends += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # the line is cut, or an end has gone
            while data := source.recv(CHUNK):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """End every connection, as a cable does that is pulled out: both ends hear of it, without a word."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def check(server: Server) -> None:
    """Raises Broken when anything of the handle was lost with the line, or others could take it meanwhile."""
    guid, create_guid, key = secrets.token_bytes(16), secrets.token_bytes(16), secrets.token_bytes(16)
    options = Options(client_guid=guid)
    with Line(server) as line:
        first = connect("127.0.0.1", line.port, server.user, server.password, options=options)
        tree = first.tree("data")
        contexts = [lease_v2(key, READ_HANDLE), durable_v2(create_guid, TIMEOUT_MS)]
        file = tree.open(
            "durable", access=GENERIC, disposition=OPEN_IF, share=SHARE_ALL, oplock=OPLOCK_LEASE, contexts=contexts
        )
        if b"DH2Q" not in file.created.contexts:
            raise Broken("the open was not made durable")
        file.write(0, b"before the cut")
        file.lock(100, 10, c.LOCK_EXCLUSIVE | c.LOCK_FAIL_IMMEDIATELY)
        line.cut()
        first.connection.close()
        second = connect("127.0.0.1", line.port, server.user, server.password, options=options)
        back = _take_back(second.tree("data"), file, create_guid, key)
        if back.read(0, 100) != b"before the cut":
            raise Broken("what was written before the cut is not there")
        back.write(0, b"behind")
        _check_lock_is_held(server)
        back.close()
        second.close()


def _take_back(tree: Tree, file: File, create_guid: bytes, key: bytes) -> File:
    contexts = [durable_reconnect_v2(file.file_id, create_guid), lease_v2(key, READ_HANDLE)]
    return tree.open(
        "durable", access=GENERIC, disposition=OPEN_EXISTING, oplock=OPLOCK_LEASE, share=SHARE_ALL, contexts=contexts
    )


def _check_lock_is_held(server: Server) -> None:
    with connect(server.host, server.port, server.user, server.password) as other:
        file = other.tree("data").open("durable", access=GENERIC, disposition=OPEN_EXISTING)
        wanted = (100, 1, c.LOCK_EXCLUSIVE | c.LOCK_FAIL_IMMEDIATELY)
        if file.tree.call(c.lock(file.file_id, [wanted])).status != LOCK_NOT_GRANTED:
            raise Broken("the lock was lost with the line")
        file.close()
