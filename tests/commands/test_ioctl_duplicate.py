"""Shared blocks: what is checked before, and what is answered where the file system has none.

The call of the kernel is replaced by a copy where the machine has no such file system; tests/backend/test_ranges.py has
the real one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.client import queries
from conformance.client.protocol import DIRECTORY_FILE, GENERIC_ALL, GENERIC_READ, OPEN_IF
from conformance.client.session import File, Tree
from smbserver.backend.posix import PosixBackend, file_ioctls
from smbserver.nt import access, attributes, status
from smbserver.objects.share import Share
from smbserver.wire import duplicate_extents as wire
from smbserver.wire import fs_info
from smbserver.wire.ioctl import FSCTL_DUPLICATE_EXTENTS_TO_FILE, FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX
from smbserver.wire.lock import EXCLUSIVE_LOCK, FAIL_IMMEDIATELY
from smbserver.wire.query_info import INFO_FILESYSTEM
from tests.commands.data_codes import asked, opened, set_sparse
from tests.harness import World

BLOCK = 4096


@pytest.fixture
def cloning(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server over a file system that shares blocks, as far as it can tell."""

    def clone(source: int, offset: int, target: int, target_offset: int, length: int) -> None:
        if offset % BLOCK or target_offset % BLOCK or length % BLOCK:
            raise OSError(errno.EINVAL, "unaligned")
        os.pwrite(target, os.pread(source, length, offset), target_offset)

    monkeypatch.setattr(file_ioctls, "clone_range", clone)
    world = World(share_folder)
    yield world
    world.close()


@pytest.fixture
def tree(cloning: World) -> Tree:
    return cloning.tree()


def made(tree: Tree, name: str, data: bytes) -> File:
    file = tree.create(name)
    if data:
        file.write(0, data)
    return file


def extents(source: File, offset: int, target_offset: int, length: int, flags: int = 0) -> wire.DuplicateExtents:
    persistent, volatile = (int.from_bytes(source.file_id[at : at + 8], "little") for at in (0, 8))
    return wire.DuplicateExtents(persistent, volatile, offset, target_offset, length, flags)


def duplicated(source: File, target: File, offset: int, target_offset: int, length: int) -> int:
    data = wire.encode(extents(source, offset, target_offset, length))
    plain = asked(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE, data, 0).status
    data = wire.encode_ex(extents(source, offset, target_offset, length))
    assert asked(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX, data, 0).status == plain
    return plain


def test_blocks_are_shared(cloning: World, tree: Tree) -> None:
    data = os.urandom(4 * BLOCK)
    source, target = made(tree, "source", data), made(tree, "target", bytes(4 * BLOCK))
    flags = fs_info.decode_attribute(memoryview(source.query(INFO_FILESYSTEM, fs_info.ATTRIBUTE))).flags
    assert flags & fs_info.FILE_SUPPORTS_BLOCK_REFCOUNTING
    assert duplicated(source, target, BLOCK, 2 * BLOCK, 2 * BLOCK) == status.SUCCESS
    assert (cloning.data / "target").read_bytes() == bytes(2 * BLOCK) + data[BLOCK : 3 * BLOCK]
    assert duplicated(source, source, 0, 2 * BLOCK, 2 * BLOCK) == status.SUCCESS
    assert (cloning.data / "source").read_bytes() == data[: 2 * BLOCK] * 2


def test_no_size_changes(cloning: World, tree: Tree) -> None:
    data = os.urandom(4 * BLOCK)
    source, target = made(tree, "source", data), made(tree, "target", b"x" * (BLOCK + 10))
    assert duplicated(source, target, 0, 0, 4 * BLOCK) == status.SUCCESS
    assert (cloning.data / "target").read_bytes() == data[: BLOCK + 10]
    assert duplicated(source, target, 0, 2 * BLOCK, BLOCK) == status.SUCCESS
    assert duplicated(source, target, 0, 0, 0) == status.SUCCESS
    assert (cloning.data / "target").read_bytes() == data[: BLOCK + 10]


def test_numbers_that_lie(cloning: World, tree: Tree) -> None:
    source, target = made(tree, "source", bytes(4 * BLOCK)), made(tree, "target", b"x" * 4 * BLOCK)
    for numbers in [
        (1, 0, BLOCK),
        (0, 1, BLOCK),
        (0, 0, BLOCK - 1),
        (0, 0, 4 * BLOCK + 1),
        (-BLOCK, 0, BLOCK),
        (0, -BLOCK, BLOCK),
        (0, 0, -BLOCK),
        (2**63 - BLOCK, 0, BLOCK),
        (0, 2**63 - BLOCK, BLOCK),
    ]:
        assert duplicated(source, target, *numbers) == status.INVALID_PARAMETER
    assert duplicated(source, target, BLOCK, 0, 4 * BLOCK) == status.NOT_SUPPORTED
    assert duplicated(source, source, 0, BLOCK, 2 * BLOCK) == status.NOT_SUPPORTED
    assert (cloning.data / "target").read_bytes() == b"x" * 4 * BLOCK
    data = wire.encode(extents(source, 0, 0, BLOCK))
    assert asked(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE, data[:-1]).status == status.BUFFER_TOO_SMALL


def test_the_last_cluster_of_the_source(cloning: World, tree: Tree) -> None:
    """Windows asks for all of it, the Linux client for what is there."""
    data = os.urandom(BLOCK + 100)
    source, target = made(tree, "source", data), made(tree, "target", b"x" * 3 * BLOCK)
    assert duplicated(source, target, 0, BLOCK, 2 * BLOCK) == status.SUCCESS
    assert (cloning.data / "target").read_bytes() == b"x" * BLOCK + data + bytes(BLOCK - 100)
    exact = made(tree, "exact", b"x" * (BLOCK + 100))
    assert duplicated(source, exact, 0, 0, BLOCK + 100) == status.SUCCESS
    assert (cloning.data / "exact").read_bytes() == data
    assert duplicated(source, exact, BLOCK, 0, 100) == status.SUCCESS
    assert (cloning.data / "exact").read_bytes() == data[BLOCK:] + data[100:]
    assert duplicated(source, exact, BLOCK, 0, 101) == status.INVALID_PARAMETER
    assert duplicated(source, exact, BLOCK, 0, 2 * BLOCK) == status.NOT_SUPPORTED


def test_the_extended_form(tree: Tree) -> None:
    source, target = made(tree, "source", bytes(BLOCK)), made(tree, "target", bytes(BLOCK))
    asks = extents(source, 0, 0, BLOCK)
    code = FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX
    assert asked(target, code, wire.encode_ex(asks)[:48]).status == status.SUCCESS
    assert asked(target, code, wire.encode_ex(asks)[:47]).status == status.BUFFER_TOO_SMALL
    assert asked(target, code, wire.encode_ex(asks, 0x38)).status == status.NOT_SUPPORTED
    atomic = asks._replace(flags=wire.SOURCE_ATOMIC)
    assert asked(target, code, wire.encode_ex(atomic)).status == status.NOT_SUPPORTED


def test_sources_that_are_none(cloning: World, tree: Tree) -> None:
    target = made(tree, "target", bytes(BLOCK))
    source = made(tree, "source", bytes(BLOCK))
    stranger = made(cloning.tree(), "stranger", bytes(BLOCK))
    assert duplicated(stranger, target, 0, 0, BLOCK) == status.INVALID_HANDLE
    torn = extents(source, 0, 0, BLOCK)._replace(persistent_id=99)
    assert asked(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE, wire.encode(torn)).status == status.INVALID_HANDLE
    source.close()
    assert duplicated(source, target, 0, 0, BLOCK) == status.INVALID_HANDLE
    unreadable = opened(tree, "source", access.FILE_WRITE_DATA)
    assert duplicated(unreadable, target, 0, 0, BLOCK) == status.INVALID_PARAMETER
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert duplicated(folder, target, 0, 0, BLOCK) == status.INVALID_PARAMETER
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_ALL)
    assert duplicated(pipe, target, 0, 0, BLOCK) == status.INVALID_PARAMETER


def test_targets_that_are_none(cloning: World, tree: Tree) -> None:
    source = made(tree, "source", bytes(BLOCK))
    (cloning.ro / "file").write_bytes(bytes(BLOCK))
    read_only = tree.session.tree("ro").open("file", access=GENERIC_READ)
    assert duplicated(source, read_only, 0, 0, BLOCK) == status.MEDIA_WRITE_PROTECTED
    assert duplicated(source, opened(tree, "source", access.FILE_READ_DATA), 0, 0, BLOCK) == status.ACCESS_DENIED
    assert duplicated(source, opened(tree, "source", access.FILE_APPEND_DATA), 0, 0, BLOCK) == status.ACCESS_DENIED
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert duplicated(source, folder, 0, 0, BLOCK) == status.NOT_SUPPORTED
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_ALL)
    assert duplicated(source, pipe, 0, 0, BLOCK) == status.INVALID_DEVICE_REQUEST


def test_sparse_into_sparse_only(cloning: World, tree: Tree) -> None:
    if cloning.shares[0].backend is None or not cloning.shares[0].backend.features.sparse_files:
        pytest.skip("no sparse files here")
    source, target = made(tree, "source", bytes(BLOCK)), made(tree, "target", bytes(BLOCK))
    set_sparse(source)
    assert duplicated(source, target, 0, 0, BLOCK) == status.NOT_SUPPORTED
    assert duplicated(target, source, 0, 0, BLOCK) == status.SUCCESS
    set_sparse(target)
    assert duplicated(source, target, 0, 0, BLOCK) == status.SUCCESS


def test_locks_are_not_looked_at(tree: Tree) -> None:
    """As Windows does not: [MS-FSA] notes 91 and 92."""
    source, target = made(tree, "source", bytes(BLOCK)), made(tree, "target", bytes(BLOCK))
    for name in ("source", "target"):
        tree.open(name, access=GENERIC_ALL).lock(0, 1, EXCLUSIVE_LOCK | FAIL_IMMEDIATELY)
    assert duplicated(source, target, 0, 0, BLOCK) == status.SUCCESS


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.EXDEV, status.INVALID_PARAMETER),
        (errno.EOPNOTSUPP, status.INVALID_DEVICE_REQUEST),
        (errno.ENOSPC, status.DISK_FULL),
        (errno.EIO, status.FROM_ERRNO[errno.EIO]),
    ],
)
def test_what_the_kernel_refuses(tree: Tree, monkeypatch: pytest.MonkeyPatch, code: int, expected: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    source, target = made(tree, "source", bytes(BLOCK)), made(tree, "target", bytes(BLOCK))
    monkeypatch.setattr(file_ioctls, "clone_range", refuse)
    assert duplicated(source, target, 0, 0, BLOCK) == expected


def test_write_through_goes_to_the_disk(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    source = made(tree, "source", bytes(BLOCK))
    made(tree, "target", bytes(BLOCK)).close()
    target = tree.open("target", access=GENERIC_ALL, options=attributes.FILE_WRITE_THROUGH)
    data = wire.encode(extents(source, 0, 0, BLOCK))
    assert asked(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE, data).status == status.SUCCESS
    assert len(synced) == 1


def test_a_share_that_is_sealed_is_not_read_by_a_plain_request(share_folder: Path, cloning: World) -> None:
    folders = [share_folder / name for name in ("plain", "sealed")]
    for folder in folders:
        folder.mkdir()
    (share_folder / "inner").mkdir()
    shares = [Share("plain", PosixBackend(folders[0])), Share("sealed", PosixBackend(folders[1]), encrypt=True)]
    world = World(share_folder / "inner", shares=shares)
    session = world.log_on()
    source = made(session.tree("sealed"), "source", bytes(BLOCK))
    target = made(session.tree("plain"), "target", bytes(BLOCK))
    data = wire.encode(extents(source, 0, 0, BLOCK))
    plain = queries.ioctl(FSCTL_DUPLICATE_EXTENTS_TO_FILE, data, target.file_id, 0)
    plain.encrypt = False
    assert target.tree.call(plain).status == status.ACCESS_DENIED
    assert asked(target, FSCTL_DUPLICATE_EXTENTS_TO_FILE, data).status == status.SUCCESS
    world.close()


def test_where_blocks_cannot_be_shared(world: World) -> None:
    backend = world.shares[0].backend
    if backend is None or backend.features.block_refcounting:
        pytest.skip("blocks can be shared here")
    file = made(world.tree(), "file", bytes(BLOCK))
    flags = fs_info.decode_attribute(memoryview(file.query(INFO_FILESYSTEM, fs_info.ATTRIBUTE))).flags
    assert not flags & fs_info.FILE_SUPPORTS_BLOCK_REFCOUNTING
    for code in (FSCTL_DUPLICATE_EXTENTS_TO_FILE, FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX):
        assert asked(file, code).status == status.INVALID_DEVICE_REQUEST
