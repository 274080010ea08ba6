"""The directory of a share is replaced: lookups follow, handles stay, and no descriptor is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend
from tests.backend.conftest import open_descriptors
from tests.backend.test_contract import content, exists, make, opened


def test_another_directory_at_the_same_place(tmp_path: Path) -> None:
    before = open_descriptors()
    place = tmp_path / "place"
    place.mkdir()
    backend = PosixBackend(place)
    make(backend, "Old", data=b"old")
    assert exists(backend, "OLD")
    handle = opened(backend, "Old")
    serial = backend.serial_number
    place.rename(tmp_path / "away")
    place.mkdir()
    assert exists(backend, "Old")  # until it looks
    backend.look_again()
    assert not exists(backend, "Old")
    assert not exists(backend, "OLD")
    make(backend, "New", data=b"new")
    assert (place / "New").read_bytes() == b"new"
    assert content(backend, "NEW") == b"new"
    assert backend.serial_number != serial
    handle.write(b"changed", 0)
    handle.close()
    assert (tmp_path / "away" / "Old").read_bytes() == b"changed"
    backend.close()
    assert open_descriptors() == before


def test_nothing_there(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    backend = PosixBackend(place)
    place.rmdir()
    with pytest.raises(FileNotFoundError):
        backend.look_again()
    place.write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        backend.look_again()
    backend.close()


def test_a_relative_place_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    backend = PosixBackend(os.curdir)
    monkeypatch.chdir("/")
    backend.look_again()
    make(backend, "f")
    assert (tmp_path / "f").exists()
    backend.close()
