"""AFP_AfpInfo and AFP_Resource, of every backend: there or not there, whole or refused."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from smbserver.backend.memory import MemoryBackend
from smbserver.backend.posix import PosixBackend
from smbserver.errors import StatusError
from smbserver.nt import status
from tests.backend.conftest import Clock
from tests.backend.test_contract import make, opened
from tests.backend.test_streams import put, refused

if TYPE_CHECKING:
    from pathlib import Path

    from smbserver.backend.base import Backend

HEAD = b"AFP\0\0\0\1\0".ljust(16, b"\0")
INFO = (HEAD + b"SMB,OLE!").ljust(60, b"\0")
EMPTY = HEAD.ljust(60, b"\0")


@pytest.fixture(autouse=True)
def _file(backend: Backend) -> None:
    if not backend.has_streams:
        pytest.skip("no attributes for users here")
    make(backend, "f")


def shown(backend: Backend) -> dict[str, int]:
    base = opened(backend, "f")
    found = {facts.name: facts.end_of_file for facts in base.streams().all() if facts.name}
    base.close()
    return found


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_a_share_can_do_without_the_rules(kind: str, share_folder: Path, clock: Clock) -> None:
    store: Backend = MemoryBackend(clock, plain_streams=True)
    if kind == "disk":
        store = PosixBackend(share_folder, plain_streams=True)
    make(store, "f")
    base = opened(store, "f")
    for name in ("AFP_AfpInfo", "AFP_Resource"):
        base.streams().create(name).close()
        assert base.streams().find(name) == name
    handle = base.streams().open("AFP_AfpInfo", True)
    handle.write(b"foo", 0)
    assert bytes(handle.read_blocking(60, 1)) == b"oo"
    handle.close()
    assert shown(store) == {"AFP_AfpInfo": 3, "AFP_Resource": 0}
    base.close()
    if kind == "disk":
        ruled = PosixBackend(share_folder)
        assert shown(ruled) == {}
        ruled.close()
    store.close()


@pytest.mark.parametrize("name", ["AFP_AfpInfo", "afp_afpinfo"])
def test_information_is_stored_once_it_is_written(backend: Backend, name: str) -> None:
    base = opened(backend, "f")
    handle = base.streams().create(name)
    assert bytes(handle.read_blocking(60, 0)) == EMPTY
    assert handle.metadata().end_of_file == 60
    assert base.streams().find(name) is None
    assert shown(backend) == {}
    handle.write(INFO, 0)
    assert base.streams().find("AFP_AFPINFO") == "AFP_AfpInfo"
    assert bytes(handle.read(8, 16) or b"") == INFO[:8], "macOS's server starts at the beginning"
    assert handle.read(60, 61) == b""
    handle.close()
    base.close()
    assert shown(backend) == {"AFP_AfpInfo": 60}


def test_without_the_finders_it_goes(backend: Backend) -> None:
    base = opened(backend, "f")
    handle = base.streams().create("AFP_AfpInfo")
    handle.write(INFO, 0)
    other = base.streams().open("AFP_AfpInfo", False)
    handle.write(EMPTY, 0)
    assert shown(backend) == {}
    assert bytes(other.read_blocking(60, 0)) == EMPTY
    handle.write(INFO, 0)
    assert bytes(other.read_blocking(60, 0)) == INFO
    base.streams().replace("AFP_AfpInfo").close()
    assert shown(backend) == {}
    for each in (other, handle, base):
        each.close()


@pytest.mark.parametrize(
    ("data", "offset"),
    [(b"A", 0), (b"AF", 0), (b"foo", 0), (bytes(60), 0), (INFO[:59], 1), (b"AFPx".ljust(60, b"x"), 0)],
)
def test_what_is_no_information(backend: Backend, data: bytes, offset: int) -> None:
    base = opened(backend, "f")
    handle = base.streams().create("AFP_AfpInfo")
    refused(errno.EINVAL, lambda: handle.write(data, offset))
    handle.close()
    base.close()
    assert shown(backend) == {}


@pytest.mark.parametrize(("size", "offset"), [(3, 0), (16, 0), (24, 0), (60, 58), (61, 10_000)])
def test_sizes_and_offsets(backend: Backend, size: int, offset: int) -> None:
    base = opened(backend, "f")
    handle = base.streams().create("AFP_AfpInfo")
    handle.write(INFO.ljust(70, b"\0")[:size], offset)
    handle.truncate(1)
    handle.allocate(1000)
    with pytest.raises(StatusError) as refusal:
        handle.truncate(61)
    assert refusal.value.status == status.ALLOTTED_SPACE_EXCEEDED
    assert bytes(handle.read_blocking(60, 0)) == (INFO if size > 16 else EMPTY)
    reader = base.streams().open("AFP_AfpInfo", False)
    refused(errno.EBADF, lambda: reader.write(INFO, 0))
    for each in (handle, reader, base):
        each.close()


def test_a_stored_one_of_another_size_is_not_there(backend: Backend) -> None:
    put(backend, "f", "x", b"foo")
    base = opened(backend, "f")
    base.streams().rename("x", "AFP_AfpInfo")
    assert shown(backend) == {}
    assert base.streams().find("AFP_AfpInfo") is None
    assert base.streams().names() == ["AFP_AfpInfo"], "who removes all removes it"
    handle = base.streams().create("AFP_AfpInfo")
    handle.write(INFO, 0)
    handle.close()
    base.close()
    assert shown(backend) == {"AFP_AfpInfo": 60}


def test_an_empty_fork_is_not_there(backend: Backend) -> None:
    base = opened(backend, "f")
    fork = base.streams().create("AFP_Resource")
    assert shown(backend) == {}
    assert base.streams().find("AFP_Resource") is None
    second = base.streams().create("AFP_Resource")
    second.write(b"fork", 0)
    assert bytes(fork.read_blocking(10, 0)) == b"fork"
    assert shown(backend) == {"AFP_Resource": 4}
    refused(errno.EEXIST, lambda: base.streams().create("AFP_Resource"))
    for each in (fork, second, base):
        each.close()
