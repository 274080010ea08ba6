"""WRITE requests and replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import write
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import U32, WRITE_REQUESTS

# [MS-SMB2] 2.2.21: 49, DataOffset 112, Length 2, Offset, FileId, Channel, RemainingBytes, channel info, Flags, data.
REQUEST = bytes.fromhex(
    "3100 7000 02000000 0500000000000000 0600000000000000 0700000000000000 08000000 00000000 0000 0000 03000000 6869"
)


def fields(request: write.WriteRequest) -> tuple[int, int, int, memoryview]:
    return request.offset, request.channel, request.flags, request.data


def test_request_golden() -> None:
    request = write.decode(message(REQUEST))
    assert fields(request) == (5, 8, write.FLAG_WRITE_THROUGH | write.FLAG_WRITE_UNBUFFERED, memoryview(b"hi"))
    assert write.encode(request, 6, 7) == REQUEST
    assert REQUEST[write.FILE_ID_OFFSET - 64 :][:16] == bytes.fromhex("0600000000000000 0700000000000000")


def test_captured() -> None:
    request = write.decode(message(captured.WRITE_REQUEST))
    assert bytes(request.data) == b"data\n"
    persistent_id, volatile_id = (
        int.from_bytes(captured.WRITE_REQUEST[at : at + 8], "little")
        for at in (write.FILE_ID_OFFSET - 64, write.FILE_ID_OFFSET - 56)
    )
    assert write.encode(request, persistent_id, volatile_id) == captured.WRITE_REQUEST
    assert write.decode_response(message(captured.WRITE_RESPONSE)) == 5
    assert write.encode_response(5) == captured.WRITE_RESPONSE


def test_data_is_not_copied() -> None:
    whole = message(REQUEST)
    assert write.decode(whole).data.obj is whole.obj


def test_prefixes() -> None:
    assert accepted(write.decode, message(REQUEST)) == [114]
    assert accepted(write.decode_response, message(captured.WRITE_RESPONSE)) == [80]


@pytest.mark.parametrize(
    ("offset", "length"), [(111, 2), (0, 2), (113, 2), (0xFFFF, 1), (112, 3), (112, 0xFFFFFFFF), (64, 48)]
)
def test_data_elsewhere_is_refused(offset: int, length: int) -> None:
    lie = REQUEST[:2] + offset.to_bytes(2, "little") + length.to_bytes(4, "little") + REQUEST[8:]
    with pytest.raises(WireError):
        write.decode(message(lie))


@quick
@given(WRITE_REQUESTS)
def test_request_round_trip(request: write.WriteRequest) -> None:
    assert fields(write.decode(message(write.encode(request, 1, 2)))) == fields(request)


@quick
@given(U32)
def test_response_round_trip(count: int) -> None:
    assert write.decode_response(message(write.encode_response(count))) == count


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(write.decode, message(REQUEST), damage, junk)
    hostile(write.decode_response, message(captured.WRITE_RESPONSE), damage, junk)
