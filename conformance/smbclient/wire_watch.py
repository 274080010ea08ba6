"""A relay between a client and a server that notes dialect, signatures and encryption of what passes."""

import socket
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

# [MS-SMB2] 2.2.1, 2.2.41, 2.2.42
PLAIN_ID: Final = b"\xfeSMB"
ENCRYPTED_ID: Final = b"\xfdSMB"
NEGOTIATE: Final = 0
SESSION_SETUP: Final = 1
LOGOFF: Final = 2
TREE_CONNECT: Final = 3
IOCTL: Final = 11
FLAG_RESPONSE: Final = 0x1
FLAG_SIGNED: Final = 0x8
STATUS_PENDING: Final = 0x103
_HEADER: Final = struct.Struct("<4sHHIHHI")


@dataclass(frozen=True, slots=True)
class Message:
    """What the header of one frame tells; `command` is -1 for an encrypted one."""

    encrypted: bool
    signed: bool
    command: int
    status: int
    response: bool


@dataclass(slots=True)
class Observed:
    """Everything that passed, in the order of its passing."""

    dialect: int = 0
    messages: list[Message] = field(default_factory=list)

    def logged_in(self) -> list[int]:
        """The places in `messages` of the successful SESSION_SETUP responses."""
        return [
            index
            for index, message in enumerate(self.messages)
            if message.response and message.command == SESSION_SETUP and message.status == 0
        ]

    def problem(self, dialect: int, protection: str) -> str:
        """Why this was not a conversation in that dialect and protection; empty when it was."""
        if self.dialect != dialect:
            return f"negotiated dialect {self.dialect:#06x}, not {dialect:#06x}"
        logged_in = self.logged_in()
        if not logged_in:
            return "no successful SESSION_SETUP was seen"
        after = [m for m in self.messages[logged_in[-1] + 1 :] if m.status != STATUS_PENDING]
        if len(after) < 4:
            return f"only {len(after)} messages after the login"
        for message in after:
            wrong = _is_wrong(message, protection)
            if wrong:
                who = "response" if message.response else "request"
                return f"{who} of command {message.command} is {wrong}, mode {protection}"
        return ""


def _is_wrong(message: Message, protection: str) -> str:
    if protection == "encrypted":
        return "" if message.encrypted else "not encrypted"
    if message.encrypted:
        return "encrypted"
    if protection == "signed":
        return "" if message.signed else "not signed"
    # 3.x signs these to protect the negotiation ([MS-SMB2] 3.2.4.2.4, 3.2.5.5), whatever the session does.
    may_sign = message.command in (TREE_CONNECT, IOCTL, LOGOFF, SESSION_SETUP)
    return "signed" if message.signed and not may_sign else ""


class WireWatch:
    """A relay to (host, port), listening on `port` of 127.0.0.1 inside a `with` block, for one connection."""

    def __init__(self, host: str, port: int) -> None:
        self.observed = Observed()
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut the connection and wait for the relay to end."""
        for each in [self._listener, *self._sockets]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # not connected, or already closed by its peer
        self._thread.join()
        for each in [self._listener, *self._sockets]:
            each.close()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
        except OSError:
            return  # nobody came before the end of the block
        self._sockets += [client, server]
        back = threading.Thread(target=self._relay, args=(server, client), daemon=True)
        back.start()
        self._relay(client, server)
        back.join()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            with source.makefile("rb") as stream:
                while len(head := stream.read(4)) == 4:
                    frame = stream.read(int.from_bytes(head[1:], "big"))
                    self._note(frame)
                    sink.sendall(head + frame)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has gone; the client's own output tells more

    def _note(self, frame: bytes) -> None:
        with self._lock:
            if frame[:4] == ENCRYPTED_ID:
                self.observed.messages.append(Message(True, False, -1, 0, False))
            elif frame[:4] == PLAIN_ID and len(frame) >= 64:
                _, _, _, status, command, _, flags = _HEADER.unpack_from(frame)
                response = bool(flags & FLAG_RESPONSE)
                if command == NEGOTIATE and response and status == 0:
                    (self.observed.dialect,) = struct.unpack_from("<H", frame, 64 + 4)
                message = Message(False, bool(flags & FLAG_SIGNED), command, status if response else 0, response)
                self.observed.messages.append(message)
