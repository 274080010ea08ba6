"""The whole server as root acting as others: what it makes, what it says, and that it serves from a closed folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.client import connect
from conformance.client.message import Request
from conformance.client.protocol import (
    CHANGE_NOTIFY,
    DIRECTORY_FILE,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN_IF,
    StatusFailure,
)
from smbserver.auth.accounts import nt_hash
from smbserver.backend.size_limit import SizeLimited
from smbserver.config.settings import Settings, ShareSettings
from smbserver.errors import ConfigError
from smbserver.nt import status
from smbserver.server import Server
from smbserver.wire.change_notify import decode_response
from tests.backend.posix.test_fs_user import effective, fs_ids

REPOSITORY = Path(__file__).resolve().parents[1]
START_SECONDS = 60
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")
ANN, BOB = 61001, 61002


def settings_for(folder: Path, **share: object) -> Settings:
    made = ShareSettings("data", str(folder), **share)  # type: ignore[arg-type]  # of a test
    return Settings((made,), users=(("ann", "secret"),), bind=("127.0.0.1",), port=0)


def make_things(port: int) -> None:
    with connect("127.0.0.1", port, "ann", "secret") as session:
        tree = session.tree("data")
        with tree.create("file") as file:
            file.write(0, b"x")
            file.flush()
        tree.open("folder", disposition=OPEN_IF, options=DIRECTORY_FILE).close()


@needs_root
def test_a_share_with_an_owner_and_modes(share_folder: Path) -> None:
    before = (fs_ids(), effective())
    os.chown(share_folder, ANN, ANN)

    async def serve() -> None:
        shares = settings_for(share_folder, owner=str(ANN), group=str(BOB), file_mode=0o664, directory_mode=0o2770)
        async with Server(shares) as server:
            assert fs_ids()[0] != 0
            with server.own_rights():  # a thread is who made it, and this client still has modules to import
                client = asyncio.get_running_loop().run_in_executor(None, make_things, server.addresses[0][1])
            await client
            with server.own_rights():
                assert fs_ids()[0] == 0

    old = os.umask(0o077)
    try:
        asyncio.run(serve())
    finally:
        os.umask(old)
    assert (fs_ids(), effective()) == before
    for name, mode in (("file", 0o664), ("folder", 0o2770)):
        state = (share_folder / name).stat()
        assert (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (ANN, BOB, mode)


def move_a_large_stream(port: int) -> None:
    with connect("127.0.0.1", port, "ann", "secret") as session:
        tree = session.tree("data")
        data = b"0123456789" * 10_000
        with tree.create("file:large") as stream:
            for offset in (0, 50_000):
                stream.write(offset, data[offset : offset + 50_000])
        with tree.open("file:large") as stream:
            assert stream.read(0, 60_000) == data[:60_000]
        with tree.open("file:large", access=GENERIC_READ | GENERIC_WRITE) as stream:
            stream.write(0, b"x")
            assert stream.read(99_999, 9) == b"9"


@needs_root
def test_the_folder_of_streams_is_the_servers(share_folder: Path) -> None:
    """Whoever the client is, only the server may enter it; the stream is its file's all the same."""
    os.chown(share_folder, ANN, ANN)

    async def serve() -> None:
        async with Server(settings_for(share_folder, owner=str(ANN))) as server:
            with server.own_rights():
                client = asyncio.get_running_loop().run_in_executor(None, move_a_large_stream, server.addresses[0][1])
            await client

    asyncio.run(serve())
    state = (share_folder / ".smbserver-streams").stat()
    assert (state.st_uid, state.st_mode & 0o777) == (0, 0o700)
    [stream] = (share_folder / ".smbserver-streams").iterdir()
    assert (stream.stat().st_uid, stream.stat().st_size) == (0, 100_000)
    assert (share_folder / "file").stat().st_uid == ANN


@needs_root
def test_a_root_server_without_it_says_what_that_means(share_folder: Path) -> None:
    async def notes(settings: Settings) -> list[str]:
        async with Server(settings) as server:
            return server.notes

    assert any(
        "all clients act as root here: --act-as-users" in note
        for note in asyncio.run(notes(settings_for(share_folder)))
    )
    acting = settings_for(share_folder, owner=str(ANN))
    assert not any("act as root" in note for note in asyncio.run(notes(acting)))


@needs_root
def test_a_start_that_fails_gives_root_back(share_folder: Path) -> None:
    before = (fs_ids(), effective())
    missing = settings_for(share_folder / "missing", owner=str(ANN))

    async def serve() -> None:
        async with Server(missing):
            pass

    with pytest.raises(ConfigError, match="no such directory"):
        asyncio.run(serve())
    assert (fs_ids(), effective()) == before


@needs_root
def test_a_second_one_in_the_same_loop_is_refused(share_folder: Path) -> None:
    os.chown(share_folder, ANN, ANN)

    async def serve() -> None:
        async with Server(settings_for(share_folder, owner=str(ANN))) as server:
            with pytest.raises(ConfigError, match="another server in this thread"):
                await Server(settings_for(share_folder, owner=str(ANN))).start()
            assert fs_ids()[0] != 0
            with server.own_rights():
                client = asyncio.get_running_loop().run_in_executor(None, make_things, server.addresses[0][1])
            await client

    asyncio.run(serve())
    assert fs_ids()[0] == 0
    assert (share_folder / "file").stat().st_uid == ANN


@needs_root
def test_the_password_file_is_rewritten_by_the_server_itself(share_folder: Path, tmp_path: Path) -> None:
    """It is private, and whoever changes a password is nobody or somebody else at that moment."""
    passwords = tmp_path / "passwords"
    passwords.write_text("ann:secret\n")
    passwords.chmod(0o600)
    settings = replace(settings_for(share_folder, owner=str(ANN)), password_file=str(passwords))

    async def serve() -> None:
        async with Server(settings) as server:
            assert server._state is not None
            keep = server._state.password_changes.keep
            assert keep is not None
            keep("ann", nt_hash("secret").hex(), "another")

    asyncio.run(serve())
    assert passwords.read_text() == "ann:another\n"
    assert passwords.stat().st_uid == 0


def test_where_it_cannot_be_the_start_says_so(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 61007)

    async def serve() -> None:
        async with Server(settings_for(share_folder, owner=str(ANN))):
            pass

    with pytest.raises(ConfigError, match=f"owner={ANN} needs root"):
        asyncio.run(serve())


@needs_root
def test_a_program_that_only_root_may_read_serves_all_the_same(share_folder: Path, tmp_path: Path) -> None:
    """What a request needs is imported before the first one: ann could not read it any more."""
    hidden = tmp_path / "program"  # pytest's folders are closed to everybody else already
    shutil.copytree(REPOSITORY / "smbserver", hidden / "smbserver")
    hidden.chmod(0o700)
    share_folder.chmod(0o777)
    ready, log = tmp_path / "ready", tmp_path / "log"
    words = ["--share", f"data={share_folder}", "--user", "ann:secret", "--user", "bob:secret", "--act-as-users"]
    words += ["--map-user", f"ann={ANN}", "--map-user", f"bob={BOB}", "--ready-file", str(ready)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "smbserver", "--bind", "127.0.0.1", "--port", "0", *words],
            env={**os.environ, "PYTHONPATH": str(hidden)}, cwd=hidden, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        port = json.loads(ready.read_text())["addresses"][0][1]
        make_things(port)
        home = share_folder / "home"
        home.mkdir(0o700)
        os.chown(home, ANN, ANN)
        with connect("127.0.0.1", port, "ann", "secret") as session:
            watched = session.tree("data").open("home", options=DIRECTORY_FILE)
            body = struct.pack("<HHI16sII", 32, 1, 1000, watched.file_id, 0xFFF, 0)
            waiting = watched.tree.submit(Request(CHANGE_NOTIFY, body))
            session.connection.wait_interim(waiting)
            (home / "by a local program").write_bytes(b"")
            [told] = decode_response(memoryview(session.connection.wait(waiting).check().raw))[:1]
            assert told.name == "by a local program"
        with connect("127.0.0.1", port, "bob", "secret") as session:
            tree = session.tree("data")
            (share_folder / "file").chmod(0o600)
            with pytest.raises(StatusFailure) as failure:
                tree.open("file")
            assert failure.value.status == status.ACCESS_DENIED
            assert {entry.name for entry in tree.list_directory()} == {".", "..", "file", "folder", "home"}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_SECONDS) == 0, log.read_text()
    assert (share_folder / "file").stat().st_uid == ANN
    assert "ERROR" not in log.read_text()
    assert "Traceback" not in log.read_text()


@needs_root
def test_a_limit_counts_what_only_the_server_may_see(share_folder: Path) -> None:
    """From a thread that is nobody as well, and before this one is."""
    os.chown(share_folder, ANN, ANN)
    (share_folder / "closed").mkdir(mode=0o700)
    (share_folder / "closed" / "file").write_bytes(bytes(5000))
    found: list[int] = []

    async def serve() -> None:
        async with Server(settings_for(share_folder, owner=str(ANN), size_limit=1 << 20)) as server:
            store = server._shares[0].backend
            assert isinstance(store, SizeLimited)
            found.append(store.usage.used)
            thread = threading.Thread(target=lambda: found.append(store.usage.measure()))
            thread.start()
            thread.join()

    asyncio.run(serve())
    assert found == [5000, 5000]
