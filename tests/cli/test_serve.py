"""The real program as a process: what it prints, how it refuses, how signals end it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.client import connect
from smbserver import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60  # of a machine that does many other things
NOBODY = 65534


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMBSERVER_")}
    return {**clean, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "error::ResourceWarning", **more}


def refused(words: list[str], **more: str) -> str:
    """What a start that must fail says; one line on stderr, nothing on stdout, status 2."""
    command = [sys.executable, "-m", "smbserver", *words]
    done = subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr.removesuffix("\n")


class Running:
    """A server process that is ready."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send one signal; the exit status and all of stdout."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode, output


@contextmanager
def running(folder: Path, words: list[str], more: Mapping[str, str] = {}) -> Iterator[Running]:
    ready = folder / "ready"
    command = [sys.executable, "-m", "smbserver", "--bind", "127.0.0.1", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, *words], env=environment(**more), stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert process.poll() is None, "ended before it was ready"
            assert time.monotonic() < until, "not ready in time"
            time.sleep(0.02)  # between two looks at a condition
        told = json.loads(ready.read_text())
        assert told["pid"] == process.pid
        yield Running(process, told["addresses"][0][1])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_the_generated_password_is_printed_once_and_works(share_folder: Path, tmp_path: Path) -> None:
    with running(tmp_path, ["--share", f"data={share_folder}"]) as server:
        # The banner is in the pipe, complete, before the end is asked for: read up to its last line.
        assert server.process.stdout is not None
        lines = []
        for line in server.process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C ends it"):
                break
        text = "".join(lines)
        found = re.search(r"^  user (\S+), password (\S+) ", text, re.MULTILINE)
        assert found is not None
        user, password = found.groups()
        assert text.count(password) == 1
        assert f"smbclient //127.0.0.1/data -U {user} -p {server.port}" in text
        with connect("127.0.0.1", server.port, user, password) as session:
            file = session.tree("data").create("file")
            file.write(0, b"content")
            status, rest = server.end()
    assert status == 0
    assert password not in rest
    assert (share_folder / "file").read_bytes() == b"content"


def test_file_environment_and_command_line_together(share_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "smbserver.toml"
    config.write_text(f"password_file = 'passwords'\nport = 1\n[[share]]\nname = 'films'\npath = '{share_folder}'\n")
    (tmp_path / "passwords").write_text("ann:from file\n")
    (tmp_path / "passwords").chmod(0o600)
    more = {"SMBSERVER_CONFIG": str(config), "SMBSERVER_USER": "bob", "SMBSERVER_PASSWORD": "from environment"}
    with running(tmp_path, [], more) as server:
        for user, password in (("ann", "from file"), ("bob", "from environment")):
            with connect("127.0.0.1", server.port, user, password) as session:
                session.tree("films").disconnect()
        status, output = server.end(signal.SIGINT)
    assert status == 0
    assert "from file" not in output
    assert "from environment" not in output


def test_a_second_signal_ends_it_at_once(share_folder: Path, tmp_path: Path) -> None:
    with (
        running(tmp_path, ["--share", str(share_folder), "--user", "ann:secret"]) as server,
        connect("127.0.0.1", server.port, "ann", "secret"),  # whose connection lingers: the drain takes a moment
    ):
        assert server.process.stdout is not None
        server.process.send_signal(signal.SIGINT)
        for line in server.process.stdout:
            if line.startswith("ending:"):
                break
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(START_SECONDS) == -signal.SIGINT


def test_a_reader_that_has_gone_does_not_end_it(share_folder: Path, tmp_path: Path) -> None:
    with running(tmp_path, ["--share", str(share_folder), "--user", "ann:secret"]) as server:
        assert server.process.stdout is not None
        server.process.stdout.close()
        with connect("127.0.0.1", server.port, "ann", "secret"):
            pass
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(START_SECONDS) == 0


def test_refusals_a_person_can_act_on(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[[share]]\nname = 'a'\npath = '/'\nread_onyl = true\n")
    passwords = tmp_path / "passwords"
    passwords.write_text("ann:secret\n")
    passwords.chmod(0o644)
    missing = tmp_path / "none"
    assert refused([]) == "smbserver: nothing to share: give --share DIR"
    assert refused(["--share", str(missing)]) == f"smbserver: share none: no such directory: {missing}"
    expected = f"smbserver: {config}:4: unknown key 'read_onyl'; did you mean read_only?"
    assert refused(["--config", str(config)]) == expected
    assert refused(["--share", "/", "--password-file", str(passwords)]).endswith(f"type chmod 600 {passwords}")
    assert refused(["--share", "/"], SMBSERVER_PORT="x").startswith("smbserver: SMBSERVER_PORT: not a port")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_share_that_may_not_be_read(share_folder: Path) -> None:
    closed = share_folder / "closed"
    closed.mkdir(mode=0o700)
    share_folder.chmod(0o755)
    # shutil: argparse imports it late, and nobody may not be allowed to read this Python.
    code = (
        f"import os, shutil, sys; sys.path[:0] = {[str(REPOSITORY)]!r}\n"
        "from smbserver.cli.serve import main\n"
        f"os.setuid({NOBODY})\n"
        f"sys.exit(main(['--guest', '--share', {str(closed)!r}, '--port', '0', '--bind', '127.0.0.1']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"smbserver: share closed: this user (uid {NOBODY}) may not read {closed}\n"


def test_version() -> None:
    command = [sys.executable, "-m", "smbserver", "--version"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"smbserver {__version__}\n"
