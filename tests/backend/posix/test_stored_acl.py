"""Descriptors on a real file system: who is believed, what a local program's changes do, what damage does."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smbserver.backend.posix import ntacl
from smbserver.backend.posix.stored_acl import CLOSED, AclStore, may_write_security
from smbserver.nt import sid
from smbserver.nt.descriptor import SE_DACL_PRESENT, Ace, Descriptor, build

OTHER = Descriptor(SE_DACL_PRESENT, sid.unix_user(7), sid.unix_group(7), (Ace(0, 0, 1, sid.EVERYONE),))
MINE = Descriptor(SE_DACL_PRESENT, sid.unix_user(8), sid.unix_group(8), ())
needs_security = pytest.mark.skipif(not may_write_security(), reason="only root may write security attributes")


@pytest.fixture(params=["security", "user"])
def store(request: pytest.FixtureRequest, share_folder: Path) -> AclStore:
    """One store per attribute that this process may write."""
    if request.param == "security" and not may_write_security():
        pytest.skip("only root may write security attributes")
    root = os.open(share_folder, os.O_RDONLY)
    try:
        made = AclStore(root, privileged=request.param == "security")
    finally:
        os.close(root)
    if not made.is_possible:
        pytest.skip("no extended attributes here")
    return made


@pytest.fixture
def file(share_folder: Path) -> str:
    """A file with the mode 0640."""
    path = share_folder / "file"
    path.write_bytes(b"")
    path.chmod(0o640)
    return str(path)


def keep(store: AclStore, path: str, descriptor: Descriptor = MINE) -> None:
    """Store it beside what the file is now."""
    store.store(path, os.stat(path), descriptor)


def test_kept(store: AclStore, file: str) -> None:
    assert store.load(file) is None
    keep(store, file)
    assert store.load(file) == MINE
    names = [name for name in os.listxattr(file) if name.endswith("NTACL")]
    assert names == ["security.NTACL" if store.is_privileged else "user.NTACL"]


def test_a_local_chmod_ends_the_belief_and_its_reversal_restores_it(store: AclStore, file: str) -> None:
    keep(store, file)
    os.chmod(file, 0o644)
    assert store.load(file) is None
    os.chmod(file, 0o640)
    assert store.load(file) == MINE


def test_local_times_and_data_change_nothing(store: AclStore, file: str) -> None:
    keep(store, file)
    Path(file).write_bytes(b"changed")
    os.utime(file, (1, 1))
    assert store.load(file) == MINE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_local_chown_ends_the_belief(store: AclStore, file: str) -> None:
    keep(store, file)
    os.chown(file, 65534, -1)
    assert store.load(file) is None


def test_directories_too(store: AclStore, share_folder: Path) -> None:
    path = str(share_folder)
    keep(store, path)
    assert store.load(path) == MINE
    acl = bytes.fromhex("0200000001000700ffffffff04000700ffffffff20000500ffffffff")
    try:
        os.setxattr(path, "system.posix_acl_default", acl)
    except OSError:
        pytest.skip("no POSIX ACLs here")
    assert store.load(path) is None


def test_a_symbolic_link_has_none_of_its_own(store: AclStore, file: str) -> None:
    keep(store, file)
    link = file + "-link"
    os.symlink("file", link)
    assert store.load(link) == MINE
    assert store.load(link, follow=False) is None


@pytest.mark.parametrize("blob", [b"", b"\4", b"\4\0\4\0\0\0\2\0", bytes(100), b"\xff" * 3000])
def test_damage_closes_the_file_and_is_told_once(
    store: AclStore, file: str, blob: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    os.setxattr(file, "security.NTACL" if store.is_privileged else "user.NTACL", blob)
    with caplog.at_level(logging.ERROR):
        assert store.load(file) == CLOSED
        assert store.load(file) == CLOSED
    assert len(caplog.records) == 1
    keep(store, file)
    assert store.load(file) == MINE


def test_samba_s_blobs_without_a_hash_are_believed(store: AclStore, file: str) -> None:
    blob = bytes.fromhex("0100010000000200") + build(OTHER, start=8)
    os.setxattr(file, "security.NTACL" if store.is_privileged else "user.NTACL", blob)
    os.chmod(file, 0o600)
    assert store.load(file) == OTHER


@needs_security
def test_what_everybody_can_write_is_not_believed_where_root_writes(share_folder: Path, file: str) -> None:
    root = os.open(share_folder, os.O_RDONLY)
    privileged, plain = AclStore(root, privileged=True), AclStore(root, privileged=False)
    os.close(root)
    keep(plain, file)
    assert privileged.load(file) is None
    keep(privileged, file, OTHER)
    assert privileged.load(file) == OTHER
    assert plain.load(file) == OTHER
    with pytest.raises(OSError, match="denied") as refused:
        keep(plain, file)
    assert refused.value.errno == errno.EACCES


def test_one_call_where_nothing_is_stored(store: AclStore, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            calls.append(name)
            return real(*arguments, **named)

        return call

    for name in ("getxattr", "listxattr", "stat", "fstat"):
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    assert store.load(file) is None
    assert calls == ["getxattr" if store.is_privileged else "listxattr"]


def test_a_file_system_without_attributes(file: str) -> None:
    root = os.open("/proc", os.O_RDONLY)
    try:
        store = AclStore(root, privileged=False)
    finally:
        os.close(root)
    assert not store.is_possible
    assert store.load(file) is None
    with pytest.raises(OSError, match="not supported") as refused:
        keep(store, file)
    assert refused.value.errno == errno.EOPNOTSUPP


def test_an_unreadable_posix_acl_is_no_crash(store: AclStore, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store, file)
    monkeypatch.setattr(ntacl, "MAX_POSIX_ENTRIES", -1)
    real = os.getxattr

    def with_an_acl(target: str, name: str, *, follow_symlinks: bool = True) -> bytes:
        return b"\2\0\0\0" if name.startswith("system.") else real(target, name, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "getxattr", with_an_acl)
    assert store.load(file) == CLOSED
