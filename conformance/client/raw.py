"""Hostile input: bytes and frames as they are, messages with broken fields, and what the server did about them."""

import enum
import struct

from .connection import Connection, sign_in_place
from .framing import FrameSocket
from .message import TRANSFORM, Buffer, Reply, Request, decode_reply
from .protocol import ConnectionEnded, NoAnswer
from .security import Protection


class Outcome(enum.Enum):
    """What a server did with hostile input."""

    ANSWERED = "answered"
    CLOSED = "closed the connection"
    SILENT = "said nothing"


def frame(message: Buffer, length: int | None = None) -> bytes:
    """The message behind a length field that may lie."""
    return struct.pack(">I", len(message) if length is None else length) + bytes(message)


def patched(message: Buffer, *changes: tuple[int, Buffer]) -> bytes:
    """A copy with bytes replaced at the given offsets; bytes beyond the end are appended."""
    out = bytearray(message)
    for offset, data in changes:
        out[offset : offset + len(data)] = data
    return bytes(out)


def truncations(message: Buffer, step: int = 1) -> list[bytes]:
    """Every beginning of the message, shortest first."""
    return [bytes(message[:size]) for size in range(0, len(message), step)]


def build(connection: Connection, request: Request) -> bytes:
    """The bytes that `connection` would send for a request, unsigned; takes a message id and its credits."""
    charge = connection.charge_for(request.span)
    message_id = request.message_id
    if message_id is None:
        message_id = connection.next_message_id
        connection.next_message_id += charge
        connection.credits -= charge
    stated = request.charge if request.charge is not None else charge
    return bytes(request.encode(message_id, stated, charge, 0))


def send(connection: Connection, message: Buffer, protection: Protection | None = None, session_id: int = 0) -> None:
    """Sends crafted bytes as one frame: sealed or signed when the protection says so, else as they are."""
    if protection is not None and protection.encrypt:
        connection.send_message(message, protection, session_id)
        return
    copy = bytearray(message)
    if protection is not None and protection.sign and protection.signer is not None:
        sign_in_place(memoryview(copy), protection.signer)
    connection.send_message(copy)


def outcome(frames: FrameSocket, seconds: float = 2.0) -> tuple[Outcome, Reply | None]:
    """Waits for one frame: a reply, the end of the connection, or nothing within `seconds`.

    A sealed answer cannot be read here and comes as ANSWERED without a reply.
    """
    usual = frames.timeout
    frames.set_timeout(seconds)
    try:
        view, begin, end = frames.next_frame()
        if view[begin] == TRANSFORM[0]:
            return Outcome.ANSWERED, None
        return Outcome.ANSWERED, decode_reply(view[begin:end])
    except ConnectionEnded:
        return Outcome.CLOSED, None
    except NoAnswer:
        return Outcome.SILENT, None
    finally:
        frames.set_timeout(usual)
