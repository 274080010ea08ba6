"""AppleDouble files: one laid out as macOS does it, every shape back and forth, and what anybody may have written."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import apple_double as wire
from smbserver.wire.apple_double import AppleDouble

INFO = b"FOO BAR ".ljust(32, b"\0")
# Entries 9 and 2; behind 32 bytes of FinderInfo two of padding, the header ATTR, one name, its value; the fork.
GOLDEN = bytes.fromhex(
    "00051607 00020000 4d6163204f53205820202020 20202020 0002"
    "00000009 00000032 00000066  00000002 00000098 00000004"
    "464f4f2042415220" + 24 * "00" + "0000"
    "41545452 00000000 00000098 00000094 00000004 00000000 00000000 00000000 0000 0001"
    "00000094 00000004 0000 11 6f72672e73616d62613a776f6f686f6f00"
    "62617200  62617200"
)
VALUES = st.binary(max_size=50)
NAMES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=20)
DOUBLES = st.builds(
    AppleDouble,
    st.none() | st.binary(min_size=32, max_size=32).filter(any),
    st.lists(st.tuples(NAMES, VALUES), max_size=5).map(tuple),
    VALUES,
)


def test_a_golden_one() -> None:
    assert wire.decode(GOLDEN) == AppleDouble(INFO, (("org.samba:woohoo", b"bar\0"),), b"bar\0")
    assert wire.encode(wire.decode(GOLDEN)) == GOLDEN


@given(DOUBLES)
def test_there_and_back(double: AppleDouble) -> None:
    assert wire.decode(wire.encode(double)) == double


def lone(kind: int, data: bytes) -> bytes:
    """A file with one entry."""
    return wire.HEADER.pack(wire.MAGIC, bytes(16), 1) + wire.ENTRY.pack(kind, 38, len(data)) + data


def test_what_is_nothing() -> None:
    assert wire.decode(wire.HEADER.pack(wire.MAGIC, bytes(16), 0)) == AppleDouble(None, (), b"")
    assert wire.decode(lone(9, bytes(32))) == AppleDouble(None, (), b"")
    assert wire.decode(lone(9, bytes(80))) == AppleDouble(None, (), b"")


def test_a_fork_left_blank_is_none() -> None:
    blank = bytes(16) + b"This resource fork intentionally left blank   "
    assert wire.decode(lone(2, blank.ljust(286, b"\0"))).resource_fork == b""
    assert wire.decode(lone(2, blank.ljust(287, b"\0"))).resource_fork != b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOLDEN[:25], id="short"),
        pytest.param(b"\0\5\x16\0" + GOLDEN[4:], id="AppleSingle"),
        pytest.param(GOLDEN[:24] + b"\xff\xff" + GOLDEN[26:], id="entries without end"),
        pytest.param(GOLDEN[:-1], id="fork beyond the end"),
        pytest.param(lone(3, b"a real name"), id="an entry for which there is no stream"),
        pytest.param(lone(9, bytes(31)), id="half of FinderInfo"),
        pytest.param(lone(9, bytes(34) + b"XTTR"), id="unknown behind FinderInfo"),
        pytest.param(
            GOLDEN.replace(b"\0\0\0\x94\0\0\0\4\0\0\x11", b"\0\0\0\0\0\0\0\4\0\0\x11"), id="a value in the header"
        ),
        pytest.param(
            GOLDEN.replace(b"\0\0\0\x94\0\0\0\4\0\0\x11", b"\0\0\0\x94\xff\xff\xff\xff\0\0\x11"), id="a long value"
        ),
        pytest.param(GOLDEN.replace(b"woohoo\0", b"wooh\0oo"), id="a name that ends early"),
        pytest.param(GOLDEN.replace(b"woohoo\0", b"woohoo\xff"), id="a name that does not end"),
        pytest.param(GOLDEN.replace(b"woohoo\0", b"wooho\xff\0"), id="a name that is no text"),
        pytest.param(GOLDEN.replace(b"\x11org", b"\xfforg"), id="a name beyond its entry"),
        pytest.param(GOLDEN.replace(b"\0\0\0\x01\0\0\0\x94", b"\0\0\xff\xff\0\0\0\x94"), id="attributes without end"),
    ],
)
def test_what_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(data)


def test_entries_of_one_kind() -> None:
    entries = wire.ENTRY.pack(2, 50, 1) + wire.ENTRY.pack(2, 50, 1)
    with pytest.raises(WireError):
        wire.decode(wire.HEADER.pack(wire.MAGIC, bytes(16), 2) + entries + b"x")


def test_many_that_share_one_value_are_no_bomb() -> None:
    count, value = 1000, bytes(50_000)
    head = bytes(34) + wire.ATTRIBUTES.pack(b"ATTR", 0, 0, 0, 0, 0, count)
    size = 16  # of an entry with a name of four and a NUL
    place = 38 + len(head) + count * size
    names = b"".join(
        wire.ATTRIBUTE.pack(place, len(value), 0, 5) + f"{number:04}".encode() + b"\0" for number in range(count)
    )
    with pytest.raises(WireError, match="attribute of 50000"):
        wire.decode(lone(9, head + names + value))


@given(st.data())
def test_damaged_ones_are_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(wire.encode(data.draw(DOUBLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 4))
        struct.pack_into(">I", raw, at, data.draw(st.sampled_from([0, 1, len(raw), 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    try:
        double = wire.decode(bytes(raw))
    except WireError:
        return
    total = len(double.resource_fork) + sum(len(value) for _, value in double.attributes)
    assert total <= 2 * len(raw)


@given(st.binary(max_size=300))
def test_anything_behind_the_magic(data: bytes) -> None:
    try:
        wire.decode(wire.MAGIC + data)
    except WireError:
        pass
