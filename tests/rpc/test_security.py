"""Authenticated binds against a login of the test's own, whose cipher and checksum a reader can follow."""

from __future__ import annotations

import hashlib
from struct import pack, unpack_from

import pytest

from smbserver.rpc import pdu
from smbserver.rpc.pipe import RpcPipe
from smbserver.rpc.pipes import open_pipe
from smbserver.rpc.security import (
    AUTH_NTLM,
    AUTH_SPNEGO,
    LEVEL_CONNECT,
    LEVEL_INTEGRITY,
    LEVEL_PACKET,
    LEVEL_PRIVACY,
    LoginRefused,
    MessageSecurity,
)

from .client import (
    ALICE,
    ALTER_CONTEXT,
    ALTER_CONTEXT_RESP,
    BIND,
    BIND_ACK,
    BIND_NAK,
    BIND_SRVSVC,
    FAULT,
    FIRST,
    LAST,
    NDR,
    REQUEST,
    RESPONSE,
    WKSSVC,
    Server,
    bind,
    drain,
    enum_stub,
    frame,
    opened,
    request,
)

AUTH_3 = 16
LIST = enum_stub(1)
CONTEXT_ID = 79231
HEADER_SIGN = 4


def checksum(number: int, direction: bytes, message: bytes) -> bytes:
    return hashlib.md5(pack("<I", number) + direction + message).digest()


def flip(data: bytes) -> bytes:
    return bytes(byte ^ 0x55 for byte in data)


class FakeSecurity:
    """See `MessageSecurity`: numbered checksums, and every bit pattern turned."""

    def __init__(self) -> None:
        self.sent = self.received = 0

    def sign(self, message: bytes) -> bytes:
        self.sent += 1
        return checksum(self.sent, b"server", message)

    def is_signature(self, message: bytes, signature: bytes) -> bool:
        self.received += 1
        return signature == checksum(self.received, b"client", message)

    def seal(self, data: bytes) -> bytes:
        return flip(data)

    def unseal(self, data: bytes) -> bytes:
        return flip(data)


class FakeLogin:
    """A login of as many tokens as the test wants: "1", "2", ..., each answered in kind."""

    def __init__(self, legs: int = 2) -> None:
        self.legs = legs
        self.security: MessageSecurity | None = None

    def step(self, token: bytes) -> bytes:
        if token not in (b"1", b"2", b"3"):
            raise LoginRefused
        if int(token) == self.legs:
            self.security = FakeSecurity()
        return b"answer " + token


def trailer(
    token: bytes, level: int, *, kind: int = AUTH_NTLM, padding: int = 0, context_id: int = CONTEXT_ID
) -> bytes:
    return pack("<BBBxI", kind, level, padding, context_id) + token


def with_token(message: bytes, token: bytes, level: int, *, flags: int = FIRST | LAST, kind: int = AUTH_NTLM) -> bytes:
    """A PDU with a token behind its body."""
    body = message[16:]
    ptype = message[2]
    whole = frame(ptype, body + trailer(token, level, kind=kind), flags=flags, call_id=message[12])
    return whole[:10] + pack("<H", len(token)) + whole[12:]


def protected(opnum: int, stub: bytes, number: int, level: int, *, flags: int = FIRST | LAST) -> bytes:
    """A request with its signature, sealed if the level says so."""
    padding = -len(stub) % 16
    plain = stub + bytes(padding)
    body = pack("<IHH", len(stub), 0, opnum) + plain + trailer(b"", level, padding=padding)
    message = frame(REQUEST, body + bytes(16), flags=flags, call_id=2)
    message = message[:10] + pack("<H", 16) + message[12:-16]
    signature = checksum(number, b"client", message)
    if level == LEVEL_PRIVACY:
        message = message[:24] + flip(plain) + message[24 + len(plain) :]
    return message + signature


def unprotected(message: bytes, number: int, level: int) -> bytes:
    """The stub of a protected response, whose signature is right."""
    length, auth_length = unpack_from("<HH", message, 8)
    assert (length, auth_length) == (len(message), 16)
    kind, their_level, padding, context_id = unpack_from("<BBBxI", message, len(message) - 24)
    assert (kind, their_level, context_id) == (AUTH_NTLM, level, CONTEXT_ID)
    assert (len(message) - 24) % 16 == 8  # a header of 24 and whole blocks
    plain = message[24:-24]
    if level == LEVEL_PRIVACY:
        plain = flip(plain)
    assert message[-16:] == checksum(number, b"server", message[:24] + plain + message[-24:-16])
    return plain[: len(plain) - padding]


def logged_in(level: int, server: Server | None = None) -> RpcPipe:
    server = server or Server()
    server.login = FakeLogin()
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"1", level))
    assert drain(pipe)[0][2] == BIND_ACK
    pipe.write(with_token(frame(AUTH_3, bytes(4)), b"2", level))
    assert not pipe.pending
    return pipe


def kind_and_status(message: bytes) -> tuple[int, int]:
    return message[2], int(unpack_from("<I", message, 24)[0]) if message[2] == FAULT else 0


DENIED = (FAULT, pdu.FAULT_ACCESS_DENIED)


def test_the_ack_carries_the_token_and_agrees_to_sign_headers() -> None:
    server = Server()
    server.login = FakeLogin()
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"1", LEVEL_PRIVACY, flags=FIRST | LAST | HEADER_SIGN))
    (ack,) = drain(pipe)
    assert ack[3] == FIRST | LAST | HEADER_SIGN
    assert unpack_from("<H", ack, 10)[0] == len(b"answer 1")
    assert ack.endswith(trailer(b"answer 1", LEVEL_PRIVACY))
    assert (len(ack) - len(trailer(b"answer 1", 0))) % 4 == 0


@pytest.mark.parametrize("level", [LEVEL_PACKET, LEVEL_INTEGRITY, LEVEL_PRIVACY])
def test_calls_are_signed_and_sealed(level: int) -> None:
    pipe = logged_in(level)
    plain = opened()
    plain.write(request(15, LIST))
    expected = drain(plain)[0][24:]
    for number in (1, 2, 3):
        pipe.write(protected(15, LIST, number, level))
        (reply,) = drain(pipe)
        assert reply[2] == RESPONSE
        assert unprotected(reply, number, level) == expected
        assert (expected in reply) == (level != LEVEL_PRIVACY)


def test_every_fragment_is_signed() -> None:
    from smbserver.rpc.server_view import ShareView

    server = Server([ShareView(f"share{number:03}", comment="x" * 50) for number in range(100)])
    pipe = logged_in(LEVEL_PRIVACY, server)
    pipe.write(protected(15, LIST[:20], 1, LEVEL_PRIVACY, flags=FIRST))
    pipe.write(protected(15, LIST[20:], 2, LEVEL_PRIVACY, flags=LAST))
    parts = drain(pipe)
    assert len(parts) > 3
    assert max(map(len, parts)) <= 4280
    stub = b"".join(unprotected(part, number, LEVEL_PRIVACY) for number, part in enumerate(parts, 1))
    plain = opened(server=server)
    plain.write(request(15, LIST))
    assert stub == b"".join(part[24:] for part in drain(plain))


def test_a_connection_level_login_protects_nothing() -> None:
    pipe = logged_in(LEVEL_CONNECT)
    pipe.write(request(15, LIST))
    assert kind_and_status(drain(pipe)[0])[0] == RESPONSE


@pytest.mark.parametrize("level", [LEVEL_INTEGRITY, LEVEL_PRIVACY])
@pytest.mark.parametrize("at", [3, 12, 20, 30, -30, -17, -1])
def test_a_changed_byte_is_noticed_and_nothing_is_believed_afterwards(level: int, at: int) -> None:
    pipe = logged_in(level)
    message = bytearray(protected(15, LIST, 1, level))
    message[at] ^= 0x10
    pipe.write(bytes(message))
    assert kind_and_status(drain(pipe)[0]) == DENIED
    pipe.write(protected(15, LIST, 2, level))
    assert kind_and_status(drain(pipe)[0]) == DENIED


@pytest.mark.parametrize("level", [LEVEL_INTEGRITY, LEVEL_PRIVACY])
def test_a_request_without_a_signature_is_refused(level: int) -> None:
    pipe = logged_in(level)
    pipe.write(request(15, LIST))
    assert kind_and_status(drain(pipe)[0]) == DENIED


def test_a_replayed_request_is_refused() -> None:
    pipe = logged_in(LEVEL_INTEGRITY)
    message = protected(15, LIST, 1, LEVEL_INTEGRITY)
    pipe.write(message)
    assert kind_and_status(drain(pipe)[0])[0] == RESPONSE
    pipe.write(message)
    assert kind_and_status(drain(pipe)[0]) == DENIED


def test_another_level_than_agreed_upon() -> None:
    pipe = logged_in(LEVEL_PRIVACY)
    pipe.write(protected(15, LIST, 1, LEVEL_INTEGRITY))
    assert kind_and_status(drain(pipe)[0]) == DENIED


def test_padding_that_is_longer_than_the_stub() -> None:
    pipe = logged_in(LEVEL_INTEGRITY)
    message = bytearray(protected(15, LIST, 1, LEVEL_INTEGRITY))
    message[-22] = 0xFF
    pipe.write(bytes(message))
    assert kind_and_status(drain(pipe)[0])[0] == FAULT


def test_a_login_of_three_legs_over_alter_context() -> None:
    server = Server()
    server.login = FakeLogin(legs=3)
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"1", LEVEL_INTEGRITY, kind=AUTH_SPNEGO))
    alter = frame(ALTER_CONTEXT, BIND_SRVSVC[16:])
    pipe.write(with_token(alter, b"2", LEVEL_INTEGRITY, kind=AUTH_SPNEGO))
    pipe.write(request(15, LIST))
    answers = drain(pipe)
    assert [answer[2] for answer in answers] == [BIND_ACK, ALTER_CONTEXT_RESP, FAULT]
    assert answers[1].endswith(b"answer 2")


def test_an_unfinished_login_calls_nothing() -> None:
    server = Server()
    server.login = FakeLogin()
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"1", LEVEL_CONNECT) + request(15, LIST))
    assert [kind_and_status(each) for each in drain(pipe)] == [(BIND_ACK, 0), DENIED]


@pytest.mark.parametrize("token", [b"wrong", b""])
def test_a_wrong_last_token_ends_it(token: bytes) -> None:
    server = Server()
    server.login = FakeLogin()
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"1", LEVEL_CONNECT))
    pipe.write(with_token(frame(AUTH_3, bytes(4)), token, LEVEL_CONNECT))
    pipe.write(with_token(frame(AUTH_3, bytes(4)), b"2", LEVEL_CONNECT))
    pipe.write(request(15, LIST))
    assert [kind_and_status(each) for each in drain(pipe)] == [(BIND_ACK, 0), DENIED]


def test_a_wrong_first_token_is_a_nak_and_the_pipe_can_be_bound_without() -> None:
    server = Server()
    server.login = FakeLogin()
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"wrong", LEVEL_CONNECT) + BIND_SRVSVC + request(15, LIST))
    assert [each[2] for each in drain(pipe)] == [BIND_NAK, BIND_ACK, RESPONSE]


@pytest.mark.parametrize("level", [0, 1, 3, 7])
def test_levels_that_do_not_exist(level: int) -> None:
    server = Server()
    server.login = FakeLogin()
    pipe = open_pipe("srvsvc", server, ALICE)
    assert pipe is not None
    pipe.write(with_token(BIND_SRVSVC, b"1", level))
    assert [each[2] for each in drain(pipe)] == [BIND_NAK]


def test_a_finished_login_is_not_begun_again() -> None:
    pipe = logged_in(LEVEL_INTEGRITY)
    pipe.write(with_token(frame(ALTER_CONTEXT, BIND_SRVSVC[16:]), b"1", LEVEL_INTEGRITY))
    pipe.write(protected(15, LIST, 1, LEVEL_INTEGRITY))
    assert [kind_and_status(each) for each in drain(pipe)] == [DENIED, DENIED]


def test_auth_3_without_a_login_is_nothing() -> None:
    pipe = opened()
    pipe.write(with_token(frame(AUTH_3, bytes(4)), b"2", LEVEL_CONNECT) + request(15, LIST))
    assert [each[2] for each in drain(pipe)] == [RESPONSE]


def test_a_second_interface_needs_no_second_login() -> None:
    pipe = logged_in(LEVEL_INTEGRITY)
    pipe.write(bind((3, WKSSVC, [NDR]), ptype=ALTER_CONTEXT))
    assert drain(pipe)[0][2] == ALTER_CONTEXT_RESP
    assert BIND == 11
