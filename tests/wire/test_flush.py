"""FLUSH requests; the reply is in test_empty.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smbserver.wire import flush
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import FLUSH_REQUESTS

# [MS-SMB2] 2.2.17: 24, Reserved1, Reserved2, FileId. Reserved1 is what macOS sends for F_FULLFSYNC.
REQUEST = bytes.fromhex("1800 ffff 00000000 0100000000000000 0200000000000000")


def test_golden() -> None:
    request = flush.FlushRequest(flush.FULL_SYNC, 1, 2)
    assert flush.decode(message(REQUEST)) == request
    assert flush.encode(request) == REQUEST


def test_prefixes() -> None:
    assert accepted(flush.decode, message(REQUEST)) == [88]


@quick
@given(FLUSH_REQUESTS)
def test_round_trip(request: flush.FlushRequest) -> None:
    assert flush.decode(message(flush.encode(request))) == request


@quick
@given(damages(), st.binary(max_size=40))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(flush.decode, message(REQUEST), damage, junk)
