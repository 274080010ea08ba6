"""pdu.py: headers and bodies that lie, fragments of responses."""

from __future__ import annotations

from struct import pack
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.rpc import pdu
from smbserver.rpc.pdu import Bind, Header, Request

from .client import BIND_SRVSVC, FEATURES, NDR64, SRVSVC, bind, joined, request, take_apart

HEADER = BIND_SRVSVC[:16]


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (0, 4),  # major version
        (1, 2),  # minor version
        (4, 0x11),  # EBCDIC
        (4, 0x20),  # an integer format that does not exist
        (5, 1),  # VAX floats
        (8, 15),  # shorter than its header
        (9, 0xFF),  # longer than anybody offered
        (10, 57),  # auth_length that leaves no room for its trailer
    ],
)
def test_headers_that_lie(offset: int, value: int) -> None:
    with pytest.raises(WireError):
        Header.decode(HEADER[:offset] + bytes([value]) + HEADER[offset + 1 :])


def test_big_endian_header() -> None:
    header = Header.decode(pack(">BBBB4sHHI", 5, 1, 0, 3, bytes(4), 24, 0, 77))
    assert header == Header(1, 0, 3, True, 24, 0, 77)


@pytest.mark.parametrize("length", range(len(BIND_SRVSVC)))
def test_bind_truncated(length: int) -> None:
    with pytest.raises(WireError):
        Bind.decode(Header.decode(BIND_SRVSVC[:length]), BIND_SRVSVC[:length])


@pytest.mark.parametrize("order", ["<", ">"])
def test_bind_in_both_byte_orders(order: str) -> None:
    frame = bind((7, SRVSVC, [NDR64, (pdu.NDR.uuid, 2)]), order=order)
    decoded = Bind.decode(Header.decode(frame), frame)
    assert decoded.max_xmit_frag == 4280
    (element,) = decoded.elements
    assert element.context_id == 7
    assert element.abstract_syntax == pdu.Syntax(SRVSVC[0], 3, 0)
    assert element.transfer_syntaxes[1] == pdu.NDR


def test_feature_element() -> None:
    frame = bind((0, SRVSVC, [FEATURES]), (1, SRVSVC, [NDR64]), (2, SRVSVC, [FEATURES, NDR64]))
    bits = [element.feature_bits() for element in Bind.decode(Header.decode(frame), frame).elements]
    assert bits == [3, None, None]


@pytest.mark.parametrize("length", range(24))
def test_request_truncated(length: int) -> None:
    frame = request(15, b"")
    with pytest.raises(WireError):
        Request.decode(Header.decode(frame[:length]), frame[:length])


def test_object_uuid_is_passed_over() -> None:
    frame = request(15, b"stub", object_uuid=UUID(int=1).bytes)
    assert Request.decode(Header.decode(frame), frame) == Request(0, 15, b"stub")
    with pytest.raises(WireError):
        Request.decode(Header.decode(frame), frame[:39])


@given(st.integers(0, 6000), st.integers(pdu.MIN_FRAGMENT, 2000))
def test_response_fragments(length: int, max_fragment: int) -> None:
    stub = bytes(i % 251 for i in range(length))
    header = Header.decode(request(15, b"", call_id=9))
    messages = list(pdu.encode_response(header, 3, stub, max_fragment))
    assert all(len(message) <= max_fragment for message in messages)
    assert all((len(message) - 24) % 8 == 0 for message in messages[:-1])
    parts = [take_apart(message) for message in messages]
    assert {(part.call_id, part.body[4:8]) for part in parts} == {(9, b"\3\0\0\0")}
    assert joined(parts) == stub


@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    try:
        header = Header.decode(data)
        (Bind if header.ptype % 2 else Request).decode(header, data)
    except WireError:
        pass
