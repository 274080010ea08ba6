"""READ requests and replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import read
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick, up_to
from tests.wire.strategies import DATA, READ_REQUESTS

# [MS-SMB2] 2.2.19, each field another value: Padding, Flags, Length, Offset, FileId, MinimumCount, Channel,
# RemainingBytes, ReadChannelInfoOffset, ReadChannelInfoLength, one byte of buffer.
REQUEST = bytes.fromhex(
    "3100 50 01 00000100 0500000000000000 0600000000000000 0700000000000000 08000000 09000000 0a000000 0b00 0c00 00"
)


def fields(request: read.ReadRequest) -> tuple[int, ...]:
    return request.flags, request.length, request.offset, request.minimum_count, request.channel


def test_request_golden() -> None:
    request = read.decode(message(REQUEST))
    assert fields(request) == (1, 0x10000, 5, 8, 9)
    again = read.encode(request, 6, 7)  # which has no Padding, RemainingBytes and channel information
    assert again == REQUEST[:2] + b"\0" + REQUEST[3:40] + bytes(8) + REQUEST[48:]


def test_captured_request() -> None:
    request = read.decode(message(captured.READ_REQUEST))
    assert fields(request) == (0, 6, 0, 0, 0)
    assert read.encode(request, 0xFCCEE079, 0x797083EC) == captured.READ_REQUEST


def test_file_id_is_where_dispatch_looks() -> None:
    assert REQUEST[read.FILE_ID_OFFSET - 64 :][:16] == bytes.fromhex("0600000000000000 0700000000000000")


def test_captured_response() -> None:
    assert read.decode_response(message(captured.READ_RESPONSE)) == read.ReadResponse(0, 0, memoryview(b"hello\n"))
    assert read.encode_response(6) + b"hello\n" == captured.READ_RESPONSE


def test_prefixes() -> None:
    whole = message(REQUEST)
    assert accepted(read.decode, whole) == up_to(112, whole)  # with or without the byte of buffer
    assert accepted(read.decode_response, message(captured.READ_RESPONSE)) == [86]


@pytest.mark.parametrize("body", ["1100 4f 00 06000000", "1100 51 00 06000000", "1100 50 00 ffffffff"])
def test_data_elsewhere_is_refused(body: str) -> None:
    start = bytes.fromhex(body)
    with pytest.raises(WireError):
        read.decode_response(message(start + captured.READ_RESPONSE[len(start) :]))


@quick
@given(READ_REQUESTS)
def test_request_round_trip(request: read.ReadRequest) -> None:
    assert fields(read.decode(message(read.encode(request, 1, 2)))) == fields(request)


@quick
@given(DATA)
def test_response_round_trip(data: bytes) -> None:
    assert read.decode_response(message(read.encode_response(len(data)) + data)) == read.ReadResponse(
        0, 0, memoryview(data)
    )


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(read.decode, message(REQUEST), damage, junk)
    hostile(read.decode_response, message(captured.READ_RESPONSE), damage, junk)
