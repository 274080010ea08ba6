"""Compression: NONE where nothing is compressed, and the file system's flag where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.client.protocol import CREATE_NEW, DIRECTORY_FILE, GENERIC_ALL, GENERIC_READ, OPEN_IF
from conformance.client.session import File, Tree
from smbserver.backend.posix import dos_attributes, file_ioctls
from smbserver.nt import access, attributes, status
from smbserver.wire import file_info, fs_info, sparse, trim
from smbserver.wire.ioctl import FSCTL_FILE_LEVEL_TRIM, FSCTL_GET_COMPRESSION, FSCTL_SET_COMPRESSION
from smbserver.wire.query_info import INFO_FILE, INFO_FILESYSTEM
from tests.commands.data_codes import Answer, asked, done, opened, set_sparse
from tests.harness import World

NONE, DEFAULT, LZNT1 = (
    sparse.COMPRESSION_FORMAT_NONE,
    sparse.COMPRESSION_FORMAT_DEFAULT,
    sparse.COMPRESSION_FORMAT_LZNT1,
)


def state(file: File) -> int:
    return sparse.decode_compression(memoryview(done(file, FSCTL_GET_COMPRESSION)))


def set_to(file: File, wanted: int) -> int:
    return asked(file, FSCTL_SET_COMPRESSION, sparse.encode_compression(wanted), 0).status


def information(file: File) -> tuple[int, file_info.Compression]:
    basic = file_info.decode_basic(memoryview(file.query(INFO_FILE, file_info.BASIC)))
    compression = file_info.decode_compression(memoryview(file.query(INFO_FILE, file_info.COMPRESSION)))
    return basic.attributes & attributes.COMPRESSED, compression


@pytest.fixture
def compressing(share_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server over a file system that compresses: the flags are kept here, and what is new inherits, as on btrfs."""
    flags: dict[int, bool] = {}

    def flag(fd: int) -> bool:
        found = os.fstat(fd)
        if found.st_ino not in flags:
            parent = Path(os.readlink(f"/proc/self/fd/{fd}")).parent
            flags[found.st_ino] = flags.get(parent.stat().st_ino, False)
        return flags[found.st_ino]

    monkeypatch.setattr(file_ioctls, "compresses", lambda _: True)
    monkeypatch.setattr(file_ioctls, "compression_flag", flag)
    monkeypatch.setattr(
        file_ioctls, "set_compression_flag", lambda fd, is_set: flags.update({os.fstat(fd).st_ino: is_set})
    )
    world = World(share_folder)
    yield world
    world.close()


@pytest.fixture
def tree(compressing: World) -> Tree:
    backend = compressing.shares[0].backend
    if backend is None or not backend.features.compression:
        pytest.skip("no place for attributes here")
    return compressing.tree()


def test_nothing_is_compressed_and_nobody_is_told_so(world: World) -> None:
    backend = world.shares[0].backend
    if backend is None or backend.features.compression:
        pytest.skip("compression works here")
    file = world.tree().create("file")
    file.write(0, bytes(5000))
    assert state(file) == NONE
    for wanted in (DEFAULT, LZNT1):
        assert set_to(file, wanted) == status.NOT_SUPPORTED
    assert set_to(file, NONE) == status.SUCCESS
    marked, told = information(file)
    assert not marked
    assert told == file_info.Compression(5000, NONE, 0, 0, 0)
    if backend.features.sparse_files:
        set_sparse(file)
        assert information(file)[1] == file_info.Compression(
            (world.data / "file").stat().st_blocks * 512, NONE, 0, 0, 0
        )
    flags = fs_info.decode_attribute(memoryview(file.query(INFO_FILESYSTEM, fs_info.ATTRIBUTE))).flags
    assert not flags & fs_info.FILE_FILE_COMPRESSION


def test_a_mark_that_another_file_system_left_can_be_taken_away(world: World) -> None:
    backend = world.shares[0].backend
    if backend is None or backend.features.compression or not backend.features.sparse_files:
        pytest.skip("compression works here, or attributes do not")
    path = world.data / "file"
    path.write_bytes(b"")
    dos_attributes.store(str(path), attributes.COMPRESSED, 1)
    file = world.tree().open("file", access=GENERIC_ALL)
    assert (state(file), information(file)[0]) == (NONE, attributes.COMPRESSED)
    assert set_to(file, NONE) == status.SUCCESS
    assert not information(file)[0]


def test_set_and_taken_back(tree: Tree) -> None:
    file = tree.create("file")
    flags = fs_info.decode_attribute(memoryview(file.query(INFO_FILESYSTEM, fs_info.ATTRIBUTE))).flags
    assert flags & fs_info.FILE_FILE_COMPRESSION
    assert state(file) == NONE
    for wanted in (DEFAULT, LZNT1, LZNT1):
        assert set_to(file, wanted) == status.SUCCESS
        assert state(file) == LZNT1
        marked, told = information(file)
        assert marked
        assert told == file_info.Compression(0, LZNT1, 16, 12, 12)
    data = trim.encode([(0, 4096)])
    assert asked(file, FSCTL_FILE_LEVEL_TRIM, data).status == status.INVALID_PARAMETER
    assert set_to(file, NONE) == status.SUCCESS
    assert (state(file), information(file)[0]) == (NONE, 0)


def test_what_a_directory_passes_on(tree: Tree) -> None:
    folder = tree.open("folder", access=GENERIC_ALL, disposition=OPEN_IF, options=DIRECTORY_FILE)
    assert set_to(folder, DEFAULT) == status.SUCCESS
    assert (state(folder), information(folder)[0]) == (LZNT1, attributes.COMPRESSED)
    assert information(folder)[1].compressed_size == 0
    inherits = tree.create("folder\\inherits")
    assert (state(inherits), information(inherits)[0]) == (LZNT1, attributes.COMPRESSED)
    for name, options in [("file", 0), ("below", DIRECTORY_FILE)]:
        options |= attributes.FILE_NO_COMPRESSION
        plain = tree.open(f"folder\\{name}", access=GENERIC_ALL, disposition=CREATE_NEW, options=options)
        assert (state(plain), information(plain)[0]) == (NONE, 0)
    assert set_to(folder, NONE) == status.SUCCESS
    assert state(inherits) == LZNT1


def test_attributes_of_a_client_do_not_compress(tree: Tree) -> None:
    file = tree.open(
        "file", access=GENERIC_ALL, disposition=CREATE_NEW, attributes=attributes.COMPRESSED | attributes.NORMAL
    )
    assert (state(file), information(file)[0]) == (NONE, 0)


def test_requests_that_lie(tree: Tree) -> None:
    file = tree.create("file")
    assert set_to(file, 0x42) == status.INVALID_PARAMETER
    assert asked(file, FSCTL_SET_COMPRESSION, b"\1").status == status.INVALID_PARAMETER
    assert asked(file, FSCTL_GET_COMPRESSION, room=1) == Answer(status.INVALID_PARAMETER, b"")
    assert state(file) == NONE


def test_rights(compressing: World, tree: Tree) -> None:
    tree.create("file").close()
    for rights in (access.FILE_READ_DATA, access.FILE_WRITE_ATTRIBUTES, access.SYNCHRONIZE):
        file = opened(tree, "file", rights)
        assert state(file) == NONE
        for wanted in (NONE, DEFAULT):
            assert set_to(file, wanted) == status.ACCESS_DENIED
    assert set_to(opened(tree, "file", access.FILE_WRITE_DATA), DEFAULT) == status.SUCCESS
    (compressing.ro / "file").write_bytes(b"")
    assert set_to(tree.session.tree("ro").open("file", access=GENERIC_READ), DEFAULT) == status.MEDIA_WRITE_PROTECTED
    pipe = tree.session.tree("IPC$").open("srvsvc", access=GENERIC_ALL)
    assert asked(pipe, FSCTL_GET_COMPRESSION).status == status.INVALID_DEVICE_REQUEST
    assert set_to(pipe, DEFAULT) == status.INVALID_DEVICE_REQUEST
