"""Any bytes in any pieces: only documented errors, every reply well formed, bounded output, no endless loop."""

from __future__ import annotations

from itertools import pairwise
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st

from smbserver.errors import StatusError
from smbserver.rpc.enumeration import MAX_ENUMERATION_BYTES
from smbserver.rpc.pipe import (
    OUTPUT_HIGH_WATER,
    STATUS_PIPE_BUSY,
    STATUS_PIPE_DISCONNECTED,
    STATUS_PIPE_EMPTY,
    RpcPipe,
)
from smbserver.rpc.pipes import open_pipe

from .client import (
    ALICE,
    ALTER_CONTEXT,
    ANONYMOUS,
    BIND_SRVSVC,
    BIND_WKSSVC,
    FEATURES,
    FIRST,
    LAST,
    NDR,
    NDR64,
    SRVSVC,
    Server,
    bind,
    call,
    enum_stub,
    fragments,
    frame,
    info_stub,
    joined,
    opened,
    replies,
    request,
    server_name,
    take_apart,
    text,
)

MAX_PENDING = OUTPUT_HIGH_WATER + 2 * MAX_ENUMERATION_BYTES
DOCUMENTED = {STATUS_PIPE_BUSY, STATUS_PIPE_DISCONNECTED, STATUS_PIPE_EMPTY}

LIST = enum_stub(1)
GOOD = [
    BIND_SRVSVC,
    BIND_WKSSVC,
    bind((0, SRVSVC, [NDR]), (1, SRVSVC, [NDR64]), (2, SRVSVC, [FEATURES])),
    bind((1, SRVSVC, [NDR]), ptype=ALTER_CONTEXT),
    request(15, LIST),
    request(15, LIST[:30], flags=FIRST),
    request(15, LIST[30:], flags=LAST),
    request(16, server_name() + text("data") + pack("<I", 502)),
    request(21, info_stub(102)),
    request(28, server_name(None)),
    request(33, server_name() + text("data") + pack("<II", 9, 0)),
    request(36, enum_stub(2, 100, 1)),
    request(0, info_stub(102)),
    request(2, enum_stub(1)),
    frame(19, b"", call_id=2),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good PDU with some bytes changed, and perhaps cut."""
    message = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 3))):
        message[draw(st.integers(0, len(message) - 1))] = draw(st.integers(0, 255))
    return bytes(message[: draw(st.integers(0, len(message)))] if draw(st.booleans()) else message)


writes = st.lists(st.one_of(st.sampled_from(GOOD), damaged(), st.binary(max_size=60)), max_size=12)


def attempt(pipe: RpcPipe, data: bytes) -> None:
    try:
        pipe.write(data)
    except StatusError as error:
        if error.status not in DOCUMENTED:
            raise
    assert pipe.pending <= MAX_PENDING


def read_all(pipe: RpcPipe, size: int) -> list[bytes]:
    """Everything, in reads of `size`; each read makes progress, so this ends."""
    messages, current = [], b""
    while pipe.pending:
        part, more = pipe.read(size)
        assert 0 < len(part) <= size
        assert pipe.pending <= MAX_PENDING
        current += part
        if not more:
            messages.append(current)
            current = b""
    return messages


@settings(max_examples=300, deadline=None)
@given(writes, st.sampled_from(["srvsvc", "wkssvc"]), st.booleans(), st.integers(1, 5000))
def test_any_bytes(data: list[bytes], name: str, known: bool, size: int) -> None:
    pipe = open_pipe(name, Server(), ALICE if known else ANONYMOUS)
    assert pipe is not None
    for each in data:
        attempt(pipe, each)
    for message in read_all(pipe, size):
        take_apart(message)
    assert pipe.pending == pipe.messages == pipe.message_length == 0


@settings(max_examples=200, deadline=None)
@given(writes, st.lists(st.integers(0, 2000), max_size=6))
def test_pieces_do_not_matter(data: list[bytes], cuts: list[int]) -> None:
    conversation = b"".join([BIND_SRVSVC, *data])
    pipes = [open_pipe("srvsvc", Server(), ALICE) for _ in range(2)]
    whole, pieces = pipes
    assert whole is not None
    assert pieces is not None
    attempt(whole, conversation)
    edges = [0, *sorted(min(cut, len(conversation)) for cut in cuts), len(conversation)]
    for start, end in pairwise(edges):
        attempt(pieces, conversation[start:end])
    assert read_all(whole, 5000) == read_all(pieces, 777)
    assert whole.broken == pieces.broken


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, len(LIST)), max_size=20))
def test_fragments_do_not_matter(cuts: list[int]) -> None:
    pipe = opened()
    for part in fragments(15, LIST, cuts):
        pipe.write(part)
    assert joined(replies(pipe)) == call(opened(), 15, LIST)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([15, 16, 21, 28, 33, 36]), st.binary(max_size=120), st.integers(0, 40))
def test_any_stub(opnum: int, stub: bytes, keep: int) -> None:
    pipe = opened()
    pipe.write(request(opnum, server_name()[:keep] + stub))
    assert {reply.ptype for reply in replies(pipe)} <= {2, 3}
    assert call(pipe, 15, LIST)
