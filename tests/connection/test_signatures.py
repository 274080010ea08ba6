"""Signatures on arrival and on replies: every algorithm, right, wrong, missing, and in compounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.client import commands, queries, raw
from conformance.client.connection import check_signature, sign_in_place
from conformance.client.message import Reply, Request, decode_reply
from conformance.client.ntlm import Credentials
from conformance.client.protocol import (
    AES_CMAC,
    AES_GMAC,
    FLAG_RELATED,
    FLAG_SIGNED,
    GENERIC_READ,
    HMAC_SHA256,
    OPEN,
    OPEN_IF,
    RELATED_FILE_ID,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0,
    SMB_3_0_2,
    SMB_3_1_1,
    TREE_CONNECT,
)
from conformance.client.session import Options, Session, Tree
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from tests.harness import PASSWORD, USER, World, frames_of

if TYPE_CHECKING:
    from pathlib import Path

SIGNED = {
    "2.0.2": Options(dialects=(SMB_2_0_2,), signing=True),
    "2.1": Options(dialects=(SMB_2_1,), signing=True),
    "3.0": Options(dialects=(SMB_3_0,), signing=True),
    "3.0.2": Options(dialects=(SMB_3_0_2,), signing=True),
    "3.1.1 hmac": Options(dialects=(SMB_3_1_1,), signing=True, signing_algorithms=(HMAC_SHA256,)),
    "3.1.1 cmac": Options(dialects=(SMB_3_1_1,), signing=True, signing_algorithms=(AES_CMAC,)),
    "3.1.1 gmac": Options(dialects=(SMB_3_1_1,), signing=True, signing_algorithms=(AES_GMAC,)),
    "3.1.1 none offered": Options(dialects=(SMB_3_1_1,), signing=True),
}
NO_ID = 0xFFFFFFFFFFFFFFFF
NO_TREE = 0xFFFFFFFF

every_algorithm = pytest.mark.parametrize("options", SIGNED.values(), ids=SIGNED)


def signed_message(tree: Tree, request: Request) -> bytearray:
    """A request of this tree as it would go out, signed."""
    signer = tree.session.protection.signer
    assert signer is not None
    message = bytearray(raw.build(tree.session.connection, tree.request(request)))
    sign_in_place(memoryview(message), signer)
    return message


def answer_to(session: Session, message: bytes | bytearray) -> Reply:
    """Send bytes as they are; the reply, whose signature nobody checks."""
    session.connection.send_message(message)
    outcome, reply = raw.outcome(frames_of(session.connection))
    assert outcome is raw.Outcome.ANSWERED
    assert reply is not None
    return reply


def requests_of_every_kind(file_id: bytes) -> list[Request]:
    """One of each command that acts for a session."""
    return [
        commands.tree_connect(r"\\server\data"),
        commands.create("new", access=GENERIC_READ, disposition=OPEN),
        commands.flush(file_id),
        commands.read(file_id, 0, 10),
        commands.write(file_id, 0, b"unsigned"),
        commands.lock(file_id, [(0, 1, 1)]),
        queries.ioctl(0x00140204, bytes(24)),
        queries.query_directory(file_id, "*", 37, 1000, 0),
        queries.query_info(file_id, 1, 5, 100),
        queries.set_info(file_id, 1, 20, bytes(8)),
        commands.echo(),
        commands.close(file_id),
        commands.tree_disconnect(),
        commands.logoff(),
    ]


@every_algorithm
def test_right_signatures_are_served_and_every_reply_is_signed(world: World, options: Options) -> None:
    (world.data / "file").write_bytes(b"content")
    tree = world.tree(options=options)
    with tree.open("file") as file:
        reply = tree.call(commands.read(file.file_id, 0, 100))
        assert commands.decode_read(reply.check()) == b"content"
        assert reply.signed


@every_algorithm
@pytest.mark.parametrize(
    "place",
    [16 * 8 + 28, 40 * 8 + 1, 48 * 8, 63 * 8 + 7, 64 * 8 + 32, -1],
    ids=["flags", "session", "first", "last", "body", "end"],
)
def test_one_changed_bit_is_refused(world: World, options: Options, place: int) -> None:
    tree = world.tree(options=options)
    (world.data / "file").write_bytes(b"content")
    message = signed_message(tree, commands.create("file", access=GENERIC_READ, disposition=OPEN))
    at = place % (len(message) * 8)
    message[at // 8] ^= 1 << at % 8
    reply = answer_to(tree.session, bytes(message))
    assert reply.status in (status.ACCESS_DENIED, status.USER_SESSION_DELETED)
    assert not frames_of(tree.session.connection).server.server.files


@every_algorithm
@pytest.mark.parametrize("size", [8191, 8192, 8193, 40_000])
def test_messages_around_what_is_copied_whole(world: World, options: Options, size: int) -> None:
    """A long one is signed part by part; its last byte counts like that of a short one."""
    tree = world.tree(options=options)
    file = tree.open("file", access=0x12019F, disposition=OPEN_IF)
    message = signed_message(tree, commands.write(file.file_id, 0, bytes(size - 112)))
    assert len(message) == size
    assert answer_to(tree.session, bytes(message)).status == status.SUCCESS
    message = signed_message(tree, commands.write(file.file_id, 0, bytes(size - 112)))
    message[-1] ^= 1
    assert answer_to(tree.session, bytes(message)).status == status.ACCESS_DENIED


LARGE = 200_000


@pytest.mark.parametrize("name", [name for name in SIGNED if name != "2.0.2"])
@pytest.mark.parametrize("place", [None, 40, 48, 63, 64, 80, 130_000, -1])
def test_a_large_frame_with_a_changed_byte_writes_nothing(world: World, name: str, place: int | None) -> None:
    """It has a buffer of its own, in which the signature is taken out while the MAC is computed."""
    tree = world.tree(options=SIGNED[name])
    file = tree.open("file", access=0x12019F, disposition=OPEN_IF)
    message = signed_message(tree, commands.write(file.file_id, 0, b"x" * LARGE))
    if place is not None:
        message[place] ^= 1
    reply = answer_to(tree.session, bytes(message))
    if place is None:
        assert reply.status == status.SUCCESS
        assert (world.data / "file").read_bytes() == b"x" * LARGE
    else:
        assert reply.status in (status.ACCESS_DENIED, status.USER_SESSION_DELETED)
        assert (world.data / "file").read_bytes() == b""


@pytest.mark.parametrize("wrong", [None, 0, 1])
def test_every_member_of_a_large_compound_has_its_own_signature(world: World, wrong: int | None) -> None:
    tree = world.tree(options=SIGNED["3.1.1 gmac"])
    signer = tree.session.protection.signer
    assert signer is not None
    file = tree.open("file", access=0x12019F, disposition=OPEN_IF)
    requests = [commands.write(file.file_id, 0, b"x" * LARGE), commands.write(file.file_id, LARGE, b"y" * LARGE)]
    frame = memoryview(
        bytearray(compound(*(raw.build(tree.session.connection, tree.request(request)) for request in requests)))
    )
    second = int.from_bytes(frame[20:24], "little")
    for index, member in enumerate((frame[:second], frame[second:])):
        sign_in_place(member, signer)
        if index == wrong:
            member[-1] ^= 1
    assert statuses(tree.session, bytes(frame)) == [
        status.ACCESS_DENIED if index == wrong else status.SUCCESS for index in range(2)
    ]


def test_a_large_signed_frame_is_as_it_came_when_it_is_handled(world: World) -> None:
    tree = world.tree(options=SIGNED["3.1.1 gmac"])
    file = tree.open("file", access=0x12019F, disposition=OPEN_IF)
    message = signed_message(tree, commands.write(file.file_id, 0, bytes(LARGE)))
    for wrong in (False, True):
        message[-1] ^= wrong
        frame = memoryview(bytearray(message))
        connection = frames_of(tree.session.connection).server
        if wrong:
            frame[24] += 4  # the next free message id; the signature is wrong either way
        [work] = connection.receive(frame).works
        assert work.failure == (status.ACCESS_DENIED if wrong else status.SUCCESS)
        assert bytes(frame[:48]) == bytes(message[:24]) + bytes(frame[24:25]) + bytes(message[25:48])
        assert bytes(frame[48:]) == bytes(message[48:])


@every_algorithm
def test_a_signature_for_another_message_id_is_refused(world: World, options: Options) -> None:
    tree = world.tree(options=options)
    first = signed_message(tree, commands.echo())
    second = signed_message(tree, commands.echo())
    second[48:64] = first[48:64]
    assert answer_to(tree.session, second).status == status.ACCESS_DENIED


def test_every_command_without_a_signature_is_refused_when_it_is_required(world: World) -> None:
    (world.data / "file").write_bytes(b"content")
    tree = world.tree(options=Options(dialects=(SMB_3_0_2,), signing=True))
    file = tree.open("file", access=0x12019F)
    for request in requests_of_every_kind(file.file_id):
        message = raw.build(tree.session.connection, tree.request(request))
        assert answer_to(tree.session, message).status == status.ACCESS_DENIED, request.command
    assert file.read(0, 100) == b"content"


@every_algorithm
def test_the_refusal_of_what_is_unsigned_is_signed(world: World, options: Options) -> None:
    """smbj throws an unsigned one away where signatures are required, and waits for a minute."""
    tree = world.tree(options=options)
    signer = tree.session.protection.signer
    assert signer is not None
    for request in (commands.tree_connect(r"\\server\data"), commands.echo()):
        reply = answer_to(tree.session, raw.build(tree.session.connection, tree.request(request)))
        assert (reply.status, reply.signed) == (status.ACCESS_DENIED, True)
        check_signature(memoryview(bytearray(reply.raw)), signer)


def test_session_setup_on_a_signed_session_without_a_signature_is_refused(world: World) -> None:
    session = world.log_on(Options(signing=True))
    message = raw.build(session.connection, session.request(commands.session_setup(b"anything")))
    assert answer_to(session, message).status == status.ACCESS_DENIED
    session.call(commands.echo()).check()


def test_what_the_client_requires_is_required_although_the_server_does_not(share_folder: Path) -> None:
    world = World(share_folder, policy=Policy(signing_required=False))
    tree = world.tree(options=Options(dialects=(SMB_3_0,), signing=True))
    message = raw.build(
        tree.session.connection, tree.request(commands.create("x", access=GENERIC_READ, disposition=OPEN))
    )
    assert answer_to(tree.session, message).status == status.ACCESS_DENIED
    world.close()


def test_unsigned_is_served_where_nobody_requires_signatures(share_folder: Path) -> None:
    world = World(share_folder, policy=Policy(signing_required=False))
    (world.data / "file").write_bytes(b"content")
    tree = world.tree(options=Options(dialects=(SMB_3_0,)))
    with tree.open("file") as file:
        assert file.read(0, 10) == b"content"
    # and a signature that is there is checked all the same
    message = signed_message(tree, commands.echo())
    message[50] ^= 1
    assert answer_to(tree.session, message).status == status.ACCESS_DENIED
    world.close()


# --- compounds ---


def compound(*messages: bytes | bytearray) -> bytes:
    """Messages behind each other, padded, with NextCommand set; not signed."""
    out = b""
    for index, message in enumerate(messages):
        copy = bytearray(message)
        if index + 1 < len(messages):
            copy += bytes(-len(copy) % 8)
            copy[20:24] = len(copy).to_bytes(4, "little")
        out += copy
    return out


def related(request: Request) -> Request:
    """The request as most clients write it behind another one: all ids say "the same as before"."""
    request.session_id, request.tree_id = NO_ID, NO_TREE
    request.flags |= FLAG_RELATED
    return request


def statuses(session: Session, frame: bytes) -> list[int]:
    """Status of every message in the one reply frame."""
    session.connection.send_message(frame)
    view, begin, end = frames_of(session.connection).next_frame()
    found = []
    while True:
        found.append(int.from_bytes(view[begin + 8 : begin + 12], "little"))
        following = int.from_bytes(view[begin + 20 : begin + 24], "little")
        if not following:
            assert begin < end
            return found
        begin += following


@every_algorithm
@pytest.mark.parametrize("first_signed", [False, True])
def test_an_unsigned_related_request_is_not_served(world: World, options: Options, first_signed: bool) -> None:
    """It names no session itself; it acts for the one before it, and so it needs that one's signature."""
    (world.data / "victim").write_bytes(b"content")
    tree = world.tree(options=options)
    connection = tree.session.connection
    first = bytearray(raw.build(connection, tree.request(commands.echo())))
    second = raw.build(
        connection, related(commands.create("victim", access=0x110000, disposition=OPEN, options=0x1000))
    )
    third = raw.build(connection, related(commands.close(RELATED_FILE_ID)))
    frame = bytearray(compound(first, second, third))
    length = int.from_bytes(frame[20:24], "little")
    if first_signed:
        signer = tree.session.protection.signer
        assert signer is not None
        sign_in_place(memoryview(frame)[:length], signer)
    found = statuses(tree.session, bytes(frame))
    assert found[0] == (status.SUCCESS if first_signed else status.ACCESS_DENIED)
    assert found[1:] == [status.ACCESS_DENIED] * 2
    assert (world.data / "victim").exists()


def test_a_request_behind_the_last_leg_of_a_login_needs_a_signature_too(world: World) -> None:
    """When it arrives nothing is required of the session yet; when its turn comes, something is."""
    victim = world.data / "victim"
    victim.write_bytes(b"content")
    session = world.negotiated(Options(dialects=(SMB_3_0,)))
    connection = session.connection
    send = connection.send_message
    legs = 0

    def inject(message: bytes, *arguments: object) -> None:
        nonlocal legs
        legs += 1
        if legs == 2:
            behind = raw.build(connection, related(commands.tree_connect(r"\\server\data")))
            message = compound(message, behind)
        send(message)

    connection.send_message = inject  # type: ignore[method-assign, assignment]  # a fake for this test

    session.log_on(Credentials(USER, PASSWORD))
    message, _ = connection._parts.popleft()  # behind the reply to the login, in the same frame
    assert decode_reply(message).command == TREE_CONNECT
    assert decode_reply(message).status == status.ACCESS_DENIED


@every_algorithm
@pytest.mark.parametrize("ids", ["own", "none"])
def test_signed_related_requests_are_served_whatever_ids_they_name(world: World, options: Options, ids: str) -> None:
    (world.data / "file").write_bytes(b"content")
    tree = world.tree(options=options)
    signer = tree.session.protection.signer
    assert signer is not None
    first = tree.request(commands.create("file", access=GENERIC_READ, disposition=OPEN))
    others = [commands.read(RELATED_FILE_ID, 0, 100), commands.close(RELATED_FILE_ID)]
    connection = tree.session.connection
    built = [raw.build(connection, first)]
    for request in others:
        marked = related(request)
        if ids == "own":
            tree.request(marked)
        built.append(raw.build(connection, marked))
    frame = memoryview(bytearray(compound(*built)))
    begin = 0
    for index in range(3):
        length = int.from_bytes(frame[begin + 20 : begin + 24], "little") or len(frame) - begin
        sign_in_place(frame[begin : begin + length], signer)
        begin += length
        assert index < 3
    assert statuses(tree.session, bytes(frame)) == [status.SUCCESS] * 3


def test_a_signature_without_a_session_to_check_it_with_is_refused(world: World) -> None:
    session = world.negotiated()
    for request in (commands.echo(), commands.tree_connect(r"\\server\data")):
        message = raw.patched(raw.build(session.connection, request), (16, bytes((FLAG_SIGNED,))))
        assert answer_to(session, message).status == status.USER_SESSION_DELETED


def test_a_guest_cannot_sign(share_folder: Path) -> None:
    """A guest has no key that nobody else knows; a signature of one proves nothing and is not believed."""
    world = World(share_folder, guest=True)
    session = world.log_on(Options(dialects=(SMB_3_0,), spnego=False), user="stranger", password="anything")
    message = raw.patched(
        raw.build(session.connection, session.request(commands.logoff())), (16, bytes((FLAG_SIGNED,)))
    )
    assert answer_to(session, message).status == status.ACCESS_DENIED
    session.call(commands.logoff()).check()
    world.close()


@every_algorithm
def test_errors_and_echoes_are_signed_as_well(world: World, options: Options) -> None:
    """The client checks that; an error that comes unsigned could be anybody's."""
    tree = world.tree(options=options)
    broken = commands.echo()
    broken.body = b"\x05\0\0\0"
    for request, expected in (
        (commands.echo(), status.SUCCESS),
        (broken, status.INVALID_PARAMETER),
        (commands.read(bytes(16), 0, 1), status.FILE_CLOSED),
        (Request(99, b"\x04\0\0\0"), status.INVALID_PARAMETER),
    ):
        reply = tree.call(request)
        assert reply.status == expected
        assert reply.signed
