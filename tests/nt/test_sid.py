"""SIDs as bytes and as text: the examples of [MS-DTYP] 2.4.2, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt import sid

SIDS = st.builds(
    lambda authority, parts: sid.sid(authority, *parts),
    st.integers(0, (1 << 48) - 1),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=sid.MAX_SUB_AUTHORITIES),
)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("S-1-0-0", "010100000000000000000000"),
        ("S-1-5-32-544", "01020000000000052000000020020000"),
        ("S-1-0x123456789abc-1", "0101123456789abc01000000"),
        ("S-1-5", "0100000000000005"),
    ],
)
def test_text_golden(text: str, raw: str) -> None:
    assert sid.to_text(bytes.fromhex(raw)) == text
    assert sid.from_text(text).hex() == raw


@given(SIDS, st.binary(max_size=8), st.binary(max_size=8))
def test_read_back(who: bytes, before: bytes, after: bytes) -> None:
    data = before + who + after
    assert sid.read_sid(data, len(before), len(data)) == who
    assert sid.from_text(sid.to_text(who)) == who
    for end in range(len(before), len(before) + len(who)):
        with pytest.raises(WireError):
            sid.read_sid(data, len(before), end)


@pytest.mark.parametrize("raw", ["", "02010000000000050b000000", "01100000000000050b000000", "01ff000000000005"])
def test_not_a_sid(raw: str) -> None:
    data = bytes.fromhex(raw)
    with pytest.raises(WireError):
        sid.read_sid(data, 0, len(data))
    with pytest.raises(WireError):
        sid.read_sid(data, -1, len(data))


@pytest.mark.parametrize("text", ["", "S-1-", "S-2-5-1", "S-1-5-4294967296", "S-1-5" + "-1" * 16, "S-1-5-x"])
def test_not_the_text_of_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a SID"):
        sid.from_text(text)
