"""The context AAPL as Apple's client and Samba's test write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import apple

ANSWER = apple.Answer(0x0F, 0x04, "MacSamba")
QUERY = bytes.fromhex("01000000 00000000 0700000000000000 3f00000000000000")


def test_a_query_and_its_answer() -> None:
    assert apple.decode_query(QUERY) == apple.Query(7, 0x3F)
    assert apple.encode_answer(7, ANSWER) == (
        bytes.fromhex("01000000 00000000 0700000000000000 0f00000000000000 0400000000000000 00000000 10000000")
        + "MacSamba".encode("utf-16-le")
    )


@pytest.mark.parametrize(("asked", "size"), [(0, 16), (1, 24), (2, 24), (4, 40), (0xFF, 56)])
def test_only_what_was_asked_for_is_answered(asked: int, size: int) -> None:
    encoded = apple.encode_answer(asked, ANSWER)
    assert len(encoded) == size
    assert int.from_bytes(encoded[8:16], "little") == asked & 7


@pytest.mark.parametrize("data", [b"", QUERY[:-1], QUERY + b"\0", b"\2" + QUERY[1:]])
def test_what_is_no_query(data: bytes) -> None:
    with pytest.raises(WireError):
        apple.decode_query(data)


@given(st.binary(max_size=64))
def test_anything_may_come(data: bytes) -> None:
    try:
        apple.decode_query(data)
    except WireError:
        pass
