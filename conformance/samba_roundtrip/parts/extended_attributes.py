"""Extended attributes: names and values, set by one, changed and deleted by the other; and what is private to both."""

import struct
from typing import Final

from conformance.client.protocol import CREATE_NEW, GENERIC_ALL, GENERIC_READ, INFO_FILE, StatusFailure
from conformance.client.session import File, Tree
from conformance.samba_roundtrip.sides import Side, same

EA: Final = 7
FULL_EA: Final = 15
ACCESS_DENIED: Final = 0xC0000022
FIRST: Final = {b"EAONE": b"VALUE1", b"Second.ea": b"\0\xff binary"}
PRIVATE: Final = (b"DOSATTRIB", b"DosStream.forged", b"org.netatalk.Metadata")


def put(file: File, eas: dict[bytes, bytes]) -> None:
    """Set them; no value deletes one ([MS-FSCC] 2.4.16)."""
    for name, value in eas.items():
        file.set(INFO_FILE, FULL_EA, struct.pack("<IBBH", 0, 0, len(name), len(value)) + name + b"\0" + value)


def listed(tree: Tree, name: str) -> dict[bytes, bytes]:
    """All of a file's."""
    with tree.open(name, access=GENERIC_READ) as file:
        data = file.query(INFO_FILE, FULL_EA)
    eas = {}
    while True:
        following, _, name_length, value_length = struct.unpack_from("<IBBH", data)
        value_at = 8 + name_length + 1
        eas[data[8 : 8 + name_length]] = data[value_at : value_at + value_length]
        if not following:
            return eas
        data = data[following:]


def made(writer: Side, place: str) -> str:
    """A new file with two of them."""
    name = f"{place}\\file"
    with writer.tree.open(name, access=GENERIC_ALL, disposition=CREATE_NEW) as file:
        put(file, FIRST)
    return name


def check_shown(writer: Side, reader: Side, place: str) -> None:
    """As they were set, on the file and in a listing.

    Each counts their size in its own way: ours as [MS-FSA] 2.1.5.12.10 and NTFS, smbd as the buffer that is needed.
    """
    name = made(writer, place)
    for each in (writer, reader):
        same("the EAs", FIRST, listed(each.tree, name))
        with each.tree.open(name) as file:
            size = int.from_bytes(file.query(INFO_FILE, EA), "little")
        same("EaSize in a listing", size, {e.name: e.ea_size for e in each.tree.list_directory(place)}["file"])


def check_changed_by_the_other(writer: Side, reader: Side, place: str) -> None:
    """Replaced in another case, and deleted."""
    name = made(writer, place)
    with reader.tree.open(name, access=GENERIC_ALL) as file:
        put(file, {b"eaone": b"new", b"SECOND.EA": b"", b"third": b"3"})
    for each in (writer, reader):
        same("the EAs", {b"EAONE": b"new", b"third": b"3"}, listed(each.tree, name))


def check_private(writer: Side, reader: Side, place: str) -> None:
    """What either keeps of its own nobody writes through the other."""
    name = made(writer, place)
    for private in PRIVATE:
        with reader.tree.open(name, access=GENERIC_ALL) as file:
            try:
                put(file, {private: b"forged"})
            except StatusFailure as failure:
                same(f"the status for {private!r}", ACCESS_DENIED, failure.status)
            else:
                same(f"{private!r} was refused", True, False)
    same("the EAs", FIRST, listed(reader.tree, name))
