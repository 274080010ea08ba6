"""QUERY_INFO requests and replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import fs_info
from smbserver.wire import query_info as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick, up_to
from tests.wire.strategies import DATA, QUERY_INFO_REQUESTS

# [MS-SMB2] 2.2.37, each field another value: InfoType, FileInfoClass, OutputBufferLength, InputBufferOffset, Reserved,
# InputBufferLength, AdditionalInformation, Flags, FileId, input.
REQUEST = bytes.fromhex(
    "2900 01 0f 00100000 6800 0000 02000000 04000000 02000000 0600000000000000 0700000000000000 6869"
)


def fields(request: wire.QueryInfoRequest) -> tuple[object, ...]:
    """All of it, in the order of the constructor."""
    return (
        request.info_type,
        request.file_info_class,
        request.output_buffer_length,
        request.additional_information,
        request.flags,
        request.persistent_id,
        request.volatile_id,
        bytes(request.input),
    )


def test_request_golden() -> None:
    request = wire.decode(message(REQUEST))
    assert fields(request) == (wire.INFO_FILE, 15, 4096, 4, 2, 6, 7, b"hi")
    assert wire.encode(request) == REQUEST
    assert REQUEST[wire.FILE_ID_OFFSET - 64 :][:16] == bytes.fromhex("0600000000000000 0700000000000000")


def test_captured() -> None:
    request = wire.decode(message(captured.QUERY_INFO_REQUEST))
    assert fields(request)[:5] == (wire.INFO_FILESYSTEM, fs_info.SIZE, 0xFFFF, 0, 0)
    assert wire.encode(request) == captured.QUERY_INFO_REQUEST
    data = wire.decode_response(message(captured.QUERY_INFO_ALL_RESPONSE))
    assert len(data) == 0x78
    assert wire.encode_response(bytes(data)) == captured.QUERY_INFO_ALL_RESPONSE


def test_prefixes() -> None:
    assert accepted(wire.decode, message(REQUEST)) == [106]
    whole = message(captured.QUERY_INFO_REQUEST)
    assert accepted(wire.decode, whole) == up_to(104, whole)  # nothing is read of the buffer without input
    response = message(captured.QUERY_INFO_ALL_RESPONSE)
    assert accepted(wire.decode_response, response) == [len(response)]


@pytest.mark.parametrize(("offset", "length"), [(103, 2), (0, 1), (104, 3), (104, 0xFFFFFFFF), (0xFFFF, 1)])
def test_input_elsewhere_is_refused(offset: int, length: int) -> None:
    lie = REQUEST[:8] + offset.to_bytes(2, "little") + bytes(2) + length.to_bytes(4, "little") + REQUEST[16:]
    with pytest.raises(WireError):
        wire.decode(message(lie))


@quick
@given(QUERY_INFO_REQUESTS)
def test_request_round_trip(request: wire.QueryInfoRequest) -> None:
    assert fields(wire.decode(message(wire.encode(request)))) == fields(request)


@quick
@given(DATA)
def test_response_round_trip(data: bytes) -> None:
    assert wire.decode_response(message(wire.encode_response(data))) == data


@quick
@given(damages(), st.binary(max_size=80))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.QUERY_INFO_ALL_RESPONSE), damage, junk)
