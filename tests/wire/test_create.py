"""CREATE requests and replies and the chain of create contexts; their data is in test_create_contexts.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbserver.errors import WireError
from smbserver.nt.metadata import Metadata
from smbserver.wire import create as wire
from tests.wire import captured
from tests.wire.checks import Damage, accepted, damaged, damages, hostile, message, quick, tolerate, up_to
from tests.wire.strategies import CREATE_CONTEXTS, CREATE_REQUESTS, CREATE_RESPONSES

# [MS-SMB2] 2.2.13, each field another value: SecurityFlags, RequestedOplockLevel, ImpersonationLevel, SmbCreateFlags,
# Reserved, DesiredAccess, FileAttributes, ShareAccess, CreateDisposition, CreateOptions, NameOffset 120, NameLength,
# CreateContextsOffset, CreateContextsLength, "ab".
REQUEST = bytes.fromhex(
    "3900 00 09 02000000 0000000000000000 0000000000000000 89001200 80000000 07000000 03000000 40000000"
    "7800 0400 00000000 00000000 61006200"
)
# One context: Next 0, name at 16, data at 24: an empty chain but for QFid without data, then MxAc with 8 bytes.
CHAIN = bytes.fromhex(
    "18000000 1000 0400 0000 0000 00000000 51466964 00000000"
    "00000000 1000 0400 0000 1800 08000000 4d784163 00000000 0000000000000000"
)


def fields(request: wire.CreateRequest) -> tuple[object, ...]:
    """All of it, in the order of the wire."""
    return (
        request.requested_oplock_level,
        request.impersonation_level,
        request.desired_access,
        request.file_attributes,
        request.share_access,
        request.create_disposition,
        request.create_options,
        request.name,
        request.contexts,
    )


def encoded(response: wire.CreateResponse) -> bytes:
    """The body that says this."""
    meta = Metadata(*response[2:9], 1, 0, False)
    return wire.encode_response(
        response.oplock_level,
        response.create_action,
        meta,
        response.persistent_id,
        response.volatile_id,
        response.contexts,
    )


def test_request_golden() -> None:
    request = wire.decode(message(REQUEST))
    assert fields(request) == (wire.OPLOCK_LEVEL_BATCH, 2, 0x120089, 0x80, 7, 3, 0x40, "ab", {})
    assert wire.encode(request) == REQUEST


@pytest.mark.parametrize(
    ("body", "level", "name", "contexts"),
    [
        (captured.CREATE_LEASE_REQUEST, wire.OPLOCK_LEVEL_LEASE, "lease_v2_complex1.dat", {wire.REQUEST_LEASE: 52}),
        (
            captured.CREATE_DURABLE_REQUEST,
            wire.OPLOCK_LEVEL_BATCH,
            "durable_v2_open_reopen1_jBS3IBvA.dat",
            {wire.DURABLE_REQUEST_V2: 32},
        ),
        (captured.CREATE_RECONNECT_REQUEST, wire.OPLOCK_LEVEL_NONE, "", {wire.DURABLE_RECONNECT_V2: 36}),
    ],
)
def test_captured_requests(body: bytes, level: int, name: str, contexts: dict[bytes, int]) -> None:
    request = wire.decode(message(body))
    assert (request.requested_oplock_level, request.name) == (level, name)
    assert {each: len(data) for each, data in request.contexts.items()} == contexts
    assert wire.encode(request) == body


@pytest.mark.parametrize(
    ("body", "level", "contexts"),
    [
        (captured.CREATE_LEASE_RESPONSE, wire.OPLOCK_LEVEL_LEASE, {wire.REQUEST_LEASE: 52}),
        (captured.CREATE_DURABLE_RESPONSE, wire.OPLOCK_LEVEL_BATCH, {wire.DURABLE_REQUEST_V2: 8}),
    ],
)
def test_captured_responses(body: bytes, level: int, contexts: dict[bytes, int]) -> None:
    response = wire.decode_response(message(body))
    assert (response.oplock_level, response.create_action, response.file_attributes) == (level, 2, 0x20)
    decoded = wire.decode_contexts(memoryview(response.contexts))
    assert {each: len(data) for each, data in decoded.items()} == contexts
    assert encoded(response) == body


def test_contexts_golden() -> None:
    contexts = {wire.QUERY_ON_DISK_ID: b"", wire.QUERY_MAXIMAL_ACCESS: bytes(8)}
    assert wire.decode_contexts(memoryview(CHAIN)) == contexts
    assert wire.encode_contexts(list(contexts.items())) == CHAIN


def test_of_two_contexts_of_one_name_the_first_counts() -> None:
    chain = wire.encode_contexts([(b"AlSi", bytes(8)), (b"AlSi", b"12345678")])
    assert wire.decode_contexts(memoryview(chain)) == {b"AlSi": bytes(8)}


def test_prefixes() -> None:
    whole = message(captured.CREATE_LEASE_REQUEST)
    assert accepted(wire.decode, whole) == [len(whole)]
    root = message(wire.encode(wire.decode(message(REQUEST)).but(name="")))
    assert accepted(wire.decode, root) == up_to(120, root)  # the byte of an empty buffer may be absent
    response = message(captured.CREATE_LEASE_RESPONSE)
    assert accepted(wire.decode_response, response) == [len(response)]
    # A name of four bytes may end the chain; its padding to data is only needed with data.
    assert accepted(wire.decode_contexts, memoryview(CHAIN)) == [len(CHAIN)]


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param("10000000" + "1000 0400 0000 0000 00000000 51466964" + "00" * 28, id="next into its own name"),
        pytest.param("08000000" + "1000 0400 0000 0000 00000000 51466964" + "00" * 28, id="next into its own head"),
        pytest.param("1c000000" + "1000 0400 0000 0000 00000000 51466964" + "00" * 28, id="next unaligned"),
        pytest.param("18000000" + "1000 0400 0000 0000 00000000 51466964 00000000", id="next at the end"),
        pytest.param("f8ffffff" + "1000 0400 0000 0000 00000000 51466964 00000000", id="next backwards"),
        pytest.param("00000000" + "0f00 0400 0000 0000 00000000 51466964 00000000", id="name in the head"),
        pytest.param("00000000" + "1600 0400 0000 0000 00000000 51466964 0000", id="name behind the end"),
        pytest.param("00000000" + "1000 0300 0000 0000 00000000 51466964", id="name too short"),
        pytest.param("00000000" + "1000 0000 0000 0000 00000000 51466964", id="no name"),
        pytest.param("00000000" + "1000 0400 0000 1000 05000000 51466964", id="data behind the end"),
        pytest.param("00000000" + "1000 0400 0000 1000 ffffffff 51466964", id="data of 4 GiB"),
        pytest.param("00000000" + "1000 0400 0000 0800 04000000 51466964", id="data in the head"),
        pytest.param(
            "18000000 1000 0400 0000 1800 04000000 51466964 00000000" + CHAIN[24:].hex(), id="data in the next"
        ),
        pytest.param("00000000" + "1000 0400", id="head cut short"),
    ],
)
def test_chains_that_lie_are_refused(chain: str) -> None:
    with pytest.raises(WireError):
        wire.decode_contexts(memoryview(bytes.fromhex(chain)))


def test_too_many_and_too_large_chains_are_refused() -> None:
    names = [(f"{number:04}".encode(), b"") for number in range(wire.MAX_CONTEXTS + 1)]
    assert len(wire.decode_contexts(memoryview(wire.encode_contexts(names[:-1])))) == wire.MAX_CONTEXTS
    with pytest.raises(WireError):
        wire.decode_contexts(memoryview(wire.encode_contexts(names)))
    with pytest.raises(WireError):
        wire.decode_contexts(memoryview(wire.encode_contexts([(b"SecD", bytes(wire.MAX_CONTEXT_BYTES))])))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param(44, b"\x77\0\4\0", id="name in the fixed part"),
        pytest.param(44, b"\x79\0\4\0", id="name behind the end"),
        pytest.param(44, b"\x78\0\3\0", id="name of odd length"),
        pytest.param(48, b"\x80\0\0\0\x10\0\0\0", id="contexts behind the end"),
        pytest.param(48, b"\x40\0\0\0\x10\0\0\0", id="contexts in the fixed part"),
        pytest.param(48, b"\xf8\xff\xff\xff\xff\xff\xff\xff", id="contexts of 4 GiB"),
    ],
)
def test_fields_elsewhere_are_refused(place: int, value: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(message(REQUEST[:place] + value + REQUEST[place + len(value) :]))


@quick
@given(CREATE_REQUESTS)
def test_request_round_trip(request: wire.CreateRequest) -> None:
    assert fields(wire.decode(message(wire.encode(request)))) == fields(request)


@quick
@given(CREATE_REQUESTS, CREATE_REQUESTS)
def test_a_request_but_for_some_of_it(request: wire.CreateRequest, other: wire.CreateRequest) -> None:
    assert fields(request.but()) == fields(request)
    changed = request.but(
        name=other.name,
        contexts=other.contexts,
        create_options=other.create_options,
        file_attributes=other.file_attributes,
    )
    old, new, both = fields(request), fields(other), fields(changed)
    assert both == (*old[:3], new[3], *old[4:6], *new[6:])


@quick
@given(CREATE_RESPONSES)
def test_response_round_trip(response: wire.CreateResponse) -> None:
    assert wire.decode_response(message(encoded(response))) == response


@quick
@given(CREATE_CONTEXTS.filter(bool))
def test_contexts_round_trip(contexts: dict[bytes, bytes]) -> None:
    assert wire.decode_contexts(memoryview(wire.encode_contexts(list(contexts.items())))) == contexts


@quick
@given(damages(), st.binary(max_size=100))
def test_rubbish(damage: Damage, junk: bytes) -> None:
    hostile(wire.decode, message(captured.CREATE_LEASE_REQUEST), damage, junk)
    hostile(wire.decode_response, message(captured.CREATE_LEASE_RESPONSE), damage, junk)
    tolerate(wire.decode_contexts, damaged(memoryview(CHAIN), damage, 0))
    tolerate(wire.decode_contexts, memoryview(junk))
