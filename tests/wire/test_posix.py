"""The contexts and records of the POSIX extensions, byte by byte, and whatever else may come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.client import posix as client
from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata, Ownership, VolumeSpace
from smbserver.nt.sid import NOBODY, unix_group, unix_user
from smbserver.wire import posix
from smbserver.wire.directory_info import POSIX, EntryList
from tests.records import varied

FILE = Metadata(0x11, 0x22, 0x33, 0x44, 4096, 5, 0x20, 1, 0x1234, False)
OWNER = Ownership(1000, 100, 0o644, 0o1000, 2, 0x1_0000_002A)

RECORD = bytes.fromhex(
    "02000000 00000000 a4030000"  # two links, no tag, sticky and rw-r--r--
    "0102000000000016 01000000 e8030000"  # S-1-22-1-1000
    "0102000000000016 02000000 64000000"  # S-1-22-2-100
)
RECORD = RECORD[:8] + (0o1644).to_bytes(4, "little") + RECORD[12:]
INFORMATION = (
    bytes.fromhex(
        "1100000000000000 2200000000000000 3300000000000000 4400000000000000"
        "0500000000000000 0010000000000000 20000000 3412000000000000 2a000000 00000000"
    )
    + RECORD
)


def test_the_context_of_a_reply() -> None:
    assert posix.created(FILE, OWNER) == RECORD
    assert posix.decode_created(RECORD) == posix.Created(2, 0, 0o1644, unix_user(1000), unix_group(100))
    assert client.decode_facts(RECORD) == (2, 0, 0o1644, 0, "S-1-22-1-1000", "S-1-22-2-100")


@pytest.mark.parametrize(
    ("meta", "kind"),
    [(varied(FILE, is_directory=True), 1), (varied(FILE, is_directory=True, reparse_tag=0xA000000C), 2), (FILE, 0)],
)
def test_what_a_file_is_stands_behind_its_mode(meta: Metadata, kind: int) -> None:
    mode = posix.decode_created(posix.created(meta, OWNER)).mode
    assert mode == kind << 12 | 0o1644


def test_nobodys_file() -> None:
    record = posix.decode_created(posix.created(FILE, None))
    assert record == posix.Created(1, 0, 0, NOBODY, NOBODY)


def test_the_information_of_a_file() -> None:
    assert posix.file_information(FILE, OWNER) == INFORMATION
    assert len(INFORMATION) == posix.FILE_SIZE
    read = posix.decode_file_information(INFORMATION)
    assert read == (0x11, 0x22, 0x33, 0x44, 5, 4096, 0x20, 0x1234, 42, posix.decode_created(RECORD), "")
    assert client.decode_info(INFORMATION).facts.owner == "S-1-22-1-1000"


def test_a_list_of_entries() -> None:
    entries = EntryList(POSIX, 1000)
    assert entries.add("..", varied(FILE, is_directory=True))
    assert entries.add("a:b", varied(FILE, owner=OWNER))
    data = entries.encode()
    assert data.endswith(bytes(8) + INFORMATION + bytes.fromhex("06000000 61003a006200"))
    first, second = posix.decode_entries(memoryview(data))
    assert (first.name, first.created.owner, first.device) == ("..", NOBODY, 0)
    assert (second.name, second.created.mode, second.inode) == ("a:b", 0o1644, 0x1234)
    assert [entry.name for entry in client.decode_posix_entries(data)] == ["..", "a:b"]


def test_a_list_is_no_longer_than_its_room() -> None:
    needed = posix.ENTRY_SIZE + 2
    assert not EntryList(POSIX, needed - 1).add("x", varied(FILE, owner=OWNER))
    entries = EntryList(POSIX, needed)
    assert entries.add("x", varied(FILE, owner=OWNER))
    assert len(entries.encode()) == needed


def test_a_volume() -> None:
    data = posix.volume(VolumeSpace(4096, 1000, 300, 400, 50, 40), 0xABCD)
    assert data == bytes.fromhex(
        "00100000 00100000 e803000000000000 9001000000000000 2c01000000000000 3200000000000000 2800000000000000"
        "cdab000000000000"
    )
    assert posix.decode_volume(data) == (4096, 4096, 1000, 400, 300, 50, 40, 0xABCD)
    assert posix.decode_volume(posix.volume(VolumeSpace(4096, 1, 1, 1), 1)).total_files == (1 << 64) - 1


def test_what_a_client_offers() -> None:
    assert posix.offers(posix.CONTEXT)
    assert posix.offers(bytes(16) + posix.CONTEXT)
    assert not posix.offers(b"")
    assert not posix.offers(b"0123456789012345")
    with pytest.raises(WireError):
        posix.offers(b"01234")


def test_a_mode() -> None:
    assert posix.decode_mode(posix.encode_mode(0o644)) == 0o644
    assert posix.decode_mode(posix.encode_mode(0o100644)) == 0o644, "Linux sends the type with it"
    assert posix.decode_mode(posix.encode_mode(None)) is None
    assert posix.decode_mode(bytes.fromhex("ffff0000")) is None, "a umode_t of -1, as Linux sends it"
    assert posix.decode_mode(bytes.fromhex("ffffffff")) is None, "SMB_MODE_NO_CHANGE of Samba"
    for data in (b"", b"000", b"00000"):
        with pytest.raises(WireError):
            posix.decode_mode(data)


@given(st.binary(max_size=400) | st.binary(max_size=40).map(lambda tail: INFORMATION + tail))
def test_anything_may_come(data: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [
        posix.offers,
        posix.decode_mode,
        posix.decode_created,
        posix.decode_file_information,
        lambda raw: posix.decode_entries(memoryview(raw)),
        posix.decode_volume,
    ]
    for read in readers:
        try:
            read(data)
        except WireError:
            pass


@given(
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0o777),
    st.sampled_from([0, 0o1000, 0o2000, 0o4000]),
    st.integers(0, 1 << 40),
    st.integers(0, (1 << 64) - 1),
    st.text(max_size=20),
)
def test_what_was_written_is_read(
    uid: int, gid: int, mode: int, special: int, links: int, device: int, name: str
) -> None:
    entries = EntryList(POSIX, 4096)
    entries.add(name, varied(FILE, owner=Ownership(uid, gid, mode, special, links, device)))
    [entry] = posix.decode_entries(memoryview(entries.encode()))
    assert entry.name == name
    assert entry.created[2:] == (special | mode, unix_user(uid), unix_group(gid))
    assert entry.device == device & 0xFFFFFFFF
