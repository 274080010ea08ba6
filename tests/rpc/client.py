"""The client's side of the RPC tests: PDUs and stubs built by hand with struct, and a server to look at.

Nothing here uses the package's own encoders, so an error in them cannot cancel itself out.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack_from
from typing import Final, NamedTuple
from uuid import UUID

from smbserver.auth.sids import UserSids, machine_sid
from smbserver.errors import StatusError
from smbserver.rpc.host_names import HostAnswer, HostQuestion
from smbserver.rpc.pipe import RpcPipe
from smbserver.rpc.pipes import open_pipe
from smbserver.rpc.security import RpcLogin
from smbserver.rpc.server_view import (
    SHARE_IPC,
    Caller,
    ConnectionView,
    FileView,
    PasswordChange,
    ServerClock,
    SessionView,
    ShareView,
    UserView,
)
from smbserver.waiter import Waiter

SRVSVC: Final = (UUID("4b324fc8-1670-01d3-1278-5a47bf6ee188"), 3)
WKSSVC: Final = (UUID("6bffd098-a112-3610-9833-46c3f87e345a"), 1)
LSARPC: Final = (UUID("12345778-1234-abcd-ef00-0123456789ab"), 0)
SAMR: Final = (UUID("12345778-1234-abcd-ef00-0123456789ac"), 1)
NDR: Final = (UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2)
NDR64: Final = (UUID("71710533-beba-4937-8319-b5dbef9ccc36"), 1)
FEATURES: Final = (UUID("6cb71c2c-9812-4540-0300-000000000000"), 1)

ALICE: Final = Caller("alice", is_guest=False, is_anonymous=False)
GUEST: Final = Caller("nobody", is_guest=True, is_anonymous=False)
ANONYMOUS: Final = Caller()

FIRST, LAST, CONC_MPX, OBJECT = 0x01, 0x02, 0x10, 0x80
REQUEST, RESPONSE, FAULT = 0, 2, 3
BIND, BIND_ACK, BIND_NAK, ALTER_CONTEXT, ALTER_CONTEXT_RESP = 11, 12, 13, 14, 15


class Server:
    """A ServerView with everything in attributes."""

    def __init__(self, shares: Sequence[ShareView] | None = None) -> None:
        self.name = "GOLDEN"
        self.comment = "golden comment"
        self.workgroup = "TESTGRP"
        self.os_version = (6, 1)
        self.share_list = [
            ShareView("data", comment="some data"),
            ShareView("hidden$"),
            ShareView("IPC$", SHARE_IPC, "IPC Service (golden comment)"),
        ]
        if shares is not None:
            self.share_list = list(shares)
        self.user_list = [UserView("alice", "GOLDEN", "GOLDEN"), UserView("bob", "GOLDEN", "GOLDEN")]
        self.clock = ServerClock(1_795_296_814.0, 0)
        self.anonymous_may_list = False
        self.accounts = UserSids(machine_sid(b"GOLDEN"), ["alice", "bob"])
        self.host = HostAnswer({1000: "ann"}, {100: "staff"}, {"ann": 1000}, {"staff": 100})
        self.host_waiter: Waiter[HostAnswer] | None = None
        """Where it is set the host takes its time."""
        self.login: RpcLogin | None = None
        self.password_changes: list[PasswordChange] = []
        self.password_answer: Waiter[int] = Waiter()
        self.session_list = [SessionView("10.0.0.1", "alice", 2, 60)]
        self.file_list = [FileView(7, 3, 1, "C:\\data\\a.txt", "alice")]
        self.connection_list = [ConnectionView(1, 0, 1, 60, "alice", "data", "10.0.0.1")]

    def ask_host(self, question: HostQuestion) -> Waiter[HostAnswer]:
        if self.host_waiter is not None:
            return self.host_waiter
        waiter: Waiter[HostAnswer] = Waiter()
        waiter.resolve(self.host if any(question) else HostAnswer())
        return waiter

    def new_login(self, caller: Caller, auth_type: int) -> RpcLogin | None:
        return self.login

    def change_password(self, caller: Caller, change: PasswordChange) -> Waiter[int]:
        assert caller.is_known
        self.password_changes.append(change)
        return self.password_answer

    def sessions(self, caller: Caller) -> Sequence[SessionView]:
        assert caller.is_known
        return self.session_list

    def files(self, caller: Caller) -> Sequence[FileView]:
        assert caller.is_known
        return self.file_list

    def connections(self, caller: Caller) -> Sequence[ConnectionView]:
        assert caller.is_known
        return self.connection_list

    def shares(self) -> Sequence[ShareView]:
        return self.share_list

    def users(self, caller: Caller) -> Sequence[UserView]:
        assert not caller.is_anonymous
        assert not caller.is_guest
        return self.user_list

    def logged_on_users(self) -> int:
        return len(self.user_list)

    def now(self) -> ServerClock:
        return self.clock

    def may_list(self, caller: Caller) -> bool:
        return self.anonymous_may_list or not caller.is_anonymous


class Pdu(NamedTuple):
    """A reply, taken apart."""

    ptype: int
    flags: int
    call_id: int
    body: bytes
    """Everything behind the common header."""


def frame(
    ptype: int, body: bytes, *, flags: int = FIRST | LAST, call_id: int = 1, auth: bytes = b"", order: str = "<"
) -> bytes:
    """A PDU; `auth` is an authentication token, put behind a sec_trailer."""
    if auth:
        body += b"\x0a\x02\0\0" + bytes(4) + auth
    drep = b"\x10\0\0\0" if order == "<" else bytes(4)
    return pack(order + "BBBB4sHHI", 5, 0, ptype, flags, drep, 16 + len(body), len(auth), call_id) + body


Syntax = tuple[UUID, int]
Element = tuple[int, Syntax, Sequence[Syntax]]


def bind(
    *elements: Element,
    ptype: int = BIND,
    max_frag: int = 4280,
    flags: int = FIRST | LAST,
    order: str = "<",
    call_id: int = 1,
) -> bytes:
    """A bind or alter_context."""

    def syntax(uuid: UUID, version: int) -> bytes:
        return (uuid.bytes_le if order == "<" else uuid.bytes) + pack(order + "I", version)

    body = pack(order + "HHI", max_frag, max_frag, 0) + bytes([len(elements), 0, 0, 0])
    for context_id, abstract, transfer in elements:
        body += pack(order + "HBx", context_id, len(transfer)) + syntax(*abstract)
        body += b"".join(syntax(*each) for each in transfer)
    return frame(ptype, body, flags=flags, order=order, call_id=call_id)


BIND_SRVSVC: Final = bind((0, SRVSVC, [NDR]))
BIND_WKSSVC: Final = bind((0, WKSSVC, [NDR]))
BINDS: Final = {
    "srvsvc": BIND_SRVSVC,
    "wkssvc": BIND_WKSSVC,
    "lsarpc": bind((0, LSARPC, [NDR])),
    "samr": bind((0, SAMR, [NDR])),
}


def request(
    opnum: int,
    stub: bytes,
    *,
    context_id: int = 0,
    flags: int = FIRST | LAST,
    call_id: int = 2,
    auth: bytes = b"",
    order: str = "<",
    object_uuid: bytes = b"",
) -> bytes:
    """One fragment of a request."""
    flags |= OBJECT if object_uuid else 0
    body = pack(order + "IHH", len(stub), context_id, opnum) + object_uuid + stub
    return frame(REQUEST, body, flags=flags, call_id=call_id, auth=auth, order=order)


def fragments(opnum: int, stub: bytes, cuts: Sequence[int], *, call_id: int = 2) -> list[bytes]:
    """A request cut into fragments at those offsets of its stub."""
    edges = [0, *sorted(cuts), len(stub)]
    last = len(edges) - 2
    return [
        request(
            opnum,
            stub[edges[i] : edges[i + 1]],
            flags=(FIRST if i == 0 else 0) | (LAST if i == last else 0),
            call_id=call_id,
        )
        for i in range(last + 1)
    ]


def text(value: str, order: str = "<") -> bytes:
    """A conformant varying string, padded to 4."""
    encoded = (value + "\0").encode("utf-16-le" if order == "<" else "utf-16-be", "surrogatepass")
    units = len(encoded) // 2
    return pack(order + "III", units, 0, units) + encoded + bytes(-len(encoded) % 4)


def server_name(value: str | None = "\\\\server", order: str = "<") -> bytes:
    """The first parameter of every method."""
    return bytes(4) if value is None else pack(order + "I", 0x20000) + text(value, order)


def enum_stub(level: int, preferred: int = 0xFFFFFFFF, resume: int | None = 0, *, order: str = "<") -> bytes:
    """NetrShareEnum's or NetrWkstaUserEnum's parameters with an empty container."""
    stub = server_name(order=order) + pack(order + "IIIII", level, level, 0x20004, 0, 0)
    return stub + pack(order + "I", preferred) + (bytes(4) if resume is None else pack(order + "II", 0x20008, resume))


def info_stub(level: int) -> bytes:
    """NetrServerGetInfo's or NetrWkstaGetInfo's parameters."""
    return server_name() + pack("<I", level)


def opened(
    name: str = "srvsvc", server: Server | None = None, caller: Caller = ALICE, bind_with: bytes | None = None
) -> RpcPipe:
    """A pipe that is bound and whose bind_ack was read."""
    pipe = open_pipe(name, server or Server(), caller)
    assert pipe is not None
    pipe.write(bind_with if bind_with is not None else BINDS[name])
    assert replies(pipe)[0].ptype == BIND_ACK
    return pipe


def drain(pipe: RpcPipe) -> list[bytes]:
    """Every waiting message, whole."""
    messages = []
    while pipe.pending:
        data, more = pipe.read(0x10000)
        assert not more
        messages.append(data)
    return messages


def take_apart(message: bytes) -> Pdu:
    """Checks a reply's header and takes it apart."""
    major, _minor, ptype, flags, drep, length, auth_length, call_id = unpack_from("<BBBB4sHHI", message)
    assert (major, drep, length, auth_length) == (5, b"\x10\0\0\0", len(message), 0)
    return Pdu(ptype, flags, call_id, message[16:])


def replies(pipe: RpcPipe) -> list[Pdu]:
    """Every waiting reply, taken apart."""
    return [take_apart(message) for message in drain(pipe)]


def fault_status(reply: Pdu) -> int:
    """The status of a fault."""
    assert reply.ptype == FAULT
    assert len(reply.body) == 16
    return int(unpack_from("<I", reply.body, 8)[0])


def joined(parts: Sequence[Pdu]) -> bytes:
    """The stub of a response in fragments."""
    assert [part.ptype for part in parts] == [RESPONSE] * len(parts)
    assert parts[0].flags & FIRST
    assert parts[-1].flags & LAST
    assert all(not part.flags & FIRST for part in parts[1:])
    assert all(not part.flags & LAST for part in parts[:-1])
    stub = b"".join(part.body[8:] for part in parts)
    left = len(stub)
    for part in parts:  # [MS-RPCE] 2.2.2.6: alloc_hint is what is still to come
        assert unpack_from("<I", part.body)[0] == left
        left -= len(part.body) - 8
    return stub


def call(pipe: RpcPipe, opnum: int, stub: bytes) -> bytes:
    """The reply stub of one call."""
    pipe.write(request(opnum, stub))
    return joined(replies(pipe))


def code(stub: bytes) -> int:
    """The return value: the last four bytes."""
    return int(unpack_from("<I", stub, len(stub) - 4)[0])


def raised(pipe: RpcPipe) -> int:
    """The status with which a read fails."""
    try:
        pipe.read(1)
    except StatusError as error:
        return error.status
    raise AssertionError("read did not fail")
