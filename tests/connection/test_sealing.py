"""Sealed messages on arrival: every cipher, right, wrong, of another session, repeated, and required."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.client import commands, raw
from conformance.client.login import log_on
from conformance.client.message import Reply, Request
from conformance.client.ntlm import Credentials
from conformance.client.protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_256_CCM,
    AES_256_GCM,
    ENCRYPTION_CAPABILITIES,
    GENERIC_READ,
    OPEN,
    OPEN_IF,
    RELATED_FILE_ID,
    SIGNING_CAPABILITIES,
    SMB_3_0,
    SMB_3_0_2,
    SMB_3_1_1,
    StatusFailure,
)
from conformance.client.security import Protection, session_sealer, session_signer
from conformance.client.session import Options, Session, Tree
from smbserver.nt import status
from smbserver.objects.server_state import Encryption, Policy
from smbserver.objects.share import Share
from tests.harness import PASSWORD, USER, World, frames_of

if TYPE_CHECKING:
    from pathlib import Path

SEALED = {
    "3.0": Options(dialects=(SMB_3_0,), encryption=True),
    "3.0.2": Options(dialects=(SMB_3_0_2,), encryption=True),
    "aes-128-ccm": Options(dialects=(SMB_3_1_1,), encryption=True, ciphers=(AES_128_CCM,)),
    "aes-128-gcm": Options(dialects=(SMB_3_1_1,), encryption=True, ciphers=(AES_128_GCM,)),
    "aes-256-ccm": Options(dialects=(SMB_3_1_1,), encryption=True, ciphers=(AES_256_CCM,)),
    "aes-256-gcm": Options(dialects=(SMB_3_1_1,), encryption=True, ciphers=(AES_256_GCM,)),
}
TRANSFORM_SIZE = 52
every_cipher = pytest.mark.parametrize("options", SEALED.values(), ids=SEALED)


def sealed(tree: Tree, request: Request) -> bytes:
    """A request of this tree as it would go out, sealed."""
    sealer = tree.session.protection.sealer
    assert sealer is not None
    message = raw.build(tree.session.connection, tree.request(request))
    header, body = sealer.seal(message, tree.session.session_id)
    return header + bytes(body)


def is_dropped(session: Session, message: bytes) -> bool:
    """Whether the server ends the connection over these bytes, and says nothing."""
    session.connection.send_message(message)
    return raw.outcome(frames_of(session.connection))[0] is raw.Outcome.CLOSED


@every_cipher
def test_sealed_requests_are_served_sealed(world: World, options: Options) -> None:
    (world.data / "file").write_bytes(b"content" * 20_000)
    tree = world.tree(options=options)
    with tree.open("file") as file:
        reply = tree.call(commands.read(file.file_id, 0, 140_000))
        assert commands.decode_read(reply.check()) == b"content" * 20_000
        assert reply.encrypted
    replies = tree.call_compound(
        [commands.create("file", access=GENERIC_READ, disposition=OPEN), commands.close(RELATED_FILE_ID)]
    )
    assert [reply.status for reply in replies] == [status.SUCCESS] * 2
    assert all(reply.encrypted for reply in replies)


@every_cipher
@pytest.mark.parametrize("place", [4, 19, 20, 31, 36, 40, 42, 44, TRANSFORM_SIZE, TRANSFORM_SIZE + 40, -1])
def test_one_changed_bit_ends_the_connection(world: World, options: Options, place: int) -> None:
    tree = world.tree(options=options)
    message = bytearray(sealed(tree, commands.echo()))
    if place == 31 and AES_128_CCM in options.ciphers and options.dialects != (SMB_3_1_1,):
        place = 30  # the nonce of CCM is 11 bytes; the others are authenticated all the same
    message[place] ^= 0x04
    assert is_dropped(tree.session, bytes(message))


@every_cipher
@pytest.mark.parametrize("place", [None, 4, 20, 36, 44, TRANSFORM_SIZE, TRANSFORM_SIZE + 100_000, -1])
def test_a_large_frame_with_a_changed_byte_ends_the_connection(
    world: World, options: Options, place: int | None
) -> None:
    """It is opened in the buffer that it came in."""
    tree = world.tree(options=options)
    file = tree.open("file", access=0x12019F, disposition=OPEN_IF)
    message = bytearray(sealed(tree, commands.write(file.file_id, 0, b"x" * 200_000)))
    if place is None:
        tree.session.connection.send_message(bytes(message))
        assert tree.session.connection.pump().status == status.SUCCESS
        assert (world.data / "file").read_bytes() == b"x" * 200_000
    else:
        message[place] ^= 1
        assert is_dropped(tree.session, bytes(message))
        assert (world.data / "file").read_bytes() == b""


@every_cipher
def test_every_truncation_ends_the_connection(world: World, options: Options) -> None:
    tree = world.tree(options=options)
    message = sealed(tree, commands.echo())
    for size in (0, 3, 4, 51, TRANSFORM_SIZE, TRANSFORM_SIZE + 63, len(message) - 1):
        other = world.tree(options=options)
        assert is_dropped(other.session, message[:size])
    assert is_dropped(tree.session, message + b"\0")


@every_cipher
def test_the_same_message_twice_ends_the_connection(world: World, options: Options) -> None:
    tree = world.tree(options=options)
    message = sealed(tree, commands.echo())
    tree.session.connection.send_message(message)
    assert tree.session.connection.pump().status == status.SUCCESS
    assert is_dropped(tree.session, message)


def test_nonces_of_the_server_never_repeat(world: World) -> None:
    tree = world.tree(options=SEALED["aes-128-gcm"])
    seen = set()
    for _ in range(50):
        tree.session.connection.send_message(sealed(tree, commands.echo()))
        view, begin, _ = frames_of(tree.session.connection).next_frame()
        seen.add(bytes(view[begin + 20 : begin + 36]))
    assert len(seen) == 50


def second_session(session: Session, options: Options) -> tuple[int, Protection]:
    """Another login of the same user on the same connection."""
    connection = session.connection
    logon = log_on(connection, Credentials(USER, PASSWORD), session._preauth)
    dialect = session.negotiated.dialect
    protection = Protection(
        signer=session_signer(dialect, session.signing_algorithm, logon.session_key, logon.preauth),
        sealer=session_sealer(dialect, session.cipher or 0, logon.session_key, logon.preauth),
        encrypt=True,
    )
    connection.protections[logon.session_id] = protection
    return logon.session_id, protection


@every_cipher
@pytest.mark.parametrize("which", ["outside", "inside", "key"])
def test_one_session_cannot_speak_for_another(world: World, options: Options, which: str) -> None:
    tree = world.tree(options=options)
    session = tree.session
    other_id, other = second_session(session, options)
    own = session.protection.sealer
    assert own is not None
    assert other.sealer is not None
    request = commands.echo()
    request.session_id = other_id if which == "inside" else session.session_id
    message = raw.build(session.connection, request)
    header, body = {
        "outside": lambda: own.seal(message, other_id),
        "inside": lambda: own.seal(message, session.session_id),
        "key": lambda: other.sealer.seal(message, session.session_id) if other.sealer else (b"", memoryview(b"")),
    }[which]()
    assert is_dropped(session, header + bytes(body))


def test_two_sessions_on_one_connection_both_work(world: World) -> None:
    options = SEALED["aes-128-gcm"]
    session = world.log_on(options)
    other_id, _ = second_session(session, options)
    session.call(commands.echo()).check()
    request = commands.logoff()
    request.session_id = other_id
    session.connection.call(request).check()
    session.call(commands.echo()).check()


def test_sealed_before_anybody_logged_in_ends_the_connection(world: World) -> None:
    known = world.tree(options=SEALED["3.0"])
    message = sealed(known, commands.echo())
    assert is_dropped(world.negotiated(), message)
    client = world.connect()
    client.send_message(message)
    assert frames_of(client).closed_by_peer(0)
    known.session.call(commands.echo()).check()


def test_sealed_with_a_session_that_is_only_half_logged_in(world: World) -> None:
    session = world.negotiated()
    from conformance.client.ntlm import NtlmClient

    ntlm = NtlmClient(Credentials(USER, PASSWORD), target="cifs/server")
    reply = session.connection.call(commands.session_setup(ntlm.negotiate()))
    assert reply.status == status.MORE_PROCESSING_REQUIRED
    sealer = session_sealer(SMB_3_1_1, AES_128_GCM, bytes(16), bytes(64))
    header, body = sealer.seal(raw.build(session.connection, commands.echo()), reply.session_id)
    assert is_dropped(session, header + bytes(body))


def test_a_seal_inside_a_seal_ends_the_connection(world: World) -> None:
    tree = world.tree(options=SEALED["aes-128-gcm"])
    sealer = tree.session.protection.sealer
    assert sealer is not None
    header, body = sealer.seal(sealed(tree, commands.echo()), tree.session.session_id)
    assert is_dropped(tree.session, header + bytes(body))


def test_compressed_messages_end_the_connection(world: World) -> None:
    """Compression is not offered, so nothing is ever inflated."""
    tree = world.tree()
    assert is_dropped(tree.session, b"\xfcSMB" + (2**31).to_bytes(4, "little") + bytes(100))


# --- where sealing is required ---


def plain(tree: Tree, request: Request) -> Reply:
    """The answer to a request that is signed but not sealed."""
    request.encrypt, request.sign = False, True
    return tree.session.connection.call(tree.request(request))


def test_a_plain_request_is_refused_where_everything_must_be_sealed(share_folder: Path) -> None:
    world = World(share_folder, policy=Policy(encryption=Encryption.REQUIRED))
    (world.data / "file").write_bytes(b"content")
    tree = world.tree()
    assert tree.session.protection.encrypt, "the server must have asked for it"
    for request in (
        commands.tree_connect(r"\\server\data"),
        commands.create("file", access=GENERIC_READ, disposition=OPEN),
        commands.tree_disconnect(),
        commands.logoff(),
    ):
        assert plain(tree, request).status == status.ACCESS_DENIED
    tree.open("file").close()
    world.close()


@pytest.mark.parametrize("encryption", list(Encryption))
def test_without_encryption_there_is_no_word_of_it(share_folder: Path, encryption: Encryption) -> None:
    """[MS-SMB2] 3.3.5.4: a context without a cipher says that it is done otherwise, and go-smb2 gives up there."""
    world = World(share_folder, policy=Policy(encryption=encryption))
    session = world.negotiated(Options(dialects=(SMB_3_1_1,)))
    assert (ENCRYPTION_CAPABILITIES in session.negotiated.contexts) is (encryption is not Encryption.OFF)
    world.close()


def test_a_client_that_wants_none_of_all_ciphers(world: World) -> None:
    """smb-rs when it is told not to encrypt. An empty list of signing algorithms is refused (3.3.5.4)."""
    nothing = bytes(2)
    options = Options(dialects=(SMB_3_1_1,), ciphers=(), extra_contexts=((ENCRYPTION_CAPABILITIES, nothing),))
    session = world.log_on(options)
    assert ENCRYPTION_CAPABILITIES not in session.negotiated.contexts
    session.tree("data")
    with pytest.raises(StatusFailure, match="INVALID_PARAMETER"):
        world.negotiated(
            Options(dialects=(SMB_3_1_1,), signing_algorithms=(), extra_contexts=((SIGNING_CAPABILITIES, nothing),))
        )


@pytest.mark.parametrize("dialect", [0x0202, 0x0210])
def test_a_client_that_cannot_seal_does_not_get_in_where_it_must(share_folder: Path, dialect: int) -> None:
    world = World(share_folder, policy=Policy(encryption=Encryption.REQUIRED))
    with pytest.raises(StatusFailure):
        world.log_on(Options(dialects=(dialect,)))
    with pytest.raises(StatusFailure):
        world.log_on(Options(dialects=(SMB_3_0,), capabilities=0))
    world.close()


def test_a_plain_request_is_refused_on_a_share_that_is_sealed(share_folder: Path) -> None:
    folder = share_folder / "secret"
    folder.mkdir()
    from smbserver.backend.posix import PosixBackend

    world = World(share_folder, shares=[Share("secret", PosixBackend(folder), encrypt=True)])
    (folder / "file").write_bytes(b"content")
    tree = world.tree("secret")
    assert plain(tree, commands.create("file", access=GENERIC_READ, disposition=OPEN)).status == status.ACCESS_DENIED
    with tree.open("file") as file:
        assert file.read(0, 10) == b"content"
        assert plain(tree, commands.read(file.file_id, 0, 10)).status == status.ACCESS_DENIED
    world.close()
