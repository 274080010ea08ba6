"""Security descriptors: written by one, shown and obeyed by the other, and dropped by both after a local chmod."""

import struct
from typing import Final

from conformance.client.protocol import CREATE_NEW, GENERIC_READ, GENERIC_WRITE, StatusFailure
from conformance.client.session import File, Tree
from conformance.samba_roundtrip.sides import Different, Side, same

INFO_SECURITY: Final = 3
ACCESS_DENIED: Final = 0xC0000022
DACL: Final = 4
ALL: Final = 0x001F01FF
READ: Final = 0x00120089
READ_CONTROL: Final = 0x00020000
INHERITABLE: Final = 3
EVERYONE: Final = bytes.fromhex("010100000000000100000000")
NOBODY_KNOWN: Final = bytes.fromhex("01050000000000051500000001000000020000000300000039050000")
SELF_RELATIVE_DACL: Final = 0x8004
HEADER: Final = 20


def entry(who: bytes, mask: int, flags: int = 0, kind: int = 0) -> bytes:
    """An allowing ACE ([MS-DTYP] 2.4.4.2); `kind` 1 denies."""
    return struct.pack("<BBHI", kind, flags, 8 + len(who), mask) + who


def acl(*entries: bytes) -> bytes:
    """The bytes of an ACL."""
    return struct.pack("<BBHHH", 2, 0, 8 + sum(map(len, entries)), len(entries), 0) + b"".join(entries)


def put(file: File, dacl: bytes) -> None:
    """Set the DACL."""
    header = struct.pack("<BBHIIII", 1, 0, SELF_RELATIVE_DACL, 0, 0, 0, HEADER)
    file.set(INFO_SECURITY, 0, header + dacl, additional=DACL)


def shown(tree: Tree, name: str) -> bytes:
    """The DACL, as its bytes."""
    with tree.open(name, access=READ_CONTROL) as file:
        data = file.query(INFO_SECURITY, 0, additional=DACL)
    (at,) = struct.unpack_from("<I", data, 16)
    (size,) = struct.unpack_from("<H", data, at + 2)
    return data[at : at + size]


def denied(tree: Tree, name: str, access: int) -> bool:
    """Whether an open with these rights is refused."""
    try:
        tree.open(name, access=access).close()
    except StatusFailure as failure:
        if failure.status == ACCESS_DENIED:
            return True
        raise
    return False


def made(writer: Side, place: str, *entries: bytes) -> str:
    """A new file with this DACL."""
    name = f"{place}\\file"
    with writer.tree.open(name, access=ALL, disposition=CREATE_NEW) as file:
        put(file, acl(*entries))
    return name


def check_shown(writer: Side, reader: Side, place: str) -> None:
    """Entry by entry, in their order, for SIDs that nobody knows too."""
    entries = entry(NOBODY_KNOWN, 0x2, kind=1), entry(NOBODY_KNOWN, ALL), entry(EVERYONE, READ)
    name = made(writer, place, *entries)
    same("the DACL", acl(*entries), shown(writer.tree, name))
    same("the DACL", acl(*entries), shown(reader.tree, name))


def check_obeyed(writer: Side, reader: Side, place: str) -> None:
    """Who may only read may not write, whatever the mode says. Of ours: smbd acts as root here, who may everything."""
    if reader.name != "ours":
        return
    name = made(writer, place, entry(EVERYONE, READ))
    same("reading is refused", False, denied(reader.tree, name, GENERIC_READ))
    same("writing is refused", True, denied(reader.tree, name, GENERIC_WRITE))


def check_inherited(writer: Side, reader: Side, place: str) -> None:
    """What one makes in a folder of the other has what the folder hands down."""
    with writer.tree.open(place, access=ALL) as folder:
        put(folder, acl(entry(EVERYONE, ALL, INHERITABLE)))
    name = f"{place}\\file"
    reader.tree.open(name, access=ALL, disposition=CREATE_NEW).close()
    same("the DACL", acl(entry(EVERYONE, ALL)), shown(writer.tree, name))
    same("the DACL", acl(entry(EVERYONE, ALL)), shown(reader.tree, name))


def check_changed(writer: Side, reader: Side, place: str) -> None:
    """One changes what the other has written."""
    name = made(writer, place, entry(EVERYONE, ALL))
    with reader.tree.open(name, access=ALL) as file:
        put(file, acl(entry(EVERYONE, READ | 0x00040000)))
    same("the DACL", acl(entry(EVERYONE, READ | 0x00040000)), shown(writer.tree, name))


def check_chmod(writer: Side, reader: Side, place: str) -> None:
    """A local chmod ends it for both: then the mode is what is shown."""
    kept = entry(NOBODY_KNOWN, ALL), entry(EVERYONE, ALL)
    name = made(writer, place, *kept)
    path = writer.folder / place / "file"
    path.chmod(0o606 if path.stat().st_mode & 0o777 != 0o606 else 0o604)
    for side in (writer, reader):
        if shown(side.tree, name) == acl(*kept):
            raise Different(f"{side.name} still shows the DACL from before the chmod")
