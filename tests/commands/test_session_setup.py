"""SESSION_SETUP against [MS-SMB2] 3.3.5.5: every way in, every way to be refused, and what is left behind."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.client import commands
from conformance.client.connection import check_signature
from conformance.client.login import Logon, log_on
from conformance.client.message import Reply, Request
from conformance.client.ntlm import Credentials, NtlmClient
from conformance.client.protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_256_CCM,
    AES_256_GCM,
    AES_CMAC,
    AES_GMAC,
    CAP_ENCRYPTION,
    GENERIC_READ,
    GENERIC_WRITE,
    HMAC_SHA256,
    SESSION_ENCRYPT_DATA,
    SESSION_IS_GUEST,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0,
    SMB_3_0_2,
    SMB_3_1_1,
    NoAnswer,
    StatusFailure,
)
from conformance.client.security import session_signer
from conformance.client.session import ALL_DIALECTS, Options, Session
from smbserver.commands import session_setup
from smbserver.config.options import combine
from smbserver.config.toml_file import read_config_file
from smbserver.driver import INTERIM_DELAY
from smbserver.nt import status
from smbserver.objects.server_state import Encryption, Policy
from smbserver.objects.session import State
from tests.harness import OTHER_USER, PASSWORD, USER, World, frames_of

BINDING = 1
MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(share_folder: Path, request: pytest.FixtureRequest) -> MakeWorld:
    """Makes a server with a policy of the test's own; closed at the end."""

    def make(policy: Policy | None = None, guest: bool = False) -> World:
        made = World(share_folder, policy=policy, guest=guest)
        request.addfinalizer(made.close)
        return made

    return make


def begin(session: Session, user: str = USER, password: str = PASSWORD, session_id: int = 0) -> tuple[int, Request]:
    """The first leg, raw NTLM; the session's id and the request for the second leg, not sent."""
    ntlm = NtlmClient(Credentials(user, password), target="cifs/server")
    request = commands.session_setup(ntlm.negotiate())
    request.session_id = session_id
    reply = session.connection.call(request).check(status.MORE_PROCESSING_REQUIRED)
    second = commands.session_setup(ntlm.authenticate(commands.decode_session_setup(reply)[1]))
    second.session_id = reply.session_id
    return reply.session_id, second


def again(session: Session, user: str = USER, password: str = PASSWORD, previous: int = 0) -> Logon:
    """Log the same session on again."""
    return log_on(
        session.connection,
        Credentials(user, password),
        bytes(64),
        session_id=session.session_id,
        previous_session_id=previous,
    )


def failure(call: Callable[[], object]) -> int:
    """The status that a call is refused with."""
    with pytest.raises(StatusFailure) as refused:
        call()
    return refused.value.status


def is_alive(session: Session) -> bool:
    """Whether the server still serves the session; if it does not, it must say that the session is gone."""
    connection = session.connection
    message = connection.submit(session.request(commands.tree_connect(r"\\127.0.0.1\data")))
    known = connection.protections
    if session.session_id not in frames_of(connection).server.sessions:
        connection.protections = {}  # the refusal is not signed: nobody has the key any more
    reply = connection.wait(message)
    connection.protections = known
    assert reply.status in (status.SUCCESS, status.USER_SESSION_DELETED)
    return reply.status == status.SUCCESS


# --- the ways in ---


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
@pytest.mark.parametrize("spnego", [False, True])
def test_an_account_logs_in_and_both_sides_have_the_same_keys(world: World, dialect: int, spnego: bool) -> None:
    session = world.log_on(Options(dialects=(dialect,), spnego=spnego))
    assert session.logon is not None
    assert session.logon.flags == 0
    assert session.logon.reply.signed  # and the client has checked it
    assert is_alive(session)  # signed both ways
    (ours,) = world.state.sessions.values()
    assert ours.state is State.VALID
    assert not frames_of(session.connection).server.attempts
    assert ours.identity.user == USER


@pytest.mark.parametrize("algorithm", [AES_GMAC, AES_CMAC, HMAC_SHA256])
@pytest.mark.parametrize("cipher", [AES_128_CCM, AES_128_GCM, AES_256_CCM, AES_256_GCM])
def test_every_algorithm_of_3_1_1(world: World, algorithm: int, cipher: int) -> None:
    options = Options(ciphers=(cipher,), signing_algorithms=(algorithm,))
    assert is_alive(world.log_on(options))
    assert is_alive(world.log_on(Options(ciphers=(cipher,), signing_algorithms=(algorithm,), encryption=True)))


@pytest.mark.parametrize("dialect", [SMB_2_1, SMB_3_1_1])
def test_the_last_reply_is_signed_also_where_nothing_must_be(make_world: MakeWorld, dialect: int) -> None:
    session = make_world(Policy(signing_required=False)).log_on(Options(dialects=(dialect,)))
    assert session.logon is not None
    assert session.logon.reply.signed


@pytest.mark.parametrize("by_client", [False, True])
def test_signing_is_required_when_either_side_says_so(make_world: MakeWorld, by_client: bool) -> None:
    world = make_world(Policy(signing_required=False))
    session = world.log_on(Options(dialects=(SMB_3_0_2,), signing=by_client))
    session.protection.sign = False
    unsigned = commands.tree_connect(r"\\127.0.0.1\data")
    session.connection.protections.clear()  # the client would refuse an unsigned refusal
    reply = session.call(unsigned)
    assert reply.status == (status.ACCESS_DENIED if by_client else status.SUCCESS)


@pytest.mark.parametrize(
    ("dialect", "ciphers"),
    [
        (SMB_3_0, (AES_128_CCM,)),
        (SMB_3_0_2, (AES_128_CCM,)),
        (SMB_3_1_1, (AES_128_GCM,)),
        (SMB_3_1_1, (AES_256_GCM,)),
        (SMB_3_1_1, (AES_128_CCM,)),
        (SMB_3_1_1, (AES_256_CCM,)),
    ],
)
def test_where_encryption_is_required_the_client_is_told_and_held_to_it(
    make_world: MakeWorld, dialect: int, ciphers: tuple[int, ...]
) -> None:
    world = make_world(Policy(encryption=Encryption.REQUIRED))
    session = world.log_on(Options(dialects=(dialect,), ciphers=ciphers))
    assert session.logon is not None
    assert session.logon.flags == SESSION_ENCRYPT_DATA
    assert session.logon.reply.signed
    assert is_alive(session)
    session.protection.encrypt = False
    assert session.call(commands.tree_connect(r"\\127.0.0.1\data")).status == status.ACCESS_DENIED


@pytest.mark.parametrize(
    "options",
    [
        Options(dialects=(SMB_2_0_2,)),
        Options(dialects=(SMB_2_1,)),
        Options(dialects=(SMB_3_0,), capabilities=Options().capabilities & ~CAP_ENCRYPTION),
        Options(dialects=(SMB_3_1_1,), ciphers=(99,)),
    ],
)
def test_where_encryption_is_required_nobody_comes_in_without(make_world: MakeWorld, options: Options) -> None:
    world = make_world(Policy(encryption=Encryption.REQUIRED))
    assert failure(lambda: world.log_on(options)) == status.ACCESS_DENIED
    assert not world.state.sessions


# --- guests and nobody ---


@pytest.mark.parametrize("spnego", [False, True])
def test_a_guest_is_told_so_and_nothing_is_signed(make_world: MakeWorld, spnego: bool) -> None:
    world = make_world(Policy(signing_required=False), guest=True)
    session = world.log_on(Options(spnego=spnego), user="stranger", password="x")
    assert session.logon is not None
    assert session.logon.flags == SESSION_IS_GUEST
    assert not session.logon.reply.signed
    assert is_alive(session)
    assert again(session, "another stranger").flags == SESSION_IS_GUEST
    assert not world.state.failed_logins


def test_a_known_user_never_becomes_a_guest(make_world: MakeWorld) -> None:
    world = make_world(guest=True)
    assert failure(lambda: world.log_on(password="wrong")) == status.LOGON_FAILURE
    assert not world.state.sessions


def test_no_guest_where_encryption_is_required_and_nobody_anonymous(make_world: MakeWorld) -> None:
    world = make_world(Policy(encryption=Encryption.REQUIRED), guest=True)
    assert failure(lambda: world.log_on(user="stranger")) == status.ACCESS_DENIED
    assert failure(lambda: world.log_on(user="")) == status.LOGON_FAILURE
    assert not world.state.sessions


# --- refused ---


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
def test_a_binding_is_refused(world: World, dialect: int) -> None:
    session = world.log_on(Options(dialects=(dialect,)))
    request = commands.session_setup(b"token", flags=BINDING)
    assert session.call(request).status == status.REQUEST_NOT_ACCEPTED  # it is here already
    assert is_alive(session)


def test_an_unknown_session_and_one_of_another_connection(world: World) -> None:
    other, session = world.log_on(), world.negotiated()
    for session_id in (1, other.session_id):
        request = commands.session_setup(b"NTLMSSP\0\1\0\0\0" + bytes(20))
        request.session_id = session_id
        assert session.connection.call(request).status == status.USER_SESSION_DELETED
    assert is_alive(other)


@pytest.mark.parametrize("token", [b"", b"junk", b"NTLMSSP\0", b"NTLMSSP\0\3\0\0\0" + bytes(60), b"\x60\x80\0\0"])
def test_a_malformed_token_leaves_no_session(world: World, token: bytes) -> None:
    session = world.negotiated()
    assert session.connection.call(commands.session_setup(token)).status == status.INVALID_PARAMETER
    assert not world.state.sessions
    assert not world.state.failed_logins


@pytest.mark.parametrize("target", ["_make_keys", "_end_previous", "_withheld"])
def test_a_bug_leaves_no_session(world: World, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    session = world.negotiated()
    monkeypatch.setattr(session_setup, target, broken)
    assert failure(lambda: session.log_on(Credentials(USER, PASSWORD))) == status.INTERNAL_ERROR
    assert not world.state.sessions
    assert not frames_of(session.connection).server.sessions


# --- the same session again ---


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
def test_logging_on_again_keeps_keys_and_files(world: World, dialect: int) -> None:
    tree = world.tree(options=Options(dialects=(dialect,)))
    file = tree.create("file")
    logon = again(tree.session)
    assert logon.session_id == tree.session.session_id
    assert logon.reply.signed
    assert file.write(0, b"still") == 5


def test_in_the_middle_of_logging_on_again_the_session_works(world: World) -> None:
    tree = world.tree()
    session_id, second = begin(tree.session, session_id=tree.session.session_id)
    assert session_id == tree.session.session_id
    tree.create("file").close()
    assert tree.session.call(second).status == status.SUCCESS
    tree.create("file").close()


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [
        (USER, "wrong", status.LOGON_FAILURE),
        (OTHER_USER, PASSWORD, status.ACCESS_DENIED),
    ],
)
def test_failing_to_log_on_again_ends_the_session_with_its_files(
    world: World, user: str, password: str, expected: int
) -> None:
    tree = world.tree()
    tree.create("file")
    assert failure(lambda: again(tree.session, user, password)) == expected
    assert not world.state.sessions
    assert not len(world.state.files)
    assert not is_alive(tree.session)


def test_a_user_may_become_nobody_and_come_back(world: World) -> None:
    """Nobody uses what was open and opens nothing: no name is taken from it. Another user does not get the session."""
    tree = world.tree()
    session = tree.session
    file = tree.open("file", access=0x12019F | 0x10000, disposition=3)
    assert again(session, "").session_id == session.session_id
    file.write(0, b"was open")
    assert session.call(commands.tree_connect(r"\\127.0.0.1\data")).status == status.ACCESS_DENIED
    assert failure(lambda: tree.create("other")) == status.ACCESS_DENIED
    rename = bytes(16) + (10).to_bytes(4, "little") + "other".encode("utf-16-le")
    assert failure(lambda: file.set(1, 10, rename)) == status.ACCESS_DENIED
    assert failure(lambda: file.set(1, 11, rename)) == status.ACCESS_DENIED
    again(session)
    file.set(1, 10, rename)
    tree.create("file").close()
    again(session, "")
    assert failure(lambda: again(session, OTHER_USER)) == status.ACCESS_DENIED
    assert not world.state.sessions


# --- one dialect per client ---


def test_a_client_is_here_with_one_dialect(world: World) -> None:
    """[MS-SMB2] 3.3.5.5.3: its leases have one version. The entry goes with its last connection."""
    guid = bytes(range(16))
    old = world.log_on(Options(dialects=(SMB_3_0,), client_guid=guid))
    world.log_on(Options(dialects=(SMB_3_0,), client_guid=guid)).close()
    other = Options(dialects=(SMB_3_1_1,), client_guid=guid)
    assert failure(lambda: world.log_on(other)) == status.USER_SESSION_DELETED
    assert list(world.state.sessions) == [old.session_id]
    world.log_on(Options(dialects=(SMB_2_0_2,), client_guid=guid))
    for dialect in (SMB_3_0, SMB_3_1_1):
        world.log_on(Options(dialects=(dialect,)))
        frames_of(old.connection).server.server.admit_dialect(bytes(16), dialect)


def test_the_dialect_may_change_when_the_client_has_left(world: World) -> None:
    guid = bytes(range(16))
    for dialect in (SMB_3_0, SMB_2_1, SMB_3_1_1):
        world.log_on(Options(dialects=(dialect,), client_guid=guid)).close()
        assert not world.state.client_dialects


# --- the session that a client had before ---


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
@pytest.mark.parametrize("encryption", [False, True])
def test_a_client_that_came_back_ends_the_session_it_had(world: World, dialect: int, encryption: bool) -> None:
    if encryption and dialect < SMB_3_0:
        return
    options = Options(dialects=(dialect,), encryption=encryption)
    old = world.tree(options=options)
    old.create("file")
    pipe = old.session.tree("IPC$").open("srvsvc", access=GENERIC_READ | GENERIC_WRITE)
    waiting = pipe.tree.submit(pipe_read(pipe.file_id))
    new = world.negotiated(options)
    new.log_on(Credentials(USER, PASSWORD), previous_session_id=old.session.session_id)
    assert list(world.state.sessions) == [new.session_id]
    assert not len(world.state.files)
    reply = old.session.connection.wait(waiting)  # its signature, or its seal, is still right
    assert reply.status != status.SUCCESS
    assert not frames_of(old.session.connection).server.sessions
    old.session.protection.encrypt = False  # the server does not open what that session seals any more
    assert not is_alive(old.session)
    assert is_alive(new)


def pipe_read(file_id: bytes) -> Request:
    """A READ of a pipe that has nothing to say: it waits."""
    return commands.read(file_id, 0, 100)


def test_the_old_session_may_be_on_the_same_connection(world: World) -> None:
    session = world.log_on()
    before = session.session_id
    session.log_on(Credentials(USER, PASSWORD), previous_session_id=before)
    assert list(world.state.sessions) == [session.session_id]
    assert session.session_id != before


def test_nobody_ends_the_session_of_another_user(world: World) -> None:
    old, new = world.log_on(), world.negotiated()
    new.log_on(Credentials(OTHER_USER, PASSWORD), previous_session_id=old.session_id)
    assert is_alive(old)
    assert is_alive(new)


def test_a_guest_does_not_end_the_session_of_another_guest(make_world: MakeWorld) -> None:
    world = make_world(Policy(signing_required=False), guest=True)
    old, new = world.log_on(user="stranger"), world.negotiated()
    new.log_on(Credentials("stranger", "x"), previous_session_id=old.session_id)
    assert is_alive(old)


def test_a_failed_login_ends_nothing_else(world: World) -> None:
    old, new = world.log_on(), world.negotiated()
    previous = old.session_id
    assert failure(lambda: new.log_on(Credentials(USER, "wrong"), previous_session_id=previous)) == status.LOGON_FAILURE
    assert is_alive(old)


def test_an_unknown_previous_session_and_the_session_itself_are_ignored(world: World) -> None:
    session = world.negotiated()
    session.log_on(Credentials(USER, PASSWORD), previous_session_id=12345)
    again(session, previous=session.session_id)
    assert is_alive(session)


def test_an_unfinished_login_of_another_connection_is_not_ended(world: World) -> None:
    other, new = world.negotiated(), world.negotiated()
    session_id, second = begin(other)
    new.log_on(Credentials(USER, PASSWORD), previous_session_id=session_id)
    assert other.connection.call(second).status == status.SUCCESS


# --- failed logins are slow ---


def fail(world: World, count: int, user: str = USER) -> None:
    """Somebody who waits for each answer."""
    for _ in range(count):
        session = world.negotiated()
        _, second = begin(session, user, "wrong")
        message = session.connection.submit(second)
        world.runtime.advance(2)
        session.connection.wait(message).check(status.LOGON_FAILURE)
        session.close()


def submitted(world: World, password: str, user: str = USER, options: Options | None = None) -> tuple[Session, int]:
    """An attempt whose second leg was sent, and its message id."""
    session = world.negotiated(options)
    _, second = begin(session, user, password)
    return session, session.connection.submit(second)


def answer(session: Session, message: int) -> Reply | None:
    """The answer, if it is there."""
    try:
        return session.connection.wait(message)
    except NoAnswer:
        return None


def test_two_failures_are_answered_at_once_and_the_third_is_not(world: World) -> None:
    for expected in (True, True, False):
        session, message = submitted(world, "wrong")
        assert (answer(session, message) is not None) is expected
    world.runtime.advance(0.2)
    assert answer(session, message) is None
    world.runtime.advance(0.1)
    reply = answer(session, message)
    assert reply is not None
    assert reply.status == status.LOGON_FAILURE
    assert not world.state.sessions
    assert not world.runtime.timers


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
def test_after_failures_the_right_password_waits_as_long_and_then_works(world: World, dialect: int) -> None:
    """With an interim reply in between, which must not enter the preauthentication hash: the keys are right."""
    fail(world, 4)
    options = Options(dialects=(dialect,))
    session = world.negotiated(options)
    credentials = Credentials(USER, PASSWORD)
    ntlm = NtlmClient(credentials, target="cifs/server")
    first = session.connection.call(commands.session_setup(ntlm.negotiate()))
    second = commands.session_setup(ntlm.authenticate(commands.decode_session_setup(first)[1]))
    second.session_id = first.session_id
    message = session.connection.submit(second)
    world.runtime.advance(0.9)
    assert answer(session, message) is None
    assert session.connection.wait_interim(message).status == status.PENDING
    (ours,) = world.state.sessions.values()
    assert ours.state is State.IN_PROGRESS
    assert ours.signer is None
    world.runtime.advance(0.2)
    reply = answer(session, message)
    assert reply is not None
    assert reply.status == status.SUCCESS
    assert reply.signed
    assert ours.state.name == "VALID"  # mypy believes that it cannot have changed
    assert not world.state.failed_logins
    assert world.log_on(options)  # at once


def test_keys_of_a_withheld_login_are_right(world: World) -> None:
    """The client half derives its own: a login that is answered by a timer, on 3.1.1, with sealing afterwards."""
    fail(world, 3)
    runtime = world.runtime
    session = world.negotiated(Options(encryption=True))
    frames = frames_of(session.connection)
    plain_next = frames.next_frame

    def next_frame() -> tuple[memoryview, int, int]:
        if not frames.buffered():
            runtime.advance(1)
        return plain_next()

    frames.next_frame = next_frame  # type: ignore[method-assign]  # a fake for this test
    session.log_on(Credentials(USER, PASSWORD))
    assert is_alive(session)


def test_while_an_answer_is_withheld_both_outcomes_look_alike(world: World) -> None:
    fail(world, 3)
    seen = []
    for password in ("wrong", PASSWORD):
        session = world.negotiated()
        session_id, second = begin(session, USER, password)
        message = session.connection.submit(second)
        third = commands.session_setup(b"NTLMSSP\0\1\0\0\0" + bytes(20))
        tree = commands.tree_connect(r"\\127.0.0.1\data")
        for request in (third, tree):
            request.session_id = session_id
        seen.append([session.connection.call(third).status, session.connection.call(tree).status])
        world.runtime.advance(4)
        reply = answer(session, message)
        assert reply is not None
        assert reply.status == (status.SUCCESS if password == PASSWORD else status.LOGON_FAILURE)
    assert seen == [[status.REQUEST_NOT_ACCEPTED, status.ACCESS_DENIED]] * 2


@pytest.mark.parametrize("password", ["wrong", PASSWORD])
def test_guessing_in_parallel_is_locked_out_whatever_the_guess(world: World, password: str) -> None:
    fail(world, 6)
    waiting = [submitted(world, "wrong") for _ in range(4)]
    assert all(answer(*attempt) is None for attempt in waiting)
    session, message = submitted(world, password)
    reply = answer(session, message)
    assert reply is not None
    assert reply.status == status.ACCOUNT_LOCKED_OUT
    assert world.log_on(user=OTHER_USER)
    for attempt in waiting:
        world.runtime.advance(2)
        answered = answer(*attempt)
        assert answered is not None
        assert answered.status == status.LOGON_FAILURE
    assert not world.runtime.timers


def test_only_the_same_name_from_the_same_address_waits(world: World) -> None:
    fail(world, 3)
    assert answer(*submitted(world, PASSWORD, OTHER_USER)) is not None
    session = world.negotiated()
    frames_of(session.connection).server.name = "192.0.2.1:445"
    assert answer(session, session.connection.submit(begin(session)[1])) is not None
    assert answer(*submitted(world, PASSWORD, USER.upper())) is None
    world.runtime.advance(1)


def test_unknown_names_wait_like_known_ones(world: World) -> None:
    fail(world, 2, "nobody")
    session, message = submitted(world, "wrong", "nobody")
    assert answer(session, message) is None
    world.runtime.advance(0.3)
    assert answer(session, message) is not None


def test_cancel_ends_the_attempt_and_tells_nothing(world: World) -> None:
    for password in ("wrong", PASSWORD):
        fail(world, 3)
        session, message = submitted(world, password)
        session.connection.cancel(message)
        reply = answer(session, message)
        assert reply is not None
        assert reply.status == status.CANCELLED
        assert not world.state.sessions
        assert not world.runtime.timers
        world.runtime.advance(100)


def test_a_client_that_leaves_while_it_waits_leaves_nothing(world: World) -> None:
    fail(world, 3)
    session, _ = submitted(world, PASSWORD)
    session.close()
    assert not world.state.sessions
    assert not world.runtime.timers
    world.runtime.advance(10)
    assert len(world.state.failed_logins) == 1  # the right password, never told: not forgiven


def test_logging_on_again_waits_too_and_the_session_goes_on(world: World) -> None:
    tree = world.tree()
    fail(world, 3)
    _, second = begin(tree.session, session_id=tree.session.session_id)
    message = tree.session.connection.submit(second)
    tree.create("file").close()
    assert answer(tree.session, message) is None
    world.runtime.advance(2)
    reply = answer(tree.session, message)
    assert reply is not None
    assert reply.status == status.SUCCESS
    tree.create("file").close()


def test_a_session_that_ends_while_its_answer_waits(world: World) -> None:
    """LOGOFF in the middle of logging on again: the waiting leg is ended, and nothing comes back to life."""
    session = world.log_on()
    fail(world, 3)
    _, second = begin(session, session_id=session.session_id)
    message = session.connection.submit(second)
    session.call(commands.logoff()).check()
    reply = answer(session, message)
    assert reply is not None
    assert reply.status == status.CANCELLED
    world.runtime.advance(10)
    assert not world.state.sessions


def test_the_delay_can_be_turned_off(make_world: MakeWorld) -> None:
    world = make_world(Policy(delay_failed_logins=False))
    for _ in range(10):
        assert failure(lambda: world.log_on(password="wrong")) == status.LOGON_FAILURE
    assert not world.state.failed_logins
    assert world.log_on()


@pytest.mark.parametrize("text", ["", "delay_failed_logins = true\n", "delay_failed_logins = false\n"])
def test_the_setting_comes_from_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "smbserver.toml"
    file.write_text(f'{text}[[share]]\nname = "a"\npath = "{tmp_path}"\n', encoding="utf-8")
    chosen = combine([read_config_file(str(file))], lambda: "made", lambda: "ann")
    assert chosen.settings.delay_failed_logins is ("false" not in text)


@pytest.mark.parametrize(
    "name", ["x\nann logged in", "x\r\x1b[31m", "\u202egnp.exe", "\ud800", "\x00", "\x85", "\u2028", "y" * 4000, "%s%n"]
)
def test_the_log_has_one_line_that_a_name_cannot_forge(
    world: World, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.INFO):
        fail_once = world.negotiated()
        ntlm = NtlmClient(Credentials("?" * len(name), "wrong"), target="cifs/server")
        first = fail_once.connection.call(commands.session_setup(ntlm.negotiate()))
        message = ntlm.authenticate(commands.decode_session_setup(first)[1])
        raw = name.encode("utf-16-le", "surrogatepass")
        message = message.replace("?".encode("utf-16-le") * len(name), raw)
        request = commands.session_setup(message)
        request.session_id = first.session_id
        fail_once.connection.call(request).check(status.LOGON_FAILURE)
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.isprintable()
    assert len(line) < 500
    assert "login failed" in line
    assert "unknown user" in line


def test_a_locked_out_attempt_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    fail(world, 6)
    for _ in range(5):
        submitted(world, "wrong")
    assert "locked out" in caplog.text
    world.runtime.advance(20)


def test_the_signature_of_a_withheld_reply(world: World) -> None:
    fail(world, 3)
    session = world.negotiated(Options(dialects=(SMB_2_1,)))
    ntlm = NtlmClient(Credentials(USER, PASSWORD), target="cifs/server")
    first = session.connection.call(commands.session_setup(ntlm.negotiate()))
    second = commands.session_setup(ntlm.authenticate(commands.decode_session_setup(first)[1]))
    second.session_id = first.session_id
    message = session.connection.submit(second)
    world.runtime.advance(INTERIM_DELAY)
    world.runtime.advance(1)
    reply = answer(session, message)
    assert reply is not None
    signer = session_signer(SMB_2_1, HMAC_SHA256, ntlm.session_key, bytes(64))
    check_signature(memoryview(bytearray(reply.raw)), signer)


def test_session_ids_are_not_guessable_neighbours(world: World) -> None:
    ids = [world.log_on().session_id for _ in range(5)]
    assert len(set(ids)) == 5
    assert all(abs(one - other) > 1000 for one, other in itertools.pairwise(sorted(ids)))
