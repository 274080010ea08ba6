"""Reparse buffers and the error data of an open that met a link, golden and hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt.reparse_tags import IO_REPARSE_TAG_SYMLINK
from smbserver.wire import reparse as wire
from tests.wire.checks import Damage, accepted, damaged, damages, quick, tolerate
from tests.wire.strategies import DATA, TEXT, U16

LINKS = st.builds(wire.SymbolicLink, TEXT, TEXT, st.booleans())
RELATIVE = r"..\DonHall\Documents\PDocs"
GUID = bytes(range(16))


def test_the_example_of_the_specification() -> None:
    """[MS-SMB2] 2.2.2.2.1.1, the relative link: 0x2E bytes unparsed, the name of 0x34 bytes twice."""
    stopped = wire.StoppedOnSymlink(wire.SymbolicLink(RELATIVE, RELATIVE, True), 0x2E)
    data = wire.encode_stopped(stopped)
    assert data[:16] == bytes.fromhex("8000 0000 53594d4c 0c0000a0 7400 2e00")
    assert data[16:28] == bytes.fromhex("0000 3400 3400 3400 01000000")
    assert data[28:].decode("utf-16-le") == RELATIVE + RELATIVE
    assert len(data) == 0x80 + 4
    assert wire.decode_stopped(memoryview(data)) == stopped
    assert accepted(wire.decode_stopped, memoryview(data)) == [len(data)]


def test_a_buffer() -> None:
    data = wire.encode_symbolic_link(wire.SymbolicLink("a", "bc", True))
    buffer = wire.encode(wire.ReparsePoint(IO_REPARSE_TAG_SYMLINK, data))
    assert buffer == bytes.fromhex("0c0000a0 1200 0000 0000 0200 0200 0400 01000000 6100 6200 6300")
    assert wire.decode(memoryview(buffer)) == wire.ReparsePoint(IO_REPARSE_TAG_SYMLINK, data)
    assert accepted(wire.decode, memoryview(buffer)) == [len(buffer)]


def test_names_in_any_order_and_with_terminators() -> None:
    path = "shown\0target\0".encode("utf-16-le")
    data = bytes.fromhex("0c00 0c00 0000 0a00 00000000") + path
    assert wire.decode_symbolic_link(data) == wire.SymbolicLink("target", "shown", False)


def test_a_foreign_tag_has_a_guid() -> None:
    point = wire.ReparsePoint(0x0000_1234, b"data", GUID)
    assert wire.decode(memoryview(wire.encode(point))) == point
    with pytest.raises(WireError):
        wire.decode(memoryview(wire.encode(point._replace(guid=b""))))


@pytest.mark.parametrize("size", [0, 7, wire.MAX_SIZE + 1])
def test_sizes_that_there_are_not(size: int) -> None:
    with pytest.raises(WireError):
        wire.decode(memoryview(bytes(size)))
    with pytest.raises(WireError):  # the length says it right, and is too much all the same
        wire.decode(memoryview(wire.HEAD.pack(IO_REPARSE_TAG_SYMLINK, wire.MAX_SIZE, 0) + bytes(wire.MAX_SIZE)))


@pytest.mark.parametrize(
    "head",
    [
        (0, 4, 0, 0, 1),  # longer than there is
        (2, 2, 0, 0, 1),  # begins at the end
        (0, 1, 0, 0, 1),  # half a unit
        (0, 2, 0xFFFE, 2, 1),
        (0, 2, 0, 2, 3),  # a flag that does not exist
    ],
)
def test_names_elsewhere(head: tuple[int, int, int, int, int]) -> None:
    substitute, substitute_length, shown, shown_length, flags = head
    fields = (substitute, substitute_length, shown, shown_length)
    data = b"".join(each.to_bytes(2, "little") for each in fields) + flags.to_bytes(4, "little") + b"a\0"
    with pytest.raises(WireError):
        wire.decode_symbolic_link(data)


@quick
@given(LINKS)
def test_link_round_trip(link: wire.SymbolicLink) -> None:
    assert wire.decode_symbolic_link(wire.encode_symbolic_link(link)) == link


@quick
@given(LINKS, U16)
def test_error_round_trip(link: wire.SymbolicLink, unparsed: int) -> None:
    stopped = wire.StoppedOnSymlink(link, unparsed)
    assert wire.decode_stopped(memoryview(wire.encode_stopped(stopped))) == stopped


@quick
@given(st.integers(0x80000000, 0xFFFFFFFF), DATA)
def test_buffer_round_trip(tag: int, data: bytes) -> None:
    point = wire.ReparsePoint(tag, data)
    assert wire.decode(memoryview(wire.encode(point))) == point


@quick
@given(LINKS, damages(), st.binary(max_size=80))
def test_rubbish(link: wire.SymbolicLink, damage: Damage, junk: bytes) -> None:
    buffer = wire.encode(wire.ReparsePoint(IO_REPARSE_TAG_SYMLINK, wire.encode_symbolic_link(link)))
    tolerate(wire.decode, damaged(memoryview(buffer), damage, 0))
    tolerate(wire.decode, memoryview(junk))
    tolerate(wire.decode_stopped, memoryview(junk))
    try:
        wire.decode_symbolic_link(junk)
    except WireError:
        pass
