"""CLOSE requests and replies."""

from __future__ import annotations

from struct import unpack_from

from hypothesis import given
from hypothesis import strategies as st

from smbserver.nt.metadata import Metadata
from smbserver.wire import close
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import CLOSE_ATTRIBUTES, U16, U64

# [MS-SMB2] 2.2.16: 60, Flags, reserved, four times, AllocationSize, EndofFile, FileAttributes: all different.
RESPONSE = bytes.fromhex(
    "3c00 0100 00000000 0100000000000000 0200000000000000 0300000000000000 0400000000000000"
    "0010000000000000 0700000000000000 80000000"
)


def metadata(
    creation: int, access: int, write: int, change: int, allocation: int, end_of_file: int, attributes: int
) -> Metadata:
    """What a reply tells of a file; the rest is any."""
    return Metadata(creation, access, write, change, allocation, end_of_file, attributes, 1, 0, False)


def test_request_golden() -> None:
    assert close.decode(message(captured.CLOSE_REQUEST)) == 0
    assert close.encode(0, 0x8C1B22E8, 0x1087D2AC) == captured.CLOSE_REQUEST


def test_response_golden() -> None:
    assert close.EMPTY_RESPONSE == captured.CLOSE_RESPONSE
    assert close.encode_response(metadata(1, 2, 3, 4, 0x1000, 7, 0x80)) == RESPONSE
    assert close.decode_response(message(RESPONSE)) == close.CloseResponse(1, 1, 2, 3, 4, 0x1000, 7, 0x80)


def test_prefixes() -> None:
    assert accepted(close.decode, message(captured.CLOSE_REQUEST)) == [88]
    assert accepted(close.decode_response, message(RESPONSE)) == [124]


@quick
@given(U16, U64, U64)
def test_request_round_trip(flags: int, persistent_id: int, volatile_id: int) -> None:
    request = message(close.encode(flags, persistent_id, volatile_id))
    assert close.decode(request) == flags
    assert unpack_from("<QQ", request, close.FILE_ID_OFFSET) == (persistent_id, volatile_id)


@quick
@given(CLOSE_ATTRIBUTES)
def test_response_round_trip(attributes: tuple[int, int, int, int, int, int, int]) -> None:
    decoded = close.decode_response(message(close.encode_response(metadata(*attributes))))
    assert decoded == (close.FLAG_POSTQUERY_ATTRIB, *attributes)


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(close.decode, message(captured.CLOSE_REQUEST), damage, junk)
    hostile(close.decode_response, message(RESPONSE), damage, junk)
