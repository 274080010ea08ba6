"""Mutated frames against a server without a network: it answers or ends the connection, and nothing else happens."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.client import raw
from conformance.client.message import HEADER_SIZE
from conformance.client.protocol import ConnectionEnded, NoAnswer
from conformance.client.session import Options, Session
from smbserver.nt import status
from smbserver.objects.server_state import Policy
from tests.every_command import requests
from tests.harness import World, frames_of
from tests.hostile.mutations import mutated

ALL_ACCESS = 0x12019F | 0x10000
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
SERVED_TO_ANYBODY = (0, 13)  # NEGOTIATE, ECHO


@pytest.fixture(autouse=True)
def no_internal_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An exception nobody expected is a bug, whatever the client was told."""
    yield
    found = [record.getMessage() for record in caplog.get_records("call") if record.exc_info]
    assert not found, found


@contextmanager
def quiet_world() -> Iterator[World]:
    """A server of its own for every example. Signatures are not required: else no parser would see the message."""
    with tempfile.TemporaryDirectory(prefix="smb-", dir=MEMORY) as folder:
        world = World(Path(folder), policy=Policy(signing_required=False))
        (world.ro / "kept").write_bytes(b"kept")
        yield world
        assert (world.ro / "kept").read_bytes() == b"kept"
        world.runtime.advance(1)
        world.close()


def replies(session: Session) -> list[tuple[int, int]]:
    """(command, status) of all that was answered."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            view, begin, end = frames_of(session.connection).next_frame()
        except (NoAnswer, ConnectionEnded):
            return found
        while True:
            found.append(
                (
                    int.from_bytes(view[begin + 12 : begin + 14], "little"),
                    int.from_bytes(view[begin + 8 : begin + 12], "little"),
                )
            )
            following = int.from_bytes(view[begin + 20 : begin + 24], "little")
            assert end - begin >= HEADER_SIZE
            if not following:
                break
            begin += following


def send(session: Session, message: bytes) -> list[tuple[int, int]]:
    """Hand over one frame; what came back."""
    try:
        session.connection.send_message(message)
    except ConnectionEnded:
        return []
    return replies(session)


ROUNDS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(rng=st.randoms(use_true_random=False))
@ROUNDS
def test_before_login(rng: random.Random) -> None:
    """Nothing of a file or a share is told, however NEGOTIATE and the login are bent."""
    with quiet_world() as world:
        client = world.connect()
        session = world.negotiated(Options()) if rng.random() < 0.7 else None
        templates = [bytes(request.encode(index, 1, 8, 0)) for index, request in enumerate(requests().values())]
        for step in range(6):
            message = bytearray(rng.choice(templates))
            message[24:32] = (step + (1 if session else 0)).to_bytes(8, "little")
            bent = mutated(rng, bytes(message), templates)
            if session is not None:
                found = send(session, bent)
            else:
                try:
                    client.send_message(bent)
                except ConnectionEnded:
                    break
                found = []
            for command, code in found:
                assert code != status.SUCCESS or command in SERVED_TO_ANYBODY, command
        client.close()
        if session is not None:
            session.close()
        assert not world.state.sessions


@given(rng=st.randoms(use_true_random=False))
@ROUNDS
def test_after_login(rng: random.Random) -> None:
    """A user who may do much sends nonsense: requests fail or the connection ends."""
    with quiet_world() as world:
        (world.data / "file").write_bytes(b"content")
        tree = world.tree("data", Options(encryption=rng.random() < 0.3))
        file = tree.open("file", access=ALL_ACCESS)
        directory = tree.open("", options=1)
        ids = [file.file_id, directory.file_id, b"\xff" * 16]
        names = [name for name in requests() if name not in ("NEGOTIATE", "LOGOFF")]
        connection, protection = tree.session.connection, tree.session.protection
        for _ in range(8):
            built = [
                raw.build(connection, tree.request(requests(rng.choice(ids))[rng.choice(names)])) for _ in range(3)
            ]
            bent = mutated(rng, built[0], built)
            try:
                if protection.encrypt and rng.random() < 0.9:
                    connection.send_message(bent, protection, tree.session.session_id)
                else:
                    connection.send_message(bent)
            except ConnectionEnded:
                break
            replies_seen = len(frames_of(connection).transport.frames)
            assert replies_seen <= 64
            frames_of(connection).transport.frames.clear()
        tree.session.close()
        assert not world.state.sessions
        assert not len(world.state.files)


@given(rng=st.randoms(use_true_random=False))
@ROUNDS
def test_a_server_that_requires_signatures_serves_nothing_that_was_bent(rng: random.Random) -> None:
    """A man in the middle may send what he likes: without the key he gets errors, and no file changes."""
    with tempfile.TemporaryDirectory(prefix="smb-", dir=MEMORY) as folder:
        world = World(Path(folder))
        (world.data / "file").write_bytes(b"content")
        tree = world.tree("data")
        file = tree.open("file", access=ALL_ACCESS)
        names = [name for name in requests() if name not in ("NEGOTIATE", "ECHO", "CANCEL", "SESSION_SETUP")]
        connection = tree.session.connection
        for _ in range(6):
            built = [
                raw.build(connection, tree.request(requests(rng.choice([file.file_id, b"\xff" * 16]))[name]))
                for name in rng.sample(names, 3)
            ]
            for command, code in send(tree.session, mutated(rng, built[0], built)):
                assert code != status.SUCCESS or command in SERVED_TO_ANYBODY, command
        tree.session.close()
        assert [path.name for path in world.data.iterdir()] == ["file"]
        assert (world.data / "file").read_bytes() == b"content"
        world.close()
