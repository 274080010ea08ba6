"""Binding a session to further connections ([MS-SMB2] 3.3.5.5): checks, keys, and what a failure may not touch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.client import commands
from conformance.client.connection import check_signature
from conformance.client.message import Reply, Request
from conformance.client.ntlm import Credentials, NtlmClient
from conformance.client.protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_CMAC,
    AES_GMAC,
    DELETE_ON_CLOSE,
    GENERIC_READ,
    HMAC_SHA256,
    OPEN_IF,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0,
    SMB_3_0_2,
    SMB_3_1_1,
    NoAnswer,
)
from conformance.client.security import Protection, extend_preauth, session_signer
from conformance.client.session import Options, Session, Tree
from smbserver.commands.session_binding import MAX_CHANNELS
from smbserver.nt import status
from smbserver.objects.server_state import Encryption, Policy
from tests.harness import OTHER_USER, PASSWORD, USER, World, frames_of

BINDING = 1
GUID = bytes(range(1, 17))
OPLOCK_BATCH = 9
ALL_ACCESS = 0x12019F | 0x10000
Change = Callable[[Request], None]


@pytest.fixture
def make_world(share_folder: Path, request: pytest.FixtureRequest) -> Callable[[Policy], World]:
    """Makes a server with a policy of the test's own; closed at the end."""

    def make(policy: Policy) -> World:
        made = World(share_folder, policy=policy)
        request.addfinalizer(made.close)
        return made

    return make


def options(dialect: int = SMB_3_1_1, **more: object) -> Options:
    return Options(dialects=(dialect,), client_guid=GUID, **more)  # type: ignore[arg-type]  # names of Options


def bind(
    first: Session, new: Session, user: str = USER, password: str = PASSWORD, change: Change = lambda request: None
) -> Reply:
    """Binds the first one's session to the new one's connection; the last reply. The new one is usable if it worked.

    Both legs are signed with the session's key, as are the replies; the last good one has the channel's.
    """
    connection = new.connection
    preauth = new._preauth
    ntlm = NtlmClient(Credentials(user, password), target="cifs/server")

    def leg(token: bytes) -> Reply:
        nonlocal preauth
        request = commands.session_setup(token, flags=BINDING)
        request.session_id = first.session_id
        change(request)
        connection.protections[first.session_id] = Protection(signer=first.protection.signer, sign=True)
        message = connection.submit(request)
        preauth = extend_preauth(preauth, connection.last_sent)
        connection.protections.clear()  # each reply has its own way to be signed
        reply = connection.wait(message)
        if reply.status == status.MORE_PROCESSING_REQUIRED:
            preauth = extend_preauth(preauth, reply.raw)
        return reply

    reply = leg(ntlm.negotiate())
    if reply.status != status.MORE_PROCESSING_REQUIRED:
        return reply
    assert first.protection.signer is not None
    check_signature(memoryview(bytearray(reply.raw)), first.protection.signer)
    reply = leg(ntlm.authenticate(commands.decode_session_setup(reply)[1]))
    if reply.status == status.SUCCESS:
        signer = session_signer(new.negotiated.dialect, new.signing_algorithm, ntlm.session_key, preauth)
        check_signature(memoryview(bytearray(reply.raw)), signer)
        new.session_id = first.session_id
        new.protection = Protection(signer=signer, sealer=first.protection.sealer, sign=True)
        connection.protections[first.session_id] = new.protection
    return reply


def bound(world: World, first: Session, chosen: Options | None = None) -> Session:
    new = world.negotiated(chosen or first.options)
    assert bind(first, new).status == status.SUCCESS
    return new


def is_alive(session: Session) -> bool:
    return session.call(commands.tree_connect(r"\\127.0.0.1\data")).status == status.SUCCESS


@pytest.mark.parametrize("dialect", [SMB_3_0, SMB_3_0_2, SMB_3_1_1])
def test_one_session_over_two_connections(world: World, dialect: int) -> None:
    first = world.log_on(options(dialect))
    tree = first.tree("data")
    file = tree.create("file")
    second = bound(world, first)
    assert list(world.state.sessions) == [first.session_id]
    over_second = Tree(second, tree.tree_id, tree.connected)
    over_second.call(commands.write(file.file_id, 0, b"through the other")).check()
    assert file.read(0, 100) == b"through the other"
    assert not frames_of(second.connection).server.attempts


def test_each_channel_has_its_own_key(world: World) -> None:
    first = world.log_on(options())
    second = bound(world, first)
    own, second.protection.signer = second.protection.signer, first.protection.signer
    request = second.request(commands.tree_connect(r"\\127.0.0.1\data"))
    message = second.connection.submit(request)
    second.connection.protections.clear()  # the refusal is signed with the channel's key
    assert second.connection.wait(message).status == status.ACCESS_DENIED
    second.protection.signer = own
    second.connection.protections[first.session_id] = second.protection
    assert is_alive(second)
    assert is_alive(first)


def test_sealing_is_the_session_s_on_every_channel(make_world: Callable[[Policy], World]) -> None:
    world = make_world(Policy(encryption=Encryption.REQUIRED))
    first = world.log_on(options())
    second = bound(world, first)
    second.protection.encrypt = True
    assert is_alive(second)
    assert is_alive(first)
    second.protection.encrypt = False
    assert second.call(commands.tree_connect(r"\\127.0.0.1\data")).status == status.ACCESS_DENIED


def test_the_session_lasts_as_long_as_its_last_channel(world: World) -> None:
    first = world.log_on(options())
    tree = first.tree("data")
    tree.open("file", access=ALL_ACCESS, disposition=OPEN_IF, options=DELETE_ON_CLOSE)
    second = bound(world, first)
    first.close()
    assert (world.data / "file").exists()
    assert is_alive(second)
    third = bound(world, first)  # the session's key stays the first channel's
    second.close()
    assert is_alive(third)
    third.close()
    assert not world.state.sessions
    assert not (world.data / "file").exists()


def test_logoff_ends_it_everywhere_and_what_waits_is_answered(world: World) -> None:
    first = world.log_on(options())
    second = bound(world, first)
    pipe = second.tree("IPC$").open("srvsvc", access=3)
    waiting = pipe.tree.submit(commands.read(pipe.file_id, 0, 100))
    first.log_off()
    reply = second.connection.wait(waiting)  # its signature is the channel's
    assert reply.status != status.SUCCESS
    assert not world.state.sessions
    assert not frames_of(second.connection).server.sessions
    message = second.connection.submit(second.request(commands.tree_connect(r"\\127.0.0.1\data")))
    second.connection.protections.clear()
    assert second.connection.wait(message).status == status.USER_SESSION_DELETED


def test_a_request_of_one_channel_goes_on_when_another_ends(world: World) -> None:
    first = world.log_on(options())
    second = bound(world, first)
    file = second.tree("data").create("file")
    world.runtime.hold_offloaded = True
    waiting = file.tree.submit(commands.flush(file.file_id))
    first.close()
    world.runtime.run_offloaded()
    assert second.connection.wait(waiting).status == status.SUCCESS


def unsigned(request: Request) -> None:
    request.sign = False


def other_session(request: Request) -> None:
    request.session_id ^= 1


@pytest.mark.parametrize(
    ("of_first", "of_new", "expected"),
    [
        (options(SMB_2_0_2), options(SMB_2_0_2), status.REQUEST_NOT_ACCEPTED),
        (options(SMB_2_1), options(SMB_2_1), status.REQUEST_NOT_ACCEPTED),
        (options(SMB_2_1), options(SMB_3_0), status.INVALID_PARAMETER),
        (options(SMB_3_0), options(SMB_2_1), status.REQUEST_NOT_ACCEPTED),
        (options(SMB_3_0), options(SMB_3_0_2), status.INVALID_PARAMETER),
        (options(ciphers=(AES_128_GCM,)), options(ciphers=(AES_128_CCM,)), status.INVALID_PARAMETER),
        (
            options(signing_algorithms=(AES_GMAC,)),
            options(signing_algorithms=(AES_CMAC,)),
            status.REQUEST_OUT_OF_SEQUENCE,
        ),
        (options(signing_algorithms=(AES_GMAC,)), options(SMB_2_1), status.REQUEST_OUT_OF_SEQUENCE),
        (options(signing_algorithms=(HMAC_SHA256,)), options(), status.NOT_SUPPORTED),
        (options(signing_algorithms=(HMAC_SHA256,)), options(signing_algorithms=(AES_CMAC,)), status.SUCCESS),
        (options(), Options(dialects=(SMB_3_1_1,), client_guid=GUID[::-1]), status.SUCCESS),
    ],
)
def test_what_the_connections_must_have_in_common(
    world: World, of_first: Options, of_new: Options, expected: int
) -> None:
    first = world.log_on(of_first)
    new = world.negotiated(of_new)
    assert bind(first, new).status == expected
    assert is_alive(first)
    assert len(world.state.sessions[first.session_id].channels) == (2 if expected == status.SUCCESS else 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [(unsigned, status.INVALID_PARAMETER), (other_session, status.USER_SESSION_DELETED)],
)
def test_requests_that_are_refused(world: World, change: Change, expected: int) -> None:
    first, new = world.log_on(options()), world.negotiated(options())
    assert bind(first, new, change=change).status == expected
    assert is_alive(first)
    assert bind(first, new).status == status.SUCCESS


def test_the_session_s_key_must_have_signed(world: World) -> None:
    first, stranger, new = world.log_on(options()), world.log_on(options()), world.negotiated(options())
    right = first.protection.signer
    first.protection.signer = stranger.protection.signer
    assert bind(first, new).status == status.ACCESS_DENIED
    first.protection.signer = right
    assert is_alive(first)


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [(USER, "wrong", status.LOGON_FAILURE), (OTHER_USER, PASSWORD, status.ACCESS_DENIED)],
)
def test_a_binding_that_fails_changes_nothing_but_itself(world: World, user: str, password: str, expected: int) -> None:
    """CVE-2026-31476 was a server that ended the session of the user it was tried on."""
    first, new = world.log_on(options()), world.negotiated(options())
    file = first.tree("data").create("file")
    assert bind(first, new, user, password).status == expected
    server = frames_of(new.connection).server
    assert not server.sessions
    assert not server.attempts
    file.write(0, b"still mine")
    assert bind(first, new).status == status.SUCCESS


def test_a_binding_that_is_not_finished_leaves_nothing(world: World) -> None:
    first, new = world.log_on(options()), world.negotiated(options())
    new.connection.protections[first.session_id] = Protection(signer=first.protection.signer, sign=True)
    request = commands.session_setup(NtlmClient(Credentials(USER, PASSWORD), target="x").negotiate(), flags=BINDING)
    request.session_id = first.session_id
    assert new.connection.call(request).status == status.MORE_PROCESSING_REQUIRED
    tree = commands.tree_connect(r"\\127.0.0.1\data")
    tree.session_id = first.session_id
    assert new.connection.call(tree).status == status.USER_SESSION_DELETED
    new.close()
    assert is_alive(first)


def test_guests_and_nobody_have_no_key_to_bind_with(share_folder: Path, request: pytest.FixtureRequest) -> None:
    world = World(share_folder, policy=Policy(signing_required=False), guest=True)
    request.addfinalizer(world.close)
    guest = world.log_on(options(), user="stranger", password="x")
    mine = world.log_on(options())
    new = world.negotiated(options())
    guest.protection.signer = mine.protection.signer
    assert bind(guest, new).status == status.NOT_SUPPORTED


def test_not_twice_and_not_without_end(world: World) -> None:
    first = world.log_on(options())
    assert bind(first, first).status == status.REQUEST_NOT_ACCEPTED
    first.connection.protections[first.session_id] = first.protection
    for _ in range(MAX_CHANNELS - 1):
        bound(world, first)
    assert bind(first, world.negotiated(options())).status == status.INSUFFICIENT_RESOURCES
    assert is_alive(first)


def test_the_session_ends_while_the_binding_is_withheld(world: World) -> None:
    """The answer to a login after failures waits; the session is gone when it goes out, and does not come back."""
    first = world.log_on(options())
    for _ in range(2):
        assert bind(first, world.negotiated(options()), USER, "wrong").status == status.LOGON_FAILURE
    new = world.negotiated(options())
    with pytest.raises(NoAnswer):
        bind(first, new)
    first.close()
    assert not world.state.sessions
    world.runtime.advance(10)
    assert not world.state.sessions
    assert not frames_of(new.connection).server.sessions


def test_a_break_goes_over_another_channel_when_one_is_lost(world: World) -> None:
    first = world.log_on(options())
    tree = first.tree("data")
    second = bound(world, first)
    tree.open("file", access=ALL_ACCESS, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
    other = world.tree(options=Options())
    other.submit(commands.create("file", access=GENERIC_READ, disposition=OPEN_IF))
    assert first.connection.wait_unsolicited()
    assert not frames_of(second.connection).buffered()
    first.close()
    assert second.connection.wait_unsolicited()


@pytest.mark.parametrize("stuck", [False, True])
def test_a_break_looks_for_another_way_only_if_the_line_is_dead(world: World, stuck: bool) -> None:
    first = world.log_on(options())
    tree = first.tree("data")
    second = bound(world, first)
    tree.open("file", access=ALL_ACCESS, disposition=OPEN_IF, oplock=OPLOCK_BATCH)
    other = world.tree(options=Options())
    other.submit(commands.create("file", access=GENERIC_READ, disposition=OPEN_IF))
    frames_of(first.connection).transport.stuck = stuck
    world.runtime.advance(1.1)
    assert frames_of(second.connection).buffered() is stuck
    world.runtime.advance(40)
    assert not world.runtime.timers
