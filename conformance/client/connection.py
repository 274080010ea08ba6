"""One connection: message ids, credits, compounds, protection, and replies in whatever order they come."""

import time
from collections import deque
from struct import Struct
from typing import Final

from .framing import FrameSocket
from .message import (
    CREDIT_UNIT,
    HEADER,
    HEADER_SIZE,
    NO_SIGNATURE,
    SMB2,
    TRANSFORM,
    Buffer,
    Reply,
    Request,
    decode_reply,
)
from .protocol import (
    CANCEL,
    FLAG_RELATED,
    FLAG_SIGNED,
    PENDING,
    SMB_2_0_2,
    UNSOLICITED,
    NoAnswer,
    ProtocolFailure,
)
from .security import TRANSFORM_SIZE, Protection, Signer

CREDIT_TARGET: Final = 256
"""Credits the client asks to hold: enough for eight requests of 1 MiB (16 each) twice over."""
_STATUS_TO_SESSION: Final = Struct("<IHHIIQIIQ")
"""From byte 8 on: Status, Command, Credits, Flags, NextCommand, MessageId, Reserved, TreeId, SessionId."""
_CREDITS_FLAGS_NEXT_ID: Final = Struct("<HIIQ")
_LENGTH_PREFIX: Final = Struct(">I")


class Connection:
    """Sends requests and finds their replies. Blocking; one thread.

    Everything raises ProtocolFailure (or its subclasses ConnectionEnded, NoAnswer) when the line or the server fails.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 30.0, frames: FrameSocket | None = None) -> None:
        """Connects, unless it is given the line as `frames`. `timeout` in seconds is the longest wait for bytes."""
        self.frames = frames if frames is not None else FrameSocket(host, port, timeout)
        self.dialect = 0
        self.large_mtu = False
        self.next_message_id = 0
        self.credits = 1
        self.credit_target = CREDIT_TARGET
        self.protections: dict[int, Protection] = {}
        """By session id: how its messages are signed or sealed."""
        self.replies: dict[int, Reply] = {}
        """Final replies nobody has waited for yet, by message id."""
        self.interims: dict[int, Reply] = {}
        """Interim replies (STATUS_PENDING), by message id."""
        self.unsolicited: deque[Reply] = deque()
        """Oplock and lease breaks, oldest first."""
        self.last_sent: bytes = b""
        """The last request's message before sealing: what the preauthentication hash covers."""
        self._parts: deque[tuple[memoryview, bool]] = deque()

    def close(self) -> None:
        """Closes the socket without a word to the server."""
        self.frames.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sending.

    def charge_for(self, span: int) -> int:
        """Credits that a request over `span` bytes costs (section 3.1.5.2)."""
        return max(1, -(-span // CREDIT_UNIT)) if self.large_mtu else 1

    def _reserve(self, charge: int) -> int:
        """Takes `charge` credits, receiving replies until there are that many, and gives the message id."""
        while self.credits < charge:
            self.pump()
        self.credits -= charge
        message_id = self.next_message_id
        self.next_message_id += charge
        return message_id

    def _wanted(self, charge: int) -> int:
        return charge + max(0, min(self.credit_target - self.credits - charge, 512))

    def submit(self, request: Request) -> int:
        """Sends a request and gives its message id; does not wait for the reply."""
        return self.submit_compound([request], related=False)[0]

    def submit_compound(self, requests: list[Request], *, related: bool = True) -> list[int]:
        """Sends requests as one compound. With `related` every one but the first refers to the one before it."""
        encoded: list[bytearray] = []
        message_ids: list[int] = []
        for index, request in enumerate(requests):
            charge = self.charge_for(request.span)
            if request.message_id is not None or request.command == CANCEL:
                message_id = request.message_id or 0
            else:
                message_id = self._reserve(charge)
            stated = request.charge if request.charge is not None else charge if self.dialect > SMB_2_0_2 else 0
            flags = FLAG_RELATED if related and index else 0
            message = request.encode(message_id, stated, self._wanted(charge), flags)
            if index + 1 < len(requests):
                message += bytes(-len(message) % 8)
                message[20:24] = len(message).to_bytes(4, "little")
            encoded.append(message)
            message_ids.append(message_id)
        protection = self.protections.get(requests[0].session_id)
        encrypt = self._choose(requests[0].encrypt, protection is not None and protection.encrypt)
        if not encrypt:
            for request, message in zip(requests, encoded, strict=True):
                own = self.protections.get(request.session_id) or protection
                if own is not None and own.signer is not None and self._choose(request.sign, own.sign):
                    sign_in_place(memoryview(message), own.signer)
        self.last_sent = bytes(encoded[0]) if len(encoded) == 1 else b"".join(encoded)
        self.send_message(self.last_sent, protection if encrypt else None, requests[0].session_id)
        return message_ids

    @staticmethod
    def _choose(override: bool | None, habit: bool) -> bool:
        return habit if override is None else override

    def send_message(self, message: Buffer, seal_with: Protection | None = None, session_id: int = 0) -> None:
        """Frames and sends finished bytes, sealed when a protection is given."""
        if seal_with is None:
            self.frames.send(_LENGTH_PREFIX.pack(len(message)), message)
            return
        if seal_with.sealer is None:
            raise ProtocolFailure("the session has no encryption keys")
        header, sealed = seal_with.sealer.seal(message, session_id)
        self.frames.send(_LENGTH_PREFIX.pack(TRANSFORM_SIZE + len(sealed)) + header, sealed)

    def send_prepared(self, frame: bytearray, charge: int, protection: Protection | None) -> int:
        """Sends a reusable frame (length field, header, body) with a new message id; nothing is copied unless sealed.

        For load generators: the header's command, ids and CreditCharge are the caller's. Gives the message id.
        """
        message_id = self._reserve(charge)
        _CREDITS_FLAGS_NEXT_ID.pack_into(frame, 4 + 14, self._wanted(charge), 0, 0, message_id)
        if protection is not None and protection.encrypt:
            session_id = int.from_bytes(frame[44:52], "little")
            self.send_message(memoryview(frame)[4:], protection, session_id)
            return message_id
        if protection is not None and protection.sign and protection.signer is not None:
            sign_in_place(memoryview(frame)[4:], protection.signer)
        self.frames.send(frame)
        return message_id

    def cancel(self, message_id: int) -> None:
        """Sends CANCEL for a request that was submitted; by its async id once an interim reply named one."""
        interim = self.interims.get(message_id)
        request = Request(CANCEL, b"\x04\0\0\0", message_id=message_id)
        if interim is not None:
            request.async_id = interim.async_id
            request.session_id = interim.session_id
        else:
            request.session_id = next(iter(self.protections), 0)
        self.submit(request)

    # Receiving.

    def next_message(self) -> tuple[memoryview, bool]:
        """The next message, checked and unsealed, and whether it was sealed. Valid until the next call."""
        if not self._parts:
            self._fill_parts()
        message, encrypted = self._parts.popleft()
        status, command, credit, flags, _, message_id, _, _, session_id = _STATUS_TO_SESSION.unpack_from(message, 8)
        self.credits += credit
        if message_id == UNSOLICITED or encrypted:
            return message, encrypted
        protection = self.protections.get(session_id)
        if protection is None or protection.signer is None:
            return message, encrypted
        if flags & FLAG_SIGNED:
            check_signature(message, protection.signer)
        elif (protection.sign or protection.encrypt) and status != PENDING:
            raise ProtocolFailure(f"the reply to command {command} is neither signed nor sealed, though requests are")
        return message, encrypted

    def _fill_parts(self) -> None:
        """Receives one frame and cuts it into its messages."""
        view, begin, end = self.frames.next_frame()
        encrypted = bytes(view[begin : begin + 4]) == TRANSFORM
        if encrypted:
            if end - begin < TRANSFORM_SIZE:
                raise ProtocolFailure("a transform shorter than its header")
            session_id = int.from_bytes(view[begin + 44 : begin + 52], "little")
            protection = self.protections.get(session_id)
            if protection is None or protection.sealer is None:
                raise ProtocolFailure(f"a message sealed for session {session_id:#x}, which has no keys")
            view = memoryview(protection.sealer.unseal(view, begin, end))
            begin, end = 0, len(view)
        while True:
            if end - begin < HEADER_SIZE or bytes(view[begin : begin + 4]) != SMB2:
                raise ProtocolFailure(f"not an SMB2 message: {bytes(view[begin : min(end, begin + 16)]).hex()}")
            next_command = int.from_bytes(view[begin + 20 : begin + 24], "little")
            if next_command == 0:
                self._parts.append((view[begin:end], encrypted))
                return
            if next_command % 8 or next_command < HEADER_SIZE or begin + next_command >= end:
                raise ProtocolFailure(f"a compound reply with NextCommand {next_command}")
            self._parts.append((view[begin : begin + next_command], encrypted))
            begin += next_command

    def pump(self) -> Reply:
        """Receives one message, files it where it belongs, and gives it."""
        message, encrypted = self.next_message()
        reply = decode_reply(message, encrypted)
        if reply.message_id == UNSOLICITED:
            self.unsolicited.append(reply)
        elif reply.status == PENDING and reply.async_id:
            self.interims[reply.message_id] = reply
        else:
            self.replies[reply.message_id] = reply
        return reply

    def _until(self, timeout: float | None) -> float:
        return time.monotonic() + (self.frames.timeout if timeout is None else timeout)

    def _pump_before(self, deadline: float, what: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer(what)
        usual = self.frames.timeout
        self.frames.set_timeout(min(usual, left))
        try:
            self.pump()
        finally:
            self.frames.set_timeout(usual)

    def wait(self, message_id: int, timeout: float | None = None) -> Reply:
        """The final reply to a request, whatever its status; interim replies and others' are kept on the way."""
        if timeout is None:
            while message_id not in self.replies:
                self.pump()
        else:
            deadline = self._until(timeout)
            while message_id not in self.replies:
                self._pump_before(deadline, f"no reply to message {message_id}")
        self.interims.pop(message_id, None)
        return self.replies.pop(message_id)

    def wait_interim(self, message_id: int, timeout: float | None = None) -> Reply:
        """The interim reply to a request; raises ProtocolFailure when the final one comes without one."""
        deadline = self._until(timeout)
        while message_id not in self.interims:
            if message_id in self.replies:
                raise ProtocolFailure(f"message {message_id} was answered without an interim reply")
            self._pump_before(deadline, f"no interim reply to message {message_id}")
        return self.interims[message_id]

    def wait_unsolicited(self, timeout: float | None = None) -> Reply:
        """The oldest message that the server sent unasked."""
        deadline = self._until(timeout)
        while not self.unsolicited:
            self._pump_before(deadline, "no unsolicited message")
        return self.unsolicited.popleft()

    def call(self, request: Request, timeout: float | None = None) -> Reply:
        """Sends a request and waits for its final reply, whatever its status."""
        return self.wait(self.submit(request), timeout)

    def call_compound(self, requests: list[Request], *, related: bool = True) -> list[Reply]:
        """Sends a compound and waits for all its replies."""
        return [self.wait(message_id) for message_id in self.submit_compound(requests, related=related)]


def sign_in_place(message: memoryview, signer: Signer) -> None:
    """Sets the SIGNED flag and the signature of a request."""
    message[16] |= FLAG_SIGNED
    message[48:64] = NO_SIGNATURE
    command, message_id = int.from_bytes(message[12:14], "little"), int.from_bytes(message[24:32], "little")
    message[48:64] = signer.signature(message, message_id, from_server=False, cancel=command == CANCEL)


def check_signature(message: memoryview, signer: Signer) -> None:
    """Raises ProtocolFailure when the signature of a reply is wrong. Leaves the message as it was."""
    stated = bytes(message[48:64])
    message[48:64] = NO_SIGNATURE
    command, message_id = int.from_bytes(message[12:14], "little"), int.from_bytes(message[24:32], "little")
    right = signer.signature(message, message_id, from_server=True, cancel=command == CANCEL)
    message[48:64] = stated
    if stated != right:
        raise ProtocolFailure(f"wrong signature on the reply to command {command}, message {message_id}")


def message_status(message: memoryview) -> tuple[int, int, int]:
    """Status, flags and message id of a message in the receive buffer, without decoding the rest."""
    status, _, _, flags, _, message_id, _, _, _ = _STATUS_TO_SESSION.unpack_from(message, 8)
    return status, flags, message_id


assert HEADER.size == HEADER_SIZE
