"""Lists of EAs on the wire: golden bytes, round trips, lists that lie."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import StatusError, WireError
from smbserver.nt import status
from smbserver.nt.extended_attributes import Ea
from smbserver.wire import ea as wire
from tests.wire.checks import Damage, damaged, damages, quick, tolerate

EAS = st.builds(Ea, st.binary(max_size=255), st.binary(max_size=40), st.integers(0, 255))
NAMES = st.binary(max_size=255)
# [MS-FSCC] 2.4.16: two entries, the second on a 4-byte boundary.
GOLDEN = (
    bytes.fromhex("18000000 00 05 0700") + b"EAONE\0VALUES!" + bytes(3) + bytes.fromhex("00000000 80 01 0100") + b"B\0x"
)


def test_golden() -> None:
    eas = [Ea(b"EAONE", b"VALUES!"), Ea(b"B", b"x", 0x80)]
    assert wire.encode_full(eas) == GOLDEN
    assert wire.decode_full(memoryview(GOLDEN)) == eas


def test_golden_names() -> None:
    data = bytes.fromhex("0c000000 05") + b"EAONE\0\0" + bytes.fromhex("00000000 01") + b"B\0"
    assert wire.encode_names([b"EAONE", b"B"]) == data
    assert wire.decode_names(memoryview(data)) == [b"EAONE", b"B"]
    assert wire.decode_names(memoryview(b"")) == []


@quick
@given(st.lists(EAS, min_size=1, max_size=8))
def test_round_trip(eas: list[Ea]) -> None:
    eas = [ea._replace(name=ea.name.replace(b"\0", b"0")) for ea in eas]
    assert wire.decode_full(memoryview(wire.encode_full(eas))) == eas


@quick
@given(st.lists(NAMES, max_size=8))
def test_names_round_trip(names: list[bytes]) -> None:
    assert wire.decode_names(memoryview(wire.encode_names(names))) == names


@quick
@given(st.lists(EAS, max_size=6), st.integers(0, 600))
def test_whole_entries_that_fit(eas: list[Ea], room: int) -> None:
    data, count = wire.fill(eas, room)
    assert len(data) <= room
    if count:
        assert wire.decode_full(memoryview(data)) == eas[:count]
    if count < len(eas):
        assert len(wire.encode_full(eas[: count + 1])) > room


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(8), id="no room for the NUL"),
        pytest.param(pack("<IBBH", 0, 0, 1, 0) + b"ab", id="no NUL behind the name"),
        pytest.param(pack("<IBBH", 0, 0, 9, 0) + b"a\0", id="name leaves"),
        pytest.param(pack("<IBBH", 0, 0, 1, 2) + b"a\0x", id="value leaves"),
        pytest.param(pack("<IBBH", 10, 0, 1, 0) + b"a\0" + GOLDEN, id="unaligned"),
        pytest.param(pack("<IBBH", 4, 0, 1, 0) + b"a\0\0\0" + GOLDEN, id="into itself"),
        pytest.param(pack("<IBBH", 12, 0, 1, 0) + b"a\0\0\0", id="beyond the end"),
        pytest.param(pack("<IBBH", 12, 0, 1, 9) + b"a\0\0\0" + GOLDEN, id="value into the next"),
        pytest.param(bytes(wire.MAX_BUFFER + 4), id="too long"),
    ],
)
def test_lists_that_lie(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode_full(memoryview(data))
    with pytest.raises(StatusError) as caught:
        wire.wanted_changes(memoryview(data))
    assert caught.value.status == status.EA_LIST_INCONSISTENT


@quick
@given(damages(), st.binary(max_size=100))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    for decode in (wire.decode_full, wire.decode_names):
        tolerate(decode, memoryview(junk))
        tolerate(decode, damaged(memoryview(GOLDEN), damage, 0))
