"""Files with passwords: their lines, and who may read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smbserver.config import password_file
from smbserver.config.password_file import read_password_file
from smbserver.errors import ConfigError


def written(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "pass words"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffann:se:cret \r\n\n  \n# a remark\nJörg:ü".encode())
    assert read_password_file(path) == (("ann", "se:cret "), ("Jörg", "ü"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ann:x\nsecret\n", ":2: a line is NAME:PASSWORD"),
        (b"ann:x\n:secret\n", ":2: not a user name"),
        (b"ann:\n", ":1: the password of ann is empty"),
        (b"ann:secret\n\nANN:secret\n", ":3: the user ANN is given twice"),
        (b"ann:x\nbob:\xff\n", ":2: not UTF-8"),
        (b"# nobody\n", "has no account"),
    ],
)
def test_wrong_lines_are_named_by_number_and_never_quoted(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_password_file(written(tmp_path, content))
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o660, 0o620])
def test_a_file_open_to_others_is_refused_with_the_command_to_type(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, b"ann:secret\n", mode)
    with pytest.raises(ConfigError, match=f"type chmod 600 '{path}'$"):
        read_password_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_owner_and_group_may_read(tmp_path: Path, mode: int) -> None:
    assert read_password_file(written(tmp_path, b"ann:secret\n", mode)) == (("ann", "secret"),)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_password_file(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_password_file(str(tmp_path))
    monkeypatch.setattr(password_file, "MAX_FILE", 10)
    with pytest.raises(ConfigError, match="more than 10 bytes"):
        read_password_file(written(tmp_path, b"ann:secret\n"))


def test_a_pipe_is_a_password_file_too() -> None:
    """As in `--password-file <(pass show nas)`."""
    reading, writing = os.pipe()
    with open(writing, "wb") as file:
        file.write(b"ann:secret\n")
    try:
        assert read_password_file(f"/dev/fd/{reading}") == (("ann", "secret"),)
    finally:
        os.close(reading)
