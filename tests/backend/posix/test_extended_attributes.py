"""EAs on a disk: what local programs see, what they may have left there, and what is never shown."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbserver.backend.posix import PosixBackend
from smbserver.backend.posix import extended_attributes as xattrs
from smbserver.backend.posix.own_attributes import is_own
from smbserver.errors import StatusError
from smbserver.nt import attributes, status
from smbserver.nt.extended_attributes import FILE_NEED_EA, MAX_LIST, Ea, list_size
from tests.backend.conftest import SHARED_MEMORY


@pytest.fixture
def file(tmp_path: Path) -> Iterator[str]:
    """A file that can have large attributes, if there is such a file system here."""
    folder = Path(tempfile.mkdtemp(dir=SHARED_MEMORY)) if SHARED_MEMORY.is_dir() else tmp_path
    path = folder / "file"
    path.touch()
    if not xattrs.supported(str(path)):
        path = tmp_path / "file"
        path.touch()
    if not xattrs.supported(str(path)):
        pytest.skip("no user attributes here")
    yield str(path)
    if folder != tmp_path:
        shutil.rmtree(folder)


def test_as_others_store_them(file: str) -> None:
    xattrs.store(file, [Ea(b"Comment", b"\0raw\xff")])
    assert os.getxattr(file, "user.Comment") == b"\0raw\xff"
    xattrs.store(file, [Ea(b"COMMENT", b"new")])
    assert os.listxattr(file) == ["user.Comment"]  # the spelling stays
    os.setxattr(file, "user.local", b"1")
    assert xattrs.load(file) == [Ea(b"Comment", b"new"), Ea(b"local", b"1")]


def test_ours_are_not_shown_and_not_written(file: str) -> None:
    os.setxattr(file, "user.DOSATTRIB", b"\0\0")
    os.setxattr(file, "user.DosStream.x:$DATA", b"text")
    assert xattrs.load(file) == []
    assert xattrs.size(file) == 0
    for name in (b"DOSATTRIB", b"dosattrib", b"DosStream.x:$DATA", b"SmbServer.NeedEa", b"NTACL"):
        for value in (b"forged", b""):
            with pytest.raises(PermissionError):
                xattrs.store(file, [Ea(b"good", b"1"), Ea(name, value)])
    assert os.getxattr(file, "user.DOSATTRIB") == b"\0\0"
    assert xattrs.load(file) == []


def test_what_no_client_could_have_set_is_left_out(file: str) -> None:
    for name in ("user.a:b", "user.a=b", "user.good"):
        os.setxattr(file, name, b"x")
    os.setxattr(file, "user.empty", b"")
    os.setxattr(file, "user.GOOD", b"twin")
    assert [ea.name.upper() for ea in xattrs.load(file)] == [b"GOOD"]


def test_more_than_a_list_can_hold(file: str) -> None:
    try:
        for number in range(8):
            os.setxattr(file, f"user.n{number}", bytes(30000))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        pytest.skip("this file system has no room for them")
    eas = xattrs.load(file)
    assert 0 < list_size(eas) <= MAX_LIST
    assert len(eas) == 2


def test_need_ea(file: str) -> None:
    xattrs.store(file, [Ea(b"a", b"1", FILE_NEED_EA), Ea(b"b", b"2")])
    assert xattrs.load(file) == [Ea(b"a", b"1", FILE_NEED_EA), Ea(b"b", b"2")]
    assert is_own(xattrs.NEED_EA)
    assert xattrs.NEED_EA in os.listxattr(file)
    xattrs.store(file, [Ea(b"A", b"1")])
    assert xattrs.load(file) == [Ea(b"a", b"1"), Ea(b"b", b"2")]
    assert xattrs.NEED_EA not in os.listxattr(file)


def test_a_corrupt_need_is_nobodys(file: str) -> None:
    os.setxattr(file, "user.a", b"1")
    for value in (b"", b"A", b"\xff\0\0\0", b"\0" * 1000):
        os.setxattr(file, xattrs.NEED_EA, value)
        assert xattrs.load(file) == [Ea(b"a", b"1")]


def test_a_file_system_that_fails_half_way(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    xattrs.store(file, [Ea(b"a", b"before"), Ea(b"b", b"before")])
    real = os.setxattr

    def fails(target: str, name: str, value: bytes) -> None:
        if name == "user.z":
            raise OSError(errno.ENOSPC, "full")
        real(target, name, value)

    monkeypatch.setattr(os, "setxattr", fails)
    with pytest.raises(StatusError) as caught:
        xattrs.store(file, [Ea(b"a", b"after"), Ea(b"b", b""), Ea(b"c", b"new"), Ea(b"z", b"x")])
    assert caught.value.status == status.EA_TOO_LARGE  # the disk has room, the attributes have none
    assert xattrs.load(file) == [Ea(b"a", b"before"), Ea(b"b", b"before")]


def test_no_attributes_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> bytes:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    for name in ("getxattr", "listxattr", "setxattr"):
        monkeypatch.setattr(os, name, none)
    path = str(tmp_path)
    assert not xattrs.supported(path)
    assert xattrs.load(path) == []
    assert xattrs.size(path) == 0
    assert xattrs.listed(path, False) == []
    with pytest.raises(OSError, match="not supported"):
        xattrs.store(path, [Ea(b"a", b"1")])


@pytest.mark.parametrize("has_call", [True, False])
def test_a_listing_asks_the_kernel_in_one_way_or_the_other(
    file: str, monkeypatch: pytest.MonkeyPatch, has_call: bool
) -> None:
    """getxattrat came with Linux 6.13; before, and for long lists, the call goes by way of /proc."""
    if not has_call:
        monkeypatch.setattr("smbserver.backend.posix.attribute_list._held_syscall", None)
    folder = Path(file).parent
    for name in ("plain", "eas", "many", "dos"):
        (folder / name).touch()
    xattrs.store(str(folder / "eas"), [Ea(b"a", b"1")])
    for number in range(9):
        os.setxattr(folder / "many", f"user.{number}{'x' * 80}", b"1")
    store = PosixBackend(folder)
    located = store.locate(("dos",))
    handle = store.open(located, True, True)
    handle.set_attributes(attributes.HIDDEN)
    handle.close()
    located.close()
    root = store.locate(())
    handle = store.open(root, True, False)
    found = {name: (meta.ea_size, meta.attributes & attributes.HIDDEN) for name, meta in handle.scan()}
    handle.close()
    root.close()
    store.close()
    many = list_size(Ea(b"0" * 81, b"1") for _ in range(9))
    assert [found[name] for name in ("plain", "eas", "many", "dos")] == [
        (0, 0),
        (list_size([Ea(b"a", b"1")]), 0),
        (many, 0),
        (0, attributes.HIDDEN),
    ]
