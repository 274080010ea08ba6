"""The control codes of Samba's test suite, and the padding they put into replies."""

from __future__ import annotations

from struct import pack

from smbserver.wire import ioctl, read
from smbserver.wire import ioctl_torture as wire


def test_codes_are_read_only_where_there_is_one() -> None:
    message = bytes(64) + pack("<HHI", 57, 0, wire.ASYNC_SLEEP)
    assert wire.control_code(memoryview(message)) == wire.ASYNC_SLEEP
    assert wire.control_code(memoryview(message[:-1])) == 0


def test_codes_name_device_access_and_method() -> None:
    """[MS-FSCC] 2.3: device type, access, function, method."""
    for code in (*wire.WITHOUT_OPEN, wire.ASYNC_SLEEP):
        assert (code >> 16, code >> 14 & 3, code & 3) == (0x8384, 2, 3)
    assert wire.WITHOUT_OPEN < ioctl.WITHOUT_OPEN


def test_a_padded_ioctl_response_is_the_same_to_a_reader() -> None:
    encoded = ioctl.encode_response(wire.IOCTL_RESPONSE_PADDING, 1, 2, b"output")
    padded = wire.pad_ioctl_response(encoded, ioctl.RESPONSE.size)
    assert len(padded) == len(encoded) + 8
    before, after = (ioctl.decode_response(memoryview(bytes(64) + each)) for each in (encoded, padded))
    assert before == after


def test_a_padded_read_response_is_the_same_to_a_reader() -> None:
    encoded = read.encode_response(4)
    padded = wire.pad_read_response(encoded)
    assert len(padded) == len(encoded) + 8
    before, after = (read.decode_response(memoryview(bytes(64) + each + b"data")) for each in (encoded, padded))
    assert before == after
