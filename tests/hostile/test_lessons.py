"""Regression tests for lessons of other servers that no other test has, and the check of the table in README.md."""

from __future__ import annotations

import ast
import re
import stat
import struct
from pathlib import Path

import pytest

from conformance.client import commands, queries
from conformance.client.message import Request
from conformance.client.protocol import (
    DELETE_ON_CLOSE,
    DIRECTORY_FILE,
    FSCTL_VALIDATE_NEGOTIATE_INFO,
    GENERIC_READ,
    GENERIC_WRITE,
    MAXIMUM_ALLOWED,
    OPEN,
    OPEN_IF,
    OVERWRITE,
    OVERWRITE_IF,
    READ_ATTRIBUTES,
    READ_DATA,
    SMB_3_0,
    SUPERSEDE,
)
from conformance.client.session import Options
from smbserver.nt import status
from tests.harness import World, frames_of

TESTS = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_name("README.md")
FILE_BASIC, FILE_RENAME, FILE_LINK, FILE_DISPOSITION, FILE_ALLOCATION, FILE_END = 4, 10, 11, 13, 19, 20


def new_name(name: str) -> bytes:
    """FileRenameInformation and FileLinkInformation ([MS-FSCC] 2.4.42.2)."""
    encoded = name.encode("utf-16-le")
    return struct.pack("<B7xQI", 1, 0, len(encoded)) + encoded


def changes(file_id: bytes) -> dict[str, Request]:
    """Every request that would change a file that is open."""
    return {
        "WRITE": commands.write(file_id, 0, b"changed"),
        "attributes": queries.set_info(file_id, 1, FILE_BASIC, struct.pack("<qqqqII", 0, 0, 0, 0, 2, 0)),
        "times": queries.set_info(file_id, 1, FILE_BASIC, struct.pack("<qqqqII", 1, 1, 1, 1, 0, 0)),
        "rename": queries.set_info(file_id, 1, FILE_RENAME, new_name("other")),
        "link": queries.set_info(file_id, 1, FILE_LINK, new_name("other")),
        "disposition": queries.set_info(file_id, 1, FILE_DISPOSITION, b"\1"),
        "allocation": queries.set_info(file_id, 1, FILE_ALLOCATION, bytes(8)),
        "end of file": queries.set_info(file_id, 1, FILE_END, bytes(8)),
        "security": queries.set_info(file_id, 3, 0, bytes(20), 4),
        "extended attributes": queries.set_info(file_id, 1, 15, bytes(16)),
        "sparse": queries.ioctl(0x000900C4, b"", file_id),
        "zero": queries.ioctl(0x000980C8, bytes(16), file_id),
        "reparse point": queries.ioctl(0x000900A4, bytes(16), file_id),
        "copy chunk": queries.ioctl(0x001480F2, bytes(32), file_id),
    }


def what_is_there(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Names, contents, modes and times of a folder."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
    }


# But a link, where its user may write: of that the open says nothing (tests/commands/test_security.py has both users).
READ_ONLY_OPENS = [("ro", name) for name in changes(bytes(16))] + [
    ("data", name) for name in changes(bytes(16)) if name != "link"
]


@pytest.mark.parametrize(("share", "name"), READ_ONLY_OPENS)
def test_nothing_changes_through_an_open_that_may_only_read(world: World, share: str, name: str) -> None:
    """On a read-only share that is the most anybody gets, whatever the maximum is that was asked for."""
    folder = world.ro if share == "ro" else world.data
    (folder / "file").write_bytes(b"content")
    before = what_is_there(folder)
    tree = world.tree(share)
    wanted = MAXIMUM_ALLOWED if share == "ro" else GENERIC_READ
    with tree.open("file", access=wanted) as file:
        assert tree.call(changes(file.file_id)[name]).status >= 0xC0000000
    assert what_is_there(folder) == before


@pytest.mark.parametrize("disposition", [SUPERSEDE, OVERWRITE, OVERWRITE_IF])
@pytest.mark.parametrize("access", [READ_DATA, READ_ATTRIBUTES, MAXIMUM_ALLOWED])
def test_a_read_only_share_is_not_truncated_by_opening(world: World, disposition: int, access: int) -> None:
    (world.ro / "file").write_bytes(b"content")
    tree = world.tree("ro")
    reply = tree.call(commands.create("file", access=access, disposition=disposition))
    assert reply.status == status.ACCESS_DENIED
    assert (world.ro / "file").read_bytes() == b"content"


@pytest.mark.parametrize("options", [0, DIRECTORY_FILE, DELETE_ON_CLOSE])
def test_nothing_is_made_or_deleted_on_a_read_only_share(world: World, options: int) -> None:
    (world.ro / "file").write_bytes(b"content")
    tree = world.tree("ro")
    for name, disposition in (("new", 2), ("new", OPEN_IF), ("new", OVERWRITE_IF)):
        request = commands.create(name, access=MAXIMUM_ALLOWED, disposition=disposition, options=options)
        assert tree.call(request).status in (status.ACCESS_DENIED, status.INVALID_PARAMETER)
    request = commands.create("file", access=0x10080, disposition=OPEN, options=DELETE_ON_CLOSE)
    assert tree.call(request).status == status.ACCESS_DENIED
    assert [path.name for path in world.ro.iterdir()] == ["file"]


@pytest.mark.parametrize("access", [READ_ATTRIBUTES, 0x100000])
def test_a_directory_is_not_read_without_the_right_to(world: World, access: int) -> None:
    tree = world.tree()
    with tree.open("", access=access, options=DIRECTORY_FILE) as folder:
        query = queries.query_directory(folder.file_id, "*", 37, 1000, 0)
        assert tree.call(query).status == status.ACCESS_DENIED
        watch = Request(15, struct.pack("<HHI16sII", 32, 0, 1000, folder.file_id, 0xFFF, 0))
        assert tree.call(watch).status in (status.ACCESS_DENIED, status.NOT_SUPPORTED)


def test_flush_needs_the_right_to_write(world: World) -> None:
    (world.data / "file").write_bytes(b"content")
    tree = world.tree()
    with tree.open("file", access=GENERIC_READ) as file:
        assert tree.call(commands.flush(file.file_id)).status == status.ACCESS_DENIED


def test_what_was_never_written_reads_as_zeros(world: World) -> None:
    """Also when the buffers of a reply have been used for somebody else's data before."""
    secret = b"\xaa" * 300_000
    other = world.tree().create("other")
    other.write(0, secret)
    assert other.read(0, 300_000) == secret
    file = world.tree().create("holes")
    file.write(600_000, b"end")
    assert file.read(0, 600_000) == bytes(600_000)
    assert file.read(599_990, 1000) == bytes(10) + b"end"


def test_a_listing_is_no_longer_than_was_asked_for(world: World) -> None:
    for number in range(300):
        (world.data / f"a rather long name {number}").touch()
    tree = world.tree()
    with tree.open("", options=DIRECTORY_FILE) as folder:
        for room in (200, 1000, 4096):
            reply = tree.call(queries.query_directory(folder.file_id, "*", 37, room, 0))
            assert 0 < len(queries.decode_buffer(reply.check())) <= room
        assert len(tree.list_directory()) == 302


@pytest.mark.parametrize("field", range(4))
def test_a_negotiation_that_was_tampered_with_ends_the_connection(world: World, field: int) -> None:
    """Before 3.1.1 only this question shows it: capabilities, GUID, security mode and dialects must be as they came."""
    options = Options(dialects=(SMB_3_0,))
    session = world.log_on(options)
    tree = session.tree("data", validate=False)
    right = [options.capabilities, session.client_guid, session.security_mode, SMB_3_0]
    wrong: list[int | bytes] = [options.capabilities ^ 1, bytes(16), session.security_mode ^ 2, 0x0210]
    values = right[:field] + wrong[field : field + 1] + right[field + 1 :]
    data = struct.pack("<I16sHHH", values[0], values[1], values[2], 1, values[3])
    request = queries.ioctl(FSCTL_VALIDATE_NEGOTIATE_INFO, data)
    request.sign = True
    tree.submit(request)
    assert frames_of(session.connection).closed_by_peer(0)


def test_an_allocation_that_cannot_be_leaves_no_descriptor(world: World) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    tree = world.tree()
    for size in (2**63 - 1, 2**63, 2**64 - 1, 2**62):
        context = (b"AlSi", size.to_bytes(8, "little"))
        request = commands.create("f", access=GENERIC_WRITE, disposition=OVERWRITE_IF, contexts=[context])
        reply = tree.call(request)
        if reply.status == 0:
            tree.call(commands.close(commands.decode_create(reply).file_id)).check()
        assert reply.status != status.INTERNAL_ERROR
    assert not len(world.state.files)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2  # one each for the share's root and its cache


def test_files_are_made_with_their_final_mode(world: World) -> None:
    tree = world.tree()
    tree.create("file").close()
    tree.open("folder", access=GENERIC_READ, disposition=2, options=DIRECTORY_FILE).close()
    assert not stat.S_IMODE((world.data / "file").stat().st_mode) & 0o7002
    assert not stat.S_IMODE((world.data / "folder").stat().st_mode) & 0o7002


def test_no_reply_names_a_path_of_the_server(world: World) -> None:
    (world.data / "file").write_bytes(b"content")
    tree = world.tree()
    file = tree.open("file")
    secrets = [str(world.data).encode("utf-16-le"), str(world.data).encode()]
    connection = tree.session.connection
    for kind in range(1, 4):
        for number in range(1, 70):
            connection.submit(tree.request(queries.query_info(file.file_id, kind, number, 4096, 7)))
            view, begin, end = frames_of(connection).next_frame()
            connection.credits += int.from_bytes(view[begin + 14 : begin + 16], "little")
            assert not [secret for secret in secrets if secret in bytes(view[begin:end])]


# --- the table ---


def names_of_tests() -> set[str]:
    """Every test function below tests/, as folder/file.py::name."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.relative_to(TESTS)}::{node.name}")
    return found


def test_every_test_in_the_table_exists() -> None:
    named = re.findall(r"`([\w/]+\.py::\w+)`", TABLE.read_text(encoding="utf-8"))
    assert len(named) > 40
    assert sorted(set(named) - names_of_tests()) == []


def test_every_row_of_the_table_names_a_test_or_says_why_not() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) > 40
    for row in rows:
        if not row.startswith(("| Id", "| --")):
            last = row.rstrip(" |").rpartition("|")[2]
            assert ".py::" in last or "not yet:" in last or "does not apply:" in last, row
