"""Every request that would change something is refused on a read-only share, and changes nothing on the disk.

One table, one row per operation (the lesson of Samba's CVE-2026-1933): who adds a way to change a file adds a row.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    MAXIMUM_ALLOWED,
    OPEN,
    OPEN_IF,
    OVERWRITE,
    OVERWRITE_IF,
    SUPERSEDE,
    WRITE_ATTRIBUTES,
    WRITE_DATA,
)
from conformance.client.session import Tree
from smbserver.backend.posix import PosixBackend
from smbserver.commands import ioctl
from smbserver.nt import access, status
from smbserver.objects.share import Share
from smbserver.wire import ioctl as ioctl_wire
from tests.harness import World

WRITE_DAC, WRITE_OWNER, WRITE_EA, APPEND, DELETE_CHILD = 0x40000, 0x80000, 0x10, 0x4, 0x40
SECURITY_DESCRIPTOR = bytes.fromhex("0100048000000000000000000000000014000000") + bytes.fromhex("0200080000000000")
RENAME = queries.rename_data("renamed", replace=True)
OVER_OTHER = queries.rename_data("other", replace=True)


def _create(**given: int) -> Callable[[bytes], Request]:
    name = "new" if given.pop("new", 0) else "file"
    arguments: dict[str, int] = {"access": GENERIC_READ, "disposition": OPEN, **given}
    return lambda _: commands.create(name, **arguments)  # type: ignore[arg-type]  # all of them are ints


def _named(name: str, disposition: int) -> Callable[[bytes], Request]:
    return lambda _: commands.create(name, access=GENERIC_READ, disposition=disposition)


def _set(level: int, data: bytes, info_type: int = 1) -> Callable[[bytes], Request]:
    return lambda file_id: queries.set_info(file_id, info_type, level, data, 7 if info_type == 3 else 0)


def _control(code: int, data: bytes = bytes(48)) -> Callable[[bytes], Request]:
    return lambda file_id: queries.ioctl(code, data, file_id, 64)


OPERATIONS: dict[str, Callable[[bytes], Request]] = {
    "create a file": _create(new=1, disposition=CREATE_NEW),
    "open or create a file": _create(new=1, disposition=OPEN_IF),
    "overwrite or create a file": _create(new=1, disposition=OVERWRITE_IF),
    "supersede or create a file": _create(new=1, disposition=SUPERSEDE),
    "create a folder": _create(new=1, disposition=CREATE_NEW, options=DIRECTORY_FILE),
    "open or create a folder": _create(new=1, disposition=OPEN_IF, options=DIRECTORY_FILE),
    "create a stream": _named("file:stream", CREATE_NEW),
    "create a stream of a folder": _named("folder:stream", OPEN_IF),
    "overwrite": _create(disposition=OVERWRITE),
    "overwrite or create": _create(disposition=OVERWRITE_IF),
    "supersede": _create(disposition=SUPERSEDE),
    "overwrite with all that is granted": _create(disposition=OVERWRITE, access=MAXIMUM_ALLOWED),
    "overwrite the default stream": _named("file::$DATA", OVERWRITE),
    "delete on close": _create(access=DELETE, options=DELETE_ON_CLOSE),
    "delete on close with all that is granted": _create(access=MAXIMUM_ALLOWED, options=DELETE_ON_CLOSE),
    "open to write": _create(access=WRITE_DATA),
    "open to append": _create(access=APPEND),
    "open to write EAs": _create(access=WRITE_EA),
    "open to write attributes": _create(access=WRITE_ATTRIBUTES),
    "open to delete": _create(access=DELETE),
    "open to delete children": _create(access=DELETE_CHILD),
    "open to change rights": _create(access=WRITE_DAC),
    "open to change the owner": _create(access=WRITE_OWNER),
    "open with generic write": _create(access=GENERIC_WRITE),
    "open with generic all": _create(access=GENERIC_ALL),
    "write": lambda file_id: commands.write(file_id, 0, b"changed"),
    "append": lambda file_id: commands.write(file_id, 4, b"more"),
    "write nothing": lambda file_id: commands.write(file_id, 0, b""),
    "flush": commands.flush,
    "set attributes": _set(4, queries.basic_data(attributes=1)),
    "set times": _set(4, queries.basic_data(written=130_000_000_000_000_000)),
    "rename": _set(10, RENAME),
    "rename over another": _set(10, OVER_OTHER),
    "link": _set(11, RENAME),
    "link over another": _set(11, OVER_OTHER),
    "mark for deletion": _set(13, b"\1"),
    "unmark": _set(13, b"\0"),
    "set EAs": _set(15, bytes(4) + b"\0\1\1\0a\0b"),
    "cut by allocation": _set(19, bytes(8)),
    "reserve by allocation": _set(19, pack("<Q", 1 << 20)),
    "cut": _set(20, bytes(8)),
    "extend": _set(20, pack("<Q", 100)),
    "set valid data length": _set(39, pack("<Q", 7)),
    "set a short name": _set(40, pack("<I", 2) + b"a\0"),
    "delete as POSIX does": _set(64, pack("<I", 3)),
    "rename as POSIX does": _set(65, RENAME),
    "set rights": _set(0, SECURITY_DESCRIPTOR, 3),
    "set a quota": _set(0, bytes(64), 4),
    "set quota defaults": _set(6, bytes(48), 2),
    "set the volume's id": _set(8, bytes(64), 2),
    "FSCTL_SET_OBJECT_ID": _control(0x00090098),
    "FSCTL_SET_REPARSE_POINT": _control(0x000900A4),
    "FSCTL_DELETE_REPARSE_POINT": _control(0x000900AC),
    "FSCTL_SET_SPARSE": _control(0x000900C4),
    "FSCTL_SET_ENCRYPTION": _control(0x000900D7),
    "FSCTL_SET_ZERO_DATA": _control(0x000980C8, pack("<QQ", 0, 7)),
    "FSCTL_FILE_LEVEL_TRIM": _control(0x00098208, pack("<IIQQ", 0, 1, 0, 4096)),
    "FSCTL_OFFLOAD_WRITE": _control(0x00098268),
    "FSCTL_DUPLICATE_EXTENTS_TO_FILE": _control(0x00098344),
    "FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX": _control(0x000983E8, pack("<Q", 48) + bytes(48)),
    "FSCTL_SET_COMPRESSION": _control(0x0009C040, b"\1\0"),
    "FSCTL_SET_INTEGRITY_INFORMATION": _control(0x0009C280),
    "FSCTL_SRV_COPYCHUNK": _control(0x001440F2),
    "FSCTL_SRV_COPYCHUNK_WRITE": _control(0x001480F2),
}

# The control codes that change nothing in a share; with OPERATIONS all that are answered.
ONLY_READ = {
    "FSCTL_VALIDATE_NEGOTIATE_INFO",
    "FSCTL_DFS_GET_REFERRALS",
    "FSCTL_DFS_GET_REFERRALS_EX",
    "FSCTL_QUERY_NETWORK_INTERFACE_INFO",
    "FSCTL_SRV_ENUMERATE_SNAPSHOTS",
    "FSCTL_SRV_REQUEST_RESUME_KEY",
    "FSCTL_GET_REPARSE_POINT",
    "FSCTL_CREATE_OR_GET_OBJECT_ID",
    "FSCTL_QUERY_ALLOCATED_RANGES",
    "FSCTL_QUERY_FILE_REGIONS",
    "FSCTL_GET_COMPRESSION",
    "FSCTL_PIPE_TRANSCEIVE",
    "FSCTL_PIPE_PEEK",
    "FSCTL_PIPE_WAIT",
}


def test_no_control_code_is_forgotten() -> None:
    names = {value: name for name, value in vars(ioctl_wire).items() if name.startswith("FSCTL_")}
    answered = {names[code] for code in ioctl._HANDLERS if code in names}  # the others are the test hook's
    assert answered <= ONLY_READ | set(OPERATIONS)
    assert not ONLY_READ & set(OPERATIONS)


def _picture(folder: Path) -> list[tuple[object, ...]]:
    """Everything a change would change: names, kinds, contents, times, links, extended attributes."""
    found: list[tuple[object, ...]] = []
    for path in [folder, *sorted(folder.rglob("*"))]:
        state = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        extended = [(name, os.getxattr(path, name)) for name in os.listxattr(path)]
        found.append((path, state.st_mode, state.st_nlink, state.st_mtime_ns, state.st_blocks, content, extended))
    return found


@pytest.fixture
def read_only(world: World) -> Tree:
    (world.ro / "file").write_bytes(b"content")
    (world.ro / "other").write_bytes(b"other")
    (world.ro / "folder").mkdir()
    return world.tree("ro")


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_is_refused_and_changes_nothing(world: World, read_only: Tree, name: str) -> None:
    file = read_only.open("file", access=MAXIMUM_ALLOWED)
    before = _picture(world.ro)
    reply = read_only.call(OPERATIONS[name](file.file_id))
    assert reply.status >= 0xC0000000, "an error, no warning and no success"
    file.close()
    read_only.disconnect()
    assert _picture(world.ro) == before


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_is_refused_in_a_compound_with_its_open(world: World, read_only: Tree, name: str) -> None:
    before = _picture(world.ro)
    replies = read_only.call_compound(
        [
            commands.create("file", access=MAXIMUM_ALLOWED, disposition=OPEN),
            OPERATIONS[name](b"\xff" * 16),
            commands.close(b"\xff" * 16),
        ]
    )
    assert replies[0].status == status.SUCCESS
    assert replies[1].status >= 0xC0000000
    read_only.disconnect()
    assert _picture(world.ro) == before


@pytest.mark.parametrize(
    "name", ["write", "cut", "rename", "mark for deletion", "set attributes", "overwrite", "FSCTL_SET_ZERO_DATA"]
)
def test_the_same_is_done_where_it_may_be(world: World, name: str) -> None:
    """Otherwise the table would pass against a server that refuses everything."""
    (world.data / "file").write_bytes(b"content")
    tree = world.tree("data")
    before = _picture(world.data)
    file = tree.open("file", access=MAXIMUM_ALLOWED)
    tree.call(OPERATIONS[name](file.file_id)).check()
    tree.disconnect()
    assert _picture(world.data) != before


def test_the_share_says_so(world: World, read_only: Tree) -> None:
    assert not read_only.connected.maximal_access & access.MODIFYING
    file = read_only.open("file", access=MAXIMUM_ALLOWED)
    assert not int.from_bytes(file.query(1, 8), "little") & access.MODIFYING


def test_one_folder_as_two_shares(share_folder: Path) -> None:
    """What is read-only is the share, not the files below it."""
    shares = [Share("rw", PosixBackend(share_folder)), Share("ro", PosixBackend(share_folder), read_only=True)]
    world = World(share_folder, shares=shares)
    world.tree("rw").create("file").write(0, b"x")
    reader = world.tree("ro").open("file", access=MAXIMUM_ALLOWED)
    assert reader.tree.call(commands.write(reader.file_id, 0, b"y")).status == status.ACCESS_DENIED
    assert reader.read(0, 1) == b"x"
    world.close()
