"""Directory entries of every class, and the list that collects them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt.metadata import AppleFacts, Metadata
from smbserver.wire import directory_info as wire
from smbserver.wire import query_directory
from tests.records import varied
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damaged, damages, linked, message, quick, tolerate
from tests.wire.strategies import DIRECTORY_CLASSES, METADATA, NAME

META = Metadata(1, 2, 3, 4, 0x1000, 7, 0x20, 1, 9, False)
# [MS-FSCC] 2.4.10 for the name "a": NextEntryOffset, FileIndex, four times, EndOfFile, AllocationSize, FileAttributes,
# FileNameLength. What all classes but NAMES begin with.
COMMON = bytes.fromhex(
    "00000000 00000000 0100000000000000 0200000000000000 0300000000000000 0400000000000000"
    "0700000000000000 0010000000000000 20000000 02000000"
)
NAME_A = bytes.fromhex("6100")


@pytest.mark.parametrize(
    ("info_class", "expected"),
    [
        pytest.param(wire.DIRECTORY, COMMON, id="2.4.10"),
        pytest.param(wire.FULL_DIRECTORY, COMMON + bytes(4), id="2.4.15: EaSize"),
        pytest.param(wire.BOTH_DIRECTORY, COMMON + bytes(4 + 2 + 24), id="2.4.8: EaSize, short name"),
        pytest.param(
            wire.ID_BOTH_DIRECTORY, COMMON + bytes(4 + 2 + 24 + 2) + b"\x09" + bytes(7), id="2.4.22: and FileId"
        ),
        pytest.param(wire.ID_FULL_DIRECTORY, COMMON + bytes(8) + b"\x09" + bytes(7), id="2.4.24: EaSize, FileId"),
        pytest.param(wire.NAMES, bytes(8) + b"\x02\0\0\0", id="2.4.33"),
        pytest.param(wire.ID_EXTD_DIRECTORY, COMMON + bytes(8) + b"\x09" + bytes(15), id="2.4.23: FileId of 128 bits"),
        pytest.param(wire.ID_EXTD_BOTH_DIRECTORY, COMMON + bytes(8) + b"\x09" + bytes(15 + 26), id="and a short name"),
        pytest.param(wire.ID_64_EXTD_DIRECTORY, COMMON + bytes(8) + b"\x09" + bytes(7), id="2.4.19"),
        pytest.param(wire.ID_64_EXTD_BOTH_DIRECTORY, COMMON + bytes(8) + b"\x09" + bytes(7 + 26), id="2.4.18"),
        pytest.param(
            wire.ID_ALL_EXTD_DIRECTORY, COMMON + bytes(8) + (b"\x09" + bytes(7)) + (b"\x09" + bytes(15)), id="2.4.21"
        ),
        pytest.param(
            wire.ID_ALL_EXTD_BOTH_DIRECTORY,
            COMMON + bytes(8) + (b"\x09" + bytes(7)) + (b"\x09" + bytes(15 + 26)),
            id="2.4.20",
        ),
    ],
)
def test_golden(info_class: int, expected: bytes) -> None:
    entries = wire.EntryList(info_class, 1000)
    assert entries.add("a", META)
    assert entries.encode() == expected + NAME_A
    (decoded,) = wire.decode_entries(info_class, memoryview(expected + NAME_A))
    assert decoded.name == "a"
    if info_class != wire.NAMES:
        assert decoded[1:8] == (1, 2, 3, 4, 7, 0x1000, 0x20)
    assert decoded.file_id == (9 if info_class >= wire.ID_BOTH_DIRECTORY else 0)


@pytest.mark.parametrize("info_class", sorted(wire.WITH_EA_SIZE))
def test_the_tag_of_a_reparse_point_has_its_own_field_or_that_of_the_eas(info_class: int) -> None:
    entries = wire.EntryList(info_class, 1000)
    assert entries.add("a", varied(META, reparse_tag=0xA000000C))
    assert entries.add("b", varied(META, ea_size=77))
    link, file = wire.decode_entries(info_class, memoryview(entries.encode()))
    has_own = info_class >= wire.ID_EXTD_DIRECTORY
    assert (link.ea_size, link.reparse_tag) == ((0, 0xA000000C) if has_own else (0xA000000C, 0))
    assert (file.ea_size, file.reparse_tag) == (77, 0)


def test_captured() -> None:
    data = query_directory.decode_response(message(captured.QUERY_DIRECTORY_ID_BOTH_RESPONSE))
    entries = wire.decode_entries(wire.ID_BOTH_DIRECTORY, data)
    assert [(entry.name, entry.end_of_file, entry.file_attributes) for entry in entries] == [
        (".", 0, 0x10),
        ("..", 0, 0x10),
        ("hello.txt", 6, 0x80),
    ]
    assert entries[2].file_id == 0x12816E
    ours = wire.EntryList(wire.ID_BOTH_DIRECTORY, len(data))
    for entry in entries:
        times = entry[1:5]
        meta = Metadata(
            *times, entry.allocation_size, entry.end_of_file, entry.file_attributes, 1, entry.file_id, False
        )
        assert ours.add(entry.name, meta)
    # smbd counts its directories in the short name's place; all else is the same byte for byte.
    encoded = wire.decode_entries(wire.ID_BOTH_DIRECTORY, memoryview(ours.encode()))
    assert [entry._replace(short_name="") for entry in entries] == list(encoded)
    names = query_directory.decode_response(message(captured.QUERY_DIRECTORY_NAMES_RESPONSE))
    assert [entry.name for entry in wire.decode_entries(wire.NAMES, names)] == [".", "..", "test_exclusive2.dat"]


def test_a_short_name_is_read() -> None:
    raw = COMMON + bytes(4) + b"\x04\0" + bytes.fromhex("41007e00") + bytes(20) + NAME_A
    (entry,) = wire.decode_entries(wire.BOTH_DIRECTORY, memoryview(raw))
    assert entry.short_name == "A~"


@pytest.mark.parametrize(
    ("info_class", "data"),
    [
        pytest.param(wire.BOTH_DIRECTORY, COMMON + bytes(4) + b"\x19\0" + bytes(24) + NAME_A, id="short name of 25"),
        pytest.param(wire.BOTH_DIRECTORY, COMMON + bytes(4) + b"\x03\0" + bytes(24) + NAME_A, id="short name of 3"),
        pytest.param(wire.DIRECTORY, COMMON, id="no name"),
        pytest.param(wire.DIRECTORY, COMMON[:-4] + b"\xff\xff\xff\xff" + NAME_A, id="name of 4 GiB"),
        pytest.param(wire.NAMES, linked((12, bytes(8)), (0, bytes(8))), id="next unaligned"),
        pytest.param(wire.NAMES, linked((8, bytes(12)), (0, bytes(8))), id="next in its own entry"),
        pytest.param(wire.NAMES, linked((24, bytes(20))), id="next at the end"),
        pytest.param(4, COMMON + NAME_A, id="no class of entries"),
    ],
)
def test_lists_that_lie_are_refused(info_class: int, data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode_entries(info_class, memoryview(data))


def test_prefixes() -> None:
    entries = wire.EntryList(wire.NAMES, 100)
    assert entries.add("ab", META)
    assert entries.add("c", META)
    whole = memoryview(entries.encode())
    # A list knows its entries only by their links, so no prefix but none at all is a list.
    assert accepted(lambda data: wire.decode_entries(wire.NAMES, data), whole) == [0, len(whole)]


@quick
@given(DIRECTORY_CLASSES, st.lists(st.tuples(NAME, METADATA), max_size=6), st.integers(0, 400))
def test_what_fits_comes_back_in_order(info_class: int, files: list[tuple[str, Metadata]], room: int) -> None:
    entries = wire.EntryList(info_class, room)
    taken = []
    for name, meta in files:
        if not entries.add(name, meta):
            break
        taken.append((name, meta))
    assert len(entries) == len(taken)
    data = entries.encode()
    assert len(data) <= room
    decoded = wire.decode_entries(info_class, memoryview(data))
    assert [entry.name for entry in decoded] == [name for name, _ in taken]
    if info_class != wire.NAMES:
        assert [entry[1:8] for entry in decoded] == [
            (*meta.times, meta.end_of_file, meta.allocation_size, meta.attributes) for _, meta in taken
        ]
    if info_class in wire.WITH_EA_SIZE:
        assert [entry.ea_size for entry in decoded] == [meta.ea_size for _, meta in taken]
    if info_class >= wire.ID_BOTH_DIRECTORY:
        assert [entry.file_id for entry in decoded] == [meta.file_id for _, meta in taken]


def test_an_entry_fits_exactly_or_not_at_all() -> None:
    size = len(COMMON) + 2
    assert wire.EntryList(wire.DIRECTORY, size).add("a", META)
    short = wire.EntryList(wire.DIRECTORY, size - 1)
    assert not short.add("a", META)
    assert (len(short), short.encode()) == (0, b"")


@quick
@given(DIRECTORY_CLASSES, damages(), st.binary(max_size=200))
def test_rubbish(info_class: int, damage: Damage, junk: bytes) -> None:
    entries = wire.EntryList(info_class, 1000)
    assert all(entries.add(name, META) for name in ("one", "two", "three"))
    tolerate(lambda data: wire.decode_entries(info_class, data), damaged(memoryview(entries.encode()), damage, 0))
    tolerate(lambda data: wire.decode_entries(info_class, data), memoryview(junk))


@pytest.mark.parametrize("info_class", sorted(set(wire.CLASSES) - {wire.POSIX}))
def test_the_short_name_of_a_single_entry(info_class: int) -> None:
    """Where the class has room for it, and nothing else of the entry moves."""
    plain, short = wire.EntryList(info_class, 1000), wire.EntryList(info_class, 1000)
    for entries in (plain, short):
        assert entries.add("a long name.text", META)
    without, given = plain.encode(), short.encode(lambda name: "ABCDEF~1.TXT" if name == "a long name.text" else "")
    raw = "ABCDEF~1.TXT".encode("utf-16-le")
    if info_class in (3, 37, 63, 79, 81):
        at = given.index(raw) - 2
        assert given[at] == len(raw)
        assert given[:at] + bytes(26) + given[at + 26 :] == without
    else:
        assert given == without
    assert short.add("b", META)
    assert raw not in short.encode(lambda name: "ABCDEF~1.TXT")


def test_the_form_for_apples_client() -> None:
    facts = AppleFacts(0x001F01FF, 3, b"SMB,OLE!" + bytes(8), 0o100640)
    entries = wire.EntryList(wire.ID_BOTH_DIRECTORY, 4096)
    assert entries.add("f", varied(META, file_id=0, apple=facts))
    data = entries.encode()
    assert data[64:68] == bytes.fromhex("ff011f00")
    assert data[68] == 24
    assert data[70:94] == bytes.fromhex("0300000000000000") + b"SMB,OLE!" + bytes(8)
    assert data[94:104] == (0o100640).to_bytes(2, "little") + bytes(8)
    assert data[104:] == "f".encode("utf-16-le")
