"""FinderInfo out of AFP_AfpInfo, and its short form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smbserver.nt.filetime import MAXIMUM, from_unix_ns
from smbserver.nt.finder_info import NOTHING, SHORT_SIZE, finder_info, short_form

INFO = b"SMB,OLE!" + b"\x01\x02" + bytes(14) + b"\x03\x04" + bytes(6)


def test_the_info_stands_at_its_place() -> None:
    stream = b"AFP\0" + bytes(12) + INFO + bytes(12)
    assert len(stream) == 60
    assert finder_info(stream) == INFO


def test_the_short_form() -> None:
    created = from_unix_ns((946_684_800 + 258) * 1_000_000_000)
    assert short_form(INFO, created) == b"SMB,OLE!" + b"\x01\x02\x03\x04" + b"\0\0\1\2"


@given(st.binary(max_size=70), st.integers(0, MAXIMUM))
def test_anything_may_stand_there(stream: bytes, created: int) -> None:
    info = finder_info(stream)
    assert len(info) == len(NOTHING)
    assert len(short_form(info, created)) == SHORT_SIZE
