"""Attributes and times: by query, in a listing, in `smbclient allinfo`, after changes through the other server."""

import os
from struct import unpack_from
from typing import Final, NamedTuple

from conformance.client import queries
from conformance.client.protocol import (
    CREATE_NEW,
    DIRECTORY_FILE,
    GENERIC_ALL,
    GENERIC_READ,
    INFO_FILE,
    OPEN,
    SHARE_ALL,
)
from conformance.client.session import File
from conformance.samba_roundtrip.sides import Side, same

BASIC: Final = 4
READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE, NORMAL = 0x1, 0x2, 0x4, 0x10, 0x20, 0x80
READ_ATTRIBUTES, WRITE_ATTRIBUTES = 0x80, 0x100
SHOWN: Final = READONLY | HIDDEN | SYSTEM | DIRECTORY | ARCHIVE  # the others smbd does not keep
CHOICES: Final = (NORMAL, ARCHIVE, HIDDEN, SYSTEM, READONLY, HIDDEN | SYSTEM | ARCHIVE, READONLY | HIDDEN)
DAY: Final = 864_000_000_000
# 1968, 1970 and a bit, 2001, 2019 to 100 ns, 2038 and after, 2107, 2446.
TIMES: Final = (
    115_813_152_000_000_000,
    116_444_736_010_000_001,
    126_256_467_061_234_567,
    132_000_000_001_234_567,
    137_919_572_480_000_000,
    159_394_408_959_999_999,
    266_768_591_350_000_000,
)


class Basic(NamedTuple):
    """What FileBasicInformation says, without the change time, which smbd 4.17 takes from the write time."""

    creation_time: int
    access_time: int
    write_time: int
    attributes: int


def basic(side: Side, path: str) -> Basic:
    """Ask a server, and see that its listing says the same."""
    with side.tree.open(path, access=READ_ATTRIBUTES) as file:
        created, accessed, written, _, attributes = unpack_from("<4QI", file.query(INFO_FILE, BASIC))
    found = Basic(created, accessed, written, attributes & SHOWN)
    folder, _, name = path.rpartition("\\")
    with side.tree.open(folder, access=GENERIC_READ, options=DIRECTORY_FILE) as directory:
        [entry] = directory.list_directory(name)
    listed = (entry.creation_time, entry.last_access_time, entry.last_write_time, entry.attributes & SHOWN)
    same(f"{side.name}: {path}: query and listing", found, Basic(*listed))
    return found


def change(side: Side, path: str, data: bytes) -> None:
    """Set FileBasicInformation."""
    with side.tree.open(path, access=WRITE_ATTRIBUTES) as file:
        file.set(INFO_FILE, BASIC, data)


def make(side: Side, path: str, attributes: int = 0, directory: bool = False) -> File:
    """A new file or directory."""
    options = DIRECTORY_FILE if directory else 0
    return side.tree.open(
        path, access=GENERIC_ALL, disposition=CREATE_NEW, options=options, attributes=attributes, share=SHARE_ALL
    )


def both_show(writer: Side, reader: Side, path: str) -> Basic:
    """What the writer's own server shows is what the other one shows."""
    written = basic(writer, path)
    same(f"{path}: {writer.name} and {reader.name}", written, basic(reader, path))
    return written


def check_attributes_set(writer: Side, reader: Side, place: str) -> None:
    """SET_INFO on files and directories."""
    for directory in (False, True):
        for wanted in CHOICES:
            path = f"{place}\\{wanted:x}-{directory}"
            make(writer, path, directory=directory).close()
            change(writer, path, queries.basic_data(attributes=wanted))
            shown = both_show(writer, reader, path)
            expected = wanted & SHOWN | (DIRECTORY if directory else 0)
            same(path, expected, shown.attributes)


def check_attributes_at_create(writer: Side, reader: Side, place: str) -> None:
    """CREATE with attributes; a file is ARCHIVE too."""
    for directory in (False, True):
        for wanted in CHOICES:
            path = f"{place}\\{wanted:x}-{directory}"
            make(writer, path, wanted, directory).close()
            expected = wanted & SHOWN | (DIRECTORY if directory else ARCHIVE)
            same(path, expected, both_show(writer, reader, path).attributes)


def check_times(writer: Side, reader: Side, place: str) -> None:
    """To 100 ns, before 1970 and after 2038."""
    for number, time in enumerate(TIMES):
        path = f"{place}\\{number}"
        make(writer, path).close()
        change(writer, path, queries.basic_data(time, time + DAY, time + 2 * DAY))
        same(path, (time, time + DAY, time + 2 * DAY), both_show(writer, reader, path)[:3])


def check_creation_time_stays(writer: Side, reader: Side, place: str) -> None:
    """Whatever the other server does with the file."""
    path = f"{place}\\file"
    make(writer, path).close()
    change(writer, path, queries.basic_data(TIMES[3]))
    with reader.tree.open(path, access=GENERIC_ALL, disposition=OPEN) as file:
        file.write(0, b"more")
    same(path, TIMES[3], both_show(writer, reader, path).creation_time)
    change(reader, path, queries.basic_data(attributes=HIDDEN))
    shown = both_show(writer, reader, path)
    same(path, (TIMES[3], HIDDEN), (shown.creation_time, shown.attributes))
    change(reader, path, queries.basic_data(written=TIMES[2]))
    shown = both_show(writer, reader, path)
    same(path, (TIMES[3], TIMES[2], HIDDEN), (shown.creation_time, shown.write_time, shown.attributes))


def check_set_times_do_not_disturb(writer: Side, reader: Side, place: str) -> None:
    """A change time that was set is ours alone; attributes and the other times beside it are read all the same."""
    path = f"{place}\\file"
    make(writer, path).close()
    change(writer, path, queries.basic_data(TIMES[3], TIMES[4], TIMES[5], TIMES[2], HIDDEN))
    same(path, (*TIMES[3:6], HIDDEN), tuple(both_show(writer, reader, path)))
    change(reader, path, queries.basic_data(attributes=SYSTEM))
    same(path, (*TIMES[3:6], SYSTEM), tuple(both_show(writer, reader, path)))


def check_foreign_file(writer: Side, reader: Side, place: str) -> None:
    """A local program's file: once either server has stored something both show the same."""
    local = writer.folder / place / "foreign"
    local.write_bytes(b"made by cp")
    os.utime(local, (1_000_000_000, 1_100_000_000))
    path = f"{place}\\foreign"
    same(path, basic(writer, path)[1:], basic(reader, path)[1:])
    change(writer, path, queries.basic_data(attributes=HIDDEN))
    same(path, HIDDEN, both_show(writer, reader, path).attributes)


def check_dot_files(writer: Side, reader: Side, place: str) -> None:
    """Hidden by their name, whatever is stored."""
    path = f"{place}\\.hidden"
    make(writer, path).close()
    same(path, HIDDEN | ARCHIVE, both_show(writer, reader, path).attributes)


def check_allinfo(writer: Side, reader: Side, place: str) -> None:
    """What a person sees with smbclient."""
    path = f"{place}\\file"
    make(writer, path, HIDDEN).close()
    change(writer, path, queries.basic_data(*TIMES[2:5]))
    wanted = ("create_time", "access_time", "write_time", "attributes")
    shown = [
        [line for line in each.smbclient(f'allinfo "{path}"') if line.startswith(wanted)] for each in (writer, reader)
    ]
    same(path, len(wanted), len(shown[0]))
    same(path, shown[0], shown[1])
