"""DUPLICATE_EXTENTS_DATA: bytes by the book, and requests cut short."""

from hypothesis import given
from hypothesis import strategies as st

from smbserver.wire import duplicate_extents as wire
from tests.wire.checks import quick

ASKED = wire.DuplicateExtents(5, 6, 4096, 8192, 65536, wire.SOURCE_ATOMIC)
NUMBERS = "0010000000000000" + "0020000000000000" + "0000010000000000"
FILE = "0500000000000000" + "0600000000000000"


def test_golden() -> None:
    assert wire.encode(ASKED).hex() == FILE + NUMBERS
    assert wire.decode(memoryview(wire.encode(ASKED))) == ASKED._replace(flags=0)
    assert wire.encode_ex(ASKED).hex() == "3000000000000000" + FILE + NUMBERS + "01000000" + "00000000"
    assert wire.decode_ex(memoryview(wire.encode_ex(ASKED))) == (0x30, ASKED)
    assert wire.decode_ex(memoryview(wire.encode_ex(ASKED, 0x38))) == (0x38, ASKED)


def test_cut_short() -> None:
    plain, ex = memoryview(wire.encode(ASKED)), memoryview(wire.encode_ex(ASKED))
    assert [length for length in range(len(plain) + 1) if wire.decode(plain[:length]) is not None] == [40]
    assert [length for length in range(len(ex) + 1) if wire.decode_ex(ex[:length]) is not None] == list(range(48, 57))
    assert wire.decode_ex(ex[:48]) == (0x30, ASKED._replace(flags=0))


@given(st.binary(max_size=80))
@quick
def test_any_bytes(data: bytes) -> None:
    found = wire.decode(memoryview(data))
    assert (found is None) == (len(data) < 40)
    assert found is None or wire.encode(found) == data[:40]
    extended = wire.decode_ex(memoryview(data))
    assert (extended is None) == (len(data) < 48)
    if extended is not None and len(data) >= 56:
        assert wire.encode_ex(extended[1], extended[0])[:52] == data[:52]
