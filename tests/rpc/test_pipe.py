"""pipe.py: association, faults, fragments, bounds, the verbs."""

from __future__ import annotations

from struct import pack, unpack_from

import pytest

from smbserver.errors import StatusError
from smbserver.rpc import pdu
from smbserver.rpc.pipe import (
    MAX_CONTEXTS,
    MAX_REQUEST_STUB,
    MAX_UNREAD_INPUT,
    OUTPUT_HIGH_WATER,
    STATUS_PIPE_BUSY,
    STATUS_PIPE_DISCONNECTED,
    STATUS_PIPE_EMPTY,
    RpcPipe,
)
from smbserver.rpc.pipes import PIPES, open_pipe
from smbserver.rpc.server_view import ShareView

from .client import (
    ALICE,
    ALTER_CONTEXT,
    ALTER_CONTEXT_RESP,
    BIND_ACK,
    BIND_NAK,
    BIND_SRVSVC,
    CONC_MPX,
    FEATURES,
    FIRST,
    LAST,
    NDR,
    NDR64,
    RESPONSE,
    SRVSVC,
    WKSSVC,
    Pdu,
    Server,
    bind,
    call,
    drain,
    enum_stub,
    fault_status,
    fragments,
    frame,
    info_stub,
    joined,
    opened,
    raised,
    replies,
    request,
)

LIST = enum_stub(1)


def fresh() -> RpcPipe:
    pipe = open_pipe("srvsvc", Server(), ALICE)
    assert pipe is not None
    return pipe


def one(pipe: RpcPipe, message: bytes) -> Pdu:
    pipe.write(message)
    (reply,) = replies(pipe)
    return reply


def results(ack: Pdu) -> list[tuple[int, int, bytes]]:
    """(result, reason, transfer syntax) of each element."""
    (length,) = unpack_from("<H", ack.body, 8)
    at = 10 + length
    at += -at % 4
    count = ack.body[at]
    assert len(ack.body) == at + 4 + 24 * count
    return [
        (*unpack_from("<HH", ack.body, at + 4 + 24 * i), ack.body[at + 8 + 24 * i : at + 28 + 24 * i])
        for i in range(count)
    ]


# --- bind ---


def test_windows_bind_with_three_elements() -> None:
    ack = one(fresh(), bind((0, SRVSVC, [NDR]), (1, SRVSVC, [NDR64]), (2, SRVSVC, [FEATURES]), max_frag=4280))
    assert ack.ptype == BIND_ACK
    assert ack.body[8:23] == b"\x0d\0\\PIPE\\srvsvc\0"
    assert results(ack) == [
        (0, 0, NDR[0].bytes_le + pack("<I", 2)),
        (2, 2, bytes(20)),
        (3, 2, bytes(20)),  # negotiate_ack: a connection survives an orphaned call, no security multiplexing
    ]


def test_rejected_contexts() -> None:
    pipe = fresh()
    ack = one(pipe, bind((0, WKSSVC, [NDR]), (1, (SRVSVC[0], 4), [NDR]), (2, (SRVSVC[0], 3 | 1 << 16), [NDR])))
    assert [each[:2] for each in results(ack)] == [(2, 1)] * 3
    assert fault_status(one(pipe, request(15, LIST))) == pdu.FAULT_UNK_IF


@pytest.mark.parametrize(("offered", "granted"), [(0, 1432), (1432, 1432), (2000, 2000), (4280, 4280), (65535, 4280)])
def test_fragment_sizes(offered: int, granted: int) -> None:
    pipe = fresh()
    ack = one(pipe, bind((0, SRVSVC, [NDR]), max_frag=offered))
    assert unpack_from("<HH", ack.body) == (granted, granted)
    server = Server([ShareView(f"share{i}") for i in range(200)])
    pipe = opened(server=server, bind_with=bind((0, SRVSVC, [NDR]), max_frag=offered))
    pipe.write(request(15, LIST))
    messages = drain(pipe)
    assert len(messages) > 1
    assert max(map(len, messages)) <= granted
    assert max(map(len, messages)) > granted - 8


def test_multiplexing_is_echoed() -> None:
    assert one(fresh(), bind((0, SRVSVC, [NDR]), flags=FIRST | LAST | CONC_MPX)).flags & CONC_MPX
    assert not one(fresh(), BIND_SRVSVC).flags & CONC_MPX


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (bind((0, SRVSVC, [NDR]), call_id=3)[:-1] + b"\1", None),  # NDR of another version: an ack, rejected inside
        (frame(pdu.BIND, b"\xb8\x10\xb8\x10" + bytes(8)), pdu.NAK_PROTOCOL_ERROR),  # no elements
        (frame(pdu.BIND, b"\xb8\x10\xb8\x10" + bytes(4) + b"\xff\0\0\0"), pdu.NAK_PROTOCOL_ERROR),  # elements missing
        (frame(pdu.BIND, BIND_SRVSVC[16:], auth=b"NTLMSSP\0"), pdu.NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
        (bind(*[(i, SRVSVC, [NDR]) for i in range(MAX_CONTEXTS + 1)]), pdu.NAK_LOCAL_LIMIT_EXCEEDED),
    ],
)
def test_binds_that_fail(message: bytes, reason: int | None) -> None:
    pipe = fresh()
    reply = one(pipe, message)
    if reason is None:
        assert results(reply)[0][:2] == (2, 2)
        return
    assert reply.ptype == BIND_NAK
    assert reply.body == pack("<H", reason) + b"\2\5\0\5\1\0"
    # and nothing came of it
    assert fault_status(one(pipe, request(15, LIST))) == pdu.FAULT_PROTO_ERROR
    assert one(pipe, BIND_SRVSVC).ptype == BIND_ACK


def test_second_bind() -> None:
    pipe = opened()
    assert one(pipe, BIND_SRVSVC).ptype == BIND_NAK
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


def test_alter_context() -> None:
    pipe = opened()
    reply = one(pipe, bind((5, SRVSVC, [NDR]), (0, SRVSVC, [NDR]), ptype=ALTER_CONTEXT))
    assert reply.ptype == ALTER_CONTEXT_RESP
    assert reply.body[8:12] == bytes(4)  # no secondary address, padding
    assert [each[0] for each in results(reply)] == [0, 0]
    assert one(pipe, request(15, LIST, context_id=5)).ptype == RESPONSE


def test_alter_context_that_fails() -> None:
    assert fault_status(one(fresh(), bind((0, SRVSVC, [NDR]), ptype=ALTER_CONTEXT))) == pdu.FAULT_PROTO_ERROR
    pipe = opened()
    assert fault_status(one(pipe, frame(ALTER_CONTEXT, BIND_SRVSVC[16:], auth=b"x"))) == pdu.FAULT_ACCESS_DENIED
    assert fault_status(one(pipe, frame(ALTER_CONTEXT, b"x"))) == pdu.FAULT_PROTO_ERROR
    assert one(pipe, bind(*[(0, SRVSVC, [NDR])] * MAX_CONTEXTS, ptype=ALTER_CONTEXT)).ptype == BIND_NAK
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


# --- requests ---


def test_request_before_bind() -> None:
    assert fault_status(one(fresh(), request(15, LIST))) == pdu.FAULT_PROTO_ERROR


@pytest.mark.parametrize("opnum", [0, 34, 45, 65535])
def test_unknown_opnum(opnum: int) -> None:
    pipe = opened()
    reply = one(pipe, request(opnum, b"", call_id=77))
    assert fault_status(reply) == pdu.FAULT_OP_RNG_ERROR
    assert reply.call_id == 77
    assert reply.flags & pdu.PFC_DID_NOT_EXECUTE
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


def test_unknown_context() -> None:
    assert fault_status(one(opened(), request(15, LIST, context_id=9))) == pdu.FAULT_UNK_IF


def test_request_with_auth_trailer() -> None:
    pipe = opened()
    assert fault_status(one(pipe, request(15, LIST, auth=bytes(16)))) == pdu.FAULT_ACCESS_DENIED
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


@pytest.mark.parametrize("length", range(len(LIST)))
def test_every_truncation_of_a_stub(length: int) -> None:
    pipe = opened()
    reply = one(pipe, request(15, LIST[:length]))
    assert fault_status(reply) == pdu.FAULT_BAD_STUB_DATA
    assert not reply.flags & pdu.PFC_DID_NOT_EXECUTE
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


def test_big_endian_client_gets_little_endian_replies() -> None:
    pipe = opened(bind_with=bind((0, SRVSVC, [NDR]), order=">"))
    stub = joined([one(pipe, request(15, enum_stub(1, order=">"), order=">"))])
    assert stub == call(opened(), 15, LIST)


def test_object_uuid() -> None:
    reply = one(opened(), request(15, LIST, object_uuid=bytes(range(16))))
    assert joined([reply]) == call(opened(), 15, LIST)


# --- fragments ---


def test_fragmentation_at_every_split() -> None:
    expected = call(opened(), 15, LIST)
    pipe = opened()
    for cut in range(len(LIST) + 1):
        parts = fragments(15, LIST, [cut])
        assert len(parts) == 2
        for part in parts[:-1]:
            pipe.write(part)
            assert pipe.pending == 0
        assert joined([one(pipe, parts[-1])]) == expected


@pytest.mark.parametrize(
    "second",
    [
        request(15, b"", flags=LAST, call_id=3),  # another call
        request(15, b"", flags=LAST, context_id=1),
        request(16, b"", flags=LAST),
        request(15, b"", flags=LAST, order=">"),
        request(15, LIST),  # first again
    ],
)
def test_fragments_that_do_not_belong(second: bytes) -> None:
    pipe = opened()
    pipe.write(request(15, LIST, flags=FIRST))
    assert fault_status(one(pipe, second)) == pdu.FAULT_PROTO_ERROR
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


def test_fragment_without_a_first() -> None:
    assert fault_status(one(opened(), request(15, LIST, flags=LAST))) == pdu.FAULT_PROTO_ERROR


def test_one_fault_for_a_call_in_many_fragments() -> None:
    pipe = opened()
    parts = fragments(45, bytes(100), [10, 20, 30])
    pipe.write(b"".join(parts) + request(15, LIST, call_id=3))
    fault, response = replies(pipe)
    assert fault_status(fault) == pdu.FAULT_OP_RNG_ERROR
    assert (response.ptype, response.call_id) == (RESPONSE, 3)


def test_stub_limit() -> None:
    pipe = opened()
    flags = FIRST
    sent = 0
    while not pipe.pending:
        pipe.write(request(15, bytes(4000), flags=flags))
        sent += 4000
        flags = 0
        assert sent <= MAX_REQUEST_STUB + 4000
    assert fault_status(replies(pipe)[0]) == pdu.FAULT_ACCESS_DENIED
    pipe.write(request(15, b"", flags=LAST))
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


def test_orphaned_call_is_forgotten() -> None:
    pipe = opened()
    pipe.write(request(15, LIST[:8], flags=FIRST, call_id=2))
    pipe.write(frame(pdu.ORPHANED, b"", call_id=1))
    pipe.write(frame(pdu.CO_CANCEL, b"", call_id=2))
    assert joined([one(pipe, request(15, LIST[8:], flags=LAST, call_id=2))])
    pipe.write(request(15, LIST[:8], flags=FIRST, call_id=2))
    pipe.write(frame(pdu.ORPHANED, b"", call_id=2))
    assert joined([one(pipe, request(15, LIST))])


def test_bind_inside_a_call_ends_it() -> None:
    pipe = opened()
    pipe.write(request(15, LIST[:8], flags=FIRST))
    assert one(pipe, bind((1, SRVSVC, [NDR]), ptype=ALTER_CONTEXT)).ptype == ALTER_CONTEXT_RESP
    assert fault_status(one(pipe, request(15, LIST[8:], flags=LAST))) == pdu.FAULT_PROTO_ERROR


@pytest.mark.parametrize("ptype", [pdu.CO_CANCEL, pdu.SHUTDOWN, pdu.AUTH_3, pdu.ORPHANED])
def test_types_without_a_reply(ptype: int) -> None:
    pipe = opened()
    pipe.write(frame(ptype, bytes(4)))
    assert not pipe.pending
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


@pytest.mark.parametrize("ptype", [1, RESPONSE, BIND_ACK, 20, 255])
def test_types_of_servers_and_of_nobody(ptype: int) -> None:
    assert fault_status(one(opened(), frame(ptype, bytes(8)))) == pdu.FAULT_PROTO_ERROR


# --- framing ---


def test_splits_and_coalesced() -> None:
    whole = fresh()
    conversation = BIND_SRVSVC + request(15, LIST) + request(21, info_stub(101), call_id=3)
    whole.write(conversation)
    expected = drain(whole)
    assert len(expected) == 3
    for cut in range(len(conversation) + 1):
        pipe = fresh()
        pipe.write(conversation[:cut])
        pipe.write(conversation[cut:])
        assert drain(pipe) == expected
    pipe = fresh()
    for byte in conversation:
        pipe.write(bytes([byte]))
    assert drain(pipe) == expected


@pytest.mark.parametrize("ptype", [pdu.BIND, pdu.REQUEST])
def test_broken_frame_is_answered_once(ptype: int) -> None:
    pipe = opened()
    pipe.write(request(15, LIST) + b"\4" + frame(ptype, b"", call_id=5)[1:] + request(15, LIST))
    good, refusal = replies(pipe)
    assert good.ptype == RESPONSE
    assert refusal.ptype == (BIND_NAK if ptype == pdu.BIND else pdu.FAULT)
    assert refusal.call_id == 5
    assert pipe.broken == "RPC version 4.0"
    assert raised(pipe) == STATUS_PIPE_DISCONNECTED
    with pytest.raises(StatusError) as caught:
        pipe.write(BIND_SRVSVC)
    assert caught.value.status == STATUS_PIPE_DISCONNECTED


# --- verbs and bounds ---


def test_read_in_pieces() -> None:
    pipe = opened()
    pipe.write(request(15, LIST) + request(15, LIST))
    total = pipe.pending
    assert pipe.messages == 2
    assert pipe.message_length == total // 2
    head, more = pipe.read(10)
    assert more
    assert pipe.pending == total - 10
    assert pipe.message_length == total // 2 - 10
    tail, more = pipe.read(100_000)
    assert not more
    assert drain(pipe) == [head + tail]
    assert pipe.message_length == 0
    assert raised(pipe) == STATUS_PIPE_EMPTY


def test_read_of_nothing() -> None:
    pipe = opened()
    pipe.write(request(15, LIST))
    assert pipe.read(0) == (b"", True)
    assert len(drain(pipe)) == 1


def test_transceive() -> None:
    pipe = fresh()
    ack, more = pipe.transceive(BIND_SRVSVC, 4280)
    assert (ack[2], more) == (BIND_ACK, False)
    head, more = pipe.transceive(request(15, LIST), 24)
    assert (len(head), more) == (24, True)
    with pytest.raises(StatusError) as caught:
        pipe.transceive(request(15, LIST), 24)
    assert caught.value.status == STATUS_PIPE_BUSY
    drain(pipe)
    with pytest.raises(StatusError) as caught:
        pipe.transceive(request(15, LIST)[:-1], 24)
    assert caught.value.status == STATUS_PIPE_EMPTY


def test_output_is_bounded_and_goes_on_after_reads() -> None:
    server = Server([ShareView(f"share{i}") for i in range(2000)])
    pipe = opened(server=server)
    reply_size = len(call(pipe, 15, LIST))
    assert reply_size > OUTPUT_HIGH_WATER
    for call_id in range(100, 110):
        pipe.write(request(15, LIST, call_id=call_id))
    assert OUTPUT_HIGH_WATER <= pipe.pending < OUTPUT_HIGH_WATER + 2 * reply_size
    answered = []
    while pipe.pending:
        assert pipe.pending < OUTPUT_HIGH_WATER + 2 * reply_size
        message, _more = pipe.read(5000)
        if message[3] & LAST:
            answered.append(unpack_from("<I", message, 12)[0])
    assert answered == list(range(100, 110))


def test_input_is_bounded() -> None:
    pipe = opened(server=Server([ShareView(f"share{i}") for i in range(2000)]))
    pipe.write(request(15, LIST))
    assert pipe.pending > OUTPUT_HIGH_WATER  # so nothing further is taken
    pipe.write(request(15, LIST) + bytes(MAX_UNREAD_INPUT - len(request(15, LIST))))
    with pytest.raises(StatusError) as caught:
        pipe.write(b"x")
    assert caught.value.status == STATUS_PIPE_BUSY
    # reading goes on with what was taken: another listing, then the zeros, which are no frame
    lasts = [reply.ptype for reply in replies(pipe) if reply.flags & LAST]
    assert lasts == [RESPONSE, RESPONSE, pdu.FAULT]


def test_request_shorter_than_its_header() -> None:
    pipe = opened()
    assert fault_status(one(pipe, frame(pdu.REQUEST, bytes(7)))) == pdu.FAULT_PROTO_ERROR
    assert one(pipe, request(15, LIST)).ptype == RESPONSE


def test_a_context_id_keeps_its_interface() -> None:
    interfaces = [each for service in PIPES.values() for each in service.interfaces]
    pipe = RpcPipe("both", interfaces, Server(), ALICE)
    ack = one(pipe, bind((0, SRVSVC, [NDR]), (0, WKSSVC, [NDR]), (1, WKSSVC, [NDR])))
    assert [each[:2] for each in results(ack)] == [(0, 0), (2, 0), (0, 0)]
    assert one(pipe, request(15, LIST)).ptype == RESPONSE
    assert one(pipe, request(0, info_stub(100), context_id=1)).ptype == RESPONSE
