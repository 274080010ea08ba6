"""Descriptors as bytes: golden ones, every value there and back, and everything that bytes can be instead."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt import descriptor as sd
from smbserver.nt import sid
from smbserver.nt.descriptor import Ace, Descriptor, build, parse
from tests.nt.descriptors import USERS, descriptors

EVERYONE_READ = Ace(sd.ACCESS_ALLOWED, 3, 0x1200A9, sid.EVERYONE)
# Written from [MS-DTYP] 2.4.5 and 2.4.6: no owner, no group, a DACL with one entry.
GOLDEN = bytes.fromhex(
    "01 00 0484 00000000 00000000 00000000 1400000002 00 1c00 0100 000000 03 1400 a9001200 01 01 000000000001 00000000"
)


def test_golden() -> None:
    expected = Descriptor(sd.SE_DACL_PRESENT | sd.SE_DACL_AUTO_INHERITED, None, None, (EVERYONE_READ,))
    assert parse(GOLDEN) == expected
    assert build(expected) == GOLDEN


@given(descriptors(), st.integers(0, 64).map(lambda n: 4 * n))
def test_what_is_built_is_read_back(value: Descriptor, start: int) -> None:
    assert parse(build(value)) == value
    assert parse(bytes(start) + build(value, start), at=start) == value


@given(descriptors())
def test_no_truncation_is_taken_for_the_whole(value: Descriptor) -> None:
    data = build(value)
    for length in range(len(data)):
        try:
            assert parse(data[:length]) != value
        except WireError:
            pass


@settings(max_examples=300)
@given(st.binary(max_size=200))
@example(bytes(20))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    try:
        value = parse(data)
    except WireError:
        return
    assert parse(build(value)) == value


@given(descriptors(), st.data())
def test_one_changed_byte_is_refused_or_read(value: Descriptor, data: st.DataObject) -> None:
    raw = bytearray(build(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        changed = parse(bytes(raw))
    except WireError:
        return
    assert parse(build(changed)) == changed


def header(control: int, owner: int, group: int, sacl: int, dacl: int) -> bytes:
    """The fixed part."""
    return pack("<BBHIIII", 1, 0, control, owner, group, sacl, dacl)


ACL = bytes.fromhex("0200080000000000")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\2" + header(0x8000, 0, 0, 0, 0)[1:], id="revision 2"),
        pytest.param(header(0x0004, 0, 0, 0, 20) + ACL, id="not self-relative"),
        pytest.param(header(0x8000, 20, 0, 0, 0), id="owner behind the end"),
        pytest.param(header(0x8000, 4, 0, 0, 0) + USERS[0], id="owner in the header"),
        pytest.param(header(0x8000, 22, 0, 0, 0) + b"xx" + USERS[0], id="owner unaligned"),
        pytest.param(header(0x8000, 0xFFFFFFFC, 0, 0, 0) + USERS[0], id="owner far away"),
        pytest.param(header(0x8000, 20, 20, 0, 0) + USERS[0], id="owner and group overlap"),
        pytest.param(header(0x8014, 0, 0, 20, 20) + ACL, id="two ACLs overlap"),
        pytest.param(header(0x8004, 0, 0, 0, 20) + b"\1" + ACL[1:], id="ACL revision 1"),
        pytest.param(header(0x8004, 0, 0, 0, 20) + bytes.fromhex("0200070000000000"), id="ACL below its header"),
        pytest.param(header(0x8004, 0, 0, 0, 20) + bytes.fromhex("0200090000000000"), id="ACL past the end"),
        pytest.param(header(0x8004, 0, 0, 0, 20) + bytes.fromhex("0200080001000000"), id="an ACE that is not there"),
        pytest.param(header(0x8004, 0, 0, 0, 20) + bytes.fromhex("02001000ffff0000 00000800 00000000"), id="no SID"),
        pytest.param(GOLDEN[:28] + b"\x20" + GOLDEN[29:], id="an unknown type of ACE"),
        pytest.param(GOLDEN[:30] + b"\x12" + GOLDEN[31:], id="an ACE size that is no multiple of 4"),
        pytest.param(GOLDEN[:30] + b"\x00" + GOLDEN[31:], id="an ACE of no bytes"),
        pytest.param(GOLDEN[:28] + b"\x05" + GOLDEN[29:], id="an object ACE without room for its flags"),
        pytest.param(GOLDEN + bytes(sd.MAX_SIZE), id="too large"),
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        parse(data)


def test_null_and_empty_are_not_the_same() -> None:
    assert parse(header(0x8004, 0, 0, 0, 0)).dacl is None
    assert parse(header(0x8004, 0, 0, 0, 20) + ACL).dacl == ()
    assert build(Descriptor(sd.SE_DACL_PRESENT, None, None, None)) == header(0x8004, 0, 0, 0, 0)
    # Without its flag an offset means nothing.
    assert parse(header(0x8000, 0, 0, 0, 20) + ACL).dacl is None


def test_an_acl_has_a_largest_size() -> None:
    entry = Ace(sd.ACCESS_ALLOWED, 0, 1, sid.EVERYONE)
    count = (sd.MAX_ACL_SIZE - 8) // sd.ace_size(entry)
    largest = Descriptor(sd.SE_DACL_PRESENT, None, None, (entry,) * count)
    assert parse(build(largest)) == largest
    assert sd.acl_size(largest.dacl or ()) <= sd.MAX_ACL_SIZE
    with pytest.raises(WireError):
        build(largest._replace(dacl=(entry,) * (count + 1)))


def test_object_entries_make_another_revision() -> None:
    entry = Ace(sd.ACCESS_DENIED_OBJECT, 0, 1, sid.EVERYONE, guids=bytes(4))
    data = build(Descriptor(sd.SE_DACL_PRESENT, None, None, (entry,)))
    assert data[20] == 4
    assert parse(data).dacl == (entry,)
