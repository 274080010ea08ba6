"""Sparse files and copies on the server: what one server marks, punches or copies the other shows, and the disk has."""

import os
from struct import iter_unpack, pack, unpack_from
from typing import Final

from conformance.client import queries
from conformance.client.protocol import CREATE_NEW, GENERIC_ALL, GENERIC_READ, INFO_FILE
from conformance.client.session import File
from conformance.samba_roundtrip.sides import Side, same

BASIC: Final = 4
SPARSE_FILE: Final = 0x200
SET_SPARSE: Final = 0x000900C4
SET_ZERO_DATA: Final = 0x000980C8
QUERY_ALLOCATED_RANGES: Final = 0x000940CF
REQUEST_RESUME_KEY: Final = 0x00140078
COPYCHUNK: Final = 0x001440F2
BLOCK: Final = 65536
ROOM: Final = 4096


def control(file: File, code: int, data: bytes = b"") -> bytes:
    """A control code that succeeds; its output."""
    reply = file.tree.call(queries.ioctl(code, data, file.file_id, ROOM)).check()
    return queries.decode_ioctl(reply)


def is_sparse(side: Side, path: str) -> bool:
    """What the server says of the file."""
    with side.tree.open(path, access=GENERIC_READ) as file:
        [attributes] = unpack_from("<32xI", file.query(INFO_FILE, BASIC))
    return bool(attributes & SPARSE_FILE)


def ranges(side: Side, path: str) -> list[tuple[int, int]]:
    """Where the server says that there are data."""
    with side.tree.open(path, access=GENERIC_READ) as file:
        return list(iter_unpack("<QQ", control(file, QUERY_ALLOCATED_RANGES, pack("<QQ", 0, 1 << 40))))


def make(side: Side, path: str, data: bytes) -> File:
    """A new file with these bytes."""
    file = side.tree.open(path, access=GENERIC_ALL, disposition=CREATE_NEW)
    for offset in range(0, len(data), BLOCK):
        file.write(offset, data[offset : offset + BLOCK])
    return file


def check_sparse_files(writer: Side, reader: Side, folder: str) -> None:
    """The attribute, the holes, the bytes; and the attribute taken away again."""
    path = f"{folder}\\sparse"
    data = os.urandom(4 * BLOCK)
    with make(writer, path, data) as file:
        control(file, SET_SPARSE)
        control(file, SET_ZERO_DATA, pack("<QQ", BLOCK, 3 * BLOCK))
    expected = data[:BLOCK] + bytes(2 * BLOCK) + data[3 * BLOCK :]
    same("on the disk", expected, (reader.folder / folder / "sparse").read_bytes())
    for side in (writer, reader):
        same(f"{side.name}: is sparse", True, is_sparse(side, path))
        same(f"{side.name}: ranges", [(0, BLOCK), (3 * BLOCK, BLOCK)], ranges(side, path))
    with writer.tree.open(path, access=GENERIC_ALL) as file:
        control(file, SET_SPARSE, b"\0")
    for side in (writer, reader):
        same(f"{side.name}: is sparse no more", False, is_sparse(side, path))
        same(f"{side.name}: one range", [(0, 4 * BLOCK)], ranges(side, path))
    same("still on the disk", expected, (reader.folder / folder / "sparse").read_bytes())


def check_copies(writer: Side, reader: Side, folder: str) -> None:
    """A copy that one server makes of a file the other made."""
    data = os.urandom(3 * BLOCK)
    make(reader, f"{folder}\\source", data).close()
    with writer.tree.open(f"{folder}\\source", access=GENERIC_READ) as source:
        key = control(source, REQUEST_RESUME_KEY)[:24]
        with make(writer, f"{folder}\\target", b"") as target:
            chunks = pack("<QQI4x", BLOCK, 0, 2 * BLOCK) + pack("<QQI4x", 0, 2 * BLOCK, BLOCK)
            done = control(target, COPYCHUNK, key + pack("<I4x", 2) + chunks)
    same("chunks, bytes of a broken one, all bytes", pack("<III", 2, 0, 3 * BLOCK), done)
    with reader.tree.open(f"{folder}\\target", access=GENERIC_READ) as target:
        shown = b"".join(target.read(offset, BLOCK) for offset in range(0, 3 * BLOCK, BLOCK))
    same("the copy", data[BLOCK:] + data[:BLOCK], shown)
