"""ERROR responses, with error data plain and in contexts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.wire import error
from smbserver.wire.error import ErrorContext, ErrorResponse
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damages, hostile, message, quick
from tests.wire.strategies import DATA, ERROR_CONTEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

# [MS-SMB2] 2.2.2: 9, ErrorContextCount 0, reserved, ByteCount 4; 2.2.2.2: the room needed, here 0x0140 bytes.
TOO_SMALL = bytes.fromhex("0900 00 00 04000000 40010000")
# The same at 3.1.1, 2.2.2.1: one context, ByteCount 12: ErrorDataLength 4, ErrorId 0, data.
TOO_SMALL_3_1_1 = bytes.fromhex("0900 01 00 0c000000 04000000 00000000 40010000")
ROOM = (0x140).to_bytes(4, "little")


def test_golden() -> None:
    assert error.encode() == captured.ERROR_RESPONSE
    assert error.encode(in_context=True) == captured.ERROR_RESPONSE  # nothing to say needs no context
    assert error.encode(ROOM) == TOO_SMALL
    assert error.encode(ROOM, in_context=True) == TOO_SMALL_3_1_1


def test_reading_the_golden_ones() -> None:
    assert error.decode_response(message(captured.ERROR_RESPONSE)) == ErrorResponse(b"", ())
    assert error.decode_response(message(TOO_SMALL)) == ErrorResponse(ROOM, ())
    contexts = (ErrorContext(error.ID_DEFAULT, ROOM),)
    assert error.decode_response(message(TOO_SMALL_3_1_1)) == ErrorResponse(b"", contexts)


def test_contexts_are_aligned_to_8() -> None:
    body = error.encode_contexts((ErrorContext(1, b"abc"), ErrorContext(2, b"")))
    assert body == bytes.fromhex("0900 02 00 18000000 03000000 01000000 616263 0000000000 00000000 02000000")


def test_prefixes() -> None:
    assert accepted(error.decode_response, message(TOO_SMALL)) == [76]
    assert accepted(error.decode_response, message(TOO_SMALL_3_1_1)) == [84]
    assert accepted(error.decode_response, message(captured.ERROR_RESPONSE)) == [72, 73]  # the filler may be absent


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("0900 02 00 0c000000 04000000 00000000 40010000", id="one context fewer than counted"),
        pytest.param("0900 01 00 0c000000 05000000 00000000 40010000", id="context data beyond ByteCount"),
        pytest.param("0900 01 00 0c000000 ffffffff 00000000 40010000", id="context data of 4 GiB"),
        pytest.param("0900 01 00 ffffffff 04000000 00000000 40010000", id="ByteCount beyond the message"),
        pytest.param("0900 01 00 00000000 00", id="a context in no data"),
        pytest.param("0a00 00 00 00000000 00", id="StructureSize"),
    ],
)
def test_lies_are_refused(body: str) -> None:
    with pytest.raises(WireError):
        error.decode_response(message(bytes.fromhex(body)))


@quick
@given(DATA)
def test_data_round_trip(data: bytes) -> None:
    assert error.decode_response(message(error.encode(data))) == ErrorResponse(data, ())


@quick
@given(ERROR_CONTEXTS)
def test_contexts_round_trip(contexts: tuple[ErrorContext, ...]) -> None:
    assert error.decode_response(message(error.encode_contexts(contexts))) == ErrorResponse(b"", contexts)


@quick
@given(damages(), st.binary(max_size=60), st.sampled_from([TOO_SMALL, TOO_SMALL_3_1_1]))
def test_rubbish(damage: Damage, junk: bytes, body: bytes) -> None:
    decode: Callable[[memoryview], object] = error.decode_response
    hostile(decode, message(body), damage, junk)
