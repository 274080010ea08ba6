"""One password is replaced; everything else stays, whatever goes wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smbserver.auth.accounts import nt_hash
from smbserver.config.password_file import read_password_file
from smbserver.config.password_rewrite import rewrite_password
from smbserver.errors import ConfigError
from smbserver.objects.password_changes import NotKept

CONTENT = "\ufeff# people\r\nann:old\r\n\nBob:x:y\n#ann:no\nJörg:ü".encode()
OLD = nt_hash("old").hex()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    path.write_bytes(CONTENT)
    path.chmod(0o640)
    path.chmod(0o600)
    return path


def test_one_line_changes(file: Path) -> None:
    rewrite_password(str(file), "ANN", OLD, "n:e w ")
    assert file.read_bytes() == CONTENT.replace(b"ann:old", b"ann:n:e w ")
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_password_file(str(file))[0] == ("ann", "n:e w ")
    rewrite_password(str(file), "jörg", nt_hash("ü").hex(), "é")
    assert file.read_bytes().endswith("Jörg:é".encode())
    assert os.listdir(file.parent) == ["passwords"]


def test_the_mode_and_what_a_link_points_to_stay(file: Path) -> None:
    file.chmod(0o400)
    link = file.parent / "link"
    link.symlink_to(file)
    rewrite_password(str(link), "ann", OLD, "new")
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o400
    assert b"ann:new" in file.read_bytes()


def test_who_has_no_line(file: Path) -> None:
    with pytest.raises(NotKept):
        rewrite_password(str(file), "zed", OLD, "new")
    assert file.read_bytes() == CONTENT


def test_a_line_that_was_edited_meanwhile(file: Path) -> None:
    with pytest.raises(ConfigError, match="was changed since"):
        rewrite_password(str(file), "ann", nt_hash("older").hex(), "new")
    assert file.read_bytes() == CONTENT


def test_a_file_that_is_open_to_others_by_now(file: Path) -> None:
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        rewrite_password(str(file), "ann", OLD, "new")
    assert file.read_bytes() == CONTENT


def test_what_a_crash_has_left(file: Path) -> None:
    left = file.parent / "passwords.new"
    left.symlink_to(file.parent / "elsewhere")
    rewrite_password(str(file), "ann", OLD, "new")
    assert not left.exists()
    assert not (file.parent / "elsewhere").exists()
    assert b"ann:new" in file.read_bytes()


def test_a_disk_that_fails(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        rewrite_password(str(file), "ann", OLD, "new")
    assert file.read_bytes() == CONTENT
    assert os.listdir(file.parent) == ["passwords"]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        rewrite_password(str(tmp_path / "gone"), "ann", OLD, "new")
