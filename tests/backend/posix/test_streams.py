"""Streams on a disk: Samba's form, the folder that nobody sees, and what somebody else may have written there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.backend.posix import PosixBackend, stream_attributes
from smbserver.backend.posix.disk_names import STORE_NAME
from smbserver.backend.posix.raw_names import decode_name
from smbserver.backend.posix.stream_attributes import MAX_DATA, MAX_NAME, MAX_STREAMS, NO_ROOM
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.short_names import short_name
from tests.backend.test_contract import content, exists, listing, make, make_directory, opened, remove, rename
from tests.backend.test_streams import get, names, put, refused

BIG = b"big" * 30_000


def attribute(stream: str) -> str:
    """Samba's name for a stream's attribute."""
    return f"user.DosStream.{stream}:$DATA"


def pointer(stream: str) -> str:
    """Our name for the attribute that leads to a file."""
    return f"user.SmbServer.S.{stream}"


@pytest.fixture
def folder(share_folder: Path) -> Path:
    return share_folder


@pytest.fixture
def backend(folder: Path) -> Iterator[PosixBackend]:
    store = PosixBackend(folder)
    if not store.has_streams:
        pytest.skip("no attributes for users here")
    before = len(os.listdir("/proc/self/fd"))
    yield store
    assert len(os.listdir("/proc/self/fd")) - before in (0, 1)  # the folder of the streams
    store.close()


def stored(folder: Path) -> list[str]:
    """The ids of all stream files."""
    return sorted(os.listdir(folder / STORE_NAME)) if (folder / STORE_NAME).exists() else []


def test_sambas_form(backend: PosixBackend, folder: Path) -> None:
    make(backend, "f")
    put(backend, "f", "Zone.Identifier", b"[ZoneTransfer]")
    assert os.getxattr(folder / "f", attribute("Zone.Identifier")) == b"[ZoneTransfer]\0"
    os.setxattr(folder / "f", attribute("\u00e4 b"), b"\0")
    os.setxattr(folder / "f", attribute("from samba"), b"x\0y\0")
    assert names(backend, "f") == ["Zone.Identifier", "from samba", "\u00e4 b"]
    assert get(backend, "f", "FROM SAMBA") == b"x\0y"
    assert get(backend, "f", "\u00c4 b") == b""


def test_large_streams_are_files_that_samba_does_not_see(backend: PosixBackend, folder: Path) -> None:
    make(backend, "f")
    put(backend, "f", "s", BIG)
    [name] = stored(folder)
    assert os.getxattr(folder / "f", pointer("s")) == name.encode()
    assert attribute("s") not in os.listxattr(folder / "f")
    assert (folder / STORE_NAME / name).read_bytes() == BIG
    assert (folder / STORE_NAME).stat().st_mode & 0o777 == 0o700
    assert get(backend, "f", "s") == BIG


def test_they_are_there_for_the_next_server(backend: PosixBackend, folder: Path) -> None:
    make(backend, "f")
    put(backend, "f", "s", BIG)
    other = PosixBackend(folder)
    assert get(other, "f", "s") == BIG
    other.close()


@pytest.mark.parametrize("how", ["remove", "rename", "link", "last link", "directory"])
def test_nothing_stays_behind(backend: PosixBackend, folder: Path, how: str) -> None:
    (make_directory if how == "directory" else make)(backend, "f")
    put(backend, "f", "s", BIG)
    put(backend, "f", "t", BIG)
    make(backend, "g")
    assert len(stored(folder)) == 2
    if how in ("remove", "directory"):
        remove(backend, "f")
    elif how == "rename":
        rename(backend, ("g",), ("f",), replace=True)
    else:
        source, to = backend.locate(("g",)), backend.locate(("f",))
        if how == "last link":
            os.link(folder / "f", folder / "second")
        assert source.identity is not None
        backend.link(("g",), source.identity, to, True)
        source.close()
        to.close()
        if how == "last link":
            assert len(stored(folder)) == 2
            assert get(backend, "second", "s") == BIG
            remove(backend, "second")
    assert stored(folder) == []


def test_a_local_copy_is_a_copy(backend: PosixBackend, folder: Path) -> None:
    """cp -a copies the pointer; the first one to write through it gets its own file."""
    make(backend, "f")
    put(backend, "f", "s", BIG)
    shutil.copy2(folder / "f", folder / "copy")
    assert get(backend, "copy", "s") == BIG
    base = opened(backend, "copy")
    handle = base.streams().open("s", True)
    base.close()
    handle.write(b"other", 0)
    handle.close()
    assert get(backend, "f", "s") == BIG
    assert get(backend, "copy", "s") == b"other" + BIG[5:]
    shutil.copy2(folder / "f", folder / "third")
    remove(backend, "third")
    assert get(backend, "f", "s") == BIG
    remove(backend, "copy")
    remove(backend, "f")
    assert stored(folder) == []


# --- what a disk may hold ---


@pytest.mark.parametrize("value", [b"", b"no end", b"spread over several\x01"])
def test_a_value_that_is_not_a_whole_stream(backend: PosixBackend, folder: Path, value: bytes) -> None:
    """It is there, it is not readable, it can be replaced and removed."""
    for name in ("f", "g"):
        make(backend, name)
        try:
            os.setxattr(folder / name, attribute("s"), value)
        except OSError:
            pytest.skip("this file system has no empty attributes")
    base = opened(backend, "f")
    streams = base.streams()
    assert [facts[:2] for facts in streams.all()] == [("", 0), ("s", 0)]
    refused(errno.EIO, lambda: streams.open("s", True))
    refused(errno.EEXIST, lambda: streams.create("s"))
    assert os.getxattr(folder / "f", attribute("s")) == value
    handle = streams.replace("s")
    handle.write(b"new", 0)
    handle.close()
    base.close()
    assert get(backend, "f", "s") == b"new"
    base = opened(backend, "g")
    base.streams().remove("s")
    base.close()
    assert names(backend, "g") == []


@pytest.mark.parametrize("value", [b"", b"0" * 32, b"../f", b"/etc/passwd", b"\xff" * 9, b"0" * 31, b"A" * 32])
def test_a_pointer_to_nothing(backend: PosixBackend, folder: Path, value: bytes) -> None:
    make(backend, "f", data=b"own")
    (folder / STORE_NAME).mkdir()
    os.setxattr(folder / "f", pointer("s"), value)
    assert names(backend, "f") == ["s"]
    base = opened(backend, "f")
    refused(errno.EIO, lambda: base.streams().open("s", False))
    base.streams().remove("s")
    base.close()
    remove(backend, "f")


def test_what_stands_in_the_folder_may_be_anything(backend: PosixBackend, folder: Path) -> None:
    make(backend, "f")
    inside = folder / STORE_NAME
    inside.mkdir()
    (inside / ("1" * 32)).mkdir()
    (inside / ("2" * 32)).symlink_to("/etc/passwd")
    os.mkfifo(inside / ("3" * 32))
    for digit in "123":
        os.setxattr(folder / "f", pointer(digit), digit.encode() * 32)
        base = opened(backend, "f")
        streams = base.streams()
        with pytest.raises(OSError):
            streams.open(digit, digit == "3")
        base.close()
    remove(backend, "f")


def test_the_rest_of_a_move(backend: PosixBackend, folder: Path) -> None:
    """While both are there Samba's counts, unless it is the empty one that made room."""
    make(backend, "f")
    put(backend, "f", "s", BIG)
    os.setxattr(folder / "f", attribute("s"), b"\0")
    assert get(backend, "f", "s") == BIG
    os.setxattr(folder / "f", attribute("s"), b"samba was here\0")
    assert get(backend, "f", "s") == b"samba was here"
    base = opened(backend, "f")
    base.streams().remove("s")
    base.close()
    assert names(backend, "f") == []
    assert stored(folder) == []


def test_names_that_the_wire_cannot_have(backend: PosixBackend, folder: Path) -> None:
    make(backend, "f")
    for name in (b"a:b", b"back\\slash", b"a/b", b"\xff\xfe", b""):
        os.setxattr(folder / "f", b"user.DosStream." + name + b":$DATA", b"x\0")
    os.setxattr(folder / "f", "user.DosStream.without type", b"x\0")
    os.setxattr(folder / "f", "user.other", b"x\0")
    assert names(backend, "f") == ["a\uf022b", "back\uf026slash", "\udcff\udcfe"]
    assert get(backend, "f", "A\uf022B") == b"x"
    assert get(backend, "f", "\udcff\udcfe") == b"x"


def test_names_that_the_disk_cannot_have(backend: PosixBackend) -> None:
    make(backend, "f")
    put(backend, "f", "x" * MAX_NAME, b"")
    base = opened(backend, "f")
    for name in ("y" * (MAX_NAME + 1), "\u00e4" * 120):
        refused(errno.ENAMETOOLONG, partial(base.streams().create, name))
        assert base.streams().find(name) is None
    base.close()


def test_how_many(backend: PosixBackend, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with more streams than one may have is listed as far as the limit, and can be removed."""
    monkeypatch.setattr("smbserver.backend.posix.streams.MAX_STREAMS", 20)
    monkeypatch.setattr(stream_attributes, "MAX_STREAMS", 20)
    make(backend, "f")
    for number in range(25):
        os.setxattr(folder / "f", attribute(f"s{number}"), b"\0")
    assert len(names(backend, "f")) == 20
    base = opened(backend, "f")
    refused(errno.ENOSPC, lambda: base.streams().create("one more"))
    base.close()
    remove(backend, "f")
    assert MAX_STREAMS * (len(attribute("")) + 2) < 65536, "what the kernel lists"


@given(st.binary(max_size=40))
def test_any_attribute_name(raw: bytes) -> None:
    """Whatever a name is on the disk, what it becomes on the wire has no separator in it."""
    name = decode_name(raw).translate(stream_attributes._TO_WIRE)
    assert ":" not in name
    assert "\\" not in name


# --- the folder ---


@pytest.mark.parametrize("spelled", [STORE_NAME, STORE_NAME.upper(), ".\u017fmbserver-streams"])
@pytest.mark.parametrize("kernel_walk", [True, False])
def test_no_client_can_name_the_folder(backend: PosixBackend, folder: Path, spelled: str, kernel_walk: bool) -> None:
    make(backend, "f")
    put(backend, "f", "s", BIG)
    [name] = stored(folder)
    walker = PosixBackend(folder, kernel_walk)
    for path in ((spelled,), (spelled, name), (spelled, "new")):
        with pytest.raises(StatusError) as refusal:
            walker.locate(path)
        assert refusal.value.status == status.OBJECT_NAME_INVALID
    assert not exists(walker, short_name(STORE_NAME))
    assert exists(walker, "f")
    walker.close()
    assert listing(backend) == ["f"]


@pytest.mark.parametrize("kernel_walk", [True, False])
def test_no_link_leads_into_the_folder(backend: PosixBackend, folder: Path, kernel_walk: bool) -> None:
    make(backend, "f")
    put(backend, "f", "s", BIG)
    [name] = stored(folder)
    (folder / "d").mkdir()
    (folder / "to folder").symlink_to(STORE_NAME)
    (folder / "to file").symlink_to(f"{STORE_NAME}/{name}")
    (folder / "d" / "up").symlink_to(f"../{STORE_NAME}")
    (folder / "twice").symlink_to("to folder")
    (folder / "fine").symlink_to("f")
    (folder / "way").symlink_to("d")
    walker = PosixBackend(folder, kernel_walk)
    for path in (("to folder",), ("to file",), ("d", "up"), ("twice",), ("way", "up")):
        with contextlib.suppress(StatusError):  # where links lead nowhere there is no way to the next
            assert not exists(walker, *path)
    for above in (("to folder",), ("d", "up"), ("twice",), ("way", "up")):
        with pytest.raises(StatusError) as refused_path:
            walker.locate((*above, name))
        assert refused_path.value.status == status.OBJECT_PATH_NOT_FOUND
    if kernel_walk:
        assert exists(walker, "fine")
        assert listing(walker, "way") == []
        assert listing(walker) == ["d", "f", "fine", "way"]
    walker.close()


def test_a_folder_that_was_removed_is_made_again(backend: PosixBackend, folder: Path) -> None:
    make(backend, "f")
    put(backend, "f", "s", BIG)
    shutil.rmtree(folder / STORE_NAME)
    make(backend, "g")
    put(backend, "g", "s", BIG)
    assert get(backend, "g", "s") == BIG
    remove(backend, "f")


def test_a_folder_that_is_none(backend: PosixBackend, folder: Path, tmp_path: Path) -> None:
    """Somebody has put a link in its place: nothing is written through it."""
    (folder / STORE_NAME).symlink_to(tmp_path)
    make(backend, "f")
    base = opened(backend, "f")
    handle = base.streams().create("s")
    base.close()
    handle.write(b"small", 0)
    with pytest.raises(OSError):
        handle.write(BIG, 0)
    assert bytes(handle.read(100, 0) or b"") == b"small"
    handle.close()
    assert os.listdir(tmp_path) == []


# --- no room ---


@pytest.mark.parametrize("code", sorted(NO_ROOM))
def test_no_room_for_an_attribute(backend: PosixBackend, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """As on ext4, whose attributes have 4 KiB: the stream moves, with a pointer that needs the same room."""
    make(backend, "f")
    put(backend, "f", "s", b"d" * 3900)
    setxattr = os.setxattr
    sizes: dict[str, int] = {}

    def bounded(target: int | str, name: bytes, value: bytes, flags: int = 0) -> None:
        key = os.fsdecode(name)
        if key == "user.SmbServer.Owner":  # another file
            setxattr(target, name, value, flags)
            return
        if sum(size for other, size in sizes.items() if other != key) + len(value) > 4000:
            raise OSError(code, os.strerror(code))
        setxattr(target, name, value, flags)
        sizes[key] = len(value)

    sizes[attribute("s")] = 3901
    sizes["user.DOSATTRIB"] = 70
    monkeypatch.setattr(os, "setxattr", bounded)
    base = opened(backend, "f")
    handle = base.streams().open("s", True)
    base.close()
    handle.write(b"more than that" * 30, 3900)
    assert bytes(handle.read_blocking(5000, 3890)) == b"d" * 10 + b"more than that" * 30
    handle.close()
    monkeypatch.undo()
    assert get(backend, "f", "s") == b"d" * 3900 + b"more than that" * 30


@pytest.mark.parametrize("where", ["open", "setxattr", "pwrite", "fsync"])
def test_a_full_disk_loses_nothing(
    backend: PosixBackend, folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    make(backend, "f")
    put(backend, "f", "s", b"d" * MAX_DATA)
    base = opened(backend, "f")
    handle = base.streams().open("s", True)
    base.close()

    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "open":
        (folder / STORE_NAME).mkdir()
        (folder / STORE_NAME).chmod(0)
        monkeypatch.setattr("smbserver.backend.posix.stream_store.StreamStore.create", full)
    else:
        monkeypatch.setattr(os, where, full)
    refused(errno.ENOSPC, lambda: handle.write(b"more", MAX_DATA))
    assert bytes(handle.read_blocking(1 << 20, 0)) == b"d" * MAX_DATA
    monkeypatch.undo()
    handle.write(b"more", MAX_DATA)
    handle.close()
    assert get(backend, "f", "s") == b"d" * MAX_DATA + b"more"
    assert len(stored(folder)) == 1
    assert content(backend, "f") == b""


def test_without_attributes_there_are_no_streams(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: object, **more: object) -> bytes:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "getxattr", none)
    store = PosixBackend(folder)
    assert not store.has_streams
    store.close()
