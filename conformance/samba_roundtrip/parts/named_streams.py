"""Named streams: what one server writes into them the other lists, reads, renames and deletes; Apple's among them."""

import os
from typing import Final

from conformance.client.protocol import (
    CREATE_NEW,
    DELETE,
    DIRECTORY_FILE,
    GENERIC_READ,
    GENERIC_WRITE,
    INFO_FILE,
    OPEN_IF,
    OVERWRITE,
)
from conformance.samba_roundtrip.sides import Side, same
from smbserver.wire import file_info

NAMES: Final = ("Zone.Identifier", "with space", "\u00e4pfel \u20ac", '?*<>|"', "\x05SummaryInformation", "UPPER")
SIZES: Final = (0, 1, 60, 4096, 60_000)
STREAM: Final = 22
STANDARD: Final = 5
BLOCK: Final = 65536


def write(side: Side, path: str, data: bytes) -> None:
    """A file or stream with these bytes."""
    with side.tree.open(path, access=GENERIC_WRITE, disposition=OPEN_IF) as file:
        for offset in range(0, len(data), BLOCK):
            file.write(offset, data[offset : offset + BLOCK])


def read(side: Side, path: str) -> bytes:
    """All of a file or stream."""
    with side.tree.open(path, access=GENERIC_READ) as file:
        size = int.from_bytes(file.query(INFO_FILE, STANDARD)[8:16], "little")
        return b"".join(file.read(offset, BLOCK) for offset in range(0, size, BLOCK))


def listed(side: Side, path: str) -> dict[str, int]:
    """Named streams and their sizes."""
    with side.tree.open(path, access=GENERIC_READ) as file:
        found = file_info.decode_streams(memoryview(file.query(INFO_FILE, STREAM)))
    return {each.name: each.size for each in found if each.name != "::$DATA"}


def check_names_and_data(writer: Side, reader: Side, folder: str) -> None:
    """Every name with every kind of data, on a file and on a folder; names in another case."""
    writer.tree.open(f"{folder}\\d", disposition=OPEN_IF, options=DIRECTORY_FILE).close()
    for path in (f"{folder}\\f", f"{folder}\\d"):
        written = {name: os.urandom(SIZES[number % len(SIZES)]) for number, name in enumerate(NAMES)}
        for name, data in written.items():
            write(writer, f"{path}:{name}", data)
        expected = {f":{name}:$DATA": len(data) for name, data in written.items()}
        for side in (writer, reader):
            same(f"{side.name}: the streams of {path}", expected, listed(side, path))
            for name, data in written.items():
                same(f"{side.name}: {name!r}", data, read(side, f"{path}:{name.swapcase()}:$data"))


def check_changes(writer: Side, reader: Side, folder: str) -> None:
    """What the other server has made is changed, deleted, and goes with an overwritten file."""
    path = f"{folder}\\f"
    for name in ("kept", "changed", "deleted"):
        write(writer, f"{path}:{name}", b"as it was made")
    write(reader, f"{path}:changed", b"AS")
    with reader.tree.open(f"{path}:deleted", access=DELETE) as stream:
        stream.set(INFO_FILE, 13, b"\1")
    for side in (writer, reader):
        same(f"{side.name}: streams", {":kept:$DATA": 14, ":changed:$DATA": 14}, listed(side, path))
        same(f"{side.name}: data", b"AS it was made", read(side, f"{path}:changed"))
    reader.tree.open(path, access=GENERIC_WRITE, disposition=OVERWRITE).close()
    for side in (writer, reader):
        same(f"{side.name}: streams of an overwritten file", {}, listed(side, path))


def check_apples_information(writer: Side, reader: Side, folder: str) -> None:
    """What Finder keeps in AFP_AfpInfo and in a small resource fork."""
    path = f"{folder}\\f"
    with writer.tree.open(path, access=GENERIC_WRITE, disposition=CREATE_NEW) as file:
        file.write(0, b"data")
    info = b"AFP\0\0\0\1\0".ljust(16, b"\0") + b"TEXTttxt".ljust(44, b"\0")
    write(writer, f"{path}:AFP_AfpInfo", info)
    write(writer, f"{path}:AFP_Resource", b"fork")
    for side in (writer, reader):
        same(f"{side.name}: streams", {":AFP_AfpInfo:$DATA": 60, ":AFP_Resource:$DATA": 4}, listed(side, path))
        same(f"{side.name}: FinderInfo", info, read(side, f"{path}:AFP_AfpInfo"))
        same(f"{side.name}: fork", b"fork", read(side, f"{path}:AFP_Resource"))


def check_smbclient_sees_them(writer: Side, reader: Side, folder: str) -> None:
    """allinfo lists streams, and get and put name them."""
    write(writer, f"{folder}\\f:s", b"some data")
    for side in (writer, reader):
        lines = side.smbclient(f"allinfo {folder}\\f")
        same(f"{side.name}: allinfo", True, "stream: [:s:$DATA], 9 bytes" in lines)
