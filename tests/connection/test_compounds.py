"""Frames with several requests: chains that lie, padding and alignment, credits, and what waits inside one."""

from __future__ import annotations

import pytest

from conformance.client import commands, raw
from conformance.client.connection import Connection as Client
from conformance.client.message import HEADER, Reply, Request, decode_reply
from conformance.client.ntlm import Credentials
from conformance.client.protocol import FLAG_ASYNC, GENERIC_WRITE, OPEN_IF, PENDING, SMB_2_0_2, SMB_2_1, ProtocolFailure
from conformance.client.session import Options, Session, Tree
from smbserver import dispatch
from smbserver.connection.connection import MAX_COMPOUND, Connection
from smbserver.connection.credits import MAX_CREDITS
from smbserver.connection.pending import Pending
from smbserver.connection.work import Reply as Answer
from smbserver.connection.work import Work
from smbserver.driver import INTERIM_DELAY
from smbserver.errors import ProtocolViolation
from smbserver.nt import status
from smbserver.waiter import Waiter
from tests.harness import PASSWORD, USER, World, frames_of

ECHO = 13
CANCEL = 12
BODY = b"\x04\0\0\0"


def message(
    message_id: int, *, command: int = ECHO, following: int = 0, charge: int = 1, wanted: int = 1, flags: int = 0
) -> bytes:
    """A request of four bytes."""
    return (
        HEADER.pack(b"\xfeSMB", 64, charge, 0, command, wanted, flags, following, message_id, 0xFEFF, 0, 0, bytes(16))
        + BODY
    )


def chain(*messages: bytes, padding: int = 4) -> bytes:
    """Messages behind each other with NextCommand set."""
    out = b""
    for index, each in enumerate(messages):
        if index + 1 < len(messages):
            each += bytes(padding)
            each = each[:20] + len(each).to_bytes(4, "little") + each[24:]
        out += each
    return out


@pytest.fixture
def connection(world: World) -> Connection:
    """A server's connection with credits 0 to 99, as after a negotiation of 2.1."""
    session = world.negotiated(Options(dialects=(SMB_2_1,)))
    made = frames_of(session.connection).server
    made.credits = type(made.credits)()
    made.credits.grant(99)
    return made


def test_requests_of_a_chain_come_out_one_by_one(connection: Connection) -> None:
    frame = chain(message(0), message(1), message(2), padding=12)
    works = connection.receive(memoryview(frame)).works
    assert [work.message_id for work in works] == [0, 1, 2]
    assert [len(work.message) for work in works] == [80, 80, 68]


@pytest.mark.parametrize("following", [1, 7, 8, 56, 63, 65, 68, 71, 76, 80, 88, 144, 2**31, 2**32 - 8])
def test_a_chain_that_leaves_its_frame_or_does_not_move_ends_the_connection(
    connection: Connection, following: int
) -> None:
    first = message(0) + bytes(4)
    frame = first[:20] + following.to_bytes(4, "little") + first[24:] + message(1)
    if following == 72:
        pytest.fail("this one would be right")
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(frame))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 63])
def test_a_frame_shorter_than_a_header_ends_the_connection(connection: Connection, size: int) -> None:
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(message(0)[:size]))


def test_the_second_header_of_a_chain_is_checked_too(connection: Connection) -> None:
    frame = bytearray(chain(message(0), message(1)))
    frame[72] = 0
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(frame))


def test_a_header_in_a_chain_has_no_body_of_the_next_one(connection: Connection) -> None:
    """Behind a header alone stands the next message's; its first bytes are nobody's StructureSize."""
    bare = message(0)[:64]
    works = connection.receive(memoryview(chain(bare, message(1), padding=0))).works
    assert [work.body_size for work in works] == [0, 4]


def test_the_longest_compound_is_served_and_one_more_is_not(connection: Connection) -> None:
    longest = chain(*(message(index) for index in range(MAX_COMPOUND)))
    assert len(connection.receive(memoryview(longest)).works) == MAX_COMPOUND
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(chain(*(message(40 + index) for index in range(MAX_COMPOUND + 1)))))


def test_a_reply_from_a_client_ends_the_connection(connection: Connection) -> None:
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(message(0, flags=1)))


# --- message ids and credits ---


def test_an_id_used_twice_ends_the_connection(world: World) -> None:
    session = world.negotiated()
    first = raw.build(session.connection, commands.echo())
    session.connection.send_message(first)
    session.connection.pump()
    session.connection.send_message(first)
    assert frames_of(session.connection).closed_by_peer(0)


def test_an_id_used_twice_within_one_compound_ends_the_connection(connection: Connection) -> None:
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(chain(message(1), message(1))))


@pytest.mark.parametrize("message_id", [100, 101, 2**63, 2**64 - 1])
def test_an_id_that_was_never_granted_ends_the_connection(connection: Connection, message_id: int) -> None:
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(message(message_id)))


def test_a_charge_takes_as_many_ids(connection: Connection) -> None:
    connection.receive(memoryview(message(0, charge=10)))
    for inside in (0, 5, 9):
        with pytest.raises(ProtocolViolation):
            connection.receive(memoryview(message(inside)))
    connection.receive(memoryview(message(10)))
    with pytest.raises(ProtocolViolation):
        connection.receive(memoryview(message(95, charge=6)))  # one more than there are
    connection.receive(memoryview(message(95, charge=5)))


def test_a_charge_means_nothing_in_2_0_2(world: World) -> None:
    session = world.negotiated(Options(dialects=(SMB_2_0_2,)))
    for _ in range(3):
        request = commands.echo()
        request.charge = 500
        session.connection.call(request).check()


def test_cancel_takes_no_id_and_gives_none(world: World) -> None:
    session = world.negotiated()
    connection = session.connection
    for message_id in (0, 5, 2**64 - 2):
        connection.send_message(message(message_id, command=CANCEL, wanted=100))
    assert not frames_of(connection).buffered()
    connection.call(commands.echo()).check()


def test_credits_of_a_compound_are_granted_once_in_its_last_reply(world: World) -> None:
    tree = world.tree()
    session = tree.session
    session.connection.credit_target = 50
    replies = tree.call_compound([commands.echo() for _ in range(4)], related=False)
    assert [reply.credits > 0 for reply in replies] == [False, False, False, True]
    assert session.connection.credits >= 4


def test_a_client_never_has_more_credits_than_the_window(world: World) -> None:
    client = world.connect()
    session = Session(client, Options())
    for _ in range(20):
        request = commands.echo()
        message_id = client.next_message_id
        client.send_message(request.encode(message_id, 1, 65535, 0))
        client.next_message_id += 1
        client.credits -= 1
        client.pump()
        assert 0 < client.credits <= MAX_CREDITS
    session.close()


def test_a_client_that_asks_for_no_credits_gets_one(world: World) -> None:
    client = world.negotiated().connection
    before = client.credits
    client.send_message(commands.echo().encode(client.next_message_id, 1, 0, 0))
    client.next_message_id += 1
    assert client.pump().credits == 1
    assert client.credits == before + 1


# --- replies ---


def test_replies_of_a_compound_are_aligned_and_chained(world: World) -> None:
    tree = world.tree()
    requests = [commands.create("f", access=0x12019F, disposition=OPEN_IF)] + [commands.echo()] * 2
    requests.insert(1, commands.read(bytes(16), 0, 10))
    connection = tree.session.connection
    connection.submit_compound([tree.request(each) for each in requests], related=False)
    view, begin, end = frames_of(connection).next_frame()
    offsets = [0]
    while following := int.from_bytes(view[begin + offsets[-1] + 20 : begin + offsets[-1] + 24], "little"):
        offsets.append(offsets[-1] + following)
    assert len(offsets) == 4
    assert all(offset % 8 == 0 for offset in offsets)
    assert end - begin - offsets[-1] == 72, "the last one is padded too ([MS-SMB2] 3.3.4.1.3)"
    assert [decode_reply(view[begin + offset : end]).command for offset in offsets] == [5, 8, 13, 13]


# --- what waits ---


def opened_file(tree: Tree) -> bytes:
    """A file that can be flushed."""
    return tree.open("slow", access=GENERIC_WRITE, disposition=OPEN_IF).file_id


def test_a_request_that_waits_is_told_so_and_gets_its_credits_only_then(world: World) -> None:
    tree = world.tree()
    client, file_id = tree.session.connection, opened_file(tree)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(commands.flush(file_id))
    assert not frames_of(client).buffered()
    world.runtime.advance(INTERIM_DELAY)
    interim = client.wait_interim(message_id)
    assert interim.status == PENDING
    assert interim.flags & FLAG_ASYNC
    assert interim.async_id
    assert interim.credits > 0
    tree.session.call(commands.echo()).check()  # others go on meanwhile
    world.runtime.run_offloaded()
    final = client.wait(message_id)
    assert final.check().credits == 0
    assert final.async_id == interim.async_id
    assert final.signed


def test_what_is_finished_in_time_is_never_pending(world: World) -> None:
    tree = world.tree()
    client, file_id = tree.session.connection, opened_file(tree)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(commands.flush(file_id))
    world.runtime.run_offloaded()
    world.runtime.advance(10)
    final = client.wait(message_id)
    assert final.credits > 0
    assert not final.async_id
    assert not frames_of(client).buffered()
    assert world.runtime.timers == 0


def test_every_wait_has_an_async_id_of_its_own(world: World) -> None:
    tree = world.tree()
    client, file_id = tree.session.connection, opened_file(tree)
    world.runtime.hold_offloaded = True
    waiting = [tree.submit(commands.flush(file_id)) for _ in range(3)]
    world.runtime.advance(INTERIM_DELAY)
    assert len({client.wait_interim(message_id).async_id for message_id in waiting}) == 3
    world.runtime.run_offloaded()
    for message_id in waiting:
        client.wait(message_id).check()


def test_a_compound_goes_on_when_its_waiting_member_is_done(world: World) -> None:
    tree = world.tree()
    client = tree.session.connection
    world.runtime.hold_offloaded = True
    ids = client.submit_compound(
        [
            tree.request(request)
            for request in (
                commands.create("slow", access=GENERIC_WRITE, disposition=OPEN_IF),
                commands.flush(b"\xff" * 16),
                commands.close(b"\xff" * 16),
            )
        ]
    )
    world.runtime.advance(10)
    assert not frames_of(client).buffered(), "the one that waits is not the last: nothing may be sent yet"
    world.runtime.run_offloaded()
    assert [client.wait(message_id).status for message_id in ids] == [status.SUCCESS] * 3


def test_a_connection_that_ends_while_something_waits(world: World) -> None:
    tree = world.tree()
    file_id = opened_file(tree)
    world.runtime.hold_offloaded = True
    tree.submit(commands.flush(file_id))
    tree.session.close()
    world.runtime.advance(10)
    world.runtime.run_offloaded()
    assert not world.state.sessions


@pytest.mark.parametrize("encryption", [False, True])
def test_logoff_while_something_waits(world: World, encryption: bool) -> None:
    """What waits is answered with the keys of the session it belongs to; nothing of it stays open."""
    tree = world.tree(options=Options(encryption=encryption))
    client, file_id = tree.session.connection, opened_file(tree)
    world.runtime.hold_offloaded = True
    message_id = tree.submit(commands.flush(file_id))
    tree.session.call(commands.logoff()).check()
    world.runtime.run_offloaded()
    assert client.wait(message_id).status == status.SUCCESS
    assert not len(world.state.files)


# --- CANCEL ---


@pytest.fixture
def waiting_echo(monkeypatch: pytest.MonkeyPatch) -> list[Waiter[None]]:
    """Makes ECHO wait until its waiter is resolved or cancelled."""
    waiters: list[Waiter[None]] = []

    def run(request: object, work: Work) -> Pending[None]:
        waiters.append(Waiter())
        return Pending(waiters[-1], lambda _: Answer([BODY]), can_cancel=True)

    monkeypatch.setattr(dispatch.COMMANDS[ECHO], "handle", run)
    return waiters


def cancel(client: Client, message_id: int, reply: Reply | None = None) -> None:
    """CANCEL by message id, or by the async id of an interim reply."""
    request = Request(CANCEL, BODY, message_id=message_id)
    if reply is not None:
        request.async_id = reply.async_id
    client.submit(request)


@pytest.mark.parametrize("told", [False, True])
def test_cancel_ends_what_waits_once(world: World, waiting_echo: list[Waiter[None]], told: bool) -> None:
    client = world.negotiated().connection
    message_id = client.submit(commands.echo())
    interim = None
    if told:
        world.runtime.advance(INTERIM_DELAY)
        interim = client.wait_interim(message_id)
    cancel(client, message_id, interim)
    assert client.wait(message_id).status == status.CANCELLED
    cancel(client, message_id, interim)
    cancel(client, message_id)
    waiting_echo[0].resolve(None)
    assert not frames_of(client).buffered()


def test_cancel_of_what_nobody_knows_is_not_answered(world: World, waiting_echo: list[Waiter[None]]) -> None:
    client = world.negotiated().connection
    waits = client.submit(commands.echo())
    for message_id in (0, 77, waits + 1, 2**64 - 1):
        cancel(client, message_id)
    request = Request(CANCEL, BODY, message_id=waits, async_id=0)
    client.submit(request)
    request = Request(CANCEL, BODY, message_id=waits, async_id=2**64 - 1)
    client.submit(request)
    assert not frames_of(client).buffered()
    waiting_echo[0].resolve(None)
    client.wait(waits).check()


def test_cancel_with_a_broken_body_or_signature_is_not_answered(world: World) -> None:
    session = world.log_on()
    for body in (b"", b"\x04", b"\x05\0\0\0"):
        session.connection.submit(session.request(Request(CANCEL, body, message_id=3, sign=False)))
    broken = bytearray(raw.build(session.connection, session.request(Request(CANCEL, BODY, message_id=3))))
    broken[16] |= 8
    session.connection.send_message(broken)
    assert not frames_of(session.connection).buffered()
    session.call(commands.echo()).check()


def test_cancel_does_not_reach_into_another_connection(world: World, waiting_echo: list[Waiter[None]]) -> None:
    client, other = world.negotiated().connection, world.negotiated().connection
    message_id = client.submit(commands.echo())
    world.runtime.advance(INTERIM_DELAY)
    cancel(other, message_id)
    cancel(other, message_id, client.wait_interim(message_id))
    assert not waiting_echo[0].done
    waiting_echo[0].resolve(None)
    client.wait(message_id).check()


def test_the_number_of_requests_that_wait_is_bounded(
    world: World, waiting_echo: list[Waiter[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbserver.driver.MAX_PENDING", 5)
    session = world.log_on()
    ids = [session.connection.submit(session.request(commands.echo())) for _ in range(6)]
    assert session.connection.wait(ids[-1]).status != status.SUCCESS
    assert len(frames_of(session.connection).server.pending) == 5


# --- the preauthentication hash ---


@pytest.mark.parametrize("leg", ["negotiate", "setup"])
def test_a_changed_message_of_the_negotiation_shows_at_the_login(world: World, leg: str) -> None:
    """3.1.1: the keys depend on every byte of NEGOTIATE and of the login, as both sides saw them."""
    session = world.negotiated()
    if leg == "negotiate":
        session._preauth = bytes(64)
    else:
        client = session.connection
        send, sent = client.send_message, 0

        def change(data: bytes, *arguments: object) -> None:
            nonlocal sent
            sent += 1
            if sent == 1:
                data = bytes(data[:68]) + b"\x55" + bytes(data[69:])  # Capabilities: nobody looks at them
            send(data)

        client.send_message = change  # type: ignore[method-assign, assignment]  # a fake for this test
    with pytest.raises(ProtocolFailure):
        session.log_on(Credentials(USER, PASSWORD))
