"""The bodies of four bytes."""

from __future__ import annotations

import pytest

from smbserver.errors import WireError
from smbserver.wire import empty, flush, lock
from tests.wire import captured
from tests.wire.checks import accepted, message


def test_golden() -> None:
    assert empty.BODY == flush.RESPONSE_BODY == lock.RESPONSE_BODY == captured.EMPTY == b"\x04\0\0\0"


def test_only_the_whole_body_is_taken() -> None:
    assert accepted(empty.decode, message(empty.BODY)) == [68]
    assert accepted(empty.decode_response, message(empty.BODY)) == [68]


def test_a_reply_of_another_size_is_refused() -> None:
    with pytest.raises(WireError):
        empty.decode_response(message(b"\x09\0\0\0"))
