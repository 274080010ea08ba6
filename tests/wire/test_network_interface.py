"""NETWORK_INTERFACE_INFO: bytes by the book, and lists that lie about their entries."""

import pytest

from smbserver.errors import WireError
from smbserver.wire import network_interface as wire
from smbserver.wire.network_interface import NetworkInterface

TWO = [NetworkInterface(7, 1, 10**9, "192.0.2.1"), NetworkInterface(7, 0, 10**10, "2001:db8::1")]


def test_golden() -> None:
    data = wire.encode(TWO)
    assert len(data) == 2 * 152
    assert data[:24].hex() == "9800000007000000010000000000000000ca9a3b00000000"
    assert data[24:32].hex() == "02000000c0000201"
    assert not any(data[32:152])
    assert data[152:156] == bytes(4)
    assert data[176:200].hex() == "170000000000000020010db8000000000000000000000001"
    assert wire.decode(memoryview(data)) == TWO
    assert wire.encode([]) == b""
    assert wire.decode(memoryview(b"")) == []


@pytest.mark.parametrize("following", [1, 8, 148, 153, 156, 160, 2**32 - 8])
def test_entries_that_overlap_or_leave_the_list(following: int) -> None:
    data = bytearray(wire.encode(TWO))
    data[:4] = following.to_bytes(4, "little")
    with pytest.raises(WireError):
        wire.decode(memoryview(data))


@pytest.mark.parametrize("length", [1, 151, 153, 303])
def test_a_list_cut_short(length: int) -> None:
    with pytest.raises(WireError):
        wire.decode(memoryview(wire.encode(TWO)[:length]))
